/**
 * Makes the pictures of reports that stand in the documents: `node dist/bench/picture.js <report.html> <picture.png>`, with
 * `--section "Accuracy by batch size"` for one section alone, `--without Training Configuration` for all but some, and `--point 120`
 * to point at the 121st point of the map.
 */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import sharp from "sharp";
import { ConfigError } from "../src/errors.js";
import { Command } from "../src/vendor/commander.js";
import { findProgram } from "../test/lib/browser.js";
import { runCommand } from "./command-line.js";

/** Pixels of the page. */
const WIDTH = 1000;

interface PictureOptions {
  readonly section?: string;
  readonly without: readonly string[];
  readonly scale: string;
  readonly point?: string;
}

async function takePicture(
  report: string,
  picture: string,
  { section, without, scale, point }: PictureOptions,
): Promise<void> {
  const executablePath = findProgram();
  if (executablePath === undefined) throw new ConfigError("no Chromium found; install one or set CHROMIUM to its path");
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  try {
    const page = await browser.newPage({
      viewport: { width: WIDTH, height: WIDTH },
      deviceScaleFactor: Number(scale),
      colorScheme: "light",
    });
    await page.goto(pathToFileURL(resolve(report)).href);
    if (point !== undefined) await page.locator(".map-images circle").nth(Number(point)).hover();
    for (const heading of without) {
      const has = page.getByRole("heading", { name: heading, exact: true });
      await page.locator("section", { has }).evaluate((found) => found.remove());
    }
    const subject =
      section === undefined ? page.locator("body") : page.locator("section", { hasText: section }).first();
    // A palette: packages and pages carry these files.
    await sharp(await subject.screenshot())
      .png({ palette: true, colours: 128, effort: 10 })
      .toFile(picture);
  } finally {
    await browser.close();
  }
}

const command = new Command("picture")
  .description("a picture of a report, or of one of its sections")
  .argument("<report>", "report.html of a run or an experiment")
  .argument("<picture>", "the PNG file to write")
  .option("--section <heading>", "only the section with this text in it")
  .option("--without <headings...>", "leave out the sections with these headings", [])
  .option("--scale <factor>", "the picture's pixels for one of the page", "2")
  .option("--point <number>", "point at this point of the map of embeddings, from 0")
  .action(takePicture);
await runCommand(command);
