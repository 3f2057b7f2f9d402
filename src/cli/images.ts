import type { Dataset, ImageSet } from "../data/dataset.js";
import { packsIn } from "../data/image-cache.js";
import { openImages } from "../data/open-images.js";
import { withTestPart } from "../data/views.js";
import { withTestSet } from "../evaluation/evaluation.js";
import { printable } from "../printable.js";
import type { ImageSource } from "../runs/run.js";
import { counted, listed } from "../wording.js";
import { imageCache } from "./image-cache.js";
import { say } from "./output.js";
import { readingProgress } from "./reading-progress.js";
import { clock } from "./table.js";

/** Seconds of reading after which it is said where the next run finds the images. */
const WORTH_KEEPING = 3;

/**
 * Opens images for a command, prints what they are, and gives them as they were found. A path to test images replaces a test part
 * found beside the others.
 * @param use what for: a set to train on may give a part of it to the test
 */
export async function openForCommand(
  { images: path, test, maxBroken, bitDepth, smallestCrop, clips }: ImageSource,
  imageSize: number | undefined,
  use: "to train on" | "as they are" = "to train on",
): Promise<ImageSet> {
  say("reading images ...");
  const [cache, { onProgress, stop }] = [await imageCache(), await readingProgress()];
  const open = (from: string, crop?: number) =>
    openImages(from, {
      imageSize,
      maxBroken,
      bitDepth,
      smallestCrop: crop,
      clips,
      cache: cache ?? undefined,
      onProgress,
    }).finally(stop);
  const began = performance.now();
  // Of what is read anew each time, such as the files of a data set's authors, nothing is kept.
  const opened = Date.now() - 1;
  let set = await open(path, smallestCrop);
  if (test) {
    const { train, test: part, notes } = await open(test);
    set = withTestPart(set, part ?? train, notes);
  }
  const seconds = (performance.now() - began) / 1000;
  say(`images:  ${use === "to train on" ? trainingText(set) : setText(set)}, ${formText(set.train)}`);
  const { originals } = set.train;
  if (originals) say(`         views are cut from the originals, of up to ${counted(originals.pixels, "pixel")} each`);
  if (
    seconds > WORTH_KEEPING &&
    cache &&
    (await packsIn(cache.folder)).some(({ used, bytes }) => used >= opened && bytes > 0)
  )
    say(`         read in ${clock(seconds)} and kept in ${cache.folder} (simclr cache)`);
  for (const note of [...(set.notes ?? []), ...skippedText(set)]) say(`         ${printable(note)}`);
  return set;
}

/** The images that cannot be read, before anything is done with the others. */
function skippedText({ train, test, unlabelled }: ImageSet): string[] {
  const skipped = [train, test, unlabelled].flatMap((part) => part?.skipped ?? []);
  if (skipped.length === 0) return [];
  const shown = skipped.map(({ name, reason }) => `${name.replaceAll("\n", "\\n")} (${reason})`);
  const verb = skipped.length === 1 ? "is" : "are";
  return [`${counted(skipped.length, "image")} could not be read and ${verb} left out: ${listed(shown, 5, "; ")}`];
}

function formText({ width, height, labels, classes, clips }: Dataset): string {
  const named = labels ? `${classes.length} classes` : "no labels";
  return `${width} x ${height} pixels, ${clips ? counted(new Set(clips.clip).size, "clip") : named}`;
}

function count(dataset: Dataset): string {
  return dataset.length.toLocaleString("en");
}

function setText({ train, test, unlabelled }: ImageSet): string {
  const parts = [counted(train.length, "image"), ...(test ? [`${count(test)} to test`] : [])];
  return [...parts, ...(unlabelled ? [`${count(unlabelled)} without a label`] : [])].join(", ");
}

/** With the part that will be held out. */
function trainingText(set: ImageSet): string {
  const { train, test, unlabelled } = withTestSet(set);
  const tests = test ? [`${count(test)} ${set.test ? "" : "held out "}to test`] : [];
  return [
    `${count(train)} to train`,
    ...(unlabelled ? [`${count(unlabelled)} more without a label`] : []),
    ...tests,
  ].join(", ");
}
