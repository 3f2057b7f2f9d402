import type { HeadOptions } from "../nn/projection-head.js";
import { flag, type OptionValues, whole } from "./options.js";

/** The options of a method's projection head. `hidden` 0 stands for the dimension of the representation. */
export function headOptions({
  layers,
  hidden = 0,
  output,
  batchNorm = false,
}: HeadOptions & { readonly output: number }) {
  return {
    headLayers: whole(layers, { from: 0, to: 3 }, "layers of the projection head: 0 (none), 1 (linear), 2 or 3"),
    headHidden: whole(hidden, { from: 0 }, "hidden size of the head; 0: that of the representation"),
    headOutput: whole(output, { from: 1 }, "output size of the head"),
    headBatchNorm: flag(batchNorm, "batch norm after the head's hidden layers"),
  };
}

/** The head that such options describe. */
export function headOf(values: OptionValues<ReturnType<typeof headOptions>>): HeadOptions {
  const { headLayers: layers, headHidden: hidden, headOutput: output, headBatchNorm: batchNorm } = values;
  return { layers, output, batchNorm, ...(hidden > 0 && { hidden }) };
}

/** The head in words, with the dimension of its output. */
export function headText({ headLayers }: { readonly headLayers: number }, output: number): string {
  return headLayers === 0 ? "none" : `${headLayers} layers, output ${output}`;
}
