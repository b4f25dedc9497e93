// Starts the worker's program for this device, so that nobody downloads the other's. The page asks for the processor's by the
// worker's name.

/** Whether WebGPU has what the program for it needs; if not, the other program tells why. */
async function hasGraphics() {
  try {
    const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
    return adapter?.features.has("timestamp-query") ?? false;
  } catch {
    return false;
  }
}

const program = self.name !== "processor" && (await hasGraphics()) ? "graphics" : "processor";
const { default: start } = await import(`./trainer-${program}.js`);
await start();
