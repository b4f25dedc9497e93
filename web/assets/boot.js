// Starts the page's program, which trunk names in this very script element, and says so where a browser cannot run it, or where
// the program breaks later on.
let rescue;
globalThis.whelpRescue = {
  /** Remembers the latest checkpoint, a `Blob`, for a visitor whose page breaks. */
  keep(checkpoint, name) {
    rescue = { checkpoint, name };
  },
};

/** Built from plain elements: what draws the page may not work any more. */
function showBroken() {
  if (document.getElementById("page-broke")) return;
  const notice = document.createElement("div");
  notice.id = "page-broke";
  notice.className = "notice error broken";
  notice.setAttribute("role", "alert");
  notice.dataset.testid = "error";
  const sentence = document.createElement("p");
  sentence.textContent = rescue
    ? "This page crashed because of a bug in Whelp. Download the last checkpoint, reload the page and open it."
    : "This page crashed because of a bug in Whelp. Reload the page to start again.";
  notice.append(sentence);
  if (rescue) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(rescue.checkpoint);
    link.download = rescue.name;
    link.textContent = "Download the last checkpoint";
    link.className = "button";
    notice.append(link);
  }
  document.body.append(notice);
}

/** Whether WebAssembly stopped: by itself, as it does instead of a panic and without memory, or because its stack was full. */
function isTrap(error) {
  return error instanceof WebAssembly.RuntimeError || error instanceof RangeError || error?.name === "InternalError";
}

addEventListener("error", ({ error }) => isTrap(error) && showBroken());
addEventListener("unhandledrejection", ({ reason }) => isTrap(reason) && showBroken());

const { page, wasm } = document.getElementById("boot").dataset;
try {
  const { default: init } = await import(new URL(page, document.baseURI));
  await init({ module_or_path: new URL(wasm, document.baseURI) });
} catch (error) {
  const starting = document.getElementById("starting");
  if (!starting) throw error;
  starting.setAttribute("role", "alert");
  starting.textContent =
    "Whelp could not start in this browser. Reload the page; if that does not help, try the newest Chrome, Edge, " +
    `Firefox or Safari. (${error.message})`;
}
