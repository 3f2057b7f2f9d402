import { initialValues } from "../../src/nn/initial-values.js";
import { type Model, modelOf } from "../../src/nn/model.js";
import type { Encoder, Head, TensorSpec } from "../../src/nn/module.js";
import { projectionHead } from "../../src/nn/projection-head.js";
import { normals, sfc32 } from "../../src/random.js";
import { testDevice } from "../lib/device.js";

/** Pixels of its images. */
export const SIZE = 16;

/** A model whose norms are not what they start as: scales, offsets, means and variances are drawn. */
export async function trained(encoder: Encoder, head?: Head, classes = 0): Promise<Model> {
  const device = await testDevice();
  const parts = { encoder, head: head ?? projectionHead(encoder.features, { layers: 0 }), classes, imageSize: SIZE };
  const model = modelOf(device, parts, 3);
  const random = sfc32(5, 6, 7);
  const normal = normals(random);
  const values = model.tensors.specs.map((spec): [string, Float32Array] => {
    const { initial, name } = spec;
    const drawn = initialValues(spec, random, normal);
    if (initial.kind !== "constant") return [name, drawn];
    // Around 1 for what is multiplied or divided by, around 0 for what is added or subtracted; no norm ends a block with nothing.
    const centre = /\.weight$|running_var$/.test(name) ? 1 : 0;
    return [name, drawn.map(() => centre + 0.6 * (random() / 2 ** 32 - 0.5))];
  });
  model.tensors.write(new Map(values));
  return model;
}

/** Half the distance of 1 to the next f32: how much a rounding changes a number. */
const ROUNDING = 2 ** -24;

/**
 * What two ways of adding up may differ by. A sum of n products makes up to n roundings, here and there; through all layers they go
 * on as errors of random signs, so that they add up as the root of their number: six of its deviations, of the largest value.
 */
export function toleranceOf(tensors: readonly TensorSpec[], largest: number): number {
  const roundings = tensors.reduce((sum, { shape }) => {
    const inputs = shape.slice(0, -1).reduce((product, extent) => product * extent, 1);
    return sum + 2 * (shape.length > 1 ? inputs : 4);
  }, 0);
  return 6 * Math.sqrt(roundings) * ROUNDING * largest;
}
