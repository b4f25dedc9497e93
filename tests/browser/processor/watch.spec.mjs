// Runs of the terminal program, watched in the page that it serves.

import { createServer } from "node:http";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { test as base, expect } from "../fixtures.mjs";
import { INSECURE_HOST } from "../browser.mjs";
import { run, show } from "../server.mjs";

const MINUTE = 60_000;

/** A run of steps that take some milliseconds. */
const train = (out, steps) => [
  ...["train", "--recipe", "dcgan32", "--device", "cpu", "--batch", "4", "--steps", String(steps), "--out", out],
  ...[
    "model.generator_width=4",
    "model.discriminator_width=4",
    "model.latent=8",
    "output.tick_steps=10",
    "output.sample_steps=40",
    "output.sample_secs=null",
    "output.checkpoint_steps=1000000",
    "output.checkpoint_secs=null",
  ].flatMap((setting) => ["--set", setting]),
];

const ENDLESS = 100_000_000;

const test = base.extend({
  /** `before`: commands that have ended by then; `args`: the one of the program that shows runs. */
  shown: [{}, { option: true }],

  folder: async ({}, use) => {
    const folder = mkdtempSync(path.join(os.tmpdir(), "whelp-watch-"));
    await use(folder);
    rmSync(folder, { recursive: true });
  },

  program: async ({ folder, shown: { before = [], args } }, use) => {
    for (const command of before) run(folder, command);
    const program = await show(folder, args);
    await use(program);
    await program.kill();
  },

  baseURL: async ({ program }, use) => use(program.origin),
});

/** What a run has told in its folder. */
const told = (folder, run) => readFileSync(path.join(folder, run, "events.jsonl"), "utf8").trim().split("\n").map((line) => JSON.parse(line));
const lastStep = (folder, run) => told(folder, run).findLast((event) => event.type === "tick").progress.step;

/** Nobody is there any more. The browser says so in the console at each try. */
const GONE = [/^failed request: .*watch\.json$/, /WebSocket connection to .* failed/, /net::ERR_CONNECTION_REFUSED/];

