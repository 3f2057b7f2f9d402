import type { Device } from "../engine/device.js";
import { ConfigError } from "../errors.js";
import { type Embeddings, type Features, shapeOf } from "../evaluation/embed.js";
import type { EmbeddedImage } from "./folder.js";
import { LOOKS_BYTES, looksDistance } from "./looks.js";
import { type NeighbourGraph, type NeighbourOptions, neighbourGraph, onHost } from "./neighbour-graph.js";
import { type PairModel, pairModel, type Threshold, thresholdAt, thresholdOf } from "./threshold.js";

/** How two photographs are alike: of the same bytes; of the same pixels, encoded anew or resized; or by the encoder's judgement. */
export type Likeness = "copy" | "same picture" | "look-alike";

/** What is known of a photograph besides its embedding. */
export type Described = Pick<EmbeddedImage, "name" | "bytes" | "width" | "height" | "digest">;

/** A photograph that is alike to the one that is kept. */
export interface Duplicate {
  /** Which photograph. */
  readonly row: number;
  /** How it is alike to `of`. */
  readonly likeness: Likeness;
  /** The row that it is alike to: the one to keep, or one that is alike to that in its turn, and nearer. */
  readonly of: number;
  /** Cosine similarity to `of`, or, of the same picture, to one that `of` stands for. */
  readonly similarity: number;
}

/** Photographs of which one is enough. */
export interface DuplicateGroup {
  /** The row to keep. */
  readonly keep: number;
  /** Why, for people. */
  readonly reason: string;
  /** The nearest likeness first, then the most similar. */
  readonly others: readonly Duplicate[];
}

/** What `findDuplicates` found. */
export interface Duplicates {
  /** In the order of the rows that are kept. */
  readonly groups: readonly DuplicateGroup[];
  /** How close look-alikes are; null where no distance is safe, and then there are none. */
  readonly threshold: Threshold | null;
  /** Where the threshold came from; null for too few photographs. */
  readonly model: PairModel | null;
}

/** How duplicates are looked for. */
export interface DuplicateOptions extends Pick<NeighbourOptions, "onProgress" | "signal"> {
  /** Share of the pairs of look-alikes that may be there by chance, 0.05 by default. */
  readonly falseRate?: number;
  /** The relative distance that look-alikes have at most, in place of one from `falseRate`: see `PairModel`. */
  readonly distance?: number;
  /** Neighbours that each photograph is compared with, 16 by default. */
  readonly k?: number;
}

/** Looks of the same picture differ by at most so many grey levels, and by such a share of their own spread, but one is always allowed. */
const MOST_LEVELS = 2;
const MOST_SHARE = 0.05;

function spreadOf(looks: Uint8Array, row: number): number {
  const own = looks.subarray(row * LOOKS_BYTES, (row + 1) * LOOKS_BYTES);
  const mean = own.reduce((sum, value) => sum + value, 0) / LOOKS_BYTES;
  return Math.sqrt(own.reduce((sum, value) => sum + (value - mean) ** 2, 0) / LOOKS_BYTES);
}

/** Whether two shapes are one, up to the rounding of a side to whole pixels. */
function sameShape(a: Described, b: Described): boolean {
  const small = Math.min(a.width, a.height, b.width, b.height);
  return Math.abs((a.width * b.height) / (a.height * b.width) - 1) <= 1 / small;
}

/** Whether two photographs are of the same pixels, as far as 16 x 16 parts of them tell. */
export function isSamePicture(images: readonly Described[], looks: Uint8Array, a: number, b: number): boolean {
  if (!sameShape(images[a], images[b])) return false;
  const distance = looksDistance(looks, a, b);
  const spread = Math.min(spreadOf(looks, a), spreadOf(looks, b));
  return distance <= Math.min(MOST_LEVELS, Math.max(1, MOST_SHARE * spread));
}

/** The one to keep comes first: of more pixels, then of a larger file, then of a shorter name, as copies are called "cat (1).jpg". */
function byWorth(images: readonly Described[]) {
  return (a: number, b: number): number => {
    const [one, other] = [images[a], images[b]];
    return (
      other.width * other.height - one.width * one.height ||
      other.bytes - one.bytes ||
      one.name.length - other.name.length ||
      (one.name < other.name ? -1 : one.name > other.name ? 1 : 0)
    );
  };
}

