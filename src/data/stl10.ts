import { DataError } from "../errors.js";
import { fileAt, filesNamed, type PackedSet, type PackedSplit, readClassNames } from "./packed-images.js";
import { readable, type SourceFile, unpacked } from "./source-file.js";

/** Pixels along each side. */
const SIDE = 96;
const PLANE = SIDE * SIDE;
const IMAGE_BYTES = 3 * PLANE;
const CLASSES = 10;

/** Whether a path ends like a file of STL-10's images: `train_X.bin`, `test_X.bin`, `unlabeled_X.bin`. */
export function isStl10Path(path: string): boolean {
  return /_X\.bin(\.gz)?$/.test(path);
}

/**
 * Finds STL-10 (Coates, Lee and Ng 2011) in its binary version by its official file names, in the root or in the one folder
 * at the root: `train_X.bin` and `test_X.bin`, with the labels in `train_y.bin` and `test_y.bin`. The unlabelled images are
 * left out. Null where there are no training images.
 * @throws DataError where a file cannot be read, images are not whole or not as many as labels, a label is not 1 to 10, or the
 *   names are not as many as the classes.
 */
export async function findStl10(files: readonly SourceFile[]): Promise<PackedSet | null> {
  const train = filesNamed(files, /^train_X\.bin(\.gz)?$/).at(0);
  const test = filesNamed(files, /^test_X\.bin(\.gz)?$/).at(0);
  return train ? packedSet(train, test ?? null, files) : null;
}

/**
 * Takes one file of images on its own as a training set, `unlabeled_X.bin` as well.
 * @param siblings the files beside it, among which labels and class names are looked for.
 * @throws DataError as `findStl10` does.
 */
export function stl10FromFile(file: SourceFile, siblings: readonly SourceFile[]): Promise<PackedSet> {
  return packedSet(file, null, siblings);
}

async function packedSet(
  train: SourceFile,
  test: SourceFile | null,
  siblings: readonly SourceFile[],
): Promise<PackedSet> {
  return {
    width: SIDE,
    height: SIDE,
    classes: await classNames(filesNamed(siblings, /^class_names\.txt$/).at(0)),
    recordBytes: IMAGE_BYTES,
    toRgba: columnPlanesToRgba,
    train: await readSplit(train, siblings),
    test: test && (await readSplit(test, siblings)),
  };
}

/** Without a file, the names are the labels as they stand in the files. */
async function classNames(file: SourceFile | undefined): Promise<readonly string[]> {
  if (!file) {
    return Array.from({ length: CLASSES }, (_, label) => String(label + 1));
  }
  const names = await readClassNames(file);
  if (names.length !== CLASSES) {
    throw new DataError(`${file.path} lists ${names.length} class names; STL-10 has ${CLASSES} classes.`);
  }
  return names;
}

async function readSplit(images: SourceFile, siblings: readonly SourceFile[]): Promise<PackedSplit> {
  const source = await unpacked(images);
  const size = await readable(images, () => source.size());
  if (size === 0 || size % IMAGE_BYTES !== 0) {
    throw new DataError(
      `${images.path} has ${size} bytes, no whole number of STL-10 images of ${SIDE}x${SIDE}x3 = ${IMAGE_BYTES} bytes: it is cut short, or something else.`,
    );
  }
  const length = size / IMAGE_BYTES;
  const labels = fileAt(siblings, source.path.replace(/_X\.bin$/, "_y.bin"));
  return {
    files: [{ source, start: 0, length }],
    labels: labels && (await readLabels(labels, images.path, length)),
  };
}

/** Labels of 1 to 10, one a byte, as class indices from 0. */
async function readLabels(file: SourceFile, images: string, length: number): Promise<Uint32Array> {
  const plain = await unpacked(file);
  const bytes = await readable(file, () => plain.read());
  if (bytes.length !== length) {
    throw new DataError(
      `${file.path} has ${bytes.length} bytes; ${length}, one for each image of ${images}, were expected.`,
    );
  }
  return Uint32Array.from(bytes, (label, image) => {
    if (label < 1 || label > CLASSES) {
      throw new DataError(`Label ${image} of ${file.path} is ${label}; STL-10 has 1 to ${CLASSES}.`);
    }
    return label - 1;
  });
}

/** A red, a green and a blue plane, one after the other and column by column, to (R, G, B, 255) a pixel. */
function columnPlanesToRgba(planes: Uint8Array, rgba: Uint8Array): void {
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      const [from, to] = [x * SIDE + y, 4 * (y * SIDE + x)];
      rgba[to] = planes[from];
      rgba[to + 1] = planes[PLANE + from];
      rgba[to + 2] = planes[2 * PLANE + from];
      rgba[to + 3] = 255;
    }
  }
}
