import { DataError } from "../errors.js";
import { listed } from "../wording.js";
import { partsOf, type Split, splitNamed } from "./layout.js";
import { arrayText, type NpyFile, openNpy, rangeOf } from "./npy-array.js";
import { labelsOf } from "./npy-labels.js";
import { filesNamed, type PackedSet, type PackedSplit, readClassNames } from "./packed-images.js";
import type { SourceFile } from "./source-file.js";

const IMAGES = ["images", "image", "imgs", "img", "x", "data"];
const LABELS = ["labels", "label", "y", "target", "targets"];

/** Images in arrays, and what there is to say of them. */
export interface NpySet {
  readonly set: PackedSet;
  readonly notes: readonly string[];
}

/** Images of a split, and their labels. */
interface Arrays {
  readonly split: Split;
  readonly images: NpyFile;
  readonly labels: NpyFile | null;
}

/** What an array is by its name: "x_train", "train_images", "labels". */
function roleOf(name: string): { split: Split | null; kind: "images" | "labels" } | null {
  const words = name.toLowerCase().split(/[-_. ]/);
  const splits = words.flatMap((word) => splitNamed(word) ?? []);
  const [what, ...more] = words.filter((word) => splitNamed(word) === undefined);
  if (splits.length > 1 || what === undefined || more.length > 0) return null;
  const kind = IMAGES.includes(what) ? "images" : LABELS.includes(what) ? "labels" : null;
  return kind && { split: splits[0] ?? null, kind };
}

/** Pairs images with labels, by their names. @throws DataError where no array is called as one of images is. */
function pairs(arrays: readonly NpyFile[]): Arrays[] {
  const named = arrays.map((array) => ({ array, role: roleOf(array.name) }));
  const found = named.flatMap(({ array: images, role }) => {
    if (role?.kind !== "images") return [];
    const labels = named.find((other) => other.role?.kind === "labels" && other.role.split === role.split)?.array;
    return [{ split: role.split ?? ("train" as const), images, labels: labels ?? null }];
  });
  if (found.length > 0) return found;
  // What np.save and np.savez call arrays without names.
  const [first, second] = arrays;
  const unnamed = arrays.length === 1 || arrays.every(({ name }, place) => name === `arr_${place}`);
  if (unnamed && arrays.length <= 2) return [{ split: "train", images: first, labels: second ?? null }];
  throw new DataError(
    `none of the arrays ${listed(arrays.map(arrayText))} is called as images are: call them images and labels, train_images and train_labels, or x_train and y_train (and test_, or _test).`,
  );
}

/**
 * Finds images in NumPy arrays: `.npy` files in the root or in the one folder at the root, or the arrays of an `.npz`. They are called `images`
 * or `x` and, where there are labels, `labels` or `y`, with `train`, `val` or `test` before or after that: `train_images` (MedMNIST), `x_train`
 * (Keras). One array alone is of images. Null where there are no arrays.
 *
 * Images are [N, H, W], gray, or [N, H, W, 1], 3 or 4 (laid on white), row by row. Whole numbers are from 0 to 255. Floating-point numbers
 * are from 0 to 1 where some lie between those, and from 0 to 255 where one is above 1; where all are 0 or 1 it cannot be told.
 * @throws DataError where a file cannot be read, an array is of another shape, type, order or range, and labels are not as many as images.
 */
export async function findNpy(files: readonly SourceFile[]): Promise<NpySet | null> {
  const sources = filesNamed(files, /^[^/]+\.npy$/);
  if (sources.length === 0) return null;
  const found = pairs(await Promise.all(sources.map(openNpy)));
  return npySet(found, filesNamed(files, /^class_names\.txt$/).at(0));
}

/**
 * Takes one array as a training set.
 * @param siblings the files beside it, among which labels (`y_train.npy` of `x_train.npy`) and class names are looked for.
 * @throws DataError as `findNpy` does.
 */
export async function npyFromFile(file: SourceFile, siblings: readonly SourceFile[]): Promise<NpySet> {
  const images = await openNpy(file);
  const role = roleOf(images.name);
  const beside = siblings.filter(({ path }) => /\.npy$/.test(path) && path !== file.path);
  const labels = beside.find(({ path }) => {
    const other = roleOf(path.replace(/\.npy$/, ""));
    return role?.kind === "images" && other?.kind === "labels" && other.split === role.split;
  });
  const arrays: Arrays = { split: "train", images, labels: labels ? await openNpy(labels) : null };
  return npySet([arrays], filesNamed(siblings, /^class_names\.txt$/).at(0));
}

