import { ConfigError, DataError } from "../errors.js";
import { expectKeys } from "../io/json.js";
import { counted, listed } from "../wording.js";
import { depthNotes } from "./bit-depth.js";
import { MAX_BROKEN } from "./broken.js";
import { clipsOfPaths } from "./clips.js";
import { checkImageSize, type Dataset, type ImageSet, type SkippedImage } from "./dataset.js";
import { loadDecoder, MOST_BITS } from "./decode.js";
import { findClips } from "./find-clips.js";
import { type FoundFiles, findImages } from "./find-images.js";
import { type CachePlace, ImageCache } from "./image-cache.js";
import { commonSize, decodeImages, type ImageFiles } from "./image-files.js";
import type { SplitLayout } from "./layout.js";
import { openPacked, type ResolvedOptions } from "./packed-images.js";
import type { OpenProgress } from "./source-file.js";

/** How images are opened. */
export interface OpenImagesOptions {
  /** Side of the square images in pixels; by default the size that all images have. */
  readonly imageSize?: number;
  /**
   * Share of an image that the smallest crop of a view takes, above 0 up to 1: where that is below 1, and there is an image size, images are
   * kept whole and with so many pixels that a crop need not be enlarged, `imageSize ** 2 / smallestCrop`, if they have them
   * (see `Dataset.originals`), besides those of the image size. 1 by default, for images that are not trained on. 0.08 is SimCLR's.
   */
  readonly smallestCrop?: number;
  /**
   * Whether the images are frames of clips, each folder of them one, in the natural order of their names (see `Dataset.clips`), and
   * videos are read frame by frame, each a clip. Then folders give no labels. False by default.
   */
  readonly clips?: boolean;
  /** Bytes that the decoded images (4 a pixel) may take; 2 GiB by default. */
  readonly memoryBudget?: number;
  /** Where decoded images are kept on disk, so that they are decoded once; nowhere by default. */
  readonly cache?: CachePlace;
  /** Share of the images of a split that may be broken, and are left out, before it is an error; 0.05 by default. */
  readonly maxBroken?: number;
  /**
   * Bits that images of 16 bits make use of, from 8 to 16: of 12, 4,095 is white. By default 16; where that makes them dark, `notes` says so.
   */
  readonly bitDepth?: number;
  /** Called as images are found, measured and decoded. */
  readonly onProgress?: OpenProgress;
  /** Stops before the next image; what is thrown is its reason. */
  readonly signal?: AbortSignal;
}

const OPTIONS = [
  "imageSize",
  "smallestCrop",
  "clips",
  "memoryBudget",
  "cache",
  "maxBroken",
  "bitDepth",
  "onProgress",
  "signal",
];

/**
 * Opens images for training, and for testing where the path holds both. Understands
 *
 * - a folder of JPEG, PNG, WebP, GIF, TIFF, AVIF and BMP files, by their first bytes and not by their names: class folders give labels, `train`
 *   beside `test` or `val` gives both splits, and `unlabeled` more images to train on (see `findSplits` for the exact rules; `notes` says what
 *   was left out). Hidden files and what systems leave (`@eaDir`) are ignored;
 * - one such file on its own;
 * - a `.tar`, `.tar.gz`, `.tgz` or `.zip` of such a folder; its first bytes tell which. Images of a `.zip` stay in it until they are decoded;
 * - samples as WebDataset keeps them, in a folder or archive: `0001.jpg` with its label, a number or a word, in `0001.cls`, or in `0001.json`
 *   as "label", "cls" or "class" (see `sampleLabels`). `class_names.txt` names numbers;
 * - a folder of nothing but archives, as one set. A word of their names or folders (`set-train-0001.tar`, `val/0001.tar`) tells splits;
 * - a list of images in a `.csv`, `.tsv` or `.txt` file, with paths from its own folder, and labels and splits where it has some (see
 *   `readTable`); in the list's order;
 * - arrays of images and labels in `.npz` and `.npy` files of NumPy, by the names that MedMNIST or Keras give them (see `findNpy`);
 * - data sets in the files that their authors gave them, plain or gzipped: one file of images, or a folder or archive with
 *   the official file names, which gives both splits:
 *   - CIFAR-10 and CIFAR-100, binary version (`data_batch_1.bin`, ...; `train.bin`). CIFAR-100 gets its fine labels. Class
 *     names come from `batches.meta.txt` or `fine_label_names.txt`, and are numbers otherwise;
 *   - STL-10, binary version (`train_X.bin`, ...), names from `class_names.txt`. `unlabeled_X.bin` is no part of the folder's
 *     splits: open it by its own path to train on it;
 *   - MNIST, Fashion-MNIST and others in IDX files with their names (`train-images-idx3-ubyte`, ...), gray as R = G = B, names
 *     from `class_names.txt` where someone put it there.
 *
 * Images come in the order of their paths, sorted by code unit, or in that of the file that holds them. Those of another
 * size are scaled until the shorter side fits and cut around the centre; see `loadDecoder` for orientation, transparency and
 * colour.
 *
 * With `clips`, folders are clips instead, and a folder may hold videos, which ffmpeg decodes where it is installed.
 *
 * Every image is decoded once here, unless the cache has it as its file is now. What cannot be read is left out and named in `skipped`, images
 * of other formats (HEIC) too. With a cache, `fetch` reads from there. Without one, a set within the memory budget stays in memory, and
 * a larger one is decoded again on each `fetch`; there a file that has become unreadable since is a DataError, never
 * another image in its place. Where a cache is full or cannot be written, a note says so.
 *
 * @throws ConfigError for an option out of its range, and where the images differ in size and no size is given.
 * @throws DataError where there is a video to read and no ffmpeg; where there is nothing at the path or no image in it; where more than `maxBroken` of a split's images are
 *   broken, or all; for a damaged or unsafe archive; for an archive, a CIFAR set or gzipped files above the budget; for a file of
 *   another length than its format asks for, or with labels out of range.
 */
