import { reasonOf } from "../data/broken.js";
import { forEachConcurrently } from "../data/concurrent.js";
import type { Dataset, ImageSet, ImageSize } from "../data/dataset.js";
import { loadDecoder } from "../data/decode.js";
import { subset } from "../data/views.js";
import { DataError, UsageError } from "../errors.js";
import type { Embedder } from "../evaluation/embed.js";
import { writeError } from "../io/atomic.js";
import { sameData } from "../io/json.js";
import { takeLock } from "../io/lock.js";
import { type EmbeddedImage, hasEmbeddings, readEmbeddings, type StoredEmbeddings, writeEmbeddings } from "./folder.js";
import { digestOf, type EncoderIdentity, encoderIdentity } from "./identity.js";
import { LOOKS_BYTES, looksOf } from "./looks.js";

/** How a folder of embeddings is brought up to date. */
export interface UpdateOptions {
  /** Where the encoder was read from. */
  readonly encoderPath: string;
  /** Where the photographs are. */
  readonly source: string;
  /** Of the numbers on disk; by default as they are there, and f32 in a new folder. */
  readonly precision?: "f32" | "f16";
  /** Bits that images of 16 bits hold, as the set was opened with; all of them by default. */
  readonly bitDepth?: number;
  /** Called as photographs are embedded. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** What was new about the photographs of a folder. */
export interface EmbeddingChanges {
  /** Photographs that there are. */
  readonly images: number;
  /** Names that were not there. */
  readonly added: readonly string[];
  /** Names whose file is another one. */
  readonly changed: readonly string[];
  /** Names that were there. */
  readonly gone: readonly string[];
  /** Files that went through the encoder: fewer than are new where one was renamed, or is there twice. */
  readonly embedded: number;
}

/** New photographs after which the folder is written: more are never lost by an interruption. */
const BLOCK = 4096;

/** An image and the set that it is in. */
interface Listed {
  readonly image: EmbeddedImage;
  readonly dataset: Dataset;
  readonly index: number;
}

/** All images of a set, by name. */
async function list(set: ImageSet): Promise<Listed[]> {
  const { measure } = await loadDecoder();
  const parts = [set.train, set.test, set.unlabelled].flatMap((part) => part ?? []);
  const all = parts.flatMap((dataset) => Array.from({ length: dataset.length }, (_, index) => ({ dataset, index })));
  const listed: Listed[] = [];
  await forEachConcurrently(all.length, async (at) => {
    const { dataset, index } = all[at];
    listed.push({ dataset, index, image: await describe(dataset, index, measure) });
  });
  return listed.sort((a, b) => (a.image.name < b.image.name ? -1 : a.image.name > b.image.name ? 1 : 0));
}

async function describe(
  dataset: Dataset,
  index: number,
  measure: (file: Uint8Array) => Promise<ImageSize>,
): Promise<EmbeddedImage> {
  const { labels, classes, width, height } = dataset;
  const label = labels ? (classes[labels[index]] ?? null) : null;
  const name = dataset.nameOf(index);
  const file = await dataset.readFile?.(index).catch((cause: unknown) => {
    throw new DataError(`${name} was readable when the set was opened and is not any more: ${reasonOf(cause)}.`, {
      cause,
    });
  });
  if (file) return { name, label, bytes: file.length, digest: await digestOf(file), ...(await measure(file)) };
  const pixels = new Uint8Array(4 * width * height);
  await dataset.fetch([index], pixels);
  return { name, label, bytes: pixels.length, digest: await digestOf(pixels), width, height };
}

/** A set that also takes down what its images look like. */
function looking(dataset: Dataset, look: (index: number, looks: Uint8Array) => void): Dataset {
  const bytes = 4 * dataset.width * dataset.height;
  return {
    ...dataset,
    async fetch(indices, out) {
      await dataset.fetch(indices, out);
      Array.from(indices, (index, i) => look(index, looksOf(out.subarray(i * bytes, (i + 1) * bytes), dataset.width)));
    },
  };
}

/** What is known of a file by its digest. */
interface Known {
  readonly vector: Float32Array;
  readonly looks: Uint8Array;
}

function knownOf(stored: StoredEmbeddings | null): Map<string, Known> {
  const known = new Map<string, Known>();
  stored?.images.forEach(({ digest }, row) => {
    const { dimension, values } = stored.features;
    known.set(digest, {
      vector: values.subarray(row * dimension, (row + 1) * dimension),
      looks: stored.looks.subarray(row * LOOKS_BYTES, (row + 1) * LOOKS_BYTES),
    });
  });
  return known;
}

/** @throws UsageError where the embeddings that are there were made by another encoder. */
function expectSameEncoder(path: string, there: EncoderIdentity, here: EncoderIdentity): void {
  if (there.hash === here.hash && sameData(there.preprocessing, here.preprocessing)) return;
  const text = ({ name, hash, preprocessing: { size } }: EncoderIdentity) =>
    `${name} ${hash.slice(0, 12)} at ${size} pixels`;
  throw new UsageError(
    `${path} was made by another encoder (${text(there)}, from ${there.path}; this is ${text(here)}), and embeddings of two encoders cannot be compared: name another folder with --folder, or delete ${path} to make it anew`,
  );
}

/** @throws UsageError where the images were read as of other bits */
function expectSameDepth(path: string, there: number | null, here: number | null): void {
  if (there === here) return;
  const text = (bits: number | null) => (bits === null ? "without --bit-depth" : `with --bit-depth ${bits}`);
  throw new UsageError(
    `${path} was made ${text(there)}, and this is ${text(here)}: the same photographs have other embeddings then, so name another folder with --folder, or delete ${path} to make it anew`,
  );
}

/**
 * Makes a folder of embeddings, or brings one up to date: what has the same bytes as before, under whatever name, keeps its embedding,
 * and only the others go through the encoder. What is interrupted keeps all but the last 4,096. Node, Bun and Deno.
 * @param path of the folder; it is made where it is not there
 * @param set the photographs at the encoder's image size, all parts of them
 * @throws UsageError where it was made by another encoder or bit depth, or somebody else is at it; DataError where it is damaged; what opening images
 *   and embedding throw
 */
export async function updateEmbeddings(
  path: string,
  embedder: Embedder,
  set: ImageSet,
  { encoderPath, source, precision: asked, bitDepth: bits, onProgress }: UpdateOptions,
): Promise<EmbeddingChanges> {
  const { mkdir } = await import("node:fs/promises");
  const { join } = await import("node:path");
  await mkdir(path, { recursive: true }).catch((error: unknown) => {
    throw writeError(path, error);
  });
  const unlock = await takeLock(join(path, "embeddings.lock"), `the folder ${path}`);
  try {
    const stored = (await hasEmbeddings(path)) ? await readEmbeddings(path) : null;
    const encoder = await encoderIdentity(embedder.model, encoderPath);
    const bitDepth = bits ?? null;
    if (stored) expectSameEncoder(path, stored.encoder, encoder);
    if (stored) expectSameDepth(path, stored.bitDepth, bitDepth);
    const listed = await list(set);
    const precision = asked ?? stored?.precision ?? "f32";
    // What f16 took from the numbers, f32 does not bring back.
    const known = knownOf(precision === "f32" && stored?.precision === "f16" ? null : stored);
    const facts = { encoder, source, precision, bitDepth };
    const write = () => writeEmbeddings(path, { ...facts, ...tableOf(listed, known, encoder.dimension) });

    // Of equal files, one.
    const missing = [
      ...new Map(listed.filter(({ image }) => !known.has(image.digest)).map((one) => [one.image.digest, one])).values(),
    ];
    for (let start = 0; start < missing.length; start += BLOCK) {
      const block = missing.slice(start, start + BLOCK);
      const progress = (done: number) => onProgress?.(start + done, missing.length);
      await embedBlock(embedder, block, known, progress);
      await write();
    }
    const changes = changesOf(stored, listed, missing.length);
    const isSame =
      stored &&
      sameData(
        stored.images,
        listed.map(({ image }) => image),
      ) &&
      sameData({ encoder: stored.encoder, source: stored.source, precision: stored.precision, bitDepth }, facts);
    if (missing.length === 0 && !isSame) await write();
    return changes;
  } finally {
    await unlock();
  }
}

/** Embeds some images, which become known. */
async function embedBlock(
  embedder: Embedder,
  block: readonly Listed[],
  known: Map<string, Known>,
  onProgress: (done: number) => void,
): Promise<void> {
  let before = 0;
  for (const dataset of new Set(block.map((one) => one.dataset))) {
    const own = block.filter((one) => one.dataset === dataset);
    const looks: Uint8Array[] = [];
    const part = subset(
      dataset,
      own.map(({ index }) => index),
    );
    const taken = looking(part, (index, seen) => {
      looks[index] = seen;
    });
    const { values, dimension } = await embedder.embed(taken, (done) => onProgress(before + done));
    own.forEach(({ image }, i) => {
      known.set(image.digest, { vector: values.subarray(i * dimension, (i + 1) * dimension), looks: looks[i] });
    });
    before += own.length;
  }
}

/** The images that are known by now, as a table. */
function tableOf(listed: readonly Listed[], known: ReadonlyMap<string, Known>, dimension: number) {
  const rows = listed.flatMap(({ image }) => {
    const found = known.get(image.digest);
    return found ? [{ image, ...found }] : [];
  });
  const values = new Float32Array(rows.length * dimension);
  const looks = new Uint8Array(rows.length * LOOKS_BYTES);
  rows.forEach((row, i) => {
    values.set(row.vector, i * dimension);
    looks.set(row.looks, i * LOOKS_BYTES);
  });
  return { images: rows.map(({ image }) => image), features: { values, rows: rows.length, dimension }, looks };
}

function changesOf(stored: StoredEmbeddings | null, listed: readonly Listed[], embedded: number): EmbeddingChanges {
  const before = new Map(stored?.images.map(({ name, digest }) => [name, digest]));
  const names = new Set(listed.map(({ image }) => image.name));
  return {
    images: listed.length,
    added: listed.flatMap(({ image: { name } }) => (before.has(name) ? [] : [name])),
    changed: listed.flatMap(({ image: { name, digest } }) =>
      before.has(name) && before.get(name) !== digest ? [name] : [],
    ),
    gone: [...before.keys()].filter((name) => !names.has(name)),
    embedded,
  };
}
