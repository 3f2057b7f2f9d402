import { mkdir, readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Dataset } from "../data/dataset.js";
import { type EmbeddingChanges, updateEmbeddings } from "../embeddings/update.js";
import { ConfigError, UsageError } from "../errors.js";
import { Embedder } from "../evaluation/embed.js";
import { writeError, writeFileAtomic } from "../io/atomic.js";
import { csvLines, embeddingsToCsv } from "../io/csv.js";
import { encodeNpy } from "../io/npy.js";
import { type Command, Option } from "../vendor/commander.js";
import { counted } from "../wording.js";
import { openForCommand } from "./images.js";
import { number } from "./numbers.js";
import { addOutputOptions, answer, tell } from "./output.js";
import { readingProgress } from "./reading-progress.js";
import { withDevice } from "./session.js";
import { openTrained } from "./stored-run.js";

interface EmbedOptions {
  readonly out?: string;
  readonly folder?: string;
  readonly precision?: "f32" | "f16";
  readonly maxBroken?: number;
  readonly bitDepth?: number;
  readonly imageSize?: number;
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

function changesText(folder: string, { images, added, changed, gone, embedded }: EmbeddingChanges): string {
  const facts = [
    [added.length, "new"],
    [changed.length, "changed"],
    [gone.length, "gone"],
  ] as const;
  const differences = facts.flatMap(([count, what]) => (count > 0 ? [`${count.toLocaleString("en")} ${what}`] : []));
  const what = differences.length > 0 ? differences.join(", ") : "nothing changed";
  return `wrote ${folder}: ${counted(images, "photograph")} (${what}), ${embedded.toLocaleString("en")} embedded now`;
}

/** `simclr embed <encoder> <images>` */
export function addEmbedCommand(program: Command): void {
  addOutputOptions(program.command("embed"))
    .description("write the representations h of images as NumPy arrays and CSV, one row an image")
    .argument("<encoder>", "a run's folder, an encoder.safetensors, or a ResNet of torchvision's names as safetensors")
    .argument(
      "<images>",
      "a folder, an archive or files of a data set, as for train, or one photograph; labels are not needed",
    )
    .option("--image-size <pixels>", "of the images, for an encoder's file that does not say it", number)
    .option("--out <folder>", 'where the files go (default: ".")')
    .option(
      "--folder <folder>",
      "make a folder of embeddings in place of these files, for search, dedupe and others, or bring it up to date: only new photographs are embedded",
    )
    .addOption(
      new Option("--precision <type>", "of the numbers in that folder (default: f32, or as they are there)").choices([
        "f32",
        "f16",
      ]),
    )
    .option("--max-broken <share>", "of the images that may be broken, and are left out (default: 0.05)", number)
    .option("--bit-depth <bits>", "of images of 16 bits that hold fewer (default: the run's, or 16)", number)
    .action(async (path: string, images: string, { imageSize: given, ...options }: EmbedOptions) => {
      const { out = ".", folder, precision } = options;
      if (folder !== undefined && options.out !== undefined)
        throw new ConfigError(
          "--out is for .npy and .csv files, and --folder for a folder of embeddings: give one of them",
        );
      if (folder === undefined && precision) throw new ConfigError("--precision is that of a --folder of embeddings");
      await withDevice(async (device) => {
        const encoder = await openTrained(path, device, given);
        device.choices.use(encoder.choices);
        const { config, imageSize, run } = encoder;
        const { memoryBudget } = config;
        if (folder === undefined) await newFolder(out);
        const { maxBroken = run?.source?.maxBroken, bitDepth = run?.source?.bitDepth } = options;
        const source = { images, maxBroken, bitDepth, clips: run?.source?.clips };
        const set = await openForCommand(source, imageSize, "as they are");
        const failed = [set.train, set.test, set.unlabelled].flatMap((part) => part?.skipped ?? []);
        const embedder = await Embedder.create(device, encoder.load(device), { memoryBudget });
        if (folder !== undefined) {
          const { onProgress, stop } = await readingProgress();
          const update = { encoderPath: resolve(path), source: resolve(images), precision, bitDepth, onProgress };
          const changes = await updateEmbeddings(folder, embedder, set, update).finally(stop);
          tell(changesText(folder, changes));
          answer({ folder, ...changes, failed });
          return;
        }
        const files: object[] = [];
        const write = async (dataset: Dataset, name: string) => {
          const { values, rows, dimension } = await embedder.embed(dataset);
          const { labels, classes } = dataset;
          const names = Array.from({ length: rows }, (_, i) => dataset.nameOf(i));
          await writeFileAtomic(join(out, `${name}.npy`), encodeNpy([rows, dimension], values));
          await writeFileAtomic(join(out, `${name}.csv`), embeddingsToCsv(names, labels, classes, values, dimension));
          files.push({ part: name, npy: join(out, `${name}.npy`), csv: join(out, `${name}.csv`), rows, dimension });
          tell(`wrote ${join(out, name)}.npy and .csv: ${rows} x ${dimension}`);
        };
        await write(set.train, set.test ? "train" : "embeddings");
        if (set.test) await write(set.test, "test");
        if (set.unlabelled) await write(set.unlabelled, "unlabelled");
        if (failed.length > 0) {
          const rows = failed.map(({ name, reason }) => [name, reason]);
          await writeFileAtomic(join(out, FAILED), csvLines([["name", "reason"], ...rows]));
          tell(`wrote ${join(out, FAILED)}: ${failed.length} without a row, and why`);
        }
        answer({ files, failed });
      });
    });
}
