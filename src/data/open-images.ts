import { ConfigError, DataError } from "../errors.js";
import { expectKeys } from "../io/json.js";
import { archiveKind, isArchivePath, readArchive } from "./archive.js";
import { MAX_BROKEN } from "./broken.js";
import { cifarFromFile, findCifar } from "./cifar.js";
import { checkImageSize, type ImageSet } from "./dataset.js";
import { loadDecoder } from "./decode.js";
import { listFile, listFolder } from "./folder.js";
import { findIdx, idxFromFile, isIdxPath } from "./idx.js";
import { type CachePlace, ImageCache } from "./image-cache.js";
import { commonSize, decodeImages, type ImageFiles } from "./image-files.js";
import { findSplits, type SplitLayout } from "./layout.js";
import { openPacked, type PackedSet, type ResolvedOptions } from "./packed-images.js";
import { diskFile, type OpenProgress, reasonOf, type SourceFile } from "./source-file.js";
import { findStl10, isStl10Path, stl10FromFile } from "./stl10.js";

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
  /** Bytes that the decoded images (4 a pixel) may take; 2 GiB by default. */
  readonly memoryBudget?: number;
  /** Where decoded images are kept on disk, so that they are decoded once; nowhere by default. */
  readonly cache?: CachePlace;
  /** Share of the images of a split that may be broken, and are left out, before it is an error; 0.05 by default. */
  readonly maxBroken?: number;
  /** Called as images are found, measured and decoded. */
  readonly onProgress?: OpenProgress;
  /** Stops before the next image; what is thrown is its reason. */
  readonly signal?: AbortSignal;
}

const OPTIONS = ["imageSize", "smallestCrop", "memoryBudget", "cache", "maxBroken", "onProgress", "signal"];

/**
 * Opens images for training, and for testing where the path holds both. Understands
 *
 * - a folder of JPEG, PNG, WebP, GIF, TIFF and AVIF files, by their first bytes and not by their names: class folders give labels, `train` beside `test` or `val` gives both splits, and
 *   `unlabeled` more images to train on (see `findSplits` for the exact rules; `notes` says what was left out). Hidden files and what systems leave (`@eaDir`) are ignored;
 * - one such file on its own;
 * - a `.tar`, `.tar.gz` or `.tgz` of such a folder;
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
 * Every image is decoded once here, unless the cache has it as its file is now. What cannot be read is left out and named in `skipped`, images
 * of other formats (HEIC) too. With a cache, `fetch` reads from there. Without one, a set within the memory budget stays in memory, and
 * a larger one is decoded again on each `fetch`; there a file that has become unreadable since is a DataError, never
 * another image in its place. Where a cache is full or cannot be written, a note says so.
 *
 * @throws ConfigError for an option out of its range, and where the images differ in size and no size is given.
 * @throws DataError where there is nothing at the path or no image in it; where more than `maxBroken` of a split's images are
 *   broken, or all; for a damaged or unsafe archive; for an archive, a CIFAR set or gzipped files above the budget; for a file of
 *   another length than its format asks for, or with labels out of range.
 */
