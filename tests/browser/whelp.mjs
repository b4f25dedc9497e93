// The page as a visitor knows it: what can be pressed, and what can be read.

import { expect } from "@playwright/test";

const MINUTE = 60_000;

/** The first step on WebGPU compiles every shader. */
const FIRST_STEP_MS = 4 * MINUTE;

/** After so many steps batch norm knows its inputs, and pictures that were nearly grey before have colours. */
export const PAST_GREY = 45;

/** What is tested with where it does not matter: the default's two penalties make it several times slower. */
const QUICK = "dcgan32";

/** What whoever does not choose trains. */
export const DEFAULT = "r3gan";

export class Whelp {
  constructor(page) {
    this.page = page;
  }

  /** The element with this `data-testid`. */
  part(id) {
    return this.page.getByTestId(id);
  }

  /** Loads the page and waits until a device is found and the built-in dogs are read. */
  async open(address = "/") {
    await this.page.goto(address);
    await expect(this.part("device")).toContainText(/WebGPU|CPU/, { timeout: 2 * MINUTE });
    await expect(this.part("data-summary")).toContainText("Built-in dogs", { timeout: MINUTE });
  }

  /** Waits for the pictures of the network that came with the page, the last thing that happens by itself. */
  async starter() {
    await expect(this.part("grid-caption")).toContainText("starter", { timeout: MINUTE });
  }

  /** Opens the advanced settings, and those of their sections that are named: `model`, `train`, ... */
  async unfold(...sections) {
    for (const id of ["advanced", ...sections.map((section) => `section-${section}`)]) {
      const details = this.part(id);
      if (!(await details.evaluate((details) => details.open))) await details.locator("> summary").click();
    }
  }

  /** Fills in the advanced settings; names as in their `data-testid` after `setting-`. */
  async settle(settings) {
    await this.unfold();
    for (const [name, value] of Object.entries(settings)) {
      const field = this.part(`setting-${name}`);
      const section = await field.evaluate((field) => field.closest("[data-testid^=section-]").dataset.testid);
      await this.unfold(section.slice("section-".length));
      await field.fill(String(value));
    }
  }

  /** Networks of this width on batches of this many pictures, so that a step takes no longer than it must. */
  async chooseSize(width, batch, { recipe = QUICK, ...more } = {}) {
    // The page may still be finding out what suits the device.
    await this.part("setting-recipe").selectOption(recipe);
    await this.settle({ batch, "generator-width": width, "discriminator-width": width, ...more });
  }

  /** Ends training by itself after so many steps. */
  async trainFor(steps) {
    await this.settle({});
    await this.part("setting-length-unit").selectOption("steps");
    await this.part("setting-length").fill(String(steps));
  }

  /** Starts from new networks and waits for the first losses. */
  async train() {
    await this.part("train").click();
    await this.firstLosses();
  }

  async firstLosses() {
    await expect(this.part("loss-chart")).toHaveAttribute("data-newest", /./, { timeout: FIRST_STEP_MS });
  }

  async pause() {
    await this.part("pause").click();
    await expect(this.part("resume")).toBeVisible();
  }

  async resume() {
    await this.part("resume").click();
    await expect(this.part("pause")).toBeVisible();
  }

  /** Ends the run; its last checkpoint is made. */
  async stop() {
    await this.part("stop").click();
    await expect(this.part("continue")).toBeVisible();
  }

  /** The newest losses on the chart, NaN where there is no number. */
  async losses() {
    const text = (await this.part("loss-chart").getAttribute("data-newest")) ?? "";
    const [step, discriminator, generator] = text.split(" ").map(Number);
    return { step, discriminator, generator };
  }

  /** Images that the discriminator has seen. */
  async seen() {
    return Number(await this.part("images-seen").getAttribute("data-value"));
  }

  async step() {
    return Number((await this.part("step").textContent()).replace(/\D/g, ""));
  }

  async waitForStep(step, timeout = 4 * MINUTE) {
    await expect.poll(() => this.step(), { timeout, intervals: [100], message: `step ${step}` }).toBeGreaterThanOrEqual(step);
  }

