// Two kept runs side by side.

import { readFileSync } from "node:fs";
import { expect, test } from "../fixtures.mjs";

const MINUTE = 60_000;

/** A hash of what a canvas shows. */
const hash = (part) =>
  part.evaluate((canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let hash = 0x811c9dc5;
    for (const byte of data) hash = Math.imul(hash ^ byte, 0x01000193);
    return hash >>> 0;
  });

/** How many pixels of a chart have the colour of its first line. */
const drawn = (whelp, name) =>
  whelp.part("compare-lines").locator(".losses", { hasText: name }).locator("canvas").evaluate((canvas) => {
    const accent = getComputedStyle(document.documentElement).getPropertyValue("--accent").trim();
    const [red, green, blue] = accent.match(/[0-9a-f]{2}/g).map((byte) => parseInt(byte, 16));
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let at = 0; at < data.length; at += 4) {
      count += data[at] === red && data[at + 1] === green && data[at + 2] === blue ? 1 : 0;
    }
    return count;
  });

const ids = (page) => new URL(page.url()).hash.split("=")[1].split(",");

test("two runs are compared by their pictures, lines and settings, at an address, while one of them trains", async ({ page, whelp }, info) => {
  await whelp.open();
  await page.keyboard.press("c");
  await expect(whelp.part("compare")).toContainText("Two runs are needed to compare.");
  await whelp.part("view-watch").click();
  await whelp.chooseSize(4, 4, { seed: 7 });
  await whelp.trainFor(10);
  await whelp.train();
  await whelp.shows("status", "Finished", 4 * MINUTE);
  await expect(whelp.part("compare-run"), "there is nothing to compare it with").toHaveCount(0);
  await whelp.part("use-settings").click();
  await whelp.settle({ batch: 8, seed: 8 });
  await whelp.train();
  await whelp.shows("status", "Finished", 4 * MINUTE);

  await whelp.part("view-runs").click();
  await whelp.part("compare-run").last().click();
  await expect(page).toHaveURL(/#compare=[0-9a-f]+,[0-9a-f]+$/);
  await whelp.shows("compare-caption-0", "Built-in dogs · after 40 pictures");
  await whelp.shows("compare-caption-1", "Built-in dogs 2 · after 80 pictures");
  const [first, second] = [await hash(whelp.part("compare-grid-0")), await hash(whelp.part("compare-grid-1"))];
  expect(first).not.toBe(second);
  await expect(whelp.part("compare-lines")).toHaveAttribute("data-points", "10 10");
  for (const network of ["generator", "discriminator"]) await expect.poll(() => drawn(whelp, `Loss of the ${network}`)).toBeGreaterThan(20);
  const rows = await whelp.part("differences").locator("tbody tr").evaluateAll((rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent)));
  expect(rows).toEqual(expect.arrayContaining([["Pictures seen", "40", "80"], ["Seed", "7", "8"]]));
  expect(rows.filter(([, one, other]) => one === "4" && other === "8"), "the batch").toHaveLength(1);
  const table = info.outputPath("lines.csv");
  await whelp.downloads.save(() => whelp.part("csv-compare-generator").click(), table);
  const lines = readFileSync(table, "utf8").trimEnd().split("\n");
  expect(lines[0]).toBe("pictures,first,second");
  // Every 4 pictures up to 40, and every 8 up to 80.
  expect(lines.slice(1).map((line) => Number(line.split(",")[0]))).toEqual([4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 48, 56, 64, 72, 80]);
  expect(lines[15].split(",").map((cell) => cell !== "")).toEqual([true, false, true]);

  // Both as they were after as many pictures: before the first step, when the first run was at its end, and now.
  const course = whelp.part("compare-course");
  await expect(course).toHaveAttribute("max", "2");
  await course.fill("0");
  for (const [index, name, now] of [[0, "Built-in dogs", first], [1, "Built-in dogs 2", second]]) {
    await whelp.shows(`compare-caption-${index}`, `${name} · after 0 pictures`);
    expect(await hash(whelp.part(`compare-grid-${index}`))).not.toBe(now);
  }
  await expect(course).toHaveAttribute("aria-valuetext", "after 0 pictures");
  await course.press("ArrowRight");
  await whelp.shows("compare-caption-0", "after 40 pictures");
  await whelp.shows("compare-caption-1", "after 0 pictures");
  expect(await hash(whelp.part("compare-grid-0"))).toBe(first);
  await course.press("End");
  await whelp.shows("compare-caption-1", "after 80 pictures");
  await expect(course).toHaveAttribute("aria-valuetext", "the newest pictures");
  expect(await hash(whelp.part("compare-grid-1"))).toBe(second);

  await whelp.part("compare-measure").selectOption({ label: "What the discriminator answers" });
  for (const index of [0, 1]) {
    const measured = info.outputPath(`measured-${index}.csv`);
    await whelp.downloads.save(() => whelp.part(`csv-compare-measure-${index}`).click(), measured);
    const rows = readFileSync(measured, "utf8").trimEnd().split("\n");
    expect(rows[0]).toBe("pictures,first,second");
    expect(rows).toHaveLength(16);
  }

  // Another address is another order, and it lasts.
  const [one, other] = ids(page);
  await page.goto(`/#compare=${other},${one}`);
  for (const load of [async () => {}, () => whelp.reload()]) {
    await load();
    await whelp.shows("compare-caption-0", "Built-in dogs 2 · after 80 pictures");
    await expect.poll(() => hash(whelp.part("compare-grid-0"))).toBe(second);
    await expect.poll(() => hash(whelp.part("compare-grid-1"))).toBe(first);
  }
  await whelp.part("view-runs").click();
  await page.goBack();
  await expect(whelp.part("compare")).toBeVisible();

  // A run that goes on is compared as it is saved.
  await whelp.part("view-runs").click();
  await whelp.part("continue-run").last().click();
  await whelp.waitForStep(12);
  await whelp.part("view-runs").click();
  await whelp.part("compare-run").first().click();
  await page.evaluate(() => {
    Object.defineProperty(document, "hidden", { get: () => true, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await expect.poll(async () => Math.max(...(await whelp.part("compare-lines").getAttribute("data-points")).split(" ").map(Number))).toBeGreaterThan(11);
  await whelp.part("stop").click();
  await whelp.open("/#compare=gone,1");
  await expect(whelp.part("compare-gone")).toBeVisible();
  await expect(whelp.part("error")).toHaveCount(0);

  await page.setViewportSize({ width: 360, height: 740 });
  await whelp.shows("compare-caption-0", "after");
  const beyond = await page.evaluate(() => document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth);
  expect(beyond, "nothing is wider than the screen").toBeLessThanOrEqual(0);
});

test("another run is chosen by keyboard, and the address follows", async ({ page, whelp }) => {
  await whelp.open();
  await whelp.chooseSize(4, 4);
  await whelp.trainFor(2);
  for (const starts of ["train", "use-settings", "use-settings"]) {
    if (starts === "use-settings") await whelp.part(starts).first().click();
    await whelp.part("train").click();
    await whelp.shows("status", "Finished", 4 * MINUTE);
  }
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press("c");
  await whelp.shows("compare-caption-0", "Built-in dogs 3 · after");
  await whelp.shows("compare-caption-1", "Built-in dogs 2 · after");
  await whelp.part("compare-run-1").focus();
  await page.keyboard.press("End");
  await whelp.shows("compare-caption-1", "Built-in dogs · after");
  await expect(page).toHaveURL(/#compare=[0-9a-f]+,[0-9a-f]+$/);
  await whelp.part("compare-run-0").selectOption("Built-in dogs 2");
  await whelp.shows("compare-caption-0", "Built-in dogs 2 · after");
  await expect(whelp.part("compare-run-1").locator("option:disabled")).toHaveText("Built-in dogs 2");
  await page.goBack();
  await whelp.shows("compare-caption-0", "Built-in dogs 3 · after");
});
