import * as kernels from "../../kernels/generated.js";
import type { Device } from "../engine/device.js";
import type { Tape } from "../engine/tape.js";
import { matrixShape, type Tensor } from "../engine/tensor.js";
import { FUSED_GRADIENT_DIMENSIONS, withVectors } from "../ops/variants.js";
import type { RelationConstants } from "./contrast-relations.js";

/** Rows of embeddings, as anchors, as keys or as both. */
export interface Block {
  /** [rows, dim], as they were given. */
  readonly z: Tensor;
  readonly rows: number;
  /** As [3, rows] the reciprocal of each row's norm; of anchors, their log-sum-exp and their pull (kernels/lib/slope.wgsl). */
  readonly anchors: Tensor;
  /** u32 [rows]. */
  readonly groups: Tensor;
  /** u32 [2, rows], groups and times, where a rule needs them. */
  readonly timed: Tensor | null;
}

/** A run of rows of a block, taken as columns of the matrix of logits. */
export interface Panel {
  readonly block: Block;
  readonly first: number;
  readonly width: number;
}

/** Anchors and keys that meet, and what these are to those. */
export interface Pass {
  readonly anchors: Block;
  readonly keys: Block;
  readonly relations: RelationConstants;
}

/** What the launches of a recording have in common. */
export interface Recording {
  readonly anchors: readonly Block[];
  /** Of all blocks, those that anchors are attracted by first. */
  readonly panels: readonly Panel[];
  readonly dim: number;
  readonly inverse_temperature: number;
  /** True where each anchor is attracted by one key, a positive, and all others are negatives. */
  readonly onePositive: boolean;
  /** True where what each anchor has is the log-sum-exp of its negatives alone, and a weight: the pull of its block. */
  readonly weighted: boolean;
}

/**
 * The most floating-point operations of one launch: 0.7 s at 100 GFLOP/s, which a slow integrated GPU or a few processor cores
 * reach. Windows takes a GPU that is silent for 2 s for hung; other systems wait longer.
 */
const DISPATCH_FLOPS = 2 ** 36;

/** Columns of a panel for the fused gradient; half of them above its dimensions, where a tile of the matrix is stored. */
const PANEL_COLUMNS = 2048;

/** Where the rows are few, a panel has as many columns as make it, and its tile of the matrix, as large as this: 4 MiB. */
const PANEL_ELEMENTS = 2 ** 20;

/** Columns of a panel are a multiple of this: a whole number of tiles of every variant. */
export const COLUMN_UNIT = 64;

/**
 * Columns of a panel, where the largest blocks have so many rows and columns: the fewer, the less scratch memory; the more, the
 * fewer launches. Panels are about equally wide. No launch, which computes a product of all rows by the panel, or two where the
 * gradient is fused, does more than `DISPATCH_FLOPS`.
 */
export function panelColumns(rows: number, columns: number, dim: number): number {
  const fused = dim <= FUSED_GRADIENT_DIMENSIONS;
  const usual = fused ? PANEL_COLUMNS : PANEL_COLUMNS / 2;
  const most = Math.max(usual, Math.floor(PANEL_ELEMENTS / Math.max(rows, dim)));
  const flopsOfUnit = (fused ? 4 : 2) * rows * dim * COLUMN_UNIT;
  const allowed = COLUMN_UNIT * Math.max(1, Math.floor(DISPATCH_FLOPS / flopsOfUnit));
  const panels = Math.ceil(columns / Math.min(most, allowed));
  return COLUMN_UNIT * Math.ceil(columns / panels / COLUMN_UNIT);
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

/** Measures the rows of a tensor; with times, puts their marks together. */
export function measureBlock(tape: Tape, z: Tensor, groups: Tensor, times: Tensor | null): Block {
  const [rows, cols] = matrixShape(z);
  const anchors = tape.tensor([3, rows], `anchors of ${z.label}`);
  const constants = withVectors({ LANES: lanesPerRow(tape.device), VECTOR: 4 }, cols);
  tape.launch(kernels.inverseNorms, { x: z, anchors }, { rows, cols }, constants);
  if (!times) return { z, rows, anchors, groups, timed: null };
  const timed = tape.tensor([2, rows], `groups and times of ${z.label}`, "u32");
  tape.launch(kernels.timedMarks, { groups, times, marks: timed }, { rows });
  return { z, rows, anchors, groups, timed };
}

/** Threads that share a row of a block. */
export function lanesPerRow(device: Device): number {
  return device.adapter.software ? 8 : 64;
}

/** What tells the rows of a block apart under a rule. */
export function marksOf({ groups, timed }: Block, { TIMED }: RelationConstants): Tensor {
  return TIMED && timed ? timed : groups;
}

/** Extents of a panel's columns in memory. */
export function columnShape({ width }: Panel, dim: number): [dim: number, stride: number] {
  return [dim, 4 * Math.ceil(width / 4)];
}

/** The columns of a panel: rows of length 1, transposed (kernels/contrast-columns.wgsl). */
export function columnsOf(tape: Tape, panel: Panel, dim: number): Tensor {
  const { block, first, width } = panel;
  const { z, anchors, rows } = block;
  const columns = tape.tensor(columnShape(panel, dim), "panel of columns");
  const constants = withVectors({ VECTOR: 4 }, dim);
  tape.launch(kernels.contrastColumns, { z, anchors, columns }, { rows, dim, first_column: first, width }, constants);
  return columns;
}

/** What kernels are told of a panel, for the rows of a block. */
export function placeOf(panel: Panel, rows: Block) {
  return {
    column_rows: panel.block.rows,
    first_column: panel.first,
    width: panel.width,
    same_block: Number(panel.block === rows),
  };
}
