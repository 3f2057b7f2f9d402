/** Planted copies of photographs, and how many of them a measure of likeness finds before it takes different ones for copies. */
import { createRequire } from "node:module";
import type { Sharp } from "sharp";
import type { Dataset } from "../../src/data/dataset.js";
import { loadDecoder } from "../../src/data/decode.js";
import { loadSharp } from "../../src/data/load-sharp.js";
import { datasetFromStore, PixelStore } from "../../src/data/pixels.js";
import type { EmbeddedImage } from "../../src/embeddings/folder.js";
import { digestOf } from "../../src/embeddings/identity.js";
import { DataError } from "../../src/errors.js";

/** What is done to a photograph, by name. */
export const CHANGES: Readonly<Record<string, (image: Sharp, width: number, height: number) => Sharp>> = {
  "JPEG quality 40": (image) => image.jpeg({ quality: 40 }),
  "resized to 60 %": (image, width, height) =>
    image.resize(Math.round(0.6 * width), Math.round(0.6 * height)).jpeg({ quality: 90 }),
  flipped: (image) => image.flop().jpeg({ quality: 90 }),
  "cropped to 80 %": (image, width, height) =>
    image
      .extract({
        left: Math.round(0.1 * width),
        top: Math.round(0.1 * height),
        width: Math.round(0.8 * width),
        height: Math.round(0.8 * height),
      })
      .jpeg({ quality: 90 }),
  "brightened by 25 %": (image) => image.linear(1.25, 0).jpeg({ quality: 90 }),
};

/** A photograph with its file. */
export interface Photo {
  readonly file: Uint8Array;
  readonly image: EmbeddedImage;
  /** The photograph that it is a copy of, by its place; its own for an original. */
  readonly original: number;
  /** What was done to it; "" for an original. */
  readonly change: string;
}

async function photoOf(file: Uint8Array, name: string, label: string | null, original: number, change: string) {
  const { measure } = await loadDecoder();
  const image = { name, label, bytes: file.length, digest: await digestOf(file), ...(await measure(file)) };
  return { file, image, original, change };
}

/**
 * All photographs of some sets, and after them copies, `each` of every change, of originals that have one copy each.
 * @throws DataError where there are too few, or the sets have no files
 */
export async function plant(sets: readonly Dataset[], each: number): Promise<readonly Photo[]> {
  const photos: Photo[] = [];
  for (const set of sets) {
    for (let index = 0; index < set.length; index++) {
      const file = await set.readFile?.(index);
      if (!file) throw new DataError(`the images of ${set.name} are no files: name a folder of photographs`);
      const label = set.labels ? set.classes[set.labels[index]] : null;
      photos.push(await photoOf(file, set.nameOf(index), label, photos.length, ""));
    }
  }
  const count = photos.length;
  const copies = each * Object.keys(CHANGES).length;
  if (count < copies) throw new DataError(`${copies} copies of as many photographs are wanted, and there are ${count}`);
  const sharp = await loadSharp();
  for (const [c, [change, apply]] of Object.entries(CHANGES).entries()) {
    for (let i = 0; i < each; i++) {
      // Evenly over all, the changes in turn.
      const original = Math.floor(((i * Object.keys(CHANGES).length + c) * count) / copies);
      const { file, image } = photos[original];
      const changed = await apply(sharp(file), image.width, image.height).toBuffer();
      photos.push(await photoOf(changed, `${image.name}, ${change}`, image.label, original, change));
    }
  }
  return photos;
}

/** Photographs at the size of an encoder. */
export async function photoSet(photos: readonly Photo[], size: number): Promise<Dataset> {
  const decoder = await loadDecoder();
  const store = new PixelStore(photos.length, size, size);
  for (const [i, { file }] of photos.entries())
    store.image(i).set(await decoder.decode(file, { width: size, height: size }));
  return datasetFromStore(store, {
    ...{ name: "photographs", length: photos.length, labels: null, classes: [], skipped: [] },
    nameOf: (index) => photos[index].image.name,
  });
}

/** sharp-phash's hashes, of 64 bits each. */
export async function perceptualHashes(photos: readonly Photo[]): Promise<readonly Uint32Array[]> {
  // A module of CommonJS, whose types say otherwise.
  const hash: unknown = createRequire(import.meta.url)("sharp-phash");
  if (typeof hash !== "function") throw new DataError("sharp-phash gives no function");
  const hashes: Uint32Array[] = [];
  for (const { file } of photos) {
    const bits: unknown = await hash(file);
    if (typeof bits !== "string" || !/^[01]{64}$/.test(bits)) throw new DataError("sharp-phash gives no 64 bits");
    hashes.push(Uint32Array.of(Number.parseInt(bits.slice(0, 32), 2), Number.parseInt(bits.slice(32), 2)));
  }
  return hashes;
}

/** Bits that differ. */
export function hammingDistance(a: Uint32Array, b: Uint32Array): number {
  let count = 0;
  for (const which of [0, 1]) for (let bits = (a[which] ^ b[which]) >>> 0; bits > 0; bits &= bits - 1) count += 1;
  return count;
}

/** How likely two photographs are copies, by any measure: the larger, the likelier. */
export type Likelihood = (a: number, b: number) => number;

/** What a measure finds. */
export interface Recall {
  /** Pairs of different photographs that are taken for copies. */
  readonly falsePairs: number;
  /** Share of the copies that are found with their originals, by change. */
  readonly found: Readonly<Record<string, number>>;
}

/**
 * Share of the copies that are found where at most so many pairs of different photographs are taken for copies: the threshold lies above
 * the next false pair.
 */
export function recallAt(photos: readonly Photo[], likelihood: Likelihood, falsePairs: number): Recall {
  const wrong: number[] = [];
  for (let a = 0; a < photos.length; a++) {
    for (let b = 0; b < a; b++) if (photos[a].original !== photos[b].original) wrong.push(likelihood(a, b));
  }
  const sorted = Float64Array.from(wrong).sort();
  const limit = sorted[sorted.length - 1 - falsePairs] ?? Number.NEGATIVE_INFINITY;
  const taken = sorted.length - 1 - (sorted.findLastIndex((value) => value <= limit) ?? -1);
  const found = Object.keys(CHANGES).map((change) => {
    const copies = [...photos.keys()].filter((i) => photos[i].change === change);
    const right = copies.filter((i) => likelihood(i, photos[i].original) > limit);
    return [change, right.length / copies.length] as const;
  });
  return { falsePairs: taken, found: Object.fromEntries(found) };
}
