import * as kernels from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import { matrixShape, type Tensor } from "../engine/tensor.js";

/** Similarities that are there at once: 8 MiB. */
const TILE_ELEMENTS = 2 ** 21;

/** Anchors whose similarities with all rows are at hand, as the kernels take them. */
export interface AnchorRun {
  readonly first_row: number;
  readonly count: number;
}

/** All of so many anchors in runs, each of at most `most`: by default as many as 8 MiB of similarities with `columns` rows take. */
export function anchorRuns(rows: number, columns: number, most = Math.ceil(TILE_ELEMENTS / columns)): AnchorRun[] {
  return Array.from({ length: Math.ceil(rows / most) }, (_, i) => {
    const first_row = i * most;
    return { first_row, count: Math.min(most, rows - first_row) };
  });
}

/** Adds a run of rows to a gradient, which begins with it unless it continues. */
export function addRun(
  tape: Tape,
  part: Tensor,
  y: Tensor,
  { first_row: first, count }: AnchorRun,
  continues: boolean,
) {
  const [rows, cols] = matrixShape(y);
  tape.launch(kernels.addRows, { part, y }, { rows, cols, first, count, continues: Number(continues) });
}
