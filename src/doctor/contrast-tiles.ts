import type { KernelDefinition } from "../../kernels/definition.js";
import * as kernels from "../../kernels/generated.js";
import type { Launch } from "../engine/launch.js";
import type { Tape } from "../engine/tape.js";
import type { ContrastTile, WorkgroupTile } from "../ops/gpu-tiles.js";

/** Tiles of the two passes of the contrastive losses. */
export interface ContrastTiles {
  readonly partials: WorkgroupTile;
  readonly gradient: ContrastTile;
}

/** What the kernels of a pass have in common: the rule, and which of them are anchors. */
const RULE = [
  ...["SAME", "OTHER", "TIMED", "BEYOND", "NEAR", "FAR", "PARTS"],
  ...["ROW_ANCHORS", "COLUMN_ANCHORS", "ONE_POSITIVE", "WEIGHTED"],
];

/** Records with the kernels that have tiles in workgroup memory, and with these tiles, whatever the device would choose. */
export function withContrastTiles<Result>(tape: Tape, tiles: ContrastTiles, record: () => Result): Result {
  const first = tape.launches.length;
  const result = record();
  for (const launch of tape.launches.splice(first)) {
    if (launch.kernel.name.startsWith("contrastPartials")) {
      launchTiled(tape, kernels.contrastPartialsTiled, tiles.partials, launch);
    } else if (launch.kernel.name.match(/^contrastGradient(Tiled)?$/)) {
      launchTiled(tape, kernels.contrastGradientTiled, tiles.gradient, launch);
    } else {
      tape.launches.push(launch);
    }
  }
  return result;
}

function launchTiled(
  tape: Tape,
  kernel: KernelDefinition,
  tile: WorkgroupTile | ContrastTile,
  { tensors, params, constants }: Launch,
): void {
  const bindings = Object.fromEntries(kernel.bindings.map(({ name }, i) => [name, tensors[i]]));
  const fields = Object.fromEntries(kernel.params.map(({ name }) => [name, params[name]]));
  const rule = RULE.filter((name) => name in kernel.constants).map((name) => [name, constants[name]]);
  const VECTOR = params.dim % 4 === 0 ? 4 : 1;
  tape.launch(kernel, bindings, fields, { ...Object.fromEntries(rule), ...tile, VECTOR });
}
