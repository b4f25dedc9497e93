// What every test in WebKit starts with: the served page in a browser of its own, watched for lines in the console.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test as base, expect } from "@playwright/test";
import { WEBKIT_DRIVER, WEBKIT_MISSING } from "../browser.mjs";
import { Folder } from "../downloads.mjs";
import { serve } from "../server.mjs";
import { Whelp } from "../whelp.mjs";
import { openBrowser, openScreen } from "./browser.mjs";
import { Page } from "./page.mjs";

export const test = base.extend({
  site: [
    async ({}, use) => {
      const site = await serve();
      await use(site);
      await site.close();
    },
    { scope: "worker" },
  ],

  screen: [
    async ({}, use) => {
      const screen = await openScreen();
      await use(screen.name);
      await screen.close();
    },
    { scope: "worker" },
  ],

  /** A started browser: see `openBrowser`. */
  webkit: async ({ screen }, use) => {
    const profile = await mkdtemp(path.join(tmpdir(), "whelp-webkit-"));
    const browser = await openBrowser(screen, profile);
    await use(browser);
    await browser.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    expect(browser.lines, "what WebKit wrote while the test ran").toEqual([]);
  },

  whelp: async ({ webkit, site }, use) => use(new Whelp(new Page(webkit.driver, site.origin), new Folder(webkit.downloads))),
});

test.skip(() => !WEBKIT_DRIVER, WEBKIT_MISSING);
