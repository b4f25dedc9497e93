// Your own pictures: real files, picked and dropped.

import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test } from "../fixtures.mjs";
import { encodedByTheBrowser, parseSafetensors, png, writeFolder, zip } from "../files.mjs";
import { R3GAN } from "../whelp.mjs";

const USABLE = 14;

/** Files that cannot be used, with the reason that the page gives. */
const UNUSABLE = {
  "cut off.png": "damaged or cut short",
  "empty.jpg": "The file is empty",
  "letter.jpg": "This isn't a picture",
  "new phone.heic": "a HEIC picture",
};

/** 40 x 24 pixels in AVIF, nearly lossless: red 6 x, green 10 y, blue 255 - 6 x. Made with Pillow. */
const AVIF = Buffer.from(
  "AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUEAAADrbWV0YQAAAAAAAAAhaGRscgAAAAAAAAAAcGljdAAAAAAAAAAAAAAAAAAAAAAOcGl0bQAAAAAAAQAAAB5pbG9jAAAAAEQAAAEAAQAAAAEAAAETAAAAlAAAAChpaW5mAAAAAAABAAAAGmluZmUCAAAAAAEAAGF2MDFDb2xvcgAAAABqaXBycAAAAEtpcGNvAAAAFGlzcGUAAAAAAAAAKAAAABgAAAAQcGl4aQAAAAADCAgIAAAADGF2MUOBIAAAAAAAE2NvbHJuY2x4AAEADQAGgAAAABdpcG1hAAAAAAAAAAEAAQQBAoMEAAAAnG1kYXQSAAoGOBUnuwSAMocBEYAAAEC1MXp4wzED8zFZOwfb9dh8ko2Ac3BD7177qUrDmePuJUlZbWrlBEVh3Mbid/oWcL+4Rw/7h08vdWTh2ZunphEr42favgT7k7GFajDZVeGepfahT1PvzIMmgmneTWF1QfdI15X2SXH0Ao08hhQXkzLyX5OfG+5w8dtTmmnv7pHZwXh4",
  "base64",
);

/** The files of a typical folder, by path. */
async function pups(page) {
  const files = new Map();
  for (let seed = 0; seed < 8; seed++) files.set(`${seed}.png`, png(48, seed));
  for (let seed = 0; seed < 3; seed++) files.set(`nested/deep er/${seed}.jpg`, await encodedByTheBrowser(page, "image/jpeg", 80, seed));
  for (let seed = 0; seed < 3; seed++) files.set(`nested/犬 ${seed}.webp`, await encodedByTheBrowser(page, "image/webp", 40, seed));
  files.set("cut off.png", png(48, 99).subarray(0, 120));
  files.set("empty.jpg", Buffer.alloc(0));
  files.set("letter.jpg", Buffer.from("Dear aunt, here are the dogs."));
  files.set("new phone.heic", Buffer.from("\0\0\0\x18ftypheic\0\0\0\0mif1heic", "latin1"));
  // Left behind by operating systems; ignored without a word.
  files.set(".DS_Store", Buffer.from("\0\0\0\x01Bud1"));
  files.set("Thumbs.db", Buffer.from("thumbs"));
  return files;
}

async function expectPups(whelp, name) {
  await expect(whelp.part("data-summary")).toContainText(name);
  await expect(whelp.part("data-summary")).toContainText(`${USABLE} pictures`);
  const problems = whelp.part("data-problems");
  await expect(problems.locator("summary")).toHaveText("4 files could not be used");
  // The list stays open when other pictures are chosen.
  const isOpen = await problems.evaluate((list) => (list.closest("details") ?? list.querySelector("details")).open);
  if (!isOpen) await problems.locator("summary").click();
  for (const [file, reason] of Object.entries(UNUSABLE)) {
    await expect(problems.getByRole("listitem").filter({ hasText: file })).toContainText(reason);
  }
}

