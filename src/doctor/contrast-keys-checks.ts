import type { Tensor } from "../engine/tensor.js";
import { type Anchors, contrast, contrastInPanels, type Keys } from "../losses/contrast.js";
import { panelColumns } from "../losses/contrast-panels.js";
import { FUSED_GRADIENT_DIMENSIONS } from "../ops/variants.js";
import {
  anchorCounts,
  attractsAnchor,
  contrastKeys,
  type EmbeddingSet,
  isCandidate,
  type KeyPair,
  visitAnchors,
} from "../reference/contrast-keys.js";
import { l2NormalizeForward } from "../reference/l2-normalize.js";
import {
  type Check,
  checkOf,
  evaluate,
  gradientOf,
  type Input,
  type KernelName,
  type Outputs,
  type Subject,
} from "./check.js";
import { type ContrastKeysInputs, type KEYED_LOSSES, type KeyedSizes, keyedInputs } from "./contrast-keys-inputs.js";
import { type ContrastTiles, withContrastTiles } from "./contrast-tiles.js";
import { exponentialSum, normalizedError, normalizeGradientError, smallest, spreadError } from "./loss-checks.js";
import { expRoundings, logError, ROUNDINGS, relativeError, UNIT } from "./rounding.js";

const rowsIn = ({ z }: EmbeddingSet, dimension: number) => z.length / dimension;

/** Puts the sets on the device, each once. */
function tensorsOf({ dimension, anchors, keys }: ContrastKeysInputs, input: Input): (set: EmbeddingSet) => Anchors {
  const tensors = new Map<EmbeddingSet, Anchors>();
  const anchorsOf = (set: EmbeddingSet): Anchors => {
    const known = tensors.get(set);
    if (known) return known;
    const rows = rowsIn(set, dimension);
    const marks = (data: ArrayLike<number>) => input(Uint32Array.from(data), [rows]);
    const made = {
      z: input(set.z, [rows, dimension]),
      groups: marks(set.groups),
      ...(set.times && { times: marks(set.times) }),
    };
    tensors.set(set, made);
    return made;
  };
  for (const set of [...anchors, ...keys.map((key) => key.set)]) anchorsOf(set);
  return anchorsOf;
}

/** Name of the gradient of a set, by its place among the watched ones. */
const gradientName = (place: number) => `gradient ${place}`;

/** Outputs loss, accuracy, anchored, spread, and the gradient of each watched set; by kernels of these tiles, if any. */
export function contrastKeysSubject(tiles?: ContrastTiles): Subject<ContrastKeysInputs> {
  return {
    compute: (device, inputs) =>
      evaluate(device, (tape, input) => {
        const { anchors, keys, watched, temperature, panel } = inputs;
        const of = tensorsOf(inputs, input);
        tape.watch(...watched.map((set) => of(set).z));
        const sets = anchors.map(of);
        const blocks = keys.map(({ set, ...rule }): Keys => ({ ...of(set), ...rule }));
        const record = (): Record<string, Tensor> => {
          const { loss, accuracy, anchored, spread } = panel
            ? contrastInPanels(tape, sets, blocks, temperature, panel)
            : contrast(tape, sets, blocks, { temperature });
          tape.backward(loss);
          const gradients = watched.map((set, i) => [gradientName(i), gradientOf(tape, of(set).z)]);
          return { loss, accuracy, anchored, spread, ...Object.fromEntries(gradients) };
        };
        return tiles ? withContrastTiles(tape, tiles, record) : record();
      }),
    reference(inputs) {
      const { loss, accuracy, anchored, spread, gradients } = contrastKeys(inputs);
      return {
        ...{ loss: Float64Array.of(loss), accuracy: Float64Array.of(accuracy) },
        ...{ anchored: Float64Array.of(anchored), spread: Float64Array.of(spread) },
        ...Object.fromEntries(
          inputs.watched.map((set, i) => [gradientName(i), gradients.get(set) ?? new Float64Array()]),
        ),
      };
    },
    tolerance: (inputs) => contrastKeysTolerance(inputs, tiles ? tiles.partials.COL_THREADS * tiles.partials.COLS : 64),
  };
}

/** Widths of the panels of some sets. */
function panelWidths(
  { dimension, anchors, keys, watched, panel }: ContrastKeysInputs,
  sets: readonly EmbeddingSet[],
): number[] {
  const all = [...anchors, ...keys.map(({ set }) => set)];
  const most = (of: readonly EmbeddingSet[]) => Math.max(...of.map((set) => rowsIn(set, dimension)));
  const columns = panel ?? panelColumns(most([...anchors, ...watched]), most(all), dimension);
  return sets.flatMap((set) => {
    const rows = rowsIn(set, dimension);
    return Array.from({ length: Math.ceil(rows / columns) }, (_, i) => Math.min(columns, rows - i * columns));
  });
}

/** What the loss of an anchor and its slopes may be off by. */
interface AnchorErrors {
  readonly loss: number;
  readonly lossError: number;
  readonly isTie: boolean;
  /** Derivative of the loss by a logit, and its error. */
  slope(pair: KeyPair): { readonly value: number; readonly error: number };
}

