// While `cargo xtask serve` compiles, the page is served with the programs that are ready.

import { expect, test } from "../fixtures.mjs";

/** What Chromium says of files that a server does not have, and of the modules among them. */
const NOT_THERE = [
  /Failed to load resource: the server responded with a status of 404/,
  /failed request: .*\/trainer-\w+\.js(\?attempt=\d+)?$/,
];

/** Answers as a server does that has no such files. */
const notThere = (route) => route.fulfill({ status: 404, contentType: "text/plain", body: "not there" });

test("without the program for WebGPU the processor trains, and it is said why; the next load takes it", async ({ expectedFaults, page, whelp }) => {
  expectedFaults.push(...NOT_THERE);
  await page.context().route("**/graphics/*", notThere);
  await whelp.open();
  await expect(whelp.part("device")).toContainText("CPU");
  await expect(whelp.part("device-reason")).toHaveText(/^The program for WebGPU is still being compiled/);
  await page.context().unroute("**/graphics/*");
  await whelp.open();
  await expect(whelp.part("device")).toContainText("WebGPU");
  await expect(whelp.part("device-reason")).toHaveCount(0);
});

test("a page without any program for the device waits for the first one", async ({ expectedFaults, page, whelp }) => {
  expectedFaults.push(...NOT_THERE);
  const asked = [];
  const programs = /\/(graphics|threads|processor)\/trainer-\w+\.js/;
  await page.context().route(programs, (route) => {
    asked.push(programs.exec(route.request().url())[1]);
    return notThere(route);
  });
  await page.goto("/");
  await expect.poll(() => asked.filter((name) => name === "processor").length).toBeGreaterThanOrEqual(2);
  await expect(whelp.part("error")).toHaveCount(0);
  await page.context().unroute(programs);
  await expect(whelp.part("device")).toContainText("WebGPU", { timeout: 120_000 });
});
