// Firefox, on the processor.

import os from "node:os";
import { FIREFOX, FIREFOX_MISSING, INSECURE_HOST } from "../browser.mjs";
import { test } from "../fixtures.mjs";
import { visits } from "./visits.mjs";

test.skip(() => !FIREFOX, FIREFOX_MISSING);

const threads = os.availableParallelism();
visits(test, {
  device: threads > 1 ? `processor, ${threads} threads` : "processor",
  insecureHost: INSECURE_HOST,
  keepsPictures: true,
});
