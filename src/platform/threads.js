// Rayon's threads, each a worker that runs the same program in the same memory. This file is the worker's script too.

/** Name of a worker that is a thread. */
const THREAD = "whelp-thread";

const READY = "ready";

if (self.name === THREAD) {
  self.addEventListener("message", ({ data }) => run(data), { once: true });
}

async function run({ module, memory, script }) {
  let program;
  try {
    program = await import(script);
    await program.default({ module_or_path: module, memory });
  } catch (error) {
    return self.postMessage(String(error));
  }
  self.postMessage(READY);
  program.runThread();
}

/** Firefox collects workers that nothing refers to, though they run (https://bugzilla.mozilla.org/show_bug.cgi?id=1702191). */
const threads = [];

/** How long a thread may take to be ready. It only loads a small script and a program that is compiled already. */
const PATIENCE_MS = 10_000;

/** How often a thread is started. In a Firefox that a program drives, a worker may never run: seen once in eight reloads. */
const ATTEMPTS = 3;

/** Starts workers of the program that `script` loads. Resolves when all of them are about to call `runThread`. */
export async function startThreads(module, memory, script, count) {
  try {
    await Promise.all(Array.from({ length: count }, () => startThread({ module, memory, script })));
  } catch (error) {
    for (const thread of threads) thread.terminate();
    throw error;
  }
}

/** Only one that does not begin is started again: one that has begun may hold a lock in the shared memory. */
async function startThread(task) {
  for (let attempt = 1; ; attempt++) {
    const thread = new Worker(import.meta.url, { type: "module", name: THREAD });
    threads.push(thread);
    const isReady = await Promise.race([started(thread, task), late(attempt * PATIENCE_MS)]);
    if (isReady) return;
    thread.terminate();
    if (attempt === ATTEMPTS) throw new Error("the browser did not start the threads");
  }
}

function late(ms) {
  return new Promise((resolve) => setTimeout(() => resolve(false), ms));
}

function started(thread, task) {
  return new Promise((resolve, reject) => {
    thread.onmessage = ({ data }) => (data === READY ? resolve(true) : reject(new Error(data)));
    thread.onerror = (event) => {
      // Whoever waits is told, so the console need not be.
      event.preventDefault();
      reject(new Error(event.message ?? "a worker could not be loaded"));
    };
    thread.postMessage(task);
  });
}
