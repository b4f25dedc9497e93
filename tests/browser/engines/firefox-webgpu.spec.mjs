// Firefox's WebGPU, which checks and compiles kernels by other means than Chromium's: on Mesa's lavapipe.

import { readFileSync } from "node:fs";
import { FIREFOX, FIREFOX_MISSING } from "../browser.mjs";
import { WITHOUT_WEBGPU, prepareWorkers } from "../devices.mjs";
import { parseSafetensors } from "../files.mjs";
import { expect, test } from "../fixtures.mjs";

test.skip(() => !FIREFOX, FIREFOX_MISSING);

const STEPS = 3;

/** Trains for a few steps and returns both networks' losses of each. */
async function firstLosses(whelp, file) {
  await whelp.chooseSize(8, 8, { seed: 7 });
  await whelp.trainFor(STEPS);
  await whelp.train();
  await whelp.shows("status", "Finished", 240_000);
  await whelp.download(file);
  const { history } = JSON.parse(parseSafetensors(readFileSync(file)).metadata.whelp);
  expect(history.steps).toEqual([1, 2, 3]);
  return ["loss/d", "loss/g"].map((name) => history.values[name]);
}

test("training on WebGPU begins with the losses that the processor computes", async ({ context, whelp }, info) => {
  await whelp.open();
  await whelp.shows("device", "WebGPU");
  const graphics = await firstLosses(whelp, info.outputPath("graphics.safetensors"));
  expect((await whelp.grid()).colours).toBeGreaterThan(1);

  await prepareWorkers(context, WITHOUT_WEBGPU);
  await whelp.open();
  await whelp.shows("device", "CPU");
  const processor = await firstLosses(whelp, info.outputPath("processor.safetensors"));
  for (const [network, losses] of processor.entries()) {
    for (const [step, loss] of losses.entries()) expect(graphics[network][step], `step ${step + 1}`).toBeCloseTo(loss, 4);
  }
});
