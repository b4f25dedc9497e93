// How a test gets the file that the page offers for download.

import { copyFile, mkdir, readdir, rm, stat } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const PATIENCE_MS = 120_000;

/** What browsers add to the name of a file that they are still writing. */
const UNFINISHED = /\.(part|wkdownload)$/;

/** Chromium's way: Playwright tells of a download. */
export class Announced {
  constructor(page) {
    this.page = page;
  }

  /** Saves what `press` makes the page offer, and returns the name that the page gave it. */
  async save(press, file) {
    const [download] = await Promise.all([this.page.waitForEvent("download", { timeout: PATIENCE_MS }), press()]);
    await download.saveAs(file);
    return download.suggestedFilename();
  }
}

/** The way of browsers of which nobody tells: they write the file into a folder. */
export class Folder {
  constructor(folder) {
    this.folder = folder;
  }

  async save(press, file) {
    await mkdir(this.folder, { recursive: true });
    const before = await readdir(this.folder);
    await press();
    for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await sleep(50)) {
      const [name, ...more] = (await readdir(this.folder)).filter((name) => !before.includes(name));
      if (name === undefined || more.length > 0 || UNFINISHED.test(name)) continue;
      const saved = path.join(this.folder, name);
      // Firefox reserves the name with an empty file.
      if ((await stat(saved)).size === 0) continue;
      await copyFile(saved, file);
      // The next one of this name would get another.
      await rm(saved);
      return name;
    }
    throw new Error(`no file was saved in ${this.folder}`);
  }
}
