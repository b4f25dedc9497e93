// Checkpoints: saved, opened, continued from, taken to the terminal and back.

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "../fixtures.mjs";
import { foreignSafetensors, parseSafetensors, withClasses } from "../files.mjs";
import { R3GAN, PAST_GREY } from "../whelp.mjs";

/** The terminal program. Without it, the tests that need it are skipped. */
const PROGRAM = process.env.WHELP_PROGRAM;

/** Trains a little, stops, and saves the file. */
async function trainAndSave(whelp, file) {
  await whelp.open();
  await whelp.chooseSize(8, 8, { seed: 7 });
  await whelp.train();
  await whelp.waitForStep(PAST_GREY);
  await whelp.stop();
  const name = await whelp.download(file);
  return { name, step: await whelp.step(), seen: await whelp.seen(), losses: await whelp.losses(), grid: await whelp.grid() };
}

test("what is asked for while a run ends is its last checkpoint", async ({ whelp }, info) => {
  await whelp.open();
  await whelp.chooseSize(8, 8);
  await whelp.train();
  const file = info.outputPath("last.safetensors");
  await whelp.downloads.save(async () => {
    await whelp.part("stop").click();
    await whelp.part("download-checkpoint").click();
  }, file);
  await expect(whelp.part("continue")).toBeVisible();
  await expect(whelp.part("download-checkpoint")).toHaveText("Download");
  await expect(whelp.part("download-checkpoint")).not.toHaveAttribute("aria-disabled", "true");
  const meta = JSON.parse(parseSafetensors(readFileSync(file)).metadata.whelp);
  expect(meta.progress.step).toBe(await whelp.step());
});

test("a checkpoint holds networks, average, both optimizers and the settings", async ({ whelp }, info) => {
  const file = info.outputPath("saved.safetensors");
  const { name, step, seen } = await trainAndSave(whelp, file);
  expect(name).toBe(`whelp-dcgan32-${seen}.safetensors`);

  const { metadata, tensors, hasExactSize } = parseSafetensors(readFileSync(file));
  expect(hasExactSize, "the tensors fill the file").toBe(true);
  const meta = JSON.parse(metadata.whelp);
  expect(meta).toMatchObject({
    format: 2,
    config: { recipe: "dcgan32", seed: 7, train: { batch: 8 }, model: { generator_width: 8, discriminator_width: 8 } },
    progress: { step, nimg: seen },
    random: { seed: 7, position: seen },
    data: { name: "Built-in dogs", channels: 3 },
  });
  expect(meta.history.steps).toEqual(Array.from({ length: step }, (_, i) => i + 1));

  const under = (prefix) => [...tensors.keys()].filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  const [generator, average] = [under("generator."), under("generator_ema.")];
  expect(generator.length).toBeGreaterThan(5);
  expect(average.sort()).toEqual(generator.sort());
  for (const network of ["generator", "discriminator"]) {
    const [m, v] = [under(`optimizer.${network}.m.`), under(`optimizer.${network}.v.`)];
    expect(m.length).toBeGreaterThan(5);
    expect(v).toEqual(m);
    for (const name of m) expect(tensors.get(`optimizer.${network}.m.${name}`).shape).toEqual(tensors.get(`${network}.${name}`).shape);
  }
  for (const [name, { dtype, shape, values }] of tensors) {
    expect(name).toMatch(/^(generator|discriminator|generator_ema|optimizer\.(generator|discriminator)\.[mv])\../);
    expect(dtype).toBe("F32");
    expect(values.length, name).toBe(shape.reduce((product, side) => product * side, 1));
    expect(values.every(Number.isFinite), name).toBe(true);
  }
});

