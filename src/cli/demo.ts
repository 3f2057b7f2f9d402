import { fileURLToPath } from "node:url";
import type { TrainingConfig } from "../training/config.js";
import type { Command } from "../vendor/commander.js";
import { runTraining } from "./train.js";

/** What `npm start` trains: small enough for two CPU cores and five minutes. */
const SMALL_RECIPE: Partial<TrainingConfig> = {
  encoder: "convnet",
  batch: 64,
  epochs: 16,
  options: { temperature: 0.5 },
  optimizer: "adamw",
  learningRate: 1e-3,
  warmupEpochs: 1,
  weightDecay: 0,
  evaluateEvery: 2,
  checkpointEvery: 50,
};

/** The archive that comes with the package; from `dist/src/cli` it is back in the sources. */
export function sampleArchive(): string {
  return fileURLToPath(new URL("../../../src/data/samples/cifar-10-mini.tar.gz", import.meta.url));
}

/** `simclr demo` */
export function addDemoCommand(program: Command): void {
  program
    .command("demo")
    .description(
      "train the small recipe on the 3,000 CIFAR-10 images that come with the package, a few minutes on two CPU cores",
    )
    .option("--out <folder>", "where the run folder is made", "runs")
    .action(({ out }: { readonly out: string }) =>
      runTraining(sampleArchive(), SMALL_RECIPE, { imageSize: 32, out, name: "demo" }),
    );
}
