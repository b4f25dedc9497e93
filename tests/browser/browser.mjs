// The browser for tests and bench, and its command-line options.

import { existsSync } from "node:fs";

const USUAL_PLACES = ["/usr/bin/chromium", "/usr/bin/google-chrome", "/usr/bin/google-chrome-stable"];

/** The browser that the set-up found, else one at a usual place. */
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
