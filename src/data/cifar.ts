import { DataError } from "../errors.js";
import { filesNamed, type PackedFile, type PackedSet, type PackedSplit, readClassNames } from "./packed-images.js";
import { memoryFile, readable, type SourceFile, unpacked } from "./source-file.js";

/** The binary versions of CIFAR-10 and CIFAR-100 (A. Krizhevsky, 2009): records without a header, label bytes first. */
interface CifarFormat {
  readonly title: string;
  /** The last one is the label; CIFAR-100 has its coarse label before. */
  readonly labelBytes: number;
  readonly classes: number;
  readonly namesFile: RegExp;
  readonly train: RegExp;
  readonly test: RegExp;
}

const CIFAR_10: CifarFormat = {
  title: "CIFAR-10",
  labelBytes: 1,
  classes: 10,
  namesFile: /^batches\.meta\.txt$/,
  train: /^data_batch_\d+\.bin(\.gz)?$/,
  test: /^test_batch\.bin(\.gz)?$/,
};
const CIFAR_100: CifarFormat = {
  title: "CIFAR-100",
  labelBytes: 2,
  classes: 100,
  namesFile: /^fine_label_names\.txt$/,
  train: /^train\.bin(\.gz)?$/,
  test: /^test\.bin(\.gz)?$/,
};

/** Pixels along each side. */
const SIDE = 32;
const PLANE = SIDE * SIDE;

/**
 * Reads a CIFAR set by its official file names, in the root or in the one folder at the root; null where there is none.
 * @throws DataError where a file cannot be read or is no whole number of records, a label is out of range, or the names are
 *   not as many as the classes.
 */
export async function findCifar(files: readonly SourceFile[]): Promise<PackedSet | null> {
  for (const format of [CIFAR_10, CIFAR_100]) {
    const train = filesNamed(files, format.train);
    if (train.length > 0) {
      return packedSet(format, train, filesNamed(files, format.test), files);
    }
  }
  return null;
}

/**
 * Takes one file on its own as a training set. Its length tells the format; where that leaves both open, it is CIFAR-10.
 * @param siblings the files beside it, among which class names are looked for.
 * @throws DataError where the length fits neither, and as `findCifar` does.
 */
export async function cifarFromFile(file: SourceFile, siblings: readonly SourceFile[]): Promise<PackedSet> {
  const plain = await unpacked(file);
  const size = await readable(file, () => plain.size());
  const format = [CIFAR_10, CIFAR_100].find((candidate) => size % recordBytes(candidate) === 0);
  if (format === undefined || size === 0) {
    throw new DataError(
      `${file.path} has ${size} bytes, no whole number of records of CIFAR-10 (${recordBytes(CIFAR_10)}) or CIFAR-100 (${recordBytes(CIFAR_100)}): it is cut short, or something else.`,
    );
  }
  return packedSet(format, [plain], [], siblings);
}

function recordBytes(format: CifarFormat): number {
  return format.labelBytes + 3 * PLANE;
}

async function packedSet(
  format: CifarFormat,
  train: readonly SourceFile[],
  test: readonly SourceFile[],
  siblings: readonly SourceFile[],
): Promise<PackedSet> {
  return {
    width: SIDE,
    height: SIDE,
    classes: await classNames(format, filesNamed(siblings, format.namesFile).at(0)),
    recordBytes: recordBytes(format),
    toRgba: (record, rgba) => planesToRgba(record.subarray(format.labelBytes), rgba),
    train: await readSplit(format, train),
    test: test.length > 0 ? await readSplit(format, test) : null,
  };
}

async function classNames(format: CifarFormat, file: SourceFile | undefined): Promise<readonly string[]> {
  if (!file) {
    return Array.from({ length: format.classes }, (_, label) => String(label));
  }
  const names = await readClassNames(file);
  if (names.length !== format.classes) {
    throw new DataError(
      `${file.path} lists ${names.length} class names; ${format.title} has ${format.classes} classes.`,
    );
  }
  return names;
}

async function readSplit(format: CifarFormat, files: readonly SourceFile[]): Promise<PackedSplit> {
  const batches = await Promise.all(files.map((file) => readBatch(format, file)));
  return {
    files: batches.map(({ file }) => file),
    labels: Uint32Array.from(batches.flatMap(({ labels }) => labels)),
  };
}

/** Reads a whole file, for the labels stand between the images. */
async function readBatch(format: CifarFormat, file: SourceFile): Promise<{ file: PackedFile; labels: number[] }> {
  const plain = await unpacked(file);
  const bytes = await readable(file, () => plain.read());
  const record = recordBytes(format);
  if (bytes.length === 0 || bytes.length % record !== 0) {
    throw new DataError(
      `${file.path} has ${bytes.length} bytes, no whole number of ${format.title} records of ${record} bytes: it is cut short, or something else.`,
    );
  }
  const labels: number[] = [];
  for (let at = format.labelBytes - 1; at < bytes.length; at += record) {
    const label = bytes[at];
    if (label >= format.classes) {
      throw new DataError(
        `Record ${labels.length} of ${plain.path} has the label ${label}; ${format.title} has 0 to ${format.classes - 1}. Is the file of this format?`,
      );
    }
    labels.push(label);
  }
  return { file: { source: memoryFile(plain.path, bytes), start: 0, length: labels.length }, labels };
}

/** A red, a green and a blue plane, one after the other and row by row, to (R, G, B, 255) a pixel. */
function planesToRgba(planes: Uint8Array, rgba: Uint8Array): void {
  for (let pixel = 0; pixel < PLANE; pixel++) {
    rgba[pixel * 4] = planes[pixel];
    rgba[pixel * 4 + 1] = planes[PLANE + pixel];
    rgba[pixel * 4 + 2] = planes[2 * PLANE + pixel];
    rgba[pixel * 4 + 3] = 255;
  }
}
