// Drawn pictures beside real ones: for people, who say which is which, and to find copies.

import { expect, test } from "../fixtures.mjs";

const MINUTE = 60_000;

/** Pictures of a round. */
const PICTURES = 20;

/** What the stage shows, as one string. */
const picture = (whelp) => whelp.part("large").evaluate((canvas) => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.join());

/** Answers all questions of a round: `say` gets what the stage shows. */
async function answer(page, whelp, say) {
  for (let place = 1; place <= PICTURES; place++) {
    await whelp.shows("question", `Picture ${place} of ${PICTURES}`);
    await whelp.appears("large");
    await page.keyboard.press((await say(await picture(whelp))) ? "ArrowRight" : "ArrowLeft");
  }
}

test("a round shows as many real pictures as drawn ones, counts what fools, and is kept with the run", async ({ page, whelp }) => {
  await whelp.open();
  await whelp.chooseSize(4, 4);
  await whelp.trainFor(3);
  await whelp.part("train").click();
  await whelp.shows("status", "Finished");
  await whelp.part("view-play").click();
  await whelp.part("start-round").click();
  const seen = new Set();
  await answer(page, whelp, (picture) => {
    seen.add(picture);
    return true;
  });
  expect(seen.size, "each picture is another").toBe(PICTURES);
  await whelp.shows("round", "0 of 10 drawn pictures were taken for real, and 10 of 10 real ones for drawn.");
  await whelp.shows("rounds", "In one round: fooled by 0 of 10 (0 %, 0 to 28 %); wrong in 10 of 20 (50 %, 30 to 70 %)");
  await expect(whelp.part("recognised").locator("xpath=..").locator(".picks button")).toHaveCount(10);

  await whelp.part("start-round").click();
  await answer(page, whelp, () => false);
  await whelp.shows("round", "10 of 10 drawn pictures were taken for real, and 0 of 10 real ones for drawn.");
  await expect(whelp.part("fooled").locator("xpath=..").locator(".picks button")).toHaveCount(10);
  await whelp.shows("rounds", "In 2 rounds: fooled by 10 of 20 (50 %, 30 to 70 %)");

  // Of a run that is opened again.
  await whelp.reload();
  await whelp.part("view-runs").click();
  await whelp.part("play-run").first().click();
  await whelp.shows("rounds", "In 2 rounds: fooled by 10 of 20 (50 %, 30 to 70 %)");
  await whelp.shows("rounds", "They are kept with the run.");
});

test("a brief round hides each picture after a second, and a round can be given up", async ({ page, whelp }) => {
  await whelp.open();
  await whelp.starter();
  await whelp.part("view-play").click();
  await whelp.part("brief").check();
  await whelp.part("start-round").click();
  for (const place of [1, 2]) {
    await whelp.shows("question", `Picture ${place} of ${PICTURES}`);
    await whelp.appears("large");
    await whelp.appears("large", { visible: false, timeout: 5000 });
    await whelp.part("say-real").click();
  }
  await page.keyboard.press("Escape");
  await whelp.appears("play-grid");
  await whelp.appears("start-round");
  expect(await whelp.part("rounds").isVisible(), "an unfinished round does not count").toBe(false);
});

test("pictures are compared with those that are loaded, and the closest pairs are shown", async ({ whelp }) => {
  test.setTimeout(10 * MINUTE);
  await whelp.open();
  await whelp.starter();
  await whelp.part("view-play").click();
  await whelp.part("look-for-copies").click();
  await whelp.shows("copies-found", /Looking at the loaded pictures: [\d,]+ of 5,000/);
  await whelp.shows("copies-found", /Compared with the built-in dogs: \d+ of 100 pictures \(.*\) are as close to one of 5000 training pictures/, 8 * MINUTE);
  const size = await whelp.part("pairs").evaluate(({ width, height }) => [width, height]);
  expect(size, "five pairs in a row, a pixel between pictures").toEqual([5 * 33 - 1, 4 * 33 - 1]);

  // What has been looked at once is known.
  await whelp.part("play-grid").locator("xpath=..").locator(".picks button").first().click();
  await whelp.part("nearest").click();
  await whelp.shows("copies-found", "The open picture, and below it what it comes nearest to among the built-in dogs.");
  expect(await whelp.part("pairs").evaluate(({ width, height }) => [width, height])).toEqual([32, 65]);
});