test("a reloaded page draws the same pictures from a checkpoint and continues training", async ({ whelp }, info) => {
  const file = info.outputPath("saved.safetensors");
  const saved = await trainAndSave(whelp, file);

  await whelp.open();
  await whelp.openCheckpoint(file);
  await expect(whelp.part("checkpoint-summary")).toContainText(`${saved.step} steps`);
  expect(await whelp.grid()).toEqual(saved.grid);
  expect(await whelp.step()).toBe(saved.step);
  expect(await whelp.losses(), "the losses that led there").toEqual(saved.losses);

  await whelp.part("generate-more").click();
  await expect(whelp.part("grid-caption")).toContainText("new samples");
  expect((await whelp.grid()).hash, "pictures of another seed").not.toBe(saved.grid.hash);

  await whelp.part("continue").click();
  await whelp.waitForStep(saved.step + 1);
  await expect.poll(() => whelp.seen()).toBeGreaterThan(saved.seen);
  const { step, discriminator, generator } = await whelp.losses();
  expect(step).toBeGreaterThan(saved.step);
  expect(Number.isFinite(discriminator) && Number.isFinite(generator)).toBe(true);
});

/** Keeps a way to break the page's program: to ask it for more memory than an address can tell. */
function offerToBreak() {
  const instantiate = WebAssembly.instantiateStreaming;
  WebAssembly.instantiateStreaming = async (...given) => {
    const made = await instantiate.call(WebAssembly, ...given);
    const { __wbindgen_malloc: allocate } = made.instance.exports;
    window.breakProgram = () => setTimeout(() => allocate(0xffff_fff0, 8));
    return made;
  };
}

test.describe("a page whose program breaks", () => {
  test.use({ expectedFaults: [/^(console: error|exception): .*RuntimeError/] });

  test("says so, and offers the last checkpoint", async ({ whelp }, info) => {
    const { page } = whelp;
    await page.addInitScript(offerToBreak);
    await whelp.open();
    await page.evaluate(() => window.breakProgram());
    const notice = page.locator("#page-broke");
    await expect(notice).toHaveText("This page crashed because of a bug in Whelp. Reload the page to start again.");

    const saved = await trainAndSave(whelp, info.outputPath("saved.safetensors"));
    await page.evaluate(() => window.breakProgram());
    await expect(notice).toContainText("Download the last checkpoint, reload the page and open it.");
    await expect(notice).toHaveAttribute("role", "alert");
    const rescued = info.outputPath("rescued.safetensors");
    expect(await whelp.downloads.save(() => notice.getByRole("link").click(), rescued)).toBe(saved.name);
    expect(readFileSync(rescued).equals(readFileSync(info.outputPath("saved.safetensors")))).toBe(true);
  });
});

test("more pictures can be drawn after training has ended", async ({ whelp }, info) => {
  const saved = await trainAndSave(whelp, info.outputPath("saved.safetensors"));
  await whelp.part("generate-more").click();
  await expect(whelp.part("grid-caption")).toContainText("new samples");
  const fresh = await whelp.grid();
  expect(fresh.step).toBe(saved.step);
  expect(fresh.hash).not.toBe(saved.grid.hash);

  // The same latents, scaled down.
  const caption = await whelp.part("grid-caption").textContent();
  await whelp.part("draw-variety").fill("0.3");
  await expect(whelp.part("grid-caption")).toHaveText(`${caption}, truncation 0.3`);
  expect((await whelp.grid()).hash).not.toBe(fresh.hash);
  await whelp.part("draw-variety").fill("1");
  await expect(whelp.part("grid-caption")).toHaveText(caption);
  expect((await whelp.grid()).hash).toBe(fresh.hash);
  await expect(whelp.part("draw-class"), "these dogs have no classes").toHaveCount(0);
  await expect(whelp.part("error")).toHaveCount(0);
});

