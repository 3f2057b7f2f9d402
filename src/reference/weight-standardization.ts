/** Added to the variance before the square root, as in BiT. */
const epsilon = 1e-10;

/** Result of {@link weightStandardizationForward}. */
export interface StandardizedWeight {
  readonly y: Float64Array;
  /** 1 / sqrt(biased variance + 1e-10), [channels]. */
  readonly inverseDeviation: Float64Array;
}

/** Standardises each column of weight[rows, channels]: (weight - mean) / sqrt(biased variance + 1e-10). */
export function weightStandardizationForward(weight: Float64Array, channels: number): StandardizedWeight {
  const rows = weight.length / channels;
  const mean = new Float64Array(channels);
  const variance = new Float64Array(channels);
  weight.forEach((value, i) => {
    mean[i % channels] += value / rows;
  });
  weight.forEach((value, i) => {
    variance[i % channels] += (value - mean[i % channels]) ** 2 / rows;
  });
  const inverseDeviation = variance.map((value) => 1 / Math.sqrt(value + epsilon));
  const y = weight.map((value, i) => (value - mean[i % channels]) * inverseDeviation[i % channels]);
  return { y, inverseDeviation };
}

/** Gradient of {@link weightStandardizationForward} from its result. */
export function weightStandardizationBackward(
  { y, inverseDeviation }: StandardizedWeight,
  dy: Float64Array,
): Float64Array {
  const channels = inverseDeviation.length;
  const rows = y.length / channels;
  const means = new Float64Array(channels);
  const slopes = new Float64Array(channels);
  dy.forEach((value, i) => {
    means[i % channels] += value / rows;
    slopes[i % channels] += (value * y[i]) / rows;
  });
  return dy.map((value, i) => {
    const c = i % channels;
    return inverseDeviation[c] * (value - means[c] - y[i] * slopes[c]);
  });
}
