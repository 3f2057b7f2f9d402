import { DataError } from "../errors.js";

/** Which images are frames of one clip, and when: what methods that learn from time take. */
export interface Clips {
  /** For each image, a number that the frames of its clip have in common. */
  readonly clip: Uint32Array;
  /** For each image, when it is in its clip, in whole numbers: its place among the frames, or milliseconds. */
  readonly time: Uint32Array;
}

/** @throws DataError where there is not one clip and one time for each image. */
export function checkClips({ clip, time }: Clips, name: string, length: number): void {
  if (clip.length !== length || time.length !== length) {
    throw new DataError(
      `${name} has ${length} images, and its clips have ${clip.length} numbers and ${time.length} times: give one of each for every image`,
    );
  }
}

/** Those of some images, by their places. */
export function clipsAt({ clip, time }: Clips, places: Uint32Array): Clips {
  return { clip: places.map((place) => clip[place]), time: places.map((place) => time[place]) };
}

/** Numbers in names count as numbers: "frame-2.jpg" comes before "frame-10.jpg". */
function inNaturalOrder(a: string, b: string): number {
  const [left, right] = [a, b].map((name) => name.match(/\d+|\D+/g) ?? []);
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const [x, y] = [left[i], right[i]];
    const difference = /^\d/.test(x) && /^\d/.test(y) ? Number(x) - Number(y) : 0;
    if (difference !== 0) return difference;
    if (x !== y) return x < y ? -1 : 1;
  }
  return left.length - right.length;
}

/**
 * Images by their paths ("/" between the parts) as frames: those of one folder are a clip, and their times are their places in the
 * natural order of their names, from 0.
 */
export function clipsOfPaths(paths: readonly string[]): Clips {
  const folders = new Map<string, number[]>();
  paths.forEach((path, index) => {
    const folder = path.slice(0, path.lastIndexOf("/") + 1);
    const frames = folders.get(folder);
    if (frames) frames.push(index);
    else folders.set(folder, [index]);
  });
  const [clip, time] = [new Uint32Array(paths.length), new Uint32Array(paths.length)];
  [...folders.values()].forEach((frames, number) => {
    frames.sort((a, b) => inNaturalOrder(paths[a], paths[b]));
    frames.forEach((index, place) => {
      clip[index] = number;
      time[index] = place;
    });
  });
  return { clip, time };
}
