/** The longest wave of the positions' sines, in patches, over 2 pi. */
const LONGEST = 10000;

/**
 * Positions of a square grid of patches by sines and cosines (He et al. 2022, MAE): of each patch [sin(X w), cos(X w), sin(Y w),
 * cos(Y w)], where X is its column, Y its row, and w_j = 10000^(-j / (channels / 4)); tokens before the patches get zeros.
 * @returns f32 [prefix + grid^2, channels]
 */
export function sinePositions(grid: number, channels: number, prefix: number): Float32Array<ArrayBuffer> {
  const waves = channels / 4;
  const values = new Float32Array((prefix + grid ** 2) * channels);
  for (let patch = 0; patch < grid ** 2; patch++) {
    [patch % grid, Math.floor(patch / grid)].forEach((place, axis) => {
      for (let j = 0; j < waves; j++) {
        const angle = place * LONGEST ** (-j / waves);
        const at = (prefix + patch) * channels + 2 * axis * waves + j;
        values[at] = Math.sin(angle);
        values[at + waves] = Math.cos(angle);
      }
    });
  }
  return values;
}
