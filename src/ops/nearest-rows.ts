import * as kernels from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import { matrixShape, type Tensor } from "../engine/tensor.js";
import { ShapeError } from "../errors.js";
import { transpose } from "./elementwise.js";
import { matmul } from "./matmul.js";
import { slice } from "./shape.js";
import { stopGradient } from "./stop-gradient.js";
import { lanesPerRow } from "./tiles.js";

/** Rows and columns of the products that are there at once: 8 MiB. */
const TILE = { rows: 2048, columns: 1024 } as const;

/** What `nearestRows` finds for each query. */
export interface Nearest {
  /** u32 [queries]: rows of the keys; of equally near ones, the first. 2^32 - 1 where no product is a number. */
  readonly indices: Tensor;
  /** `[queries]`: the products with them. */
  readonly values: Tensor;
}

/**
 * The row of `keys` [keys, dim] that has the largest dot product with each row of `queries` [queries, dim]. The products of all with
 * all are never stored, but for a tile of them at a time. Not differentiable.
 * @param tile rows and columns of it, for tests
 * @throws ShapeError where the dimensions differ.
 */
export function nearestRows(
  tape: Tape,
  queries: Tensor,
  keys: Tensor,
  tile: { readonly rows: number; readonly columns: number } = TILE,
): Nearest {
  const [rows, dim] = matrixShape(queries);
  const [columns, keyDim] = matrixShape(keys);
  if (keyDim !== dim) throw new ShapeError(`${keys} must have as many dimensions as ${queries}`);
  const [left, right] = [stopGradient(tape, queries), stopGradient(tape, keys)];
  const indices = tape.tensor([rows], `rows of ${keys.label} nearest to ${queries.label}`, "u32");
  const values = tape.tensor([rows], `products with the nearest of ${keys.label}`);
  for (let first_column = 0; first_column < columns; first_column += tile.columns) {
    const width = Math.min(tile.columns, columns - first_column);
    const panel = transpose(tape, slice(tape, right, 0, first_column, first_column + width));
    for (let first_row = 0; first_row < rows; first_row += tile.rows) {
      const count = Math.min(tile.rows, rows - first_row);
      const part = count === rows ? left : slice(tape, left, 0, first_row, first_row + count);
      tape.launch(
        kernels.nearestColumns,
        { x: matmul(tape, part, panel), values, columns: indices },
        { rows, first_row, count, first_column, width, continues: Number(first_column > 0) },
        { LANES: lanesPerRow(tape.device) },
      );
    }
  }
  return { indices, values };
}