/** Drags real files or folders over the page and drops them, as a file manager does. */
async function drop(page, paths) {
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files: paths, dragOperationsMask: 1 };
  const at = { x: 300, y: 300, data };
  await session.send("Input.dispatchDragEvent", { type: "dragEnter", ...at });
  await session.send("Input.dispatchDragEvent", { type: "dragOver", ...at });
  await expect(page.getByTestId("drop-overlay")).toHaveText("Drop to train on these");
  await session.send("Input.dispatchDragEvent", { type: "drop", ...at });
  await expect(page.getByTestId("drop-overlay")).toHaveCount(0);
  await session.detach();
}

test("a dropped folder is read with its sub-folders and trained on", async ({ page, whelp }, info) => {
  const folder = writeFolder(info.outputPath("pups"), await pups(page));
  await whelp.open();
  const dogs = await stripOf(whelp);
  await drop(page, [folder]);
  await expectPups(whelp, "pups");
  expect(await stripOf(whelp), "the strip of real pictures").not.toBe(dogs);
  await expect(whelp.part("status")).toContainText("Ready to train on pups");

  await whelp.chooseSize(4, 4);
  await whelp.train();
  await whelp.stop();
  const file = info.outputPath("pups.safetensors");
  await whelp.download(file);
  const { data } = JSON.parse(parseSafetensors(readFileSync(file)).metadata.whelp);
  expect(data).toMatchObject({ name: "pups", count: USABLE, channels: 3 });
});

test("pictures that are chosen while a run trains are for the next one", async ({ page, whelp }, info) => {
  const files = new Map(Array.from({ length: 14 }, (_, seed) => [`${seed}.png`, png(100, seed)]));
  const folder = writeFolder(info.outputPath("yard"), files);
  /** Which pictures the networks in a saved file were trained on, and their size. */
  const trainedOn = async (name) => {
    const file = info.outputPath(`${name}.safetensors`);
    await whelp.download(file);
    const { data, config } = JSON.parse(parseSafetensors(readFileSync(file)).metadata.whelp);
    return [data.name, config.data.resolution];
  };
  await whelp.open();
  await whelp.chooseSize(4, 4, { recipe: R3GAN });
  await whelp.train();
  for (const first of [true, false]) {
    await whelp.part("pick-folder").setInputFiles(folder);
    await whelp.shows("data-summary", "yard · 14 pictures");
    await expect(whelp.part("size-32"), "the form is that of the run under way").toHaveAttribute("aria-pressed", "true");
    await whelp.stop();
    if (!first) break;
    await whelp.part("continue").click();
    await whelp.shows("data-summary", "Built-in dogs");
    await expect(whelp.part("info")).toContainText("The training goes on with its own pictures.");
    await whelp.appears("pause");
    expect(await trainedOn("continued")).toEqual(["Built-in dogs", 32]);
  }
  await whelp.train();
  await whelp.shows("data-summary", "yard · 14 pictures");
  await expect(whelp.part("size-64")).toHaveAttribute("aria-pressed", "true");
  expect(await trainedOn("next")).toEqual(["yard", 64]);
  await whelp.stop();
});

test("pictures that only the browser can read are read by it, also from a zip", async ({ page, whelp }, info) => {
  const files = [
    ["a.avif", AVIF],
    ["sub/b.AVIF", AVIF],
    ["new phone.heic", Buffer.from("\0\0\0\x18ftypheic\0\0\0\0mif1heic", "latin1")],
  ];
  const archive = info.outputPath("shots.zip");
  writeFileSync(archive, zip(files));
  await whelp.open();
  await drop(page, [writeFolder(info.outputPath("shots"), files)]);
  for (const name of ["shots", "shots.zip"]) {
    await expect(whelp.part("data-summary")).toContainText(`${name} · 2 pictures`);
    await expect(whelp.part("data-problems").locator("summary")).toHaveText("1 file could not be used");
    await expect(whelp.part("data-problems")).toContainText("a HEIC picture");
    const middle = await whelp.part("preview").evaluate((canvas) => {
      const side = canvas.height;
      return [...canvas.getContext("2d").getImageData(side / 2, side / 2, 1, 1).data];
    });
    // Of the square in the middle.
    [120, 120, 135, 255].forEach((value, channel) => expect(Math.abs(middle[channel] - value), `${middle}`).toBeLessThan(8));
    if (name === "shots") await whelp.part("pick-pictures").setInputFiles(archive);
  }
});

