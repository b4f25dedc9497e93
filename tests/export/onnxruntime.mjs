// ONNX files in onnxruntime: `node onnxruntime.mjs FOLDER NODE_MODULES`.

import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { compare } from "./cases.mjs";

const [, , folder, modules] = process.argv;
const require = createRequire(pathToFileURL(path.join(modules, "x.js")));
const ort = require("onnxruntime-web");
ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

await compare(folder, async (bytes, { batch, latent, classes, conditional, picture }, z) => {
  const session = await ort.InferenceSession.create(bytes);
  const feeds = { z: new ort.Tensor("float32", z, [batch, latent]) };
  if (conditional) feeds.class = new ort.Tensor("int64", BigInt64Array.from(classes, BigInt), [batch]);
  const { image } = await session.run(feeds);
  const dims = [batch, ...picture];
  if (`${image.dims}` !== `${dims}`) throw new Error(`an image of ${image.dims} instead of ${dims}`);
  await session.release();
  return image.data;
});
