/** Pixels of the side of a picture's looks. */
export const LOOKS_SIDE = 16;
/** Bytes of a picture's looks. */
export const LOOKS_BYTES = LOOKS_SIDE ** 2;

/** Shares of the pixels of a side that fall into each of `LOOKS_SIDE` equal parts of it. */
function sharesOf(side: number): { readonly first: number; readonly weights: readonly number[] }[] {
  return Array.from({ length: LOOKS_SIDE }, (_, part) => {
    const [from, to] = [(part * side) / LOOKS_SIDE, ((part + 1) * side) / LOOKS_SIDE];
    const first = Math.floor(from);
    const weights = Array.from(
      { length: Math.ceil(to) - first },
      (_, i) => (Math.min(to, first + i + 1) - Math.max(from, first + i)) / (to - from),
    );
    return { first, weights };
  });
}

/**
 * What a square picture looks like from afar: the mean luma (ITU-R BT.601) of each of 16 x 16 parts, a byte each. Encoding a picture anew,
 * or in another size, hardly changes these means; another picture has others.
 * @param rgba `side` x `side` pixels, 4 bytes (R, G, B, any) each
 */
export function looksOf(rgba: Uint8Array, side: number): Uint8Array<ArrayBuffer> {
  const shares = sharesOf(side);
  // Rows first, then columns.
  const rows = new Float64Array(side * LOOKS_SIDE);
  for (let y = 0; y < side; y++) {
    shares.forEach(({ first, weights }, part) => {
      let sum = 0;
      weights.forEach((weight, i) => {
        const at = 4 * (y * side + first + i);
        sum += weight * (0.299 * rgba[at] + 0.587 * rgba[at + 1] + 0.114 * rgba[at + 2]);
      });
      rows[y * LOOKS_SIDE + part] = sum;
    });
  }
  return Uint8Array.from({ length: LOOKS_BYTES }, (_, i) => {
    const { first, weights } = shares[Math.floor(i / LOOKS_SIDE)];
    return Math.round(
      weights.reduce((sum, weight, row) => sum + weight * rows[(first + row) * LOOKS_SIDE + (i % LOOKS_SIDE)], 0),
    );
  });
}

/** The root of the mean squared difference of the looks of two pictures of many, in grey levels of 255. */
export function looksDistance(looks: Uint8Array, a: number, b: number): number {
  let sum = 0;
  for (let i = 0; i < LOOKS_BYTES; i++) sum += (looks[a * LOOKS_BYTES + i] - looks[b * LOOKS_BYTES + i]) ** 2;
  return Math.sqrt(sum / LOOKS_BYTES);
}
