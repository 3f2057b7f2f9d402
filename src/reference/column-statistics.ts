import { columnSums } from "./reduction.js";

/** What `standardize` adds to variances. */
const epsilon = 1e-5;

/** Means, then biased variances, of the columns of x[rows, columns]: [2, columns]. */
export function columnStatisticsForward(x: Float64Array, rows: number, columns: number): Float64Array {
  const means = columnSums(x, rows, columns).map((sum) => sum / rows);
  const squares = x.map((value, i) => (value - means[i % columns]) ** 2);
  return Float64Array.of(...means, ...columnSums(squares, rows, columns).map((sum) => sum / rows));
}

/** Gradient of {@link columnStatisticsForward}, from that of its result [2, columns]. */
export function columnStatisticsBackward(
  x: Float64Array,
  dStatistics: Float64Array,
  rows: number,
  columns: number,
): Float64Array {
  const statistics = columnStatisticsForward(x, rows, columns);
  return x.map((value, i) => {
    const c = i % columns;
    return (dStatistics[c] + 2 * dStatistics[columns + c] * (value - statistics[c])) / rows;
  });
}

/** (x - mean) / sqrt(variance + 1e-5), by statistics [2, columns]. */
export function standardizeForward(x: Float64Array, statistics: Float64Array): Float64Array {
  const columns = statistics.length / 2;
  return x.map((value, i) => {
    const c = i % columns;
    return (value - statistics[c]) / Math.sqrt(statistics[columns + c] + epsilon);
  });
}

/** Gradients of {@link standardizeForward}: to x, and to the statistics [2, columns]. */
export function standardizeBackward(x: Float64Array, statistics: Float64Array, dy: Float64Array) {
  const columns = statistics.length / 2;
  const inverse = statistics.subarray(columns).map((variance) => 1 / Math.sqrt(variance + epsilon));
  const dx = dy.map((g, i) => g * inverse[i % columns]);
  const dStatistics = new Float64Array(2 * columns);
  dy.forEach((g, i) => {
    const c = i % columns;
    dStatistics[c] -= g * inverse[c];
    dStatistics[columns + c] -= (g * (x[i] - statistics[c]) * inverse[c] ** 3) / 2;
  });
  return { dx, dStatistics };
}

/** Mean of the square roots of the variances in statistics [2, columns]. */
export function meanStandardDeviationForward(statistics: Float64Array): number {
  const columns = statistics.length / 2;
  return statistics.subarray(columns).reduce((sum, variance) => sum + Math.sqrt(variance) / columns, 0);
}
