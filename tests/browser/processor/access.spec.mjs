// Accessibility: keyboard, screen readers, small screens, contrast.

import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { expect, test } from "../fixtures.mjs";
import { png, zip } from "../files.mjs";
import { R3GAN } from "../whelp.mjs";

/** The rules of axe-core, as a script. */
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What the Tab key must reach on a page that was just opened. */
const STOPS = ["theme", "train", "pick-pictures", "pick-folder", "setting-recipe", "download-checkpoint", "open-checkpoint"];

/** The least contrast for text of ordinary size: WCAG 2.2, 1.4.3, level AA. */
const READABLE = 4.5;

/** The focused element: its `data-testid`, and whether it or its label has a visible outline. */
async function focused(page) {
  return page.evaluate(() => {
    const element = document.activeElement;
    const isRinged = (candidate) => {
      const { outlineStyle, outlineWidth } = getComputedStyle(candidate);
      return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
    };
    const id = element.dataset.testid ?? element.closest("[data-testid]")?.dataset.testid ?? element.textContent;
    return { id, isRinged: isRinged(element) || [...(element.labels ?? [])].some(isRinged), isBody: element === document.body };
  });
}

test("the keyboard alone starts and pauses a training", async ({ page, whelp }) => {
  await whelp.open();
  await whelp.chooseSize(4, 4);
  await page.evaluate(() => document.activeElement.blur());
  await expect
    .poll(
      async () => {
        await page.keyboard.press("Tab");
        return (await focused(page)).id;
      },
      { intervals: [50] },
    )
    .toBe("train");
  await page.keyboard.press("Enter");
  await whelp.firstLosses();
  expect((await focused(page)).id, "the focus stays on the button").toBe("pause");
  await page.keyboard.press("Space");
  await expect(whelp.part("resume")).toBeVisible();
  const seen = await whelp.seen();
  await page.keyboard.press("Enter");
  await expect.poll(() => whelp.seen()).toBeGreaterThan(seen);
});

test("Tab reaches every control, and the focus is visible", async ({ page, whelp }) => {
  await whelp.open();
  const reached = [];
  for (let presses = 0; presses < 60; presses++) {
    await page.keyboard.press("Tab");
    const stop = await focused(page);
    // After the last control the focus leaves the page.
    if (stop.isBody) break;
    expect(stop.isRinged, `a visible focus on ${stop.id}`).toBe(true);
    reached.push(stop.id);
  }
  expect(reached).toEqual(expect.arrayContaining(STOPS));
  expect(reached.slice(0, 5), "Train comes right after the header").toEqual(["view-watch", "view-play", "view-runs", "theme", "train"]);

  await whelp.part("advanced").locator("> summary").focus();
  await page.keyboard.press("Enter");
  for (const id of ["setting-length-unit", "section-data"]) {
    await page.keyboard.press("Tab");
    expect((await focused(page)).id).toBe(id);
  }
  await page.keyboard.press("Enter");
  const fields = ["resolution", "channels", "crop", "framing", "background", "frames", "splits", "exclude-flagged", "keep-typical", "validation", "horizontal-flip"];
  for (const id of [...fields.map((field) => `setting-${field}`), "section-model"]) {
    await page.keyboard.press("Tab");
    expect(await focused(page)).toMatchObject({ id, isRinged: true });
  }
});

test("every setting has an explanation that is seen and read out", async ({ page, whelp }) => {
  await whelp.open();
  const sections = await page.locator("[data-testid^=section-]").evaluateAll((all) => all.map(({ dataset }) => dataset.testid));
  expect(sections.length).toBe(7);
  await whelp.unfold(...sections.map((section) => section.slice("section-".length)));
  const fields = whelp.part("advanced").locator("[data-testid^=section-] :is(input, select)");
  expect(await fields.count()).toBeGreaterThan(45);
  for (const field of await fields.all()) await expect(field).toHaveAccessibleDescription(/^[A-Z].*\.$/);

  const batch = whelp.part("setting-batch");
  const tip = page.getByRole("tooltip").and(page.locator("#setting-batch-hint"));
  await expect(tip).toBeHidden();
  await batch.scrollIntoViewIfNeeded();
  const place = await batch.boundingBox();
  await batch.focus();
  await expect(tip).toBeVisible();
  await expect(tip).toContainText("Larger batches");
  expect(await batch.boundingBox(), "nothing moves").toEqual(place);
  await page.keyboard.press("Escape");
  await expect(tip).toBeHidden();
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Tab");
  await expect(tip).toBeVisible();
});

