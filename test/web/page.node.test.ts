import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { unzipSync } from "fflate";
import type { Page } from "playwright-core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { servePage } from "../../src/cli/page.js";
import { decodeNpy, type NpyArray } from "../../src/io/npy.js";
import { decodeEncoder, Embedder, openDevice, openImages } from "../../src/node.js";
import { startProcess, succeeded } from "../cli/command.js";
import { classFolders } from "../cli/pictures.js";
import { writeFiles } from "../data/make-files.js";
import { launchBrowser } from "../lib/browser.js";
import { repository } from "../lib/repository.js";

const page = suite("the page");

/** A software adapter on two slow cores. */
const PATIENCE = 20_000;

const folder = mkdtempSync(join(tmpdir(), "simclr-page-"));
succeeded(
  await startProcess(join(repository, "node_modules/.bin/bun"), [".ci/build-page.ts", join(folder, "page")], {
    cwd: repository,
  }).ended,
);
const { server, url } = await servePage(join(folder, "page"), 0);
const browser = await launchBrowser();
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

page.after(async () => {
  await browser.close();
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

interface Opened {
  readonly tab: Page;
  /** What the console said. */
  readonly lines: string[];
  /** Addresses that were asked for. */
  readonly requests: string[];
}

async function open(): Promise<Opened> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce" });
  const tab = await context.newPage();
  const [lines, requests]: [string[], string[]] = [[], []];
  tab.on("console", (message) => lines.push(message.text()));
  tab.on("pageerror", (error) => lines.push(error.message));
  context.on("request", (request) => requests.push(request.url()));
  tab.setDefaultTimeout(PATIENCE);
  await tab.goto(url);
  return { tab, lines, requests };
}

/** The violations that axe finds, in words. */
async function violations(tab: Page): Promise<string[]> {
  await tab.evaluate(axe);
  const found: {
    readonly violations: readonly { readonly id: string; readonly nodes: readonly { html: string }[] }[];
  } = await tab.evaluate("axe.run()");
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
}

/** Drops files as a person would, by an event on the page. */
async function drop(tab: Page, files: Readonly<Record<string, string>>): Promise<void> {
  const dropped = Object.entries(files).map(
    ([name, text]) => `transfer.items.add(new File([${JSON.stringify(text)}], ${JSON.stringify(name)}));`,
  );
  const dataTransfer = await tab.evaluateHandle(
    `(() => { const transfer = new DataTransfer(); ${dropped.join("")} return transfer; })()`,
  );
  await tab.dispatchEvent("body", "drop", { dataTransfer });
}

const number = async (tab: Page, id: string) => Number.parseFloat((await tab.textContent(id)) ?? "");

/** Steps done, as the page says. */
async function stepOf(tab: Page): Promise<number> {
  return Number(/step ([\d,]+) of/.exec((await tab.textContent("#status")) ?? "")?.[1]?.replaceAll(",", "") ?? 0);
}

/** Opens a folder, with settings that a slow machine learns by in seconds. */
async function openFolder(tab: Page, path: string): Promise<void> {
  await tab.setInputFiles("#folder-input", path);
  await tab.locator("#map-note", { hasText: "random weights" }).waitFor();
  await tab.selectOption("#set-batch", "16");
  for (const [id, value] of [
    ["width", "0.25"],
    ["epochs", "20"],
  ]) {
    await tab.fill(`#set-${id}`, value);
    await tab.dispatchEvent(`#set-${id}`, "change");
  }
}

/** Plays until the loss has fallen by half a nat; the losses that were seen. */
async function learn(tab: Page): Promise<number[]> {
  await tab.click("#play");
  const losses: number[] = [];
  for (let looks = 0; looks < 400; looks++) {
    await tab.waitForTimeout(100);
    const loss = await number(tab, "#loss-now");
    if (Number.isFinite(loss) && loss !== losses.at(-1)) losses.push(loss);
    if (losses.length > 3 && losses.slice(-2).every((value) => value < losses[0] - 0.5)) break;
  }
  await tab.click("#play");
  await tab.locator("#status", { hasText: "paused" }).waitFor();
  return losses;
}

async function download(tab: Page, what: string): Promise<Buffer> {
  const [file] = await Promise.all([tab.waitForEvent("download"), tab.click(`button[data-what=${what}]`)]);
  const path = join(folder, file.suggestedFilename());
  await file.saveAs(path);
  return readFileSync(path);
}

/** Fails where the encoder gives other embeddings of the project's images here than in the page, on another adapter. */
async function sameInNode(npy: NpyArray, encoder: Uint8Array, project: Uint8Array): Promise<void> {
  await writeFiles(join(folder, "project"), unzipSync(project));
  const { train, test } = await openImages(join(folder, "project/images"), { imageSize: 32 });
  assert.equal([train.length, test?.length, npy.shape], [54, 6, [54, 64]]);
  const device = await openDevice();
  const { values } = await (await Embedder.create(device, decodeEncoder(device, encoder))).embed(train);
  device.close();
  const largest = Math.max(...npy.data.map(Math.abs));
  const difference = Math.max(...values.map((value, i) => Math.abs(value - npy.data[i])));
  // Sums of some hundred products, in another order.
  assert.ok(largest > 0.1 && difference < 1e-4 * largest, `${difference} of ${largest}`);
}

page("says what is wrong with what was dropped", async () => {
  const { tab, lines } = await open();
  await tab.locator("#welcome").waitFor();
  assert.equal(await violations(tab), []);
  const notice = tab.locator("#notice-text");
  for (const [files, expected] of [
    [{ "notes.txt": "hello" }, /no images among 1 file/],
    [{ "a.jpg": "text", "b.jpg": "more text" }, /None of 2 images can be read \(a\.jpg, b\.jpg\)/],
    [{ "broken.zip": "PK\u0003\u0004 and so on" }, /broken\.zip.*damaged or cut short/],
  ] as const) {
    await drop(tab, files);
    await notice.filter({ hasText: expected }).waitFor();
    await tab.click("#notice-action");
  }
  const [[name, bytes]] = Object.entries(await classFolders(1));
  await tab.setInputFiles("#files-input", { name, mimeType: "image/jpeg", buffer: Buffer.from(bytes) });
  await notice.filter({ hasText: /one image, and nothing to compare it with/ }).waitFor();
  assert.equal(lines, []);
  await tab.context().close();
});

page("lets no request leave its origin, neither from the page nor from its worker", async () => {
  const { tab, lines, requests } = await open();
  const call = "fetch('http://127.0.0.1:9/', { mode: 'no-cors' }).then(() => 'answered', (error) => error.message)";
  await tab.locator("#welcome").waitFor();
  const [worker] = tab.workers();
  assert.is(await tab.evaluate(call), "Failed to fetch");
  assert.is(await worker.evaluate(call), "Failed to fetch");
  const refusals = () => lines.filter((line) => line.includes("Content Security Policy"));
  for (let waits = 0; waits < 50 && refusals().length < 2; waits++) await tab.waitForTimeout(100);
  assert.ok(refusals().length >= 2, lines.join("\n"));
  assert.equal(
    requests.filter((address) => address.includes(":9/")),
    [],
  );
  await tab.context().close();
});

page("learns a folder, shows neighbours, and goes on after a reload, without a network", async () => {
  const { tab, lines, requests } = await open();
  await writeFiles(join(folder, "photos"), { ...(await classFolders(60)), "cat/broken.jpg": new Uint8Array(100) });
  await openFolder(tab, join(folder, "photos"));
  assert.match((await tab.textContent("#skipped")) ?? "", /1 file could not be read.*cat\/broken\.jpg/s);
  await tab.evaluate("window.frames_ = 0; (function count() { window.frames_++; requestAnimationFrame(count); })()");
  const losses = await learn(tab);
  const frames: number = await tab.evaluate("window.frames_");
  assert.ok(frames > 20, `${frames} frames while it learned`);
  assert.ok(Math.abs(losses[0] - Math.log(31)) < 0.8 && losses.length > 3, `${losses}`);
  const [stopped, reached] = [await stepOf(tab), await tab.textContent("#loss-now")];
  assert.ok(stopped >= losses.length);
  await tab.click("#thumbs button:nth-child(2)");
  await tab.locator(".neighbour-row").nth(1).waitFor();
  assert.is(await tab.locator(".strip .picture").count(), 16);
  assert.equal(await violations(tab), []);

  await sameInNode(
    decodeNpy(await download(tab, "npy")),
    await download(tab, "encoder"),
    await download(tab, "project"),
  );

  await tab.evaluate("navigator.serviceWorker.ready");
  await tab.context().setOffline(true);
  await tab.reload();
  await tab.locator("#play-text", { hasText: "Go on" }).waitFor();
  assert.is(await stepOf(tab), stopped);
  assert.is(await tab.textContent("#loss-now"), reached);
  await tab.click("#step-button");
  await tab.locator("#status", { hasText: `step ${stopped + 1} of` }).waitFor();
  const next = await tab.textContent("#loss-now");
  const { origin } = new URL(url);
  assert.equal(
    requests.filter((address) => new URL(address).origin !== origin),
    [],
  );
  assert.equal(lines, []);
  await tab.context().close();

  // The same from the file.
  const other = await open();
  await other.tab.setInputFiles("#files-input", join(folder, "simclr-project.zip"));
  await other.tab.locator("#play-text", { hasText: "Go on" }).waitFor();
  assert.is(await stepOf(other.tab), stopped);
  await other.tab.click("#step-button");
  await other.tab.locator("#status", { hasText: `step ${stopped + 1} of` }).waitFor();
  assert.is(await other.tab.textContent("#loss-now"), next);
  await other.tab.context().close();
});

page.run();
