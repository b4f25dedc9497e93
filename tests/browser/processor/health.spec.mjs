// What the page says of how a run goes: its scores, what is wrong with it, and the buttons that help.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { indexedPng, parseSafetensors, writeFolder } from "../files.mjs";
import { expect, test } from "../fixtures.mjs";
import { DEFAULT, R3GAN } from "../whelp.mjs";

/** The terminal program. Without it, the tests that need it are skipped. */
const PROGRAM = process.env.WHELP_PROGRAM;

test("the scores in the page are those of the terminal", async ({ whelp }, info) => {
  test.skip(!PROGRAM, "WHELP_PROGRAM is not set");
  const batch = 8;
  const size = { seed: 7, "metrics-every-kimg": 0.08, "metrics-count": 250, "metrics-budget": 1 };
  await whelp.open();
  await whelp.chooseSize(8, batch, size);
  await whelp.train();
  await whelp.shows("scores", "fd_c10_250_train");
  const words = (await whelp.part("scores").locator("li").allTextContents()).join("\n");
  const shown = new Map([...words.matchAll(/(\w+_c10_250_train): (-?[\d.]+)/g)].map(([, name, value]) => [name, value]));
  // What is below the heading must not squeeze it.
  for (const width of [360, 1280]) {
    await whelp.page.setViewportSize({ width, height: 900 });
    const heading = await whelp.page.locator("#scores-title").boundingBox();
    expect(heading.height, `the heading's height where the page is ${width} pixels wide`).toBeLessThan(32);
  }
  // The page fetches the classifier beside the first steps, so when it scores first is up to the host.
  const at = Number(/at step (\d+)/.exec(words)[1]);
  await whelp.stop();

  const run = info.outputPath("run");
  const settings = ["generator_width=8", "discriminator_width=8"].map((setting) => `model.${setting}`);
  settings.push(`train.batch=${batch}`, `metrics.every_kimg=${(at * batch) / 1000}`, "metrics.count=250", "metrics.budget=1");
  const flags = settings.flatMap((setting) => ["--set", setting]);
  execFileSync(PROGRAM, ["train", "--recipe", "dcgan32", "--device", "cpu", "--data", "builtin:dogs", "--seed", "7", "--steps", String(at + 100), "--out", run, ...flags], { stdio: "ignore" });
  const lines = readFileSync(path.join(run, "events.jsonl"), "utf8").trim().split("\n");
  const scored = lines.map((line) => JSON.parse(line)).find(({ type, step, values }) => type === "values" && step === at && values["scoring/secs"]);
  expect(shown.size, words).toBeGreaterThan(5);
  for (const [name, value] of shown) {
    const native = scored.values[`metric/${name}`];
    // Half of the last digit that is shown, and a thousandth.
    const rounding = 0.5 * 10 ** -(value.split(".")[1] ?? "").length;
    expect(Math.abs(value - native), `${name}: ${value} and ${native}`).toBeLessThan(rounding + 1e-3 * Math.max(1, Math.abs(native)));
  }
});

test("a discriminator that always wins is named, and a button goes on with augmentation and then with lower rates", async ({ whelp }) => {
  await whelp.open();
  await whelp.chooseSize(8, 32, { "generator-lr": 1e-9, "discriminator-lr": 0.005, "metrics-every-kimg": "" });
  await whelp.train();
  await whelp.shows("status", "The discriminator is winning: its loss is 0.");
  const step = await whelp.step();
  await whelp.part("cure-augment").click();
  await whelp.shows("status", "Training.");
  await expect.poll(() => whelp.step()).toBeGreaterThan(step);
  expect(await whelp.part("setting-augment-adaptive").isChecked()).toBe(true);
  await whelp.shows("status", "The discriminator is winning");
  await whelp.part("cure-lower-learning-rates").click();
  await expect.poll(() => whelp.part("setting-discriminator-lr").inputValue()).toBe("0.0025");
  await whelp.firstLosses();
  await whelp.stop();
  expect(await whelp.part("error").count()).toBe(0);
});

/** Pictures of red patterns of 32 pixels, which the dogs' colours are far from. */
function reds() {
  return Array.from({ length: 260 }, (_, i) => {
    const palette = [0, 1, 2, 3].flatMap((k) => [200 + ((i * 7 + k * 5) % 20), 20 + ((i * 3 + k) % 16), 20 + ((i * 5 + k * 3) % 16)]);
    const pattern = (_, at) => (Math.floor(((at % 32) + i) / (4 + (i % 5))) + Math.floor(at / 32 / (3 + (i % 7)))) & 3;
    return [`${i}.png`, indexedPng(32, 32, palette, Uint8Array.from({ length: 32 * 32 }, pattern))];
  });
}

