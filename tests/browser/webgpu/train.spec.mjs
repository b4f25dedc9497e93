// Training on WebGPU, as a visitor sees it.

import { HARDWARE, prepareWorkers } from "../devices.mjs";
import { expect, test } from "../fixtures.mjs";
import { DEFAULT, PAST_GREY, R3GAN, processorUse } from "../whelp.mjs";

/** Share of one processor. An idle browser uses a percent or two now and then. */
const IDLE = 0.05;

test("training on the built-in dogs shows losses and pictures, pauses and resumes", async ({ browser, requested, whelp }) => {
  await whelp.open();
  await expect(whelp.part("device")).toContainText("WebGPU");
  await expect(whelp.part("device-reason")).toHaveCount(0);
  await expect(whelp.part("setting-recipe")).toHaveValue(R3GAN);
  await expect(whelp.part("picked-size")).toHaveText(
    "Picked the recipe r3gan in its smallest size, width 8 and batch size 16, because a processor emulates this graphics device.",
  );
  await whelp.starter();
  await whelp.chooseSize(8, 8);
  // A browser that has only just started is still busy with itself.
  const idle = () => processorUse(browser, 3);
  await expect.poll(idle, { message: "share of one processor until the browser has come to rest" }).toBeLessThan(IDLE);
  expect(await idle(), "share of one processor that an idle page takes").toBeLessThan(IDLE);

  await whelp.train();
  const first = await whelp.losses();
  expect(Number.isFinite(first.discriminator) && Number.isFinite(first.generator), JSON.stringify(first)).toBe(true);
  const untrained = await whelp.gridAfter(-1);
  // Batch norm's running statistics are still the initial ones, so these pictures are nearly grey.
  expect(untrained.colours, "sixty-four untrained pictures").toBeGreaterThan(1);
  const [seen, memory] = [await whelp.seen(), await whelp.workerMemory()];
  const trained = await whelp.gridAfter(PAST_GREY);
  expect(trained.hash, "pictures after more training").not.toBe(untrained.hash);
  expect(trained.colours, "sixty-four trained pictures").toBeGreaterThan(1000);
  expect(await whelp.seen()).toBeGreaterThan(seen);
  expect((await whelp.workerMemory()) / memory, "growth of the worker's memory").toBeLessThanOrEqual(1.1);
  await expectChartWithTwoLines(whelp);

  await whelp.pause();
  const paused = await whelp.seen();
  // Long enough that the browser's clean-up after the last step does not matter.
  expect(await processorUse(browser, 10), "share of one processor that a paused page takes").toBeLessThan(IDLE);
  expect(await whelp.seen(), "images seen after ten paused seconds").toBe(paused);

  await whelp.resume();
  await expect.poll(() => whelp.seen(), { timeout: 120_000 }).toBeGreaterThan(paused);
  const last = await whelp.losses();
  expect(last.step).toBeGreaterThan(first.step);
  expect(Number.isFinite(last.discriminator) && Number.isFinite(last.generator), JSON.stringify(last)).toBe(true);

  // The watch on requests must see those of the worker too.
  expect(requested.map((url) => new URL(url).pathname)).toEqual(expect.arrayContaining(["/graphics/trainer-graphics_bg.wasm", "/dogs32.png"]));
  expect(requested.filter((url) => url.includes("processor")), "programs for the other device").toEqual([]);
});

test("the default recipe trains on WebGPU, in a size that a trial of the device picked", async ({ context, whelp }) => {
  // The trial compiles every shader.
  test.slow();
  await prepareWorkers(context, HARDWARE);
  await whelp.page.goto("/");
  await expect(whelp.part("device")).toContainText("Test GPU", { timeout: 120_000 });
  await expect(whelp.part("status")).toContainText("Measuring how large a network");
  await expect(whelp.part("setting-recipe")).toBeDisabled();
  // A start that is asked for now waits for the trial.
  await whelp.part("train").click();
  await expect(whelp.part("status")).toHaveText("Training starts as soon as your device has been measured.");
  const picked = /^Picked width \d+ and batch size \d+: \d+ images per second on this device, /;
  await expect(whelp.part("picked-size")).toHaveText(picked, { timeout: 360_000 });
  await expect(whelp.part("setting-recipe")).toHaveValue(DEFAULT);
  await whelp.firstLosses();
  const { discriminator, generator } = await whelp.losses();
  expect(Number.isFinite(discriminator) && Number.isFinite(generator)).toBe(true);
  const early = await whelp.gridAfter(-1);
  const later = await whelp.gridAfter(early.step);
  expect(later.hash).not.toBe(early.hash);
});

test("a checkpoint made on WebGPU draws the same pictures after a reload", async ({ whelp }, info) => {
  await whelp.open();
  await whelp.chooseSize(8, 8);
  await whelp.train();
  await whelp.waitForStep(PAST_GREY);
  await whelp.stop();
  const before = await whelp.grid();
  const step = await whelp.step();
  const file = info.outputPath("webgpu.safetensors");
  await whelp.download(file);

  await whelp.open();
  await whelp.openCheckpoint(file);
  expect(await whelp.gridAfter(0)).toEqual(before);
  await whelp.part("continue").click();
  await whelp.waitForStep(step + 1);
});

/** Expects two lines in their colours. uPlot draws on a canvas, so the test looks at its pixels. */
async function expectChartWithTwoLines(whelp) {
  const counts = await whelp.part("loss-chart").evaluate((chart) => {
    const canvas = chart.querySelector("canvas");
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const style = getComputedStyle(chart);
    return ["--accent", "--muted"].map((name) => {
      const [, ...hex] = /#(..)(..)(..)/.exec(style.getPropertyValue(name));
      const colour = hex.map((digits) => parseInt(digits, 16));
      let pixels = 0;
      for (let i = 0; i < data.length; i += 4) {
        if (data[i + 3] > 200 && colour.every((value, channel) => Math.abs(data[i + channel] - value) < 24)) pixels++;
      }
      return pixels;
    });
  });
  for (const pixels of counts) expect(pixels, `pixels of the two lines: ${counts}`).toBeGreaterThan(20);
}
