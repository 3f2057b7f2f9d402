import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Dataset } from "../data/dataset.js";
import { UsageError } from "../errors.js";
import { Embedder } from "../evaluation/embed.js";
import { writeError, writeFileAtomic } from "../io/atomic.js";
import { csvLines, embeddingsToCsv } from "../io/csv.js";
import { encodeNpy } from "../io/npy.js";
import type { Command } from "../vendor/commander.js";
import { number } from "./numbers.js";
import { withDevice } from "./session.js";
import { loadModel, openRunImages, openStoredRun } from "./stored-run.js";

interface EmbedOptions {
  readonly out: string;
  readonly maxBroken?: number;
}

const FAILED = "failed.csv";
const OUTPUTS = [
  ...["embeddings", "train", "test", "unlabelled"].flatMap((name) => [`${name}.npy`, `${name}.csv`]),
  FAILED,
];

/** Makes the folder where files go. @throws CheckpointError where that cannot be; UsageError where there are such files already. */
async function newFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    throw writeError(path, error);
  }
  const there = (await readdir(path)).find((name) => OUTPUTS.includes(name));
  if (there !== undefined) {
    throw new UsageError(
      `${join(path, there)} is there already, and of other images perhaps: choose another folder with --out`,
    );
  }
}

/** `simclr embed <run> <images>` */
export function addEmbedCommand(program: Command): void {
  program
    .command("embed")
    .description("write the representations h of images as NumPy arrays and CSV, one row an image")
    .argument("<run>", "the run's folder")
    .argument("<images>", "a folder, an archive or files of a data set, as for train; labels are not needed")
    .option("--out <folder>", "where the files go", ".")
    .option("--max-broken <share>", "of the images that may be broken, and are left out (default: 0.05)", number)
    .action(async (path: string, images: string, { out, maxBroken }: EmbedOptions) => {
      await withDevice(async (device) => {
        const run = await openStoredRun(path);
        device.choices.use(run.checkpoint.choices);
        const { memoryBudget } = run.checkpoint.config;
        await newFolder(out);
        const set = await openRunImages(run, images, maxBroken);
        const embedder = await Embedder.create(device, loadModel(device, run), { memoryBudget });
        const write = async (dataset: Dataset, name: string) => {
          const { values, rows, dimension } = await embedder.embed(dataset);
          const { labels, classes } = dataset;
          const names = Array.from({ length: rows }, (_, i) => dataset.nameOf(i));
          await writeFileAtomic(join(out, `${name}.npy`), encodeNpy([rows, dimension], values));
          await writeFileAtomic(join(out, `${name}.csv`), embeddingsToCsv(names, labels, classes, values, dimension));
          console.log(`wrote ${join(out, name)}.npy and .csv: ${rows} x ${dimension}`);
        };
        await write(set.train, set.test ? "train" : "embeddings");
        if (set.test) await write(set.test, "test");
        if (set.unlabelled) await write(set.unlabelled, "unlabelled");
        const failed = [set.train, set.test, set.unlabelled].flatMap((part) => part?.skipped ?? []);
        if (failed.length > 0) {
          const rows = failed.map(({ name, reason }) => [name, reason]);
          await writeFileAtomic(join(out, FAILED), csvLines([["name", "reason"], ...rows]));
          console.log(`wrote ${join(out, FAILED)}: ${failed.length} without a row, and why`);
        }
      });
    });
}
