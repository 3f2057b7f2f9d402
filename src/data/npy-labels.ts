import { DataError } from "../errors.js";
import { arrayText, elementsOf, type NpyFile } from "./npy-array.js";

/** Labels that are numbers up to this are places in a list of classes. */
const MOST_CLASSES = 2 ** 16;

/** Labels of images in arrays. */
export interface NpyLabels<T> {
  readonly classes: readonly string[];
  /** Places in `classes`, by what they are the labels of. */
  readonly of: ReadonlyMap<T, readonly number[]>;
}

/** Images, and an array of their labels where there is one. */
interface Labelled {
  readonly images: NpyFile;
  readonly labels: NpyFile | null;
}

/**
 * Reads labels: [N] or [N, 1] of whole numbers or texts, or [N, classes] where one of each row is 1 and the others are 0. Null where an array
 * of images has none, and where an image may have several; `notes` gets the reason.
 * @param names of classes, where labels are numbers
 * @throws DataError where labels are not as many as images, or not from 0 up, and where there are fewer names than classes.
 */
export async function labelsOf<T extends Labelled>(
  parts: readonly T[],
  names: readonly string[] | undefined,
  notes: string[],
): Promise<NpyLabels<T> | null> {
  const read = new Map<T, readonly (number | string)[]>();
  for (const part of parts) {
    const { images, labels } = part;
    if (labels === null) {
      if (parts.some((other) => other.labels)) notes.push(`no labels: ${images.name} has none`);
      return null;
    }
    const values = await valuesOf(labels, images);
    if (values === null) {
      notes.push(`no labels: ${arrayText(labels)} is neither one label an image nor one 1 among zeros`);
      return null;
    }
    read.set(part, values);
  }
  const all = new Set([...read.values()].flat());
  if ([...all].every((value) => typeof value === "string")) {
    const classes = [...all].map(String).toSorted();
    const places = new Map<number | string, number>(classes.map((name, place) => [name, place]));
    const of = new Map(Array.from(read, ([part, values]) => [part, values.map((value) => places.get(value) ?? 0)]));
    return { classes, of };
  }
  const largest = [...all].reduce<number>((most, value) => Math.max(most, Number(value)), 0);
  if (names && names.length <= largest) {
    throw new DataError(`class_names.txt lists ${names.length} class names; the labels go up to ${largest} (from 0).`);
  }
  const classes = names ?? Array.from({ length: largest + 1 }, (_, label) => String(label));
  return { classes, of: new Map(Array.from(read, ([part, values]) => [part, values.map(Number)])) };
}

/** Null where they are no single labels. */
async function valuesOf(labels: NpyFile, images: NpyFile): Promise<readonly (number | string)[] | null> {
  const [length, columns = 1] = labels.shape;
  if (length !== images.shape[0]) {
    throw new DataError(`${arrayText(labels)} and ${arrayText(images)} are not equally many.`);
  }
  if (labels.shape.length > 2 || labels.fortran || labels.type.kind === "other") return null;
  const values = await elementsOf(labels);
  if (columns > 1) return placesOfOnes(values, columns);
  const wrong = values.findIndex(
    (value) => typeof value === "number" && !(Number.isInteger(value) && value >= 0 && value < MOST_CLASSES),
  );
  if (wrong >= 0) {
    throw new DataError(
      `Label ${wrong} of ${arrayText(labels)} is ${values[wrong]}; whole numbers from 0 to ${MOST_CLASSES - 1} are wanted.`,
    );
  }
  return values;
}

/** Of rows of zeros with one 1 each, where that is; null for others. */
function placesOfOnes(values: readonly (number | string)[], columns: number): number[] | null {
  const places: number[] = [];
  for (let at = 0; at < values.length; at += columns) {
    const row = values.slice(at, at + columns);
    const place = row.indexOf(1);
    if (place < 0 || row.some((value, column) => value !== 0 && column !== place)) return null;
    places.push(place);
  }
  return places;
}
