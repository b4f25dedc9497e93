// Training in browsers without WebGPU.

import { INSECURE_HOST } from "../browser.mjs";
import { expect, test } from "../fixtures.mjs";
import { DEFAULT } from "../whelp.mjs";

/** What Chromium logs when a page at an insecure address asks to share memory. */
const INSECURE = /The Cross-Origin-Opener-Policy header has been ignored/;

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

test("training uses all threads where workers may share memory, and one elsewhere", async ({ expectedFaults, page, site, whelp }) => {
  expectedFaults.push(/failed request: .*trainer-threads_bg\.wasm/, /Failed to load resource: net::ERR_FAILED/, INSECURE);
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

test("the page says when the browser has no WebGPU at all", async ({ expectedFaults, site, whelp }) => {
  expectedFaults.push(INSECURE);
  await whelp.open(`http://${INSECURE_HOST}:${site.port}/`);
  await expect(whelp.part("device")).toContainText("CPU");
  await expect(whelp.part("device-reason")).toContainText("This browser does not offer WebGPU");
});
