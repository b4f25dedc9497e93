// Films as MP4 or WebM, by the browser's own encoder.

import { readFileSync } from "node:fs";
import { expect, test } from "../fixtures.mjs";

/** Frames from one favourite to the next, and how long each is seen. */
const [STEPS, FRAME_MS] = [24, 80];

/** The buttons over the pictures of a part. */
const picks = (whelp, id) => whelp.part(id).locator("xpath=..").locator(".picks button");

/** Size and length of a film as a browser plays it, and the mean colour of its first frame. */
async function played(context, file, type) {
  const page = await context.newPage();
  const address = `data:${type};base64,${readFileSync(file).toString("base64")}`;
  const film = await page.evaluate(async (address) => {
    const video = Object.assign(document.createElement("video"), { src: address, muted: true });
    document.body.append(video);
    await new Promise((loaded, failed) => Object.assign(video, { onloadeddata: loaded, onerror: () => failed(new Error(video.error.message)) }));
    const { videoWidth: width, videoHeight: height, duration } = video;
    const context = new OffscreenCanvas(width, height).getContext("2d");
    // What the browser says is there may still be on its way to the canvas.
    for (let tries = 0; tries < 50; tries++) {
      context.drawImage(video, 0, 0);
      if (context.getImageData(0, 0, width, height).data.some((value, at) => at % 4 < 3 && value > 0)) break;
      await new Promise((later) => setTimeout(later, 100));
    }
    const { data } = context.getImageData(0, 0, width, height);
    const mean = [0, 1, 2].map((channel) => data.filter((_, at) => at % 4 === channel).reduce((sum, value) => sum + value, 0) / (width * height));
    return { width, height, duration, mean };
  }, address);
  await page.close();
  return film;
}

/** The mean colour of a canvas. */
const mean = (part) =>
  part.evaluate((canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return [0, 1, 2].map((channel) => data.filter((_, at) => at % 4 === channel).reduce((sum, value) => sum + value, 0) / (canvas.width * canvas.height));
  });

test("a film is saved as a video that begins with the first favourite, and its library is fetched only then", async ({ page, context, whelp, requested }, info) => {
  await page.emulateMedia({ reducedMotion: "reduce" });
  await whelp.open("/#play");
  for (const place of [2, 0]) {
    await picks(whelp, "play-grid").nth(place).click();
    await whelp.appears("large");
    await whelp.part("like").click();
    await whelp.part("back").click();
  }
  await whelp.part("film").click();
  await expect(whelp.part("film")).toHaveAttribute("data-frames", String(2 * STEPS));
  const first = await mean(whelp.part("large"));
  const isFetched = () => requested.some((address) => address.endsWith("mediabunny.min.mjs"));
  expect(isFetched()).toBe(false);
  // 32 pixels, three times as large.
  await whelp.part("scale").selectOption("3");
  const file = info.outputPath("film");
  const name = await whelp.downloads.save(() => whelp.part("save-video").click(), file);
  expect(name).toMatch(/^whelp-film\.(mp4|webm)$/);
  expect(isFetched()).toBe(true);
  const film = await played(context, file, name.endsWith("mp4") ? "video/mp4" : "video/webm");
  expect([film.width, film.height]).toEqual([96, 96]);
  expect(film.duration).toBeCloseTo((2 * STEPS * FRAME_MS) / 1000, 1);
  for (const [channel, value] of film.mean.entries()) expect(Math.abs(value - first[channel]), `channel ${channel}`).toBeLessThan(6);
  await expect(whelp.part("error")).toHaveCount(0);
});

test("where the browser has no encoder there are GIFs alone", async ({ page, whelp }) => {
  await page.addInitScript(() => delete globalThis.VideoEncoder);
  await whelp.open();
  await whelp.chooseSize(4, 4, { "output-sample-steps": 1 });
  await whelp.trainFor(3);
  await whelp.part("train").click();
  await whelp.shows("status", "Finished");
  await whelp.part("view-play").click();
  await expect(whelp.part("save-course")).toBeVisible();
  await expect(whelp.part("save-course-video")).toHaveCount(0);
});