test("continuing keeps networks and pictures, and takes the rest from the form", async ({ whelp }, info) => {
  const file = info.outputPath("saved.safetensors");
  const saved = await trainAndSave(whelp, file);
  await whelp.open();
  await whelp.openCheckpoint(file);
  await whelp.settle({ latent: 9 });
  await expect(whelp.page.locator("label[for=setting-latent]")).toContainText("new run");
  await whelp.part("continue").click();
  await expect(whelp.part("error")).toContainText("model.latent is 9, but the checkpoint has 100");
  await whelp.part("use-checkpoint-settings").click();
  await whelp.waitForStep(saved.step + 1);
  await expect(whelp.part("setting-latent")).toHaveValue("100");
  await whelp.stop();

  const step = await whelp.step();
  await whelp.settle({ "generator-lr": 0.0001 });
  await whelp.unfold("data");
  await whelp.part("setting-horizontal-flip").check();
  await whelp.part("continue").click();
  await whelp.waitForStep(step + 1);
  await whelp.stop();
  const again = info.outputPath("again.safetensors");
  await whelp.download(again);
  const { config } = JSON.parse(parseSafetensors(readFileSync(again)).metadata.whelp);
  expect(config).toMatchObject({ train: { generator_lr: 0.0001 }, data: { horizontal_flip: true }, model: { latent: 100 } });
  await expect(whelp.part("error")).toHaveCount(0);
});

test("a new training starts from a checkpoint's networks, also at twice their resolution", async ({ whelp }, info) => {
  await whelp.open();
  await whelp.chooseSize(8, 8, { recipe: R3GAN, latent: 8 });
  await whelp.train();
  await whelp.waitForStep(PAST_GREY);
  await whelp.stop();
  const drawn = await whelp.grid();
  await whelp.part("size-64").click();
  await expect(whelp.part("data-summary")).toContainText("64 px");
  await whelp.part("start-from-checkpoint").click();
  await expect.poll(async () => (await whelp.grid()).width).toBeGreaterThan(drawn.width);
  expect((await whelp.grid()).colours, "not the noise of new networks").toBeGreaterThan(drawn.colours / 2);
  await whelp.waitForStep(1);
  await whelp.stop();
  const file = info.outputPath("larger.safetensors");
  await whelp.download(file);
  const { config } = JSON.parse(parseSafetensors(readFileSync(file)).metadata.whelp);
  expect(config).toMatchObject({ data: { resolution: 64 }, model: { narrow_stages: 2, latent: 8 } });
  await expect(whelp.part("error")).toHaveCount(0);

  await whelp.part("size-32").click();
  await whelp.part("start-from-checkpoint").click();
  await expect(whelp.part("error")).toContainText("data.resolution is 32, but the checkpoint has 64");
});

test("networks of the PyTorch tutorial open without conversion and continue training", async ({ whelp }) => {
  await whelp.open();
  await whelp.openCheckpoint(fileURLToPath(new URL("../../fixtures/tutorial_32.safetensors", import.meta.url)));
  await expect(whelp.part("checkpoint-summary")).toContainText("dcgan32, 32 px, after 0 pictures");
  expect((await whelp.grid()).colours).toBeGreaterThan(1000);
  await whelp.part("continue").click();
  await whelp.waitForStep(1);
  await expect(whelp.part("error")).toHaveCount(0);
});

test("a generator with classes draws the chosen one", async ({ whelp }, info) => {
  const file = info.outputPath("classes.safetensors");
  await whelp.open();
  await whelp.chooseSize(4, 4, { recipe: R3GAN, latent: 8 });
  await whelp.train();
  await whelp.stop();
  await whelp.download(info.outputPath("plain.safetensors"));
  writeFileSync(file, withClasses(readFileSync(info.outputPath("plain.safetensors")), ["beagle", "husky"]));

  await whelp.openCheckpoint(file);
  const mixed = await whelp.pictures();
  const choice = whelp.part("draw-class");
  await expect(choice.locator("option")).toHaveText(["All classes", "beagle", "husky"]);
  await choice.selectOption("husky");
  await expect(whelp.part("grid-caption")).toContainText("new samples, husky, seed");
  const huskies = await whelp.pictures();
  await choice.selectOption("beagle");
  await expect(whelp.part("grid-caption")).toContainText("new samples, beagle, seed");
  const beagles = await whelp.pictures();
  await choice.selectOption("All classes");
  await expect(whelp.part("grid-caption")).toContainText("new samples, seed");
  // All classes in turn: the first picture is of the first class, the second of the second.
  expect((await whelp.pictures()).slice(0, 4)).toEqual([beagles[0], huskies[1], beagles[2], huskies[3]]);
  expect(beagles[0]).not.toBe(huskies[0]);
  expect(mixed.length).toBe(64);
});

