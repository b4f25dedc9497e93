// The page as a visitor uses it: what can be pressed and read. The steps below are the same in every browser, so they do with
// the few functions of Playwright's `Page` and `Locator` that `webkit/page.mjs` has too; those that need more say so.

import { expect } from "@playwright/test";
import { Announced } from "./downloads.mjs";

const MINUTE = 60_000;

/** The first step on WebGPU compiles every shader. */
const FIRST_STEP_MS = 4 * MINUTE;

/** After so many steps batch norm's running statistics have settled, and pictures are no longer nearly grey. */
export const PAST_GREY = 45;

/** The recipe of tests that work with any: it is the fastest. */
const QUICK = "dcgan32";

/** The default recipe. */
export const DEFAULT = "projected";

/** The recipe that a graphics device gets which a processor emulates, and the one that can be told classes. */
export const R3GAN = "r3gan";

export class Whelp {
  /**
   * `downloads` is how this browser saves files: see `downloads.mjs`. `openings` is how often the page is opened until it has a device,
   * and `onReopening` is called before it is opened again.
   */
  constructor(page, downloads = new Announced(page), { openings = 1, onReopening = () => {} } = {}) {
    this.page = page;
    this.downloads = downloads;
    this.openings = openings;
    this.onReopening = onReopening;
  }

  /** The element with this `data-testid`. */
  part(id) {
    return this.page.getByTestId(id);
  }

  /** Loads the page and waits until a device is found and the built-in dogs are read. */
  async open(address = "/") {
    await this.visit(() => this.page.goto(address));
  }

  /** The same, as by the browser's button. */
  async reload() {
    await this.visit(() => this.page.reload());
  }

  async visit(load) {
    for (let opening = 1; ; opening++) {
      await load();
      const isLast = opening === this.openings;
      try {
        await this.shows("device", /WebGPU|CPU/, isLast ? 2 * MINUTE : MINUTE / 2);
        break;
      } catch (error) {
        if (isLast) throw error;
        this.onReopening();
      }
    }
    await this.shows("data-summary", "Built-in dogs");
  }

  /** Waits until a part of the page has this text in it. */
  async shows(id, text, timeout = MINUTE) {
    const words = async () => (await this.part(id).allTextContents()).join("\n");
    const polled = expect.poll(words, { timeout, intervals: [100], message: `the text of ${id}` });
    await (text instanceof RegExp ? polled.toMatch(text) : polled.toContain(text));
  }

  /** Waits until a part of the page can be seen, or not. */
  async appears(id, { timeout = MINUTE, visible = true } = {}) {
    await expect.poll(() => this.part(id).isVisible(), { timeout, intervals: [100], message: `${id} is visible` }).toBe(visible);
  }

  /** Waits for the pictures of the starter network: the last thing that the page does by itself. */
  async starter() {
    await this.shows("grid-caption", "starter");
  }

  /** Opens the advanced settings and the named sections of them: `model`, `train`, ... */
  async unfold(...sections) {
    for (const id of ["advanced", ...sections.map((section) => `section-${section}`)]) {
      const details = this.part(id);
      if (!(await details.evaluate((details) => details.open))) await details.locator("> summary").click();
    }
  }

  /** Fills in advanced settings, by the names after `setting-` in their `data-testid`. */
  async settle(settings) {
    await this.unfold();
    for (const [name, value] of Object.entries(settings)) {
      const field = this.part(`setting-${name}`);
      const section = await field.evaluate((field) => field.closest("[data-testid^=section-]").dataset.testid);
      await this.unfold(section.slice("section-".length));
      await field.fill(String(value));
    }
  }

  /** Chooses a recipe, a width and a batch size, usually so small that a step takes little time. */
  async chooseSize(width, batch, { recipe = QUICK, ...more } = {}) {
    // Playwright waits until the form can be used: the page may still be trying out the device.
    await this.part("setting-recipe").selectOption(recipe);
    await this.settle({ batch, "generator-width": width, "discriminator-width": width, ...more });
  }

  /** Sets the training length to so many steps. */
  async trainFor(steps) {
    await this.settle({});
    await this.part("setting-length-unit").selectOption("steps");
    await this.part("setting-length").fill(String(steps));
  }

  /** Starts training new networks and waits for the first losses. */
  async train() {
    await this.part("train").click();
    await this.firstLosses();
  }

  async firstLosses() {
    const newest = async () => (await this.part("loss-chart").getAttribute("data-newest")) ?? "";
    await expect.poll(newest, { timeout: FIRST_STEP_MS, intervals: [100], message: "losses" }).not.toBe("");
  }

  async pause() {
    await this.part("pause").click();
    await this.appears("resume");
  }

