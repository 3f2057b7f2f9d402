import { DataError } from "../errors.js";
import type { Dataset, ImageSet } from "./dataset.js";
import { commonFolder } from "./layout.js";
import { datasetFromStore, PixelStore } from "./pixels.js";
import { type OpenProgress, reasonOf, type SourceFile } from "./source-file.js";

/** The binary versions of CIFAR-10 and CIFAR-100 (A. Krizhevsky, 2009): records without a header, label bytes first. */
interface CifarFormat {
  readonly title: string;
  /** The last one is the label; CIFAR-100 has its coarse label before. */
  readonly labelBytes: number;
  readonly classes: number;
  readonly namesFile: string;
  readonly train: RegExp;
  readonly test: RegExp;
}

const CIFAR_10: CifarFormat = {
  title: "CIFAR-10",
  labelBytes: 1,
  classes: 10,
  namesFile: "batches.meta.txt",
  train: /^data_batch_\d+\.bin(\.gz)?$/,
  test: /^test_batch\.bin(\.gz)?$/,
};
const CIFAR_100: CifarFormat = {
  title: "CIFAR-100",
  labelBytes: 2,
  classes: 100,
  namesFile: "fine_label_names.txt",
  train: /^train\.bin(\.gz)?$/,
  test: /^test\.bin(\.gz)?$/,
};

/** Pixels along each side. */
export const CIFAR_SIZE = 32;
const PLANE = CIFAR_SIZE * CIFAR_SIZE;

/** The files of a CIFAR set. */
export interface CifarFiles {
  readonly format: CifarFormat;
  readonly train: readonly SourceFile[];
  readonly test: readonly SourceFile[];
  readonly names: SourceFile | null;
}

/** Finds a CIFAR set by its official file names, in the root or in the one folder at the root; null where there is none. */
export function findCifar(files: readonly SourceFile[]): CifarFiles | null {
  const root = commonFolder(files.map(({ path }) => path));
  const named = (pattern: RegExp): SourceFile[] =>
    files
      .filter(({ path }) => pattern.test(path.slice(root.length)))
      // Unpacked beside packed is the same batch twice.
      .filter(({ path }) => !path.endsWith(".gz") || !files.some((other) => `${other.path}.gz` === path))
      .sort((a, b) => (a.path < b.path ? -1 : 1));
  for (const format of [CIFAR_10, CIFAR_100]) {
    const train = named(format.train);
    if (train.length > 0) {
      return { format, train, test: named(format.test), names: namesOf(format, files, root) };
    }
  }
  return null;
}

/**
 * Takes one file on its own as a training set. Its length tells the format; where that leaves both open, it is CIFAR-10.
 * @param siblings the files beside it, among which class names are looked for.
 * @throws DataError where the length fits neither.
 */
export async function cifarFromFile(file: SourceFile, siblings: readonly SourceFile[]): Promise<CifarFiles> {
  const bytes = await unpacked(file);
  const format = [CIFAR_10, CIFAR_100].find((candidate) => bytes.length % recordBytes(candidate) === 0);
  if (format === undefined || bytes.length === 0) {
    throw new DataError(
      `${file.path} has ${bytes.length} bytes, no whole number of records of CIFAR-10 (${recordBytes(CIFAR_10)}) or CIFAR-100 (${recordBytes(CIFAR_100)}): it is cut short, or something else.`,
    );
  }
  const train = [{ path: file.path.replace(/\.gz$/, ""), read: async () => bytes }];
  return { format, train, test: [], names: namesOf(format, siblings, "") };
}

/**
 * Reads a CIFAR set into memory.
 * @param budget bytes that the pixels may take.
 * @throws DataError where a file is no whole number of records, a label is out of range, the names are not as many as the
 *   classes, a gzipped file is damaged, or the pixels exceed the budget.
 */
