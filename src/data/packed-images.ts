import { DataError } from "../errors.js";
import { forEachConcurrently } from "./concurrent.js";
import { checkFetch, type Dataset, type ImageSet, type ImageSize } from "./dataset.js";
import { loadDecoder } from "./decode.js";
import type { CachePlace } from "./image-cache.js";
import { commonFolder } from "./layout.js";
import { originalsOf, sizeWithin } from "./originals.js";
import { type DatasetFacts, datasetFromStore, PixelStore } from "./pixels.js";
import { type OpenProgress, readable, type SourceFile, unpacked } from "./source-file.js";

/** A file that holds records of one length, one image each. */
export interface PackedFile {
  readonly source: SourceFile;
  /** Bytes before the first record. */
  readonly start: number;
  /** Number of images. */
  readonly length: number;
}

/** The images of one split. */
export interface PackedSplit {
  readonly files: readonly PackedFile[];
  /** Class index of each image over all files, or null. */
  readonly labels: Uint32Array | null;
}

/** A data set in the format that its authors gave it: uncompressed images of one size, in few files. */
export interface PackedSet extends ImageSize {
  readonly train: PackedSplit;
  readonly test: PackedSplit | null;
  /** Class names in label order; empty without labels. */
  readonly classes: readonly string[];
  /** Bytes of an image and what comes with it. */
  readonly recordBytes: number;
  /** Writes the image of a record as (R, G, B, 255) a pixel. */
  toRgba(record: Uint8Array, rgba: Uint8Array): void;
}

/** The options of `openImages`, with its defaults filled in. */
export interface ResolvedOptions {
  /** Side of the square images in pixels; undefined for the size that they have. */
  readonly imageSize: number | undefined;
  /** See `OpenImagesOptions`; so are those that follow. */
  readonly smallestCrop: number;
  /** Bytes that the pixels may take. */
  readonly memoryBudget: number;
  readonly cache?: CachePlace;
  readonly maxBroken: number;
  readonly bitDepth?: number;
  readonly onProgress?: OpenProgress;
  readonly signal?: AbortSignal;
}

/** Bytes that are read at once. */
const CHUNK_BYTES = 2 ** 24;

/**
 * Opens a packed set. Its pixels stay in memory where they are within the budget; otherwise every `fetch` reads them from
 * the files again.
 * @throws DataError where a file cannot be read; where the pixels exceed the budget and the files are in memory as well,
 *   because they come from an archive, are gzipped or hold labels between the images.
 */
export async function openPacked(name: string, set: PackedSet, options: ResolvedOptions): Promise<ImageSet> {
  const { train, test } = set;
  const { imageSize, smallestCrop, memoryBudget, onProgress, signal } = options;
  const size = imageSize === undefined ? set : { width: imageSize, height: imageSize };
  const whole = smallestCrop < 1 ? sizeWithin(set, Math.ceil((size.width * size.height) / smallestCrop)) : size;
  const original = whole.width === size.width && whole.height === size.height ? null : whole;
  const total = countImages(train) + (test ? countImages(test) : 0);
  const bytes = 4 * (total * pixelsOf(size) + (original ? countImages(train) * pixelsOf(original) : 0));
  const keep = bytes <= memoryBudget;
  if (!keep && [train, test].some((split) => split?.files.some(({ source }) => source.inMemory))) {
    throw new DataError(
      `The ${total} images of ${name} take ${bytes} bytes at ${size.width}x${size.height} pixels, the memory budget is ${memoryBudget}, and these files are not read piece by piece: choose a smaller image size (imageSize; on the command line --image-size), or unpack them where they are packed (in a program, memoryBudget raises it).`,
    );
  }
  const write = await recordWriter(set, size);
  const writeOriginal = original && (await recordWriter(set, original));
  let done = 0;
  const open = async (split: PackedSplit, splitName: string, withOriginals: boolean): Promise<Dataset> => {
    const facts = factsOf(splitName, split, set.classes);
    const larger = withOriginals && original && writeOriginal ? { size: original, write: writeOriginal } : null;
    if (!keep) {
      const images = streamed(split, facts, size, set.recordBytes, write);
      return larger
        ? withOriginalsOf(images, streamed(split, facts, larger.size, set.recordBytes, larger.write))
        : images;
    }
    const store = new PixelStore(facts.length, size.width, size.height);
    const originals = larger && new PixelStore(facts.length, larger.size.width, larger.size.height);
    let index = 0;
    for (const file of split.files) {
      for await (const records of chunksOf(file, set.recordBytes)) {
        signal?.throwIfAborted();
        const first = index;
        index += records.length;
        await forEachConcurrently(records.length, async (i) => {
          await write(records[i], store.image(first + i));
          if (originals) await larger?.write(records[i], originals.image(first + i));
        });
        done += records.length;
        onProgress?.(done, total);
      }
    }
    const images = datasetFromStore(store, facts);
    return originals ? withOriginalsOf(images, datasetFromStore(originals, facts)) : images;
  };
  return {
    train: await open(train, test ? `${name} (train)` : name, true),
    test: test && (await open(test, `${name} (test)`, false)),
  };
}