test("damaged and foreign checkpoints are refused, and the open checkpoint or run stays", async ({ whelp }, info) => {
  const file = info.outputPath("saved.safetensors");
  const saved = await trainAndSave(whelp, file);
  const bytes = readFileSync(file);
  const make = (name, content) => {
    writeFileSync(info.outputPath(name), content);
    return info.outputPath(name);
  };
  const refused = {
    [make("cut.safetensors", bytes.subarray(0, bytes.length - 1000))]: "cut.safetensors was not opened: this checkpoint is cut off",
    [make("foreign.safetensors", foreignSafetensors())]: "from another program",
    [make("letter.safetensors", "Dear aunt, this is no network.")]: "this is not a Whelp checkpoint",
  };
  await whelp.open();
  await whelp.openCheckpoint(file);
  for (const [path, sentence] of Object.entries(refused)) {
    await whelp.part("open-checkpoint").setInputFiles(path);
    await expect(whelp.part("error").last()).toContainText(sentence);
    expect(await whelp.grid()).toEqual(saved.grid);
  }
  await expect(whelp.part("status")).toContainText("saved.safetensors is open");

  await whelp.part("continue").click();
  await whelp.waitForStep(saved.step + 1);
  await whelp.part("open-checkpoint").setInputFiles(Object.keys(refused)[0]);
  await expect(whelp.part("error").last()).toContainText("A training is running");
  await whelp.waitForStep((await whelp.step()) + 4);
});

/** Expects the pictures that the terminal drew from the same seed. They may differ by 1, as sums are made in another order. */
async function expectSamePictures(whelp, png) {
  expect((await whelp.grid()).colours).toBeGreaterThan(1000);
  expect(await whelp.differenceTo(png)).toBeLessThanOrEqual(1);
}

test("the terminal continues from a checkpoint of the page, and the page from one of the terminal", async ({ whelp }, info) => {
  test.skip(!PROGRAM, "WHELP_PROGRAM names no terminal program");
  expect(existsSync(PROGRAM), `WHELP_PROGRAM names ${PROGRAM}`).toBe(true);
  const run = (...args) => execFileSync(PROGRAM, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  const draw = (checkpoint) => {
    const picture = info.outputPath("grid.png");
    run("generate", "--checkpoint", checkpoint, "--count", "64", "--seed", "7", "--device", "cpu", "--out", picture);
    return readFileSync(picture);
  };
  const file = info.outputPath("saved.safetensors");
  const { step, seen } = await trainAndSave(whelp, file);
  expect(JSON.parse(run("info", "--json", file)).progress).toMatchObject({ step, nimg: seen });
  await expectSamePictures(whelp, draw(file));

  const folder = info.outputPath("native");
  run("train", "--resume", file, "--steps", String(step + 2), "--device", "cpu", "--data", "builtin:dogs", "--out", folder);
  const made = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith(".safetensors"));
  const steps = made.map((name) => JSON.parse(parseSafetensors(readFileSync(path.join(folder, name))).metadata.whelp).progress.step);
  expect(Math.max(...steps)).toBe(step + 2);
  const newest = path.join(folder, made[steps.indexOf(step + 2)]);

  await whelp.openCheckpoint(newest);
  await expect(whelp.part("checkpoint-summary")).toContainText(`${step + 2} steps`);
  expect((await whelp.gridAfter(step)).step).toBe(step + 2);
  await expectSamePictures(whelp, draw(newest));
  await whelp.part("continue").click();
  await whelp.waitForStep(step + 3);
});