export async function openImages(path: string, options: OpenImagesOptions = {}): Promise<ImageSet> {
  expectKeys("openImages", options, OPTIONS);
  const { imageSize, memoryBudget = 2 * 2 ** 30, maxBroken = MAX_BROKEN, smallestCrop = 1 } = options;
  if (!(smallestCrop > 0 && smallestCrop <= 1)) {
    throw new ConfigError(`smallestCrop is ${smallestCrop}; it has to be a share above 0 up to 1.`);
  }
  if (!(maxBroken >= 0 && maxBroken <= 1)) {
    throw new ConfigError(`maxBroken is ${maxBroken}; it has to be a share from 0 to 1.`);
  }
  if (imageSize !== undefined) checkImageSize(imageSize);
  if (!(memoryBudget > 0)) {
    throw new ConfigError(`The memory budget has to be a number of bytes above 0; got ${memoryBudget}.`);
  }
  const resolved = { ...options, imageSize, memoryBudget, maxBroken, smallestCrop };
  const { stat } = await import("node:fs/promises");
  const info = await stat(path).catch((cause: unknown) => {
    throw new DataError(`There are no images at ${path}: ${reasonOf(cause)}.`, { cause });
  });

  if (!info.isDirectory() && (/\.bin(\.gz)?$/.test(path) || isIdxPath(path))) {
    return openPacked(path, await packedFromFile(path, memoryBudget), resolved);
  }
  const isArchive = info.isFile() && (isArchivePath(path) || (await archiveKind(path)) !== null);
  const single = info.isFile() && !isArchive ? await listFile(path, memoryBudget) : null;
  if (!info.isDirectory() && !isArchive && !single) {
    throw new DataError(
      `${path} is neither a folder of images, nor an archive (.tar, .tar.gz, .tgz, .zip), nor a file of a CIFAR, STL-10 (.bin, .bin.gz) or IDX set (-ubyte, -ubyte.gz).`,
    );
  }
  const { images, pieces, unread } =
    single ??
    (isArchive ? await readArchive(path, memoryBudget, options.onProgress) : await listFolder(path, memoryBudget));
  if (images.length > 0) {
    const set = await openImageFiles(path, images, resolved);
    return { ...set, train: { ...set.train, skipped: [...set.train.skipped, ...unread] } };
  }
  const packed = (await findCifar(pieces)) ?? (await findStl10(pieces)) ?? (await findIdx(pieces));
  if (packed !== null) {
    return openPacked(path, packed, resolved);
  }
  if (unread.length > 0) {
    const [{ name, reason }] = unread;
    throw new DataError(`None of the ${unread.length} images in ${path} is read, ${name} for one: ${reason}.`);
  }
  throw new DataError(
    `There are no images in ${path}: no JPEG, PNG, WebP, GIF, TIFF or AVIF file, and no data_batch_1.bin (CIFAR-10), train.bin (CIFAR-100), train_X.bin (STL-10) or train-images-idx3-ubyte (MNIST, Fashion-MNIST).`,
  );
}

async function openImageFiles(
  path: string,
  images: readonly SourceFile[],
  { imageSize, smallestCrop, memoryBudget, cache: place, maxBroken, onProgress, signal }: ResolvedOptions,
): Promise<ImageSet> {
  const splits = findSplits(images.map((image) => image.path));
  const take = (split: SplitLayout, name: string): ImageFiles => ({
    name,
    files: split.members.flatMap((index) => images[index] ?? []),
    labels: split.labels,
    classes: split.classes,
  });
  const train = take(splits.train, splits.test ? `${path} (train)` : path);
  const test = splits.test && take(splits.test, `${path} (test)`);
  const unlabelled = splits.unlabelled && take(splits.unlabelled, `${path} (unlabelled)`);
  const all = [train, test, unlabelled].flatMap((part) => part?.files ?? []);

  const decoder = await loadDecoder();
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
  const set = {
    train: await decodeImages(train, { ...decoding, pixels }),
    test: test && (await decodeImages(test, { ...decoding, pixels: 0 })),
    unlabelled: unlabelled && (await decodeImages(unlabelled, { ...decoding, pixels })),
  };
  return {
    ...set,
    notes: [...splits.notes, ...(cache.trouble === null ? [] : [unkept(place, cache.trouble, inMemory)])],
  };
}

function unkept(place: CachePlace | undefined, trouble: string, inMemory: boolean): string {
  const then = inMemory ? "another run decodes the others again" : "each epoch decodes the others again";
  return `not all decoded images are kept in ${place?.folder}, and ${then}: ${trouble}`;
}

/** The set that one file on its own is, with what lies beside it. */
async function packedFromFile(path: string, budget: number): Promise<PackedSet> {
  const { readdir } = await import("node:fs/promises");
  const { basename, dirname, join } = await import("node:path");
  const folder = dirname(path);
  const siblings = (await readdir(folder)).map((name) => diskFile(name, join(folder, name), budget));
  const file = diskFile(basename(path), path, budget);
  if (isIdxPath(path)) {
    return idxFromFile(file, siblings);
  }
  return isStl10Path(path) ? stl10FromFile(file, siblings) : cifarFromFile(file, siblings);
}
