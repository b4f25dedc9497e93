// Compares results with PyTorch's: the page's code on WebGPU, and on the processor with threads and without.

import { readFile, readdir } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "@playwright/test";
import { serve } from "../server.mjs";

const PROGRAM = process.env.WHELP_GOLDEN_PROGRAM;
const GOLDEN = process.env.WHELP_GOLDEN_DIR ?? fileURLToPath(new URL("../../golden/", import.meta.url));
const LITE0 = process.env.WHELP_LITE0;
const CHECKED = /^(conv2d_|conv_transpose2d_|r1_r2|r1_dcgan_nobn|r3gan_step|lite0_taps|projected_).*\.safetensors$/;

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
    expect(LITE0, "WHELP_LITE0: where `cargo xtask test` has put the frozen network's weights as float32").toBeTruthy();
    const weights = (await readFile(LITE0)).toString("base64");
    await page.evaluate((base64) => {
      globalThis.bytes = (base64) => Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
      globalThis.weights = globalThis.bytes(base64);
    }, weights);
    for (const file of files) {
      const bytes = await readFile(path.join(GOLDEN, file));
      const check = page.evaluate(
        ([device, name, base64]) => {
          const weights = /^(lite0_|projected_step)/.test(name) ? globalThis.weights : new Uint8Array();
          return globalThis.golden.check(device, name, globalThis.bytes(base64), weights);
        },
        [device, path.basename(file, ".safetensors"), bytes.toString("base64")],
      );
      await Promise.race([check, panic]);
    }
    await site.close();
  });
}