test.describe("a run that is trained", () => {
  test.use({ shown: { args: [...train("dogs", ENDLESS), "--serve", "0"] } });

  test("is seen live, and pauses, goes on, draws, saves and ends from the page", async ({ page, whelp, folder, program, expectedFaults }) => {
    expectedFaults.push(...GONE);
    await page.goto("/");
    await whelp.shows("status", `This page watches dogs on ${os.hostname()}. It is training.`);
    await whelp.shows("data-summary", "Built-in dogs · 5,000 pictures · 32 px");
    await whelp.shows("recipe", "dcgan32 · batch size 4");
    await whelp.shows("device", "device: CPU");
    await expect(whelp.part("train")).toHaveCount(0);
    await expect(page).toHaveTitle("dogs · Whelp");
    const first = await whelp.gridAfter(0);
    expect(first.width).toBe(8 * 33 - 1);
    expect(first.colours).toBeGreaterThan(10);
    const later = await whelp.gridAfter(first.step);
    expect(later.hash).not.toBe(first.hash);
    const losses = await whelp.losses();
    expect(Number.isFinite(losses.discriminator) && Number.isFinite(losses.generator)).toBe(true);
    expect(await whelp.seen()).toBeGreaterThan(0);
    expect(Number(await whelp.part("speed").getAttribute("data-value"))).toBeGreaterThan(0);
    await whelp.waitForStep((await whelp.step()) + 20);

    await whelp.pause();
    await whelp.shows("status", "It is paused");
    const paused = await whelp.step();
    expect(told(folder, "dogs").at(-1)).toMatchObject({ type: "paused", progress: { step: paused } });
    await whelp.part("sample").click();
    await expect.poll(async () => (await whelp.grid()).step).toBe(paused);
    await whelp.part("save").click();
    await whelp.shows("checkpoint-summary", `step ${paused.toLocaleString("en")}: dogs/checkpoints/step_`);
    await expect(whelp.part("save")).toHaveText("Save a checkpoint now");

    // Whoever opens the page now sees the same.
    await page.reload();
    await whelp.shows("status", "It is paused");
    expect(await whelp.step()).toBe(paused);
    expect((await whelp.losses()).step).toBe(paused);
    await expect.poll(async () => (await whelp.grid()).step).toBe(paused);
    await whelp.resume();
    await whelp.waitForStep(paused + 20);

    await whelp.part("stop").click();
    await whelp.part("keep").click();
    await whelp.waitForStep((await whelp.step()) + 20);
    await whelp.part("stop").click();
    await whelp.part("confirm").click();
    expect(await program.ended).toBe(0);
    await whelp.shows("status", /It was stopped after .* The program that showed it has ended\.$/);
    const last = told(folder, "dogs").at(-1);
    expect(last).toMatchObject({ type: "finished", reason: "stopped" });
    expect(await whelp.step()).toBe(last.progress.step);
    await expect(whelp.part("error")).toHaveCount(0);
  });

  test("goes on when its viewer is killed in mid-frame", async ({ page, context, whelp, folder, expectedFaults }) => {
    expectedFaults.push(/^the page crashed$/);
    await page.goto("/");
    await whelp.gridAfter(0);
    const crashed = page.waitForEvent("crash");
    const session = await context.newCDPSession(page);
    session.send("Page.crash").catch(() => {});
    await crashed;
    const step = lastStep(folder, "dogs");
    await expect.poll(() => lastStep(folder, "dogs"), { timeout: MINUTE }).toBeGreaterThan(step + 20);
  });

  test("is shown under no foreign name and to no foreign page", async ({ page, program, expectedFaults }) => {
    const { port } = new URL(program.origin);
    expectedFaults.push(/WebSocket connection to .* failed/, /403 \(Forbidden\)/, /^request to another origin/, /favicon/);
    const response = await page.goto(`http://${INSECURE_HOST}:${port}/`);
    expect(response.status()).toBe(403);
    await expect(page.locator("body")).toContainText("no such name here");

    const other = createServer((_, answer) => answer.setHeader("Content-Type", "text/html").end("<title>foreign</title>"));
    await new Promise((resolve) => other.listen(0, "127.0.0.1", resolve));
    await page.goto(`http://127.0.0.1:${other.address().port}/`);
    const open = (port) => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/watch`, ["whelp-watch"]);
      return new Promise((resolve) => {
        socket.onopen = () => resolve("open");
        socket.onclose = () => resolve("refused");
      });
    };
    expect(await page.evaluate(open, port)).toBe("refused");
    other.closeAllConnections();
    other.close();
    // From the page's own address the same opens.
    await page.goto("/");
    expect(await page.evaluate(open, port)).toBe("open");
  });
});

test.describe("runs of a folder", () => {
  test.use({
    shown: { before: [train("runs/first", 40), train("runs/second", 80)], args: ["serve", "--run", "runs", "--port", "0"] },
  });

  test("are listed, and each that has ended is shown as it was", async ({ page, whelp, folder }) => {
    await page.goto("/");
    await whelp.shows("status", "It has finished after 320 pictures.");
    expect(await whelp.part("run-name").allTextContents()).toEqual(["second", "first"]);
    await whelp.shows("run-facts", "dcgan32 · 32 px · 320 seen · ended");
    await expect(whelp.part("show-run").first()).toHaveAttribute("aria-pressed", "true");
    expect((await whelp.losses()).step).toBe(80);
    const second = await whelp.grid();
    expect(second.step).toBe(80);
    const files = readdirSync(path.join(folder, "runs/second/samples")).sort();
    expect(await whelp.differenceTo(readFileSync(path.join(folder, "runs/second/samples", files.at(-1))))).toBe(0);
    for (const control of ["wait", "sample", "stop"]) await expect(whelp.part(control)).toHaveAttribute("aria-disabled", "true");
    await expect(whelp.part("save")).toHaveCount(0);

    await whelp.part("show-run").nth(1).click();
    await whelp.shows("status", "This page watches first");
    await expect.poll(() => whelp.step()).toBe(40);
    expect((await whelp.losses()).step).toBe(40);
    await expect.poll(async () => (await whelp.grid()).step).toBe(40);
    expect((await whelp.grid()).hash).not.toBe(second.hash);
    await whelp.unfold("train");
    await expect(whelp.part("setting-batch")).toHaveValue("4");
    await expect(whelp.part("setting-batch")).toBeDisabled();
  });
});

test.describe("a run that other machines reach", () => {
  test.use({ shown: { args: [...train("dogs", ENDLESS), "--serve", "0.0.0.0:0"] } });

  test("is shown to who has the link", async ({ page, whelp, program, expectedFaults }) => {
    expectedFaults.push(/401 \(Unauthorized\)/);
    await page.goto("/");
    await whelp.shows("status", "This address needs a token.");
    await expect(whelp.part("device")).toHaveText("");
    const { hash } = new URL(program.link);
    expect(hash).toMatch(/^#token=[0-9a-f]{32}$/);
    await page.goto(`/?again${hash}`);
    await whelp.shows("status", "It is training.");
    expect(page.url(), "the token is not left in the address").not.toContain(hash.slice(1));
    await page.reload();
    await whelp.shows("status", "It is training.");
    await page.goto(`/?wrong#token=${"0".repeat(32)}`);
    await whelp.shows("status", "This address needs a token.");
  });
});
