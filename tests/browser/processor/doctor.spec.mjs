// The check of messy pictures before training: the page and the terminal find and prepare the same.

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "../fixtures.mjs";
import { parseSafetensors, png } from "../files.mjs";

const FIXTURES = fileURLToPath(new URL("../../fixtures/", import.meta.url));

/** The terminal program. Without it, the tests that need it are skipped. */
const PROGRAM = process.env.WHELP_PROGRAM;

/** A folder with every fixture that does not belong to another test, and a duplicate. */
function messy(folder) {
  mkdirSync(folder, { recursive: true });
  // Without the folder of AVIF pictures: the page leaves those to the browser's decoder, which rounds otherwise than the terminal's.
  const files = readdirSync(FIXTURES, { withFileTypes: true }).filter((entry) => entry.isFile());
  for (const { name } of files) {
    if (!/\.(safetensors|pth|py|json)$/.test(name)) cpSync(path.join(FIXTURES, name), path.join(folder, name));
  }
  cpSync(path.join(FIXTURES, "rgb.png"), path.join(folder, "z copy of rgb.png"));
  return folder;
}

async function prepared(whelp, file) {
  await whelp.chooseSize(4, 4);
  await whelp.train();
  await whelp.stop();
  await whelp.download(file);
  return JSON.parse(parseSafetensors(readFileSync(file)).metadata.whelp).data;
}

test("the page and the terminal find the same in messy pictures, and prepare the same bytes", async ({ whelp }, info) => {
  test.skip(!PROGRAM, "there is no terminal program");
  const folder = messy(info.outputPath("messy"));
  const said = execFileSync(PROGRAM, ["data", "check", "--json", folder], {
    env: { ...process.env, WHELP_DATA_CACHE: "" },
  });
  const report = JSON.parse(said);
  await whelp.open();
  await whelp.part("pick-folder").setInputFiles(folder);
  await expect(whelp.part("data-summary")).toContainText(`${report.pictures} pictures`);
  await expect(whelp.part("data-problems").locator("summary")).toHaveText(`${report.files - report.usable} files could not be used`);
  await whelp.part("data-problems").locator("summary").click();
  for (const { name, reason } of report.skipped) {
    await expect(whelp.part("data-problems").getByRole("listitem").filter({ hasText: reason }).filter({ hasText: name }).first()).toBeVisible();
  }
  await whelp.part("data-check").locator("summary").click();
  const flagged = whelp.part("data-flagged").getByRole("listitem");
  await expect(flagged).toHaveCount(report.flagged_count);
  expect(await flagged.locator(".name").allTextContents()).toEqual(
    // On the page, names include the chosen folder.
    report.flagged.map(({ name }) => `messy/${name}`),
  );
  await expect(whelp.part("data-advice").getByRole("listitem")).toHaveText(report.advice);
  const data = await prepared(whelp, info.outputPath("messy.safetensors"));
  expect(data.fingerprint).toBe(report.fingerprint);
});

test("one click leaves out the flagged pictures, and another includes them again", async ({ whelp }, info) => {
  const folder = info.outputPath("pets");
  mkdirSync(folder);
  const write = (name, bytes) => writeFileSync(path.join(folder, name), bytes);
  for (let seed = 0; seed < 6; seed++) write(`${seed}.png`, png(48, seed));
  write("copy of 3.png", png(48, 3));
  write("tiny.png", png(16, 9));
  await whelp.open();
  await whelp.part("pick-folder").setInputFiles(folder);
  await expect(whelp.part("data-summary")).toContainText("8 pictures");
  const check = whelp.part("data-check");
  await expect(check.locator("summary")).toHaveText("Check: only enough for a try · 2 flagged");
  await check.locator("summary").click();
  await expect(whelp.part("data-flagged")).toContainText("3.png duplicate of");
  await expect(whelp.part("data-flagged")).toContainText("tiny.png too small");
  await expect(whelp.part("contact-sheet")).toBeVisible();
  await whelp.part("exclude-flagged").click();
  await expect(whelp.part("data-summary")).toContainText("6 pictures");
  await expect(check.locator("summary")).toContainText("2 left out");
  await expect(whelp.part("exclude-flagged")).toHaveText("Include 2 flagged files");
  await whelp.part("exclude-flagged").click();
  await expect(whelp.part("data-summary")).toContainText("8 pictures");
});

/** Sizes of the files in the browser's private file system, by name. */
function kept(page) {
  return page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle("prepared pictures", { create: true });
    const sizes = {};
    for await (const [name, handle] of folder.entries()) sizes[name] = (await handle.getFile()).size;
    return sizes;
  });
}

test("prepared pictures are kept for the next visit, prepared again if damaged, and removed on request", async ({ page, whelp }, info) => {
  const folder = info.outputPath("pets");
  mkdirSync(folder);
  for (let seed = 0; seed < 6; seed++) writeFileSync(path.join(folder, `${seed}.png`), png(80, seed));
  const pick = async () => {
    await whelp.open();
    await whelp.part("pick-folder").setInputFiles(folder);
    await expect(whelp.part("data-summary")).toContainText("pets · 6 pictures");
    await expect(whelp.part("kept")).toContainText("1 prepared set");
    return whelp.part("preview").evaluate((canvas) => canvas.toDataURL());
  };
  const strip = await pick();
  const [name] = Object.keys(await kept(page));
  expect(await pick(), "from the kept copy").toBe(strip);
  expect(Object.keys(await kept(page))).toEqual([name]);

  await page.evaluate(async (name) => {
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle("prepared pictures");
    const file = await (await folder.getFileHandle(name)).createWritable({ keepExistingData: true });
    await file.write({ type: "write", position: 5000, data: new Uint8Array([1, 2, 3]) });
    await file.close();
  }, name);
  expect(await pick(), "prepared again").toBe(strip);

  await whelp.part("clear-kept").click();
  await expect(whelp.part("kept")).toHaveCount(0);
  expect(await kept(page)).toEqual({});
});
