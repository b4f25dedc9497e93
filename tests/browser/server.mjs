// Runs `whelp serve` and `whelp train --serve`, so tests and bench see what a visitor gets.

import { spawn, spawnSync } from "node:child_process";
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

/** Runs the program in a folder to its end. */
export function run(folder, args) {
  const { status, stderr } = spawnSync(PROGRAM, args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"], encoding: "utf8" });
  if (status !== 0) throw new Error(`${PROGRAM} ${args.join(" ")}: status ${status}\n${stderr}`);
}

/**
 * Starts a program in a folder that shows runs of it. `link` is what it prints, `origin` where that leads on this machine, `ended`
 * its status once it has ended; `kill` ends it at once.
 */
export async function show(folder, args) {
  const program = spawn(PROGRAM, [...args, "--page", DIST], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  const ended = once(program, "exit").then(([status]) => status);
  const said = [];
  const printed = new Promise((resolve) => {
    for (const stream of [program.stdout, program.stderr]) {
      createInterface(stream).on("line", (line) => {
        said.push(line);
        const [link] = /http:\/\/\S+/.exec(line) ?? [];
        if (link) resolve(link);
      });
    }
  });
  const link = await Promise.race([printed, ended.then(() => undefined)]);
  if (!link) throw new Error(`${PROGRAM} ${args.join(" ")}: ${said.join("\n")}`);
  const kill = () => {
    program.kill("SIGKILL");
    return ended;
  };
  return { link, origin: `http://127.0.0.1:${new URL(link).port}`, ended, kill };
}
