// Measures the page in dist/ in a real browser: one JSON object per line, {"name", "value", "unit"}. The parts that are named, or all.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { chromium } from "@playwright/test";
import { INSECURE_HOST, WITHOUT_WEBGPU, WITH_INSECURE_HOST, WITH_WEBGPU, executablePath } from "./browser.mjs";
import { png, zip } from "./files.mjs";
import { serve } from "./server.mjs";
import * as tensorflow from "./tensorflow.mjs";
import * as traffic from "./traffic.mjs";
import { Whelp } from "./whelp.mjs";

/** What is trained on each device. */
const SMALL = { recipe: "dcgan32", width: 16, batch: 16 };

/** What is compared with TensorFlow.js, whose steps may take longer than a minute. */
const COMPARED = { recipe: "dcgan64", width: 32, batch: 16 };

/** Timed steps of TensorFlow.js. */
const TENSORFLOW_STEPS = 2;

/** Losses are reported every fourth step, the first step included. The time between so many reports is measured. */
const TICKS = 3;

const MINUTE = 60_000;

const HOUR_SECS = 3600;

function report(device, name, value, unit) {
  console.log(JSON.stringify({ name: `${name}, ${device}`, value, unit }));
}

/** Notes when the newest losses change. It runs in the page, so the time of the test's own calls is not measured. */
function watchLosses(page) {
  return page.evaluate(() => {
    const chart = document.querySelector("[data-testid=loss-chart]");
    window.ticks = [];
    const note = () => window.ticks.push({ step: parseInt(chart.dataset.newest, 10), at: performance.now() });
    new MutationObserver(note).observe(chart, { attributeFilter: ["data-newest"] });
    document.querySelector("[data-testid=train]").addEventListener("click", () => (window.clicked = performance.now()), { once: true });
  });
}

/** Opens the page on a device; with `counting`, the traffic of WebGPU is counted. */
async function open(device, args, site, { counting = false } = {}) {
  const browser = await chromium.launch({ executablePath, args });
  const page = await browser.newPage();
  page.setDefaultTimeout(8 * MINUTE);
  if (counting) await traffic.count(page);
  const whelp = new Whelp(page);
  const start = performance.now();
  await page.goto(site.origin);
  await whelp.part("device").filter({ hasText: /WebGPU|CPU/ }).waitFor();
  const readyAfter = (performance.now() - start) / 1000;
  await whelp.part("data-summary").filter({ hasText: "Built-in dogs" }).waitFor();
  const shown = await whelp.part("device").textContent();
  if (!shown.includes(device.startsWith("CPU") ? "CPU" : "WebGPU")) throw new Error(`measured on the wrong device: ${shown}`);
  return { browser, page, whelp, readyAfter };
}

/** Trains. Returns the seconds from the click to the end of the first step, and those of each later step. */
async function train({ page, whelp }, { recipe, width, batch }) {
  // No samples are drawn meanwhile.
  await whelp.chooseSize(width, batch, { recipe, "output-sample-secs": HOUR_SECS });
  await watchLosses(page);
  await whelp.part("train").click();
  await page.waitForFunction((ticks) => window.ticks.length > ticks, TICKS);
  const { clicked, ticks } = await page.evaluate(() => ({ clicked: window.clicked, ticks: window.ticks }));
  const [first, last] = [ticks[0], ticks.at(-1)];
  return { firstStep: (first.at - clicked) / 1000, step: (last.at - first.at) / 1000 / (last.step - first.step) };
}

async function measure(device, args, site, others = []) {
  const opened = await open(device, args, site);
  report(device, "from page load to a device that is ready", opened.readyAfter, "s");
  const { firstStep, step } = await train(opened, SMALL);
  report(device, "from click to first step", firstStep, "s");
  report(device, `a step of ${SMALL.recipe} of width ${SMALL.width}, batch ${SMALL.batch}`, step, "s");
  report(device, "the worker's memory", (await opened.whelp.workerMemory()) / 1e6, "MB");
  await opened.browser.close();
  for (const other of others) {
    const opened = await open(device, args, site);
    const { step } = await train(opened, other);
    report(device, `a step of ${other.recipe} of width ${other.width}, batch ${other.batch}`, step, "s");
    await opened.browser.close();
  }
}

/** The same training step here and in TensorFlow.js, one after the other. */
async function compare(device, args, site) {
  const opened = await open(device, args, site, { counting: true });
  const { step } = await train(opened, COMPARED);
  const { sent, read, bound, launches } = await traffic.perStep(opened.page);
  await opened.browser.close();
  const browser = await chromium.launch({ executablePath, args });
  const page = await browser.newPage();
  // Not the page itself, whose content security policy allows no other scripts.
  await page.goto(`${site.origin}/nothing`);
  const seconds = await tensorflow.stepSeconds(page, { ...COMPARED, count: TENSORFLOW_STEPS });
  await browser.close();
  const theirs = seconds.sort((a, b) => a - b)[Math.floor(seconds.length / 2)];
  const name = `a step of ${COMPARED.recipe} of width ${COMPARED.width}, batch ${COMPARED.batch}`;
  report(device, name, step, "s");
  report(device, `${name}: sent to the device`, sent / 1e3, "kB");
  report(device, `${name}: read from the device`, read / 1e3, "kB");
  report(device, `${name}: read and written by its ${launches} kernels`, bound / 1e6, "MB");
  report(device, `${name} in TensorFlow.js`, theirs, "s");
  report(device, "TensorFlow.js takes as many times as long", theirs / step, "times (target 20)");
}

