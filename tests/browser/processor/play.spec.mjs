// Playing with a generator: seeds, a walk, favourites, films, files; and the course of a training.

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "../fixtures.mjs";
import { parseSafetensors } from "../files.mjs";

const MINUTE = 60_000;

const PROGRAM = process.env.WHELP_PROGRAM;
const STARTER = fileURLToPath(new URL("../../../web/assets/starter.safetensors", import.meta.url));

/** Frames from one favourite to the next. */
const STEPS = 24;

/** What a browser calls a long task. */
const LONG_TASK_MS = 50;

/** The size and the pixels of a picture's file, as red, green, blue and opacity. */
async function decoded(page, file) {
  const base64 = readFileSync(file).toString("base64");
  return page.evaluate(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes]), { colorSpaceConversion: "none" });
    const { width, height } = bitmap;
    const context = new OffscreenCanvas(width, height).getContext("2d");
    context.drawImage(bitmap, 0, 0);
    return { width, height, pixels: [...context.getImageData(0, 0, width, height).data] };
  }, base64);
}

/** The number of frames of a GIF, their size and how long the first is seen, in milliseconds. */
async function gif(page, file) {
  const base64 = readFileSync(file).toString("base64");
  return page.evaluate(async (base64) => {
    const data = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const decoder = new ImageDecoder({ data, type: "image/gif" });
    await decoder.completed;
    await decoder.tracks.ready;
    const { frameCount, repetitionCount } = decoder.tracks.selectedTrack;
    const { image } = await decoder.decode({ frameIndex: frameCount - 1 });
    return { frameCount, repeats: repetitionCount === Infinity, width: image.displayWidth, height: image.displayHeight, ms: image.duration / 1000 };
  }, base64);
}

/** A hash of what a canvas shows. */
const hash = (part) =>
  part.evaluate((canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let hash = 0x811c9dc5;
    for (const byte of data) hash = Math.imul(hash ^ byte, 0x01000193);
    return hash >>> 0;
  });

/** The buttons over the pictures of a part. */
const picks = (whelp, id) => whelp.part(id).locator("xpath=..").locator(".picks button");

/** The hash of a picture that is no longer being drawn: it stays the same for a while. */
async function settled(part) {
  let before = "";
  const isSame = async () => {
    const now = await hash(part);
    const same = now === before;
    before = now;
    return same;
  };
  await expect.poll(isSame, { intervals: [400], message: "a picture that stays" }).toBe(true);
  return before;
}

/** Opens the panel, with so many pictures of a seed. */
async function play(whelp, { seed, count = 4 } = {}) {
  await whelp.part("view-play").click();
  await whelp.part("play-count").fill(String(count));
  await whelp.part("play-count").press("Enter");
  if (seed !== undefined) {
    await whelp.part("play-seed").fill(String(seed));
    await whelp.part("play-seed").press("Enter");
    await whelp.shows("play-caption", `Seed ${seed} · `);
  }
  await expect(picks(whelp, "play-grid")).toHaveCount(count);
}

/** Makes the pictures at these places favourites. */
async function like(whelp, ...places) {
  for (const place of places) {
    await picks(whelp, "play-grid").nth(place).click();
    await whelp.appears("large");
    await whelp.part("like").click();
    await expect(whelp.part("like")).toHaveAttribute("aria-pressed", "true");
    await whelp.part("back").click();
  }
}

const save = (whelp, id, file) => whelp.downloads.save(() => whelp.part(id).click(), file);

