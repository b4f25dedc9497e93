// The browser that tests and bench drive, and its command line.

import { existsSync } from "node:fs";

const USUAL_PLACES = ["/usr/bin/chromium", "/usr/bin/google-chrome", "/usr/bin/google-chrome-stable"];

/** The browser that the set-up found, else one at its usual place. */
export const executablePath = process.env.WHELP_CHROMIUM ?? USUAL_PLACES.find((path) => existsSync(path));

const QUIET = [
  // Tests often run as root, where Chromium's sandbox cannot work.
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** WebGPU on SwiftShader, a graphics device that Chromium brings along. */
export const WITH_WEBGPU = [
  ...QUIET,
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--enable-features=Vulkan",
];

/** `navigator.gpu` is there, but has no adapter to give: what a machine with a blocked driver shows. */
export const WITHOUT_WEBGPU = QUIET;

/** A host's name for this machine that is no secure context, so that browsers hide `navigator.gpu` from it. */
export const INSECURE_HOST = "whelp.test";

/** As {@link WITHOUT_WEBGPU}, and {@link INSECURE_HOST} leads here. */
export const WITH_INSECURE_HOST = [...QUIET, `--host-resolver-rules=MAP ${INSECURE_HOST} 127.0.0.1`];
