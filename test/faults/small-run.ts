/** A run that takes a second, and what has to be true of its folder whatever happens to it. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import * as assert from "uvu/assert";
import type { ImageSet } from "../../src/data/dataset.js";
import type { Device } from "../../src/engine/device.js";
import { CheckpointError } from "../../src/errors.js";
import { parseObject } from "../../src/io/json.js";
import type { RunHooks } from "../../src/runs/hooks.js";
import { resumeRun, startRun } from "../../src/runs/run.js";
import { RunFolder } from "../../src/runs/run-folder.js";
import { decodeCheckpoint } from "../../src/training/checkpoint.js";
import type { TrainingConfig } from "../../src/training/config.js";
import { readEncoder } from "../../src/training/encoder-file.js";
import { SMALL_CONFIG, stripes } from "../training/small-set.js";

/** Without labels, which would be evaluated: that takes longer than the training. */
export const IMAGES: ImageSet = { train: { ...stripes(40), labels: null, classes: [] }, test: null };

/** Five steps an epoch, a checkpoint after every third: what follows one is done again. */
export const CONFIG: Partial<TrainingConfig> = { ...SMALL_CONFIG, epochs: 3, checkpointEvery: 3 };

/** Trains in this folder: goes on with what is there, or begins where nothing can be gone on with. */
export async function trainIn(folder: string, device: Device, hooks: RunHooks = {}): Promise<"begun" | "resumed"> {
  if (await isResumable(folder)) {
    await resumeRun(device, folder, IMAGES, { ...hooks, brief: true });
    return "resumed";
  }
  await startRun(device, IMAGES, CONFIG, { ...hooks, folder, brief: true });
  return "begun";
}

/** Whether there is a checkpoint to go on from: a run has one before its first step. */
async function isResumable(path: string): Promise<boolean> {
  if (!existsSync(`${path}/config.json`)) return false;
  return (await RunFolder.open(path)).has("checkpoint");
}

/** What comes of a run: a digest of the encoder's bytes, and the numbers of each step without times. */
export async function outcome(path: string) {
  const lines = await (await RunFolder.open(path)).readMetrics();
  const steps = lines.filter(({ kind }) => kind === "step");
  return {
    encoder: createHash("sha256")
      .update(await readFile(`${path}/encoder.safetensors`))
      .digest("hex"),
    steps: steps.map(({ imagesPerSecond: _, ...line }) => line),
    // Besides what the run keeps, nothing is left there.
    files: (await readdir(path)).sort(),
  };
}

/** Fails unless every file of a run folder is there as a whole, whatever happened; but for temporary ones. */
export async function expectWhole(path: string): Promise<void> {
  if (!existsSync(path)) return;
  for (const name of await readdir(path)) {
    const bytes = await readFile(`${path}/${name}`);
    const text = bytes.toString("utf8");
    switch (name) {
      case "config.json":
      case "images.json":
        assert.ok(parseObject(text) !== null, `${name} is JSON`);
        break;
      case "metrics.jsonl":
        // A last line may be half there.
        for (const line of text.split("\n").slice(0, -1)) assert.ok(parseObject(line) !== null, `${name}: ${line}`);
        break;
      case "checkpoint.safetensors":
        decodeCheckpoint(bytes);
        break;
      case "encoder.safetensors":
        readEncoder(bytes);
        break;
      default:
        assert.match(name, /\.tmp-\d+-*$|^run\.lock/);
    }
  }
}

/** Whether an error is that of a disk without space, and names the file. */
export function isDiskFull(error: unknown, path: string): boolean {
  return error instanceof CheckpointError && error.message.includes(path) && error.message.includes("the disk is full");
}
