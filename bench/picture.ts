/**
 * Makes the pictures of reports that stand in the README: `node dist/bench/picture.js <report.html> <picture.png>`, with
 * `--section "Accuracy by batch size"` for one section alone, and `--point 120` to point at the 121st point of the map.
 */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { ConfigError } from "../src/errors.js";
import { Command } from "../src/vendor/commander.js";
import { findProgram } from "../test/lib/browser.js";
import { runCommand } from "./command-line.js";

/** Pixels of the page; pictures have twice as many. */
const WIDTH = 1000;

interface PictureOptions {
  readonly section?: string;
  readonly point?: string;
}

async function takePicture(report: string, picture: string, { section, point }: PictureOptions): Promise<void> {
  const executablePath = findProgram();
  if (executablePath === undefined) throw new ConfigError("no Chromium found; install one or set CHROMIUM to its path");
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  try {
    const page = await browser.newPage({
      viewport: { width: WIDTH, height: WIDTH },
      deviceScaleFactor: 2,
      colorScheme: "light",
    });
    await page.goto(pathToFileURL(resolve(report)).href);
    if (point !== undefined) await page.locator(".map-images circle").nth(Number(point)).hover();
    const subject =
      section === undefined ? page.locator("main") : page.locator("section", { hasText: section }).first();
    await subject.screenshot({ path: picture });
  } finally {
    await browser.close();
  }
}

const command = new Command("picture")
  .description("a picture of a report, or of one of its sections")
  .argument("<report>", "report.html of a run or an experiment")
  .argument("<picture>", "the PNG file to write")
  .option("--section <heading>", "only the section with this text in it")
  .option("--point <number>", "point at this point of the map of embeddings, from 0")
  .action(takePicture);
await runCommand(command);