function reasonOf(images: readonly Described[], keep: number, others: readonly Duplicate[]): string {
  const best = images[keep];
  const rest = others.map(({ row }) => images[row]);
  const pixels = best.width * best.height;
  if (rest.some(({ width, height }) => width * height < pixels)) return "most pixels";
  if (rest.some(({ bytes }) => bytes < best.bytes)) return "largest file of as many pixels";
  return "shortest name of equal ones";
}

/** A pair of rows, the lower one first. */
interface Edge {
  readonly a: number;
  readonly b: number;
  readonly similarity: number;
}

/** Each row, or the row that stands for it. */
class Standing {
  readonly #parent: number[];

  constructor(rows: number) {
    this.#parent = Array.from({ length: rows }, (_, row) => row);
  }

  of(row: number): number {
    let at = row;
    while (this.#parent[at] !== at) {
      this.#parent[at] = this.#parent[this.#parent[at]];
      at = this.#parent[at];
    }
    return at;
  }

  /** The first one stands for the second one and for all that that one stood for. */
  put(keep: number, other: number): void {
    this.#parent[other] = keep;
  }
}

/** Some rows of embeddings. */
export function rowsOf({ values, dimension }: Features, rows: readonly number[]): Features {
  const picked = new Float32Array(rows.length * dimension);
  rows.forEach((row, i) => {
    picked.set(values.subarray(row * dimension, (row + 1) * dimension), i * dimension);
  });
  return { values: picked, rows: rows.length, dimension };
}

/**
 * Photographs of which one is enough, in groups. Copies have one digest. The same picture, encoded anew or resized, is told by its looks
 * among the nearest neighbours. Look-alikes are neighbours so much closer to each other than to others that few such pairs are expected by
 * chance: each of them is alike to the one that is kept, and not only to another one that is. Which one is kept goes by pixels, then bytes, then the shorter name.
 * @param looks `looksOf` each, one after the other
 * @throws ConfigError for options out of their ranges, and for another number of photographs or looks than of embeddings
 */
export async function findDuplicates(
  device: Device,
  embeddings: Embeddings,
  images: readonly Described[],
  looks: Uint8Array,
  { falseRate = 0.05, distance, k = 16, onProgress, signal }: DuplicateOptions = {},
): Promise<Duplicates> {
  const [rows] = shapeOf(embeddings);
  if (images.length !== rows || looks.length !== rows * LOOKS_BYTES)
    throw new ConfigError(
      `${images.length} photographs and ${looks.length / LOOKS_BYTES} looks for ${rows} embeddings: give one each`,
    );
  if (distance !== undefined && !(distance > 0 && distance < 1))
    throw new ConfigError(`the distance of look-alikes is ${distance}; it must lie between 0 and 1`);
  const worth = byWorth(images);
  const standing = new Standing(rows);
  const duplicates = new Map<number, Duplicate>();
  const put = (likeness: Likeness, of: number, row: number, own: number) => {
    standing.put(of, row);
    duplicates.set(row, { row, likeness, of, similarity: own });
  };

  const digests = new Map<string, number[]>();
  images.forEach(({ digest }, row) => {
    const there = digests.get(digest);
    if (there) there.push(row);
    else digests.set(digest, [row]);
  });
  const unique: number[] = [];
  for (const copies of digests.values()) {
    const [keep, ...others] = copies.sort(worth);
    unique.push(keep);
    for (const row of others) put("copy", keep, row, 1);
  }
  unique.sort((a, b) => a - b);

  // Copies are left out here: many of one would be all the neighbours that it has.
  const graph = await neighbourGraph(device, rowsOf(await onHost(device, embeddings), unique), {
    k,
    onProgress,
    signal,
  });
  const edges = edgesOf(graph, unique);
  for (const { a, b, similarity } of edges) {
    if (!isSamePicture(images, looks, a, b)) continue;
    const [keep, row] = [standing.of(a), standing.of(b)].sort(worth);
    if (keep !== row) put("same picture", keep, row, similarity);
  }

  // What is known to be the same picture says nothing of how many look-alikes there are by chance.
  const stands = (row: number) => standing.of(row) === row;
  const others = edges.filter(({ a, b }) => stands(a) && stands(b));
  const relative = relativeDistances(others, rows);
  const model = pairModel(
    relative.filter((own) => own < 1),
    unique.filter(stands).length,
  );
  const threshold = distance === undefined ? model && thresholdOf(model, falseRate) : thresholdAt(model, distance);
  if (threshold) {
    const close = others.filter((_, i) => relative[i] <= threshold.distance);
    const alike = alikeOf(close);
    const taken = new Set<number>();
    // The most worthy take in those that they are alike to; nobody is taken in by way of another.
    for (const keep of [...alike.keys()].sort(worth)) {
      if (taken.has(keep)) continue;
      taken.add(keep);
      for (const [row, own] of alike.get(keep) ?? []) {
        if (taken.has(row)) continue;
        taken.add(row);
        put("look-alike", keep, row, own);
      }
    }
  }
  return { groups: groupsOf(images, standing, duplicates), threshold, model };
}