export async function openCifar(
  name: string,
  { format, train, test, names }: CifarFiles,
  budget: number,
  onProgress?: OpenProgress,
): Promise<ImageSet> {
  const classes = await classNames(format, names);
  const trainBatches = await Promise.all(train.map((file) => readBatch(format, file)));
  const testBatches = await Promise.all(test.map((file) => readBatch(format, file)));
  const total = countRecords(format, trainBatches) + countRecords(format, testBatches);
  if (total * PLANE * 4 > budget) {
    throw new DataError(
      `The ${total} images of ${name} take ${total * PLANE * 4} bytes, the memory budget is ${budget}: raise it.`,
    );
  }
  const onlyTrain = test.length === 0;
  const trainSet = decodeBatches(onlyTrain ? name : `${name} (train)`, format, trainBatches, classes);
  onProgress?.(trainSet.length, total);
  if (onlyTrain) {
    return { train: trainSet, test: null };
  }
  const testSet = decodeBatches(`${name} (test)`, format, testBatches, classes);
  onProgress?.(total, total);
  return { train: trainSet, test: testSet };
}

interface Batch {
  readonly path: string;
  readonly bytes: Uint8Array;
}

function recordBytes(format: CifarFormat): number {
  return format.labelBytes + 3 * PLANE;
}

function countRecords(format: CifarFormat, batches: readonly Batch[]): number {
  return batches.reduce((sum, { bytes }) => sum + bytes.length / recordBytes(format), 0);
}

function namesOf(format: CifarFormat, files: readonly SourceFile[], root: string): SourceFile | null {
  return files.find(({ path }) => path === root + format.namesFile) ?? null;
}

async function readBatch(format: CifarFormat, file: SourceFile): Promise<Batch> {
  const bytes = await unpacked(file);
  if (bytes.length === 0 || bytes.length % recordBytes(format) !== 0) {
    throw new DataError(
      `${file.path} has ${bytes.length} bytes, no whole number of ${format.title} records of ${recordBytes(format)} bytes: it is cut short, or something else.`,
    );
  }
  return { path: file.path, bytes };
}

async function unpacked(file: SourceFile): Promise<Uint8Array> {
  try {
    const bytes = await file.read();
    if (!file.path.endsWith(".gz")) {
      return bytes;
    }
    const { gunzip } = await import("node:zlib");
    const { promisify } = await import("node:util");
    return await promisify(gunzip)(bytes);
  } catch (cause) {
    throw new DataError(`${file.path} cannot be read: ${reasonOf(cause)}.`, { cause });
  }
}

async function classNames(format: CifarFormat, file: SourceFile | null): Promise<readonly string[]> {
  if (file === null) {
    return Array.from({ length: format.classes }, (_, label) => String(label));
  }
  const lines = new TextDecoder().decode(await unpacked(file)).split("\n");
  const names = lines.map((line) => line.trim()).filter((line) => line !== "");
  if (names.length !== format.classes) {
    throw new DataError(
      `${file.path} lists ${names.length} class names; ${format.title} has ${format.classes} classes.`,
    );
  }
  return names;
}

function decodeBatches(
  name: string,
  format: CifarFormat,
  batches: readonly Batch[],
  classes: readonly string[],
): Dataset {
  const length = countRecords(format, batches);
  const store = new PixelStore(length, CIFAR_SIZE, CIFAR_SIZE);
  const labels = new Uint32Array(length);
  let index = 0;
  for (const { path, bytes } of batches) {
    for (let start = 0; start < bytes.length; start += recordBytes(format)) {
      const label = bytes[start + format.labelBytes - 1] ?? 0;
      if (label >= format.classes) {
        throw new DataError(
          `Record ${start / recordBytes(format)} of ${path} has the label ${label}; ${format.title} has 0 to ${format.classes - 1}. Is the file of this format?`,
        );
      }
      labels[index] = label;
      planesToRgba(bytes, start + format.labelBytes, store.image(index));
      index++;
    }
  }
  const names = batches.flatMap(({ path, bytes }) =>
    Array.from({ length: bytes.length / recordBytes(format) }, (_, record) => `${path}[${record}]`),
  );
  return datasetFromStore(store, {
    name,
    length,
    labels,
    classes,
    skipped: [],
    nameOf: (image) => names[image] ?? "",
  });
}

/** A red, a green and a blue plane, one after the other, to (R, G, B, 255) a pixel. */
function planesToRgba(planes: Uint8Array, start: number, rgba: Uint8Array): void {
  for (let pixel = 0; pixel < PLANE; pixel++) {
    rgba[pixel * 4] = planes[start + pixel] ?? 0;
    rgba[pixel * 4 + 1] = planes[start + PLANE + pixel] ?? 0;
    rgba[pixel * 4 + 2] = planes[start + 2 * PLANE + pixel] ?? 0;
    rgba[pixel * 4 + 3] = 255;
  }
}
