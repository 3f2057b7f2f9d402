/** The middle one of the values, or the mean of the middle two. @throws RangeError where there are none. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("there is no median of no values");
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1] + sorted[Math.floor(middle)]) / 2;
}
