import * as kernels from "../../kernels/generated.js";
import type { Site } from "../engine/choices.js";
import type { Device } from "../engine/device.js";
import { constantsOf } from "../engine/pipelines.js";
import type { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { wantedWorkgroups } from "../ops/tiles.js";
import { type ContrastVariant, contrastVariants, extentClass, withVectors } from "../ops/variants.js";
import {
  type Block,
  columnShape,
  columnsOf,
  lanesPerRow,
  marksOf,
  type Panel,
  type Pass,
  placeOf,
  type Recording,
} from "./contrast-panels.js";
import { attracts, type RelationConstants } from "./contrast-relations.js";

/** What is kept of the anchors of a block, in runs of columns: [parts, splits, rows] (kernels/lib/partials.wgsl). */
export interface Partials {
  readonly tensor: Tensor;
  readonly splits: number;
}

/** What the first pass finds. */
export interface FirstPass {
  /** Of each block of anchors. */
  readonly partials: ReadonlyMap<Block, Partials>;
  /** Means and variances of the dimensions of the normalised anchors, [2, dim]. */
  readonly statistics: Tensor;
}

/** The logits of all anchors with their keys, panel by panel, in so many parts: 7, or 2 where no rule attracts. */
export function firstPass(tape: Tape, recording: Recording, passes: readonly Pass[], PARTS: 2 | 7): FirstPass {
  const { anchors, panels, dim } = recording;
  const widest = Math.max(...panels.map(({ width }) => width));
  const statistics = tape.tensor([2, dim], "statistics of the embeddings");
  const partials = new Map(anchors.map((block) => [block, partialsOf(tape, block, widest, PARTS)]));
  const begun = new Set<Block>();
  let before = 0;
  for (const panel of panels) {
    const columns = columnsOf(tape, panel, dim);
    if (anchors.includes(panel.block)) {
      const { width } = panel;
      tape.launch(
        kernels.contrastStatistics,
        { columns, statistics },
        { dim, width, before },
        { LANES: lanesPerRow(tape.device) },
      );
      before += width;
    }
    for (const { anchors: block, relations } of passes.filter(({ keys }) => keys === panel.block)) {
      const found = partials.get(block);
      if (!found) continue;
      const site = partialLogits(tape.device, recording, block, panel, relations, {
        ...{ PARTS, splits: found.splits, continues: Number(begun.has(block)) },
      });
      tape.record(site, [
        ...[block.z, block.anchors, marksOf(block, relations)],
        ...[columns, marksOf(panel.block, relations), found.tensor],
      ]);
      begun.add(block);
    }
  }
  return { partials, statistics };
}

/** Where the partials of a block go: as many runs of columns as keep the adapter busy. */
function partialsOf(tape: Tape, { rows }: Block, width: number, parts: number): Partials {
  const [{ kernel, tile, columns }] = contrastVariants(tape.device);
  const workgroups = kernel.workgroups({ ...constantsOf(kernel, tile), rows, splits: 1 });
  const splits = evenSplits(Math.ceil(width / columns), Math.ceil(wantedWorkgroups(tape.device) / workgroups));
  return { tensor: tape.tensor([parts, splits, rows], "partial sums of exponentials"), splits };
}

/** So many runs of tiles, or fewer, of about equal length. */
export function evenSplits(tiles: number, wanted: number): number {
  return Math.ceil(tiles / Math.ceil(tiles / Math.max(1, Math.min(wanted, tiles))));
}

/** The logits of a block's rows in a panel, into the partials. */
function partialLogits(
  device: Device,
  { dim, inverse_temperature }: Recording,
  block: Block,
  panel: Panel,
  relations: RelationConstants,
  { PARTS, splits, continues }: { readonly PARTS: number; readonly splits: number; readonly continues: number },
): Site<ContrastVariant, void> {
  const { rows } = block;
  const shapes = [block, panel.block].map((of) => marksOf(of, relations).shape);
  return {
    operation: "contrast",
    shape: `${extentClass(rows)}x${dim}${attracts(relations) ? " attracting" : ""}`,
    candidates: contrastVariants(device),
    inputs: [[rows, dim], [3, rows], shapes[0], columnShape(panel, dim), shapes[1], [PARTS, splits, rows]],
    types: ["f32", "f32", "u32", "f32", "u32", "f32"],
    record(tape, { kernel, tile }, [z, anchors, marks, columns, column_marks, partials]) {
      tape.launch(
        kernel,
        { z, anchors, marks, columns, column_marks, partials },
        { rows, dim, splits, continues, inverse_temperature, ...placeOf(panel, block) },
        { ...withVectors(tile, dim), ...relations, PARTS },
      );
    },
  };
}
