// What every test starts from: the served page, watched for faults.

import { test as base, expect } from "@playwright/test";
import { serve } from "./server.mjs";
import { Whelp } from "./whelp.mjs";

export { expect };

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

  /** Addresses that were asked for, by the page or by its worker. */
  requested: async ({}, use) => use([]),

  /** What a test expects to find among the faults: it adds patterns. */
  expectedFaults: async ({}, use) => use([]),

  /** Fails the test, once it has ended, on an error in the console, an exception, a crash or a request elsewhere. */
  page: async ({ page, baseURL, requested, expectedFaults }, use) => {
    const faults = [];
    page.on("console", (message) => {
      if (message.type() === "error") faults.push(`console: ${message.text()}`);
    });
    page.on("pageerror", (error) => faults.push(`exception: ${error.stack ?? error}`));
    page.on("crash", () => faults.push("the page crashed"));
    page.on("requestfailed", (request) => faults.push(`failed request: ${request.url()}`));
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

  /** The page, to be driven as a visitor would. */
  whelp: async ({ page }, use) => use(new Whelp(page)),
});