test("a value that a setting does not accept is refused in a sentence that names the setting", async ({ whelp }) => {
  await whelp.open();
  const complaint = whelp.part("settings-complaint");
  await whelp.settle({ batch: 0 });
  await expect(complaint).toHaveText("train.batch is 0; it accepts a whole number from 2 to 4096.");
  await expect(whelp.part("setting-batch")).toHaveAttribute("aria-invalid", "true");
  await whelp.part("train").click();
  await expect(whelp.part("error")).toContainText("train.batch is 0");
  await whelp.part("dismiss").click();

  await whelp.settle({ batch: "" });
  await expect(complaint).toHaveText("train.batch is empty; it accepts a whole number from 2 to 4096.");
  await whelp.settle({ batch: 4 });
  await expect(complaint).toHaveCount(0);
  await expect(whelp.part("setting-batch")).not.toHaveAttribute("aria-invalid");

  // An optional setting accepts an empty field.
  await whelp.settle({ "clip-norm": 0 });
  await expect(complaint).toContainText("train.clip_norm is 0");
  await whelp.settle({ "clip-norm": "" });
  await expect(complaint).toHaveCount(0);

  // Values that are valid alone can be wrong together. Choosing a recipe replaces them all.
  await whelp.part("setting-recipe").selectOption(R3GAN);
  await whelp.unfold("model");
  await whelp.part("setting-architecture").selectOption({ label: "DCGAN" });
  await expect(complaint).toContainText("train.r1_gamma needs model.discriminator_norm=none");
  await whelp.settle({ batch: "" });
  await whelp.part("setting-recipe").selectOption("dcgan32");
  await expect(complaint).toHaveCount(0);
  await expect(whelp.part("setting-batch")).toHaveValue("16");
});

test("nothing is wider than a screen of 360 pixels", async ({ page, whelp }, info) => {
  const expectToFit = async (state) => {
    const beyond = await page.evaluate(() => {
      const { scrollWidth, clientWidth } = document.scrollingElement;
      const isOutside = (element) => element.getBoundingClientRect().right > clientWidth + 0.5;
      const culprits = [...document.querySelectorAll("body *")].filter((element) => isOutside(element) && element.checkVisibility());
      return scrollWidth > clientWidth ? [`${scrollWidth} px`, ...culprits.map((element) => element.className)] : [];
    });
    expect(beyond, `wider than the screen: ${state}`).toEqual([]);
  };
  await page.setViewportSize({ width: 360, height: 740 });
  await whelp.open();
  await expectToFit("first visit");
  await whelp.unfold("data", "model", "train", "schedule", "augment", "output");
  await expectToFit("advanced settings");
  await whelp.part("setting-dropout").focus();
  await expectToFit("an explanation");
  await whelp.chooseSize(4, 4);
  const archive = info.outputPath("a name that is as long as names of archives on phones sometimes are.zip");
  writeFileSync(archive, zip([["0.png", png(48, 0)], ["1.png", png(48, 1)], [`${"long".repeat(30)}.png`, Buffer.alloc(0)]]));
  await whelp.part("pick-pictures").setInputFiles(archive);
  await whelp.part("data-problems").locator("summary").click();
  await expectToFit("pictures with problems");
  await whelp.part("open-checkpoint").setInputFiles({ name: "letter.safetensors", mimeType: "", buffer: Buffer.from("letter") });
  await expect(whelp.part("error")).toBeVisible();
  await expectToFit("a notice");
  await whelp.train();
  await expectToFit("training");
  await whelp.stop();
  await expectToFit("stopped");
});

for (const colorScheme of ["light", "dark"]) {
  test(`text is readable in ${colorScheme} colours`, async ({ page, whelp }) => {
    await page.emulateMedia({ colorScheme });
    await whelp.open();
    await whelp.part("open-checkpoint").setInputFiles({ name: "letter.safetensors", mimeType: "", buffer: Buffer.from("letter") });
    await expect(whelp.part("error")).toBeVisible();
    await whelp.unfold("model", "train");
    await whelp.settle({ batch: 1 });
    const background = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    const brightness = background.match(/\d+/g).slice(0, 3).reduce((sum, value) => sum + Number(value), 0) / 765;
    expect(brightness > 0.5, background).toBe(colorScheme === "light");

    for (const text of await contrasts(page)) expect(text.ratio, `${text.text} (${text.colours})`).toBeGreaterThanOrEqual(READABLE);
    await whelp.part("train").hover();
    // The colours change over some milliseconds.
    await expect.poll(async () => (await contrasts(page, "[data-testid=train]"))[0].ratio).toBeGreaterThanOrEqual(READABLE);
  });
}

