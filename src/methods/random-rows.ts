import { normals, sfc32 } from "../random.js";

/**
 * Random directions, [rows, dimension]: rows of length 1, what queues and banks begin with.
 * @param seed of the training; 0 to 2^32 - 1
 */
export function randomRows(rows: number, dimension: number, seed: number): Float32Array<ArrayBuffer> {
  const normal = normals(sfc32(seed >>> 0, 0, 0x90c0));
  const values = new Float32Array(rows * dimension).map(() => normal());
  for (let row = 0; row < rows; row++) {
    const own = values.subarray(row * dimension, (row + 1) * dimension);
    const norm = Math.hypot(...own);
    own.forEach((value, i) => {
      own[i] = value / norm;
    });
  }
  return values;
}
