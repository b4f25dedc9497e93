// Takes pictures of every state of the page for docs/screens.md: the page in dist/, in a real browser with a real worker.
//
//   node tests/browser/screens.mjs [CHECKPOINT] [--only=STORY]...
//
// Training continues from CHECKPOINT. Without one, the generated pictures are those of a few hundred steps.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "@playwright/test";
import { WITHOUT_WEBGPU, WITH_WEBGPU, executablePath } from "./browser.mjs";
import { indexedPng, png, withClasses, zip } from "./files.mjs";
import { serve } from "./server.mjs";
import { DEFAULT, R3GAN, Whelp, endGraphicsProcess } from "./whelp.mjs";

const options = process.argv.slice(2);
const checkpoint = options.find((option) => !option.startsWith("--"));
const only = options.filter((option) => option.startsWith("--only=")).map((option) => option.slice("--only=".length));

const FOLDER = fileURLToPath(new URL("../../docs/screens/", import.meta.url));
const WIDE = { width: 1280, height: 900 };
const NARROW = { width: 360, height: 740 };

/** A small training, long enough for colours and blobs. */
const [WIDTH, BATCH, STEPS] = [16, 16, 800];

/** Colours in each picture. */
const COLOURS = 192;

const MINUTE = 60_000;

const site = await serve();
const scratch = mkdtempSync(path.join(tmpdir(), "whelp-screens-"));
mkdirSync(FOLDER, { recursive: true });

/** Opens the page in a new browser and runs `story` on it. */
async function visit(args, options, story) {
  const browser = await chromium.launch({ executablePath, args });
  const page = await browser.newPage({ baseURL: site.origin, viewport: WIDE, reducedMotion: "reduce", ...options });
  page.setDefaultTimeout(10 * MINUTE);
  // The tour is over after the first visit.
  if (story !== firstVisit) await page.addInitScript(() => localStorage.setItem("whelp-tour", "on"));
  try {
    await story(new Whelp(page), page);
  } finally {
    await browser.close();
  }
}

async function keep(page, name, part = page) {
  const file = await shrunk(page, await part.screenshot());
  writeFileSync(path.join(FOLDER, `${name}.png`), file);
  console.log(`${name}: ${Math.round(file.length / 1000)} kB`);
}

/** The same picture in few colours, so that it is small: a repository keeps every version for ever. */
async function shrunk(page, screenshot) {
  const { width, height, palette, indices } = await page.evaluate(inFewColours, [screenshot.toString("base64"), COLOURS]);
  return indexedPng(width, height, palette, Buffer.from(indices, "latin1"));
}

/**
 * Median cut (Heckbert 1982). It runs in the page, which can decode a PNG. A colour's weight is the square root of its
 * number of pixels; otherwise the background would take all colours.
 */
async function inFewColours([base64, most]) {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  const pixels = Array.from({ length: width * height }, (_, i) => (data[4 * i] << 16) | (data[4 * i + 1] << 8) | data[4 * i + 2]);
  const counts = new Map();
  for (const rgb of pixels) counts.set(rgb, (counts.get(rgb) ?? 0) + 1);

  const boxOf = (colours) => {
    const weight = colours.reduce((sum, colour) => sum + colour.weight, 0);
    const spreads = [0, 1, 2].map((channel) => {
      const mean = colours.reduce((sum, { rgb, weight }) => sum + weight * rgb[channel], 0) / weight;
      return colours.reduce((sum, { rgb, weight }) => sum + weight * (rgb[channel] - mean) ** 2, 0);
    });
    const spread = Math.max(...spreads);
    return { colours, weight, spread, channel: spreads.indexOf(spread) };
  };
  const all = Array.from(counts, ([key, count]) => ({ key, rgb: [key >> 16, (key >> 8) & 255, key & 255], weight: Math.sqrt(count) }));
  let boxes = [boxOf(all)];
  while (boxes.length < most) {
    const widest = boxes.reduce((a, b) => (b.spread > a.spread ? b : a));
    if (widest.spread === 0) break;
    const { channel, weight } = widest;
    const sorted = widest.colours.toSorted((a, b) => a.rgb[channel] - b.rgb[channel]);
    let sum = 0;
    const half = sorted.findIndex((colour) => (sum += colour.weight) >= weight / 2);
    const cut = Math.min(Math.max(half, 1), sorted.length - 1);
    boxes = boxes.filter((box) => box !== widest).concat(boxOf(sorted.slice(0, cut)), boxOf(sorted.slice(cut)));
  }
  const indexOf = new Map();
  const palette = boxes.flatMap(({ colours, weight }, index) => {
    for (const { key } of colours) indexOf.set(key, index);
    // A flat background keeps its exact colour.
    const main = colours.reduce((a, b) => (b.weight > a.weight ? b : a));
    if (main.weight > weight / 4) return main.rgb;
    return [0, 1, 2].map((channel) => Math.round(colours.reduce((sum, { rgb, weight }) => sum + weight * rgb[channel], 0) / weight));
  });
  return { width, height, palette, indices: pixels.map((rgb) => String.fromCharCode(indexOf.get(rgb))).join("") };
}

