// A generator is shared from the page: as ONNX, as a page that draws by itself, with a model card.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { expect, test } from "../fixtures.mjs";

const PROGRAM = process.env.WHELP_PROGRAM;
const STARTER = fileURLToPath(new URL("../../../web/assets/starter.safetensors", import.meta.url));

const save = (whelp, id, file) => whelp.downloads.save(() => whelp.part(id).click(), file);

test("the files of the starter are those that the terminal makes, and its page draws", async ({ browser, whelp }, info) => {
  await whelp.open("/#play");
  const [html, onnx] = [info.outputPath("here.html"), info.outputPath("here.onnx")];
  expect(await save(whelp, "share-html", html)).toMatch(/^whelp-[a-z0-9]+-\d+k\.html$/);
  expect(await save(whelp, "share-onnx", onnx)).toMatch(/^whelp-[a-z0-9]+-\d+k\.onnx$/);
  // The test's own context expects nothing from elsewhere.
  const drawing = await (await browser.newContext()).newPage();
  await drawing.goto(pathToFileURL(html).href);
  await expect(drawing.locator("#grid")).toHaveAttribute("data-drawn", "0");
  await drawing.context().close();
  test.skip(!PROGRAM, "WHELP_PROGRAM names no terminal program");
  const [page, graph] = [info.outputPath("there.html"), info.outputPath("there.onnx")];
  execFileSync(PROGRAM, ["export", STARTER, "--html", page, "--onnx", graph], { stdio: ["ignore", "ignore", "pipe"] });
  expect(readFileSync(html).equals(readFileSync(page)), "the same page").toBe(true);
  expect(readFileSync(onnx).equals(readFileSync(graph)), "the same graph").toBe(true);
  await expect(whelp.part("error")).toHaveCount(0);
});

test("a run is shared while it trains, and its card says what it is", async ({ whelp }, info) => {
  await whelp.open();
  await whelp.chooseSize(4, 4, { seed: 7 });
  await whelp.train();
  await whelp.part("view-play").click();
  const card = info.outputPath("card.md");
  expect(await save(whelp, "share-card", card)).toMatch(/^whelp-dcgan32-\d+k?\.md$/);
  const text = readFileSync(card, "utf8");
  expect(text).toContain("# Built-in dogs, 32 x 32 pixels");
  expect(text).toContain("| Pictures | 5000 |");
  expect(text).toMatch(/\| `train\.batch` \| 4 \|/);
  expect(Number(text.match(/\| Images seen \| (\d+) \|/)[1])).toBeGreaterThan(0);
  const before = await whelp.seen();
  await expect.poll(() => whelp.seen(), "it goes on").toBeGreaterThan(before);
  await whelp.part("view-watch").click();
  await whelp.stop();
  await expect(whelp.part("error")).toHaveCount(0);
});
