// How much memory the worker takes.

import { writeFileSync } from "node:fs";
import { expect, test } from "../fixtures.mjs";
import { png, zip } from "../files.mjs";
import { R3GAN } from "../whelp.mjs";

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

test("pictures of 256 pixels that memory does not hold are read from the disk, kept, and trained on", async ({ whelp }, info) => {
  const COUNT = 2_800;
  const distinct = Array.from({ length: 100 }, (_, seed) => png(256, seed));
  const archive = info.outputPath("large.zip");
  writeFileSync(archive, zip(Array.from({ length: COUNT }, (_, i) => [`${i}.png`, distinct[i % distinct.length]])));
  const choose = () => whelp.chooseSize(4, 2, { recipe: R3GAN, resolution: 256, latent: 8, "metrics-every-kimg": "" });
  await whelp.open();
  await choose();
  await whelp.part("pick-pictures").setInputFiles(archive);
  await expect(whelp.part("data-summary")).toHaveText("large.zip · 2,800 pictures · 256 px", { timeout: 240_000 });
  const pixels = COUNT * 256 * 256 * 3;
  const bytes = await whelp.workerMemory();
  info.annotations.push({ type: "worker memory", description: `${(bytes / MEGABYTE).toFixed(0)} MB for ${(pixels / MEGABYTE).toFixed(0)} MB of pixels` });
  expect(bytes, "memory of the worker with the pictures at hand").toBeLessThan(pixels / 3);
  const trained = async () => {
    await whelp.trainFor(2);
    await whelp.part("train").click();
    await whelp.shows("status", "Finished", 240_000);
    return whelp.losses();
  };
  const losses = await trained();
  expect(losses.step).toBe(2);

  // Chosen again they are there at once, and the same.
  await whelp.reload();
  await choose();
  const start = performance.now();
  await whelp.part("pick-pictures").setInputFiles(archive);
  await whelp.shows("data-summary", "large.zip · 2,800 pictures · 256 px", 120_000);
  info.annotations.push({ type: "read again", description: `${((performance.now() - start) / 1000).toFixed(1)} s` });
  expect(await trained()).toEqual(losses);
  // What they were collected in is gone, so the disk has them once.
  const scratch = () =>
    whelp.page.evaluate(async () => {
      const root = await navigator.storage.getDirectory();
      const names = [];
      for await (const name of (await root.getDirectoryHandle("scratch")).keys()) names.push(name);
      return names;
    });
  await expect.poll(scratch).toEqual([]);
});
