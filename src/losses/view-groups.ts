import * as kernels from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";

/**
 * Groups for `contrast` where rows i, i + images, i + 2 images and so on are the views of image i: u32 [views * images], of which
 * the row of a view of image i holds first + i. Images that come back from step to step, as in a queue, need their own numbers
 * instead.
 * @param views of an image; 2 by default
 * @param first 0 by default
 */
export function viewGroups(tape: Tape, images: number, views = 2, first = 0): Tensor {
  const groups = tape.tensor([views * images], "groups of views", "u32");
  tape.launch(kernels.viewGroups, { groups }, { rows: views * images, images, first });
  return groups;
}
