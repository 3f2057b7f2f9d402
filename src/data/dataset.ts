import { kindText } from "../engine/host-data.js";
import { ConfigError, DataError, UsageError } from "../errors.js";
import { isRecord } from "../io/json.js";
import type { Clips } from "./clips.js";

/** An image that could not be read, and why. It is left out of the set, and named in the report. */
export interface SkippedImage {
  /** As `Dataset.nameOf` would call it. */
  readonly name: string;
  /** For people. */
  readonly reason: string;
}

/** Pixels. */
export interface ImageSize {
  /** From left to right. */
  readonly width: number;
  /** From top to bottom. */
  readonly height: number;
}

/** Images with more pixels than their set has of each, whole and in their own proportions, for views to be cut from. */
export interface Originals {
  /** The most pixels of one. */
  readonly pixels: number;
  /**
   * Writes image `indices[i]`, row by row, 4 bytes (R, G, B, 255) a pixel, to the i-th of as many equal parts of `out` as there are
   * indices, and its height and width to `sizes[2 * i]` and `sizes[2 * i + 1]`. What is left of a part may be anything.
   * @throws DataError where an index is outside the set, or a part has fewer than `4 * pixels` bytes.
   */
  fetch(indices: ArrayLike<number>, out: Uint8Array, sizes: Uint32Array): Promise<void>;
}

/** Images of one size as RGBA bytes, with or without labels. */
export interface Dataset {
  /** Where the images came from, for people: a path, or what the caller chose. */
  readonly name: string;
  /** Number of images. */
  readonly length: number;
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
  /** Class index of each image, or null where the set has no labels. */
  readonly labels: Uint32Array | null;
  /** Class names in label order; empty without labels. */
  readonly classes: readonly string[];
  /** What image `index` is called: its path in the folder or archive, or its place in a file or array. */
  nameOf(index: number): string;
  /** Bytes of the file of image `index`, by which a changed image is told; where there is none, images have no files of their own. */
  readonly bytesOf?: (index: number) => number;
  /** The file of image `index` as it is, encoded; where there is none, images have no files of their own. */
  readonly readFile?: (index: number) => Promise<Uint8Array>;
  /** Which images are frames of one clip, and when: with these, methods can learn from time. */
  readonly clips?: Clips;
  /** The same images with more pixels, where there are such: views are cut from these. */
  readonly originals?: Originals;
  /** Images that were found and could not be read. */
  readonly skipped: readonly SkippedImage[];
  /**
   * Writes image `indices[i]` to `out` at byte `i * width * height * 4`, row by row, 4 bytes (R, G, B, 255) a pixel.
   * @throws DataError where an index is outside the set or `out` is too short.
   */
  fetch(indices: ArrayLike<number>, out: Uint8Array): Promise<void>;
}

/** A training set, and a test set of the same image size and classes where there is one. */
export interface ImageSet {
  /** What is trained on. */
  readonly train: Dataset;
  /** What is tested on; null where there is nothing. */
  readonly test: Dataset | null;
  /** More images to train on, without labels, where those of `train` have labels. */
  readonly unlabelled?: Dataset | null;
  /** What was left out, and what was read otherwise than someone might expect, for people. */
  readonly notes?: readonly string[];
}

/** @throws ConfigError for a side of images that is no whole number of pixels from 1 up. */
export function checkImageSize(side: number): void {
  if (!Number.isInteger(side) || side < 1) {
    throw new ConfigError(`The image size has to be a whole number of pixels from 1; got ${side}.`);
  }
}

/** What was given in place of a set of images, and what to do about it. */
function mistaken(given: unknown): string {
  return isRecord(given) && typeof given["then"] === "function" ? "a promise: await it" : kindText(given);
}

/** @throws UsageError where what was given is no `Dataset`, as the `ImageSet` that `openImages` gives is none. */
export function expectDataset(given: unknown): void {
  if (isRecord(given) && typeof given["fetch"] === "function") return;
  const parts = isRecord(given) && "train" in given;
  throw new UsageError(
    `a Dataset is wanted, and this is ${parts ? "an ImageSet, which has two parts: pass images.train" : mistaken(given)}`,
  );
}

/** @throws UsageError where what was given is no `ImageSet`, as a `Dataset` is none. */
export function expectImageSet(given: unknown): void {
  if (isRecord(given) && isRecord(given["train"])) return;
  const part = isRecord(given) && typeof given["fetch"] === "function";
  throw new UsageError(
    `an ImageSet is wanted, and this is ${part ? "a Dataset: pass { train: images, test: null }" : mistaken(given)}`,
  );
}

/**
 * Checks the arguments of `Dataset.fetch`, for whoever implements it.
 * @throws DataError where an index is outside the set or `out` is too short.
 */
export function checkFetch(
  dataset: Pick<Dataset, "name" | "length" | "width" | "height">,
  indices: ArrayLike<number>,
  out: Uint8Array,
): void {
  checkIndices(dataset, indices);
  const bytes = indices.length * dataset.width * dataset.height * 4;
  if (out.length < bytes) {
    throw new DataError(
      `${indices.length} images of ${dataset.width}x${dataset.height} need ${bytes} bytes; the output array has ${out.length}.`,
    );
  }
}

/** @throws DataError where an index is not a whole number from 0 to `length - 1`. */
export function checkIndices(dataset: Pick<Dataset, "name" | "length">, indices: ArrayLike<number>): void {
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i];
    if (index === undefined || !Number.isInteger(index) || index < 0 || index >= dataset.length) {
      throw new DataError(
        `There is no image ${index} in ${dataset.name}, which has ${dataset.length} images (from 0).`,
      );
    }
  }
}
