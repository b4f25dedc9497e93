// The script of exported pages, without a page: `node player.mjs FOLDER`.

import { compare } from "./cases.mjs";

const part = (page, id) => new RegExp(`<script[^>]* id="${id}">([\\s\\S]*?)</script>`).exec(page)[1];

/** The script reads a page once, however many batches are drawn. */
const read = new Map();
function pageOf(file, bytes) {
  if (!read.has(file)) {
    const page = bytes.toString("utf8");
    const Whelp = new Function(`${part(page, "network")}\nreturn Whelp;`)();
    read.set(file, { Whelp, network: Whelp.load(JSON.parse(part(page, "player")), part(page, "weights")) });
  }
  return read.get(file);
}

await compare(process.argv[2], (bytes, { file, batch, latent, classes }, z) => {
  const { Whelp, network } = pageOf(file, bytes);
  const pictures = [];
  for (let i = 0; i < batch; i++) {
    const own = Whelp.latent(5n, i, latent, 1);
    const given = z.subarray(i * latent, (i + 1) * latent);
    const distance = own.reduce((most, value, at) => Math.max(most, Math.abs(value - given[at])), 0);
    // A C library's logarithm may differ in the last bit.
    if (!(distance <= 1e-6)) throw new Error(`latents of seed 5, picture ${i}, differ by ${distance}`);
    pictures.push(Whelp.draw(network, own, classes[i]));
  }
  const images = new Float32Array(pictures.length * pictures[0].length);
  pictures.forEach((picture, i) => images.set(picture, i * picture.length));
  return images;
});
