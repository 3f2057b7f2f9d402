import type { EmbeddingSet, KeyedContrast, KeySet } from "../reference/contrast-keys.js";
import { type RandomInputs, randomInputs } from "./random-inputs.js";

/** Anchors and keys of a check, and which of them take gradients. */
export interface ContrastKeysInputs extends KeyedContrast {
  readonly watched: readonly EmbeddingSet[];
  /** Columns of a panel; as many as the loss takes by itself without it. */
  readonly panel?: number;
}

/** The losses that anchors and keys make. */
export const KEYED_LOSSES = [
  "views",
  "labels",
  "decoupled",
  "queue",
  "apart",
  "bank",
  "times",
  "crops",
  "two rules",
  "all relations",
  "timed keys",
] as const;

/** Sizes of a check. */
export interface KeyedSizes {
  readonly images: number;
  readonly dimension: number;
  readonly temperature: number;
  /** Of each image, 2 by default. */
  readonly views?: number;
  /** Rows of a queue or a bank, or of a second set of anchors. */
  readonly more?: number;
  /** Size of the elements, 1 by default. */
  readonly scale?: number;
  readonly panel?: number;
}

/** Numbers of images, spread over all that u32 has. */
const imageNumber = (image: number) => Math.imul(image + 1, 0x9e3779b1) >>> 0;

interface Marked extends EmbeddingSet {
  readonly groups: Uint32Array<ArrayBuffer>;
}

/** So many views of related embeddings, view after view. */
function views(random: RandomInputs, count: number, { images, dimension, scale = 1 }: KeyedSizes): Marked {
  const base = random.normal(images * dimension, scale);
  const noise = random.normal(count * images * dimension, 0.7 * scale);
  const z = noise.map((value, i) => Math.fround(value + base[i % base.length]));
  return { z, groups: Uint32Array.from({ length: count * images }, (_, row) => imageNumber(row % images)) };
}

/** Anchors and keys as a loss has them, of random embeddings from a fixed seed. */
export function keyedInputs(loss: (typeof KEYED_LOSSES)[number], sizes: KeyedSizes): ContrastKeysInputs {
  const { images, dimension, temperature, views: count = 2, more = images, scale = 1, panel } = sizes;
  const random = randomInputs(19);
  const make = (anchors: readonly EmbeddingSet[], keys: readonly KeySet[], watched = anchors): ContrastKeysInputs => ({
    ...{ dimension, temperature, anchors, keys, watched, panel },
  });
  const all = views(random, count, sizes);
  const rows = images * count;
  /** More rows, of the same images or of any. */
  const others = (groupOf: (row: number) => number): Marked => ({
    z: random.normal(more * dimension, scale),
    groups: Uint32Array.from({ length: more }, (_, row) => imageNumber(groupOf(row))),
  });
  const second = others((row) => row % images);
  const timed = ({ z, groups }: Marked) => ({ z, groups, times: groups.map((_, row) => (row * 7) % 23) });
  switch (loss) {
    case "views":
      return make([all], [{ set: all, same: "positive", other: "negative" }]);
    case "labels": {
      // Labels of a few rows each, and of one row, which then is no anchor.
      const groups = random.below(rows, Math.ceil(rows / 3)).map(imageNumber);
      const set = { z: all.z, groups };
      return make([set], [{ set, same: "positive", other: "negative" }]);
    }
    case "decoupled":
      return make([all], [{ set: all, same: "attracted", other: "negative" }]);
    case "queue": {
      const keys = views(random, 1, sizes);
      // Every third row of the queue is of an image of the batch.
      const queue = others((row) => (row % 3 === 0 ? row % images : images + row));
      return make(
        [all],
        [
          { set: queue, same: "ignored", other: "negative" },
          { set: keys, same: "positive", other: "ignored" },
        ],
      );
    }
    case "apart": {
      const targets = views(random, 1, sizes);
      return make([all], [{ set: targets, same: "positive", other: "negative" }], [all, targets]);
    }
    case "bank":
      return make([all], [{ set: others((row) => row), same: "positive", other: "negative" }]);
    case "times": {
      // Three clips, of frames a few apart, from a time on where f32 has no odd numbers left.
      const groups = Uint32Array.from({ length: rows }, (_, row) => row % 3);
      const times = Uint32Array.from(random.below(rows, 2 * rows), (time) => 2 ** 24 + time);
      const set = { z: all.z, groups, times };
      return make([set], [{ set, same: "positive", other: "negative", near: Math.ceil(rows / 8) }]);
    }
    case "crops":
      return make([all, second], [{ set: all, same: "positive", other: "negative" }]);
    case "two rules":
      return make(
        [all, second],
        [
          { set: second, same: "attracted", other: "negative" },
          { set: all, same: "positive", other: "negative" },
        ],
      );
    case "all relations": {
      const set = timed(all);
      return make([set], [{ set, same: "attracted", other: "negative", near: 4, far: 9, beyond: "positive" }]);
    }
    case "timed keys": {
      const [set, keys] = [timed(all), timed(second)];
      return make(
        [set],
        [
          { set: keys, same: "negative", other: "ignored", near: 0, far: 0, beyond: "attracted" },
          { set, same: "positive", other: "negative" },
        ],
        [set, keys],
      );
    }
  }
}