test("a picked folder, a dropped and a picked zip and single files give the same pictures", async ({ page, whelp }, info) => {
  const files = await pups(page);
  const folder = writeFolder(info.outputPath("pups"), files);
  const archive = info.outputPath("pups.zip");
  writeFileSync(archive, zip([...files, ["__MACOSX/._0.png", Buffer.from("left behind")]]));
  await whelp.open();

  await whelp.part("pick-folder").setInputFiles(folder);
  await expectPups(whelp, "pups ·");
  const strip = await stripOf(whelp);

  await whelp.part("pick-pictures").setInputFiles(archive);
  await expectPups(whelp, "pups.zip");
  expect(await stripOf(whelp)).toBe(strip);

  await whelp.part("use-builtin").click();
  await expect(whelp.part("data-summary")).toContainText("Built-in dogs");
  await expect(whelp.part("data-problems")).toHaveCount(0);

  await drop(page, [archive]);
  await expectPups(whelp, "pups.zip");

  await whelp.part("pick-pictures").setInputFiles(["0.png", "1.png"].map((name) => path.join(folder, name)));
  await expect(whelp.part("data-summary")).toContainText("2 pictures");
  await expect(whelp.part("data-problems")).toHaveCount(0);
});

test("the page says why files cannot be used, and keeps the earlier pictures", async ({ page, whelp }, info) => {
  const folder = writeFolder(info.outputPath("letters"), [["one.txt", Buffer.from("no picture")]]);
  const torn = info.outputPath("torn.zip");
  writeFileSync(torn, zip([["0.png", png(48, 0)]]).subarray(0, -40));
  await whelp.open();
  await drop(page, [folder]);
  await expect(whelp.part("error").last()).toContainText("The only file in letters cannot be used");
  await whelp.part("pick-pictures").setInputFiles(torn);
  await expect(whelp.part("error").last()).toContainText("torn.zip cannot be read as an archive");
  await expect(whelp.part("data-summary")).toContainText("Built-in dogs");
  await expect(whelp.part("status")).toContainText("Ready to train on the built-in dogs");
});

/** An idx file, MNIST's format: `kind` is 3 for pictures, 1 for labels. */
function idx(kind, sizes, content) {
  const header = Buffer.alloc(4 + 4 * sizes.length);
  header[2] = 8;
  header[3] = kind;
  sizes.forEach((size, index) => header.writeUInt32BE(size, 4 + 4 * index));
  return Buffer.concat([header, content]);
}

test("reading can be cancelled, and the earlier pictures stay", async ({ page, whelp }, info) => {
  await whelp.open();
  const [large, small] = [info.outputPath("large.zip"), info.outputPath("small.zip")];
  const distinct = Array.from({ length: 20 }, (_, seed) => png(180, seed));
  writeFileSync(large, zip(Array.from({ length: 10_000 }, (_, i) => [`${i}.png`, distinct[i % distinct.length]])));
  writeFileSync(small, zip(distinct.map((bytes, i) => [`${i}.png`, bytes])));
  await whelp.part("pick-pictures").setInputFiles(small);
  await expect(whelp.part("data-summary")).toContainText("20 pictures");

  await whelp.chooseSize(4, 4);
  for (const waits of [false, true]) {
    await whelp.part("pick-pictures").setInputFiles(large);
    await page.locator(".words").filter({ hasText: /^[1-9][\d,]* of 10,000 read/ }).waitFor();
    // A start that waits for them does not take the others.
    if (waits) await whelp.part("train").click();
    await whelp.part("cancel-data").click();
    await expect(whelp.part("cancel-data")).toHaveCount(0);
    await expect(whelp.part("data-summary")).toContainText("20 pictures");
    await whelp.shows("status", "Ready to train on small.zip");
  }
  await whelp.train();
  await whelp.stop();
});

