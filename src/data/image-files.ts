import { ConfigError, DataError } from "../errors.js";
import { MAX_BROKEN, reasonOf, tooManyBroken, withoutBroken } from "./broken.js";
import { forEachConcurrently } from "./concurrent.js";
import { checkFetch, type Dataset, type ImageSize, type SkippedImage } from "./dataset.js";
import type { Decoder } from "./decode.js";
import type { ImageCache, KeptImage } from "./image-cache.js";
import type { DecodedImage } from "./image-segment.js";
import { checkParts } from "./originals.js";
import type { DatasetFacts } from "./pixels.js";
import type { OpenProgress, SourceFile } from "./source-file.js";

/** The images of one split. */
export interface ImageFiles {
  readonly name: string;
  readonly files: readonly SourceFile[];
  readonly labels: Uint32Array | null;
  readonly classes: readonly string[];
}

/**
 * The size that all readable images share.
 * @throws ConfigError where they differ; DataError where none is readable.
 */
export async function commonSize(
  name: string,
  files: readonly SourceFile[],
  decoder: Decoder,
  onProgress?: OpenProgress,
): Promise<ImageSize> {
  const broken: SkippedImage[] = [];
  let first: { path: string; size: ImageSize } | null = null;
  for (const { path, read } of files) {
    try {
      first = { path, size: await decoder.measure(await read()) };
      break;
    } catch (error) {
      broken.push({ name: path, reason: reasonOf(error) });
    }
  }
  if (first === null) {
    throw tooManyBroken(name, broken, files.length, MAX_BROKEN);
  }
  const { path: firstPath, size } = first;
  const rest = files.slice(broken.length + 1);
  let done = broken.length + 1;
  await forEachConcurrently(rest.length, async (index) => {
    const file = rest[index];
    const other =
      file &&
      (await file
        .read()
        .then(decoder.measure)
        .catch(() => null));
    // One that cannot be measured cannot be decoded either: that is where it is counted and named.
    if (other && (other.width !== size.width || other.height !== size.height)) {
      throw new ConfigError(
        `The images of ${name} differ in size (${firstPath} is ${size.width}x${size.height}, ${file.path} ${other.width}x${other.height}): ` +
          "pass the size that they shall have (imageSize; on the command line --image-size).",
      );
    }
    onProgress?.(++done, null);
  });
  return size;
}

/** How images are decoded, and where they are kept. */
export interface Decoding {
  /** Of the images of the set. */
  readonly size: ImageSize;
  /** The most pixels of an original; 0 where views are cut from the images at their size. */
  readonly pixels: number;
  readonly decoder: Decoder;
  readonly cache: ImageCache;
  /** Share of the images that may be broken. */
  readonly maxBroken: number;
  /** Called after each image, broken or not. */
  readonly onDecoded: (fromCache: boolean) => void;
  /** Stops before the next image; what is thrown is its reason. */
  readonly signal?: AbortSignal;
}

/** What a file holds at the size of a set and, where that is another one, for views to be cut from. */
async function decodeFile(bytes: Uint8Array, { size, pixels, decoder }: Decoding): Promise<DecodedImage> {
  const image = await decoder.decode(bytes, size);
  const original = pixels > 0 ? await decoder.decodeWithin(bytes, pixels) : null;
  const isSame = original?.width === size.width && original.height === size.height;
  return { image, original: isSame ? null : original };
}

/** Enough to keep all cores busy, few enough to hold only a few encoded images at a time. */
async function imagesAtOnce(): Promise<number> {
  // Node 20 has no navigator, and Deno asks for permission to use the other one.
  const cores =
    typeof navigator === "undefined" ? (await import("node:os")).availableParallelism() : navigator.hardwareConcurrency;
  return Math.max(16, 2 * cores);
}

/**
 * Decodes every image that is not in the cache, and keeps it there. What is not kept in the end is decoded anew on each `fetch`, with the
 * same result; that rejects with a DataError where a file has since become unreadable.
 * @throws DataError where more than the share `maxBroken` are broken; the signal's reason.
 */
