// What a visitor does, as tests of any browser.

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect } from "@playwright/test";
import { parseSafetensors, png, zip } from "../files.mjs";
import { PAST_GREY } from "../whelp.mjs";

const fixture = (name) => fileURLToPath(new URL(`../../fixtures/${name}`, import.meta.url));

/** Pictures of each of the formats that cameras and sites make. */
const PICTURES = ["rgb.jpg", "lossy.webp", "rgb.png", "progressive.jpg", "animated.gif"].map(fixture);

/**
 * Makes the tests with `test`, whose fixture `whelp` is the page in the browser that is tested. `device` is what the page names,
 * `insecureHost` a name of this machine that is no secure context. `keepsPictures` tells whether the browser gives pages storage.
 */
export function visits(test, { device, insecureHost, keepsPictures }) {
  test("the page opens and trains on the processor, pauses and goes on", async ({ whelp }) => {
    await whelp.open();
    await whelp.shows("device", device);
    await whelp.shows("device-reason", /^This browser does not offer WebGPU, so the processor trains/);
    await whelp.starter();
    await whelp.chooseSize(8, 8);
    await whelp.train();
    const early = await whelp.grid();
    const later = await whelp.gridAfter(PAST_GREY);
    expect(later.hash, "pictures after more training").not.toBe(early.hash);
    expect(later.colours, "sixty-four trained pictures").toBeGreaterThan(1000);
    expectFinite(await whelp.losses());

    await whelp.pause();
    const paused = await whelp.seen();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(await whelp.seen(), "images seen while paused").toBe(paused);
    await whelp.resume();
    await expect.poll(() => whelp.seen()).toBeGreaterThan(paused);
    await whelp.stop();
    expectFinite(await whelp.losses());
    expect(await whelp.part("error").count()).toBe(0);
  });

  test("pictures that are picked or dropped are read and trained on, and kept for the next visit where the browser keeps them", async ({ whelp }, info) => {
    const archive = info.outputPath("pups.zip");
    writeFileSync(archive, zip(Array.from({ length: 20 }, (_, seed) => [`pups/${seed}.png`, png(48, seed)])));
    const letter = info.outputPath("letter.jpg");
    writeFileSync(letter, "Dear aunt, here are the dogs.");
    await whelp.open();

    await whelp.part("pick-pictures").setInputFiles([...PICTURES, letter]);
    await whelp.shows("data-summary", `${PICTURES.length} pictures`);
    await whelp.shows("data-problems", "1 file could not be used");
    await whelp.shows("data-problems", "letter.jpg");
    await whelp.drop([archive]);
    await whelp.shows("data-summary", "pups.zip · 20 pictures");
    const strip = await stripOf(whelp);
    await whelp.chooseSize(4, 4);
    await whelp.train();
    await whelp.stop();
    const file = info.outputPath("pups.safetensors");
    await whelp.download(file);
    expect(metaOf(file).data).toMatchObject({ name: "pups.zip", count: 20, channels: 3 });

    await whelp.open();
    if (keepsPictures) await whelp.shows("kept", "kept for your next visit");
    await whelp.part("pick-pictures").setInputFiles(archive);
    await whelp.shows("data-summary", "pups.zip · 20 pictures");
    expect(await stripOf(whelp)).toBe(strip);
    if (keepsPictures) {
      await whelp.part("clear-kept").click();
      await whelp.appears("kept", { visible: false });
    } else {
      await whelp.shows("not-kept", "nothing is kept for your next visit");
    }
    expect(await whelp.part("error").count()).toBe(0);
  });

  test("a checkpoint is saved, and a reloaded page draws the same pictures from it and goes on", async ({ whelp }, info) => {
    await whelp.open();
    await whelp.chooseSize(8, 8, { seed: 7 });
    await whelp.train();
    await whelp.waitForStep(PAST_GREY);
    await whelp.stop();
    const [step, seen, grid, losses] = [await whelp.step(), await whelp.seen(), await whelp.grid(), await whelp.losses()];
    const file = info.outputPath("saved.safetensors");
    expect(await whelp.download(file)).toBe(`whelp-dcgan32-${seen}.safetensors`);
    const meta = metaOf(file);
    expect(meta).toMatchObject({ progress: { step, nimg: seen }, random: { seed: 7 }, data: { name: "Built-in dogs" } });

    await whelp.reload();
    await whelp.openCheckpoint(file);
    await whelp.shows("checkpoint-summary", `${step} steps`);
    expect(await whelp.grid()).toEqual(grid);
    expect(await whelp.losses(), "the losses that led there").toEqual(losses);
    await whelp.part("continue").click();
    await whelp.waitForStep(step + 1);
    await whelp.stop();
    expectFinite(await whelp.losses());
    const again = info.outputPath("again.safetensors");
    await whelp.download(again);
    expect(metaOf(again).progress.step).toBeGreaterThan(step);
    expect(await whelp.part("error").count()).toBe(0);
  });

  test("at an insecure address the page trains, and says what is missing there", async ({ site, whelp }) => {
    const origin = `http://${insecureHost}:${site.port}`;
    await whelp.open(`${origin}/`);
    await whelp.shows("device", /processor · CPU$/);
    await whelp.shows("device-reason", `This page's address, ${origin}, is not secure`);
    await whelp.shows("not-kept", "nothing is kept");
    await whelp.chooseSize(4, 4);
    await whelp.train();
    await whelp.stop();
    expectFinite(await whelp.losses());
    expect(await whelp.part("error").count()).toBe(0);
  });
}

function metaOf(file) {
  return JSON.parse(parseSafetensors(readFileSync(file)).metadata.whelp);
}

function expectFinite({ discriminator, generator }) {
  expect(Number.isFinite(discriminator) && Number.isFinite(generator), `${discriminator}, ${generator}`).toBe(true);
}

/** The strip of real pictures, as a data URL. */
function stripOf(whelp) {
  return whelp.part("preview").evaluate((canvas) => canvas.toDataURL());
}
