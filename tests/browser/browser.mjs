// The browsers for tests and bench, and their options.

import { existsSync } from "node:fs";

/** The program that the set-up found and named, else one at a usual place. */
const find = (variable, places) => process.env[variable] ?? places.find((path) => existsSync(path));

export const executablePath = find("WHELP_CHROMIUM", ["/usr/bin/chromium", "/usr/bin/google-chrome", "/usr/bin/google-chrome-stable"]);

/** Mozilla's own Firefox, which Playwright drives by WebDriver BiDi. Its tests are skipped where there is none and none is named. */
export const FIREFOX = find("WHELP_FIREFOX", ["/usr/bin/firefox-esr"]);
export const FIREFOX_MISSING = "there is no Firefox here; WHELP_FIREFOX names one";

/** WebKitGTK's driver. Its tests are skipped where there is none and none is named. */
export const WEBKIT_DRIVER = find("WHELP_WEBKIT_DRIVER", ["/usr/bin/WebKitWebDriver"]);
export const WEBKIT_MISSING = "there is no WebKitWebDriver here; WHELP_WEBKIT_DRIVER names one";

const QUIET = [
  // Tests often run as root, where Chromium's sandbox cannot work.
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** WebGPU on SwiftShader, the software graphics device in Chromium. */
export const WITH_WEBGPU = [
  ...QUIET,
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--enable-features=Vulkan",
];

/** `navigator.gpu` exists but gives no adapter, as on a machine with a blocked driver. */
export const WITHOUT_WEBGPU = QUIET;

/** A host name for this machine that is not a secure context, so browsers hide `navigator.gpu`. */
export const INSECURE_HOST = "whelp.test";

/** As {@link WITHOUT_WEBGPU}, with {@link INSECURE_HOST} resolved to this machine. */
export const WITH_INSECURE_HOST = [...QUIET, `--host-resolver-rules=MAP ${INSECURE_HOST} 127.0.0.1`];

/** Firefox as it comes, where WebGPU may or may not be on: here it is off. {@link INSECURE_HOST} leads to this machine. */
export const FIREFOX_PROCESSOR = { "dom.webgpu.enabled": false, "network.dns.localDomains": INSECURE_HOST };

/** WebGPU on any graphics device that Vulkan has, as Mesa's lavapipe, which Firefox does not use by itself. */
export const FIREFOX_WEBGPU = { "dom.webgpu.enabled": true, "gfx.webgpu.ignore-blocklist": true };
