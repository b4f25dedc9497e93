// What every test starts with: the served page, watched for errors.

import { test as base, expect } from "@playwright/test";
import { Announced, Folder } from "./downloads.mjs";
import { serve } from "./server.mjs";
import { Whelp } from "./whelp.mjs";

export { expect };

/** What Chromium itself writes to the console: where it finds no graphics device, and when a test reads canvases. */
const EXPECTED_LINES = [/No available adapters\./, /^Canvas2D: Multiple readback operations using getImageData/];

export const test = base.extend({
  site: [
    async ({}, use) => {
      const site = await serve();
      await use(site);
      await site.close();
    },
    { scope: "worker" },
  ],

  baseURL: async ({ site }, use) => use(site.origin),

  /** Addresses that the page or its worker requested. */
  requested: async ({}, use) => use([]),

  /** Patterns of the errors that a test expects. */
  expectedFaults: async ({}, use) => use([]),

  /** Fails a test at its end if there was a line in the console, an exception, a crash or a request to another origin. */
  page: async ({ page, baseURL, requested, expectedFaults }, use) => {
    const faults = [];
    page.on("console", (message) => {
      if (!EXPECTED_LINES.some((line) => line.test(message.text()))) faults.push(`console: ${message.type()}: ${message.text()}`);
    });
    page.on("pageerror", (error) => faults.push(`exception: ${error.stack ?? error}`));
    page.on("crash", () => faults.push("the page crashed"));
    page.on("requestfailed", (request) => {
      // Another page was opened before the icon had come.
      const isLeftBehind = /\/favicon[^/]*$/.test(request.url()) && request.failure()?.errorText === "net::ERR_ABORTED";
      if (!isLeftBehind) faults.push(`failed request: ${request.url()}`);
    });
    page.context().on("request", (request) => {
      const url = request.url();
      requested.push(url);
      const { origin, protocol, hostname } = new URL(url);
      const isLocal = protocol === "blob:" || protocol === "data:";
      const isOurs = origin === baseURL || (protocol === "http:" && hostname.endsWith(".test"));
      if (!isLocal && !isOurs) faults.push(`request to another origin: ${url}`);
    });
    await use(page);
    const isExpected = (fault) => expectedFaults.some((pattern) => pattern.test(fault));
    expect(faults.filter((fault) => !isExpected(fault)), "faults of the page while the test ran").toEqual([]);
  },

  /** The page, used as a visitor would. */
  whelp: async ({ page, browserName, launchOptions: { downloadsPath }, expectedFaults }, use) => {
    // Driven by WebDriver BiDi, Firefox 153 now and then stops a worker that starts, for good: its timers no longer fire and all of the
    // browser's threads sleep. It was so in one of 11 to 33 visits, and in none of 100 that nobody drove.
    const openings = browserName === "firefox" ? 3 : 1;
    const onReopening = () => {
      console.log("   Firefox has stopped a worker: the page is opened again.");
      expectedFaults.push(/^failed request: /);
    };
    await use(new Whelp(page, downloadsPath ? new Folder(downloadsPath) : new Announced(page), { openings, onReopening }));
  },
});
