import * as assert from "uvu/assert";
import type { Dataset } from "../../src/data/dataset.js";
import { Convolution } from "../../src/nn/layers.js";
import type { Model } from "../../src/nn/model.js";
import type { Encoder } from "../../src/nn/module.js";
import { relu } from "../../src/ops/elementwise.js";
import { globalAveragePool } from "../../src/ops/pooling.js";
import type { OwnParts, TrainingConfig } from "../../src/training/config.js";
import { createParts, disposeParts } from "../../src/training/model.js";
import { recordStep } from "../../src/training/step.js";
import type { StepMetrics } from "../../src/training/training-step.js";
import { testDevice } from "../lib/device.js";
import { IMAGE_SIZE } from "./small-set.js";

/** A net without statistics over images: what is computed of one does not depend on the others. */
export function plainNet(): Encoder {
  const layers = [
    new Convolution("first", 3, 12, 3, { stride: 2, padding: 1 }),
    new Convolution("second", 12, 20, 3, { stride: 2, padding: 1 }),
  ];
  return {
    name: "plain",
    features: 20,
    stem: "cifar",
    tensors: layers.flatMap(({ tensors }) => tensors),
    forward(pass, x) {
      const maps = layers.reduce(
        (value, layer) => pass.segment(layer.name, () => relu(pass.tape, layer.forward(pass, value))),
        x,
      );
      return globalAveragePool(pass.tape, maps);
    },
  };
}

/** What steps gave. */
export interface Outcome {
  readonly metrics: readonly StepMetrics[];
  /** After the last step: gradients of the parameters, and all tensors. */
  readonly gradients: ReadonlyMap<string, Float32Array>;
  readonly values: ReadonlyMap<string, Float32Array>;
  /** What the method keeps beside them. */
  readonly state: ReadonlyMap<string, Float32Array | Uint32Array>;
}

/** What steps are made with besides their configuration. */
export interface StepsOptions {
  readonly own?: OwnParts;
  /** Steps; 2 by default. */
  readonly count?: number;
  /** The first of their images in the set; 0 by default. */
  readonly from?: number;
  /** Called before the first step. */
  readonly prepare?: (model: Model) => void;
}

/** Steps on the same images, as many as the batch. */
export async function runSteps(
  config: TrainingConfig & { readonly microBatch: number },
  dataset: Dataset & { readonly labels: Uint32Array },
  { own = {}, count = 2, from = 0, prepare }: StepsOptions = {},
): Promise<Outcome> {
  const device = await testDevice();
  const parts = {
    ...createParts(
      device,
      config,
      { imageSize: IMAGE_SIZE, classes: 3, images: dataset.length, clips: dataset.clips },
      own,
    ),
    config,
  };
  const { model, optimizer, learner } = parts;
  prepare?.(model);
  learner.restart?.();
  const step = await recordStep(parts).compile();
  const metrics: StepMetrics[] = [];
  for (let i = 0; i < count; i++) {
    optimizer.setStep(i + 1, 0.003);
    learner.beforeStep?.(i, count);
    let fed = 0;
    const running = await step.submit(async ({ bytes, images: numbers, counter, labels }) => {
      const { first, images } = step.feeds[fed++];
      const places = Uint32Array.from({ length: images }, (_, at) => from + first + at);
      const pixels = new Uint32Array(images * IMAGE_SIZE * IMAGE_SIZE);
      await dataset.fetch(places, new Uint8Array(pixels.buffer));
      device.write(bytes, pixels);
      device.write(numbers, places);
      device.write(counter, Uint32Array.of(7, i));
      const classes = places.map((place) => dataset.labels[place]);
      if (labels) device.write(labels, classes);
      return { images: places, labels: classes };
    });
    assert.is(fed, step.feeds.length);
    metrics.push(await running.metrics);
  }
  const gradients = new Map<string, Float32Array>();
  for (const { spec, gradient } of model.tensors.parameters) gradients.set(spec.name, await device.read(gradient));
  const values = await model.tensors.read();
  const state = new Map<string, Float32Array | Uint32Array>();
  for (const [name, tensor] of learner.state)
    state.set(name, tensor.type === "u32" ? await device.readIndices(tensor) : await device.read(tensor));
  step.dispose();
  disposeParts(parts);
  return { metrics, gradients, values, state };
}

/** The largest magnitude. */
export function largest(values: Float32Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

/** Fails where an element is off by more. */
export function expectNear(
  found: Float32Array = new Float32Array(),
  expected: Float32Array,
  tolerance: number,
  what: string,
): void {
  assert.is(found.length, expected.length, what);
  const worst = largest(found.map((value, i) => value - expected[i]));
  assert.ok(worst <= tolerance, `${what} is off by ${worst}, and ${tolerance} is allowed`);
}
