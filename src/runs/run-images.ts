import type { Dataset, ImageSet } from "../data/dataset.js";
import { joined } from "../data/joined.js";
import { balancedSubset, namedSubset, type SubsetSize, subset } from "../data/views.js";
import { CheckpointError } from "../errors.js";
import { withTestSet } from "../evaluation/evaluation.js";
import { writeFileAtomic } from "../io/atomic.js";
import { writeImageList } from "../io/image-list-file.js";
import { parseObject } from "../io/json.js";
import { counted, listed } from "../wording.js";
import type { RunFolder } from "./run-folder.js";

/** Some of the training images: so many, the same number of each class (see `balancedSubset`), or those of these names. */
export type TrainingPart = SubsetSize | readonly string[];

function isNames(part: TrainingPart): part is readonly string[] {
  return Array.isArray(part);
}

/**
 * The images of a run: a labelled set without a test part gives a tenth of each class to one, and of the others only `part` is
 * trained on.
 * @param seed of the choice
 * @throws ConfigError, DataError where there is no such part.
 */
export function chooseImages(images: ImageSet, part: TrainingPart | null, seed: number): ImageSet {
  const divided = withTestSet(images, seed);
  if (part === null) return divided;
  const { train, test, notes } = divided;
  const { images: chosen } = isNames(part) ? namedSubset(train, part) : balancedSubset(train, part, seed);
  return { train: chosen, test, notes };
}

/** What a run trains on: images without labels as well, where its method needs none. */
export function trainedOn({ train, unlabelled }: ImageSet, needsLabels: boolean): Dataset {
  return unlabelled && !needsLabels ? joined(train, unlabelled) : train;
}

/** Names of images with the bytes of their files, 0 where they have none of their own. */
type ImageList = readonly (readonly [name: string, bytes: number])[];

/** What a run keeps of its images, and of those that it left aside. */
const PARTS = ["train", "unlabelled", "test", "unused"] as const;
type ImageLists = Readonly<Record<(typeof PARTS)[number], ImageList>>;

function listOf(dataset: Dataset | null | undefined): ImageList {
  return Array.from({ length: dataset?.length ?? 0 }, (_, index) => [
    dataset?.nameOf(index) ?? "",
    dataset?.bytesOf?.(index) ?? 0,
  ]);
}

/**
 * Keeps the names and sizes of a run's images, for `imagesOfRun`.
 * @param all those that they were chosen from: the names of the others are kept too, which are not new when they are seen again
 * @param chosen whether it trains on some of those that there were: their names are kept for people, too
 * @throws CheckpointError where they cannot be written
 */
export async function keepImageList(
  folder: RunFolder,
  { train, unlabelled, test }: ImageSet,
  all: ImageSet,
  chosen = false,
): Promise<void> {
  const used = { train: listOf(train), unlabelled: listOf(unlabelled), test: listOf(test) };
  const names = new Set([...used.train, ...used.unlabelled, ...used.test].map(([name]) => name));
  const unused = [all.train, all.unlabelled, all.test].flatMap(listOf).filter(([name]) => !names.has(name));
  const lists: ImageLists = { ...used, unused };
  const text = PARTS.map((part) => `"${part}": [\n${lists[part].map((entry) => JSON.stringify(entry)).join(",\n")}\n]`);
  await writeFileAtomic(folder.file("images"), `{\n${text.join(",\n")}\n}\n`);
  if (!chosen) return;
  const title = `The images that this run trains on: ${train.name}`;
  await writeImageList(
    folder.file("chosen"),
    used.train.map(([name]) => name),
    title,
  );
}

function isList(value: unknown): value is ImageList {
  return (
    Array.isArray(value) &&
    value.every((entry) => Array.isArray(entry) && typeof entry[0] === "string" && typeof entry[1] === "number")
  );
}

