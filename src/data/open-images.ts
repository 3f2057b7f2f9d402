import { ConfigError, DataError } from "../errors.js";
import { readArchive, tooLarge } from "./archive.js";
import { CIFAR_SIZE, type CifarFiles, cifarFromFile, findCifar, openCifar } from "./cifar.js";
import type { ImageSet } from "./dataset.js";
import { loadDecoder } from "./decode.js";
import { listFolder } from "./folder.js";
import { commonSize, decodeImages, type ImageFiles } from "./image-files.js";
import { findSplits, type SplitLayout } from "./layout.js";
import { isImagePath, type OpenProgress, reasonOf, type SourceFile } from "./source-file.js";

export interface OpenImagesOptions {
  /** Side of the square images in pixels; by default the size that all images have. */
  readonly imageSize?: number;
  /** Bytes that the decoded images (4 a pixel) may take; 2 GiB by default. */
  readonly memoryBudget?: number;
  readonly onProgress?: OpenProgress;
}

/**
 * Opens images for training, and for testing where the path holds both. Understands
 *
 * - a folder of JPEG, PNG and WebP files: class folders give labels, `train` beside `test` or `val` gives both splits
 *   (see `findSplits` for the exact rules). Hidden files and links in archives are ignored;
 * - a `.tar`, `.tar.gz` or `.tgz` of such a folder;
 * - CIFAR-10 and CIFAR-100 in their binary versions, plain or gzipped: one `.bin` file, or a folder or archive with the
 *   official file names. CIFAR-100 gets its fine labels. Class names come from `batches.meta.txt` or
 *   `fine_label_names.txt` beside them, and are numbers otherwise.
 *
 * Images come in the order of their paths, sorted by code unit. Those of another size are scaled until the shorter side
 * fits and cut around the centre; see `loadDecoder` for orientation, transparency and colour.
 *
 * Every image is decoded once here. What cannot be read is left out and named in `skipped`. A set within the memory
 * budget stays in memory. A larger folder is decoded again on each `fetch`; there a file that has become unreadable since
 * is a DataError, never another image in its place.
 *
 * @throws ConfigError for an option out of its range, and where the images differ in size and no size is given.
 * @throws DataError where there is nothing at the path or no image in it; where more than 5 % of a split's images are
 *   broken; for a damaged or unsafe archive; for an archive or CIFAR set above the budget; for a CIFAR file of the wrong
 *   length or with labels out of range.
 */
export async function openImages(path: string, options: OpenImagesOptions = {}): Promise<ImageSet> {
  const { imageSize, memoryBudget = 2 * 2 ** 30, onProgress } = options;
  if (imageSize !== undefined && (!Number.isInteger(imageSize) || imageSize < 1)) {
    throw new ConfigError(`The image size has to be a whole number of pixels from 1; got ${imageSize}.`);
  }
  if (!(memoryBudget > 0)) {
    throw new ConfigError(`The memory budget has to be a number of bytes above 0; got ${memoryBudget}.`);
  }
  const { stat } = await import("node:fs/promises");
  const info = await stat(path).catch((cause: unknown) => {
    throw new DataError(`There are no images at ${path}: ${reasonOf(cause)}.`, { cause });
  });

  if (!info.isDirectory() && /\.bin(\.gz)?$/.test(path)) {
    checkCifarSize(path, imageSize);
    return openCifar(path, await singleCifarFile(path), memoryBudget, onProgress);
  }
  const isArchive = !info.isDirectory() && /\.(tar|tar\.gz|tgz)$/i.test(path);
  if (!info.isDirectory() && !isArchive) {
    throw new DataError(
      `${path} is neither a folder of images, nor an archive (.tar, .tar.gz, .tgz), nor a CIFAR file (.bin, .bin.gz).`,
    );
  }
  const files = isArchive ? await readArchive(path, memoryBudget, onProgress) : await listFolder(path);
  const images = files.filter((file) => isImagePath(file.path));
  if (images.length > 0) {
    return openImageFiles(path, images, isArchive, { imageSize, memoryBudget, onProgress });
  }
  const cifar = findCifar(files);
  if (cifar !== null) {
    checkCifarSize(path, imageSize);
    return openCifar(path, cifar, memoryBudget, onProgress);
  }
  throw new DataError(
    `There are no images in ${path}: no .jpg, .jpeg, .png or .webp file, and no CIFAR batches (data_batch_1.bin, or train.bin for CIFAR-100).`,
  );
}

interface ResolvedOptions {
  readonly imageSize: number | undefined;
  readonly memoryBudget: number;
  readonly onProgress: OpenProgress | undefined;
}

async function openImageFiles(
  path: string,
  images: readonly SourceFile[],
  isArchive: boolean,
  { imageSize, memoryBudget, onProgress }: ResolvedOptions,
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
  const all = [...train.files, ...(test?.files ?? [])];

  const decoder = await loadDecoder();
  const size =
    imageSize === undefined
      ? await commonSize(path, all, decoder, onProgress)
      : { width: imageSize, height: imageSize };
  const bytes = all.length * size.width * size.height * 4;
  const keep = bytes <= memoryBudget;
  if (isArchive && !keep) {
    throw tooLarge(path, `${bytes} bytes`, memoryBudget);
  }
  let done = 0;
  const onDecoded = (): void => onProgress?.(++done, all.length);
  return {
    train: await decodeImages(train, size, decoder, keep, onDecoded),
    test: test && (await decodeImages(test, size, decoder, keep, onDecoded)),
  };
}

async function singleCifarFile(path: string): Promise<CifarFiles> {
  const { readdir, readFile } = await import("node:fs/promises");
  const { basename, dirname, join } = await import("node:path");
  const folder = dirname(path);
  const siblings = (await readdir(folder)).map((name) => ({ path: name, read: () => readFile(join(folder, name)) }));
  return cifarFromFile({ path: basename(path), read: () => readFile(path) }, siblings);
}

function checkCifarSize(path: string, imageSize: number | undefined): void {
  if (imageSize !== undefined && imageSize !== CIFAR_SIZE) {
    throw new ConfigError(
      `${path} is a CIFAR set: its images are ${CIFAR_SIZE}x${CIFAR_SIZE} and are not resized; leave the image size (${imageSize}) out.`,
    );
  }
}
