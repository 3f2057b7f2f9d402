/** y = max(x, 0). */
export function reluForward(x: Float64Array): Float64Array {
  return x.map((value) => Math.max(value, 0));
}

/** Gradient of {@link reluForward} from its output: dx = dy where y > 0, and 0 elsewhere. */
export function reluBackward(y: Float64Array, dy: Float64Array): Float64Array {
  return dy.map((value, i) => (y[i] > 0 ? value : 0));
}

/** y[row, channel] = x[row, channel] + bias[channel]; the gradient of `bias` is the column sums of dy. */
export function biasForward(x: Float64Array, bias: Float64Array): Float64Array {
  return x.map((value, i) => value + bias[i % bias.length]);
}