function anchorErrors(pairs: readonly KeyPair[], logitError: number, scalings: number): AnchorErrors {
  const logits = (picks: (relation: KeyPair["relation"]) => boolean) =>
    Float64Array.from(pairs.filter(({ relation }) => picks(relation)).map(({ logit }) => logit));
  const attracting = logits(attractsAnchor);
  const negatives = logits((relation) => relation === "negative");
  const { largest, sum, error } = exponentialSum(logits(isCandidate), scalings);
  const lse = largest + Math.log(sum);
  // The log-sum-exp moves no further than the logits do.
  const lseError = logitError + error + logError(sum) + UNIT * Math.abs(lse);
  const count = attracting.length;
  const mean = attracting.reduce((total, logit) => total + logit / count, 0);
  const size = attracting.reduce((total, logit) => total + Math.abs(logit) / count, 0);
  // A single logit is its mean without rounding.
  const meanError = count === 1 ? 0 : size * relativeError(count + ROUNDINGS.division);
  const most = (values: Float64Array) => values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  // The negatives' share: what they and the positive are off by, both sums, the quotient.
  const rest = negatives.reduce((share, logit) => share + Math.exp(logit - lse), 0);
  const restError = rest * (2 * logitError + 2 * error + relativeError(ROUNDINGS.division + 2)) + smallest;
  const share = 1 / count;
  const shareError = count === 1 ? 0 : share * relativeError(ROUNDINGS.division);
  return {
    loss: lse - mean,
    lossError:
      2 * logitError +
      error +
      logError(sum) +
      meanError +
      UNIT * (Math.abs(largest - mean) + meanError + Math.abs(lse - mean)),
    isTie: Math.abs(most(attracting) - most(negatives)) <= 2 * logitError,
    slope({ relation, logit }) {
      const argument = logit - lse;
      const probability = isCandidate(relation) ? Math.exp(argument) : 0;
      // The errors of the logit and of the log-sum-exp, their difference, the exponential.
      const roundings = relativeError(expRoundings(argument) + Math.abs(argument) + 2);
      const probabilityError = probability === 0 ? 0 : probability * (logitError + lseError + roundings) + smallest;
      if (!attractsAnchor(relation)) return { value: probability, error: probabilityError };
      if (count === 1 && relation === "positive") return { value: -rest, error: restError };
      const value = probability - share;
      return { value, error: probabilityError + shareError + UNIT * (probability + share) };
    },
  };
}

/** What the outputs of `contrastKeysSubject` may be off by where a tile has this many columns or more. */
function contrastKeysTolerance(inputs: ContrastKeysInputs, tileColumns: number): Outputs {
  const { dimension, temperature, anchors, keys, watched } = inputs;
  const sets = [...new Set([...anchors, ...keys.map(({ set }) => set)])];
  const normalizations = new Map(
    sets.map((set) => [set, l2NormalizeForward(set.z, rowsIn(set, dimension), dimension)] as const),
  );
  const unitOf = (set: EmbeddingSet) => normalizations.get(set)?.y ?? new Float64Array();
  // A row times the reciprocal of its norm.
  const unitError = normalizedError(dimension) + UNIT;
  // A dot product of two rows, each with its error, whose absolute terms add up to at most 1 (Cauchy and Schwarz); then a product
  // with the reciprocal of the temperature, which is rounded too.
  const logitError = (relativeError(dimension + 1) + 2 * unitError + 2 * UNIT) / temperature;
  // Sums of exponentials are scaled when the maximum moves: at most once a tile, once over the lanes of a workgroup, once a panel,
  // once over the runs of columns, and once where positives and negatives meet.
  const widths = panelWidths(
    inputs,
    keys.map(({ set }) => set),
  );
  const scalings = widths.reduce((sum, width) => sum + Math.ceil(width / tileColumns) + 1, 3);
  // Sums over all rows that a set meets, panels, runs of columns, the factor, and the row that it comes before.
  const met = sets.reduce((sum, set) => sum + rowsIn(set, dimension), 0);
  const sumError = relativeError(met + panelWidths(inputs, sets).length + 64 + 3) + unitError + UNIT;

  const gradients = new Map(sets.map((set) => [set, new Float64Array(set.z.length)] as const));
  const errors = new Map(sets.map((set) => [set, new Float64Array(set.z.length)] as const));
  const add = (to: EmbeddingSet, row: number, from: Float64Array, fromRow: number, value: number, error: number) => {
    const [gradient, gradientError] = [gradients.get(to), errors.get(to)];
    if (!gradient || !gradientError) return;
    for (let d = 0; d < dimension; d++) {
      const unit = from[fromRow * dimension + d];
      gradient[row * dimension + d] += value * unit;
      gradientError[row * dimension + d] += (error + Math.abs(value) * sumError) * Math.abs(unit);
    }
  };
  let [losses, lossErrors, ties, counted] = [0, 0, 0, 0];
  visitAnchors(inputs, (set, row, pairs) => {
    if (!anchorCounts(pairs)) return;
    counted++;
    const { loss, lossError, isTie, slope } = anchorErrors(pairs, logitError, scalings);
    losses += Math.abs(loss);
    lossErrors += lossError;
    if (isTie) ties++;
    for (const pair of pairs) {
      const { value, error } = slope(pair);
      add(set, row, unitOf(pair.key), pair.row, value, error);
      add(pair.key, pair.row, unitOf(set), row, value, error);
    }
  });
  const number = Math.max(counted, 1);
  const scale = 1 / (number * temperature);
  const gradientErrors = watched.map((set, i) => {
    const normalization = normalizations.get(set) ?? l2NormalizeForward(set.z, rowsIn(set, dimension), dimension);
    const scaled = (gradients.get(set) ?? new Float64Array()).map((value) => value * scale);
    // Two products, two divisions, and the reciprocal of the temperature.
    const rounding = relativeError(3 + 2 * ROUNDINGS.division);
    const scaledError = (errors.get(set) ?? new Float64Array()).map(
      (value, at) => value * scale + Math.abs(scaled[at]) * rounding,
    );
    // A product more than in the gradient of normalised rows: with the reciprocal of the norm.
    return [gradientName(i), normalizeGradientError(normalization, scaled, dimension, scaledError, 1)] as const;
  });
  const allAnchors = Float64Array.from(anchors.flatMap((set) => Array.from(unitOf(set))));
  const division = relativeError(ROUNDINGS.division);
  return {
    loss: Float64Array.of((lossErrors + relativeError(counted + ROUNDINGS.division) * losses) / number),
    // A count, divided; where the best negative comes as near as logits may be off, either answer is right.
    accuracy: Float64Array.of(ties / number + division),
    anchored: Float64Array.of(division),
    spread: Float64Array.of(spreadError(allAnchors, dimension, unitError, panelWidths(inputs, anchors).length)),
    ...Object.fromEntries(gradientErrors),
  };
}

