// Pages that draw by themselves, as tests of any browser: opened from a file, compared with what the terminal program draws.

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { expect, test as base } from "@playwright/test";
import { png } from "../files.mjs";

/** The terminal program. */
const PROGRAM = process.env.WHELP_PROGRAM ?? "whelp";

const STARTER = fileURLToPath(new URL("../../../web/assets/starter.safetensors", import.meta.url));

/** The most that halves as weights, and another browser's sine, may change a colour. */
const MOST_LEVELS = 2;

const whelp = (...args) => execFileSync(PROGRAM, args, { stdio: ["ignore", "ignore", "pipe"] });

/** A small run of a recipe, on the built-in dogs if nothing else is asked for. */
function trained(folder, recipe, name = recipe, ...args) {
  const widths = ["--set", "model.generator_width=8", "--set", "model.discriminator_width=8"];
  const out = path.join(folder, name);
  whelp("train", "--recipe", recipe, "--steps", "3", "--batch", "4", "--device", "cpu", ...widths, ...args, "--out", out);
  return path.join(out, "checkpoints/latest.safetensors");
}

/** Exports a checkpoint as a page. */
function exported(folder, checkpoint, name) {
  const file = path.join(folder, `${name}.html`);
  whelp("export", checkpoint, "--html", file);
  return file;
}

/** The PNGs that the terminal program draws, in their order. */
function drawn(folder, checkpoint, name, ...args) {
  const out = path.join(folder, name);
  whelp("generate", checkpoint, "--device", "cpu", "--out", out, ...args);
  return readdirSync(out).sort().map((file) => readFileSync(path.join(out, file)));
}

export const test = base.extend({
  /** Fails a test at its end if there was a line in the console, an exception, or a request to anywhere. */
  page: async ({ page }, use) => {
    const faults = [];
    page.on("console", (message) => faults.push(`console: ${message.type()}: ${message.text()}`));
    page.on("pageerror", (error) => faults.push(`exception: ${error.stack ?? error}`));
    page.on("request", (request) => {
      if (!/^(file|blob|data):/.test(request.url())) faults.push(`request: ${request.url()}`);
    });
    await use(page);
    const isReadback = (fault) => /Canvas2D: Multiple readback operations/.test(fault);
    expect(faults.filter((fault) => !isReadback(fault)), "faults of the page while the test ran").toEqual([]);
  },
});

/** Opens a page from its file, and waits until the grid is drawn. */
async function open(page, file) {
  await page.goto(pathToFileURL(file).href);
  await settled(page);
}

const settled = (page, seed) => expect(page.locator("#grid")).toHaveAttribute("data-drawn", seed ?? /\d/);

/** Makes a change, and waits until what is drawn is what was asked for. */
async function change(page, act) {
  await page.locator("#grid").evaluate((grid) => (grid.dataset.drawn = ""));
  await act();
  await settled(page);
}

/** The largest difference of a colour between each picture of the grid and the PNG of the same number. */
async function differences(page, pngs, selector = "#grid canvas") {
  const encoded = pngs.map((png) => png.toString("base64"));
  return page.evaluate(
    async ([encoded, selector]) => {
      const canvases = [...document.querySelectorAll(selector)];
      if (canvases.length !== encoded.length) throw new Error(`${canvases.length} pictures instead of ${encoded.length}`);
      const pixels = (source, { width, height }) => {
        const canvas = document.createElement("canvas");
        [canvas.width, canvas.height] = [width, height];
        const context = canvas.getContext("2d");
        context.drawImage(source, 0, 0);
        return context.getImageData(0, 0, width, height).data;
      };
      return Promise.all(
        canvases.map(async (canvas, index) => {
          const png = Uint8Array.from(atob(encoded[index]), (letter) => letter.charCodeAt(0));
          const expected = await createImageBitmap(new Blob([png], { type: "image/png" }));
          if (canvas.width !== expected.width || canvas.height !== expected.height) throw new Error(`${canvas.width} x ${canvas.height} pixels`);
          const [found, wanted] = [pixels(canvas, expected), pixels(expected, expected)];
          return found.reduce((most, value, at) => Math.max(most, Math.abs(value - wanted[at])), 0);
        }),
      );
    },
    [encoded, selector],
  );
}

