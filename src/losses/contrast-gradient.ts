import * as kernels from "../../kernels/generated.js";
import type { Site } from "../engine/choices.js";
import type { Device } from "../engine/device.js";
import { constantsOf } from "../engine/pipelines.js";
import type { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { sumSplits } from "../ops/column-sums.js";
import { transpose } from "../ops/elementwise.js";
import { product } from "../ops/matmul.js";
import { wantedWorkgroups } from "../ops/tiles.js";
import {
  type ContrastGradientVariant,
  contrastGradientVariants,
  extentClass,
  FUSED_GRADIENT_DIMENSIONS,
  withVectors,
} from "../ops/variants.js";
import {
  type Block,
  COLUMN_UNIT,
  columnShape,
  columnsOf,
  lanesPerRow,
  marksOf,
  type Panel,
  type Pass,
  placeOf,
  type Recording,
} from "./contrast-panels.js";
import { evenSplits } from "./contrast-partials.js";
import { type RelationConstants, sameRelations } from "./contrast-relations.js";

/** The gradient of some rows through their logits with some columns. */
interface Meeting {
  readonly rows: Block;
  readonly columns: Block;
  readonly relations: RelationConstants;
  /** Rows are anchors, and columns their keys. */
  readonly ROW_ANCHORS: boolean;
  /** Columns are anchors, and rows their keys. */
  readonly COLUMN_ANCHORS: boolean;
}

/** A gradient on its way, a sum over the columns so far: [splits, rows, dim]. */
interface Sum {
  readonly parts: Tensor;
  readonly splits: number;
  readonly fused: boolean;
  /** False until something is in it. */
  begun: boolean;
}

/** Most elements of a gradient in parts: 4 MiB. */
const PARTS_ELEMENTS = 2 ** 20;

/** Up to so many dimensions the kernels for GPUs, which compute the logits once for each 128 of them, are better than products of so few rows. */
const FUSED_DIMENSIONS_OF_FEW_ROWS = 512;

/** Rows are few where there are so many times as many columns. */
const FEW = 8;

/**
 * The gradients of blocks by their tensors, for those that take one, from the gradient of the loss, which is a mean over `total`
 * anchors. A block that is anchors and keys gets both gradients in one pass.
 */
export function embeddingGradients(
  tape: Tape,
  recording: Recording,
  passes: readonly Pass[],
  gradient: Tensor,
  total: number,
): ReadonlyMap<Tensor, Tensor> {
  const { panels, dim, inverse_temperature } = recording;
  const meetings = meetingsOf(passes).filter(({ rows }) => tape.needsGradient(rows.z));
  const sums = new Map<Block, Sum>();
  for (const { rows } of meetings) {
    if (!sums.has(rows)) sums.set(rows, sumOf(tape, recording, meetings, rows));
  }
  for (const panel of panels) addPanel(tape, recording, panel, meetings, sums);
  const gradients = new Map<Tensor, Tensor>();
  for (const [{ z, rows, anchors }, { parts, splits }] of sums) {
    const label = `gradient of ${z.label}`;
    const dz = splits === 1 ? parts : sumSplits(tape, tape.device, parts, z.shape, label);
    const size = { rows, dim, total, inverse_temperature };
    tape.launch(kernels.contrastEmbeddingGradient, { z, anchors, gradient, dz }, size, {
      LANES: lanesPerRow(tape.device),
    });
    gradients.set(z, dz);
  }
  return gradients;
}

/** Each pass from its anchors and from its keys; both at once where they are of one block, or where two passes are each other's. */
function meetingsOf(passes: readonly Pass[]): Meeting[] {
  const meetings = passes.map(({ anchors, keys, relations }): Meeting => {
    const COLUMN_ANCHORS = passes.some((p) => isReverse(p, { anchors, keys, relations }));
    return { rows: anchors, columns: keys, relations, ROW_ANCHORS: true, COLUMN_ANCHORS };
  });
  for (const { anchors, keys, relations } of passes) {
    const known = passes.some((p) => isReverse(p, { anchors, keys, relations }));
    if (!known) meetings.push({ rows: keys, columns: anchors, relations, ROW_ANCHORS: false, COLUMN_ANCHORS: true });
  }
  return meetings;
}

function isReverse(a: Pass, b: Pass): boolean {
  return a.anchors === b.keys && a.keys === b.anchors && sameRelations(a.relations, b.relations);
}

/** Where the gradient of a block is added up. Rows that are few against their columns are in parts, to keep the adapter busy. */
function sumOf(tape: Tape, { panels, dim }: Recording, meetings: readonly Meeting[], block: Block): Sum {
  const { device } = tape;
  const { z, rows } = block;
  const columns = new Set(meetings.filter((meeting) => meeting.rows === block).map((meeting) => meeting.columns));
  const ratio = Math.floor([...columns].reduce((sum, other) => sum + other.rows, 0) / rows);
  const few = ratio >= FEW && dim <= FUSED_DIMENSIONS_OF_FEW_ROWS && !device.adapter.software;
  const fused = dim <= FUSED_GRADIENT_DIMENSIONS || few;
  const label = `gradient of ${z.label}`;
  if (!fused) return { parts: tape.tensor(z.shape, label), splits: 1, fused, begun: false };
  const [{ kernel, tile }] = contrastGradientVariants(device, dim);
  const workgroups = kernel.workgroups({ ...constantsOf(kernel, tile), rows, dim, splits: 1 });
  const widest = Math.max(...panels.filter((panel) => columns.has(panel.block)).map(({ width }) => width));
  const most = Math.min(ratio, Math.floor(PARTS_ELEMENTS / (rows * dim)));
  const wanted = Math.min(most, Math.ceil(wantedWorkgroups(device) / workgroups));
  const splits = evenSplits(Math.ceil(widest / COLUMN_UNIT), wanted);
  return { parts: tape.tensor(splits === 1 ? z.shape : [splits, ...z.shape], label), splits, fused, begun: false };
}

/** Adds what a panel of columns contributes to the gradients of the rows that meet it. */
function addPanel(
  tape: Tape,
  recording: Recording,
  panel: Panel,
  meetings: readonly Meeting[],
  sums: ReadonlyMap<Block, Sum>,
): void {
  const { dim } = recording;
  const own = meetings.flatMap((meeting) => {
    const sum = sums.get(meeting.rows);
    return sum && meeting.columns === panel.block ? [{ meeting, sum }] : [];
  });
  const fused = own.filter(({ sum }) => sum.fused);
  if (fused.length > 0) {
    const columns = columnsOf(tape, panel, dim);
    for (const { meeting, sum } of fused) {
      const { rows, relations } = meeting;
      const others = panel.block;
      tape.record(fusedGradient(tape.device, recording, meeting, panel, sum), [
        ...[rows.z, rows.anchors, marksOf(rows, relations)],
        ...[columns, others.z, others.anchors, marksOf(others, relations), sum.parts],
      ]);
      sum.begun = true;
    }
  }
  const inProducts = own.filter(({ sum }) => !sum.fused);
  if (inProducts.length > 0) {
    const right = normalizedRows(tape, panel.block, panel.first, panel.width, dim);
    const columns = transpose(tape, right);
    for (const { meeting, sum } of inProducts) {
      addInProducts(tape, recording, meeting, panel, { right, columns }, sum);
      sum.begun = true;
    }
  }
}

/** One kernel, which computes logits and the product of what follows from them with the columns. */
function fusedGradient(
  device: Device,
  { dim, inverse_temperature, onePositive: ONE_POSITIVE, weighted: WEIGHTED }: Recording,
  { rows: block, relations, ROW_ANCHORS, COLUMN_ANCHORS }: Meeting,
  panel: Panel,
  { parts, splits, begun }: Sum,
): Site<ContrastGradientVariant, void> {
  const { rows } = block;
  const others = panel.block;
  const [rowMarks, columnMarks] = [block, others].map((of) => marksOf(of, relations).shape);
  const continues = Number(begun);
  return {
    operation: "contrast-gradient",
    shape: `${extentClass(rows)}x${dim}${ROW_ANCHORS && COLUMN_ANCHORS ? "" : ROW_ANCHORS ? " anchors" : " keys"}`,
    candidates: contrastGradientVariants(device, dim),
    inputs: [
      ...[[rows, dim], [3, rows], rowMarks],
      ...[columnShape(panel, dim), [others.rows, dim], [3, others.rows], columnMarks, parts.shape],
    ],
    types: ["f32", "f32", "u32", "f32", "f32", "f32", "u32", "f32"],
    record(tape, { kernel, tile }, [z, anchors, marks, columns, others, column_anchors, column_marks, dz]) {
      tape.launch(
        kernel,
        { z, anchors, marks, columns, others, column_anchors, column_marks, dz },
        { rows, dim, splits, continues, inverse_temperature, ...placeOf(panel, block) },
        { ...withVectors(tile, dim), ...relations, ROW_ANCHORS, COLUMN_ANCHORS, ONE_POSITIVE, WEIGHTED },
      );
    },
  };
}

/**
 * The same for more dimensions than the fused kernel holds, for which it would have to compute the logits several times: a tile
 * of the matrix, as many columns as the panel has and twice as many rows, is stored; two matrix products and a pass over the tile
 * between them.
 */
function addInProducts(
  tape: Tape,
  { panels, dim, inverse_temperature, onePositive: ONE_POSITIVE, weighted: WEIGHTED }: Recording,
  { rows: block, relations, ROW_ANCHORS, COLUMN_ANCHORS }: Meeting,
  panel: Panel,
  { right, columns }: { readonly right: Tensor; readonly columns: Tensor },
  { parts: dz, begun }: Sum,
): void {
  const { rows } = block;
  const { width } = panel;
  const others = panel.block;
  const most = 2 * panels[0].width;
  for (let first = 0; first < rows; first += most) {
    const count = Math.min(most, rows - first);
    const left = normalizedRows(tape, block, first, count, dim);
    const logits = product(tape.device, { rows: count, inner: dim, cols: width });
    const factors = tape.record(logits, [left, columns]);
    tape.launch(
      kernels.contrastFactors,
      {
        factors,
        ...{ anchors: block.anchors, marks: marksOf(block, relations) },
        ...{ column_anchors: others.anchors, column_marks: marksOf(others, relations) },
      },
      { rows, first_row: first, count, inverse_temperature, ...placeOf(panel, block) },
      { ...relations, ROW_ANCHORS, COLUMN_ANCHORS, ONE_POSITIVE, WEIGHTED },
    );
    const gradient = product(tape.device, { rows: count, inner: width, cols: dim });
    const part = tape.record(gradient, [factors, right]);
    tape.launch(kernels.addRows, { part, y: dz }, { rows, cols: dim, first, count, continues: Number(begun) });
  }
}

/** Rows of a block, made of length 1. */
function normalizedRows(tape: Tape, { z, anchors, rows }: Block, first: number, count: number, cols: number): Tensor {
  const y = tape.tensor([count, cols], "normalised rows");
  tape.launch(kernels.scaledRows, { x: z, anchors, y }, { rows, cols, first, count });
  return y;
}
