import { ConfigError, DataError } from "../errors.js";
import { hashOf } from "../random.js";
import { listed } from "../wording.js";
import { clipsAt } from "./clips.js";
import { checkFetch, checkIndices, type Dataset, expectDataset, type ImageSet } from "./dataset.js";
import { strangers } from "./layout.js";
import { checkParts } from "./originals.js";
import { sampleOrder } from "./sample-order.js";

/**
 * The images `indices` of `dataset`, in that order, without copying them. Classes and the list of skipped images are
 * those of the whole set; `name` is too unless given.
 * @throws DataError where an index is outside the set; UsageError for an `ImageSet` in place of a `Dataset`.
 */
export function subset(dataset: Dataset, indices: ArrayLike<number>, name: string = dataset.name): Dataset {
  expectDataset(dataset);
  checkIndices(dataset, indices);
  const members = Uint32Array.from(indices);
  const { labels, classes, skipped, width, height, bytesOf, readFile, clips, originals } = dataset;
  const memberOf = (index: number) => members[index] ?? 0;
  const view = {
    name,
    length: members.length,
    width,
    height,
    labels: labels && members.map((index) => labels[index] ?? 0),
    classes,
    skipped,
    nameOf: (index: number) => dataset.nameOf(members[index] ?? 0),
    ...(bytesOf && { bytesOf: (index: number) => bytesOf(members[index] ?? 0) }),
    ...(readFile && { readFile: (index: number) => readFile(members[index] ?? 0) }),
    ...(clips && { clips: clipsAt(clips, members) }),
    async fetch(wanted: ArrayLike<number>, out: Uint8Array): Promise<void> {
      checkFetch(view, wanted, out);
      await dataset.fetch(Array.from(wanted, memberOf), out);
    },
    ...(originals && {
      originals: {
        pixels: originals.pixels,
        async fetch(wanted: ArrayLike<number>, out: Uint8Array, sizes: Uint32Array): Promise<void> {
          checkParts(view, originals.pixels, wanted, out);
          await originals.fetch(Array.from(wanted, memberOf), out, sizes);
        },
      },
    }),
  };
  return view;
}

/** A set with its labels as places in another list of classes, which has all of its own. */
function inClasses(dataset: Dataset, classes: readonly string[]): Dataset {
  const places = dataset.classes.map((name) => classes.indexOf(name));
  return { ...dataset, classes, labels: dataset.labels?.map((label) => places[label]) ?? null };
}

/**
 * A set with this test part, whose classes are those of the same names. Where only one has labels, both stay as they are.
 * @param notes what there is to say of the test images
 */
export function withTestPart(images: ImageSet, test: Dataset, notes: readonly string[] = []): ImageSet {
  const { train } = images;
  const before = [...(images.notes ?? []), ...notes.map((note) => `${test.name}: ${note}`)];
  if (!train.labels || !test.labels) {
    const bare = [train, test].filter(({ labels }) => !labels).map(({ name }) => name);
    const note = bare.length === 1 ? [`no accuracy: the images of ${bare[0]} have no labels`] : [];
    return { ...images, test, notes: [...before, ...note] };
  }
  const classes = [...new Set([...train.classes, ...test.classes])].sort();
  return {
    ...images,
    train: inClasses(train, classes),
    test: inClasses(test, classes),
    notes: [...before, ...strangers(new Set(train.classes), new Set(test.classes))],
  };
}

function checkFraction(fraction: number): void {
  if (!(fraction > 0 && fraction < 1)) {
    throw new ConfigError(`The fraction to hold out has to lie between 0 and 1; got ${fraction}.`);
  }
}

/**
 * Of `length` things, every k-th of each class (of all without labels): of c things round(c * fraction), evenly spread, in
 * ascending order, and the others. Always the same ones.
 * @param fraction between 0 and 1, both excluded.
 * @throws ConfigError for another fraction.
 */
export function holdOutIndices(
  labels: Uint32Array | null,
  length: number,
  fraction: number,
): { readonly kept: readonly number[]; readonly held: readonly number[] } {
  checkFraction(fraction);
  const seen = new Map<number, number>();
  const kept: number[] = [];
  const held: number[] = [];
  for (let index = 0; index < length; index++) {
    const label = labels?.[index] ?? 0;
    const rank = seen.get(label) ?? 0;
    seen.set(label, rank + 1);
    const isHeld = Math.round((rank + 1) * fraction) > Math.round(rank * fraction);
    (isHeld ? held : kept).push(index);
  }
  return { kept, held };
}

/**
 * Holds out some images of each class (of the whole set without labels) for testing: of c images round(c * fraction), those whose names
 * have the smallest hashes. So the choice depends on names and seed alone: an image more or less moves at most one other, whatever
 * its place in the order. Both parts are views; skipped images are listed with `train` only.
 * @param fraction between 0 and 1, both excluded; 0.1 by default
 * @param seed whole number; 1 by default
 * @throws ConfigError for another fraction; DataError where one part would be empty; UsageError for an `ImageSet` in place of a
 *   `Dataset`.
 */
