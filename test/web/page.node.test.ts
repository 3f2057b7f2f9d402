import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { get } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { unzipSync, zipSync } from "fflate";
import type { Page } from "playwright-core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { servePage } from "../../src/cli/page.js";
import { decodeNpy, type NpyArray } from "../../src/io/npy.js";
import { decodeSafetensors, encodeSafetensors, type TensorData } from "../../src/io/safetensors.js";
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
  if (!test) throw new Error("the project has no images to test on");
  assert.equal([train.length, test.length, npy.shape], [54, 6, [60, 64]]);
  const device = await openDevice();
  const embedder = await Embedder.create(device, decodeEncoder(device, encoder));
  const values = [...(await embedder.embed(train)).values, ...(await embedder.embed(test)).values];
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
    [{ "secret.zip": "PK\u0003\u0004\u0014\u0000\u0001\u0000 and so on" }, /secret\.zip.*encrypted/],
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

page("answers what is no path, and goes on", async () => {
  const answerTo = (path: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      get(url, { path }, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).on("error", reject);
    });
  assert.is(await answerTo("//"), 200);
  assert.is(await answerTo(":x"), 400);
  assert.is(await answerTo("/../../package.json"), 404);
  assert.is(await answerTo("/..%2f..%2fpackage.json"), 404);
  assert.is(await answerTo("/"), 200);
});

/** A project of the page with another checkpoint. */
function withCheckpoint(zip: Uint8Array, change: (config: object, tensors: Map<string, TensorData>) => object): Buffer {
  const files = unzipSync(zip);
  const { tensors, metadata } = decodeSafetensors(files["checkpoint.safetensors"]);
  const own = new Map(tensors);
  const config = JSON.stringify(change(JSON.parse(metadata["config"] ?? ""), own));
  return Buffer.from(
    zipSync({ ...files, "checkpoint.safetensors": encodeSafetensors(own, { ...metadata, config }) }, { level: 0 }),
  );
}

page("keeps what is set, goes on with a project of more epochs, and refuses a damaged one", async () => {
  const { tab, lines } = await open();
  await writeFiles(join(folder, "few"), await classFolders(20));
  await openFolder(tab, join(folder, "few"));
  await tab.selectOption("#set-method", "moco");
  for (const [id, value] of [
    ["temperature", "0.3"],
    ["queue", "64"],
    ["width", ""],
  ]) {
    await tab.locator("#settings details").evaluate((details) => details.setAttribute("open", ""));
    await tab.fill(`#set-${id}`, value);
    await tab.dispatchEvent(`#set-${id}`, "change");
  }
  assert.is(await tab.inputValue("#set-width"), "0.25");
  await tab.click("#step-button");
  await tab.locator("#kept", { hasText: "step 1" }).waitFor();
  const project = await download(tab, "project");
  const { settings, begunWith } = JSON.parse(Buffer.from(unzipSync(project)["page.json"]).toString());
  assert.equal(begunWith, settings);
  assert.equal([settings.options, settings.width, settings.method], [{ temperature: 0.3, queue: 64 }, 0.25, "moco"]);

  // As `simclr resume --epochs 40` leaves it; with photographs beside it.
  tab.on("dialog", (dialog) => dialog.accept());
  const zip = (buffer: Buffer) => ({ name: "project.zip", mimeType: "application/zip", buffer });
  const more = withCheckpoint(project, (config) => ({ ...config, epochs: 40 }));
  await tab.setInputFiles("#files-input", [
    zip(more),
    { name: "b.txt", mimeType: "text/plain", buffer: Buffer.from("x") },
  ]);
  await tab.locator("#status", { hasText: "step 1 of 40" }).waitFor();
  await tab.locator("#skipped, #notes, body", { hasText: "1 file beside the project left alone" }).first().waitFor();
  assert.is(await tab.inputValue("#set-epochs"), "20");

  // Weights of another net: its pictures are there, and what is kept is not overwritten by a training that begins anew.
  const other = withCheckpoint(project, (config, tensors) => {
    tensors.delete([...tensors.keys()].find((name) => name.startsWith("model.")) ?? "");
    return config;
  });
  await tab.setInputFiles("#files-input", zip(other));
  await tab.locator("#notice-text", { hasText: "of another architecture" }).waitFor();
  assert.match((await tab.textContent("#status")) ?? "", /untrained/);
  await tab.click("#notice-action");
  await tab.click("#play");
  await tab.locator("#notice-text", { hasText: "of another architecture" }).waitFor();
  await tab.click("#notice-action");
  await tab.click("#restart");
  await tab.click("#step-button");
  await tab.locator("#status", { hasText: "step 1 of 20" }).waitFor();
  await tab.locator("#kept", { hasText: "step 1" }).waitFor();

  // Without labels, what takes them cannot be.
  await tab.selectOption("#set-method", "supcon");
  const alone = Object.values(await classFolders(20)).map((bytes, i) => ({
    ...{ name: `${i}.jpg`, mimeType: "image/jpeg", buffer: Buffer.from(bytes) },
  }));
  await tab.setInputFiles("#files-input", alone);
  await tab.locator("#pictures, body", { hasText: "20 pictures" }).first().waitFor();
  await tab.locator("#status", { hasText: "untrained" }).waitFor();
  assert.is(await tab.inputValue("#set-method"), "simclr");
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
