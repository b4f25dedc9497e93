// Training in browsers without WebGPU.

import { INSECURE_HOST } from "../browser.mjs";
import { WITHOUT_WEBGPU, prepareWorkers } from "../devices.mjs";
import { png } from "../files.mjs";
import { expect, test } from "../fixtures.mjs";
import { DEFAULT } from "../whelp.mjs";

test("without a graphics device the page says why and trains on the processor", async ({ whelp }) => {
  await whelp.open();
  await expect(whelp.part("device")).toContainText("CPU");
  await expect(whelp.part("device-reason")).toHaveText(/^WebGPU found no graphics device.*the processor trains/);
  await expect(whelp.part("setting-recipe")).toHaveValue(DEFAULT);
  await whelp.chooseSize(4, 4, { recipe: DEFAULT });
  await whelp.train();
  await whelp.waitForStep(5);
  const { discriminator, generator } = await whelp.losses();
  expect(Number.isFinite(discriminator) && Number.isFinite(generator)).toBe(true);
  const early = await whelp.grid();
  const later = await whelp.gridAfter(early.step);
  expect(later.hash).not.toBe(early.hash);
});

test("a start says when the weights of the network that judges can't be had, and loses nothing", async ({ expectedFaults, page, whelp }) => {
  expectedFaults.push(/lite0-early\.safetensors/, /Failed to load resource/);
  await page.route("**/lite0-early.safetensors", (route) => route.abort());
  await whelp.open();
  await whelp.chooseSize(4, 4, { recipe: DEFAULT });
  await whelp.part("train").click();
  await expect(whelp.part("error")).toContainText("lite0-early.safetensors, weights of the network that judges pictures, can't be fetched: no answer");
  await page.unroute("**/lite0-early.safetensors");
  await whelp.train();
  await whelp.waitForStep(1);
  // They are kept now, so the next visit doesn't ask for them.
  await page.route("**/lite0-early.safetensors", (route) => route.abort());
  await whelp.open();
  await whelp.chooseSize(4, 4, { recipe: DEFAULT });
  await whelp.train();
  await whelp.waitForStep(1);
});

test("a start that waits for weights can be ended, and the next one waits for nothing of it", async ({ page, whelp }) => {
  let letGo = () => {};
  const held = new Promise((resolve) => (letGo = resolve));
  await page.route("**/lite0-early.safetensors", (route) => held.then(() => route.continue()).catch(() => {}));
  await whelp.open();
  await whelp.chooseSize(4, 4, { recipe: DEFAULT });
  await whelp.part("train").click();
  await whelp.shows("status", "Setting up the networks");
  await whelp.part("stop").click();
  await whelp.shows("status", "Ready to train");
  await expect(whelp.part("error")).toHaveCount(0);
  await whelp.chooseSize(4, 4);
  await whelp.train();
  await whelp.stop();
  letGo();
});

test("a worker that never begins to run is replaced by another", async ({ page, whelp }) => {
  // Nothing of the script runs, and there is no error.
  let loads = 0;
  const headers = { "Content-Type": "text/javascript", "Cross-Origin-Embedder-Policy": "require-corp" };
  await page.route("**/trainer.js", (route) => (++loads === 1 ? route.fulfill({ body: "", headers }) : route.continue()));
  await whelp.open();
  expect(loads).toBe(2);
  await whelp.starter();
  expect(await whelp.part("error").count()).toBe(0);
});

test("training uses all threads where workers may share memory, and one elsewhere", async ({ expectedFaults, page, site, whelp }) => {
  expectedFaults.push(/failed request: .*trainer-threads_bg\.wasm/, /Failed to load resource: net::ERR_FAILED/);
  const threads = await page.evaluate(() => navigator.hardwareConcurrency);
  test.skip(threads < 2, "this processor has one thread");
  await whelp.open();
  await expect(whelp.part("device")).toContainText(`processor, ${threads} threads`);
  await whelp.chooseSize(4, 4);
  await whelp.train();
  const { discriminator, generator } = await whelp.losses();
  expect(Number.isFinite(discriminator) && Number.isFinite(generator)).toBe(true);
  // As in a browser that cannot run the program with threads.
  await page.route("**/threads/*.wasm", (route) => route.abort());
  await whelp.open();
  await expect(whelp.part("device")).not.toContainText("threads");
  await expect(whelp.part("device-reason")).toContainText("The processor's threads could not be started");
  await page.unroute("**/threads/*.wasm");
  // A page without cross-origin isolation, as from a server that does not send the two headers.
  await whelp.open(`http://${INSECURE_HOST}:${site.port}/`);
  await expect(whelp.part("device")).not.toContainText("threads");
});