/** Each pair of neighbours once, the most similar first. */
function edgesOf({ rows, k, indices, similarities }: NeighbourGraph, names: readonly number[]): Edge[] {
  const seen = new Set<number>();
  const edges: Edge[] = [];
  for (let i = 0; i < rows; i++) {
    for (let at = i * k; at < (i + 1) * k; at++) {
      const [low, high] = [Math.min(i, indices[at]), Math.max(i, indices[at])];
      if (seen.has(low * rows + high)) continue;
      seen.add(low * rows + high);
      edges.push({ a: names[low], b: names[high], similarity: similarities[at] });
    }
  }
  return edges.sort((one, other) => other.similarity - one.similarity || one.a - other.a || one.b - other.b);
}

/** The neighbour whose distance others are relative to: as many look-alikes as one fewer do not hide each other. */
const EIGHTH = 8;

/** Relative distances of pairs, see `PairModel`; of photographs with fewer neighbours, relative to those from their last ones. */
function relativeDistances(edges: readonly Edge[], rows: number): number[] {
  const own = Array.from({ length: rows }, (): number[] => []);
  // The most similar pairs come first.
  for (const { a, b, similarity } of edges) {
    for (const row of [a, b]) if (own[row].length < EIGHTH) own[row].push(Math.max(0, 1 - similarity));
  }
  return edges.map(({ a, b, similarity }) => {
    const scale = Math.sqrt((own[a].at(-1) ?? 0) * (own[b].at(-1) ?? 0));
    return scale > 0 ? Math.max(0, 1 - similarity) / scale : 1;
  });
}

/** What is alike to each photograph, and how much. */
function alikeOf(edges: readonly Edge[]): Map<number, Map<number, number>> {
  const alike = new Map<number, Map<number, number>>();
  const note = (from: number, to: number, similarity: number) => {
    const own = alike.get(from) ?? new Map<number, number>();
    own.set(to, similarity);
    alike.set(from, own);
  };
  for (const { a, b, similarity } of edges) {
    note(a, b, similarity);
    note(b, a, similarity);
  }
  return alike;
}

const NEAREST: readonly Likeness[] = ["copy", "same picture", "look-alike"];

function groupsOf(
  images: readonly Described[],
  standing: Standing,
  duplicates: ReadonlyMap<number, Duplicate>,
): DuplicateGroup[] {
  const members = new Map<number, Duplicate[]>();
  for (const duplicate of duplicates.values()) {
    const keep = standing.of(duplicate.row);
    members.set(keep, [...(members.get(keep) ?? []), duplicate]);
  }
  return [...members]
    .sort(([a], [b]) => a - b)
    .map(([keep, others]) => ({
      keep,
      reason: reasonOf(images, keep, others),
      others: others.sort(
        (a, b) =>
          NEAREST.indexOf(a.likeness) - NEAREST.indexOf(b.likeness) || b.similarity - a.similarity || a.row - b.row,
      ),
    }));
}
