// What an exported generator draws, compared with what its network drew. The library's tests write the cases.

import { readFileSync } from "node:fs";
import path from "node:path";

/** Draws each case of a folder with `draw(bytes, case, z)`, and prints the largest differences as JSON. */
export async function compare(folder, draw) {
  const cases = JSON.parse(readFileSync(path.join(folder, "cases.json"), "utf8"));
  const found = [];
  for (const one of cases) {
    const { buffer } = Uint8Array.from(readFileSync(path.join(folder, one.expected)));
    const numbers = new Float32Array(buffer);
    const [z, expected] = [numbers.slice(0, one.batch * one.latent), numbers.slice(one.batch * one.latent)];
    const images = await draw(readFileSync(path.join(folder, one.file)), one, z);
    if (images.length !== expected.length) throw new Error(`${one.file}: ${images.length} numbers instead of ${expected.length}`);
    const differences = images.map((value, i) => Math.abs(value - expected[i]));
    // Math.max of NaN is NaN, which JSON has no word for.
    const largest = differences.reduce((most, difference) => Math.max(most, difference), 0);
    found.push({ file: one.file, batch: one.batch, largest });
  }
  process.stdout.write(JSON.stringify(found));
}
