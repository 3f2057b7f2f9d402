/** Four words from four words (PCG4D of Jarzynski and Olano 2020). */
export function randomWords(counter: readonly number[]): number[] {
  const v = counter.map((word) => Math.imul(word, 1664525) + 1013904223);
  const mix = () => {
    v[0] += Math.imul(v[1], v[3]);
    v[1] += Math.imul(v[2], v[0]);
    v[2] += Math.imul(v[0], v[1]);
    v[3] += Math.imul(v[1], v[2]);
  };
  mix();
  v.forEach((word, i) => {
    v[i] = word ^ (word >>> 16);
  });
  mix();
  return v.map((word) => word >>> 0);
}

/** `randomWords` as numbers from 0 to 1 in steps of 2^-24. */
export function randomUniform(counter: readonly number[]): number[] {
  return randomWords(counter).map((word) => (word >>> 8) / 2 ** 24);
}