export async function openImages(path: string, options: OpenImagesOptions = {}): Promise<ImageSet> {
  expectKeys("openImages", options, OPTIONS);
  const {
    imageSize,
    memoryBudget = 2 * 2 ** 30,
    maxBroken = MAX_BROKEN,
    smallestCrop = 1,
    bitDepth,
    clips = false,
  } = options;
  if (!(smallestCrop > 0 && smallestCrop <= 1)) {
    throw new ConfigError(`smallestCrop is ${smallestCrop}; it has to be a share above 0 up to 1.`);
  }
  if (!(maxBroken >= 0 && maxBroken <= 1)) {
    throw new ConfigError(`maxBroken is ${maxBroken}; it has to be a share from 0 to 1.`);
  }
  if (imageSize !== undefined) checkImageSize(imageSize);
  if (bitDepth !== undefined && !(Number.isInteger(bitDepth) && bitDepth >= 8 && bitDepth <= MOST_BITS)) {
    throw new ConfigError(`bitDepth is ${bitDepth}; it has to be a whole number of bits from 8 to ${MOST_BITS}.`);
  }
  if (!(memoryBudget > 0)) {
    throw new ConfigError(`The memory budget has to be a number of bytes above 0; got ${memoryBudget}.`);
  }
  const resolved = { ...options, imageSize, memoryBudget, maxBroken, smallestCrop, clips };
  const found = clips
    ? await findClips(path, maxBroken, resolved, options.onProgress)
    : await findImages(path, memoryBudget, maxBroken, options.onProgress);
  if (found.kind === "packed") return { ...(await openPacked(path, found.set, resolved)), notes: found.notes };
  const set = await openImageFiles(path, found, resolved).catch((cause: unknown) => {
    throw cause instanceof DataError && found.unread.length > 0 ? withUnread(cause, found.unread) : cause;
  });
  return { ...set, train: { ...set.train, skipped: [...set.train.skipped, ...found.unread] } };
}

/** An error of a set that says which of its images are not read anyway. */
function withUnread(cause: DataError, unread: readonly SkippedImage[]): DataError {
  const reasons = unread.map(({ name, reason }) => `${name} (${reason})`);
  return new DataError(
    `${cause.message} Besides these, ${counted(unread.length, "image")} cannot be read: ${listed(reasons, 5, "; ")}.`,
    { cause },
  );
}

interface FileOptions extends ResolvedOptions {
  readonly clips: boolean;
}

async function openImageFiles(
  path: string,
  { images, layout }: FoundFiles,
  { imageSize, smallestCrop, clips, memoryBudget, cache: place, maxBroken, bitDepth, onProgress, signal }: FileOptions,
): Promise<ImageSet> {
  const take = (split: SplitLayout, name: string): ImageFiles => ({
    name,
    files: split.members.flatMap((index) => images[index] ?? []),
    ...(clips ? { labels: null, classes: [] } : { labels: split.labels, classes: split.classes }),
  });
  const train = take(layout.train, layout.test ? `${path} (train)` : path);
  const test = layout.test && take(layout.test, `${path} (test)`);
  const unlabelled = layout.unlabelled && take(layout.unlabelled, `${path} (unlabelled)`);
  const all = [train, test, unlabelled].flatMap((part) => part?.files ?? []);

  const decoder = await loadDecoder(bitDepth);
  const depth = await depthNotes(all, decoder, bitDepth);
  const size =
    imageSize === undefined
      ? await commonSize(path, all, decoder, onProgress)
      : { width: imageSize, height: imageSize };
  const ownPixels = size.width * size.height;
  const pixels = imageSize === undefined || smallestCrop === 1 ? 0 : Math.ceil(ownPixels / smallestCrop);
  const inMemory = all.length * 4 * (ownPixels + pixels) <= memoryBudget;
  const { realpath } = await import("node:fs/promises");
  const cache = place
    ? await ImageCache.open(place, { root: await realpath(path), ...size, pixels, decoder: decoder.version }, inMemory)
    : ImageCache.withoutFiles(inMemory);
  let done = 0;
  const onDecoded = (): void => onProgress?.(++done, all.length);
  const decoding = { size, decoder, cache, maxBroken, onDecoded, signal };
  const decode = async (files: ImageFiles, most: number): Promise<Dataset> => {
    const dataset = await decodeImages(files, { ...decoding, pixels: most });
    return clips ? withClips(dataset) : dataset;
  };
  const set = {
    train: await decode(train, pixels),
    test: test && (await decode(test, 0)),
    unlabelled: unlabelled && (await decode(unlabelled, pixels)),
  };
  return {
    ...set,
    notes: [...layout.notes, ...depth, ...(cache.trouble === null ? [] : [unkept(place, cache.trouble, inMemory)])],
  };
}

/** A set whose images are frames, by their paths. */
function withClips(dataset: Dataset): Dataset {
  return {
    ...dataset,
    clips: clipsOfPaths(Array.from({ length: dataset.length }, (_, index) => dataset.nameOf(index))),
  };
}

function unkept(place: CachePlace | undefined, trouble: string, inMemory: boolean): string {
  const then = inMemory ? "another run decodes the others again" : "each epoch decodes the others again";
  return `not all decoded images are kept in ${place?.folder}, and ${then}: ${trouble}`;
}
