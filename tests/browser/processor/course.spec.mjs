// The course of a training outlives the tab: its snapshots and its lines.

import { expect, test } from "../fixtures.mjs";
import { png } from "../files.mjs";

const MINUTE = 60_000;

/** The files of all runs' courses in the browser's private file system. */
const stored = (page) =>
  page.evaluate(async () => {
    const names = [];
    const walk = async (folder, path) => {
      for await (const [name, handle] of folder.entries()) {
        if (handle.kind === "directory") await walk(handle, `${path}${name}/`);
        else names.push(`${path}${name}`);
      }
    };
    await walk(await navigator.storage.getDirectory(), "");
    return names.filter((name) => /^run (snapshots|courses)/.test(name));
  });

/** How many snapshots the timeline has. */
const count = async (whelp) => Number(await whelp.part("course").getAttribute("max")) + 1;

/** Trains so many steps to the end, with a snapshot after each. */
async function train(whelp, steps) {
  await whelp.open();
  await whelp.chooseSize(4, 4, { seed: 7, "output-sample-steps": 1 });
  await whelp.trainFor(steps);
  await whelp.train();
  await whelp.shows("status", "Finished", 4 * MINUTE);
}

test("the timeline is there again after a reload, goes on with its run and goes with it", async ({ page, whelp }) => {
  await train(whelp, 12);
  expect(await count(whelp)).toBe(13);
  await whelp.part("course").fill("3");
  const third = await whelp.grid();
  expect(third.step).toBe(3);
  const losses = await whelp.losses();

  await whelp.open();
  await expect(whelp.part("course")).toHaveCount(0);
  await whelp.part("play-run").click();
  await whelp.shows("play-caption", "after");
  await whelp.part("view-watch").click();
  await expect.poll(() => count(whelp)).toBe(13);
  await whelp.part("course").fill("3");
  expect(await whelp.grid()).toEqual(third);
  const again = await whelp.losses();
  expect(again.step).toBe(losses.step);
  for (const network of ["generator", "discriminator"]) expect(again[network], network).toBeCloseTo(losses[network], 12);

  await whelp.open();
  await whelp.part("continue-run").click();
  await whelp.waitForStep(16);
  await whelp.stop();
  const step = await whelp.step();
  expect(await count(whelp), "one of each step").toBe(step + 1);
  await whelp.part("course").fill("3");
  expect(await whelp.grid()).toEqual(third);
  await expect.poll(async () => (await stored(page)).length).toBe(step + 2);

  await whelp.part("delete-run").click();
  await whelp.part("confirm").click();
  await expect(whelp.part("run")).toHaveCount(0);
  expect(await stored(page)).toEqual([]);
});

test("where the browser's storage is full, snapshots in between go and training goes on", async ({ page, context, whelp, baseURL }) => {
  await train(whelp, 8);
  const session = await context.newCDPSession(page);
  const steps = async () => (await stored(page)).map((name) => Number(name.match(/-(\d+)\.snapshot$/)?.[1])).filter((step) => step >= 0).sort((a, b) => a - b);
  expect(await steps()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  await whelp.part("continue").click();
  await whelp.waitForStep(10);
  await whelp.pause();
  const before = await steps();
  const { usage } = await page.evaluate(() => navigator.storage.estimate());
  await session.send("Storage.overrideQuotaForOrigin", { origin: baseURL, quotaSize: usage + 100_000 });
  await whelp.resume();
  await whelp.waitForStep(before.at(-1) + 4);
  await whelp.pause();
  await expect(page.getByText("older checkpoints and pictures of your runs were removed")).toHaveCount(1);
  const after = await steps();
  expect(after[0], "the first stays").toBe(0);
  expect(after, "the oldest in between went").not.toContain(1);
  expect(after.at(-1), "the newest is there").toBeGreaterThan(before.at(-1));
  await session.send("Storage.overrideQuotaForOrigin", { origin: baseURL });
  await whelp.part("stop").click();
  await whelp.appears("continue");
  await expect(whelp.part("error")).toHaveCount(0);
});

test("a run on one's own pictures has its timeline, its scores and its pictures again", async ({ whelp }) => {
  const files = Array.from({ length: 24 }, (_, seed) => ({ name: `${seed}.png`, mimeType: "image/png", buffer: png(48, seed) }));
  await whelp.open();
  await whelp.part("pick-pictures").setInputFiles(files);
  await whelp.shows("data-summary", "24 pictures");
  await whelp.chooseSize(4, 4, { seed: 7, "output-sample-steps": 1, "metrics-every-kimg": 0.016, "metrics-count": 10, "metrics-budget": 1 });
  await whelp.train();
  await whelp.shows("scores", "kid_c10_10_train", 4 * MINUTE);
  await whelp.stop();
  const step = await whelp.step();
  expect(await count(whelp)).toBe(step + 1);

  // To play with it brings what it was trained on.
  await whelp.open();
  await whelp.part("play-run").click();
  await whelp.shows("play-generator", "your run “24 files”");
  await whelp.part("start-round").click();
  await whelp.shows("question", "Picture 1 of 20");
  await whelp.part("end-round").click();
  await whelp.part("view-watch").click();
  await whelp.shows("data-summary", "24 pictures");
  await whelp.shows("scores", "kid_c10_10_train");

  await whelp.open();
  await whelp.part("continue-run").click();
  await whelp.waitForStep(step + 2);
  await whelp.stop();
  expect(await count(whelp), "one of each step").toBe((await whelp.step()) + 1);
  await whelp.shows("scores", "kid_c10_10_train");
});
