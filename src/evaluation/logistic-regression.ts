import { holdOutIndices } from "../data/views.js";
import type { Device } from "../engine/device.js";
import type { Program } from "../engine/program.js";
import { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { withPrograms } from "../engine/with-programs.js";
import { ConfigError } from "../errors.js";
import { softmaxCrossEntropy } from "../losses/softmax-cross-entropy.js";
import { columnStatistics } from "../ops/batch-norm.js";
import { addBias, matmul } from "../ops/matmul.js";
import { standardize } from "../ops/rows.js";
import { type Minimum, minimize } from "../optim/l-bfgs.js";
import type { Features } from "./embed.js";
import { checkLabelled, type LabelledFeatures, type LinearProbeResult } from "./linear-probe.js";

/** Settings of the optimisation by L-BFGS. */
export interface LogisticOptimization {
  /** 1000 by default. */
  readonly maxIterations?: number;
  /** Steps that L-BFGS remembers; 10 by default. */
  readonly history?: number;
  /** The Euclidean norm of the objective's gradient at which it is done; 1e-4 by default. */
  readonly tolerance?: number;
}

/** Settings of a logistic regression. */
export interface LogisticRegressionOptions extends LogisticOptimization {
  /** Weight of the penalty, 1e-3 by default. */
  readonly l2?: number;
}

/** A logistic regression, where it ended. */
export interface LogisticRegressionResult extends LinearProbeResult {
  /** Mean cross-entropy of the training rows + l2 / 2 |weight|^2. */
  readonly objective: number;
  /** Euclidean norm of its gradient. */
  readonly gradientNorm: number;
  /** Of L-BFGS. */
  readonly iterations: number;
  /** True where the gradient's norm came down to the tolerance. */
  readonly converged: boolean;
  /** [dimension, classes], for standardised representations. */
  readonly weight: Float32Array<ArrayBuffer>;
  /** [classes]. */
  readonly bias: Float32Array<ArrayBuffer>;
}

/** The 45 penalties of Chen et al. 2020, appendix B.8: from 1e-6 to 1e5, the same factor apart. */
export const L2_GRID: readonly number[] = Array.from({ length: 45 }, (_, i) => 10 ** (-6 + (11 * i) / 44));

/**
 * Multinomial logistic regression on frozen representations (Chen et al. 2020, appendix B.8), by L-BFGS to convergence:
 * minimises mean cross-entropy + l2 / 2 |weight|^2; the bias is not penalised. The columns are standardised with the training
 * set's mean and variance first, as for the linear probe. Nothing is drawn: the same rows give the same result.
 * @throws ConfigError where there are fewer than two training rows or classes, labels or dimensions that do not fit, values
 *   that are not finite, or an option out of its range.
 */
export async function logisticRegression(
  device: Device,
  train: LabelledFeatures,
  test: LabelledFeatures,
  classes: number,
  { l2 = 1e-3, ...optimization }: LogisticRegressionOptions = {},
): Promise<LogisticRegressionResult> {
  checkPenalty(l2);
  return withProblem(device, train, test, classes, (problem) => problem.solve(l2, problem.origin, optimization));
}

/** Settings of the search for a penalty. */
export interface LogisticSearchOptions extends LogisticOptimization {
  /** Penalties to choose from; `L2_GRID` by default. */
  readonly l2s?: readonly number[];
  /** Share of each class's training rows to choose by, 0.1 by default. */
  readonly validationShare?: number;
}

/** The logistic regression with the best penalty. */
export interface LogisticSearchResult extends LogisticRegressionResult {
  /** The penalty that did best. */
  readonly l2: number;
  /** How well each penalty did, the largest first. */
  readonly validation: readonly {
    /** Weight of the penalty. */
    readonly l2: number;
    /** Share of the validation rows that came out right. */
    readonly accuracy: number;
  }[];
}

/**
 * Logistic regression whose penalty is chosen as for transfer (Chen et al. 2020, appendix B.8): each of `l2s` is tried on a part
 * of the training rows and judged by the rest, and the best one, of equal ones the largest, is used for a last
 * regression on all training rows. From the largest to the smallest, each starts where the one before ended.
 * @throws ConfigError as `logisticRegression` does, and where there are no penalties or no rows for validation.
 */
export async function searchLogisticRegression(
  device: Device,
  train: LabelledFeatures,
  test: LabelledFeatures,
  classes: number,
  { l2s = L2_GRID, validationShare = 0.1, ...optimization }: LogisticSearchOptions = {},
): Promise<LogisticSearchResult> {
  l2s.forEach(checkPenalty);
  if (l2s.length === 0) throw new ConfigError("there is no penalty to choose from: give at least one in l2s");
  const { kept, held } = holdOutIndices(train.labels, train.features.rows, validationShare);
  if (held.length === 0) {
    throw new ConfigError(
      `a share of ${validationShare} of ${train.features.rows} training images leaves none for validation: make it larger`,
    );
  }
  const chosen = await withProblem(device, rowsOf(train, kept), rowsOf(train, held), classes, async (part) => {
    const validation: { l2: number; accuracy: number }[] = [];
    let best = { l2: l2s[0], accuracy: -1, point: part.origin };
    let point = part.origin;
    for (const l2 of l2s.toSorted((a, b) => b - a)) {
      const { testAccuracy: accuracy, weight, bias } = await part.solve(l2, point, optimization);
      validation.push({ l2, accuracy });
      point = joined(weight, bias);
      if (accuracy > best.accuracy) best = { l2, accuracy, point };
    }
    return { ...best, validation };
  });
  const { l2, point, validation } = chosen;
  const result = await withProblem(device, train, test, classes, (whole) => whole.solve(l2, point, optimization));
  return { ...result, l2, validation };
}

function checkPenalty(l2: number): void {
  if (!(l2 >= 0) || !Number.isFinite(l2)) throw new ConfigError(`l2 is ${l2}: it must be a number from 0 up`);
}

/** Some of the rows. */
function rowsOf({ features, labels }: LabelledFeatures, indices: readonly number[]): LabelledFeatures {
  const { values, dimension } = features;
  const picked = new Float32Array(indices.length * dimension);
  indices.forEach((index, row) => {
    picked.set(values.subarray(index * dimension, (index + 1) * dimension), row * dimension);
  });
  return {
    features: { values: picked, rows: indices.length, dimension },
    labels: Uint32Array.from(indices, (index) => labels[index]),
  };
}

function check(labelled: LabelledFeatures, classes: number, what: string): void {
  checkLabelled(labelled, classes, what);
  if (!labelled.features.values.every(Number.isFinite))
    throw new ConfigError(`the representations of the ${what} images hold values that are not finite`);
}

/** Records what regressions on these rows take. */
function recordProblem(device: Device, train: LabelledFeatures, test: LabelledFeatures, classes: number) {
  const { dimension } = train.features;
  const put = ({ values, rows }: Features) => device.tensor([rows, dimension], values, "representations");
  const putLabels = (labels: Uint32Array) => device.tensor([labels.length], new Uint32Array(labels), "labels");
  const [raw, testRaw] = [put(train.features), put(test.features)];
  const [trainLabels, testLabels] = [putLabels(train.labels), putLabels(test.labels)];
  const weight = device.tensor([dimension, classes], undefined, "weight");
  const bias = device.tensor([classes], undefined, "bias");

  const preparing = new Tape(device);
  const statistics = columnStatistics(preparing, raw);
  const trainRows = standardize(preparing, raw, statistics);
  const testRows = standardize(preparing, testRaw, statistics);

  const classify = (tape: Tape, x: Tensor, labels: Tensor) =>
    softmaxCrossEntropy(tape, addBias(tape, matmul(tape, x, weight), bias), labels);
  const solving = new Tape(device);
  solving.watch(weight, bias);
  const { loss } = classify(solving, trainRows, trainLabels);
  solving.backward(loss);
  const gradients = [weight, bias].map((tensor) => solving.gradientOf(tensor));

  const testing = new Tape(device);
  const onTrain = classify(testing, trainRows, trainLabels).accuracy;
  const onTest = classify(testing, testRows, testLabels).accuracy;
  return {
    weight,
    bias,
    loss,
    gradients,
    onTrain,
    onTest,
    /** In this order, each with what it keeps. */
    tapes: [
      { tape: preparing, keep: [trainRows, testRows] },
      { tape: solving, keep: [loss, ...gradients] },
      { tape: testing, keep: [onTrain, onTest] },
    ],
  };
}

/**
 * Puts training and test rows on the device for as long as `work` takes.
 * @throws ConfigError for rows and labels that do not fit
 */
async function withProblem<Result>(
  device: Device,
  train: LabelledFeatures,
  test: LabelledFeatures,
  classes: number,
  work: (problem: Problem) => Promise<Result>,
): Promise<Result> {
  const { rows, dimension } = train.features;
  if (rows < 2 || classes < 2 || new Set(train.labels).size < 2) {
    throw new ConfigError(
      `logistic regression needs training images of two classes at least, not ${rows} images of ${new Set(train.labels).size} of ${classes} classes`,
    );
  }
  if (test.features.dimension !== dimension)
    throw new ConfigError(`training images have ${dimension} dimensions and test images ${test.features.dimension}`);
  check(train, classes, "training");
  check(test, classes, "test");
  const record = () => recordProblem(device, train, test, classes);
  return withPrograms(device, "rows of a regression", record, (recorded, [prepare, objective, measure]) => {
    prepare.run();
    return work(new Problem(device, rows, dimension, classes, recorded, { objective, measure }));
  });
}

/** Training and test rows on the device, and the objective with its gradient as a program. */
class Problem {
  constructor(
    readonly device: Device,
    readonly rows: number,
    readonly dimension: number,
    readonly classes: number,
    readonly recorded: ReturnType<typeof recordProblem>,
    readonly programs: { readonly objective: Program; readonly measure: Program },
  ) {}

  /** All weights, then all biases: zeros. */
  get origin(): Float64Array {
    return new Float64Array((this.dimension + 1) * this.classes);
  }

  async solve(
    l2: number,
    start: Float64Array,
    { maxIterations, history, tolerance = 1e-4 }: LogisticOptimization,
  ): Promise<LogisticRegressionResult> {
    const { device } = this;
    // The mean over the rows is a sum of 64 sums.
    const noise = (this.rows / 64 + 16) * 2 ** -24;
    const found = await minimize((x) => this.#evaluate(x, l2), start, { maxIterations, history, tolerance, noise });
    const { weight, bias } = this.#place(found.x);
    this.programs.measure.run();
    const [[trainAccuracy], [testAccuracy]] = await Promise.all([
      device.read(this.recorded.onTrain),
      device.read(this.recorded.onTest),
    ]);
    return { trainAccuracy, testAccuracy, weight, bias, ...factsOf(found) };
  }

  /** The objective and its gradient: the mean cross-entropy from the device, the penalty in float64. */
  async #evaluate(x: Float64Array, l2: number): Promise<{ value: number; gradient: Float64Array }> {
    const { device, recorded } = this;
    const { weight } = this.#place(x);
    this.programs.objective.run();
    const [[loss], ...gradients] = await Promise.all(
      [recorded.loss, ...recorded.gradients].map((tensor) => device.read(tensor)),
    );
    const gradient = joined(...gradients);
    let squares = 0;
    weight.forEach((value, i) => {
      squares += value * value;
      gradient[i] += l2 * value;
    });
    return { value: loss + (l2 / 2) * squares, gradient };
  }

  /** Puts weights and biases on the device; returns them as they are there. */
  #place(x: Float64Array): { weight: Float32Array<ArrayBuffer>; bias: Float32Array<ArrayBuffer> } {
    const { recorded, device } = this;
    const weight = Float32Array.from(x.subarray(0, recorded.weight.size));
    const bias = Float32Array.from(x.subarray(recorded.weight.size));
    device.write(recorded.weight, weight);
    device.write(recorded.bias, bias);
    return { weight, bias };
  }
}

/** One after the other, in float64. */
function joined(...parts: readonly Float32Array[]): Float64Array {
  const whole = new Float64Array(parts.reduce((sum, { length }) => sum + length, 0));
  let start = 0;
  for (const part of parts) {
    whole.set(part, start);
    start += part.length;
  }
  return whole;
}

function factsOf({ value, gradientNorm, iterations, converged }: Minimum) {
  return { objective: value, gradientNorm, iterations, converged };
}