/** Takes a picture in light and in dark colours. */
async function keepBoth(page, name) {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    // The chart is drawn again in other colours.
    await page.waitForTimeout(200);
    await keep(page, `${name}-${colorScheme}`);
  }
  await page.emulateMedia({ colorScheme: "light" });
}

/** Scrolls an element to just below the upper edge. */
async function show(part) {
  await part.evaluate((element) => scrollTo(0, element.getBoundingClientRect().top + scrollY - 16));
}

/** An archive with pictures and with files that are not pictures. */
function mixedArchive() {
  const entries = Array.from({ length: 40 }, (_, seed) => [`${seed}.png`, png(48, seed)]);
  entries.push(["holiday/letter.jpg", Buffer.from("Dear aunt, here are the dogs.")], ["holiday/empty.jpg", Buffer.alloc(0)]);
  entries.push(["cut off.png", png(48, 99).subarray(0, 120)]);
  const file = path.join(scratch, "holiday.zip");
  writeFileSync(file, zip(entries));
  return file;
}

/** An archive that takes seconds to read. */
function largeArchive() {
  const distinct = Array.from({ length: 200 }, (_, seed) => png(160, seed));
  const file = path.join(scratch, "ten thousand.zip");
  writeFileSync(file, zip(Array.from({ length: 10_000 }, (_, i) => [`${i}.png`, distinct[i % distinct.length]])));
  return file;
}

async function firstVisit(whelp, page) {
  await whelp.open();
  await whelp.starter();
  await keepBoth(page, "first-visit");
}

async function measuring(whelp, page) {
  // The software graphics device pretends to be a real one, so that the page tries it out.
  await page.context().route("**/trainer.js", async (route) => {
    const response = await route.fetch();
    const mask = (name, value) => `Object.defineProperty(GPUAdapterInfo.prototype, "${name}", { get: () => ${value} });`;
    const body = mask("architecture", '"test"') + mask("isFallbackAdapter", "false") + mask("description", '"Graphics device"');
    await route.fulfill({ response, body: body + (await response.text()) });
  });
  await page.goto("/");
  await whelp.part("status").filter({ hasText: "Measuring" }).waitFor();
  await keep(page, "trying-out");
}

async function pictures(whelp, page) {
  await whelp.open();
  await keep(page, "no-webgpu");
  await whelp.part("pick-pictures").setInputFiles(largeArchive());
  await page.locator(".words").filter({ hasText: /^[3-9],\d+ of 10,000 read/ }).waitFor();
  await keep(page, "reading");
  await whelp.part("cancel-data").click();
  await whelp.part("pick-pictures").setInputFiles(mixedArchive());
  await whelp.part("data-problems").locator("summary").click();
  await keep(page, "problems");
  await whelp.part("open-checkpoint").setInputFiles({ name: "letter.safetensors", mimeType: "", buffer: Buffer.from("Dear aunt") });
  await whelp.part("error").waitFor();
  await keepBoth(page, "error");
}

/** A typical archive of one's own, with several kinds of flagged files. */
async function doctor(whelp, page) {
  const entries = Array.from({ length: 24 }, (_, seed) => [`dogs/${seed}.png`, png(96, seed)]);
  entries.push(["dogs/copy of 3.png", png(96, 3)], ["dogs/thumbnail.png", png(24, 40)]);
  entries.push(["dogs/letter.jpg", Buffer.from("Dear aunt, here are the dogs.")]);
  const file = path.join(scratch, "dogs.zip");
  writeFileSync(file, zip(entries));
  await whelp.open();
  await whelp.part("pick-pictures").setInputFiles(file);
  await whelp.part("data-check").locator("summary").click();
  await show(page.locator(".pictures"));
  await keepBoth(page, "check");
}

