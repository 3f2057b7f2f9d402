import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { servePage } from "../../src/cli/page.js";
import { startProcess, succeeded } from "../cli/command.js";
import { classFolders } from "../cli/pictures.js";
import { writeFiles } from "../data/make-files.js";
import { launchBrowser } from "../lib/browser.js";
import { repository } from "../lib/repository.js";

const page = suite("the page");

/** A software adapter on two slow cores. */
const PATIENCE = 60_000;

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
  await tab.locator("#adapter", { hasNotText: "looking" }).waitFor();
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

const number = async (tab: Page, id: string) => Number.parseFloat((await tab.textContent(id)) ?? "");

page("from files to a falling loss, and neighbours", async () => {
  const { tab, lines, requests } = await open();
  assert.equal(await violations(tab), []);
  await writeFiles(join(folder, "photos"), await classFolders(60));
  await tab.setInputFiles("#folder-input", join(folder, "photos"));
  await tab.waitForSelector("#workshop:not([hidden])");
  await tab.selectOption("#set-batch", "16");
  await tab.fill("#set-width", "0.25");
  await tab.fill("#set-epochs", "20");
  await tab.locator("#map-note", { hasText: "random weights" }).waitFor();
  await tab.click("#play");
  const losses: number[] = [];
  while (losses.length < 200) {
    await tab.waitForTimeout(100);
    const loss = await number(tab, "#loss-now");
    if (Number.isFinite(loss)) losses.push(loss);
    if (losses.slice(-3).every((value) => value < losses[0] - 0.5) && losses.length > 3) break;
  }
  const [first, last] = [losses[0], losses[losses.length - 1]];
  assert.ok(Math.abs(first - Math.log(31)) < 0.8 && last < first - 0.5, `${losses}`);
  await tab.click("#play");
  await tab.click("#thumbs button:nth-child(2)");
  await tab.locator(".neighbour-row").nth(1).waitFor();
  assert.is(await tab.locator(".strip .picture").count(), 16);
  assert.equal(await violations(tab), []);
  const [{ origin }] = [new URL(url)];
  assert.equal(
    requests.filter((address) => new URL(address).origin !== origin && !address.startsWith("blob:")),
    [],
  );
  assert.equal(lines, []);
  await tab.context().close();
});

page.run();
