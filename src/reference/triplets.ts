/** Similarities of all pairs of rows, and what the rows are to each other: see `TripletOptions`. */
export interface TripletInputs {
  /** [rows, rows]. */
  readonly similarities: ArrayLike<number>;
  readonly groups: ArrayLike<number>;
  readonly times: ArrayLike<number>;
  readonly near: number;
  readonly far: number;
  readonly margin: number;
}

/** Semi-hard triplets as `semiHardTriplets` has them: means over all pairs, and the gradient of the loss. */
export function semiHardTriplets({ similarities: s, groups, times, near, far, margin }: TripletInputs) {
  const rows = groups.length;
  const all = Array.from({ length: rows }, (_, row) => row);
  const dSimilarities = new Float64Array(rows * rows);
  let [pairs, loss, correct] = [0, 0, 0];
  for (const a of all) {
    const of = (row: number) => s[a * rows + row];
    const apart = (row: number) => Math.abs(times[a] - times[row]);
    const positives = all.filter((row) => row !== a && groups[row] === groups[a] && apart(row) <= near);
    const negatives = all.filter((row) => groups[row] !== groups[a] || apart(row) > far);
    if (negatives.length === 0) continue;
    // The first of equal ones: sorting is stable.
    const [easiest] = negatives.toSorted((x, y) => of(x) - of(y));
    const hardestFirst = negatives.toSorted((x, y) => of(y) - of(x));
    for (const p of positives) {
      const n = hardestFirst.find((row) => of(row) < of(p)) ?? easiest;
      const own = margin + 2 * (of(n) - of(p));
      pairs += 1;
      correct += of(p) > of(hardestFirst[0]) ? 1 : 0;
      if (own <= 0) continue;
      loss += own;
      dSimilarities[a * rows + n] += 2;
      dSimilarities[a * rows + p] -= 2;
    }
  }
  const divisor = Math.max(pairs, 1);
  return { loss: loss / divisor, accuracy: correct / divisor, dSimilarities: dSimilarities.map((x) => x / divisor) };
}