async function deviceLost(whelp, page) {
  await whelp.open();
  await whelp.chooseSize(8, 16);
  await whelp.train();
  // Late enough that the pictures are no longer grey.
  await whelp.gridAfter(45, 10 * MINUTE);
  await whelp.download(path.join(scratch, "before.safetensors"));
  await endGraphicsProcess(page.context().browser());
  await whelp.part("recover").waitFor();
  // The browser needs a moment to find another device to draw with.
  await page.waitForTimeout(4000);
  await page.evaluate(() => scrollTo(0, 0));
  await keep(page, "device-lost");
  await whelp.part("recover").click();
  await whelp.part("pause").waitFor();
  await keep(page, "device-recovered");
}

/** The device is lost before anything is saved, and asked for less. */
async function askedLess(whelp, page) {
  await whelp.open();
  await whelp.starter();
  await whelp.chooseSize(8, 16);
  await whelp.train();
  await endGraphicsProcess(page.context().browser());
  await whelp.part("warning").waitFor();
  await whelp.part("pause").waitFor();
  await page.waitForTimeout(4000);
  await page.evaluate(() => scrollTo(0, 0));
  await keepBoth(page, "asked-less");
}

/** Networks that do not move get no better: what the page says of that, and its buttons. */
async function stalled(whelp, page) {
  await whelp.open();
  const still = { "generator-lr": 1e-9, "discriminator-lr": 1e-9 };
  await whelp.chooseSize(8, 16, { recipe: DEFAULT, ...still, "metrics-every-kimg": 0.5, "metrics-count": 100, "metrics-budget": 1 });
  await whelp.train();
  // Now and then chance makes a score better.
  const take = async (name, colorScheme, size) => {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize(size);
    await whelp.part("cure-larger-pictures").waitFor();
    await show(whelp.part("cure-larger-pictures"));
    await page.evaluate(() => scrollBy(0, -320));
    await keep(page, name);
  };
  await take("stalled-light", "light", WIDE);
  await take("stalled-dark", "dark", WIDE);
  await take("stalled-narrow", "light", NARROW);
}

async function settings(whelp, page) {
  await whelp.open();
  await whelp.unfold("train");
  await show(page.locator(".settings"));
  await whelp.part("setting-r1-gamma").focus();
  await keepBoth(page, "settings");
  await whelp.settle({ batch: 1 });
  await keep(page, "settings-refused");
  await whelp.settle({ batch: 16 });
  await page.setViewportSize(NARROW);
  await show(whelp.part("section-train"));
  await whelp.part("setting-discriminator-lr").focus();
  await keep(page, "settings-narrow");
}

async function classes(whelp, page) {
  await whelp.open();
  await whelp.chooseSize(4, 4, { recipe: R3GAN });
  await whelp.train();
  await whelp.stop();
  const file = path.join(scratch, "two breeds.safetensors");
  await whelp.download(file);
  writeFileSync(file, withClasses(readFileSync(file), ["beagle", "husky"]));
  await whelp.openCheckpoint(file);
  await whelp.part("draw-class").selectOption("husky");
  await whelp.part("grid-caption").filter({ hasText: "husky" }).waitFor();
  await keep(page, "classes", page.locator(".part").filter({ has: whelp.part("draw-class") }));
}

