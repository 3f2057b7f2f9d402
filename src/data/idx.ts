import { DataError } from "../errors.js";
import type { ImageSize } from "./dataset.js";
import { fileAt, filesNamed, type PackedFile, type PackedSet, readClassNames } from "./packed-images.js";
import { readable, type SourceFile, unpacked } from "./source-file.js";

/** What an IDX file begins with: two zero bytes, the element type (8: unsigned bytes) and the number of dimensions. */
const IMAGES_MAGIC = 0x0803;
const LABELS_MAGIC = 0x0801;

/** Whether a path ends like an IDX file of bytes, as MNIST and Fashion-MNIST come in. */
export function isIdxPath(path: string): boolean {
  return /-ubyte(\.gz)?$/.test(path);
}

/**
 * Finds MNIST (LeCun, Cortes and Burges), Fashion-MNIST (Xiao, Rasul and Vollgraf 2017) or another set with their file names,
 * in the root or in the one folder at the root: `train-images-idx3-ubyte` and `t10k-images-idx3-ubyte`, with the labels in
 * `train-labels-idx1-ubyte` and `t10k-labels-idx1-ubyte`, each of them plain or gzipped, with a dot before `idx` or a dash.
 * Null where there are no training images.
 * @throws DataError where a file cannot be read, is of another kind or of another length than its header says, splits differ
 *   in the size of their images, images are not as many as labels, or there are labels without a name.
 */
export async function findIdx(files: readonly SourceFile[]): Promise<PackedSet | null> {
  const train = filesNamed(files, /^train-images[-.]idx3-ubyte(\.gz)?$/).at(0);
  const test = filesNamed(files, /^t10k-images[-.]idx3-ubyte(\.gz)?$/).at(0);
  return train ? packedSet(train, test ?? null, files) : null;
}

/**
 * Takes one file of images on its own as a training set.
 * @param siblings the files beside it, among which labels and class names are looked for.
 * @throws DataError as `findIdx` does.
 */
export function idxFromFile(file: SourceFile, siblings: readonly SourceFile[]): Promise<PackedSet> {
  return packedSet(file, null, siblings);
}

interface IdxSplit extends ImageSize {
  readonly files: readonly PackedFile[];
  readonly labels: Uint32Array | null;
}

async function packedSet(
  trainFile: SourceFile,
  testFile: SourceFile | null,
  siblings: readonly SourceFile[],
): Promise<PackedSet> {
  const train = await readSplit(trainFile, siblings);
  const test = testFile && (await readSplit(testFile, siblings));
  const { width, height } = train;
  if (test && (test.width !== width || test.height !== height)) {
    throw new DataError(
      `The images of ${trainFile.path} are ${width}x${height}, those of ${testFile.path} ${test.width}x${test.height}.`,
    );
  }
  return {
    width,
    height,
    classes: await classNames([train, test], siblings),
    recordBytes: width * height,
    toRgba: grayToRgba,
    train,
    test,
  };
}

async function readSplit(images: SourceFile, siblings: readonly SourceFile[]): Promise<IdxSplit> {
  const source = await unpacked(images);
  const { sizes, start } = await readHeader(images, source, IMAGES_MAGIC, "images");
  const [length, height, width] = sizes;
  if (length * height * width === 0) {
    throw new DataError(`${images.path} holds ${length} images of ${width}x${height} pixels: there is nothing in it.`);
  }
  const labels = fileAt(siblings, source.path.replace(/images([-.])idx3-ubyte$/, "labels$1idx1-ubyte"));
  return {
    width,
    height,
    files: [{ source, start, length }],
    labels: labels && (await readLabels(labels, images.path, length)),
  };
}

async function readLabels(file: SourceFile, images: string, length: number): Promise<Uint32Array> {
  const plain = await unpacked(file);
  const { sizes, start } = await readHeader(file, plain, LABELS_MAGIC, "labels");
  if (sizes[0] !== length) {
    throw new DataError(`${file.path} has ${sizes[0]} labels; ${images} has ${length} images.`);
  }
  return Uint32Array.from(await readable(file, () => plain.slice(start, start + length)));
}

/** The extents that an IDX file names (big-endian, 4 bytes each, after the magic number), and where its data starts. */
async function readHeader(
  { path }: SourceFile,
  plain: SourceFile,
  magic: number,
  what: string,
): Promise<{ sizes: number[]; start: number }> {
  const found = await readable(plain, () => plain.size());
  const start = 4 + 4 * (magic & 0xff);
  const header = await readable(plain, () => plain.slice(0, start));
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  if (header.length >= 4 && view.getUint32(0) !== magic) {
    const hex = (value: number) => `0x${value.toString(16).padStart(8, "0")}`;
    throw new DataError(
      `${path} begins with ${hex(view.getUint32(0))}; an IDX file of ${what} begins with ${hex(magic)}.`,
    );
  }
  if (header.length < start) {
    throw new DataError(`${path} has ${found} bytes; the header of an IDX file of ${what} alone takes ${start}.`);
  }
  const sizes = Array.from({ length: magic & 0xff }, (_, i) => view.getUint32(4 + 4 * i));
  const expected = sizes.reduce((product, size) => product * size, 1) + start;
  if (found !== expected) {
    throw new DataError(
      `${path} has ${found} bytes; its header, which says ${sizes.join(" x ")}, asks for ${expected}: it is cut short, or something else.`,
    );
  }
  return { sizes, start };
}

/** Names from `class_names.txt`, one a line, where it is there; numbers up to the largest label otherwise. */
async function classNames(
  splits: readonly (IdxSplit | null)[],
  siblings: readonly SourceFile[],
): Promise<readonly string[]> {
  let classes = 0;
  for (const split of splits) {
    for (const label of split?.labels ?? []) {
      classes = Math.max(classes, label + 1);
    }
  }
  const file = filesNamed(siblings, /^class_names\.txt$/).at(0);
  if (!file) {
    return Array.from({ length: classes }, (_, label) => String(label));
  }
  const names = await readClassNames(file);
  if (names.length < classes) {
    throw new DataError(`${file.path} lists ${names.length} class names; the labels go up to ${classes - 1} (from 0).`);
  }
  return names;
}

/** One byte a pixel, row by row, to (gray, gray, gray, 255). */
function grayToRgba(gray: Uint8Array, rgba: Uint8Array): void {
  gray.forEach((value, pixel) => {
    rgba.fill(value, 4 * pixel, 4 * pixel + 3);
    rgba[4 * pixel + 3] = 255;
  });
}
