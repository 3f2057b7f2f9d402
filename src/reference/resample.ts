/** Cubic convolution with a = -0.75 at this distance from a sample (Keys 1981). */
function cubic(distance: number): number {
  const d = Math.abs(distance);
  if (d <= 1) return (1.25 * d - 2.25) * d ** 2 + 1;
  return d < 2 ? -0.75 * d ** 3 + 3.75 * d ** 2 - 6 * d + 3 : 0;
}

/** What each of so many samples counts for in each of others: [others, samples]. Rows of it add up to 1. */
export function resamplingWeights(samples: number, others: number): Float64Array {
  const weights = new Float64Array(others * samples);
  for (let i = 0; i < others; i++) {
    const place = ((i + 0.5) * samples) / others - 0.5;
    for (let at = Math.floor(place) - 1; at <= Math.floor(place) + 2; at++) {
      const held = Math.min(Math.max(at, 0), samples - 1);
      weights[i * samples + held] += cubic(place - at);
    }
  }
  return weights;
}
