import { kernels } from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import { matrixShape, type Tensor } from "../engine/tensor.js";
import { ShapeError } from "../errors.js";
import { FUSED_GRADIENT_DIMENSIONS } from "../ops/variants.js";

/** Rows of embeddings in which rows i and i + rows / 2 are the two views of an image. */
export interface Block {
  /** [rows, dim], as they were given. */
  readonly z: Tensor;
  readonly rows: number;
  /** Rows of the blocks before. */
  readonly first: number;
  /** [3, rows]: the reciprocal of each row's norm, its log-sum-exp, and what its pair lacks (kernels/nt-xent-combine.wgsl). */
  readonly anchors: Tensor;
}

/** A run of rows of a block, taken as columns of the matrix of logits. */
export interface Panel {
  readonly block: Block;
  readonly first: number;
  readonly width: number;
}

/** What the launches of a recording have in common. */
export interface Contrast {
  readonly blocks: readonly Block[];
  readonly panels: readonly Panel[];
  readonly dim: number;
  /** Rows of all blocks, 2N. */
  readonly total: number;
  readonly inverse_temperature: number;
}

/**
 * The most floating-point operations of one launch: 0.7 s at 100 GFLOP/s, which a slow integrated GPU or a few processor cores
 * reach. Windows takes a GPU that is silent for 2 s for hung; other systems wait longer.
 */
const DISPATCH_FLOPS = 2 ** 36;

/** Columns of a panel for the fused gradient; half of them above its dimensions, where a tile of the matrix is stored. */
const PANEL_COLUMNS = 2048;

/** Columns of a panel are a multiple of this: a whole number of tiles of every variant. */
const COLUMN_UNIT = 64;

/**
 * Columns of a panel, where the largest block has so many rows: the fewer, the less scratch memory; the more, the fewer launches.
 * Panels are about equally wide. No launch, which computes a product of all rows by the panel, or two where the gradient is fused,
 * does more than `DISPATCH_FLOPS`.
 */
export function panelColumns(rows: number, dim: number): number {
  const fused = dim <= FUSED_GRADIENT_DIMENSIONS;
  const most = fused ? PANEL_COLUMNS : PANEL_COLUMNS / 2;
  const flopsOfUnit = (fused ? 4 : 2) * rows * dim * COLUMN_UNIT;
  const allowed = COLUMN_UNIT * Math.max(1, Math.floor(DISPATCH_FLOPS / flopsOfUnit));
  const panels = Math.ceil(rows / Math.min(most, allowed));
  return COLUMN_UNIT * Math.ceil(rows / panels / COLUMN_UNIT);
}

/** Cuts the columns into panels of so many or fewer, none over the end of a block. */
export function cutPanels(blocks: readonly Block[], columns: number): Panel[] {
  return blocks.flatMap((block) =>
    Array.from({ length: Math.ceil(block.rows / columns) }, (_, i): Panel => {
      const first = i * columns;
      return { block, first, width: Math.min(columns, block.rows - first) };
    }),
  );
}

/**
 * Looks at the blocks and measures their rows.
 * @throws ShapeError for blocks that differ in dimensions, an odd number of rows, or fewer than 4 rows in all.
 */
export function measureBlocks(
  tape: Tape,
  embeddings: readonly Tensor[],
): { blocks: Block[]; dim: number; total: number } {
  if (embeddings.length === 0) throw new ShapeError("NT-Xent needs embeddings: there is no block of them");
  const [, dim] = matrixShape(embeddings[0]);
  let total = 0;
  for (const z of embeddings) {
    const [rows, cols] = matrixShape(z);
    if (cols !== dim) throw new ShapeError(`${z} must have as many dimensions as ${embeddings[0]}`);
    if (rows % 2 !== 0) throw new ShapeError(`${z} must hold two views of each image: an even number of rows`);
    total += rows;
  }
  if (total < 4) {
    throw new ShapeError(
      `${embeddings[0]} must hold two views of at least two images: an even number of rows from 4 up`,
    );
  }
  const LANES = tape.device.adapter.software ? 8 : 64;
  let first = 0;
  const blocks = embeddings.map((z): Block => {
    const [rows] = matrixShape(z);
    const anchors = tape.tensor([3, rows], `anchors of ${z.label}`);
    tape.launch(kernels.inverseNorms, { x: z, anchors }, { rows, cols: dim }, { LANES });
    first += rows;
    return { z, rows, first: first - rows, anchors };
  });
  return { blocks, dim, total };
}

/** Extents of a panel's columns in memory. */
export function columnShape({ width }: Panel, dim: number): [dim: number, stride: number] {
  return [dim, 4 * Math.ceil(width / 4)];
}

/** The columns of a panel: rows of length 1, transposed (kernels/nt-xent-columns.wgsl). */
export function columnsOf(tape: Tape, panel: Panel, dim: number): Tensor {
  const { block, first, width } = panel;
  const { z, anchors, rows } = block;
  const columns = tape.tensor(columnShape(panel, dim), "panel of columns");
  tape.launch(kernels.ntXentColumns, { z, anchors, columns }, { rows, dim, first_column: first, width });
  return columns;
}

/** What kernels are told of a panel, for the rows of a block. */
export function placeOf(panel: Panel, rows: Block) {
  return { first_column: panel.first, width: panel.width, same_block: Number(panel.block === rows) };
}