test("a seed draws the same pictures here and in the terminal, and a file has the size that was chosen", async ({ page, whelp }, info) => {
  test.skip(!PROGRAM, "WHELP_PROGRAM names no terminal program");
  expect(existsSync(PROGRAM), `WHELP_PROGRAM names ${PROGRAM}`).toBe(true);
  await whelp.open();
  await play(whelp, { seed: 7, count: 9 });
  await whelp.shows("play-caption", "Seed 7 · drawn by the starter network");
  await whelp.part("scale").selectOption("1");
  const [here, there] = [info.outputPath("here.png"), info.outputPath("there.png")];
  expect(await save(whelp, "save-png", here)).toBe("whelp-seed7.png");
  execFileSync(PROGRAM, ["generate", STARTER, "--seed", "7", "--count", "9", "--device", "cpu", "--out", there], { stdio: "ignore" });
  const [drawn, wanted] = [await decoded(page, here), await decoded(page, there)];
  expect([drawn.width, drawn.height]).toEqual([96, 96]);
  const difference = Math.max(...drawn.pixels.map((value, index) => Math.abs(value - wanted.pixels[index])));
  // Sums are made in another order.
  expect(difference).toBeLessThanOrEqual(1);

  await whelp.part("scale").selectOption("8");
  const large = info.outputPath("large.png");
  await save(whelp, "save-png", large);
  const enlarged = await decoded(page, large);
  expect([enlarged.width, enlarged.height]).toEqual([768, 768]);
  for (const [x, y] of [[0, 0], [7, 7], [8, 0], [345, 678], [767, 767]]) {
    const at = 4 * ((y >> 3) * 96 + (x >> 3));
    expect(enlarged.pixels.slice(4 * (y * 768 + x), 4 * (y * 768 + x) + 4), `at ${x}, ${y}`).toEqual(drawn.pixels.slice(at, at + 4));
  }
});

test("pictures are opened, walked around and mixed, by mouse and by keys", async ({ page, whelp }) => {
  await whelp.open();
  await play(whelp, { seed: 3, count: 9 });
  const before = await settled(whelp.part("play-grid"));
  await whelp.part("dice").click();
  await expect.poll(() => hash(whelp.part("play-grid"))).not.toBe(before);
  await play(whelp, { seed: 3, count: 9 });
  await expect.poll(() => hash(whelp.part("play-grid")), "the seed draws the same again").toBe(before);

  // One stop of the Tab key; the arrows go from picture to picture.
  await picks(whelp, "play-grid").first().focus();
  for (const key of ["ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp", "ArrowUp", "ArrowRight"]) await page.keyboard.press(key);
  expect(await page.evaluate(() => document.activeElement.getAttribute("aria-label"))).toBe("Picture 1");
  await page.keyboard.press("Enter");
  await whelp.shows("play-caption", "Picture 1 of seed 3");
  await expect(picks(whelp, "around")).toHaveCount(9);
  await whelp.appears("large");
  // The picture that had the focus is hidden: it is not lost, nor when all pictures are back.
  await expect(whelp.part("back")).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(picks(whelp, "play-grid").nth(1)).toBeFocused();
  await page.keyboard.press("Enter");
  await whelp.appears("large");
  const opened = await settled(whelp.part("large"));
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press("ArrowRight");
  await whelp.shows("play-caption", "Picture 2 of seed 3");
  // Until it is drawn the one before is on show.
  await expect.poll(() => hash(whelp.part("large"))).not.toBe(opened);
  await page.keyboard.press("ArrowLeft");
  await whelp.shows("play-caption", "Picture 1 of seed 3");
  await expect.poll(() => hash(whelp.part("large"))).toBe(opened);

  // Whoever clicks sooner gets the neighbours that are still on show.
  const neighbours = await hash(whelp.part("around"));
  await picks(whelp, "around").nth(0).click();
  await whelp.shows("play-caption", "A mix of 2 pictures");
  await expect.poll(() => hash(whelp.part("large"))).not.toBe(opened);
  await expect.poll(() => hash(whelp.part("around")), "the neighbours of that one").not.toBe(neighbours);
  await picks(whelp, "around").nth(8).click();
  await whelp.shows("play-caption", "A mix of 3 pictures");
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press("f");
  await expect(whelp.part("like")).toHaveText("★ Favourite");
  await page.keyboard.press("Escape");
  await whelp.appears("large", { visible: false });

  await like(whelp, 1);
  await whelp.part("mix").fill("1");
  await whelp.shows("play-caption", "A mix of 4 pictures");
  await expect.poll(() => hash(whelp.part("large")), "at its end a mix is that picture").toBe(opened);
  await expect(whelp.part("error")).toHaveCount(0);
});

