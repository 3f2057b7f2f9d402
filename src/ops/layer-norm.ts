import * as kernels from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import { channelShape, expectShape, type Tensor } from "../engine/tensor.js";
import { combineTile, lanesPerRow, runTile } from "./tiles.js";

/** What a layer norm does besides normalising. */
export interface LayerNormOptions {
  /** f32 [cols], a factor for each column; none by default. */
  readonly gamma?: Tensor;
  /** f32 [cols], added to each column; nothing by default. */
  readonly beta?: Tensor;
  /** Added to the variance before the square root; 1e-5 by default, as in PyTorch. */
  readonly epsilon?: number;
}

/**
 * Layer norm (Ba et al. 2016) over the last dimension of x [..., cols]: (x - mean) / sqrt(variance + epsilon) * gamma + beta, with
 * the mean and the biased variance of each row. Gradients reach x, gamma and beta. The output has the type of x; the statistics
 * are f32.
 * @throws ShapeError where gamma or beta has another shape.
 */
export function layerNorm(tape: Tape, x: Tensor, { gamma, beta, epsilon = 1e-5 }: LayerNormOptions = {}): Tensor {
  const [rows, cols] = channelShape(x);
  const affine = [gamma, beta].filter((tensor) => tensor !== undefined);
  for (const tensor of affine) expectShape(tensor, [cols], `for the layer norm of ${x}`);
  const LANES = lanesPerRow(tape.device);
  // What takes the place of a missing tensor is not read.
  const { one } = tape.device;
  const y = tape.tensor(x.shape, `layer norm of ${x.label}`, x.type);
  const statistics = tape.tensor([2, rows], `statistics of ${x.label}`);
  tape.launch(
    kernels.layerNorm,
    { x, gamma: gamma ?? one, beta: beta ?? one, y, statistics },
    { rows, cols },
    { LANES, EPSILON: epsilon, GAMMA: gamma !== undefined, BETA: beta !== undefined },
  );

  tape.differentiate([x, ...affine], y, (dy) => {
    let dx: Tensor | null = null;
    if (tape.needsGradient(x)) {
      dx = tape.tensor(x.shape, `gradient of ${x.label}`, x.type);
      const bindings = { x, dy, gamma: gamma ?? one, statistics, dx };
      tape.launch(kernels.layerNormGradient, bindings, { rows, cols }, { LANES, GAMMA: gamma !== undefined });
    }
    if (!affine.some((tensor) => tape.needsGradient(tensor))) return [dx];
    const sums = parameterGradients(tape, x, dy, statistics);
    return [dx, ...(gamma ? [sums.dgamma] : []), ...(beta ? [sums.dbeta] : [])];
  });
  return y;
}

function parameterGradients(tape: Tape, x: Tensor, dy: Tensor, statistics: Tensor) {
  const [rows, channels] = channelShape(x);
  const run = runTile(tape.device, rows, channels);
  const chunks = Math.ceil(rows / run.ROWS);
  const parts = tape.tensor([2, chunks, channels], `parts of the gradient through ${x.label}`);
  tape.launch(kernels.layerNormGradientSums, { x, dy, statistics, parts }, { rows, channels }, run);
  const [dgamma, dbeta] = ["gamma", "beta"].map((name) =>
    tape.tensor([channels], `gradient of ${name} of the layer norm of ${x.label}`),
  );
  const tile = combineTile(tape.device, chunks, channels);
  tape.launch(kernels.batchNormGradientCombine, { parts, dgamma, dbeta }, { chunks, channels }, tile);
  return { dgamma, dbeta };
}
