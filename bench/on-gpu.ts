/**
 * Everything that waits for a GPU, in one go: `node dist/bench/on-gpu.js --minutes 14 --out results`, on a machine with Node and a
 * driver. Runs the most important first, prints a table after each part, writes all results to the folder as JSON after each, and ends
 * within its time limit; parts that do not fit are stopped or left out, and named.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { textTable } from "../src/cli/table.js";
import { ConfigError } from "../src/errors.js";
import { Command, Option } from "../src/vendor/commander.js";
import { runCommand } from "./command-line.js";
import { partsOf, SCALE_NAMES, type Work } from "./on-gpu/parts.js";
import { type PartResult, runParts } from "./on-gpu/run.js";

interface Options {
  readonly minutes: string;
  readonly out: string;
  readonly scale: Work["scale"];
  readonly images?: string;
}

function overview(results: readonly PartResult[]): string {
  const rows = results.map(({ title, end, seconds }) => [title, end, `${seconds.toFixed(1)} s`]);
  return textTable([["part", "", "time"], ...rows]);
}

async function run({ minutes, out, scale, images }: Options): Promise<void> {
  const limit = Number(minutes);
  if (!(limit > 0)) throw new ConfigError(`--minutes ${minutes} must be a number above 0`);
  const end = performance.now() + 60_000 * limit;
  const folder = resolve(out);
  await mkdir(folder, { recursive: true });
  const file = join(folder, "results.json");
  const results = await runParts(partsOf({ scale, out: folder, images: images && resolve(images) }), end, {
    show: (text) => process.stdout.write(text),
    note: (line) => console.log(`\n=== ${line}\n`),
    keep: (all) => writeFile(file, `${JSON.stringify({ minutes: limit, scale, parts: all }, null, 2)}\n`),
  });
  console.log(`\n${overview(results)}\n\nall of it: ${file}`);
  if (results.some((part) => part.end === "failed")) process.exitCode = 1;
}

const command = new Command("on-gpu")
  .description("everything that waits for a GPU, the most important first, within a time limit")
  .option("--minutes <number>", "the time limit", "14")
  .option("--out <folder>", "for results, as JSON and as a run", "on-gpu-results")
  .option(
    "--images <images>",
    "train on these as long as there is time: a folder or archive, as `simclr train` takes it",
  )
  .addOption(
    new Option("--scale <name>", "gpu; or tiny, to try this program without one").choices(SCALE_NAMES).default("gpu"),
  )
  .showHelpAfterError("(see --help)");
await runCommand(command.action(() => run(command.opts<Options>())));