/** @throws CheckpointError where the run has no list, or a damaged one. */
async function readImageLists(folder: RunFolder): Promise<ImageLists> {
  const { readFile } = await import("node:fs/promises");
  const path = folder.file("images");
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new CheckpointError(`${path}, the list of the run's images, cannot be read: ${String(cause)}`, { cause });
  });
  const lists = parseObject(text) ?? {};
  const { train, unlabelled, test, unused } = lists;
  if (!isList(train) || !isList(unlabelled) || !isList(test) || !isList(unused)) {
    throw new CheckpointError(`${path} is no list of images: the run's images are not known any more`);
  }
  return { train, unlabelled, test, unused };
}

/** What became of the images of a run, by name. */
export interface ImageChanges {
  /** Not there any more. */
  readonly gone: readonly string[];
  /** There, in a file of another size. */
  readonly changed: readonly string[];
  /** There, and no part of the run. */
  readonly added: readonly string[];
}

/** The images of a run among those that there are now. */
export interface FoundImages {
  readonly images: ImageSet;
  readonly changes: ImageChanges;
}

/** Changes for people, a line each; none where nothing changed. */
export function changesText({ gone, changed, added }: ImageChanges): string[] {
  const line = (names: readonly string[], what: string) =>
    names.length === 0 ? [] : [`${counted(names.length, "image")} ${what}: ${listed(names)}`];
  return [
    ...line(gone, "of the run gone"),
    ...line(changed, "of the run changed"),
    ...line(added, "new since the run and left out"),
  ];
}

/** The images of a list among those of a set, in the list's order, and what became of the others. Of one name, each is taken once. */
function find(list: ImageList, pool: Dataset) {
  const [indices, gone, changed]: [number[], string[], string[]] = [[], [], []];
  const places = new Map<string, number[]>();
  for (let index = pool.length - 1; index >= 0; index--) {
    const name = pool.nameOf(index);
    const same = places.get(name);
    if (same) same.push(index);
    else places.set(name, [index]);
  }
  for (const [name, bytes] of list) {
    const index = places.get(name)?.pop();
    if (index === undefined) gone.push(name);
    else {
      indices.push(index);
      if ((pool.bytesOf?.(index) ?? 0) !== bytes) changed.push(name);
    }
  }
  return { indices, gone, changed };
}

/** Whether files of this set, by name and size, are among those that a run was trained on. */
export async function sharesImages(folder: RunFolder, { train }: ImageSet): Promise<boolean> {
  if (!(await folder.has("images"))) return false;
  const lists = await readImageLists(folder);
  const known = new Map([...lists.train, ...lists.unlabelled]);
  return listOf(train).some(([name, bytes]) => bytes > 0 && known.get(name) === bytes);
}

/**
 * The images of a run again, by the list that it keeps, whatever there is besides: none that was trained on comes to the test, and
 * the other way round.
 * @param images those that there are now: the whole set, or what became of it
 * @throws CheckpointError where the run has no list of its images, or none of its training images is there.
 */
export async function imagesOfRun(folder: RunFolder, images: ImageSet): Promise<FoundImages> {
  const lists = await readImageLists(folder);
  const gone: string[] = [];
  const changed: string[] = [];
  const added: string[] = [];
  const take = (list: ImageList, pool: Dataset | null | undefined): Dataset | null => {
    if (!pool) {
      for (const [name] of list) gone.push(name);
      return null;
    }
    const found = find(list, pool);
    for (const name of found.gone) gone.push(name);
    for (const name of found.changed) changed.push(name);
    const { indices } = found;
    return indices.length === 0 ? null : subset(pool, indices);
  };
  // A test part that was held out comes from the images to train on.
  const heldOut = images.test === null;
  const train = take(lists.train, images.train);
  const test = take(lists.test, heldOut ? images.train : images.test);
  const unlabelled = take(lists.unlabelled, images.unlabelled);
  const known = new Set(PARTS.flatMap((part) => lists[part].map(([name]) => name)));
  for (const pool of [images.train, images.test, images.unlabelled]) {
    for (const [name] of listOf(pool)) if (!known.has(name)) added.push(name);
  }
  if (!train) {
    throw new CheckpointError(
      `none of the ${lists.train.length} images that ${folder.path} was trained on is among those of ${images.train.name}`,
    );
  }
  return {
    images: { train, test: test && { ...test, skipped: heldOut ? [] : test.skipped }, unlabelled },
    changes: { gone, changed, added },
  };
}
