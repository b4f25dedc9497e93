// Runs `whelp serve`, so tests and bench see what a visitor gets.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** Folder of the built page; `WHELP_DIST` names another one. */
export const DIST = process.env.WHELP_DIST ?? fileURLToPath(new URL("../../dist/", import.meta.url));

/** The terminal program. */
const PROGRAM = process.env.WHELP_PROGRAM ?? "whelp";

/** Serves a folder on a free port. `origin` is its address, `close` ends it. */
export async function serve(folder = DIST) {
  const server = spawn(PROGRAM, ["serve", "--page", folder, "--port", "0"], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(server, "exit");
  const said = once(createInterface(server.stdout), "line").then(([line]) => line);
  const line = await Promise.race([said, ended.then(([status]) => `it ended with status ${status}`)]);
  const port = /http:\/\/127\.0\.0\.1:(\d+)\//.exec(line)?.[1];
  if (port === undefined) throw new Error(`${PROGRAM} serve: ${line}`);
  const close = () => {
    server.kill();
    return ended;
  };
  return { origin: `http://127.0.0.1:${port}`, port, close };
}