export async function decodeImages(set: ImageFiles, decoding: Decoding): Promise<Dataset> {
  const { files, name, labels, classes } = set;
  const { cache, signal } = decoding;
  const sizes = new Float64Array(files.length);
  const kept: (KeptImage | undefined)[] = files.map(() => undefined);
  const read = async (index: number): Promise<boolean> => {
    const file = files[index];
    const { size, stamp } = await file.state();
    sizes[index] = size;
    const found = cache.find(file.path, stamp);
    kept[index] = found ?? (await cache.add(file.path, stamp, await decodeFile(await file.read(), decoding)));
    return found !== null;
  };
  const failed: number[] = [];
  const readOrNote = async (index: number): Promise<void> => {
    signal?.throwIfAborted();
    const fromCache = await read(index).catch(() => {
      failed.push(index);
      return false;
    });
    decoding.onDecoded(fromCache);
  };
  await forEachConcurrently(files.length, readOrNote, await imagesAtOnce()).finally(() => cache.finish());
  signal?.throwIfAborted();
  // libvips has one error text for all its threads: only by itself does a broken file get the reason that is its own.
  const reasons = new Map<number, string>();
  for (const index of failed) {
    signal?.throwIfAborted();
    await read(index).catch((error: unknown) => reasons.set(index, reasonOf(error)));
  }
  await cache.finish();
  const nameOf = (index: number) => files[index].path;
  const facts = { name, length: files.length, labels, classes, nameOf, bytesOf: (index: number) => sizes[index] };
  const { good, facts: readable } = withoutBroken(facts, reasons, decoding.maxBroken);
  const images = good.flatMap((index): FileImage[] => {
    const place = kept[index];
    return place ? [{ file: files[index], kept: place }] : [];
  });
  return datasetOf(images, readable, decoding);
}

/** An image that could be decoded. */
interface FileImage {
  readonly file: SourceFile;
  readonly kept: KeptImage;
}

/** A set of images that are kept, or else are decoded again. */
function datasetOf(images: readonly FileImage[], facts: DatasetFacts, decoding: Decoding): Dataset {
  const { size, cache } = decoding;
  const imageBytes = 4 * size.width * size.height;
  const hasOriginal = ({ kept }: FileImage) => kept.width > 0;
  const extentOf = (image: FileImage): ImageSize => (hasOriginal(image) ? image.kept : size);
  const pixels = images.reduce((most, image) => Math.max(most, extentOf(image).width * extentOf(image).height), 0);
  const decodeAgain = async ({ file }: FileImage): Promise<DecodedImage> => {
    try {
      return await decodeFile(await file.read(), decoding);
    } catch (cause) {
      throw new DataError(
        `${file.path} of ${facts.name} was readable when the set was opened and is not any more: ${reasonOf(cause)}.`,
        { cause },
      );
    }
  };
  const fetch = async (wanted: readonly FileImage[], part: "image" | "original", out: readonly Uint8Array[]) => {
    const kept = wanted.map((image) => image.kept);
    const there = await cache.read(kept, part, out);
    await forEachConcurrently(wanted.length, async (i) => {
      if (there[i]) return;
      const { image, original } = await decodeAgain(wanted[i]);
      const data = part === "original" && original ? original.data : image;
      if (data.length !== out[i].length)
        throw new DataError(`${wanted[i].file.path} of ${facts.name} has changed since the set was opened.`);
      out[i].set(data);
    });
  };
  const dataset: Dataset = {
    ...facts,
    ...size,
    readFile: (index) => images[index].file.read(),
    async fetch(indices, out) {
      checkFetch(dataset, indices, out);
      const wanted = Array.from(indices, (index) => images[index]);
      const places = wanted.map((_, i) => out.subarray(i * imageBytes, (i + 1) * imageBytes));
      await fetch(wanted, "image", places);
    },
    ...(images.some(hasOriginal) && {
      originals: {
        pixels,
        async fetch(indices: ArrayLike<number>, out: Uint8Array, sizes: Uint32Array): Promise<void> {
          const room = checkParts(dataset, pixels, indices, out);
          const wanted = Array.from(indices, (index) => images[index]);
          const places = wanted.map((image, i) => {
            const { width, height } = extentOf(image);
            sizes.set([height, width], 2 * i);
            return out.subarray(i * room, i * room + 4 * width * height);
          });
          await fetch(wanted, "original", places);
        },
      },
    }),
  };
  return dataset;
}
