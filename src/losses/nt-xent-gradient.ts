import { kernels } from "../../kernels/generated.js";
import type { Site } from "../engine/choices.js";
import type { Device } from "../engine/device.js";
import type { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { transpose } from "../ops/elementwise.js";
import { product } from "../ops/matmul.js";
import {
  type ContrastGradientVariant,
  contrastGradientVariants,
  extentClass,
  FUSED_GRADIENT_DIMENSIONS,
  withVectors,
} from "../ops/variants.js";
import { type Block, type Contrast, columnShape, columnsOf, type Panel, placeOf } from "./contrast-panels.js";

/** The gradients of the blocks of embeddings, null for those that take none, from the gradient of the loss. */
export function embeddingGradients(tape: Tape, contrast: Contrast, gradient: Tensor): (Tensor | null)[] {
  const { blocks, panels, dim, total, inverse_temperature } = contrast;
  const gradients = blocks.map(({ z }) =>
    tape.needsGradient(z) ? tape.tensor(z.shape, `gradient of ${z.label}`) : null,
  );
  const add = dim <= FUSED_GRADIENT_DIMENSIONS ? addFused : addInProducts;
  for (const panel of panels) add(tape, contrast, panel, gradients);
  const LANES = tape.device.adapter.software ? 8 : 64;
  blocks.forEach(({ z, anchors, rows }, i) => {
    const dz = gradients[i];
    if (!dz) return;
    const size = { rows, dim, total, inverse_temperature };
    tape.launch(kernels.ntXentEmbeddingGradient, { z, anchors, gradient, dz }, size, { LANES });
  });
  return gradients;
}

/** Adds what a panel contributes to the gradients by one kernel, which computes logits and their product with the columns. */
function addFused(tape: Tape, contrast: Contrast, panel: Panel, gradients: readonly (Tensor | null)[]): void {
  const columns = columnsOf(tape, panel, contrast.dim);
  const others = panel.block;
  contrast.blocks.forEach((block, i) => {
    const dz = gradients[i];
    if (!dz) return;
    const site = fusedGradient(tape.device, contrast, block, panel);
    tape.record(site, [block.z, block.anchors, columns, others.z, others.anchors, dz]);
  });
}

function fusedGradient(
  device: Device,
  { dim, inverse_temperature, panels }: Contrast,
  block: Block,
  panel: Panel,
): Site<ContrastGradientVariant, void> {
  const { rows } = block;
  const column_rows = panel.block.rows;
  return {
    operation: "nt-xent-gradient",
    shape: `${extentClass(rows)}x${dim}`,
    candidates: contrastGradientVariants(device),
    inputs: [[rows, dim], [3, rows], columnShape(panel, dim), [column_rows, dim], [3, column_rows], [rows, dim]],
    record(tape, { kernel, tile }, [z, anchors, columns, others, column_anchors, dz]) {
      tape.launch(
        kernel,
        { z, anchors, columns, others, column_anchors, dz },
        {
          ...{ rows, dim, column_rows, inverse_temperature, ...placeOf(panel, block) },
          continues: Number(panel !== panels[0]),
        },
        withVectors(tile, dim),
      );
    },
  };
}

/**
 * The same for more dimensions than the fused kernel holds, for which it would have to compute the logits several times: a tile
 * of the matrix, as many columns as the panel has and twice as many rows, is stored; two matrix products and a pass over the tile
 * between them.
 */
function addInProducts(tape: Tape, contrast: Contrast, panel: Panel, gradients: readonly (Tensor | null)[]): void {
  const { blocks, panels, dim, inverse_temperature } = contrast;
  const { width } = panel;
  const others = panel.block;
  const right = normalizedRows(tape, others, panel.first, width, dim);
  const columns = transpose(tape, right);
  const most = 2 * panels[0].width;
  blocks.forEach((block, i) => {
    const dz = gradients[i];
    const { rows } = block;
    for (let first = 0; dz && first < rows; first += most) {
      const count = Math.min(most, rows - first);
      const left = normalizedRows(tape, block, first, count, dim);
      const factors = tape.record(product(tape.device, { rows: count, inner: dim, cols: width }, false, false), [
        left,
        columns,
      ]);
      tape.launch(
        kernels.ntXentFactors,
        { factors, anchors: block.anchors, column_anchors: others.anchors },
        {
          ...{ rows, first_row: first, count, column_rows: others.rows },
          ...{ inverse_temperature, ...placeOf(panel, block) },
        },
      );
      const part = tape.record(product(tape.device, { rows: count, inner: width, cols: dim }, false, false), [
        factors,
        right,
      ]);
      const continues = Number(panel !== panels[0]);
      tape.launch(kernels.addRows, { part, y: dz }, { rows, cols: dim, first, count, continues });
    }
  });
}

/** Rows of a block, made of length 1. */
function normalizedRows(tape: Tape, { z, anchors, rows }: Block, first: number, count: number, cols: number): Tensor {
  const y = tape.tensor([count, cols], "normalised rows");
  tape.launch(kernels.scaledRows, { x: z, anchors, y }, { rows, cols, first, count });
  return y;
}