async function training(whelp, page) {
  await whelp.open();
  if (checkpoint) {
    await whelp.openCheckpoint(checkpoint);
    const step = await whelp.step();
    await whelp.trainFor(step + STEPS);
    await whelp.part("advanced").locator("> summary").click();
    await whelp.part("continue").click();
    await whelp.waitForStep(step + STEPS / 2, 10 * MINUTE);
  } else {
    await whelp.chooseSize(WIDTH, BATCH);
    await whelp.trainFor(STEPS);
    await whelp.part("advanced").locator("> summary").click();
    await whelp.part("train").click();
    await whelp.waitForStep(STEPS / 2, 10 * MINUTE);
  }
  await page.evaluate(() => scrollTo(0, 0));
  await keepBoth(page, "training");
  await page.setViewportSize(NARROW);
  await keep(page, "training-narrow");
  await page.setViewportSize(WIDE);
  await whelp.pause();
  await keep(page, "paused");
  await whelp.resume();
  await whelp.part("status").filter({ hasText: "Finished" }).waitFor();
  await keepBoth(page, "finished");
  const file = path.join(scratch, "dogs.safetensors");
  await whelp.download(file);
  await whelp.open();
  await whelp.openCheckpoint(file);
  await keepBoth(page, "checkpoint");
}

/** Three runs, of which the last is interrupted. */
async function runs(whelp, page) {
  page.on("dialog", (dialog) => dialog.accept());
  await whelp.open();
  await whelp.chooseSize(WIDTH, BATCH);
  await whelp.train();
  await whelp.waitForStep(STEPS / 2, 10 * MINUTE);
  await whelp.stop();
  const folder = path.join(scratch, "discs");
  mkdirSync(folder);
  for (let seed = 0; seed < 40; seed++) writeFileSync(path.join(folder, `${seed}.png`), png(48, seed));
  await whelp.open();
  await whelp.part("pick-folder").setInputFiles(folder);
  await whelp.part("data-summary").filter({ hasText: "discs" }).waitFor();
  for (const width of [8, 16]) {
    await whelp.chooseSize(width, BATCH);
    await whelp.train();
    await whelp.waitForStep(STEPS / 4, 10 * MINUTE);
    if (width === 8) {
      await whelp.stop();
      await whelp.part("use-settings").first().click();
      await whelp.part("data-summary").filter({ hasText: "discs" }).waitFor();
    }
  }
  await whelp.pause();
  await whelp.open();
  await whelp.part("offer").waitFor();
  await whelp.starter();
  await keepBoth(page, "offer");
  await show(whelp.part("runs"));
  await keepBoth(page, "runs");
  await page.setViewportSize(NARROW);
  await show(whelp.part("offer"));
  await keep(page, "offer-narrow");
  await show(whelp.part("runs"));
  await keep(page, "runs-narrow");
  await page.setViewportSize(WIDE);
  await page.evaluate(() => scrollTo(0, 0));
  await whelp.part("not-now").click();
  await whelp.part("compare-run").first().click();
  await whelp.part("compare-caption-1").filter({ hasText: "after" }).waitFor();
  await keepBoth(page, "compare");
  await page.setViewportSize(NARROW);
  await keep(page, "compare-narrow");
}

/** The starter's pictures, one of them with its neighbours, favourites. */
async function play(whelp, page) {
  await whelp.open("/#play");
  const tiles = (id) => whelp.part(id).locator("xpath=..").locator(".picks button");
  await tiles("play-grid").nth(35).waitFor();
  await keep(page, "play-light");
  for (const place of [4, 9, 20]) {
    await tiles("play-grid").nth(place).click();
    await whelp.part("like").click();
    await tiles("around").nth(8).waitFor();
    if (place < 20) await whelp.part("back").click();
  }
  await page.waitForTimeout(500);
  await keepBoth(page, "play-picture");
  await page.setViewportSize(NARROW);
  await page.evaluate(() => scrollTo(0, 0));
  await keep(page, "play-narrow");
}

/** Each story with the browser that it runs in. */
const STORIES = [
  [firstVisit, WITH_WEBGPU],
  [measuring, WITH_WEBGPU],
  [deviceLost, WITH_WEBGPU],
  [askedLess, WITH_WEBGPU],
  [pictures, WITHOUT_WEBGPU],
  [doctor, WITHOUT_WEBGPU],
  [stalled, WITHOUT_WEBGPU],
  [settings, WITHOUT_WEBGPU],
  [classes, WITHOUT_WEBGPU],
  [training, WITHOUT_WEBGPU],
  [runs, WITHOUT_WEBGPU],
  [play, WITHOUT_WEBGPU],
];

try {
  for (const [story, args] of STORIES) {
    if (only.length === 0 || only.includes(story.name)) await visit(args, {}, story);
  }
} finally {
  await site.close();
  rmSync(scratch, { recursive: true });
}