async function npySet(found: readonly Arrays[], names: SourceFile | undefined): Promise<NpySet> {
  const notes: string[] = [];
  const of = (split: Split) => found.filter((arrays) => arrays.split === split);
  const all = { train: of("train"), test: of("test"), val: of("val"), unlabelled: of("unlabelled") };
  const several = Object.values(all).filter(({ length }) => length > 0).length > 1;
  const { trained, tested } = several ? partsOf(all, notes) : { trained: found, tested: [] };
  const used = [...trained, ...tested];
  const left = found.filter((arrays) => !used.includes(arrays)).map(({ images }) => arrayText(images));
  if (left.length > 0) notes.push(`left out, beside what is trained and tested on: ${listed(left)}`);

  const shape = shapeOf(used.map(({ images }) => images));
  const { toByte, note } = await scaleOf(used.map(({ images }) => images));
  if (note) notes.push(note);
  const labels = await labelsOf(used, names && (await readClassNames(names)), notes);
  const split = (parts: readonly Arrays[]): PackedSplit => ({
    files: parts.map(({ images: { source, start, shape: sizes } }) => ({ source, start, length: sizes[0] })),
    labels: labels && Uint32Array.from(parts.flatMap((part) => labels.of.get(part) ?? [])),
  });
  const { size, at } = used[0].images.type;
  return {
    set: {
      ...shape,
      recordBytes: shape.width * shape.height * shape.channels * size,
      classes: labels?.classes ?? [],
      train: split(trained),
      test: tested.length > 0 ? split(tested) : null,
      toRgba(record, rgba) {
        const view = new DataView(record.buffer, record.byteOffset, record.length);
        write(shape.channels, (index) => toByte(at(view, index * size)), rgba);
      },
    },
    notes,
  };
}

/** Writes an image of 1, 3 or 4 channels, laid on white, as (R, G, B, 255) a pixel. */
function write(channels: number, value: (index: number) => number, rgba: Uint8Array): void {
  for (let pixel = 0; 4 * pixel < rgba.length; pixel++) {
    const from = pixel * channels;
    const alpha = channels === 4 ? value(from + 3) / 255 : 1;
    for (let c = 0; c < 3; c++) {
      rgba[4 * pixel + c] = Math.round(alpha * value(from + (channels === 1 ? 0 : c)) + (1 - alpha) * 255);
    }
    rgba[4 * pixel + 3] = 255;
  }
}

/** The size of the images of all arrays. @throws DataError where they differ, or are none. */
function shapeOf(arrays: readonly NpyFile[]): { width: number; height: number; channels: number } {
  const [first] = arrays;
  for (const array of arrays) {
    const wrong = wrongShape(array);
    if (wrong !== null) throw new DataError(`${arrayText(array)} is no array of images: ${wrong}.`);
    const same = array.descr === first.descr && array.shape.slice(1).join() === first.shape.slice(1).join();
    if (!same)
      throw new DataError(`${arrayText(first)} and ${arrayText(array)} differ in the size or type of their images.`);
  }
  const [, height, width, channels = 1] = first.shape;
  return { width, height, channels };
}

/** What is wrong with an array, and what to do; null where nothing is. */
function wrongShape({ shape, fortran, type, descr, count }: NpyFile): string | null {
  const [, second, , last] = shape;
  if (shape.length === 4 && ![1, 3, 4].includes(last ?? 0) && [1, 3, 4].includes(second ?? 0))
    return "the channels come first: save x.transpose(0, 2, 3, 1)";
  if (shape.length === 4 && ![1, 3, 4].includes(last ?? 0))
    return "1, 3 or 4 channels are wanted as the last dimension of [N, H, W, channels]";
  if (shape.length < 3 || shape.length > 4) return "[N, H, W] or [N, H, W, channels] is wanted: reshape it";
  if (shape.length === 3 && [1, 3, 4].includes(shape[2] ?? 0))
    return "it could be one image: save x[None], or x[..., None] for gray ones of that width";
  if (count === 0) return "there is nothing in it";
  if (fortran) return "it is in Fortran's order: save np.ascontiguousarray(x)";
  if (type.kind === "integer" || type.kind === "float") return null;
  return `its type is ${descr}: save it as uint8`;
}

/** How elements become bytes. @throws DataError where that cannot be told. */
async function scaleOf(arrays: readonly NpyFile[]) {
  const [{ descr, type }] = arrays;
  if (/u1$/.test(descr)) return { toByte: (value: number) => value, note: null };
  const ranges = await Promise.all(arrays.map(rangeOf));
  const low = Math.min(...ranges.map((range) => range.low));
  const high = Math.max(...ranges.map((range) => range.high));
  const whole = ranges.every((range) => range.whole);
  const values = `the values of ${listed(arrays.map(arrayText))} go from ${low} to ${high}`;
  if (!(low >= 0 && high <= 255)) {
    throw new DataError(`${values}: bytes from 0 to 255 are wanted, or numbers from 0 to 1. Save them as uint8.`);
  }
  if (high > 1 || (high === 0 && type.kind === "integer")) {
    return { toByte: (value: number) => value, note: `${values} and are taken for bytes` };
  }
  if (type.kind === "float" && !whole) {
    return { toByte: (value: number) => 255 * value, note: `${values} and become bytes from 0 to 255` };
  }
  throw new DataError(
    `${values} and are whole: whether 1 is white or nearly black cannot be told. Save (255 * x).astype("uint8"), or x.astype("uint8").`,
  );
}