const isTimed = (loss: string) => ["times", "all relations", "timed keys"].includes(loss);

/** A check of a loss of anchors and keys; by kernels of these tiles, if any. */
export function checkContrastKeys(
  loss: (typeof KEYED_LOSSES)[number],
  sizes: KeyedSizes,
  tiles?: ContrastTiles,
): Check {
  const { images, dimension, temperature, views = 2, more = images, scale = 1, panel } = sizes;
  const pieces = panel ? `, in panels of ${panel}` : "";
  const tileText = tiles
    ? `, tiles of ${Object.values(tiles.partials).join("-")} and ${Object.values(tiles.gradient).join("-")}`
    : "";
  const text = `${loss}: ${views} views of ${images} images, ${more} other rows, dimension ${dimension}, temperature ${temperature}, size ${scale}${pieces}, and gradients${tileText}`;
  const used: KernelName[] = [
    ...(["inverseNorms", "contrastColumns", "contrastStatistics", "contrastCombine", "countedMean", "mean"] as const),
    ...(["meanStandardDeviation", "contrastEmbeddingGradient"] as const),
    tiles ? "contrastPartialsTiled" : "contrastPartials",
    dimension > FUSED_GRADIENT_DIMENSIONS ? "contrastFactors" : tiles ? "contrastGradientTiled" : "contrastGradient",
    ...(isTimed(loss) ? (["timedMarks"] as const) : []),
  ];
  return checkOf(used, text, contrastKeysSubject(tiles), () => keyedInputs(loss, sizes));
}

/** Small tiles, so that a few rows fill several of them. */
export const SMALL_TILES: ContrastTiles = {
  partials: { ROW_THREADS: 2, COL_THREADS: 4, ROWS: 4, COLS: 4, DEPTH: 4 },
  gradient: { ROW_THREADS: 2, COL_THREADS: 4, ROWS: 2, COLS: 4, DEPTH: 4, DIMS: 16 },
};

/**
 * Checks of losses of anchors and keys: several positives and none, keys of their own, few rows against many, all relations and
 * times; above 128 dimensions; with tiles in workgroup memory. Few of them, for each rule has kernels of its own to compile.
 */
export const contrastKeysChecks: readonly Check[] = [
  checkContrastKeys("views", { images: 11, dimension: 8, temperature: 0.05, views: 3 }),
  checkContrastKeys("labels", { images: 17, dimension: 12, temperature: 0.5, panel: 13 }),
  checkContrastKeys("queue", { images: 3, dimension: 8, temperature: 0.1, more: 700, scale: 100 }),
  checkContrastKeys("all relations", { images: 9, dimension: 20, temperature: 0.05, panel: 10 }),
  checkContrastKeys("crops", { images: 8, dimension: 132, temperature: 0.1, more: 13, panel: 9 }),
  checkContrastKeys("times", { images: 9, dimension: 20, temperature: 0.05, panel: 10 }, SMALL_TILES),
];