test("MNIST's files are read with their labels and trained on in grey", async ({ page, whelp }, info) => {
  const pixels = Buffer.from(Array.from({ length: 20 * 28 * 28 }, (_, at) => (at * 7) % 256));
  const files = [
    ["train-images-idx3-ubyte.gz", gzipSync(idx(3, [20, 28, 28], pixels))],
    ["train-labels-idx1-ubyte.gz", gzipSync(idx(1, [20], Buffer.alloc(20, 4)))],
    ["other-labels-idx1-ubyte", idx(1, [19], Buffer.alloc(19, 4))],
  ];
  const folder = writeFolder(info.outputPath("digits"), files);
  await whelp.open();
  await drop(page, [folder]);
  await expect(whelp.part("data-summary")).toHaveText("digits · 20 pictures · 32 px");
  await expect(whelp.part("data-problems")).toHaveCount(0);
  const strip = await stripOf(whelp);

  const [pictures, labels, others] = files.map(([name]) => path.join(folder, name));
  await whelp.part("pick-pictures").setInputFiles([pictures, others]);
  await expect(whelp.part("error").last()).toContainText("train-images-idx3-ubyte.gz holds 20 pictures, but other-labels-idx1-ubyte holds 19 labels");
  await whelp.part("use-builtin").click();
  await expect(whelp.part("data-summary")).toContainText("Built-in dogs");
  await whelp.part("pick-pictures").setInputFiles([pictures, labels]);
  await expect(whelp.part("data-summary")).toContainText("20 pictures");
  expect(await stripOf(whelp)).toBe(strip);

  await whelp.chooseSize(4, 4);
  await whelp.train();
  await whelp.stop();
  const file = info.outputPath("digits.safetensors");
  await whelp.download(file);
  const { data } = JSON.parse(parseSafetensors(readFileSync(file)).metadata.whelp);
  expect(data).toMatchObject({ count: 20, channels: 1 });
});

test("the size follows the pictures, and one click changes it", async ({ whelp }, info) => {
  const folder = (side) => writeFolder(info.outputPath(`of ${side}`), [0, 1, 2, 3].map((seed) => [`${seed}.png`, png(side, seed)]));
  const size = whelp.part("picture-size");
  await whelp.open();
  await expect(size).toHaveText("32 pixels, because most of the pictures are too small for 64.");
  await whelp.part("pick-folder").setInputFiles(folder(150));
  await expect(whelp.part("data-summary")).toHaveText("of 150 · 4 pictures · 64 px");
  await expect(size).toHaveText("64 pixels, because 128 would take this device four times as long.");
  await expect(whelp.part("size-64")).toHaveAttribute("aria-pressed", "true");

  await whelp.part("size-128").click();
  await expect(whelp.part("data-summary")).toHaveText("of 150 · 4 pictures · 128 px");
  await expect(size).toHaveText("128 pixels, as you chose.");
  // A choice stays, also for other pictures.
  await whelp.part("pick-folder").setInputFiles(folder(48));
  await expect(whelp.part("data-summary")).toHaveText("of 48 · 4 pictures · 128 px");

  await whelp.part("setting-recipe").selectOption("dcgan64");
  await expect(size).toHaveText("64 pixels, as the recipe dcgan64 has them.");
  await whelp.part("size-32").click();
  await expect(whelp.part("data-summary")).toHaveText("of 48 · 4 pictures · 32 px");
});

