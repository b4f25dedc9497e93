// Other devices than the one at hand, as scripts that run in the worker before its own.

/** Has every worker of a page run `script` first. */
export async function prepareWorkers(context, script) {
  await context.route("**/trainer.js", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: `{ ${script} }\n${await response.text()}` });
  });
}

/** The browser's own software device, described as hardware, so that the page measures it. */
export const HARDWARE = `
  const mask = (name, value) => Object.defineProperty(GPUAdapterInfo.prototype, name, { get: () => value });
  mask("architecture", "test");
  mask("isFallbackAdapter", false);
  mask("description", "Test GPU");
`;

/** The browser offers no WebGPU. */
export const WITHOUT_WEBGPU = 'Object.defineProperty(WorkerNavigator.prototype, "gpu", { get: () => undefined });';

/** No adapter or device has a feature, and none can be asked for it. */
export const without = (feature) => `
  for (const { prototype } of [GPUAdapter, GPUDevice]) {
    const { get } = Object.getOwnPropertyDescriptor(prototype, "features");
    Object.defineProperty(prototype, "features", { get() { return new Set([...get.call(this)].filter((has) => has !== "${feature}")); } });
  }
  ${whenRequested(`
    if ([...(descriptor.requiredFeatures ?? [])].includes("${feature}")) throw new TypeError("${feature} is not there");
  `)}
`;

/** Adapters tell all their limits, and devices get WebGPU's defaults. */
export const DEFAULT_LIMITS = whenRequested("descriptor = { ...descriptor, requiredLimits: {} };");

/** Adapters tell all their limits, and devices get half of one. */
export const halved = (limit) =>
  whenRequested(`
    const half = { ${limit}: Math.floor(this.limits.${limit} / 2) };
    descriptor = { ...descriptor, requiredLimits: { ...descriptor.requiredLimits, ...half } };
  `);

/** Adapters tell limits and features that they refuse to any device. */
export const REFUSED_REQUESTS = whenRequested(`
  if (descriptor.requiredLimits || descriptor.requiredFeatures) throw new DOMException("refused in a test", "OperationError");
`);

/** Devices of WebGPU's compatibility mode: workgroups have half of the units that the standard promises otherwise. */
export const COMPATIBILITY = `
  const find = GPU.prototype.requestAdapter;
  GPU.prototype.requestAdapter = function (options) {
    return find.call(this, { ...options, featureLevel: "compatibility" });
  };
  ${DEFAULT_LIMITS}
`;

/** Drivers refuse kernels of which `condition`, an expression with `code` in it, is true. */
export const refusedShaders = (condition) => `
  const create = GPUDevice.prototype.createShaderModule;
  GPUDevice.prototype.createShaderModule = function ({ code, ...more }) {
    return create.call(this, { ...more, code: ${condition} ? "refused in a test" : code });
  };
`;

/** Runs `script` before a device is asked for. It may change `descriptor`, or throw. */
function whenRequested(script) {
  return `
    const request = GPUAdapter.prototype.requestDevice;
    GPUAdapter.prototype.requestDevice = async function (descriptor = {}) {
      ${script}
      return request.call(this, descriptor);
    };
  `;
}
