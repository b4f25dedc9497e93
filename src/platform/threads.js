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
let threads = [];

/** Starts workers of the program that `script` loads. Resolves when all of them are about to call `runThread`. */
export async function startThreads(module, memory, script, count) {
  threads = Array.from({ length: count }, () => new Worker(import.meta.url, { type: "module", name: THREAD }));
  try {
    await Promise.all(threads.map((thread) => started(thread, { module, memory, script })));
  } catch (error) {
    for (const thread of threads) thread.terminate();
    throw error;
  }
}

function started(thread, task) {
  return new Promise((resolve, reject) => {
    thread.onmessage = ({ data }) => (data === READY ? resolve() : reject(new Error(data)));
    thread.onerror = (event) => {
      // Whoever waits is told, so the console need not be.
      event.preventDefault();
      reject(new Error(event.message ?? "a worker could not be loaded"));
    };
    thread.postMessage(task);
  });
}
