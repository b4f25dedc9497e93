// Serves dist/ as any static host would.

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** The page's files; `WHELP_DIST` names those of another build. */
export const DIST = process.env.WHELP_DIST ?? fileURLToPath(new URL("../../dist/", import.meta.url));

const TYPES = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

/** Starts a server on a free port; `origin` is its address, `close` ends it. */
export async function serve(folder = DIST) {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    const name = pathname === "/" ? "index.html" : decodeURIComponent(pathname.slice(1));
    const file = path.join(folder, path.normalize(`/${name}`));
    try {
      const bytes = await readFile(file);
      const type = TYPES[path.extname(file)] ?? "application/octet-stream";
      response.writeHead(200, { "content-type": type, "content-length": bytes.length }).end(bytes);
    } catch {
      response.writeHead(404, { "content-type": "text/plain" }).end("not found");
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  const close = () =>
    new Promise((resolve) => {
      server.close(resolve);
      // Browsers keep connections open.
      server.closeAllConnections();
    });
  return { origin: `http://127.0.0.1:${port}`, port, close };
}
