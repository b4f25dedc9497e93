// The tour of a first visit: it follows what the visitor does, and never comes back.

import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "../fixtures.mjs";
import { png } from "../files.mjs";

const done = (whelp) => whelp.part("tour").locator("li.done");

test("the tour follows what is done, in any order, and is not shown again when it is over", async ({ whelp }, info) => {
  const folder = info.outputPath("pets");
  mkdirSync(folder);
  for (let seed = 0; seed < 8; seed++) writeFileSync(path.join(folder, `${seed}.png`), png(48, seed));
  await whelp.open();
  await expect(whelp.part("tour-step")).toContainText("Press Train.");
  await expect(whelp.part("tour").locator("[aria-current=step]")).toHaveText("Train");
  await whelp.chooseSize(4, 4);
  await whelp.train();
  await expect(whelp.part("tour-step")).toContainText("Noise becomes colours");
  await expect(done(whelp)).toHaveText(["Train, done"]);
  await whelp.stop();
  // Whatever comes first is done.
  await whelp.part("pick-folder").setInputFiles(folder);
  await expect(whelp.part("data-summary")).toContainText("pets");
  await expect(done(whelp)).toHaveText(["Train, done", "Your pictures, done"]);
  await whelp.part("tour-skip").click();
  await expect(whelp.part("tour-step")).toContainText("Open Play");
  await whelp.part("view-play").click();
  await expect(whelp.part("tour-step")).toContainText("That was the tour.");
  await expect(whelp.part("tour-skip")).toHaveCount(0);
  await whelp.open();
  await whelp.starter();
  await expect(whelp.part("tour")).toHaveCount(0);
});

test("the tour is dismissed for good by the keyboard alone, and the page can be used meanwhile", async ({ page, whelp }) => {
  await whelp.open();
  await expect(page.getByRole("region", { name: "First time here?" })).toBeVisible();
  // Nothing lies under it.
  const place = await whelp.part("tour").boundingBox();
  const hidden = await page.evaluate(({ x, y, width, height }) => {
    const tour = document.elementFromPoint(x + width / 2, y + height / 2).closest(".tour");
    return getComputedStyle(tour).position;
  }, place);
  expect(hidden).toBe("static");
  await whelp.part("tour-close").focus();
  await page.keyboard.press("Enter");
  await expect(whelp.part("tour")).toHaveCount(0);
  await expect(whelp.part("train"), "the focus is not lost").toBeFocused();
  await whelp.open();
  await whelp.starter();
  await expect(whelp.part("tour")).toHaveCount(0);
});