for (const colorScheme of ["light", "dark"]) {
  test(`axe finds nothing on any panel in ${colorScheme} colours`, async ({ page, whelp }) => {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const expectNothing = async (state) => {
      const { violations } = await page.evaluate(`${AXE}; axe.run(document)`);
      const found = violations.flatMap(({ id, impact, nodes }) => nodes.map(({ target }) => `${id} (${impact}): ${target}`));
      expect(found, state).toEqual([]);
    };
    await whelp.open();
    await whelp.starter();
    await expectNothing("first visit");
    await whelp.part("view-play").click();
    const tiles = (id) => whelp.part(id).locator("xpath=..").locator(".picks button");
    await expect(tiles("play-grid")).toHaveCount(36);
    await expectNothing("playing");
    for (const place of [0, 1]) {
      await tiles("play-grid").nth(place).click();
      await expect(tiles("around")).toHaveCount(9);
      await whelp.part("like").click();
      await expect(tiles("liked")).toHaveCount(place + 1);
      if (place === 0) await whelp.part("back").click();
    }
    await expectNothing("a picture and favourites");
    await whelp.part("film").click();
    await expect(whelp.part("film-frame")).toBeVisible();
    await expectNothing("a film");
    await whelp.part("start-round").click();
    await whelp.appears("say-real");
    await expectNothing("a round of guessing");
    await whelp.part("end-round").click();
    await page.keyboard.press("?");
    await expectNothing("the list of keys");
    await page.keyboard.press("Escape");
    await whelp.part("view-runs").click();
    await expectNothing("no runs");
    await whelp.part("view-watch").click();
    await whelp.chooseSize(4, 4, { "output-sample-steps": 1 });
    await whelp.trainFor(6);
    await whelp.part("train").click();
    await whelp.shows("status", "Finished");
    await expectNothing("trained");
    await whelp.part("view-runs").click();
    await expect(whelp.part("run")).toHaveCount(1);
    await expectNothing("runs");
    await page.evaluate(() => document.activeElement.blur());
    await page.keyboard.press("c");
    await expectNothing("nothing to compare");
    await whelp.part("view-runs").click();
    await whelp.part("use-settings").click();
    await whelp.part("view-watch").click();
    await whelp.settle({ batch: 8 });
    await whelp.part("train").click();
    await whelp.shows("status", "Finished");
    await page.evaluate(() => document.activeElement.blur());
    await page.keyboard.press("c");
    await whelp.shows("compare-caption-1", "after");
    await expectNothing("two runs compared");
  });
}

/**
 * The contrast between every text on the page, or within `within`, and its background. Disabled controls are left out, as
 * in WCAG.
 */
async function contrasts(page, within = "body") {
  return page.evaluate((within) => {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    const rgba = (colour) => {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
      return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const luminance = ([r, g, b]) => {
      const [x, y, z] = [r, g, b].map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
      return 0.2126 * x + 0.7152 * y + 0.0722 * z;
    };
    const behind = (element) => {
      for (let up = element; up; up = up.parentElement) {
        const colour = rgba(getComputedStyle(up).backgroundColor);
        if (colour[3] === 255) return colour;
      }
      return [255, 255, 255, 255];
    };
    const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    const isInUse = (element) => !element.closest("[aria-disabled=true], fieldset:disabled, .unseen, noscript, option");
    const texts = [...document.querySelectorAll(`${within}, ${within} *`)].filter(
      (element) => hasText(element) && isInUse(element) && element.checkVisibility(),
    );
    return texts.map((element) => {
      const [text, ground] = [rgba(getComputedStyle(element).color), behind(element)];
      const [light, dark] = [luminance(text), luminance(ground)].sort((a, b) => b - a);
      return { text: element.textContent.trim().slice(0, 40), colours: `${text} on ${ground}`, ratio: (light + 0.05) / (dark + 0.05) };
    });
  }, within);
}