/** Pictures of 180 x 180 pixels in an archive. Many are copies, but each is decoded. */
const MANY = 20_000;

/** Notes the longest task of the main thread from now on, as `window.longest` in ms: 0 if none took 50 ms, as browsers report no shorter ones. */
function watchTasks(page) {
  return page.evaluate(() => {
    window.longest = 0;
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) window.longest = Math.max(window.longest, duration);
    }).observe({ type: "longtask" });
  });
}

/** What a score is made of. */
const SCORED = 1000;

/** What a score of a run costs the page: its time, its memory, and whether the page stays responsive meanwhile. */
async function scoring(device, args, site) {
  const small = { recipe: SMALL.recipe, "output-sample-secs": HOUR_SECS };
  const memory = {};
  for (const scores of [false, true]) {
    const { browser, page, whelp } = await open(device, args, site);
    const settings = scores ? { "metrics-every-kimg": 0.1, "metrics-count": SCORED, "metrics-budget": 1 } : { "metrics-every-kimg": "" };
    await whelp.chooseSize(SMALL.width, SMALL.batch, { ...small, ...settings });
    await watchTasks(page);
    await whelp.part("train").click();
    await page.waitForFunction(() => document.querySelector("[data-testid=loss-chart]").dataset.newest);
    if (scores) {
      const told = whelp.part("scores").filter({ hasText: /in \d+ s/ });
      await told.waitFor();
      const secs = Number(/in (\d+) s/.exec(await told.textContent())[1]);
      report(device, `scoring ${SCORED} pictures of 32 pixels in the page`, secs, "s (limit 60)");
      report(device, "the longest task of the main thread meanwhile, 0 if none took 50 ms", await page.evaluate(() => window.longest), "ms");
    } else {
      await whelp.waitForStep(100, 8 * MINUTE);
    }
    memory[scores] = await whelp.workerMemory();
    await browser.close();
  }
  report(device, "memory of the worker that scores take beside a training", (memory.true - memory.false) / 1e6, "MB (limit 300)");
}

/** How long the page takes to prepare many pictures, and whether it stays responsive meanwhile. */
async function preparing(site) {
  const folder = mkdtempSync(path.join(tmpdir(), "whelp-bench-"));
  const file = path.join(folder, "many.zip");
  const distinct = Array.from({ length: 200 }, (_, seed) => png(180, seed));
  writeFileSync(file, zip(Array.from({ length: MANY }, (_, i) => [`${i}.png`, distinct[i % distinct.length]])));
  const browser = await chromium.launch({ executablePath, args: WITHOUT_WEBGPU });
  const page = await browser.newPage();
  page.setDefaultTimeout(8 * MINUTE);
  const whelp = new Whelp(page);
  await whelp.open(site.origin);
  await watchTasks(page);
  const start = performance.now();
  await whelp.part("pick-pictures").setInputFiles(file);
  await whelp.part("data-summary").filter({ hasText: "20,000 pictures" }).waitFor();
  report("CPU", `preparing ${MANY} PNG of 180 x 180 pixels at 32 x 32 in the page`, (performance.now() - start) / 1000, "s");
  report("CPU", "the longest task of the main thread meanwhile, 0 if none took 50 ms", await page.evaluate(() => window.longest), "ms");
  await browser.close();
  rmSync(folder, { recursive: true });
}

/** From an insecure address, a page may not share memory between workers. */
const insecure = (site) => ({ origin: `http://${INSECURE_HOST}:${site.port}` });

/** What can be measured by itself. */
const PARTS = {
  preparing,
  scoring: async (site) => {
    await scoring("CPU", WITHOUT_WEBGPU, site);
    await scoring("CPU, one thread", WITH_INSECURE_HOST, insecure(site));
  },
  steps: async (site) => {
    await measure("WebGPU on SwiftShader", WITH_WEBGPU, site);
    await measure("CPU", WITHOUT_WEBGPU, site, [COMPARED]);
    await measure("CPU, one thread", WITH_INSECURE_HOST, insecure(site), [COMPARED]);
  },
  tensorflow: async (site) => {
    if (tensorflow.isInstalled) await compare("WebGPU on SwiftShader", WITH_WEBGPU, site);
  },
};

const asked = process.argv.slice(2);
const site = await serve();
try {
  for (const [name, part] of Object.entries(PARTS)) if (asked.length === 0 || asked.includes(name)) await part(site);
} finally {
  await site.close();
}