function pixelsOf({ width, height }: ImageSize): number {
  return width * height;
}

/** Images with the same ones at another size for views to be cut from. */
function withOriginalsOf(images: Dataset, larger: Dataset): Dataset {
  return { ...images, originals: originalsOf(larger) };
}

/**
 * The files whose path matches below the root, which is the folder that all files lie in, sorted by path. Of a file that is
 * there both plain and gzipped, the plain one.
 */
export function filesNamed(files: readonly SourceFile[], pattern: RegExp): SourceFile[] {
  const root = commonFolder(files.map(({ path }) => path));
  return files
    .filter(({ path }) => path.startsWith(root) && pattern.test(path.slice(root.length)))
    .filter(({ path }) => !path.endsWith(".gz") || !files.some((other) => `${other.path}.gz` === path))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** The file of this path, plain or gzipped; null where there is none. */
export function fileAt(files: readonly SourceFile[], path: string): SourceFile | null {
  return files.find((file) => file.path === path) ?? files.find((file) => file.path === `${path}.gz`) ?? null;
}

/** The lines of a text file of class names, without empty ones. @throws DataError where it cannot be read. */
export async function readClassNames(file: SourceFile): Promise<string[]> {
  const plain = await unpacked(file);
  const text = new TextDecoder().decode(await readable(file, () => plain.read()));
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

function countImages({ files }: PackedSplit): number {
  return files.reduce((sum, { length }) => sum + length, 0);
}

function factsOf(name: string, split: PackedSplit, classes: readonly string[]): DatasetFacts {
  return {
    name,
    length: countImages(split),
    labels: split.labels,
    classes: split.labels ? classes : [],
    skipped: [],
    nameOf(image) {
      const { file, record } = locate(split.files, image);
      return `${file.source.path}[${record}]`;
    },
  };
}

/** Where image `image` of a split lies. */
function locate(files: readonly PackedFile[], image: number): { file: PackedFile; record: number } {
  let record = image;
  for (const file of files) {
    if (record < file.length) {
      return { file, record };
    }
    record -= file.length;
  }
  throw new DataError(`There is no image ${image} in ${files.map(({ source }) => source.path).join(", ")}.`);
}

/** Writes a record's image at the size wanted. */
async function recordWriter(set: PackedSet, size: ImageSize) {
  if (size.width === set.width && size.height === set.height) {
    return async (record: Uint8Array, out: Uint8Array): Promise<void> => set.toRgba(record, out);
  }
  const { resize } = await loadDecoder();
  return async (record: Uint8Array, out: Uint8Array): Promise<void> => {
    const rgba = new Uint8Array(set.width * set.height * 4);
    set.toRgba(record, rgba);
    out.set(await resize(rgba, set, size));
  };
}

/** Records `first` to `first + count - 1` of a file, as one array. @throws DataError where it cannot be read or ends before. */
async function readRecords(
  { source, start }: PackedFile,
  recordBytes: number,
  first: number,
  count: number,
): Promise<Uint8Array> {
  const [from, to] = [start + first * recordBytes, start + (first + count) * recordBytes];
  const bytes = await readable(source, () => source.slice(from, to));
  if (bytes.length < to - from) {
    throw new DataError(
      `${source.path} ends after ${from + bytes.length} bytes, and had ${to} or more when it was opened.`,
    );
  }
  return bytes;
}

/** All records of a file, some at a time. */
async function* chunksOf(file: PackedFile, recordBytes: number): AsyncGenerator<readonly Uint8Array[]> {
  const atOnce = Math.max(1, Math.floor(CHUNK_BYTES / recordBytes));
  for (let first = 0; first < file.length; first += atOnce) {
    const count = Math.min(atOnce, file.length - first);
    const bytes = await readRecords(file, recordBytes, first, count);
    yield Array.from({ length: count }, (_, i) => bytes.subarray(i * recordBytes, (i + 1) * recordBytes));
  }
}

function streamed(
  { files }: PackedSplit,
  facts: DatasetFacts,
  { width, height }: ImageSize,
  recordBytes: number,
  write: (record: Uint8Array, out: Uint8Array) => Promise<void>,
): Dataset {
  const imageBytes = width * height * 4;
  const dataset = {
    ...facts,
    width,
    height,
    async fetch(indices: ArrayLike<number>, out: Uint8Array): Promise<void> {
      checkFetch(dataset, indices, out);
      await forEachConcurrently(indices.length, async (i) => {
        const { file, record } = locate(files, indices[i]);
        const bytes = await readRecords(file, recordBytes, record, 1);
        await write(bytes, out.subarray(i * imageBytes, (i + 1) * imageBytes));
      });
    },
  };
  return dataset;
}
