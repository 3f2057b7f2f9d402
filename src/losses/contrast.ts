import * as kernels from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import { expectShape, expectType, matrixShape, type Tensor } from "../engine/tensor.js";
import { ConfigError, ShapeError } from "../errors.js";
import { mean } from "../ops/elementwise.js";
import { meanStandardDeviation } from "../ops/rows.js";
import { embeddingGradients } from "./contrast-gradient.js";
import { type Block, cutPanels, measureBlock, type Pass, panelColumns, type Recording } from "./contrast-panels.js";
import { firstPass } from "./contrast-partials.js";
import { attracts, type RelationRule, relationConstants, separates } from "./contrast-relations.js";
import { checkTemperature, type NtXent } from "./nt-xent.js";

/** Embeddings that each have a loss. */
export interface Anchors {
  /** [rows, dim]; rows need not be normalised, and zero rows are compared as they are. */
  readonly z: Tensor;
  /** u32 [rows], any numbers: the image, the label or the clip of each row. */
  readonly groups: Tensor;
  /**
   * u32 [rows], for rules with `near`: frames, milliseconds or whatever `near` and `far` count in. Whole numbers, so that a key is
   * within a distance or not, whatever the size of the times: f32 has no 0.1 s, and skips frames from 2^24 on.
   */
  readonly times?: Tensor;
}

/** Embeddings that anchors are compared with, and what they are to them. */
export interface Keys extends Anchors, RelationRule {}

/** What `contrast` gives: tensors of one. */
export interface Contrast extends NtXent {
  /** Share [1] of the anchors that count, which are those with a key in the numerator and one in the denominator. */
  readonly anchored: Tensor;
}

/**
 * The contrastive losses of the InfoNCE family. With s the cosines over the temperature, P the keys that attract an anchor
 * (`positive` and `attracted`) and A its candidates (`positive` and `negative`), an anchor has the loss
 *
 *     -1 / |P| sum_{j in P} s[j] + log sum_{j in A} exp(s[j])
 *
 * (for several positives the "out" form of Khosla et al. 2020, equation 2). `loss` is the mean over the anchors of which neither P
 * nor A is empty; the others count for nothing, and where there are no such anchors, it is 0. `accuracy` is the share of the
 * anchors that count whose most similar key in P or A is in P, and more similar than every negative. `spread` is that of the
 * anchors.
 *
 * | loss | anchors | keys: same, other |
 * |---|---|---|
 * | NT-Xent of V views | all views | the same tensor: positive, negative |
 * | SupCon (Khosla et al. 2020) | all views, labels for groups | the same tensor: positive, negative |
 * | DCL (Yeh et al. 2021) | all views | the same tensor: attracted, negative |
 * | MoCo (He et al. 2020) | queries | the keys of the step: positive, ignored; the queue: ignored, negative |
 * | MoCo v3, NNCLR | predictions of a view | targets of the other view: positive, negative |
 * | instance discrimination (Wu et al. 2018) | a view | the bank: positive, negative |
 * | TCN (Sermanet et al. 2018), clips for groups | frames | the same tensor: positive, negative, with `near` |
 * | multi-crop | full views and, as a second tensor, small ones | the full views: positive, negative |
 *
 * Anchors may be several tensors: the mean is over all rows of them. A tensor that is anchors and keys has rows that are no keys
 * of themselves; its gradient is that of both roles. Gradients reach every watched tensor, and what is not watched, a queue or what
 * a teacher computes, takes no gradient pass. The matrix of logits is never stored: besides the gradients, memory is needed for a
 * panel of keys and partial sums, some 8 MiB at most up to 128 dimensions.
 *
 * Chance levels: log |A|, that is, log(VN - 1) for V views, log(K + 1) for a queue of K.
 * @throws ConfigError for a temperature that is not above 0, keys none of which attract or none of which are negatives, or times
 * out of range; ShapeError for tensors that do not fit together.
 */
export function contrast(
  tape: Tape,
  anchors: Anchors | readonly Anchors[],
  keys: readonly Keys[],
  { temperature }: { readonly temperature: number },
): Contrast {
  const sets = "z" in anchors ? [anchors] : anchors;
  const rows = Math.max(
    ...sets.map(({ z }) => z.shape[0]),
    ...keys.map(({ z }) => (tape.needsGradient(z) ? z.shape[0] : 1)),
  );
  const columns = Math.max(...[...sets, ...keys].map(({ z }) => z.shape[0]));
  return contrastInPanels(tape, sets, keys, temperature, panelColumns(rows, columns, sets[0]?.z.shape[1] ?? 1));
}