test("programs are sent compressed, and a second visit does not download them again", async ({ page, whelp }) => {
  const answers = [];
  page.on("response", (response) => answers.push(response));
  const wasm = async () => {
    const ours = answers.filter((response) => response.url().endsWith(".wasm"));
    answers.length = 0;
    return Promise.all(ours.map(async (response) => [response.status(), (await response.allHeaders())["content-encoding"]]));
  };
  await whelp.open();
  expect(await wasm()).toEqual([[200, "br"], [200, "br"]]);
  await page.reload();
  await whelp.part("device").filter({ hasText: "CPU" }).waitFor();
  // Playwright shows the cached copy that the page got; the server only confirmed that the copy is valid.
  const again = await page.evaluate(() => performance.getEntriesByType("resource").filter(({ name }) => name.endsWith(".wasm")));
  expect(again.length).toBeGreaterThan(0);
  for (const { name, transferSize, decodedBodySize } of again) expect(transferSize, name).toBeLessThan(decodedBodySize / 100);
});

test("before any training the page shows the starter's dogs and says so", async ({ whelp }) => {
  await whelp.open();
  await whelp.starter();
  await expect(whelp.part("grid-caption")).toHaveText(/^Drawn by the starter network that comes with this page/);
  const starter = await whelp.grid();
  expect(starter.colours, "sixty-four pictures by a trained network").toBeGreaterThan(1000);
  await whelp.chooseSize(4, 4);
  await whelp.train();
  await whelp.gridAfter(-1);
  await expect(whelp.part("grid-caption")).toHaveText(/^After /);
});

test("the page says when the browser has no WebGPU at all", async ({ context, whelp }) => {
  await prepareWorkers(context, WITHOUT_WEBGPU);
  await whelp.open();
  await expect(whelp.part("device")).toContainText("CPU");
  await expect(whelp.part("device-reason")).toContainText("This browser does not offer WebGPU");
});

test("at an insecure address the page trains, and says that the address is the reason and what to do", async ({ site, whelp }) => {
  const origin = `http://${INSECURE_HOST}:${site.port}`;
  await whelp.open(`${origin}/`);
  await expect(whelp.part("device")).toContainText("CPU");
  const reason = whelp.part("device-reason");
  await expect(reason).toContainText(`This page's address, ${origin}, is not secure`);
  for (const way of ["https", "http://localhost", "whelp serve"]) await expect(reason).toContainText(way);
  await expect(reason).not.toContainText("does not offer");
  await expect(whelp.part("not-kept")).toContainText("nothing is kept");
  await whelp.chooseSize(4, 4);
  await whelp.train();
});

const REFUSED_STORAGE = {
  "is not there": 'Object.defineProperty(WorkerNavigator.prototype, "storage", { get: () => undefined });',
  "may not be looked at": 'Object.defineProperty(WorkerNavigator.prototype, "storage", { get() { throw new DOMException("no", "SecurityError"); } });',
  "has no folders": "delete StorageManager.prototype.getDirectory;",
  "refuses its folder": 'StorageManager.prototype.getDirectory = async () => { throw new DOMException("no", "SecurityError"); };',
  "refuses its files": 'FileSystemFileHandle.prototype.createSyncAccessHandle = () => { throw new DOMException("no", "NotAllowedError"); };',
};

test("where the browser keeps nothing, the page trains and says so", async ({ context, page, whelp }) => {
  await context.route("**/trainer.js", async (route) => {
    const response = await route.fetch();
    const script = REFUSED_STORAGE[new URL(page.url()).hash.slice(1).replaceAll("-", " ")];
    await route.fulfill({ response, body: `${script}\n${await response.text()}` });
  });
  // As many as scores need: too few of them are another warning.
  const pictures = [0, 1, 2, 3, 4, 5, 6, 7].map((index) => ({ name: `${index}.png`, mimeType: "image/png", buffer: png(32, index) }));
  for (const kind of Object.keys(REFUSED_STORAGE)) {
    await page.goto("about:blank");
    await whelp.open(`/#${kind.replaceAll(" ", "-")}`);
    await whelp.part("pick-pictures").setInputFiles(pictures);
    await expect(whelp.part("data-summary"), kind).toContainText("8 pictures");
    await expect(whelp.part("not-kept"), kind).toContainText("nothing is kept for your next visit");
    await whelp.chooseSize(4, 4);
    await whelp.train();
    await whelp.pause();
    await expect(page.getByText(/ kept/), `one sentence: ${kind}`).toHaveCount(1);
    await expect(whelp.part("runs"), kind).toHaveCount(0);
    await expect(whelp.part("warning"), kind).toHaveCount(0);
  }
});
