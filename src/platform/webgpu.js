// Opens WebGPU devices for cubecl, which asks an adapter what it has and expects a device to have the same.
//
// That goes wrong in browsers in three ways (cubecl 0.11.3, wgpu 30.0.1):
// - cubecl panics where the adapter lacks `timestamp-query`, which only profiling needs.
// - wgpu can't ask a browser for `subgroups`, but reports their size. cubecl then compiles kernels for them.
// - A device may have less than its adapter.
// So the device is opened here, and its adapter tells what the device has. Can go when cubecl reads the device and wgpu knows
// `subgroups`.

/** What kernels can make use of. */
const FEATURES = ["subgroups", "shader-f16"];

/** What decides how large kernels and tensors may be. */
const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxUniformBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupSizeZ",
  "maxComputeWorkgroupsPerDimension",
  "minStorageBufferOffsetAlignment",
  "minUniformBufferOffsetAlignment",
];

/** What a basic device admits to, so that kernels stay small: less than every WebGPU device has. */
const BASIC_LIMITS = {
  maxComputeWorkgroupStorageSize: 8192,
  maxComputeInvocationsPerWorkgroup: 128,
  maxComputeWorkgroupSizeX: 128,
  maxComputeWorkgroupSizeY: 128,
};

/** Where drivers or browsers refuse what they offer, the next of these may still work. The last is what every device has. */
const REQUESTS = [
  (adapter) => ({ requiredFeatures: features(adapter), requiredLimits: limits(adapter) }),
  (adapter) => ({ requiredLimits: limits(adapter) }),
  () => ({}),
];

let isBasic = false;
/** The browser's WebGPU, once its adapters are completed. Kept here because browsers may forget properties that were added. */
let completed = null;

/** From now on devices have no optional features and no more than the default limits, of which kernels use a part. */
export function useBasicDevices() {
  isBasic = true;
}

/** From now on every adapter that is asked for has its device open, and tells what that has. */
export function completeAdapters() {
  // Without WebGPU there are no adapters, and opening a device reports that.
  const gpu = globalThis.navigator?.gpu;
  if (completed || !gpu) return;
  completed = gpu;
  const request = gpu.requestAdapter.bind(gpu);
  override(gpu, { requestAdapter: (options) => openAdapter(() => request(options)) });
}

async function openAdapter(request) {
  let adapter = null;
  let refusal = null;
  for (const descriptor of isBasic ? REQUESTS.slice(-1) : REQUESTS) {
    // An adapter opens one device; after a refusal it may not open any.
    adapter = await request();
    if (!adapter) return null;
    try {
      return withDevice(adapter, await adapter.requestDevice(descriptor(adapter)));
    } catch (error) {
      refusal = error;
    }
  }
  return override(adapter, { requestDevice: () => Promise.reject(refusal) });
}

function withDevice(adapter, device) {
  const told = { ...readable(device.limits), ...(isBasic ? BASIC_LIMITS : {}) };
  override(device, { limits: told });
  return override(adapter, {
    features: new Set([...features(device), "timestamp-query"]),
    limits: told,
    info: description(adapter, device),
    requestDevice: async () => device,
  });
}

/** The features of an adapter or a device that kernels can use. */
function features(of) {
  return FEATURES.filter((feature) => of.features.has(feature));
}

/** The limits of an adapter that its device is to have. Older browsers lack some. */
function limits(adapter) {
  const told = LIMITS.map((name) => [name, adapter.limits[name]]);
  return Object.fromEntries(told.filter(([, limit]) => typeof limit === "number"));
}

/** What the adapter says of itself, with subgroups only if the device has them. */
function description(adapter, device) {
  const { vendor = "", architecture = "", device: name = "", description = "", ...more } = readable(adapter.info);
  const has = device.features.has("subgroups");
  return {
    ...{ vendor, architecture, device: name, description },
    isFallbackAdapter: more.isFallbackAdapter ?? adapter.isFallbackAdapter ?? false,
    subgroupMinSize: has ? (more.subgroupMinSize ?? 0) : 0,
    subgroupMaxSize: has ? (more.subgroupMaxSize ?? 0) : 0,
  };
}

/** A browser's object as an ordinary one. Its properties are not its own, but `in` lists them. */
function readable(object) {
  const copy = {};
  for (const name in object) copy[name] = object[name];
  return copy;
}

/** Gives one object other properties than its kind has. */
function override(object, values) {
  for (const [name, value] of Object.entries(values)) Object.defineProperty(object, name, { value, configurable: true });
  return object;
}
