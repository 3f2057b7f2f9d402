import { l2NormalizeBackward, l2NormalizeForward } from "./l2-normalize.js";
import { columnSums } from "./reduction.js";

/** What a key is to an anchor: in numerator and denominator, in the numerator alone, in the denominator alone, in neither. */
export type KeyRelation = "positive" | "attracted" | "negative" | "ignored";

/** Rows of embeddings; sets are told apart by identity. */
export interface EmbeddingSet {
  /** [rows, dimension]. */
  readonly z: Float64Array;
  readonly groups: ArrayLike<number>;
  readonly times?: ArrayLike<number>;
}

/** A set whose rows are keys, and what they are to anchors. */
export interface KeySet {
  readonly set: EmbeddingSet;
  readonly same: KeyRelation;
  readonly other: KeyRelation;
  /** With it, keys of the same group are `same` up to `near` away, `beyond` further than `far`, and ignored between. */
  readonly near?: number;
  readonly far?: number;
  readonly beyond?: KeyRelation;
}

/** Anchors and keys of one loss. */
export interface KeyedContrast {
  readonly dimension: number;
  readonly temperature: number;
  readonly anchors: readonly EmbeddingSet[];
  readonly keys: readonly KeySet[];
}

/** An anchor and one of its keys. */
export interface KeyPair {
  readonly key: EmbeddingSet;
  readonly row: number;
  readonly relation: KeyRelation;
  /** Cosine over the temperature. */
  readonly logit: number;
}

/** Result of {@link contrastKeys}. */
export interface KeyedContrastResult {
  /** Mean over the anchors that count. */
  readonly loss: number;
  /** Share of them whose most similar key that attracts is more similar than every negative; a tie counts as a miss. */
  readonly accuracy: number;
  /** Share of the anchors that count. */
  readonly anchored: number;
  /** Mean over the dimensions of the standard deviation of the normalised anchors. */
  readonly spread: number;
  /** Gradient of the loss by each set, through the normalisation, as anchors and as keys. */
  readonly gradients: ReadonlyMap<EmbeddingSet, Float64Array>;
}

export const attractsAnchor = (relation: KeyRelation) => relation === "positive" || relation === "attracted";
export const isCandidate = (relation: KeyRelation) => relation === "positive" || relation === "negative";

function relationOf(keys: KeySet, anchors: EmbeddingSet, i: number, j: number): KeyRelation {
  const { set, same, other, near, far = 2 * (near ?? 0), beyond = "negative" } = keys;
  if (set === anchors && i === j) return "ignored";
  if (anchors.groups[i] !== set.groups[j]) return other;
  if (near === undefined) return same;
  const apart = Math.abs((anchors.times?.[i] ?? 0) - (set.times?.[j] ?? 0));
  if (apart <= near) return same;
  return apart > far ? beyond : "ignored";
}

/** Calls `visit` for each anchor with all of its keys that are not ignored. */
export function visitAnchors(
  { dimension, temperature, anchors, keys }: KeyedContrast,
  visit: (set: EmbeddingSet, row: number, pairs: readonly KeyPair[]) => void,
): void {
  const units = new Map<EmbeddingSet, Float64Array>();
  const unitOf = (set: EmbeddingSet) => {
    const unit = units.get(set) ?? l2NormalizeForward(set.z, set.z.length / dimension, dimension).y;
    units.set(set, unit);
    return unit;
  };
  for (const set of anchors) {
    const own = unitOf(set);
    for (let i = 0; i < own.length / dimension; i++) {
      const pairs: KeyPair[] = [];
      for (const block of keys) {
        const others = unitOf(block.set);
        for (let j = 0; j < others.length / dimension; j++) {
          const relation = relationOf(block, set, i, j);
          if (relation === "ignored") continue;
          let dot = 0;
          for (let d = 0; d < dimension; d++) dot += own[i * dimension + d] * others[j * dimension + d];
          pairs.push({ key: block.set, row: j, relation, logit: dot / temperature });
        }
      }
      visit(set, i, pairs);
    }
  }
}

