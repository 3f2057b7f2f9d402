import { ConfigError, DataError } from "../errors.js";
import { closeGaps, MAX_BROKEN, reasonOf, tooManyBroken, withoutBroken } from "./broken.js";
import { forEachConcurrently } from "./concurrent.js";
import { checkFetch, type Dataset, type SkippedImage } from "./dataset.js";
import type { Decoder, ImageSize } from "./decode.js";
import { type DatasetFacts, datasetFromStore, PixelStore } from "./pixels.js";
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

/**
 * Decodes every image once. With `keep` the pixels stay in memory. Without, this only finds the broken ones, and `fetch`
 * decodes anew each time, with the same result; it rejects with a DataError where a file has since become unreadable.
 * @param onDecoded called after each image, broken or not.
 * @throws DataError where more than the share `maxBroken` are broken.
 */
export async function decodeImages(
  set: ImageFiles,
  size: ImageSize,
  decoder: Decoder,
  keep: boolean,
  maxBroken: number,
  onDecoded: () => void,
): Promise<Dataset> {
  const { files, name } = set;
  const store = new PixelStore(keep ? files.length : 0, size.width, size.height);
  const sizes = new Float64Array(files.length);
  const decodeOne = async (index: number): Promise<void> => {
    const file = files[index];
    const bytes = await file?.read();
    sizes[index] = bytes?.length ?? 0;
    const pixels = bytes && (await decoder.decode(bytes, size));
    if (keep && pixels) {
      store.image(index).set(pixels);
    }
  };
  const failed: number[] = [];
  await forEachConcurrently(files.length, async (index) => {
    await decodeOne(index).catch(() => failed.push(index));
    onDecoded();
  });
  // libvips has one error text for all its threads: only by itself does a broken file get the reason that is its own.
  const reasons = new Map<number, string>();
  for (const index of failed) {
    await decodeOne(index).catch((error: unknown) => reasons.set(index, reasonOf(error)));
  }

  const { labels, classes } = set;
  const nameOf = (index: number) => files[index]?.path ?? "";
  const { good, facts } = withoutBroken(
    { name, length: files.length, labels, classes, nameOf, bytesOf: (index) => sizes[index] },
    reasons,
    maxBroken,
  );
  if (!keep) {
    return streamed(
      files.filter((_, index) => !reasons.has(index)),
      facts,
      size,
      decoder,
    );
  }
  closeGaps(store, good);
  return datasetFromStore(store, facts);
}

function streamed(files: readonly SourceFile[], facts: DatasetFacts, size: ImageSize, decoder: Decoder): Dataset {
  const dataset = {
    ...facts,
    ...size,
    async fetch(indices: ArrayLike<number>, out: Uint8Array): Promise<void> {
      checkFetch(dataset, indices, out);
      await forEachConcurrently(indices.length, async (i) => {
        const file = files[indices[i] ?? 0];
        if (file === undefined) {
          return;
        }
        try {
          out.set(await decoder.decode(await file.read(), size), i * size.width * size.height * 4);
        } catch (cause) {
          throw new DataError(
            `${file.path} of ${facts.name} was readable when the set was opened and is not any more: ${reasonOf(cause)}.`,
            { cause },
          );
        }
      });
    },
  };
  return dataset;
}
