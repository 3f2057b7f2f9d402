import type { Dataset, ImageSet } from "../data/dataset.js";
import { balancedSubset, namedSubset, type SubsetSize } from "../data/views.js";
import { readImageList, writeImageList } from "../io/image-list-file.js";
import type { RunFolder } from "./run-folder.js";
import { withTestSet } from "../evaluation/evaluation.js";

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
  const { train, test } = withTestSet(images);
  if (part === null) return { train, test };
  const { images: chosen } = isNames(part) ? namedSubset(train, part) : balancedSubset(train, part, seed);
  return { train: chosen, test };
}

/** Keeps the names of the images that a run trains on, for `imagesOfRun`. @throws CheckpointError where it cannot be written */
export async function keepImageList(folder: RunFolder, train: Dataset): Promise<void> {
  const names = Array.from({ length: train.length }, (_, index) => train.nameOf(index));
  await writeImageList(folder.file("images"), names, `The images that this run trains on: ${train.name}`);
}

/** The images of a run again, of all that it was chosen from. @throws DataError where they are not all there */
export async function imagesOfRun(folder: RunFolder, images: ImageSet): Promise<ImageSet> {
  const names = (await folder.has("images")) ? await readImageList(folder.file("images")) : null;
  return chooseImages(images, names, 0);
}