test("a film through favourites begins with the first, moves, and is saved with all its frames", async ({ page, whelp }, info) => {
  await page.emulateMedia({ reducedMotion: "reduce" });
  await whelp.open();
  await play(whelp, { seed: 5 });
  await picks(whelp, "play-grid").nth(2).click();
  await whelp.appears("large");
  await whelp.shows("play-caption", "Picture 2 of seed 5");
  const first = await hash(whelp.part("large"));
  await whelp.part("like").click();
  await whelp.part("back").click();
  await like(whelp, 0);
  await whelp.part("film").click();
  await expect(whelp.part("film")).toHaveAttribute("data-frames", String(2 * STEPS));
  await expect(whelp.part("film"), "nothing moves by itself where little is to move").toHaveText("Go on");
  expect(await hash(whelp.part("large"))).toBe(first);
  await whelp.part("film-frame").fill(String(STEPS / 2));
  const middle = await hash(whelp.part("large"));
  expect(middle).not.toBe(first);
  await whelp.part("film").click();
  await expect.poll(() => hash(whelp.part("large"))).not.toBe(middle);
  await whelp.part("film").click();

  await whelp.part("scale").selectOption("2");
  const file = info.outputPath("film.gif");
  expect(await save(whelp, "save-gif", file)).toBe("whelp-film.gif");
  expect(await gif(page, file)).toEqual({ frameCount: 2 * STEPS, repeats: true, width: 64, height: 64, ms: 80 });

  const archive = info.outputPath("favourites.zip");
  expect(await save(whelp, "save-zip", archive)).toBe("whelp-favourites.zip");
  // Nothing in it is packed, so it can be read as it is.
  const text = readFileSync(archive).toString("latin1");
  const manifest = JSON.parse(text.slice(text.indexOf("{\n"), text.lastIndexOf("\n}") + 2));
  expect(manifest.generator).toContain("the starter network");
  expect(manifest.pictures.map(({ file, latent }) => [file, latent.seed])).toEqual([
    ["00000.png", { seed: 5, index: 2 }],
    ["00001.png", { seed: 5, index: 0 }],
  ]);
});

test("favourites are kept with their run, and a kept run can be played with after a reload", async ({ whelp }) => {
  await whelp.open();
  await whelp.chooseSize(4, 4, { seed: 7 });
  await whelp.train();
  await whelp.waitForStep(4);
  await play(whelp, { seed: 11 });
  // Marked before the run is kept for the first time.
  await like(whelp, 3);
  await whelp.part("view-watch").click();
  await whelp.stop();
  await expect(whelp.part("run")).toHaveCount(1);
  await play(whelp);
  await like(whelp, 1);
  await expect(picks(whelp, "liked")).toHaveCount(2);
  await expect.poll(() => whelp.part("play-caption").textContent()).toContain("after");
  const liked = await hash(whelp.part("liked"));

  await whelp.open();
  await play(whelp);
  await expect(picks(whelp, "liked"), "the starter has none").toHaveCount(0);
  await whelp.part("view-runs").click();
  await whelp.part("play-run").click();
  await expect(whelp.part("view-play")).toHaveAttribute("aria-current", "page");
  await expect(picks(whelp, "liked")).toHaveCount(2);
  await expect.poll(() => hash(whelp.part("liked")), "the same networks draw the same").toBe(liked);
  await expect(whelp.part("liked-hint")).toHaveText("They are kept with the run.");
});

