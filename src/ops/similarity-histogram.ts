import * as kernels from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import { expectShape, matrixShape, type Tensor } from "../engine/tensor.js";

/** Bins of `similarityHistogram`. */
export const HISTOGRAM_BINS = 416;

/** Bins an octave. */
const PER_OCTAVE = 16;

/**
 * Where a bin of `similarityHistogram` begins, as a distance 1 - s: the first at 0, the second at 2^-24 * 17 / 16. For
 * `HISTOGRAM_BINS`, where the last one ends.
 */
export function binStart(bin: number): number {
  if (bin === 0) return 0;
  return 2 ** (Math.floor(bin / PER_OCTAVE) - 24) * (1 + (bin % PER_OCTAVE) / PER_OCTAVE);
}

/** The bin of `similarityHistogram` that a similarity falls into. */
export function binOf(similarity: number): number {
  const distance = Math.max(1 - Math.fround(similarity), 2 ** -24);
  const [bits] = new Uint32Array(Float32Array.of(distance).buffer);
  return Math.min((bits >>> 19) - 1648, HISTOGRAM_BINS - 1);
}

/**
 * Counts of the cosine distances 1 - s of each row, for f32 similarities [rows, cols]: u32 [rows, `HISTOGRAM_BINS`], 16 bins an octave
 * from 2^-24 up. Not differentiable.
 * @param own u32 [rows]: a column of each row to leave out; 2^32 - 1 leaves out the whole row
 */
export function similarityHistogram(tape: Tape, similarities: Tensor, own: Tensor): Tensor {
  const [rows, cols] = matrixShape(similarities);
  expectShape(own, [rows], `to be the own columns of ${similarities}`);
  const counts = tape.tensor([rows, HISTOGRAM_BINS], `histogram of ${similarities.label}`, "u32");
  tape.launch(kernels.similarityHistogram, { similarities, own, counts }, { rows, cols });
  return counts;
}
