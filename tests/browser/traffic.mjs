// Counts the bytes that WebGPU moves while the page trains, by wrapping the browser's calls in the worker.

/** Starts counting in every worker that `page` starts from now on. */
export async function count(page) {
  await page.route("**/trainer.js", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: `(${counters})();\n${await response.text()}` });
  });
}

/**
 * Per step: bytes sent to the device, bytes read from it, total size of the buffers bound to its kernels, and number of
 * launches. Needs at least two reports of the losses.
 */
export async function perStep(page) {
  const [worker] = page.workers();
  const ticks = await worker.evaluate(() => globalThis.traffic.ticks);
  const between = ticks.slice(1).map((tick, i) => {
    const share = (key) => (tick[key] - ticks[i][key]) / (tick.step - ticks[i].step);
    return { sent: share("sent"), read: share("read"), bound: share("bound"), launches: share("launches") };
  });
  // Samples may have been drawn between two reports: the interval with the fewest launches has none.
  return between.reduce((least, one) => (one.launches < least.launches ? one : least));
}

/** Runs in the worker before its program starts. */
function counters() {
  const now = { sent: 0, read: 0, bound: 0, launches: 0 };
  const ticks = [];
  globalThis.traffic = { ticks };
  const after = (type, name, note) => {
    const original = type.prototype[name];
    type.prototype[name] = function (...given) {
      const result = original.apply(this, given);
      note(this, given, result);
      return result;
    };
  };
  const groups = new WeakMap();
  const bound = new WeakMap();
  const launched = (pass) => {
    now.launches += 1;
    for (const bytes of bound.get(pass)?.values() ?? []) now.bound += bytes;
  };
  after(GPUQueue, "writeBuffer", (_, [, , data, offset = 0, size = undefined]) => {
    // In elements of an array of numbers, else in bytes.
    const element = data.BYTES_PER_ELEMENT ?? 1;
    now.sent += size === undefined ? data.byteLength - offset * element : size * element;
  });
  // What is mapped may be more than what is asked for, as many results share a buffer.
  after(GPUCommandEncoder, "copyBufferToBuffer", (_, given) => {
    const [target, size] = given.length > 3 ? [given[2], given[4]] : [given[1], given[2]];
    if (target.usage & GPUBufferUsage.MAP_READ) now.read += size ?? target.size;
  });
  after(GPUDevice, "createBindGroup", (_, [{ entries }], group) => {
    const sizes = [...entries].map(({ resource: { buffer, offset = 0, size } }) => size ?? buffer.size - offset);
    groups.set(group, sizes.reduce((sum, bytes) => sum + bytes, 0));
  });
  after(GPUComputePassEncoder, "setBindGroup", (pass, [index, group]) => {
    if (!bound.has(pass)) bound.set(pass, new Map());
    bound.get(pass).set(index, groups.get(group) ?? 0);
  });
  after(GPUComputePassEncoder, "dispatchWorkgroups", launched);
  after(GPUComputePassEncoder, "dispatchWorkgroupsIndirect", launched);
  const post = self.postMessage;
  self.postMessage = function (message, ...more) {
    const { event } = JSON.parse(message?.json ?? "{}");
    if (event?.type === "tick") ticks.push({ step: event.progress.step, ...now });
    return post.call(self, message, ...more);
  };
}
