/** One step of an exponential moving average: momentum * average + (1 - momentum) * values. */
export function movingAverageStep(average: Float64Array, values: Float64Array, momentum: number): Float64Array {
  return average.map((mean, i) => momentum * mean + (1 - momentum) * values[i]);
}