/** True where an anchor with these keys has a loss: one of them attracts, and one is a candidate. */
export function anchorCounts(pairs: readonly KeyPair[]): boolean {
  return pairs.some(({ relation }) => attractsAnchor(relation)) && pairs.some(({ relation }) => isCandidate(relation));
}

const largest = (values: readonly number[]) => values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);

/**
 * The contrastive losses of anchors and keys: with P the keys that attract an anchor and A its candidates, the mean over the
 * anchors that have some of both of -1 / |P| sum_{j in P} s[j] + log sum_{j in A} exp(s[j]).
 */
export function contrastKeys(inputs: KeyedContrast): KeyedContrastResult {
  const { dimension, temperature, anchors, keys } = inputs;
  const sets = new Set([...anchors, ...keys.map(({ set }) => set)]);
  const normalizations = new Map(
    [...sets].map((set) => [set, l2NormalizeForward(set.z, set.z.length / dimension, dimension)] as const),
  );
  const unitOf = (set: EmbeddingSet) => normalizations.get(set)?.y ?? new Float64Array();
  const sums = new Map([...sets].map((set) => [set, new Float64Array(set.z.length)] as const));
  let [losses, hits, counted, total] = [0, 0, 0, 0];
  visitAnchors(inputs, (set, i, pairs) => {
    total++;
    if (!anchorCounts(pairs)) return;
    counted++;
    const positives = pairs.filter(({ relation }) => attractsAnchor(relation));
    const candidates = pairs.filter(({ relation }) => isCandidate(relation));
    const maximum = largest(candidates.map(({ logit }) => logit));
    const lse = maximum + Math.log(candidates.reduce((sum, { logit }) => sum + Math.exp(logit - maximum), 0));
    losses += lse - positives.reduce((sum, { logit }) => sum + logit / positives.length, 0);
    const negatives = pairs.filter(({ relation }) => relation === "negative");
    if (largest(positives.map(({ logit }) => logit)) > largest(negatives.map(({ logit }) => logit))) hits++;
    for (const { key, row, relation, logit } of pairs) {
      const probability = isCandidate(relation) ? Math.exp(logit - lse) : 0;
      const slope = (probability - (attractsAnchor(relation) ? 1 / positives.length : 0)) / temperature;
      const [own, other] = [unitOf(set), unitOf(key)];
      const [ownSum, otherSum] = [sums.get(set), sums.get(key)];
      for (let d = 0; d < dimension; d++) {
        const [at, keyAt] = [i * dimension + d, row * dimension + d];
        if (ownSum) ownSum[at] += slope * other[keyAt];
        if (otherSum) otherSum[keyAt] += slope * own[at];
      }
    }
  });
  const number = Math.max(counted, 1);
  const gradients = new Map<EmbeddingSet, Float64Array>();
  for (const [set, normalization] of normalizations) {
    const dUnit = (sums.get(set) ?? new Float64Array()).map((value) => value / number);
    gradients.set(set, l2NormalizeBackward(normalization, dUnit, set.z.length / dimension, dimension));
  }
  return {
    loss: losses / number,
    accuracy: hits / number,
    anchored: counted / total,
    spread: spreadOf(anchors.map(unitOf), dimension),
    gradients,
  };
}

/** Mean over the dimensions of the standard deviation of all rows. */
function spreadOf(units: readonly Float64Array[], dimension: number): number {
  const all = Float64Array.from(units.flatMap((unit) => Array.from(unit)));
  const rows = all.length / dimension;
  const means = columnSums(all, rows, dimension).map((sum) => sum / rows);
  const variances = columnSums(
    all.map((value, i) => (value - means[i % dimension]) ** 2),
    rows,
    dimension,
  ).map((sum) => sum / rows);
  return variances.reduce((sum, variance) => sum + Math.sqrt(variance), 0) / dimension;
}
