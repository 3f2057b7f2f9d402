import * as kernels from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import { channelShape, expectShape, type Tensor } from "../engine/tensor.js";
import { ConfigError, ShapeError } from "../errors.js";
import { reluGradient } from "./elementwise.js";
import { channelTile, combineTile, rowsPerThread, runTile } from "./tiles.js";

/** The tensors of a batch norm, all [channels]. */
export interface BatchNormTensors {
  /** Scale; 1 without it. Without gamma and beta, the norm is what PyTorch has with `affine=False`. */
  readonly gamma?: Tensor;
  /** Offset; 0 without it. */
  readonly beta?: Tensor;
  /** Means to normalise by when not in training; in training, they move towards those of the batch. */
  readonly runningMean: Tensor;
  /** The same for unbiased variances. */
  readonly runningVar: Tensor;
}

/** What a batch norm does besides normalising. */
export interface BatchNormOptions {
  /** Statistics of the batch (true, the default), or the running ones (false). */
  readonly training?: boolean;
  /** Whether statistics of the batch also move the running ones; true by default. */
  readonly movesRunning?: boolean;
  /** Added after normalising, of the shape and type of x; nothing by default. */
  readonly residual?: Tensor;
  /** Rectify at the end; false by default. */
  readonly relu?: boolean;
  /** How far the running statistics move towards those of the batch; 0.1 by default, as in PyTorch. */
  readonly momentum?: number;
  /** Added to the variance before the square root; 1e-5 by default, as in PyTorch. */
  readonly epsilon?: number;
}

/**
 * Means and biased variances of the columns of x, [2, channels], f32. Moves the running statistics where they are given; no
 * gradient comes through those.
 */
export function columnStatistics(
  tape: Tape,
  x: Tensor,
  running?: { mean: Tensor; var: Tensor; momentum: number },
): Tensor {
  const [rows, channels] = channelShape(x);
  const tile = runTile(tape.device, rows, channels);
  const { ROWS } = tile;
  const chunks = Math.ceil(rows / ROWS);
  const parts = tape.tensor([2, chunks, channels], `parts of the statistics of ${x.label}`);
  const statistics = tape.tensor([2, channels], `statistics of ${x.label}`);
  tape.launch(kernels.batchNormStatistics, { x, parts }, { rows, channels }, tile);
  // Without running statistics to move, the two bindings need tensors all the same.
  const unused = () => tape.tensor([channels], "unused");
  tape.launch(
    kernels.batchNormCombine,
    { parts, statistics, running_mean: running?.mean ?? unused(), running_var: running?.var ?? unused() },
    { rows, channels, momentum: running?.momentum ?? 0 },
    { ...combineTile(tape.device, chunks, channels), ROWS, UPDATE_RUNNING: running !== undefined },
  );
  tape.differentiate([x], statistics, (dstatistics) => {
    const dx = tape.tensor(x.shape, `gradient of ${x.label}`, x.type);
    tape.launch(kernels.columnStatisticsGradient, { x, statistics, dstatistics, dx }, { rows, channels });
    return [dx];
  });
  return statistics;
}

/**
 * Batch norm over all dimensions but the last, with an optional residual sum and rectifier after it. In training the
 * statistics are those of the batch (biased variance), and the running ones move once a step (unbiased variance).
 * Gradients reach x, gamma, beta and the residual. The output has the type of x; the statistics are f32.
 * @throws ShapeError in training with a single row, whose variance would be 0; ConfigError for an epsilon that is not above 0.
 */
export function batchNorm(
  tape: Tape,
  x: Tensor,
  { gamma, beta, runningMean, runningVar }: BatchNormTensors,
  options: BatchNormOptions = {},
): Tensor {
  const { training = true, movesRunning = true, residual, relu = false, momentum = 0.1, epsilon = 1e-5 } = options;
  const [rows, channels] = channelShape(x);
  for (const tensor of [gamma, beta, runningMean, runningVar])
    if (tensor) expectShape(tensor, [channels], `for the batch norm of ${x}`);
  if (residual) expectShape(residual, x.shape, "to be added after the batch norm");
  if (training && rows === 1)
    throw new ShapeError(`${x} has one row, which has no variance: batch norm takes two or more a channel in training`);
  if (!(epsilon > 0)) throw new ConfigError(`epsilon ${epsilon} of a batch norm must be above 0`);
  const tile = channelTile(tape.device, channels);
  // What is not there is not read, but its binding needs a tensor all the same.
  const affine = { gamma: gamma ?? runningMean, beta: beta ?? runningVar };
  const constants = { EPSILON: epsilon, GAMMA: gamma !== undefined, BETA: beta !== undefined };

  let statistics: Tensor;
  if (training) {
    const moves = movesRunning && !tape.recomputing;
    const running = moves ? { mean: runningMean, var: runningVar, momentum } : undefined;
    statistics = columnStatistics(tape, x, running);
  } else {
    statistics = tape.tensor([2, channels], "running statistics");
    const bindings = { running_mean: runningMean, running_var: runningVar, statistics };
    tape.launch(kernels.batchNormRunning, bindings, { channels });
  }
  const y = tape.tensor(x.shape, `batch norm of ${x.label}`, x.type);
  tape.launch(
    kernels.batchNorm,
    { x, statistics, ...affine, residual: residual ?? x, y },
    { rows, channels },
    { ...tile, ...constants, ROWS: rowsPerThread(tape.device), RESIDUAL: residual !== undefined, RELU: relu },
  );

  const inputs = [x, gamma, beta, residual].filter((input) => input !== undefined);
  tape.differentiate(inputs, y, (dy) => {
    // With a residual, the gradient past the rectifier is needed as a tensor anyway: the passes below then read that.
    const fused = relu && !residual;
    const g = relu && residual ? reluGradient(tape, y, dy) : dy;
    const run = runTile(tape.device, rows, channels);
    const chunks = Math.ceil(rows / run.ROWS);
    const parts = tape.tensor([2, chunks, channels], `parts of the gradient of ${affine.gamma.label}`);
    const dgamma = tape.tensor([channels], `gradient of ${affine.gamma.label}`);
    const dbeta = tape.tensor([channels], `gradient of ${affine.beta.label}`);
    const source = { x, dy: g, statistics, ...affine };
    tape.launch(
      kernels.batchNormGradientSums,
      { ...source, parts },
      { rows, channels },
      { ...run, ...constants, RELU: fused },
    );
    tape.launch(
      kernels.batchNormGradientCombine,
      { parts, dgamma, dbeta },
      { chunks, channels },
      combineTile(tape.device, chunks, channels),
    );
    let dx: Tensor | null = null;
    if (tape.needsGradient(x)) {
      dx = tape.tensor(x.shape, `gradient of ${x.label}`, x.type);
      const bindings = { ...source, dgamma, dbeta, dx };
      tape.launch(
        kernels.batchNormGradient,
        bindings,
        { rows, channels },
        { ...tile, ...constants, ROWS: rowsPerThread(tape.device), RELU: fused, FROZEN: !training },
      );
    }
    return [dx, gamma && dgamma, beta && dbeta, residual && g].filter((gradient) => gradient !== undefined);
  });
  return y;
}
