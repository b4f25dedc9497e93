// Pages that draw by themselves, in Chromium.

import { readFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { execFileSync } from "node:child_process";
import { expect } from "@playwright/test";
import { sharedPages, test } from "../engines/shared.mjs";

const STARTER = fileURLToPath(new URL("../../../web/assets/starter.safetensors", import.meta.url));

sharedPages(test, { hasMedia: true });

test("a grid and a picture are saved as PNG, enlarged without smoothing", async ({ page }, info) => {
  const file = info.outputPath("dogs.html");
  execFileSync(process.env.WHELP_PROGRAM ?? "whelp", ["export", STARTER, "--html", file], { stdio: ["ignore", "ignore", "pipe"] });
  await page.goto(pathToFileURL(file).href);
  await expect(page.locator("#grid")).toHaveAttribute("data-drawn", "0");
  const save = async (button) => {
    const [download] = await Promise.all([page.waitForEvent("download"), button.click()]);
    const png = readFileSync(await download.path());
    // Width and height follow the signature and the name of the first chunk.
    return { name: download.suggestedFilename(), size: [png.readUInt32BE(16), png.readUInt32BE(20)] };
  };
  expect(await save(page.locator("#save"))).toEqual({ name: "seed-0.png", size: [512, 512] });
  await page.locator("#enlarge").selectOption("1");
  expect(await save(page.locator("#save"))).toEqual({ name: "seed-0.png", size: [128, 128] });
  await page.locator("#enlarge").selectOption("8");
  await page.getByRole("button", { name: "Picture 5 of seed 0" }).click();
  expect(await save(page.locator("#save-large"))).toEqual({ name: "picture-5-of-seed-0.png", size: [256, 256] });
});

test("drawing leaves the page free to answer", async ({ page }, info) => {
  const file = info.outputPath("dogs.html");
  execFileSync(process.env.WHELP_PROGRAM ?? "whelp", ["export", STARTER, "--html", file], { stdio: ["ignore", "ignore", "pipe"] });
  await page.goto(pathToFileURL(file).href);
  await expect(page.locator("#grid")).toHaveAttribute("data-drawn", "0");
  await page.evaluate(() => {
    window.long = [];
    new PerformanceObserver((list) => window.long.push(...list.getEntries().map((entry) => entry.duration))).observe({ type: "longtask" });
  });
  await page.getByLabel("Number").selectOption("64");
  await expect(page.locator("#grid canvas")).toHaveCount(64);
  await expect(page.locator("#grid")).toHaveAttribute("data-drawn", "0");
  expect(await page.evaluate(() => window.long), "tasks of more than 50 ms").toEqual([]);
});