export function splitHoldOut(
  dataset: Dataset,
  fraction = 0.1,
  seed = 1,
): ImageSet & {
  /** What is held out. */
  readonly test: Dataset;
} {
  expectDataset(dataset);
  checkFraction(fraction);
  const { length, labels } = dataset;
  const left = new Map<number, number>();
  for (let index = 0; index < length; index++)
    left.set(labels?.[index] ?? 0, (left.get(labels?.[index] ?? 0) ?? 0) + 1);
  for (const [label, count] of left) left.set(label, Math.round(count * fraction));
  const hashes = Float64Array.from({ length }, (_, index) => hashOf(dataset.nameOf(index), seed));
  const held = new Set<number>();
  for (const index of Array.from(hashes.keys()).sort((a, b) => hashes[a] - hashes[b] || a - b)) {
    const label = labels?.[index] ?? 0;
    const wanted = left.get(label) ?? 0;
    if (wanted > 0) held.add(index);
    left.set(label, wanted - 1);
  }
  const isHeld = (index: number) => held.has(index);
  const all = Array.from({ length }, (_, index) => index);
  return heldApart(
    dataset,
    all.filter((index) => !isHeld(index)),
    all.filter(isHeld),
    fraction,
  );
}

function heldApart(
  dataset: Dataset,
  kept: readonly number[],
  held: readonly number[],
  fraction: number,
): ImageSet & { readonly test: Dataset } {
  const { name, length } = dataset;
  if (kept.length === 0 || held.length === 0) {
    throw new DataError(
      `Holding out ${fraction} of the ${length} images of ${name} leaves ${kept.length} to train and ${held.length} to test; both need at least one.`,
    );
  }
  return {
    train: subset(dataset, kept, `${name} (train)`),
    test: { ...subset(dataset, held, `${name} (held out)`), skipped: [] },
  };
}

/** How many images of each class: this number, or a share of all images of the set, over as many classes. */
export type SubsetSize =
  | {
      /** Images of each class; a whole number from 1 up. */
      readonly perClass: number;
    }
  | {
      /** Share of all images, above 0 and up to 1. */
      readonly share: number;
    };

/** Some images of a set, and which ones. */
export interface ImageSubset {
  /** As a set of their own, in the order of the whole one. */
  readonly images: Dataset;
  /** The places of its images in the whole set. */
  readonly indices: Uint32Array;
}

/**
 * Draws the same number of images of every class: what is left of the labels in semi-supervised learning on 1 % or 10 % of
 * them (Chen et al. 2020, section 6). Of a share of n images over c classes that is round(share * n / c), at least one, and
 * at most what a class has. The same seed draws the same images, and fewer of them are always among more.
 * They stay in the order of the set.
 * @param seed whole number from 0 to 2^53 - 1; 1 by default.
 * @throws ConfigError for a number below 1 or a share that is not above 0 and at most 1; DataError for a set without labels,
 *   and where a class has fewer images than the number asked for; UsageError for an `ImageSet` in place of a `Dataset`.
 */
export function balancedSubset(dataset: Dataset, size: SubsetSize, seed = 1): ImageSubset {
  expectDataset(dataset);
  const { labels, classes, name, length } = dataset;
  if (!labels) {
    throw new DataError(`${name} has no labels to balance a subset by.`);
  }
  const members = classes.map((): number[] => []);
  labels.forEach((label, index) => {
    members[label].push(index);
  });
  const present = members.filter((own) => own.length > 0).length;
  const wanted = perClass(size, length, present);
  const chosen = members.flatMap((own, label) => {
    if ("perClass" in size && own.length > 0 && own.length < wanted) {
      throw new DataError(
        `${name} has ${own.length} images of the class "${classes[label]}", fewer than the ${wanted} asked for.`,
      );
    }
    return Array.from(sampleOrder(own.length, seed, label).subarray(0, wanted), (place) => own[place]);
  });
  return part(dataset, Uint32Array.from(chosen).sort());
}

function perClass(size: SubsetSize, length: number, classes: number): number {
  if ("perClass" in size) {
    if (!Number.isInteger(size.perClass) || size.perClass < 1) {
      throw new ConfigError(`The images of each class have to be a whole number from 1; got ${size.perClass}.`);
    }
    return size.perClass;
  }
  if (!(size.share > 0 && size.share <= 1)) {
    throw new ConfigError(`The share of the images has to be above 0 and at most 1; got ${size.share}.`);
  }
  return Math.max(1, Math.round((size.share * length) / classes));
}

/** Unknown names that an error shows. */
/**
 * The images of these names (see `Dataset.nameOf`), in the order of the names: a subset that was kept as a list, used again.
 * @throws DataError where the set has no image of a name, or a name is there twice; UsageError for an `ImageSet` in place of a
 * `Dataset`.
 */
export function namedSubset(dataset: Dataset, names: readonly string[]): ImageSubset {
  expectDataset(dataset);
  const indexOf = new Map(Array.from({ length: dataset.length }, (_, index) => [dataset.nameOf(index), index]));
  const found = new Set<number>();
  const unknown: string[] = [];
  const repeated: string[] = [];
  for (const name of names) {
    const index = indexOf.get(name);
    if (index === undefined) {
      unknown.push(name);
    } else if (found.has(index)) {
      repeated.push(name);
    } else {
      found.add(index);
    }
  }
  for (const [wrong, what] of [
    [unknown, `are no images of ${dataset.name}`],
    [repeated, "are repetitions"],
  ] as const) {
    if (wrong.length > 0) {
      const shown = listed(wrong.map((name) => `"${name}"`));
      throw new DataError(`${wrong.length} of the ${names.length} names listed ${what}: ${shown}.`);
    }
  }
  return part(dataset, Uint32Array.from(found));
}

function part(dataset: Dataset, indices: Uint32Array): ImageSubset {
  return { images: subset(dataset, indices, `${dataset.name} (${indices.length} of ${dataset.length})`), indices };
}
