import type { Dataset } from "../data/dataset.js";
import { datasetFromPixels } from "../data/pixels.js";
import type { StepEvent } from "../training/trainer.js";
import type { Accuracy, Settings } from "./messages.js";
import type { Pictures } from "./pictures.js";

/** Another number for what another version of the page cannot read. */
export const PROJECT_VERSION = 1;

/** Images of one size in memory, with what they are called. */
export interface StoredImages {
  /** RGBA bytes of all images. */
  readonly pixels: Uint8Array<ArrayBuffer>;
  readonly names: readonly string[];
  readonly labels: Uint32Array | null;
}

/** Pictures at rest. */
export interface StoredPictures extends Pick<Pictures, "name" | "skipped" | "notes"> {
  readonly version: number;
  readonly imageSize: number;
  readonly classes: readonly string[];
  readonly train: StoredImages;
  readonly test: StoredImages | null;
}

/** A training at rest: all that is needed to go on, and to show how it got there. */
export interface StoredTraining {
  readonly version: number;
  readonly settings: Settings;
  readonly checkpoint: Uint8Array<ArrayBuffer>;
  readonly history: readonly StepEvent[];
  readonly accuracies: readonly Accuracy[];
}

/** What a person has on the page. */
export interface Project {
  readonly pictures: StoredPictures;
  readonly settings: Settings;
  /** Null where nothing is learned yet. */
  readonly training: StoredTraining | null;
}

async function storedImages(dataset: Dataset): Promise<StoredImages> {
  const { length, width, height, labels } = dataset;
  const pixels = new Uint8Array(length * width * height * 4);
  await dataset.fetch(
    Uint32Array.from({ length }, (_, i) => i),
    pixels,
  );
  return { pixels, names: Array.from({ length }, (_, i) => dataset.nameOf(i)), labels };
}

export async function storedPictures({ train, test, name, skipped, notes }: Pictures): Promise<StoredPictures> {
  return {
    ...{ version: PROJECT_VERSION, name, skipped, notes, imageSize: train.width, classes: train.classes },
    train: await storedImages(train),
    test: test && (await storedImages(test)),
  };
}

/** Pictures that were stored. @throws DataError where their parts do not fit together. */
export function picturesOf({ name, imageSize, classes, train, test, skipped, notes }: StoredPictures): Pictures {
  const dataset = ({ pixels, names, labels }: StoredImages): Dataset => {
    const size = { width: imageSize, height: imageSize, channels: 4 } as const;
    const set = datasetFromPixels({ name, pixels, ...size, ...(labels && { labels, classes }) });
    return { ...set, nameOf: (index) => names[index] ?? set.nameOf(index) };
  };
  return { name, skipped, notes, train: dataset(train), test: test && dataset(test) };
}
