// Runs that outlive their tab: kept in the browser's private file system, offered again, listed.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "../fixtures.mjs";
import { parseSafetensors, png } from "../files.mjs";
import { Whelp } from "../whelp.mjs";

const MINUTE = 60_000;

/** A folder of pictures. */
function pets(info) {
  const folder = info.outputPath("pets");
  mkdirSync(folder);
  for (let seed = 0; seed < 8; seed++) writeFileSync(path.join(folder, `${seed}.png`), png(48, seed));
  return folder;
}

/** Chooses networks that take a few milliseconds a step. */
const chooseTiny = (whelp, more = {}) => whelp.chooseSize(4, 4, { seed: 7, ...more });

/** Opens the page and picks the folder. */
async function openWith(whelp, folder) {
  await whelp.open();
  await whelp.part("pick-folder").setInputFiles(folder);
  await expect(whelp.part("data-summary")).toContainText("pets · 8 pictures");
}

/** Pauses, which saves, and goes on. */
async function save(whelp) {
  await whelp.waitForStep((await whelp.step()) + 4);
  await whelp.pause();
  await expect(whelp.part("run").first()).toContainText("training now");
  await whelp.resume();
}

/** The tensors and losses of a checkpoint, to be compared bit for bit. */
function contentOf(file) {
  const { metadata, tensors } = parseSafetensors(readFileSync(file));
  const { progress, history, data } = JSON.parse(metadata.whelp);
  const values = Object.fromEntries([...tensors].map(([name, { values }]) => [name, Buffer.from(values.buffer).toString("base64")]));
  return { step: progress.step, nimg: progress.nimg, data, history, values };
}

const names = (whelp) => whelp.part("run-name").allTextContents();

test("a run goes on bit for bit after its tab was killed, with its pictures, without choosing them again", async ({ page, context, whelp, expectedFaults }, info) => {
  expectedFaults.push(/^the page crashed$/);
  const folder = pets(info);
  await openWith(whelp, folder);
  await chooseTiny(whelp);
  await whelp.train();
  // The first automatic save.
  await expect(whelp.part("run")).toHaveCount(1, { timeout: MINUTE });
  await whelp.waitForStep((await whelp.step()) + 10);
  const crashed = page.waitForEvent("crash");
  const session = await context.newCDPSession(page);
  session.send("Page.crash").catch(() => {});
  await crashed;

  const again = new Whelp(await context.newPage());
  await again.open();
  await expect(again.part("offer")).toContainText("Your training was interrupted");
  await expect(again.part("offer")).toContainText("pets: ");
  await again.part("go-on").click();
  await again.firstLosses();
  await expect(again.part("offer")).toHaveCount(0);
  await expect(again.part("data-summary")).toContainText("pets · 8 pictures");
  await expect(again.part("setting-batch")).toHaveValue("4");
  await again.waitForStep((await again.step()) + 20);
  await again.stop();
  await expect(again.part("run"), "it is the same run").toHaveCount(1);
  const resumed = info.outputPath("resumed.safetensors");
  await again.download(resumed);
  const content = contentOf(resumed);

  await openWith(again, folder);
  await chooseTiny(again);
  await again.trainFor(content.step);
  await again.train();
  await expect(again.part("status")).toContainText("Finished", { timeout: 2 * MINUTE });
  const undisturbed = info.outputPath("undisturbed.safetensors");
  await again.download(undisturbed);
  expect(contentOf(undisturbed)).toEqual(content);
  expect(await names(again)).toEqual(["pets 2", "pets"]);
  await expect(again.part("error")).toHaveCount(0);
});

