// WebGPU devices that have less than this browser's: without features, with small limits, with drivers that refuse kernels.

import { COMPATIBILITY, DEFAULT_LIMITS, REFUSED_REQUESTS, WITHOUT_WEBGPU, halved, prepareWorkers, refusedShaders, without } from "../devices.mjs";
import { expect, test } from "../fixtures.mjs";
import { R3GAN, Whelp } from "../whelp.mjs";

/** Sums in float32 have other orders in other kernels. */
const TOLERANCE = 1e-4;

/** The losses of the first step of a tiny training, which depends on nothing but the seed. */
async function firstStep(whelp, settings = {}) {
  await whelp.chooseSize(4, 4, settings);
  await whelp.trainFor(1);
  await whelp.train();
  const { step, discriminator, generator } = await whelp.losses();
  expect(step).toBe(1);
  return [discriminator, generator];
}

/** The losses of {@link firstStep} on the processor. */
let expected;

test.beforeAll(async ({ browser, site }) => {
  const page = await browser.newPage({ baseURL: site.origin });
  await prepareWorkers(page.context(), WITHOUT_WEBGPU);
  const whelp = new Whelp(page);
  await whelp.open();
  await expect(whelp.part("device")).toContainText("CPU");
  expected = await firstStep(whelp);
  await page.close();
});

function expectTheSame(losses) {
  for (const [index, loss] of losses.entries()) {
    expect(Math.abs(loss - expected[index]), `${losses} on the device, ${expected} on the processor`).toBeLessThan(TOLERANCE);
  }
}

const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupsPerDimension",
];

const DEVICES = {
  "without timestamp-query": without("timestamp-query"),
  "without subgroups, whose size the adapter tells all the same": without("subgroups"),
  "with WebGPU's default limits, though the adapter has more": DEFAULT_LIMITS,
  "of an adapter that refuses what it tells": REFUSED_REQUESTS,
  "with half of the default units": `{ ${COMPATIBILITY} } { ${without("subgroups")} }`,
  ...Object.fromEntries(LIMITS.map((limit) => [`with half of the adapter's ${limit}`, halved(limit)])),
};

for (const [kind, script] of Object.entries(DEVICES)) {
  test(`a device ${kind} trains as well as any`, async ({ context, whelp }) => {
    await prepareWorkers(context, script);
    await whelp.open();
    await expect(whelp.part("device")).toContainText("WebGPU");
    expectTheSame(await firstStep(whelp));
    await expect(whelp.part("device")).toContainText("WebGPU");
    await expect(whelp.part("device-reason")).toHaveCount(0);
    await expect(whelp.part("error")).toHaveCount(0);
  });
}

test("a device with default limits and without features trains on pictures of 128 pixels", async ({ context, whelp }) => {
  test.slow();
  await prepareWorkers(context, `{ ${without("subgroups")} } { ${DEFAULT_LIMITS} }`);
  await whelp.open();
  await whelp.chooseSize(4, 4, { recipe: R3GAN });
  await whelp.part("size-128").click();
  await expect(whelp.part("data-summary")).toContainText("128 px");
  await whelp.trainFor(1);
  await whelp.train();
  const { discriminator, generator } = await whelp.losses();
  expect(Number.isFinite(discriminator) && Number.isFinite(generator)).toBe(true);
  await expect(whelp.part("device")).toContainText("WebGPU");
});

test("a driver that refuses some kernels trains with others, and the page says so", async ({ context, whelp }) => {
  await prepareWorkers(context, refusedShaders('code.includes("enable subgroups")'));
  await whelp.open();
  await expect(whelp.part("device")).toContainText("WebGPU", { timeout: 120_000 });
  await expect(whelp.part("device-reason")).toHaveText(/^The graphics device failed \(.*\)\. .* It now works without its optional features/);
  expectTheSame(await firstStep(whelp));
});

test("a driver that refuses every kernel leaves the training to the processor, and the page says why", async ({ context, whelp }) => {
  await prepareWorkers(context, refusedShaders("true"));
  await whelp.open();
  await expect(whelp.part("device")).toContainText("CPU", { timeout: 120_000 });
  await expect(whelp.part("device-reason")).toHaveText(/^The graphics device failed \(.+\)\. A newer driver may help\.$/);
  expectTheSame(await firstStep(whelp));
});

test("a kernel that is refused after the self-test has the training begin again with less of the device", async ({ context, whelp }) => {
  // Adam takes a square root, and the self-test none.
  const isRefused = '(usesSubgroups ||= code.includes("enable subgroups")) && code.includes("sqrt(")';
  await prepareWorkers(context, `let usesSubgroups = false; ${refusedShaders(isRefused)}`);
  await whelp.open();
  expectTheSame(await firstStep(whelp));
  await expect(whelp.part("device")).toContainText("WebGPU");
  await expect(whelp.part("device-reason")).toContainText("It now works without its optional features");
  await expect(whelp.part("error")).toHaveCount(0);
});
