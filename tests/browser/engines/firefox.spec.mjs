// Firefox, on the processor.

import os from "node:os";
import { FIREFOX, FIREFOX_MISSING, INSECURE_HOST } from "../browser.mjs";
import { test } from "../fixtures.mjs";
import { sharedPages, test as shared } from "./shared.mjs";
import { visits } from "./visits.mjs";

test.skip(() => !FIREFOX, FIREFOX_MISSING);

visits(test, {
  device: os.availableParallelism() > 1 ? /processor, \d+ threads · CPU$/ : /processor · CPU$/,
  insecureHost: INSECURE_HOST,
  keepsPictures: true,
});

sharedPages(shared, { hasMedia: false });
