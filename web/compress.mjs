// Compresses the page's files for its servers: beside each file that gets smaller, `.br` and `.gz`. Trunk runs it on every
// build, and `cargo xtask` for each of the worker's programs; how much time smaller files are worth is said as it is for wasm-opt.

import { readFile, readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";

const FOLDER = process.env.TRUNK_STAGING_DIR;

/** As small as it gets, or quickly. */
const QUALITY = process.env.WHELP_WASM_EFFORT === "full" ? { brotli: 11, gzip: 9 } : { brotli: 5, gzip: 6 };

/** Below this part of the size a variant is worth unpacking: pictures stay as they are. */
const WORTH = 0.95;

const VARIANTS = {
  ".br": (bytes) =>
    promisify(brotliCompress)(bytes, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: QUALITY.brotli,
        [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
        [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
      },
    }),
  ".gz": (bytes) => promisify(gzip)(bytes, { level: QUALITY.gzip }),
};

const entries = await readdir(FOLDER, { recursive: true, withFileTypes: true });
const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath ?? entry.path, entry.name));
await Promise.all(
  files.map(async (file) => {
    const bytes = await readFile(file);
    for (const [ending, compress] of Object.entries(VARIANTS)) {
      const compressed = await compress(bytes);
      if (compressed.length < WORTH * bytes.length) await writeFile(file + ending, compressed);
    }
  }),
);
