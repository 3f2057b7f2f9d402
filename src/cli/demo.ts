import { fileURLToPath } from "node:url";
import type { TrainingConfig } from "../training/config.js";
import type { Command } from "../vendor/commander.js";
import { addOutputOptions } from "./output.js";
import { runTraining } from "./train.js";

/**
 * What `npm start` trains: small enough for two CPU cores and four minutes. Of the recipes that were tried, cooler logits, more steps and
 * larger crops than SimCLR's own made the best neighbours in that time.
 */
const SMALL_RECIPE: Partial<TrainingConfig> = {
  encoder: "convnet",
  batch: 64,
  epochs: 16,
  options: { temperature: 0.2 },
  augmentation: "cifar-weak",
  optimizer: "adamw",
  learningRate: 1e-3,
  warmupEpochs: 1,
  weightDecay: 0,
  evaluateEvery: 4,
  checkpointEvery: 200,
};

/** An archive that comes with the package; from `dist/src/cli` it is back in the sources. */
function archive(name: string): string {
  return fileURLToPath(new URL(`../../../src/data/samples/${name}`, import.meta.url));
}

/** 2,000 images and 1,000 to test on. */
export function sampleArchive(): string {
  return archive("cifar-10-mini.tar.gz");
}

/** `simclr demo` */
export function addDemoCommand(program: Command): void {
  addOutputOptions(program.command("demo"))
    .description(
      "train the small recipe on 12,000 images of CIFAR-10 that come with the package, some minutes on two CPU cores",
    )
    .option("--out <folder>", "where the run folder is made", "runs")
    .action(({ out }: { readonly out: string }) =>
      runTraining(archive("cifar-10-sample.tar.gz"), SMALL_RECIPE, { imageSize: 32, out, name: "demo" }),
    );
}
