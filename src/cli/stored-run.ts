import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { ImageSet } from "../data/dataset.js";
import type { Device } from "../engine/device.js";
import { CheckpointError } from "../errors.js";
import type { Model } from "../nn/model.js";
import { type ImageSource, readFile } from "../runs/run.js";
import { RunFolder } from "../runs/run-folder.js";
import { type Checkpoint, decodeCheckpoint, restoreModel } from "../training/checkpoint.js";
import { type ReadEncoderOptions, readEncoder, type StoredEncoder } from "../training/encoder-file.js";
import { createModel } from "../training/model.js";
import { openForCommand } from "./images.js";

/** The folder, checkpoint and image source of an earlier run. */
export interface StoredRun {
  readonly folder: RunFolder;
  readonly checkpoint: Checkpoint;
  readonly source: ImageSource | null;
}

function parseSource(value: unknown): ImageSource | null {
  if (typeof value !== "object" || value === null || !("images" in value) || typeof value.images !== "string")
    return null;
  const test = "test" in value && typeof value.test === "string" ? value.test : undefined;
  const maxBroken = "maxBroken" in value && typeof value.maxBroken === "number" ? value.maxBroken : undefined;
  const smallestCrop =
    "smallestCrop" in value && typeof value.smallestCrop === "number" ? value.smallestCrop : undefined;
  return { images: value.images, test, maxBroken, smallestCrop };
}

/** Opens a run folder. @throws CheckpointError where it is none or has no usable checkpoint. */
export async function openStoredRun(path: string): Promise<StoredRun> {
  const folder = await RunFolder.open(path);
  const config = await folder.readConfig();
  return {
    folder,
    checkpoint: decodeCheckpoint(await readFile(folder.file("checkpoint"))),
    source: parseSource(config["source"]),
  };
}

/**
 * The images that a run was made of: those named now, or where they were.
 * @param use "views" for those that the run's views are cut from, besides
 * @throws CheckpointError where neither is known.
 */
export function openRunImages(
  { folder, checkpoint, source }: StoredRun,
  named?: string,
  maxBroken = source?.maxBroken,
  use: "views" | "as they are" = "as they are",
): Promise<ImageSet> {
  const smallestCrop = use === "views" ? source?.smallestCrop : undefined;
  const from = named === undefined ? source : { images: named };
  const wanted = from && { ...from, maxBroken, smallestCrop };
  if (!wanted) throw new CheckpointError(`${folder.path} does not say where its images are: name them with --images`);
  return openForCommand(wanted, checkpoint.imageSize, "as they are");
}

/** The encoder of a finished run, by its folder, or of a file. @throws CheckpointError where there is none */
export async function openEncoder(path: string, options: ReadEncoderOptions = {}): Promise<StoredEncoder> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder) return readEncoder(await readFile(path), { name: resolve(path), ...options });
  const folder = await RunFolder.open(path);
  if (!(await folder.has("encoder"))) {
    throw new CheckpointError(`${path} has no encoder yet: finish its training first, with simclr resume ${path}`);
  }
  const file = folder.file("encoder");
  return readEncoder(await readFile(file), { name: resolve(file), ...options });
}

/** The model of a run with its trained weights. */
export function loadModel(device: Device, { checkpoint }: StoredRun): Model {
  const { config, imageSize, classes } = checkpoint;
  const model = createModel(device, config, imageSize, classes.length);
  restoreModel(model, checkpoint);
  return model;
}