  async resume() {
    await this.part("resume").click();
    await this.appears("pause");
  }

  /** Stops the run and waits for its last checkpoint. */
  async stop() {
    await this.part("stop").click();
    await this.appears("continue");
  }

  /** The newest losses on the chart; NaN if there is no number. */
  async losses() {
    const text = (await this.part("loss-chart").getAttribute("data-newest")) ?? "";
    const [step, discriminator, generator] = text.split(" ").map(Number);
    return { step, discriminator, generator };
  }

  /** Number of images that the discriminator has seen. */
  async seen() {
    return Number(await this.part("images-seen").getAttribute("data-value"));
  }

  async step() {
    return Number((await this.part("step").textContent()).replace(/\D/g, ""));
  }

  async waitForStep(step, timeout = 4 * MINUTE) {
    await expect.poll(() => this.step(), { timeout, intervals: [100], message: `step ${step}` }).toBeGreaterThanOrEqual(step);
  }

  /** The generated pictures shown: the step after which they were drawn, and a hash of their pixels. */
  async grid() {
    return this.part("grid").evaluate(async (canvas) => {
      const step = Number(canvas.dataset.step);
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      const colours = new Set(new Uint32Array(data.buffer));
      // FNV-1a, as an insecure context has no crypto.subtle.
      let hash = 0x811c9dc5;
      for (const byte of data) hash = Math.imul(hash ^ byte, 0x01000193);
      return { step, width: canvas.width, height: canvas.height, colours: colours.size, hash: hash >>> 0 };
    });
  }

  /** The pixels of each generated picture shown, as text. */
  async pictures() {
    return this.part("grid").evaluate((canvas) => {
      const columns = 8;
      // There is a gap of one pixel between two pictures.
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

  /** The largest difference of a pixel's value between the pictures shown and those of a PNG without gaps. */
  async differenceTo(png) {
    return this.part("grid").evaluate(async (canvas, base64) => {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      // The values in the file, without conversion to the screen's colours.
      const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }), { colorSpaceConversion: "none" });
      const other = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
      other.drawImage(bitmap, 0, 0);
      const columns = 8;
      const tile = bitmap.width / columns;
      // On the page there is a gap of one pixel between two pictures.
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

  /** Presses Download and saves the file. Returns the name that the page gave it. */
  async download(path) {
    return this.downloads.save(() => this.part("download-checkpoint").click(), path);
  }

  /** Picks a checkpoint and waits until its pictures are drawn. */
  async openCheckpoint(file) {
    await this.part("open-checkpoint").setInputFiles(file);
    await this.shows("status", "is open", 2 * MINUTE);
    await this.appears("grid", { timeout: 2 * MINUTE });
  }

  /** Drops files, by their paths, with the events that a browser makes of it. Chromium's tests drop folders, by the browser itself. */
  async drop(files) {
    await this.page.evaluate(() => {
      const input = Object.assign(document.createElement("input"), { type: "file", multiple: true });
      input.dataset.testid = "to-drop";
      document.body.append(input);
    });
    const dragged = this.part("to-drop");
    await dragged.setInputFiles(files);
    const drag = (input, types) => {
      const dataTransfer = new DataTransfer();
      for (const file of input.files) dataTransfer.items.add(file);
      for (const type of types) document.body.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer }));
    };
    await dragged.evaluate(drag, ["dragenter", "dragover"]);
    await this.shows("drop-overlay", "Drop to train on these");
    await dragged.evaluate(drag, ["drop"]);
    await this.appears("drop-overlay", { visible: false });
    await dragged.evaluate((input) => input.remove());
  }

  /** The size in bytes of the worker's linear memory, from the module that runs in it. In Chromium alone. */
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

/** The processor time that Chromium uses per second, measured over `seconds`. */
export async function processorUse(browser, seconds) {
  const session = await browser.newBrowserCDPSession();
  const total = async () => {
    const { processInfo } = await session.send("SystemInfo.getProcessInfo");
    // The browser's main process is left out: it works for this measurement, for example, and not for the page.
    const own = processInfo.filter(({ type }) => type === "renderer" || type === "GPU");
    return own.reduce((sum, { cpuTime }) => sum + cpuTime, 0);
  };
  const [before, start] = [await total(), performance.now()];
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const [after, end] = [await total(), performance.now()];
  await session.detach();
  return ((after - before) * 1000) / (end - start);
}

/** Kills Chromium's graphics process, as a driver reset does. The browser starts another. */
export async function endGraphicsProcess(browser) {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  process.kill(processInfo.find(({ type }) => type === "GPU").id, "SIGKILL");
}
