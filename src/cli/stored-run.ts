import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { ImageSet } from "../data/dataset.js";
import type { ChoiceTable } from "../engine/choices.js";
import type { Device } from "../engine/device.js";
import { CheckpointError, ConfigError, namingFile } from "../errors.js";
import type { Model } from "../nn/model.js";
import { type ImageSource, readFile } from "../runs/run.js";
import { RunFolder } from "../runs/run-folder.js";
import { type Checkpoint, decodeCheckpoint, restoreModel } from "../training/checkpoint.js";
import { DEFAULT_CONFIG, type TrainingConfig } from "../training/config.js";
import { encoderModel, type ReadEncoderOptions, readEncoder, type StoredEncoder } from "../training/encoder-file.js";
import { createModel } from "../training/model.js";
import { openForCommand } from "./images.js";
import { suggested } from "./suggested.js";

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
  const bitDepth = "bitDepth" in value && typeof value.bitDepth === "number" ? value.bitDepth : undefined;
  const smallestCrop =
    "smallestCrop" in value && typeof value.smallestCrop === "number" ? value.smallestCrop : undefined;
  const clips = "clips" in value && value.clips === true ? true : undefined;
  return { images: value.images, test, maxBroken, bitDepth, smallestCrop, clips };
}

/** Before images of that size are read. @throws CheckpointError where not even one of them could be embedded. */
function expectImageSize(name: string, imageSize: number, device: Device): void {
  const { maxBufferSize, maxStorageBufferBindingSize } = device.gpu.limits;
  const [bytes, most] = [4 * 3 * imageSize ** 2, Math.min(maxBufferSize, maxStorageBufferBindingSize)];
  if (imageSize >= 1 && bytes <= most) return;
  throw new CheckpointError(
    `${name} is of images of ${imageSize} x ${imageSize} pixels, of which this adapter holds not even one: it is damaged, or from a larger GPU`,
  );
}

/** Opens a run folder. @throws CheckpointError where it is none or has no usable checkpoint. */
export async function openStoredRun(path: string, device: Device): Promise<StoredRun> {
  const folder = await RunFolder.open(path);
  const { source, imageSize } = await folder.readConfig();
  if (!(await folder.has("checkpoint"))) {
    throw new CheckpointError(
      `${path} was stopped before its first checkpoint, so nothing was trained: begin anew with train`,
    );
  }
  const file = folder.file("checkpoint");
  const bytes = await readFile(file);
  const checkpoint = namingFile(file, () => decodeCheckpoint(bytes));
  if (typeof imageSize === "number" && imageSize !== checkpoint.imageSize) {
    throw new CheckpointError(
      `${file} is of images of ${checkpoint.imageSize} pixels, and ${folder.file("config")} of ${imageSize}: one of them is damaged, or of another run`,
    );
  }
  expectImageSize(file, checkpoint.imageSize, device);
  return { folder, checkpoint, source: parseSource(source) };
}

/**
 * The images that a run was made of: those named now, or where they were.
 * @param given what counts in place of what the run was made with
 * @param use "views" for those that the run's views are cut from, besides
 * @throws CheckpointError where neither is known.
 */
export function openRunImages(
  { folder, checkpoint, source }: StoredRun,
  named?: string,
  given: Pick<ImageSource, "maxBroken" | "bitDepth"> = {},
  use: "views" | "as they are" = "as they are",
): Promise<ImageSet> {
  const smallestCrop = use === "views" ? source?.smallestCrop : undefined;
  const { maxBroken = source?.maxBroken, bitDepth = source?.bitDepth } = given;
  const from = named === undefined ? source : { images: named, clips: source?.clips };
  const wanted = from && { ...from, maxBroken, bitDepth, smallestCrop };
  if (!wanted) throw new CheckpointError(`${folder.path} does not say where its images are: name them with --images`);
  return openForCommand(wanted, checkpoint.imageSize, "as they are");
}

function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** The encoder of a finished run, by its folder, or of a file. @throws CheckpointError where there is none */
export async function openEncoder(path: string, options: ReadEncoderOptions = {}): Promise<StoredEncoder> {
  if (!(await isFolder(path))) return readEncoder(await readFile(path), { name: resolve(path), ...options });
  const folder = await RunFolder.open(path);
  if (!(await folder.has("encoder"))) {
    throw new CheckpointError(
      `${path} has no encoder yet: finish its training first, with\n  ${suggested(["resume", path])}`,
    );
  }
  const file = folder.file("encoder");
  return readEncoder(await readFile(file), { name: resolve(file), ...options });
}

/** A trained encoder to work with: a run's, as its checkpoint has it, or that of a file on its own. */
export interface Trained {
  /** The run; null for a file, of which nobody knows what it was trained on. */
  readonly run: StoredRun | null;
  /** What of a configuration made it. */
  readonly config: TrainingConfig;
  /** Pixels of its images. */
  readonly imageSize: number;
  /** Classes that it tells apart itself; none where it has no classifier. */
  readonly classes: readonly string[];
  /** When: "after 200 steps", "encoder.safetensors". */
  readonly label: string;
  readonly choices: ChoiceTable;
  /** Makes it, with its weights. */
  load(device: Device): Model;
}

/**
 * Opens a run's folder, or a file as `openEncoder` takes it.
 * @param imageSize of the images for a file that does not say it, as those of torchvision
 * @throws CheckpointError where it is neither; ConfigError where the image size is not known, or another than a run's.
 */
export async function openTrained(path: string, device: Device, imageSize?: number): Promise<Trained> {
  if (await isFolder(path)) {
    const run = await openStoredRun(path, device);
    const { config, classes, choices, step } = run.checkpoint;
    if (imageSize !== undefined && imageSize !== run.checkpoint.imageSize) {
      throw new ConfigError(
        `${path} was trained on images of ${run.checkpoint.imageSize} pixels: --image-size is for files of encoders`,
      );
    }
    const label = `after ${step} steps`;
    const load = (on: Device) => loadModel(on, run);
    return { run, config, imageSize: run.checkpoint.imageSize, classes, label, choices, load };
  }
  const stored = await openEncoder(path);
  const size = imageSize ?? stored.imageSize;
  if (size === null) throw new ConfigError(`${path} does not say for images of which size it is: give --image-size`);
  expectImageSize(path, size, device);
  const config = { ...DEFAULT_CONFIG, ...stored.architecture };
  const load = (on: Device) => encoderModel(on, stored, size);
  return { run: null, config, imageSize: size, classes: [], label: path, choices: {}, load };
}

/** The model of a run with its trained weights. */
function loadModel(device: Device, { checkpoint }: StoredRun): Model {
  const { config, imageSize, classes } = checkpoint;
  const model = createModel(device, config, imageSize, classes.length);
  restoreModel(model, checkpoint);
  return model;
}