test("drawing while a training goes on leaves it bit for bit the same", async ({ whelp }, info) => {
  const trained = async (name, meanwhile) => {
    await whelp.open();
    await whelp.chooseSize(4, 4, { seed: 7 });
    await whelp.trainFor(60);
    await whelp.part("train").click();
    await whelp.firstLosses();
    await meanwhile();
    await whelp.shows("status", "Finished", 4 * MINUTE);
    await whelp.part("view-watch").click();
    const file = info.outputPath(name);
    await whelp.download(file);
    const { metadata, tensors } = parseSafetensors(readFileSync(file));
    const values = Object.fromEntries([...tensors].map(([name, { values }]) => [name, Buffer.from(values.buffer).toString("base64")]));
    return { history: JSON.parse(metadata.whelp).history, values };
  };
  const undisturbed = await trained("undisturbed.safetensors", async () => {});
  const disturbed = await trained("disturbed.safetensors", async () => {
    await play(whelp, { seed: 1 });
    await picks(whelp, "play-grid").nth(1).click();
    await whelp.appears("large");
    await whelp.part("back").click();
    await whelp.part("dice").click();
  });
  expect(disturbed).toEqual(undisturbed);
});

test("the course of a training is dragged through without a long task, and saved as a film", async ({ page, whelp }, info) => {
  await whelp.open();
  await whelp.chooseSize(4, 4, { "output-sample-steps": 1 });
  await whelp.trainFor(210);
  await whelp.train();
  await expect(page).toHaveTitle(/^\d+ % · Whelp$/);
  await whelp.shows("status", "Finished", 4 * MINUTE);
  await expect(page).toHaveTitle("Done · Whelp");
  const course = whelp.part("course");
  const last = Number(await course.getAttribute("max"));
  expect(last).toBeGreaterThanOrEqual(200);
  const newest = await whelp.grid();
  const long = await course.evaluate(async (slider, last) => {
    const long = [];
    new PerformanceObserver((list) => long.push(...list.getEntries().map(({ duration }) => duration))).observe({ type: "longtask" });
    for (let at = 0; at <= last; at++) {
      slider.value = String(at);
      slider.dispatchEvent(new Event("input", { bubbles: true }));
      await new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)));
    }
    await new Promise((told) => setTimeout(told, 200));
    return long;
  }, last);
  expect(long.filter((ms) => ms > LONG_TASK_MS)).toEqual([]);
  expect(await whelp.grid(), "at its end it shows the newest pictures").toEqual(newest);
  await course.fill("0");
  await whelp.shows("grid-caption", "After 0 pictures");
  expect((await whelp.grid()).hash).not.toBe(newest.hash);
  await whelp.part("play-course").click();
  await expect.poll(async () => (await whelp.grid()).step).toBeGreaterThan(2);
  await whelp.part("play-course").click();
  expect(await whelp.grid()).toEqual(newest);

  await whelp.part("view-play").click();
  await whelp.part("scale").selectOption("1");
  const file = info.outputPath("course.gif");
  expect(await save(whelp, "save-course", file)).toBe("whelp-training.gif");
  expect(await gif(page, file)).toMatchObject({ frameCount: 60, width: 256, height: 256 });
});

