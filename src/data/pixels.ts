import { kindText } from "../engine/host-data.js";
import { DataError } from "../errors.js";
import { expectKeys } from "../io/json.js";
import { checkFetch, type Dataset, type SkippedImage } from "./dataset.js";

/** Typed arrays above 2 GiB are not to be had in every runtime; half of that leaves room. */
const CHUNK_BYTES = 2 ** 30;

/** RGBA bytes of `capacity` images of one size, zero at first, in as many arrays as their size asks for. */
export class PixelStore {
  readonly #chunks: Uint8Array[] = [];
  readonly #imageBytes: number;
  readonly #imagesPerChunk: number;

  constructor(
    readonly capacity: number,
    readonly width: number,
    readonly height: number,
    chunkBytes: number = CHUNK_BYTES,
  ) {
    this.#imageBytes = width * height * 4;
    this.#imagesPerChunk = Math.max(1, Math.floor(chunkBytes / this.#imageBytes));
    for (let start = 0; start < capacity; start += this.#imagesPerChunk) {
      this.#chunks.push(new Uint8Array(Math.min(this.#imagesPerChunk, capacity - start) * this.#imageBytes));
    }
  }

  /** A view of the bytes of image `index`. */
  image(index: number): Uint8Array {
    const chunk = this.#chunks[Math.floor(index / this.#imagesPerChunk)];
    if (chunk === undefined) {
      throw new DataError(`There is no image ${index} in a store of ${this.capacity}.`);
    }
    const start = (index % this.#imagesPerChunk) * this.#imageBytes;
    return chunk.subarray(start, start + this.#imageBytes);
  }
}

/** What a data set is besides its pixels. */
export interface DatasetFacts {
  readonly name: string;
  readonly length: number;
  readonly labels: Uint32Array | null;
  readonly classes: readonly string[];
  readonly skipped: readonly SkippedImage[];
  nameOf(index: number): string;
  readonly bytesOf?: (index: number) => number;
}

/** The first `facts.length` images of `store` as a data set. */
export function datasetFromStore(store: PixelStore, facts: DatasetFacts): Dataset {
  const { width, height } = store;
  const dataset = {
    ...facts,
    width,
    height,
    async fetch(indices: ArrayLike<number>, out: Uint8Array): Promise<void> {
      checkFetch(dataset, indices, out);
      for (let i = 0; i < indices.length; i++) {
        out.set(store.image(indices[i] ?? 0), i * width * height * 4);
      }
    },
  };
  return dataset;
}

/** Images of one size in memory, the input of `datasetFromPixels`. */
export interface PixelsInput {
  /** "pixels" by default. */
  readonly name?: string;
  /**
   * Image after image, row by row, `channels` bytes a pixel from 0 to 255: R, G, B, and with 4 channels an alpha that is ignored.
   * Values from 0 to 1 become bytes by `Uint8ClampedArray.from(values, (value) => 255 * value)`.
   */
  readonly pixels: Uint8Array | Uint8ClampedArray;
  /** Bytes a pixel. */
  readonly channels: 3 | 4;
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
  /** Class index of each image, a whole number from 0 up; without it the set has no labels. */
  readonly labels?: ArrayLike<number>;
  /** Class names in label order; "0", "1", ... up to the largest label by default, which then is below 65,536. */
  readonly classes?: readonly string[];
}

/**
 * A data set from pixels in memory, which are copied. Runs anywhere, a browser included.
 * @throws DataError where the pixels are no bytes, the lengths do not fit together, there is no image, or a label is out of range.
 */
export function datasetFromPixels(input: PixelsInput): Dataset {
  expectKeys("datasetFromPixels", input, ["name", "pixels", "channels", "width", "height", "labels", "classes"]);
  const { name = "pixels", pixels, channels, width, height } = input;
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1) {
    throw new DataError(`${name}: an image has to be at least 1x1 pixels, in whole numbers; got ${width}x${height}.`);
  }
  if (channels !== 3 && channels !== 4) {
    throw new DataError(`${name}: channels has to be 3 (RGB) or 4 (RGBA); got ${channels}.`);
  }
  checkBytes(name, pixels);
  const imageBytes = width * height * channels;
  if (pixels.length === 0 || pixels.length % imageBytes !== 0) {
    throw new DataError(
      `${name}: ${pixels.length} bytes are no whole number of images of ${width}x${height}x${channels} = ${imageBytes} bytes.`,
    );
  }
  const length = pixels.length / imageBytes;
  const store = new PixelStore(length, width, height);
  for (let i = 0; i < length; i++) {
    const rgba = store.image(i);
    for (let from = i * imageBytes, to = 0; to < rgba.length; from += channels, to += 4) {
      rgba[to] = pixels[from] ?? 0;
      rgba[to + 1] = pixels[from + 1] ?? 0;
      rgba[to + 2] = pixels[from + 2] ?? 0;
      rgba[to + 3] = 255;
    }
  }
  const { labels, classes } = checkLabels(name, length, input.labels, input.classes);
  return datasetFromStore(store, {
    name,
    length,
    labels,
    classes,
    skipped: [],
    nameOf: (index) => `${name}[${index}]`,
  });
}

/** @throws DataError for pixels that are not bytes: written to bytes, fractions would all be 0. */
function checkBytes(name: string, pixels: unknown): void {
  if (/^a Uint8(Clamped)?Array$/.test(kindText(pixels))) return;
  throw new DataError(
    `${name}: pixels have to be bytes from 0 to 255, in a Uint8Array or a Uint8ClampedArray, and this is ${kindText(pixels)}. Make bytes of values from 0 to 255 by Uint8ClampedArray.from(values), and of values from 0 to 1 by Uint8ClampedArray.from(values, (value) => 255 * value).`,
  );
}

/** Classes that a set without class names can have: labels that are numbers of another kind are not worth as many names. */
const MOST_UNNAMED = 2 ** 16;

/** The labels and class names of images. @throws DataError where they do not fit together, or a label is out of range. */
export function checkLabels(
  name: string,
  length: number,
  given: ArrayLike<number> | undefined,
  classes: readonly string[] | undefined,
): { labels: Uint32Array | null; classes: readonly string[] } {
  if (given === undefined) {
    if (classes !== undefined) {
      throw new DataError(`${name}: ${classes.length} class names without labels; give both, or no names.`);
    }
    return { labels: null, classes: [] };
  }
  if (typeof given !== "object" || given === null || given.length === undefined) {
    throw new DataError(
      `${name}: labels have to be a list of whole numbers, one for each image; got ${kindText(given)}.`,
    );
  }
  if (given.length !== length) {
    throw new DataError(`${name}: ${given.length} labels for ${length} images; give one for each.`);
  }
  const limit = classes?.length ?? MOST_UNNAMED;
  let largest = 0;
  for (let i = 0; i < length; i++) {
    const label = given[i];
    if (label === undefined || !Number.isInteger(label) || label < 0 || label >= limit) {
      const why = classes ? `, and there are ${limit} class names` : "";
      throw new DataError(`${name}: label ${label} of image ${i} is not a whole number from 0 to ${limit - 1}${why}.`);
    }
    largest = Math.max(largest, label);
  }
  return {
    labels: Uint32Array.from(given),
    classes: classes ?? Array.from({ length: largest + 1 }, (_, label) => String(label)),
  };
}