test("colours that stay off are named, and a button goes back to the best pictures with half the learning rates", async ({ whelp }, info) => {
  await whelp.open();
  await whelp.chooseSize(8, 32, { seed: 7, "metrics-every-kimg": "" });
  await whelp.trainFor(200);
  await whelp.part("train").click();
  await whelp.shows("status", "Finished", 120_000);
  // Networks that hardly move keep drawing pictures in the dogs' colours.
  await whelp.trainFor(100_000);
  await whelp.settle({ "generator-lr": 1e-6, "discriminator-lr": 1e-6, "metrics-every-kimg": 0.5, "metrics-count": 200, "metrics-budget": 1 });
  await whelp.part("pick-folder").setInputFiles(writeFolder(info.outputPath("reds"), reds()));
  await whelp.shows("data-summary", "reds · 260 pictures · 32 px");
  await whelp.part("start-from-checkpoint").click();
  await whelp.firstLosses();
  await whelp.shows("status", /The colours are off: the mean of a channel is \d+\.\d+ standard deviations/, 240_000);
  await whelp.shows("scores", /The best checkpoint is from after|fd_c10_200_train/);
  const best = Number(/\(step (\d+)\)/.exec((await whelp.part("best").textContent()) ?? "")[1]);
  const step = await whelp.step();
  expect(best).toBeLessThanOrEqual(step);
  const rates = () => Promise.all(["generator-lr", "discriminator-lr"].map(async (name) => Number(await whelp.part(`setting-${name}`).inputValue())));
  const before = await rates();
  await whelp.part("cure-go-back-to-best").click();
  // From the best checkpoint's step on, with half the rates.
  const [generator_lr, discriminator_lr] = before.map((rate) => rate / 2);
  await expect.poll(rates).toEqual([generator_lr, discriminator_lr]);
  await whelp.shows("status", "Training");
  await whelp.stop();
  const file = info.outputPath("back.safetensors");
  await whelp.download(file);
  const meta = JSON.parse(parseSafetensors(readFileSync(file)).metadata.whelp);
  expect(meta.config.train).toMatchObject({ generator_lr, discriminator_lr });
  expect(meta.progress.step).toBeGreaterThanOrEqual(best);
  expect(await whelp.part("error").count()).toBe(0);
});

test("a run that gets no better is told so, and a button begins another one that sees larger pictures", async ({ whelp }, info) => {
  test.slow();
  await whelp.open();
  const still = { "generator-lr": 1e-9, "discriminator-lr": 1e-9 };
  const scores = { "metrics-every-kimg": 0.5, "metrics-count": 100, "metrics-budget": 1 };
  await whelp.chooseSize(8, 16, { recipe: DEFAULT, seed: 7, ...still, ...scores });
  await whelp.train();
  await whelp.shows("status", /Stalled: fd_c10_100_train has not got better in the last \d+ scores|Stalled: kid_c10_100_train/, 600_000);
  expect(await whelp.part("cure-lower-learning-rates").count()).toBe(1);
  const before = await whelp.seen();
  await whelp.part("cure-larger-pictures").click();
  await expect.poll(() => whelp.part("setting-network-side").inputValue()).toBe("128");
  await whelp.shows("status", "Training");
  await expect.poll(() => whelp.seen(), { timeout: 120_000 }).toBeLessThan(before);
  await whelp.firstLosses();
  await whelp.stop();
  const file = info.outputPath("sharper.safetensors");
  await whelp.download(file);
  const meta = JSON.parse(parseSafetensors(readFileSync(file)).metadata.whelp);
  expect(meta.config.model).toMatchObject({ network_side: 128, generator_width: 8 });
  expect(await whelp.part("error").count()).toBe(0);
});

test("a run that is made gentle on the way goes on, and its checkpoint says so", async ({ whelp }, info) => {
  await whelp.open();
  await whelp.chooseSize(4, 4, { seed: 7 });
  // As people write it.
  await whelp.trainFor("50,000");
  await whelp.train();
  await whelp.part("gentle").check();
  const asked = await whelp.step();
  await expect.poll(() => whelp.step()).toBeGreaterThan(asked + 20);
  await whelp.stop();
  const file = info.outputPath("gentle.safetensors");
  await whelp.download(file);
  const meta = JSON.parse(parseSafetensors(readFileSync(file)).metadata.whelp);
  expect(meta.config.output.idle_share).toBe(0.5);
  expect(meta.config.train.length).toEqual({ steps: 50_000 });
  expect(await whelp.part("warning").count()).toBe(0);
  // Another recipe is as gentle.
  await whelp.part("setting-recipe").selectOption(R3GAN);
  await expect(whelp.part("gentle")).toBeChecked();
});
