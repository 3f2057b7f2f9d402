import { kernels } from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import { channelShape, expectShape, type Tensor } from "../engine/tensor.js";
import { reluGradient } from "./elementwise.js";
import { channelTile, combineTile, rowsPerThread, runTile } from "./tiles.js";

/** The tensors of a batch norm, all [channels]. */
export interface BatchNormTensors {
  readonly gamma: Tensor;
  readonly beta: Tensor;
  readonly runningMean: Tensor;
  readonly runningVar: Tensor;
}

/** What a batch norm does besides normalising. */
export interface BatchNormOptions {
  /** Statistics of the batch (true, the default), or the running ones (false). */
  readonly training?: boolean;
  /** Whether statistics of the batch also move the running ones; true by default. */
  readonly movesRunning?: boolean;
  /** Added after normalising, of the shape and type of x. */
  readonly residual?: Tensor;
  /** Rectify at the end; false by default. */
  readonly relu?: boolean;
  /** How far the running statistics move towards those of the batch; 0.1 by default, as in PyTorch. */
  readonly momentum?: number;
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
 */
export function batchNorm(
  tape: Tape,
  x: Tensor,
  { gamma, beta, runningMean, runningVar }: BatchNormTensors,
  { training = true, movesRunning = true, residual, relu = false, momentum = 0.1 }: BatchNormOptions = {},
): Tensor {
  const [rows, channels] = channelShape(x);
  for (const tensor of [gamma, beta, runningMean, runningVar])
    expectShape(tensor, [channels], `for the batch norm of ${x}`);
  if (residual) expectShape(residual, x.shape, "to be added after the batch norm");
  const tile = channelTile(tape.device, channels);

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
    { x, statistics, gamma, beta, residual: residual ?? x, y },
    { rows, channels },
    { ...tile, ROWS: rowsPerThread(tape.device), RESIDUAL: residual !== undefined, RELU: relu },
  );

  tape.differentiate(residual ? [x, gamma, beta, residual] : [x, gamma, beta], y, (dy) => {
    // With a residual, the gradient past the rectifier is needed as a tensor anyway: the passes below then read that.
    const fused = relu && !residual;
    const g = relu && residual ? reluGradient(tape, y, dy) : dy;
    const run = runTile(tape.device, rows, channels);
    const chunks = Math.ceil(rows / run.ROWS);
    const parts = tape.tensor([2, chunks, channels], `parts of the gradient of ${gamma.label}`);
    const dgamma = tape.tensor([channels], `gradient of ${gamma.label}`);
    const dbeta = tape.tensor([channels], `gradient of ${beta.label}`);
    const source = { x, dy: g, statistics, gamma, beta };
    tape.launch(kernels.batchNormGradientSums, { ...source, parts }, { rows, channels }, { ...run, RELU: fused });
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
        { ...tile, ROWS: rowsPerThread(tape.device), RELU: fused, FROZEN: !training },
      );
    }
    return residual ? [dx, dgamma, dbeta, g] : [dx, dgamma, dbeta];
  });
  return y;
}
