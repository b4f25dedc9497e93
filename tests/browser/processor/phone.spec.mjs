// A phone: a finger instead of a mouse, and a narrow screen.

import { expect, test } from "../fixtures.mjs";
import { png } from "../files.mjs";

test.use({ viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true });

/** The least height of what a finger has to meet, in CSS pixels. */
const FINGER = 40;

/** What is wrong with the page as it is: parts beyond the screen's edge, buttons too low for a finger. */
async function expectToFit(page, state) {
  const faults = await page.evaluate((least) => {
    const { scrollWidth, clientWidth } = document.scrollingElement;
    const isSeen = (element) => element.checkVisibility() && !element.matches(".unseen");
    const name = ({ dataset, textContent, className }) => dataset.testid ?? `${textContent.trim().slice(0, 30)} (${className})`;
    const low = [...document.querySelectorAll("button, .button, select, summary")].filter(
      (element) => isSeen(element) && element.getBoundingClientRect().height < least,
    );
    const wide = scrollWidth > clientWidth ? [`the page is ${scrollWidth} px wide`] : [];
    return [...wide, ...low.map((element) => `${name(element)} is ${element.getBoundingClientRect().height} px high`)];
  }, FINGER);
  expect(faults, state).toEqual([]);
}

test("a phone trains by touch, nothing scrolls sideways, and a finger meets every button", async ({ page, whelp }) => {
  await whelp.open();
  expect(await page.evaluate(() => matchMedia("(pointer: coarse)").matches)).toBe(true);
  await expectToFit(page, "first visit");
  await whelp.chooseSize(4, 4);
  await whelp.unfold("data", "model", "train", "schedule", "augment", "output");
  await expectToFit(page, "advanced settings");
  const pictures = [0, 1, 2].map((seed) => ({ name: `${seed}.png`, mimeType: "image/png", buffer: png(48, seed) }));
  await whelp.part("pick-pictures").setInputFiles([...pictures, { name: "a.jpg", mimeType: "image/jpeg", buffer: Buffer.from("no") }]);
  await expect(whelp.part("data-summary")).toContainText("3 pictures");
  await whelp.part("data-problems").locator("summary").first().tap();
  await expectToFit(page, "pictures with problems");

  await whelp.part("train").tap();
  await whelp.firstLosses();
  await expectToFit(page, "training");
  await whelp.part("pause").tap();
  await whelp.appears("resume");
  const seen = await whelp.seen();
  await whelp.part("resume").tap();
  await expect.poll(() => whelp.seen()).toBeGreaterThan(seen);
  await whelp.part("stop").tap();
  await whelp.appears("continue");
  await whelp.part("generate-more").tap();
  await whelp.shows("grid-caption", "new samples");
  await expectToFit(page, "new samples");
  await expect(whelp.part("error")).toHaveCount(0);
});
