import * as kernels from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import { matrixShape, type Tensor } from "../engine/tensor.js";
import { ShapeError } from "../errors.js";
import { lanesPerRow } from "./contrast-panels.js";
import { checkTemperature } from "./nt-xent.js";

/**
 * Logits, cosines over the temperature, of the views of each image with each other: of z [views * images, dim], of which rows i,
 * i + images, i + 2 images and so on are the views of image i, to [views - 1, views * images], where row k holds those of row r of z
 * with row r + (k + 1) images, counted around. Rows need not be normalised.
 * @throws ConfigError for a temperature that is not above 0; ShapeError for rows that are not two views or more of so many images.
 */
export function pairLogits(tape: Tape, z: Tensor, images: number, temperature: number): Tensor {
  checkTemperature(temperature);
  const [rows, dim] = matrixShape(z);
  if (!Number.isInteger(images) || images < 1 || rows % images !== 0 || rows < 2 * images)
    throw new ShapeError(`${z} must hold two views or more of each of ${images} images`);
  const LANES = lanesPerRow(tape.device);
  const inverse_temperature = 1 / temperature;
  const anchors = tape.tensor([3, rows], `norms of ${z.label}`);
  tape.launch(kernels.inverseNorms, { x: z, anchors }, { rows, cols: dim }, { LANES });
  const logits = tape.tensor([rows / images - 1, rows], "logits of pairs");
  tape.launch(kernels.pairLogits, { z, anchors, logits }, { rows, images, dim, inverse_temperature });
  tape.differentiate([z], logits, (dlogits) => {
    const dz = tape.tensor(z.shape, `gradient of ${z.label}`);
    tape.launch(kernels.pairLogitsGradient, { z, anchors, dlogits, dz }, { rows, images, dim });
    const size = { rows, dim, total: 1, inverse_temperature };
    const bindings = { z, anchors, gradient: tape.device.one, dz };
    tape.launch(kernels.contrastEmbeddingGradient, bindings, size, { LANES });
    return [dz];
  });
  return logits;
}
