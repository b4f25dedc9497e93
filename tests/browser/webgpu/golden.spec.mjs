// Compares results with PyTorch's: the page's code on WebGPU, and on the processor with threads and without.

import { readFile, readdir } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "@playwright/test";
import { serve } from "../server.mjs";

const PROGRAM = process.env.WHELP_GOLDEN_PROGRAM;
const GOLDEN = process.env.WHELP_GOLDEN_DIR ?? fileURLToPath(new URL("../../golden/", import.meta.url));
const CHECKED = /^(conv2d_|conv_transpose2d_|r1_r2|r1_dcgan_nobn|r3gan_step).*\.safetensors$/;

for (const [device, program] of [["wgpu", "graphics"], ["cpu", "processor"], ["cpu", "threads"]]) {
  test(`golden convolutions, penalties and steps, on ${device}, by the program for ${program}`, async ({ page }) => {
    expect(PROGRAM, "WHELP_GOLDEN_PROGRAM: where `cargo xtask test` has put the compiled checks").toBeTruthy();
    const site = await serve(PROGRAM);
    await page.goto(site.origin);
    // A failing check panics, and its promise never settles: the console tells.
    const panic = new Promise((_, reject) => {
      page.on("console", (message) => message.type() === "error" && reject(new Error(message.text())));
      page.on("pageerror", reject);
    });
    await page.evaluate(async (program) => {
      globalThis.golden = await import(`/${program}/golden.js`);
      await globalThis.golden.default();
      globalThis.golden.start();
      await globalThis.golden.initThreadPool?.(2);
    }, program);
    const files = (await readdir(GOLDEN)).filter((file) => CHECKED.test(file)).sort();
    expect(files.length).toBeGreaterThan(15);
    for (const file of files) {
      const bytes = await readFile(path.join(GOLDEN, file));
      const check = page.evaluate(
        ([device, name, base64]) =>
          globalThis.golden.check(device, name, Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))),
        [device, path.basename(file, ".safetensors"), bytes.toString("base64")],
      );
      await Promise.race([check, panic]);
    }
    await site.close();
  });
}
