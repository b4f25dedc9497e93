// How much memory the worker takes.

import { writeFileSync } from "node:fs";
import { expect, test } from "../fixtures.mjs";
import { png, zip } from "../files.mjs";

const MEGABYTE = 1e6;

test("the worker's memory does not grow over five hundred steps", async ({ whelp }) => {
  await whelp.open();
  await whelp.chooseSize(4, 4);
  await whelp.trainFor(500);
  await whelp.train();
  await whelp.waitForStep(50);
  const early = await whelp.workerMemory();
  await expect(whelp.part("status")).toContainText("Finished", { timeout: 240_000 });
  expect(await whelp.step()).toBe(500);
  const late = await whelp.workerMemory();
  expect(late / early, `${early} bytes at 50 steps, ${late} at 500`).toBeLessThanOrEqual(1.1);
});

test("twenty thousand pictures of 64 pixels fit into 300 MB", async ({ whelp }, info) => {
  const COUNT = 20_000;
  // Copies take as much memory as different pictures.
  const distinct = Array.from({ length: 250 }, (_, seed) => png(64, seed));
  const archive = info.outputPath("many.zip");
  writeFileSync(archive, zip(Array.from({ length: COUNT }, (_, i) => [`dogs/${i}.png`, distinct[i % distinct.length]])));
  await whelp.open();
  await whelp.part("setting-recipe").selectOption("dcgan64");
  await whelp.part("pick-pictures").setInputFiles(archive);
  await expect(whelp.part("data-summary")).toHaveText("many.zip · 20,000 pictures · 64 px", { timeout: 180_000 });
  const bytes = await whelp.workerMemory();
  info.annotations.push({ type: "worker memory", description: `${(bytes / MEGABYTE).toFixed(0)} MB` });
  expect(bytes).toBeGreaterThan(COUNT * 64 * 64 * 3);
  expect(bytes, "memory of the worker with all pictures loaded").toBeLessThanOrEqual(300 * MEGABYTE);
});
