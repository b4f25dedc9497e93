// Starts the worker's program for this device, so that nobody downloads the others'. The page asks for the processor's by the
// worker's name.

// The page starts another worker if it does not hear of this one.
self.postMessage("running");

/** How long to wait before looking again for a program that is still being compiled. */
const PATIENCE_MS = 2000;

/** Whether there is a WebGPU device; if not, the other programs tell why. */
async function hasGraphics() {
  try {
    return Boolean(await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" }));
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

/** Starts the program with a thread for each of the processor's. */
async function startThreads({ default: load, initThreadPool, start }) {
  await load();
  await initThreadPool(navigator.hardwareConcurrency);
  start();
}

/** The programs, the best first: whether this device can run one, and how it is started once it is loaded. */
const PROGRAMS = {
  graphics: { fits: hasGraphics, start: ({ default: load }) => load() },
  threads: { fits: hasThreads, start: startThreads },
  processor: { fits: () => true, start: ({ default: load }) => load() },
};

/** Whether the page lacks a file, as it does while `cargo xtask serve` is compiling: it serves the page with one program. */
async function isMissing(file) {
  return (await fetch(file)).status === 404;
}

/** Starts the first of the programs that can be started; false if the page has none of them yet. */
async function startFirst(names, attempt) {
  // The program tells the visitor of both: what the page lacks, and why there is one thread.
  self.missingPrograms = [];
  self.threadsFailure = undefined;
  for (const name of names) {
    // A browser may remember that a module could not be had, by its whole address.
    const file = `./${name}/trainer-${name}.js${attempt > 0 ? `?attempt=${attempt}` : ""}`;
    try {
      await PROGRAMS[name].start(await import(file));
      return true;
    } catch (error) {
      if (await isMissing(file)) {
        self.missingPrograms.push(name);
      } else if (name === "threads") {
        self.threadsFailure = String(error);
      } else {
        throw error;
      }
    }
  }
  return false;
}

const fitting = [];
for (const [name, { fits }] of Object.entries(PROGRAMS)) {
  if ((self.name !== "processor" || name !== "graphics") && (await fits())) fitting.push(name);
}
for (let attempt = 0; !(await startFirst(fitting, attempt)); attempt++) {
  await new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
}
