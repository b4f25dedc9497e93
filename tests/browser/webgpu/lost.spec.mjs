// A graphics device that is lost during training, e.g. by a driver reset or when a laptop switches cards.

import { writeFileSync } from "node:fs";
import { WITH_WEBGPU, executablePath } from "../browser.mjs";
import { prepareWorkers } from "../devices.mjs";
import { png, zip } from "../files.mjs";
import { expect, test } from "../fixtures.mjs";
import { endGraphicsProcess } from "../whelp.mjs";

// After its graphics process has ended three times, Chromium offers no WebGPU any more: a browser of its own, which keeps offering it.
test.use({ launchOptions: { executablePath, args: [...WITH_WEBGPU, "--disable-gpu-process-crash-limit"] } });

test("if the graphics device is refused, the processor trains and the page says why", async ({ context, requested, whelp }) => {
  // The adapter is there when the program is chosen, and gone when the program asks for it.
  await prepareWorkers(context, `
    const request = navigator.gpu?.requestAdapter.bind(navigator.gpu);
    let asked = 0;
    if (self.name !== "processor") GPU.prototype.requestAdapter = async (options) => (asked++ === 0 ? request(options) : null);
  `);
  await whelp.page.goto("/");
  await expect(whelp.part("device")).toContainText("CPU", { timeout: 60_000 });
  await expect(whelp.part("device-reason")).toHaveText(/^WebGPU found no graphics device/);
  const programs = requested.map((url) => /trainer-(\w+)_bg\.wasm$/.exec(url)?.[1]).filter((program) => program !== undefined);
  expect(programs).toEqual(["graphics", "threads"]);
  await whelp.chooseSize(4, 4);
  await whelp.train();
  await whelp.firstLosses();
  const { discriminator, generator } = await whelp.losses();
  expect(Number.isFinite(discriminator) && Number.isFinite(generator)).toBe(true);
});

test("pictures that are chosen while a device is looked for are trained on, whichever device it becomes", async ({ context, whelp }, info) => {
  // The program asks for the adapter last, and hears only then that there is none.
  await prepareWorkers(context, `
    const request = navigator.gpu?.requestAdapter.bind(navigator.gpu);
    let asked = 0;
    const later = () => new Promise((resolve) => setTimeout(() => resolve(null), 5000));
    if (self.name !== "processor") GPU.prototype.requestAdapter = async (options) => (asked++ === 0 ? request(options) : later());
  `);
  const archive = info.outputPath("pups.zip");
  writeFileSync(archive, zip(Array.from({ length: 20 }, (_, seed) => [`pups/${seed}.png`, png(48, seed)])));
  await whelp.page.goto("/");
  await whelp.part("pick-pictures").setInputFiles(archive);
  await expect(whelp.part("device")).toContainText("CPU", { timeout: 60_000 });
  await whelp.shows("data-summary", "pups.zip · 20 pictures");
  await whelp.chooseSize(4, 4);
  await whelp.train();
  await whelp.firstLosses();
  await whelp.shows("data-summary", "pups.zip · 20 pictures");
});

test("after the graphics device was lost, training continues from the last checkpoint", async ({ browser, whelp }, info) => {
  await whelp.open();
  await whelp.chooseSize(4, 4);
  await whelp.train();
  const drawn = await whelp.gridAfter(-1);
  await whelp.download(info.outputPath("before.safetensors"));
  const kept = await whelp.seen();

  await endGraphicsProcess(browser);
  await expect(whelp.part("error")).toContainText("The graphics device was lost");
  await expect(whelp.part("error")).toContainText("is saved");
  await expect(whelp.part("status")).toContainText("Training failed. Everything up to the last checkpoint is saved.");
  const colours = async () => (await whelp.grid()).colours;
  await expect.poll(colours, { message: "pictures that stay on show" }).toBeGreaterThanOrEqual(drawn.colours);

  await whelp.part("recover").click();
  await expect(whelp.part("pause")).toBeVisible({ timeout: 120_000 });
  await expect.poll(() => whelp.seen(), { timeout: 240_000 }).toBeGreaterThan(kept);
  const { discriminator, generator } = await whelp.losses();
  expect(Number.isFinite(discriminator) && Number.isFinite(generator)).toBe(true);
  await expect(whelp.part("device")).toContainText("WebGPU");
  await expect(whelp.part("error")).toHaveCount(0);
});

test("a graphics device that is lost before anything is saved is asked for less", async ({ browser, whelp }) => {
  await whelp.open();
  await whelp.chooseSize(4, 8);
  await whelp.train();
  await endGraphicsProcess(browser);
  await expect(whelp.part("warning")).toHaveText(
    /^The graphics device was lost before anything was saved, so training begins again with batches of 4 in place of 8\./,
    { timeout: 120_000 },
  );
  await whelp.firstLosses();
  await expect(whelp.part("device")).toContainText("WebGPU");
  await expect(whelp.part("setting-batch")).toHaveValue("4");
  await expect(whelp.part("error")).toHaveCount(0);
});

test("a graphics device that is lost again continues with smaller batches", async ({ browser, whelp }, info) => {
  await whelp.open();
  await whelp.chooseSize(4, 8);
  await whelp.train();
  await whelp.firstLosses();
  for (const sentence of ["", " It continues with batches of 4 in place of 8, which ask less of the device."]) {
    await whelp.download(info.outputPath("kept.safetensors"));
    const kept = await whelp.seen();
    await endGraphicsProcess(browser);
    await expect(whelp.part("error")).toContainText(`is saved.${sentence}`);
    await whelp.part("recover").click();
    await expect.poll(() => whelp.seen(), { message: "pictures after that", timeout: 240_000 }).toBeGreaterThan(kept);
  }
  await expect(whelp.part("setting-batch")).toHaveValue("4");
});
