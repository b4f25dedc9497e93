import { defineConfig } from "@playwright/test";
import { fileURLToPath } from "node:url";
import { FIREFOX, FIREFOX_PROCESSOR, FIREFOX_WEBGPU, WITH_INSECURE_HOST, WITH_WEBGPU, executablePath } from "./browser.mjs";

const MINUTE = 60_000;

/** Firefox with these preferences. It tells nobody of downloads, so they go to a folder that is known. */
const firefox = (firefoxUserPrefs) => ({
  browserName: "firefox",
  channel: "moz-firefox",
  launchOptions: {
    executablePath: FIREFOX,
    firefoxUserPrefs,
    downloadsPath: fileURLToPath(new URL("../../test-results/downloads/", import.meta.url)),
  },
});

export default defineConfig({
  testDir: ".",
  outputDir: "../../test-results",
  // A software GPU uses all processors, so tests run one at a time. There are no retries: a flaky test is a failed test.
  workers: 1,
  fullyParallel: false,
  retries: 0,
  forbidOnly: true,
  // The first step on WebGPU compiles every shader, and the machine may be busy.
  timeout: 6 * MINUTE,
  expect: { timeout: MINUTE },
  reporter: "list",
  globalSetup: "./versions.mjs",
  use: { headless: true, viewport: { width: 1280, height: 900 }, trace: "off" },
  projects: [
    {
      name: "webgpu",
      testMatch: "webgpu/*.spec.mjs",
      use: { launchOptions: { executablePath, args: WITH_WEBGPU } },
    },
    {
      // The processor is faster than a software GPU, so everything that does not depend on the device is tested here.
      name: "processor",
      testMatch: "processor/*.spec.mjs",
      use: { launchOptions: { executablePath, args: WITH_INSECURE_HOST } },
    },
    // What a visitor does, in the other engines.
    { name: "firefox", testMatch: "engines/firefox.spec.mjs", use: firefox(FIREFOX_PROCESSOR) },
    { name: "firefox-webgpu", testMatch: "engines/firefox-webgpu.spec.mjs", use: firefox(FIREFOX_WEBGPU) },
    { name: "webkit", testMatch: "engines/webkit.spec.mjs" },
  ],
});