test("a hidden tab and a pause save at once, and a stopped run is not offered again but can continue", async ({ page, whelp }) => {
  await whelp.open();
  await chooseTiny(whelp);
  await whelp.train();
  await page.evaluate(() => {
    Object.defineProperty(document, "hidden", { get: () => true, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await expect(whelp.part("run")).toHaveCount(1);
  await whelp.stop();
  const { step, losses } = { step: await whelp.step(), losses: await whelp.losses() };

  await whelp.open();
  await expect(whelp.part("run")).toHaveCount(1);
  await expect(whelp.part("offer")).toHaveCount(0);
  await whelp.part("continue-run").click();
  await whelp.waitForStep(step + 1);
  expect((await whelp.losses()).step).toBeGreaterThan(losses.step);
  await expect(whelp.part("delete-run"), "it is under way").toBeDisabled();
  await whelp.stop();
});

test("where the prepared pictures of a run are gone, the page says so, and goes on once they are chosen again", async ({ whelp }, info) => {
  const folder = pets(info);
  await openWith(whelp, folder);
  await chooseTiny(whelp);
  await whelp.train();
  await whelp.stop();
  const step = await whelp.step();
  await whelp.part("clear-kept").click();
  await expect(whelp.part("kept")).toHaveCount(0);

  await whelp.open();
  await whelp.part("continue-run").click();
  await expect(whelp.part("error")).toContainText("The prepared pictures of pets are no longer kept on this device. Choose them again.");
  await whelp.part("pick-folder").setInputFiles(folder);
  await expect(whelp.part("data-summary")).toContainText("pets · 8 pictures");
  await whelp.part("continue").click();
  await whelp.waitForStep(step + 1);
  await whelp.stop();
  await expect(whelp.part("run")).toHaveCount(1);
});

test("runs are renamed, downloaded, repeated with other settings and deleted, and it lasts", async ({ page, whelp }, info) => {
  await openWith(whelp, pets(info));
  await chooseTiny(whelp);
  for (const starts of ["train", "use-settings"]) {
    if (starts === "use-settings") {
      await whelp.part("use-builtin").click();
      await expect(whelp.part("data-summary")).toContainText("Built-in dogs");
      await whelp.part("use-settings").click();
      await expect(whelp.part("data-summary")).toContainText("pets · 8 pictures");
      await expect(whelp.part("setting-seed")).toHaveValue("7");
      await whelp.settle({ seed: 8 });
    }
    await whelp.train();
    await whelp.stop();
  }
  expect(await names(whelp)).toEqual(["pets 2", "pets"]);
  await expect(whelp.part("runs-total")).toHaveText(/^2 runs \(\d+\.\d\sMB\) are kept on this device\.$/);
  await expect(whelp.part("run-facts").first()).toHaveText(/^dcgan32 · 32 px · \d+ pictures seen · \d+\.\d\sMB · just now$/);

  const first = whelp.part("run").first();
  await first.getByTestId("rename-run").click();
  await page.keyboard.type("my seed 8");
  await page.keyboard.press("Enter");
  await expect(first.getByTestId("run-name")).toHaveText("my seed 8");
  await expect(first.getByTestId("rename-run"), "the field that had the focus is gone").toBeFocused();
  await first.getByRole("button", { name: "Rename my seed 8" }).click();
  await page.keyboard.type("not this");
  await page.keyboard.press("Escape");
  await expect(first.getByTestId("run-name")).toHaveText("my seed 8");

  const [download] = await Promise.all([page.waitForEvent("download"), first.getByTestId("download-run").click()]);
  const file = info.outputPath("kept.safetensors");
  await download.saveAs(file);
  const { config } = JSON.parse(parseSafetensors(readFileSync(file)).metadata.whelp);
  expect(config).toMatchObject({ seed: 8, train: { batch: 4 } });

  const second = whelp.part("run").nth(1);
  await second.getByTestId("delete-run").click();
  await expect(second.getByTestId("keep"), "the answer that changes nothing").toBeFocused();
  await second.getByTestId("keep").click();
  await expect(second.getByTestId("delete-run"), "the answer that had the focus is gone").toBeFocused();
  expect(await names(whelp)).toEqual(["my seed 8", "pets"]);
  await second.getByTestId("delete-run").click();
  await second.getByTestId("confirm").click();
  await expect(whelp.part("run")).toHaveCount(1);

  await whelp.open();
  await expect(whelp.part("run")).toHaveCount(1);
  expect(await names(whelp)).toEqual(["my seed 8"]);
  await whelp.part("delete-runs").click();
  await whelp.part("confirm").click();
  await expect(whelp.part("run")).toHaveCount(0);
  const left = await page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const files = [];
    for (const name of ["runs", "run checkpoints"]) for await (const file of (await root.getDirectoryHandle(name)).keys()) files.push(file);
    return files;
  });
  expect(left).toEqual([]);
});

test("a second tab says that it keeps nothing, trains all the same, and keeps once the first is closed", async ({ page, context, whelp }) => {
  await whelp.open();
  await chooseTiny(whelp);
  await whelp.train();
  await whelp.stop();
  await expect(whelp.part("run")).toHaveCount(1);

  const other = new Whelp(await context.newPage());
  await other.open();
  await expect(other.part("other-tab")).toContainText("Another tab of this page keeps its runs");
  await expect(other.part("run"), "what the first tab keeps").toHaveCount(1);
  for (const change of ["continue-run", "rename-run", "delete-run", "delete-runs"]) await expect(other.part(change)).toHaveCount(0);
  await chooseTiny(other);
  await other.train();
  await expect(other.part("warning")).toContainText("Another tab of this page keeps its runs, so this training is not kept.");
  await other.pause();
  await expect(other.part("run")).toHaveCount(1);

  await page.close();
  await other.resume();
  await other.stop();
  await expect(other.part("run")).toHaveCount(2);
  await expect(other.part("other-tab")).toHaveCount(0);
  await expect(other.part("delete-run")).toHaveCount(2);
});

test("where the browser's storage is full, older checkpoints go first, training goes on, and one sentence says so", async ({ page, context, whelp, baseURL }) => {
  await whelp.open();
  await chooseTiny(whelp);
  await whelp.train();
  for (let saves = 0; saves < 3; saves++) await save(whelp);
  const session = await context.newCDPSession(page);
  const checkpoints = () =>
    page.evaluate(async () => {
      const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("run checkpoints");
      const files = [];
      for await (const [name, handle] of folder.entries()) files.push([Number(name.match(/-(\d+)\./)[1]), (await handle.getFile()).size]);
      return files.sort(([a], [b]) => a - b);
    });
  const before = await checkpoints();
  expect(before.length).toBeGreaterThanOrEqual(3);
  const { usage } = await page.evaluate(() => navigator.storage.estimate());
  await session.send("Storage.overrideQuotaForOrigin", { origin: baseURL, quotaSize: usage + before[0][1] / 2 });
  await save(whelp);
  const room = page.getByText("The browser's storage is full, so older checkpoints and pictures of your runs were removed");
  await expect(room).toHaveCount(1);
  const after = await checkpoints();
  expect(after.length).toBeLessThan(before.length + 1);
  expect(after.map(([step]) => step), "the oldest went").not.toContain(before[0][0]);
  expect(after.at(-1)[0], "the newest is there").toBeGreaterThan(before.at(-1)[0]);

  await session.send("Storage.overrideQuotaForOrigin", { origin: baseURL, quotaSize: 1 });
  await save(whelp);
  await expect(page.getByText("The browser's storage is full, so this training is no longer kept.")).toHaveCount(1);
  await save(whelp);
  await expect(page.getByText("so this training is no longer kept."), "said once").toHaveCount(1);
  await session.send("Storage.overrideQuotaForOrigin", { origin: baseURL });
  await whelp.stop();
  expect((await checkpoints()).at(-1)[0], "there is room again").toBe(await whelp.step());
});
