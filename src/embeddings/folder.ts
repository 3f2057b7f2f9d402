import { toHalfBits } from "../engine/half.js";
import { DataError } from "../errors.js";
import type { Features } from "../evaluation/embed.js";
import { systemErrorCode, writeError, writeFileAtomic } from "../io/atomic.js";
import { isRecord, parseObject } from "../io/json.js";
import { decodeNpy, encodeNpy } from "../io/npy.js";
import { isNormalization } from "../nn/normalized-input.js";
import type { Preprocessing } from "../training/encoder-file.js";
import { VERSION } from "../version.js";
import type { EncoderIdentity } from "./identity.js";
import { LOOKS_BYTES, LOOKS_SIDE } from "./looks.js";

/** A photograph that was embedded. */
export interface EmbeddedImage {
  /** Its path from the folder or archive, "/" between the parts. */
  readonly name: string;
  /** Of its file. */
  readonly bytes: number;
  /** Pixels, as it is shown. */
  readonly width: number;
  /** Pixels, as it is shown. */
  readonly height: number;
  /** SHA-256 of its file's bytes in hexadecimal digits; of a picture without a file, of its pixels. */
  readonly digest: string;
  /** Its class by the folders or labels of the set, or null. */
  readonly label: string | null;
}

/** What a folder of embeddings holds. */
export interface StoredEmbeddings {
  /** What made them. */
  readonly encoder: EncoderIdentity;
  /** Where the photographs are: a folder, an archive, or another set. */
  readonly source: string;
  /** As numbers on disk. */
  readonly precision: "f32" | "f16";
  /** Bits that images of 16 bits were said to hold; null for all of them. */
  readonly bitDepth: number | null;
  /** By name, in the order of the code units; a row of the others each. */
  readonly images: readonly EmbeddedImage[];
  /** The embeddings, as the encoder gave them: not normalised. */
  readonly features: Features;
  /** `looksOf` each, one after the other. */
  readonly looks: Uint8Array;
}

/** The file that says what is in the folder; written last, so that what it names is there. */
const INDEX = "embeddings.json";
const FORMAT = "webgpu-simclr embeddings";
const FORMAT_VERSION = 1;

/** Whether a folder holds embeddings. */
export async function hasEmbeddings(path: string): Promise<boolean> {
  const { stat } = await import("node:fs/promises");
  const { join } = await import("node:path");
  return stat(join(path, INDEX)).then(
    (found) => found.isFile(),
    () => false,
  );
}

/** The index of a folder, as far as it is one. */
interface Index {
  readonly generation: number;
  readonly content: Omit<StoredEmbeddings, "features" | "looks">;
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0;
}

/** An image of an index: `[name, bytes, width, height, digest, label]`. */
function parseImage(value: unknown): EmbeddedImage | null {
  if (!Array.isArray(value)) return null;
  const [name, bytes, width, height, digest, label]: readonly unknown[] = value;
  if (!isText(name) || !isCount(bytes) || !isCount(width) || !isCount(height) || !isText(digest)) return null;
  return label === null || isText(label) ? { name, bytes, width, height, digest, label } : null;
}

function parseEncoder(value: unknown): EncoderIdentity | null {
  if (!isRecord(value)) return null;
  const { name, path, hash, dimension } = value;
  const preprocessing = parsePreprocessing(value["preprocessing"]);
  if (!isText(name) || !isText(path) || !isText(hash) || !isCount(dimension) || !preprocessing) return null;
  return { name, path, hash, dimension, preprocessing };
}

/** What this version does to images; null for anything else. */
function parsePreprocessing(value: unknown): Preprocessing | null {
  if (!isRecord(value)) return null;
  const { size, mean, std: deviation, resize, resample, crop, scale } = value;
  const normalization = { mean, deviation };
  if (resize !== "shorter side" || resample !== "lanczos3" || crop !== "center") return null;
  if (!isCount(size) || typeof scale !== "number" || !isNormalization(normalization)) return null;
  return { size, resize, resample, crop, scale, mean: normalization.mean, std: normalization.deviation };
}

async function readIndex(path: string): Promise<Index> {
  const { readFile } = await import("node:fs/promises");
  const { join } = await import("node:path");
  const file = join(path, INDEX);
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    const reason =
      systemErrorCode(cause) === "ENOENT" || systemErrorCode(cause) === "ENOTDIR"
        ? "it is no folder of embeddings: make one with simclr embed <encoder> <images> --folder"
        : `${file} cannot be read: ${cause instanceof Error ? cause.message : cause}`;
    throw new DataError(`${path}: ${reason}`, { cause });
  });
  const damaged = (what: string) =>
    new DataError(`${file} is damaged (${what}): delete ${path}, and make it again with simclr embed --folder`);
  const index = parseObject(text);
  if (index === null || index["format"] !== FORMAT) throw damaged("it is no index of embeddings");
  // A folder of a version that did not keep a bit depth was made with none, or is to be made anew by whoever knows better.
  const { version, generation, precision, source, bitDepth = null } = index;
  if (version !== FORMAT_VERSION)
    throw new DataError(`${file} is of version ${version} of the format, and this program reads ${FORMAT_VERSION}`);
  const encoder = parseEncoder(index["encoder"]);
  const list = Array.isArray(index["images"]) ? index["images"] : [];
  const images = list.flatMap((entry: unknown) => parseImage(entry) ?? []);
  if (!encoder || !isCount(generation) || !isText(source)) throw damaged("its encoder or its source is missing");
  if (precision !== "f32" && precision !== "f16") throw damaged("its precision is neither f32 nor f16");
  if (bitDepth !== null && !isCount(bitDepth)) throw damaged("its bit depth is no number");
  if (images.length !== list.length || images.length === 0) throw damaged("its list of images");
  return { generation, content: { encoder, source, precision, bitDepth, images } };
}

