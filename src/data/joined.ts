import { DataError } from "../errors.js";
import type { Clips } from "./clips.js";
import { checkFetch, type Dataset, type Originals } from "./dataset.js";
import { checkParts, originalsOf } from "./originals.js";

/** Those of some images of two joined sets that are of one of them: their places among `indices`, and their numbers in their set. */
interface PartOfJoined {
  readonly dataset: Dataset;
  readonly places: readonly number[];
  readonly numbers: readonly number[];
}

function partsOf(first: Dataset, second: Dataset, indices: ArrayLike<number>): PartOfJoined[] {
  return [
    { dataset: first, start: 0 },
    { dataset: second, start: first.length },
  ].map(({ dataset, start }) => {
    const places = Array.from(indices, (_, i) => i).filter(
      (i) => indices[i] >= start && indices[i] < start + dataset.length,
    );
    return { dataset, places, numbers: places.map((i) => indices[i] - start) };
  });
}

/** The originals of two joined sets. */
function joinedOriginals(first: Dataset, second: Dataset, both: () => Dataset): Originals | undefined {
  if (!first.originals && !second.originals) return undefined;
  const pixels = Math.max(originalsOf(first).pixels, originalsOf(second).pixels);
  return {
    pixels,
    async fetch(indices, out, sizes) {
      const room = checkParts(both(), pixels, indices, out);
      for (const { dataset, places, numbers } of partsOf(first, second, indices)) {
        const [images, extents] = [new Uint8Array(numbers.length * room), new Uint32Array(2 * numbers.length)];
        await originalsOf(dataset).fetch(numbers, images, extents);
        for (const [at, i] of places.entries()) {
          out.set(images.subarray(at * room, (at + 1) * room), i * room);
          sizes.set(extents.subarray(2 * at, 2 * at + 2), 2 * i);
        }
      }
    },
  };
}

function together(first: Uint32Array, second: Uint32Array): Uint32Array {
  const both = new Uint32Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

/** The clips of two joined sets, which have none in common. */
function joinedClips({ clips: first }: Dataset, { clips: second }: Dataset): Clips | undefined {
  if (!first || !second) return undefined;
  const next = first.clip.reduce((most, clip) => Math.max(most, clip + 1), 0);
  return {
    clip: together(
      first.clip,
      second.clip.map((clip) => clip + next),
    ),
    time: together(first.time, second.time),
  };
}

/**
 * The images of two sets of one size as a set without labels, those of the first one before those of the second.
 * @throws DataError where their sizes differ.
 */
export function joined(first: Dataset, second: Dataset, name: string = first.name): Dataset {
  const { width, height } = first;
  if (second.width !== width || second.height !== height) {
    throw new DataError(
      `The images of ${first.name} have ${width} x ${height} pixels and those of ${second.name} ${second.width} x ${second.height}.`,
    );
  }
  const [length, imageBytes] = [first.length + second.length, width * height * 4];
  const place = (index: number) =>
    index < first.length ? ([first, index] as const) : ([second, index - first.length] as const);
  const originals = joinedOriginals(first, second, () => both);
  const clips = joinedClips(first, second);
  const both: Dataset = {
    ...(originals && { originals }),
    ...(clips && { clips }),
    name,
    length,
    width,
    height,
    labels: null,
    classes: [],
    skipped: [...first.skipped, ...second.skipped],
    nameOf(index) {
      const [dataset, at] = place(index);
      return dataset.nameOf(at);
    },
    bytesOf(index) {
      const [dataset, at] = place(index);
      return dataset.bytesOf?.(at) ?? 0;
    },
    async fetch(indices, out) {
      checkFetch(both, indices, out);
      for (const { dataset, places, numbers } of partsOf(first, second, indices)) {
        const pixels = new Uint8Array(places.length * imageBytes);
        await dataset.fetch(numbers, pixels);
        for (const [at, i] of places.entries())
          out.set(pixels.subarray(at * imageBytes, (at + 1) * imageBytes), i * imageBytes);
      }
    },
  };
  return both;
}
