// Starts a browser of WebKitGTK that WebKitWebDriver drives, on a screen that nobody sees, and ends what it started.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { createServer } from "node:net";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Builder } from "selenium-webdriver";
import { WEBKIT_DRIVER } from "../browser.mjs";

/** The program that WebKitWebDriver starts. */
export const BROWSER = fileURLToPath(new URL("browser.py", import.meta.url));

/** What a started browser is given to answer. */
const PATIENCE_MS = 60_000;

/** What WebKit itself writes: nothing, but on a busy machine that the page's program was long in coming. */
const EXPECTED_LINES = [/^$/, /^CONSOLE OTHER WARN The resource \S+_bg\.wasm was preloaded using link preload but not used within a few seconds/];

/** A program and all that it starts, ended by `close` or with this program. */
function start(program, args, options) {
  // A process group of its own, so that the programs that it starts end with it.
  const child = spawn(program, args, { ...options, detached: true });
  const ended = new Promise((resolve) => {
    // The last one that writes has ended, too.
    child.once("close", resolve);
    child.once("error", resolve);
  });
  const kill = () => {
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // All of them have ended.
    }
  };
  process.once("exit", kill);
  const close = async () => {
    process.off("exit", kill);
    kill();
    await ended;
  };
  return { child, ended, close };
}

/** A screen for windows, kept in memory. `name` is what programs know it by. */
export async function openScreen() {
  // The server chooses a free number and writes it to the fourth file. Only programs of this machine reach it.
  const args = ["-displayfd", "3", "-screen", "0", "1280x960x24", "-nolisten", "tcp"];
  const server = start("Xvfb", args, { stdio: ["ignore", "ignore", "inherit", "pipe"] });
  const number = once(createInterface(server.child.stdio[3]), "line").then(([line]) => line.trim());
  const failed = server.ended.then((status) => Promise.reject(new Error(`Xvfb ended (${status})`)));
  failed.catch(() => undefined);
  return { name: `:${await Promise.race([number, failed])}`, close: server.close };
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/**
 * A browser with an empty profile in the folder `profile`, on the screen of that name. `driver` drives it, `lines` collects what
 * it writes: the console's lines.
 */
export async function openBrowser(screen, profile) {
  const downloads = path.join(profile, "downloads");
  await mkdir(downloads, { recursive: true });
  const env = { ...process.env, DISPLAY: screen, HOME: profile, XDG_RUNTIME_DIR: profile, WHELP_PROFILE: profile };
  // Pictures are drawn by the processor, as on any machine without a graphics device.
  Object.assign(env, { LIBGL_ALWAYS_SOFTWARE: "1", GDK_BACKEND: "x11", NO_AT_BRIDGE: "1" });
  // And without shaders: on a busy machine WebKit refused one of its own ("integer is too large: 0") and wrote so.
  Object.assign(env, { WEBKIT_SKIA_ENABLE_CPU_RENDERING: "1" });
  const port = await freePort();
  const server = start(WEBKIT_DRIVER, [`--port=${port}`], { env, stdio: ["ignore", "pipe", "pipe"] });
  const lines = [];
  for (const output of [server.child.stdout, server.child.stderr]) {
    createInterface(output).on("line", (line) => EXPECTED_LINES.some((known) => known.test(line)) || lines.push(line));
  }
  const address = `http://127.0.0.1:${port}`;
  try {
    await answering(address, server.ended);
    const driver = new Builder()
      .disableEnvironmentOverrides()
      .usingServer(address)
      .withCapabilities({
        browserName: "whelp-tests",
        "webkitgtk:browserOptions": { binary: BROWSER, args: [] },
        timeouts: { pageLoad: PATIENCE_MS },
      })
      .build();
    await driver.getSession();
    return { driver, lines, downloads, close: server.close };
  } catch (error) {
    await server.close();
    throw new Error(`WebKitWebDriver started no browser: ${error.message}\n${lines.join("\n")}`);
  }
}

/** Waits until WebKitWebDriver answers. */
async function answering(address, ended) {
  let hasEnded = false;
  ended.then(() => (hasEnded = true));
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await fetch(`${address}/status`).catch(() => undefined);
    if (answer?.ok) return;
    if (hasEnded || Date.now() > end) throw new Error(hasEnded ? "it ended" : "it does not answer");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
