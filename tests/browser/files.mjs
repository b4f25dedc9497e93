// Generates files to drop and pick: pictures, archives, checkpoints.

import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { deflateSync } from "node:zlib";

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/** CRC-32 for PNG and zip; Node has its own only since version 22. */
function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** A PNG of `side` x `side` pixels: a disc on a plain ground, with colours and place by `seed`. */
export function png(side, seed) {
  const random = randomFrom(seed);
  const [cx, cy, radius] = [random() * side, random() * side, (0.2 + 0.3 * random()) * side];
  const colour = () => [random, random, random].map((next) => Math.floor(next() * 256));
  const [ground, disc] = [colour(), colour()];
  const rows = Buffer.alloc(side * (1 + side * 3));
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const isInside = (x - cx) ** 2 + (y - cy) ** 2 < radius ** 2;
      rows.set(isInside ? disc : ground, y * (1 + side * 3) + 1 + x * 3);
    }
  }
  return Buffer.concat([pngHead(side, side, 2), chunk("IDAT", deflateSync(rows)), chunk("IEND", Buffer.alloc(0))]);
}

/** A PNG of at most 256 colours: `palette` holds their red, green and blue, `indices` one of them for each pixel. */
export function indexedPng(width, height, palette, indices) {
  const rows = Buffer.alloc(height * (1 + width));
  for (let y = 0; y < height; y++) rows.set(indices.subarray(y * width, (y + 1) * width), y * (1 + width) + 1);
  const data = deflateSync(rows, { level: 9 });
  return Buffer.concat([pngHead(width, height, 3), chunk("PLTE", Buffer.from(palette)), chunk("IDAT", data), chunk("IEND", Buffer.alloc(0))]);
}

/** Signature and header of a PNG with eight bits per channel or index; `type` is 2 for RGB, 3 for a palette. */
function pngHead(width, height, type) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, type, 0, 0, 0], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk("IHDR", header)]);
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  framed.set(body, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}

/** A generator of numbers in [0, 1), repeatable by its seed (mulberry32). */
function randomFrom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A picture in a format that the browser can write, by Chromium's own encoder. */
export async function encodedByTheBrowser(page, type, side, seed) {
  const base64 = await page.evaluate(
    async ([type, side, seed]) => {
      const canvas = new OffscreenCanvas(side, side);
      const context = canvas.getContext("2d");
      const shades = context.createLinearGradient(0, 0, side, side);
      shades.addColorStop(0, `hsl(${seed * 47} 80% 30%)`);
      shades.addColorStop(1, `hsl(${seed * 47 + 90} 80% 70%)`);
      context.fillStyle = shades;
      context.fillRect(0, 0, side, side);
      const blob = await canvas.convertToBlob({ type });
      if (blob.type !== type) throw new Error(`this browser writes no ${type}`);
      const bytes = new Uint8Array(await blob.arrayBuffer());
      return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
    },
    [type, side, seed],
  );
  return Buffer.from(base64, "base64");
}

/** A zip of `[name, bytes]` pairs. Nothing is compressed, as pictures already are. */
export function zip(entries) {
  const parts = [];
  const directory = [];
  // In large archives many entries have the same bytes.
  const sums = new Map();
  let offset = 0;
  for (const [name, bytes] of entries) {
    if (!sums.has(bytes)) sums.set(bytes, crc32(bytes));
    const title = Buffer.from(name, "utf8");
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0); // version needed
    common.writeUInt16LE(0x0800, 2); // names are UTF-8
    common.writeUInt32LE(0x00210000, 6); // 1980-01-01, 00:00
    common.writeUInt32LE(sums.get(bytes), 10);
    common.writeUInt32LE(bytes.length, 14);
    common.writeUInt32LE(bytes.length, 18);
    common.writeUInt16LE(title.length, 22);
    parts.push(Buffer.from("PK\x03\x04", "latin1"), common, title, bytes);
    const record = Buffer.alloc(46);
    record.write("PK\x01\x02", 0, "latin1");
    record.writeUInt16LE(20, 4); // version made by
    record.set(common, 6);
    record.writeUInt32LE(offset, 42);
    directory.push(record, title);
    offset += 30 + title.length + bytes.length;
  }
  const index = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", 0, "latin1");
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(index.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, index, end]);
}

/**
 * A safetensors file, read by hand: https://huggingface.co/docs/safetensors.
 *
 * `tensors` holds `{dtype, shape, values}` by name, `metadata` the strings beside them.
 */
export function parseSafetensors(bytes) {
  const headerBytes = Number(bytes.readBigUInt64LE(0));
  const { __metadata__: metadata = {}, ...entries } = JSON.parse(bytes.toString("utf8", 8, 8 + headerBytes));
  const body = bytes.subarray(8 + headerBytes);
  const tensors = new Map();
  let covered = 0;
  for (const [name, { dtype, shape, data_offsets: [start, end] }] of Object.entries(entries)) {
    covered += end - start;
    // Copied, because a Float32Array needs an aligned start.
    const values = new Float32Array(Uint8Array.from(body.subarray(start, end)).buffer);
    tensors.set(name, { dtype, shape, values });
  }
  return { metadata, tensors, hasExactSize: covered === body.length };
}

/**
 * Turns a checkpoint of R3GAN into one with classes: its averaged generator takes, beside the latent, an embedding of the
 * class, and the embeddings differ.
 */
export function withClasses(bytes, classes) {
  const { metadata, tensors } = parseSafetensors(bytes);
  const meta = JSON.parse(metadata.whelp);
  // It is of the content as it was.
  delete meta.hash;
  const { latent } = meta.config.model;
  meta.config.model.conditional = true;
  meta.data.classes = classes;
  const ramp = (count) => Float32Array.from({ length: count }, (_, i) => Math.sin(i + 1));
  const linear = tensors.get("generator_ema.linear.weight");
  const [outputs] = linear.shape;
  const rows = Array.from({ length: outputs }, (_, row) => [...linear.values.subarray(row * latent, (row + 1) * latent), ...ramp(latent)]);
  const set = (name, shape, values) => tensors.set(`generator_ema.${name}.weight`, { dtype: "F32", shape, values });
  set("linear", [outputs, 2 * latent], Float32Array.from(rows.flat()));
  set("embedding", [classes.length, latent], ramp(classes.length * latent));
  return writeSafetensors({ whelp: JSON.stringify(meta) }, tensors);
}

/** The inverse of {@link parseSafetensors}. */
function writeSafetensors(metadata, tensors) {
  const entries = { __metadata__: metadata };
  const parts = [];
  let offset = 0;
  for (const [name, { dtype, shape, values }] of tensors) {
    entries[name] = { dtype, shape, data_offsets: [offset, offset + values.byteLength] };
    parts.push(Buffer.from(values.buffer, values.byteOffset, values.byteLength));
    offset += values.byteLength;
  }
  const header = Buffer.from(JSON.stringify(entries));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, ...parts]);
}

/** A well-formed safetensors file of another program. */
export function foreignSafetensors() {
  return writeSafetensors({}, new Map([["weight", { dtype: "F32", shape: [2], values: new Float32Array(2) }]]));
}

/** Writes files, given as `[path, bytes]` pairs, below a folder; returns it. */
export function writeFolder(folder, files) {
  for (const [name, bytes] of files) {
    const file = path.join(folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, bytes);
  }
  return folder;
}
