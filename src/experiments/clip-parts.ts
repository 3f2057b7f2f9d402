import type { Dataset, ImageSet } from "../data/dataset.js";
import { subset } from "../data/views.js";
import { ConfigError } from "../errors.js";

/** Of so many clips one is held out. */
const HELD_OUT = 5;
/** Of each part: fewer have no other clip to compare a frame with. */
const LEAST = 2;

/** The frames of each clip of at least two, in the order of time. */
export function framesOfClips({ clips, length }: Dataset): number[][] {
  if (!clips) return [];
  const { clip, time } = clips;
  const members = new Map<number, number[]>();
  for (let frame = 0; frame < length; frame++) {
    const frames = members.get(clip[frame]);
    if (frames) frames.push(frame);
    else members.set(clip[frame], [frame]);
  }
  return [...members.values()]
    .filter((frames) => frames.length > 1)
    .map((frames) => frames.sort((a, b) => time[a] - time[b]));
}

/** Some clips of a set, evenly spread over them, with about so many frames at most. */
function someClips(dataset: Dataset, clips: readonly (readonly number[])[], most: number): Dataset {
  const frames = clips.reduce((sum, { length }) => sum + length, 0);
  const taken = Math.max(LEAST, Math.min(clips.length, Math.floor((clips.length * most) / frames)));
  const chosen = Array.from({ length: taken }, (_, i) => clips[Math.floor((i * clips.length) / taken)]);
  return subset(dataset, chosen.flat());
}

/**
 * Whole clips to train on and others to test on: those of a test part, and where there is none every fifth clip.
 * @param most about how many frames of each part are taken
 * @throws ConfigError where either part has fewer than two clips of two frames.
 */
export function clipParts(
  { train, test }: ImageSet,
  most: { readonly train: number; readonly test: number },
): ImageSet {
  const clips = framesOfClips(train);
  const held = (_: unknown, index: number) => index % HELD_OUT === HELD_OUT - 1;
  const trained = test ? clips : clips.filter((frames, index) => !held(frames, index));
  const tested = test ? framesOfClips(test) : clips.filter(held);
  if (trained.length < LEAST || tested.length < LEAST) {
    const found = test ? `${clips.length} to train and ${tested.length} to test` : `${clips.length}`;
    throw new ConfigError(
      `there are ${found} clips of two frames and more: it takes ${test ? "2 of each" : LEAST * HELD_OUT} (each folder of frames, or video, is a clip)`,
    );
  }
  return { train: someClips(train, trained, most.train), test: someClips(test ?? train, tested, most.test) };
}