/** The loss as `contrast` computes it, in panels of so many columns. */
export function contrastInPanels(
  tape: Tape,
  sets: readonly Anchors[],
  keys: readonly Keys[],
  temperature: number,
  columns: number,
): Contrast {
  checkTemperature(temperature);
  checkSets(sets, keys);
  const rules = keys.map((set) => ({ set, relations: relationConstants(set) }));
  if (!rules.some(({ relations }) => attracts(relations))) {
    throw new ConfigError("no key can attract an anchor: make some of them positive, or attracted");
  }
  if (!rules.some(({ relations }) => separates(relations))) {
    throw new ConfigError("no key can be negative: without any, all that the loss asks for is a collapse");
  }
  const timed = rules.some(({ relations }) => relations.TIMED);
  const measured = new Map<Tensor, Block>();
  for (const { z, groups, times } of [...sets, ...keys]) {
    if (!measured.has(z)) measured.set(z, measureBlock(tape, z, groups, timed ? (times ?? null) : null));
  }
  const blockOf = ({ z }: Anchors) => measured.get(z) ?? [];
  const blocks = sets.flatMap(blockOf);
  // Those that attract first: theirs are the first launches, which begin all seven parts of what is kept of an anchor.
  const ordered = [...rules.filter(({ relations }) => attracts(relations)), ...rules].flatMap(({ set }) =>
    blockOf(set),
  );
  const passes = rules.flatMap(({ set, relations }) =>
    [blockOf(set)].flat().flatMap((own) => blocks.map((block): Pass => ({ anchors: block, keys: own, relations }))),
  );
  const [, dim] = matrixShape(sets[0].z);
  const recording: Recording = {
    anchors: blocks,
    panels: cutPanels([...new Set([...ordered, ...blocks])], columns),
    dim,
    inverse_temperature: 1 / temperature,
    onePositive: false,
    weighted: false,
  };
  return record(tape, recording, passes);
}

function record(tape: Tape, recording: Recording, passes: readonly Pass[]): Contrast {
  const total = recording.anchors.reduce((sum, { rows }) => sum + rows, 0);
  const { partials, statistics } = firstPass(tape, recording, passes, 7);
  const [losses, correct, counted] = ["losses", "correct", "counted"].map((label) => tape.tensor([total], label));
  let first = 0;
  for (const [{ rows, anchors }, { tensor, splits }] of partials) {
    tape.launch(
      kernels.contrastCombine,
      { partials: tensor, anchors, losses, correct, counted },
      { rows, splits, first, total },
    );
    first += rows;
  }
  const loss = countedMean(tape, losses, counted, "contrastive loss");
  const inputs = [...new Set(passes.flatMap(({ anchors, keys }) => [anchors.z, keys.z]))];
  tape.differentiate(inputs, loss, (gradient) => {
    const ofOne = countedMean(tape, gradient, counted, "gradient of an anchor's loss");
    const gradients = embeddingGradients(tape, recording, passes, ofOne, 1);
    return inputs.map((z) => gradients.get(z) ?? null);
  });
  return {
    loss,
    accuracy: countedMean(tape, correct, counted, "contrastive accuracy"),
    spread: meanStandardDeviation(tape, statistics),
    anchored: mean(tape, counted, "share of anchors that count"),
  };
}

/** The sum of x over how many count, or over 1 where none does. */
function countedMean(tape: Tape, x: Tensor, counted: Tensor, label: string): Tensor {
  const y = tape.tensor([1], label);
  tape.launch(kernels.countedMean, { x, counted, y }, { elements: x.size, numbers: counted.size });
  return y;
}

function checkSets(sets: readonly Anchors[], keys: readonly Keys[]): void {
  if (sets.length === 0 || keys.length === 0) {
    throw new ShapeError(
      `there are ${sets.length} tensors of anchors and ${keys.length} of keys: there must be some of both`,
    );
  }
  const [, dim] = matrixShape(sets[0].z);
  const known = new Map<Tensor, Anchors>();
  for (const set of [...sets, ...keys]) {
    const { z, groups, times } = set;
    const [rows, cols] = matrixShape(z);
    if (cols !== dim) throw new ShapeError(`${z} must have as many dimensions as ${sets[0].z}`);
    expectShape(groups, [rows], `to be the groups of ${z}`);
    expectType(groups, "u32", `to be the groups of ${z}`);
    if (times) {
      expectShape(times, [rows], `to be the times of ${z}`);
      expectType(times, "u32", `to be the times of ${z}`);
    }
    const before = known.get(z) ?? set;
    if (before.groups !== groups || before.times !== times) {
      throw new ShapeError(`${z} is given as anchors and as keys: both must have the same groups and times`);
    }
    known.set(z, set);
  }
  for (const list of [sets, keys]) {
    const twice = list.find(({ z }, i) => list.some((other, k) => k < i && other.z === z));
    if (twice) throw new ShapeError(`${twice.z} is given twice as ${list === keys ? "keys" : "anchors"}`);
  }
  const late = keys.find(({ near, times }) => near !== undefined && !times) ?? undefined;
  const needed = keys.some(({ near }) => near !== undefined);
  const without = late ?? (needed ? sets.find(({ times }) => !times) : undefined);
  if (without) throw new ShapeError(`${without.z} has no times: with near, keys and all anchors need them`);
}
