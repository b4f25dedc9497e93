// WebKitGTK as it comes, on the processor: it has no relaxed SIMD, so it trains on one thread, and gives pages no storage.

import { test } from "../webkit/fixtures.mjs";
import { visits } from "./visits.mjs";

// No browser takes an IPv4 address in the clothes of IPv6 for secure.
visits(test, { device: /processor · CPU$/, insecureHost: "[::ffff:7f00:1]", keepsPictures: false });
