// Starts the worker's program for this device, so that nobody downloads the others'. The page asks for the processor's by the
// worker's name.

/** Whether WebGPU has what the program for it needs; if not, the other programs tell why. */
async function hasGraphics() {
  try {
    const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
    return adapter?.features.has("timestamp-query") ?? false;
  } catch {
    return false;
  }
}

/** A function that multiplies and adds at once, four floats at a time: what a browser without relaxed SIMD refuses. */
const RELAXED_SIMD = Uint8Array.of(
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...[1, 5, 1, 0x60, 0, 1, 0x7b],
  ...[3, 2, 1, 0],
  ...[10, 19, 1, 17, 0, 0x41, 0, 0xfd, 15, 0x41, 0, 0xfd, 15, 0x41, 0, 0xfd, 15, 0xfd, 0x85, 2, 11],
);

/** Whether workers may share memory here, which is up to the server, and the browser knows what the program is made of. */
function hasThreads() {
  return self.crossOriginIsolated === true && WebAssembly.validate(RELAXED_SIMD);
}

/** Starts the program with a thread for each of the processor's; false where the browser cannot do it after all. */
async function startWithThreads() {
  try {
    const { default: load, initThreadPool, start } = await import("./threads/trainer-threads.js");
    await load();
    await initThreadPool(navigator.hardwareConcurrency);
    start();
    return true;
  } catch (error) {
    console.warn("The processor trains on one thread:", error);
    return false;
  }
}

const program = self.name !== "processor" && (await hasGraphics()) ? "graphics" : "processor";
if (program === "graphics" || !hasThreads() || !(await startWithThreads())) {
  const { default: start } = await import(`./trainer-${program}.js`);
  await start();
}