test("a training on one's own pictures starts from the dogs", async ({ page, whelp }, info) => {
  const folder = writeFolder(info.outputPath("pets"), [0, 1, 2, 3].map((seed) => [`${seed}.png`, png(80, seed)]));
  await whelp.open();
  await expect(whelp.part("start-from-starter")).toHaveCount(0);
  await whelp.part("pick-folder").setInputFiles(folder);
  await expect(whelp.part("data-summary")).toHaveText("pets · 4 pictures · 64 px");
  await whelp.part("start-from-starter").click();
  await whelp.firstLosses();
  await expect(whelp.part("status")).toContainText("Pictures begin as the networks drew them before");
  // All of the networks fit, so there is no word of new ones.
  await expect(page.getByText(/begins? (anew|with a new one)/)).toHaveCount(0);
  await whelp.stop();
  const file = info.outputPath("pets.safetensors");
  await whelp.download(file);
  const { config } = JSON.parse(parseSafetensors(readFileSync(file)).metadata.whelp);
  expect(config).toMatchObject({ data: { resolution: 64 }, model: { architecture: "projected", narrow_stages: 2 } });
});

test("annotations of Stanford Dogs are not taken for pictures", async ({ page, whelp }, info) => {
  const breeds = ["n02085620-Chihuahua", "n02106662-German_shepherd"];
  const folder = writeFolder(info.outputPath("Stanford Dogs"), [
    ...breeds.map((breed, seed) => [`Images/${breed}/${seed}.jpg`, png(48, seed)]),
    ...breeds.map((breed, seed) => [`Annotation/${breed}/${seed}`, Buffer.from("<annotation></annotation>")]),
  ]);
  await whelp.open();
  await drop(page, [folder]);
  await expect(whelp.part("data-summary")).toHaveText("Stanford Dogs · 2 pictures · 32 px");
  await expect(whelp.part("data-problems")).toHaveCount(0);
});

/** Folders as data sets come in: their files, how many of them are pictures to learn from, and what the page says. */
const LAYOUTS = {
  "splits above classes": {
    files: ["train/cat/0.png", "train/dog/1.png", "val/cat/2.png", "val/dog/3.png"],
    count: 4,
    says: "The splits train and val are used together.",
  },
  "pictures and masks": {
    files: ["images/pet_0.jpg", "images/pet_1.jpg", "annotations/trimaps/pet_0.png", "annotations/trimaps/pet_1.png"],
    count: 2,
    says: "2 files are masks of other pictures and left out. The first is download/annotations/trimaps/pet_0.png.",
  },
  "a table of classes": {
    files: ["train/0.png", "train/1.png", "train/2.png", "train/3.png"],
    also: [["labels.csv", Buffer.from("id,breed\n0,pug\n1,boxer\n2,pug\n3,boxer\n")]],
    count: 4,
    says: "The classes are those in download/labels.csv.",
  },
  "archives in an archive": {
    also: [["all.zip", zip([["train.zip", zip([["train/0.png", png(48, 0)]])], ["test1.zip", zip([["test1/1.png", png(48, 1)]])]])]],
    count: 2,
    says: "The splits train.zip and test1.zip are used together.",
  },
};

for (const [name, { files = [], also = [], count, says }] of Object.entries(LAYOUTS)) {
  test(`${name}: understood, and said`, async ({ page, whelp }, info) => {
    const pictures = files.map((file, seed) => [file, png(48, seed)]);
    const folder = writeFolder(info.outputPath("download"), [...pictures, ...also]);
    await whelp.open();
    await drop(page, [folder]);
    await expect(whelp.part("data-summary")).toHaveText(`download · ${count} pictures · 32 px`);
    await expect(whelp.part("data-problems")).toHaveCount(0);
    await expect(page.getByText(says)).toBeVisible();
  });
}

/** The strip's pixels as a data URL. */
async function stripOf(whelp) {
  return whelp.part("preview").evaluate((canvas) => canvas.toDataURL());
}