async function expectSame(page, pngs, selector) {
  const found = await differences(page, pngs, selector);
  expect(Math.max(...found), `levels: ${found}`).toBeLessThanOrEqual(MOST_LEVELS);
}

/** Makes the tests; `hasMedia` tells whether the browser's driver can set what a visitor prefers, such as dark colours. */
export function sharedPages(test, { hasMedia }) {
  let folder;
  let dogs;

  test.beforeAll(({}, info) => {
    folder = path.join(info.project.outputDir, `shared-${info.project.name}-${info.workerIndex}`);
    mkdirSync(folder, { recursive: true });
    dogs = exported(folder, STARTER, "dogs");
  });

  test("a page from a file draws the pictures that the terminal program draws", async ({ page }) => {
    await open(page, dogs);
    await expect(page).toHaveTitle("Built-in dogs");
    await expect(page.locator("#summary")).toContainText("32 × 32 pixels");
    await expectSame(page, drawn(folder, STARTER, "seed0", "--count", "16"));

    // The largest seed there is, fewer pictures, less variety.
    const seed = "18446744073709551615";
    await change(page, () => page.getByLabel("Number").selectOption("9"));
    await change(page, () => page.getByLabel("Seed", { exact: true }).fill(seed));
    await settled(page, seed);
    await expectSame(page, drawn(folder, STARTER, "largest", "--count", "9", "--seed", seed));
    await change(page, () => page.getByLabel("Variety").fill("0.5"));
    await expectSame(page, drawn(folder, STARTER, "typical", "--count", "9", "--seed", seed, "--truncation", "0.5"));

    await page.getByLabel("Seed", { exact: true }).fill("18446744073709551616");
    expect(await page.locator("#seed").evaluate((input) => input.validationMessage)).toContain("from 0 to 18446744073709551615");
    await change(page, () => page.getByRole("button", { name: "New pictures" }).click());
    await expect(page.locator("#grid")).not.toHaveAttribute("data-drawn", seed);
  });

  test("every family of networks draws the same in a page", async ({ page }) => {
    for (const recipe of ["dcgan32", "dense-upsample", "fashion-mnist", "r3gan-small"]) {
      const checkpoint = trained(folder, recipe);
      await open(page, exported(folder, checkpoint, recipe));
      await expectSame(page, drawn(folder, checkpoint, `${recipe}-drawn`, "--count", "16"));
    }
  });

  test("a page of a generator with classes draws each of them", async ({ page }) => {
    const data = path.join(folder, "kinds");
    for (const [kind, name] of ["<b>cats", "owls", "pups"].entries()) {
      mkdirSync(path.join(data, name), { recursive: true });
      for (let i = 0; i < 8; i++) writeFileSync(path.join(data, name, `${i}.png`), png(32, 8 * kind + i));
    }
    const checkpoint = trained(folder, "r3gan-small", "classes", "--data", data, "--set", "model.conditional=true");
    await open(page, exported(folder, checkpoint, "classes"));
    await expectSame(page, drawn(folder, checkpoint, "in-turn", "--count", "16"));
    await expect(page.getByRole("button", { name: "Picture 4 of seed 0, <b>cats" })).toBeVisible();
    await change(page, () => page.getByLabel("Kind").selectOption("owls"));
    await expectSame(page, drawn(folder, checkpoint, "owls", "--count", "16", "--class", "owls"));
  });

  test("a walk goes from the one seed's picture to the other's, as a moving picture", async ({ page }) => {
    await open(page, dogs);
    await expect(page.locator("#walk")).toHaveAttribute("data-drawn", "0 1");
    const [first] = drawn(folder, STARTER, "from", "--count", "1");
    const [last] = drawn(folder, STARTER, "to", "--count", "1", "--seed", "1");
    await expectSame(page, [first], "#walk");
    const place = page.getByLabel("Place");
    await place.fill("32");
    await expectSame(page, [last], "#walk");
    await place.fill("16");
    const halfway = await Promise.all([first, last].map((end) => differences(page, [end], "#walk")));
    expect(Math.min(...halfway.flat()), "a picture of its own between them").toBeGreaterThan(20);

    await page.getByRole("button", { name: "Play" }).click();
    await expect.poll(() => place.inputValue()).not.toBe("16");
    await page.getByRole("button", { name: "Pause" }).click();
    const stopped = await place.inputValue();
    await page.waitForTimeout(400);
    expect(await place.inputValue()).toBe(stopped);

    await page.getByLabel("to seed").fill("7");
    await expect(page.locator("#walk")).toHaveAttribute("data-drawn", "0 7");
    await place.fill("32");
    await expectSame(page, drawn(folder, STARTER, "seven", "--count", "1", "--seed", "7"), "#walk");
  });

  if (!hasMedia) return;

  test("the keyboard reaches everything, and nothing moves by itself", async ({ page }) => {
    await page.emulateMedia({ reducedMotion: "reduce" });
    await open(page, dogs);
    await expect(page.locator("#walk")).toHaveAttribute("data-drawn", "0 1");
    expect(await page.getByLabel("Place").inputValue(), "the walk waits").toBe("0");
    await page.getByLabel("Number").selectOption("4");
    await settled(page);
    const reached = [];
    for (let presses = 0; presses < 40; presses++) {
      await page.keyboard.press("Tab");
      const stop = await page.evaluate(() => {
        const element = document.activeElement;
        const { outlineStyle, outlineWidth } = getComputedStyle(element);
        const name = element.getAttribute("aria-label") ?? element.labels?.[0]?.textContent ?? element.textContent;
        return { id: element.id, name: name.trim(), isRinged: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2, isBody: element === document.body };
      });
      if (stop.isBody || (reached.length > 0 && stop.name === reached[0].name)) break;
      expect(stop.isRinged, `a visible focus on ${stop.id} ${stop.name}`).toBe(true);
      expect(stop.name, `a name of ${stop.id}`).not.toBe("");
      reached.push(stop);
    }
    const names = reached.map(({ name }) => name);
    for (const id of ["another", "truncation", "save", "from", "to", "play", "place", "save-place"]) {
      expect(reached.map((stop) => stop.id), `${id} among ${names}`).toContain(id);
    }
    expect(names.filter((name) => /^Picture \d of seed 0$/.test(name))).toHaveLength(4);

    // One picture, large, and back.
    await page.getByRole("button", { name: "Picture 3 of seed 0" }).focus();
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog", { name: "Picture 3 of seed 0" });
    await expect(dialog).toBeVisible();
    const third = drawn(folder, STARTER, "third", "--count", "3")[2];
    await expectSame(page, [third], "#large-picture");
    await page.keyboard.press("Escape");
    await expect(dialog).toBeHidden();
  });

  test("light and dark, narrow and wide: all can be read, and nothing is cut off", async ({ page }) => {
    await open(page, dogs);
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      for (const width of [360, 1280, 2560]) {
        await page.setViewportSize({ width, height: 900 });
        expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), `${width} pixels`).toBeLessThanOrEqual(0);
      }
      const contrasts = await page.evaluate(() => {
        const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
        const luminance = (colour) => {
          canvas.fillStyle = colour;
          canvas.fillRect(0, 0, 1, 1);
          const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((level) => {
            const share = level / 255;
            return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
          });
          return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const paperOf = (element) => {
          const colour = getComputedStyle(element).backgroundColor;
          return colour === "rgba(0, 0, 0, 0)" ? paperOf(element.parentElement) : colour;
        };
        return [...document.querySelectorAll("h1, h2, p, label, button, input, select, output")]
          .filter((element) => element.checkVisibility() && element.textContent.trim() !== "")
          .map((element) => {
            const [ink, paper] = [getComputedStyle(element).color, paperOf(element)].map(luminance);
            return { text: element.textContent.trim().slice(0, 30), contrast: (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05) };
          });
      });
      expect(contrasts.length).toBeGreaterThan(10);
      // WCAG 2.2, 1.4.3, level AA.
      expect(contrasts.filter(({ contrast }) => contrast < 4.5), colorScheme).toEqual([]);
    }
  });
}