test("panels have addresses, and a sheet lists the keys", async ({ page, whelp }) => {
  await whelp.open("/#play");
  await expect(whelp.part("play")).toBeVisible();
  await expect(whelp.part("grid")).toBeHidden();
  await whelp.part("view-runs").click();
  await expect(page).toHaveURL(/#runs$/);
  await expect(whelp.part("runs")).toContainText("No run is kept yet.");
  await expect(whelp.part("play")).toBeHidden();
  await page.goBack();
  await expect(whelp.part("play")).toBeVisible();
  await page.goForward();
  await expect(whelp.part("runs")).toBeVisible();
  await page.keyboard.press("t");
  await expect(page).toHaveURL(/#watch$/);
  await expect(whelp.part("data-summary")).toBeVisible();
  await page.keyboard.press("?");
  await expect(whelp.part("shortcuts")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(whelp.part("shortcuts")).toBeHidden();
  await whelp.part("setting-recipe").focus();
  await page.keyboard.press("p");
  await expect(page, "keys in a field are the field's").toHaveURL(/#watch$/);

  // Letters can be left to other programs.
  await page.keyboard.press("Escape");
  await whelp.part("train").focus();
  await page.keyboard.press("?");
  await whelp.part("letters").uncheck();
  await page.keyboard.press("Escape");
  await page.keyboard.press("p");
  await whelp.reload();
  await page.keyboard.press("p");
  await expect(page).toHaveURL(/#watch$/);
  await page.keyboard.press("?");
  await whelp.part("letters").check();
  await page.keyboard.press("Escape");
  await page.keyboard.press("p");
  await expect(page).toHaveURL(/#play$/);
});

test("a chart is saved as a table and as a picture", async ({ page, whelp }, info) => {
  await whelp.open();
  await whelp.chooseSize(4, 4);
  await whelp.trainFor(5);
  await whelp.train();
  await whelp.shows("status", "Finished", 4 * MINUTE);
  const table = info.outputPath("losses.csv");
  expect(await save(whelp, "csv-losses", table)).toBe("whelp-losses.csv");
  const rows = readFileSync(table, "utf8").trim().split("\n");
  expect(rows[0]).toBe("step,generator,discriminator");
  expect(rows.slice(1).map((row) => Number(row.split(",")[0]))).toEqual([1, 2, 3, 4, 5]);
  const newest = await whelp.losses();
  expect(rows.at(-1).split(",").slice(1).map(Number)).toEqual([newest.generator, newest.discriminator]);
  await page.getByRole("button", { name: "logarithm" }).first().click();
  await page.getByRole("button", { name: "smooth" }).first().click();
  const picture = info.outputPath("losses.png");
  expect(await save(whelp, "png-losses", picture)).toBe("whelp-losses.png");
  expect((await decoded(page, picture)).width).toBeGreaterThan(150);
});

test("all that a run measures has a chart, and the values under the pointer are told", async ({ page, whelp }, info) => {
  await whelp.open();
  await whelp.chooseSize(4, 4);
  await whelp.trainFor(12);
  await whelp.train();
  await whelp.shows("status", "Finished", 4 * MINUTE);
  const table = async (title, id) => {
    await whelp.part("measure").selectOption({ label: title });
    const file = info.outputPath(`${id}.csv`);
    expect(await save(whelp, `csv-${id}`, file)).toBe(`whelp-${id}.csv`);
    const [head, ...rows] = readFileSync(file, "utf8").trim().split("\n").map((line) => line.split(","));
    return { head, rows: rows.map((row) => row.map(Number)) };
  };
  const outputs = await table("What the discriminator answers", "outputs");
  expect(outputs.head).toEqual(["step", "to real pictures", "to drawn pictures"]);
  expect(outputs.rows.map(([step]) => step)).toEqual(Array.from({ length: 12 }, (_, index) => index + 1));
  expect(outputs.rows.flat().every(Number.isFinite)).toBe(true);
  // Told once a tick.
  for (const [title, id, ...labels] of [
    ["Speed", "speed", "pictures a second"],
    ["Memory", "memory", "MB"],
    ["Learning rates", "rates", "of the generator", "of the discriminator"],
  ]) {
    const { head, rows } = await table(title, id);
    expect(head).toEqual(["step", ...labels]);
    expect(rows.at(-1)[0], title).toBe(12);
    expect(rows.every((row) => row.slice(1).every((value) => value > 0)), `${title}: ${JSON.stringify(rows)}`).toBe(true);
  }
  await whelp.shows("measure-what", "moves the weights");
  await whelp.part("measure").selectOption({ label: "Gradient penalties" });
  await expect(page.getByText("Nothing of this has been measured yet.")).toBeVisible();

  const readout = whelp.part("readout-losses");
  const { generator } = await whelp.losses();
  await expect(readout).toHaveText(/^step 12 · generator -?[0-9.,e-]+ · discriminator -?[0-9.,e-]+$/);
  expect(Number(/generator ([^ ]+)/.exec(await readout.textContent())[1])).toBeCloseTo(generator, 2);
  const { height } = await readout.boundingBox();
  await whelp.part("loss-chart").locator(".u-over").hover({ position: { x: 2, y: 60 } });
  await expect(readout).toHaveText(/^step 1 · generator /);
  expect((await readout.boundingBox()).height).toBe(height);
  await page.mouse.move(1, 1);
  await expect(readout).toHaveText(/^step 12 · /);
});
