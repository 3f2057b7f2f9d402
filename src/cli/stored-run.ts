import type { ImageSet } from "../data/dataset.js";
import type { Device } from "../engine/device.js";
import { CheckpointError } from "../errors.js";
import { RunFolder } from "../io/run-folder.js";
import { type Checkpoint, decodeCheckpoint, restoreModel } from "../simclr/checkpoint.js";
import { createModel, type SimclrModel } from "../simclr/model.js";
import { type ImageSource, readFile } from "../simclr/run.js";
import { openForCommand } from "./train.js";

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
  return { images: value.images, test };
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

/** The images of a run: those named now, or those it was trained on. @throws CheckpointError where neither is known. */
export function openRunImages({ folder, checkpoint, source }: StoredRun, named?: string): Promise<ImageSet> {
  const wanted = named === undefined ? source : { images: named };
  if (!wanted) throw new CheckpointError(`${folder.path} does not say where its images are: name them with --images`);
  return openForCommand(wanted, checkpoint.imageSize);
}

/** The model of a run with its trained weights. */
export function loadModel(device: Device, { checkpoint }: StoredRun): SimclrModel {
  const model = createModel(device, checkpoint.config, checkpoint.imageSize);
  restoreModel(model, checkpoint);
  return model;
}
