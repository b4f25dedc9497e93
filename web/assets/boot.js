// Starts the page's program, which trunk names in this very script element, and says so where a browser cannot run it.
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