  /** The generated pictures on show: the step they were drawn after, and a fingerprint of their pixels. */
  async grid() {
    return this.part("grid").evaluate(async (canvas) => {
      const step = Number(canvas.dataset.step);
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      const colours = new Set(new Uint32Array(data.buffer));
      // An insecure context has no crypto.subtle: FNV-1a.
      let hash = 0x811c9dc5;
      for (const byte of data) hash = Math.imul(hash ^ byte, 0x01000193);
      return { step, width: canvas.width, height: canvas.height, colours: colours.size, hash: hash >>> 0 };
    });
  }

  /** A fingerprint of each generated picture on show. */
  async pictures() {
    return this.part("grid").evaluate((canvas) => {
      const columns = 8;
      // A pixel lies between two pictures.
      const tile = (canvas.width + 1) / columns - 1;
      return Array.from({ length: columns * columns }, (_, index) => {
        const [x, y] = [index % columns, Math.floor(index / columns)].map((place) => place * (tile + 1));
        return canvas.getContext("2d").getImageData(x, y, tile, tile).data.join();
      });
    });
  }

  /** Waits for pictures that were drawn after `step`. */
  async gridAfter(step, timeout = 4 * MINUTE) {
    const drawn = async () => Number((await this.part("grid").getAttribute("data-step")) ?? -1);
    await expect.poll(drawn, { timeout, message: `pictures drawn after step ${step}` }).toBeGreaterThan(step);
    return this.grid();
  }

  /** The largest difference between a value of a pixel on show and one of the same pictures in a PNG without gaps. */
  async differenceTo(png) {
    return this.part("grid").evaluate(async (canvas, base64) => {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      // As the numbers are in the file, whatever the screen's colours.
      const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }), { colorSpaceConversion: "none" });
      const other = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
      other.drawImage(bitmap, 0, 0);
      const columns = 8;
      const tile = bitmap.width / columns;
      // A pixel lies between two pictures on the page.
      if (canvas.width !== columns * (tile + 1) - 1) throw new Error(`${canvas.width} px on the page, ${bitmap.width} px in the file`);
      const context = canvas.getContext("2d");
      let largest = 0;
      for (let index = 0; index < columns * columns; index++) {
        const [column, row] = [index % columns, Math.floor(index / columns)];
        const shown = context.getImageData(column * (tile + 1), row * (tile + 1), tile, tile).data;
        const filed = other.getImageData(column * tile, row * tile, tile, tile).data;
        shown.forEach((value, i) => (largest = Math.max(largest, Math.abs(value - filed[i]))));
      }
      return largest;
    }, png.toString("base64"));
  }

  /** Presses Download and saves the file. */
  async download(path) {
    const [download] = await Promise.all([
      this.page.waitForEvent("download", { timeout: 2 * MINUTE }),
      this.part("download-checkpoint").click(),
    ]);
    await download.saveAs(path);
    return download.suggestedFilename();
  }

  /** Picks a checkpoint and waits until its pictures are drawn. */
  async openCheckpoint(file) {
    await this.part("open-checkpoint").setInputFiles(file);
    await expect(this.part("status")).toContainText("is open", { timeout: 2 * MINUTE });
    await expect(this.part("grid")).toBeVisible({ timeout: 2 * MINUTE });
  }

  /** The size of the worker's linear memory in bytes, asked of the very module that runs in it. */
  async workerMemory() {
    const [worker] = this.page.workers();
    return worker.evaluate(async () => {
      const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
      const script = loaded.find((name) => /trainer-\w+\.js$/.test(name));
      const { default: init } = await import(script);
      return (await init()).memory.buffer.byteLength;
    });
  }
}

/** Processor seconds that all of the browser's processes take in a second of waiting, measured over `seconds`. */
export async function processorUse(browser, seconds) {
  const session = await browser.newBrowserCDPSession();
  const total = async () => {
    const { processInfo } = await session.send("SystemInfo.getProcessInfo");
    // What the browser process does is none of the page's doing: it serves this very measurement, for one.
    const own = processInfo.filter(({ type }) => type === "renderer" || type === "GPU");
    return own.reduce((sum, { cpuTime }) => sum + cpuTime, 0);
  };
  const [before, start] = [await total(), performance.now()];
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const [after, end] = [await total(), performance.now()];
  await session.detach();
  return ((after - before) * 1000) / (end - start);
}

/** Ends the browser's graphics process as a reset driver does; the browser starts another. */
export async function endGraphicsProcess(browser) {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  process.kill(processInfo.find(({ type }) => type === "GPU").id, "SIGKILL");
}