/** Names of the arrays of a generation: another one is written beside them, and the index says which counts. */
function arraysOf(generation: number): { readonly vectors: string; readonly looks: string } {
  return { vectors: `vectors-${generation}.npy`, looks: `looks-${generation}.npy` };
}

/**
 * Reads a folder of embeddings. Node, Bun and Deno.
 * @throws DataError where it is none, or damaged.
 */
export async function readEmbeddings(path: string): Promise<StoredEmbeddings> {
  const index = await readIndex(path);
  try {
    return await readArrays(path, index);
  } catch (error) {
    // Whoever brought it up to date in between has put other arrays in the place of these.
    const now = await readIndex(path);
    if (now.generation === index.generation) throw error;
    return readArrays(path, now);
  }
}

async function readArrays(path: string, { generation, content }: Index): Promise<StoredEmbeddings> {
  const { readFile } = await import("node:fs/promises");
  const { join } = await import("node:path");
  const rows = content.images.length;
  const read = async (name: string, columns: number) => {
    const file = join(path, name);
    try {
      const { shape, data } = decodeNpy(await readFile(file));
      if (shape[0] !== rows || data.length !== rows * columns)
        throw new DataError(
          `it has the shape [${shape.join(", ")}], and there are ${rows} images of ${columns} numbers`,
        );
      return data;
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new DataError(`${file} cannot be used: ${reason}. Delete ${path}, and make it again with simclr embed`, {
        cause,
      });
    }
  };
  const names = arraysOf(generation);
  const { dimension } = content.encoder;
  const values = await read(names.vectors, dimension);
  const wrong = values.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0) {
    const { name } = content.images[Math.floor(wrong / dimension)];
    throw new DataError(`${join(path, names.vectors)}: the embedding of ${name} is not finite`);
  }
  const looks = Uint8Array.from(await read(names.looks, LOOKS_BYTES));
  return { ...content, features: { values, rows, dimension }, looks };
}

/** The largest number of f16. */
const MOST_HALF = 65_504;

/** @throws DataError where a number is beyond f16 */
function expectHalf({ images, features: { values, dimension } }: StoredEmbeddings): void {
  const beyond = values.findIndex((value) => !(Math.abs(value) <= MOST_HALF));
  if (beyond < 0) return;
  const { name } = images[Math.floor(beyond / dimension)];
  throw new DataError(
    `the embedding of ${name} has the number ${values[beyond]}, and f16 ends at ${MOST_HALF}: keep them with --precision f32`,
  );
}

/**
 * Writes a folder of embeddings: `embeddings.json`, which names the arrays `vectors-<n>.npy` [images, dimension] and `looks-<n>.npy`
 * [images, 16, 16]. At any moment, a kill included, the folder holds either what was there or what is written. Node, Bun and Deno.
 * @throws DataError for numbers beyond f16, where that is asked for; CheckpointError where it cannot be written.
 */
export async function writeEmbeddings(path: string, content: StoredEmbeddings): Promise<void> {
  const { mkdir, readdir, rm } = await import("node:fs/promises");
  const { join } = await import("node:path");
  const { encoder, source, precision, bitDepth, images, features, looks } = content;
  if (precision === "f16") expectHalf(content);
  await mkdir(path, { recursive: true }).catch((error: unknown) => {
    throw writeError(path, error);
  });
  const before = (await readdir(path)).flatMap((name) => /^(?:vectors|looks)-(\d+)\.npy$/.exec(name) ?? []);
  const generation = 1 + Math.max(0, ...before.map(Number).filter(Number.isInteger));
  const names = arraysOf(generation);
  const { rows, dimension, values } = features;
  const stored = precision === "f16" ? toHalfBits(values) : values;
  await writeFileAtomic(join(path, names.vectors), encodeNpy([rows, dimension], stored));
  await writeFileAtomic(join(path, names.looks), encodeNpy([rows, LOOKS_SIDE, LOOKS_SIDE], looks));
  const facts = {
    format: FORMAT,
    version: FORMAT_VERSION,
    library: VERSION,
    generation,
    precision,
    bitDepth,
    source,
    encoder,
  };
  const lines = images.map(({ name, bytes, width, height, digest, label }) =>
    JSON.stringify([name, bytes, width, height, digest, label]),
  );
  const head = JSON.stringify({ ...facts, arrays: names }, null, 1).slice(0, -2);
  await writeFileAtomic(join(path, INDEX), `${head},\n "images": [\n${lines.join(",\n")}\n]}\n`);
  const kept: readonly string[] = Object.values(names);
  // Of before, and of a process that was killed in the midst of it.
  for (const name of await readdir(path)) {
    const ours = /^((vectors|looks)-\d+\.npy|embeddings\.json)(\.tmp-\d+-*)?$/.test(name);
    if (ours && name !== INDEX && !kept.includes(name)) await rm(join(path, name), { force: true });
  }
}
