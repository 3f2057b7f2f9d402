import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UNIT } from "../../src/doctor/rounding.js";
import type { Device } from "../../src/engine/device.js";
import { Convolution } from "../../src/nn/layers.js";
import { ModelTensors } from "../../src/nn/model-tensors.js";
import type { Encoder } from "../../src/nn/module.js";
import { projectionHead } from "../../src/nn/projection-head.js";
import { relu } from "../../src/ops/elementwise.js";
import { globalAveragePool } from "../../src/ops/pooling.js";
import { DEFAULT_CONFIG, type TrainingConfig } from "../../src/simclr/config.js";
import { microBatches } from "../../src/simclr/gradient-cache.js";
import { createModel, createOptimizer, type SimclrModel } from "../../src/simclr/model.js";
import { recordStep } from "../../src/simclr/step.js";
import type { StepMetrics } from "../../src/simclr/training-step.js";
import { testDevice } from "../lib/device.js";
import { IMAGE_SIZE, SMALL_CONFIG, stripes } from "./small-set.js";

const caching = suite("gradient cache");

const BATCH = 10;
const images = stripes(BATCH);

/** A net without statistics over images: what is computed of one does not depend on the others. */
function plainNet(): Encoder {
  const layers = [new Convolution("first", 3, 12, 3, 2, 1), new Convolution("second", 12, 20, 3, 2, 1)];
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

function plainModel(device: Device): SimclrModel {
  const encoder = plainNet();
  const head = projectionHead(encoder.features, { layers: 2, output: 12 });
  return {
    encoder,
    head,
    tensors: new ModelTensors(device, [...encoder.tensors, ...head.tensors], 3),
    imageSize: IMAGE_SIZE,
  };
}

interface Outcome {
  readonly metrics: readonly StepMetrics[];
  /** After the last step: gradients of the parameters, and all tensors. */
  readonly gradients: ReadonlyMap<string, Float32Array>;
  readonly values: ReadonlyMap<string, Float32Array>;
}

/** Two steps on the same images. */
async function steps(
  changes: Partial<TrainingConfig> & { readonly microBatch: number },
  makeModel: (device: Device, config: TrainingConfig) => SimclrModel,
): Promise<Outcome> {
  const device = await testDevice();
  const config = { ...DEFAULT_CONFIG, ...SMALL_CONFIG, batch: BATCH, temperature: 0.1, ...changes };
  const model = makeModel(device, config);
  const optimizer = createOptimizer(config, model.tensors);
  const step = await recordStep({ device, config, model, optimizer }).compile();
  const metrics: StepMetrics[] = [];
  for (let i = 0; i < 2; i++) {
    optimizer.setStep(i + 1, 0.003);
    let fed = 0;
    const running = await step.submit(async ({ bytes, images: numbers, counter }) => {
      const { first, images: count } = step.feeds[fed++];
      const places = Uint32Array.from({ length: count }, (_, at) => first + at);
      const pixels = new Uint32Array(count * IMAGE_SIZE * IMAGE_SIZE);
      await images.fetch(places, new Uint8Array(pixels.buffer));
      device.write(bytes, pixels);
      device.write(numbers, places);
      device.write(counter, Uint32Array.of(7, i));
    });
    assert.is(fed, step.feeds.length);
    metrics.push(await running.metrics);
  }
  const gradients = new Map<string, Float32Array>();
  for (const { spec, gradient } of model.tensors.parameters) gradients.set(spec.name, await device.read(gradient));
  const values = await model.tensors.read();
  for (const part of [step, optimizer, model.tensors]) part.dispose();
  return { metrics, gradients, values };
}

function largest(values: Float32Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

function expectNear(found: Float32Array, expected: Float32Array, tolerance: number, what: string): void {
  assert.is(found.length, expected.length, what);
  const worst = largest(found.map((value, i) => value - expected[i]));
  assert.ok(worst <= tolerance, `${what} is off by ${worst}, and ${tolerance} is allowed`);
}

caching("cuts a batch into micro-batches of nearly equal size", () => {
  const sizes = (batch: number, most: number) => microBatches(batch, most).map(({ images: count }) => count);
  assert.equal(sizes(4096, 256), new Array(16).fill(256));
  assert.equal(sizes(10, 4), [3, 3, 4]);
  assert.equal(sizes(7, 7), [7]);
  assert.equal(sizes(5, 1), [1, 1, 1, 1, 1]);
  for (const most of [1, 2, 3, 4, 9]) {
    const parts = microBatches(10, most);
    let next = 0;
    for (const { first, images: count } of parts) {
      assert.is(first, next);
      next += count;
    }
    assert.is(next, 10);
  }
});

for (const optimizer of ["adamw", "lars"] as const) {
  caching(`gives the loss and the gradients of the undivided batch (${optimizer})`, async () => {
    const whole = await steps({ microBatch: BATCH, optimizer }, plainModel);
    for (const microBatch of [1, 3, 4, 5]) {
      const cached = await steps({ microBatch, optimizer }, plainModel);
      whole.metrics.forEach(({ loss, contrastiveAccuracy, outputStd }, i) => {
        // A logit of up to 10 is off by roundings of sums of up to 12 * 9 terms, and its exponential by ten times that.
        const tolerance = 10 * 120 * UNIT;
        assert.ok(Math.abs(cached.metrics[i].loss - loss) <= tolerance * loss, `loss of step ${i + 1}`);
        assert.is(cached.metrics[i].contrastiveAccuracy, contrastiveAccuracy);
        assert.ok(Math.abs(cached.metrics[i].outputStd - outputStd) <= tolerance, `spread of step ${i + 1}`);
      });
      for (const [name, gradient] of whole.gradients) {
        // Sums over 20 views of maps of 64 pixels, of products of what is off as the loss is, that cancel in part.
        const tolerance = largest(gradient) * 20 * 64 * UNIT * 10;
        expectNear(cached.gradients.get(name) ?? new Float32Array(), gradient, tolerance, `${microBatch}: ${name}`);
      }
    }
  });
}

caching("gives the gradients of the undivided batch with group norm, and not with batch norm", async () => {
  const make = (device: Device, config: TrainingConfig) => createModel(device, config, IMAGE_SIZE);
  /** The largest distance of a gradient from that of the undivided batch, in largest gradients of its tensor. */
  const distance = async (norm: TrainingConfig["norm"]) => {
    const whole = await steps({ microBatch: BATCH, norm }, make);
    const cached = await steps({ microBatch: 4, norm }, make);
    const distances = [...whole.gradients].map(([name, gradient]) => {
      const found = cached.gradients.get(name) ?? new Float32Array();
      return largest(found.map((value, i) => value - gradient[i])) / largest(gradient);
    });
    return Math.max(...distances);
  };
  // Four layers of sums of up to 64 * 9 terms and their norms, forward and back, and the sums over 20 views of 64 places.
  const tolerance = 4 * 2 * 576 * UNIT + 1280 * UNIT;
  const [group, batch] = [await distance("group"), await distance("batch")];
  assert.ok(group <= tolerance, `group norm: ${group} of the largest, and ${tolerance} is allowed`);
  assert.ok(batch > 0.01, `batch norm takes its statistics from each micro-batch, and is only ${batch} off`);
});

caching("computes the same bits each time, and with recomputation", async () => {
  const parts = { microBatch: 4, encoder: "convnet" } as const;
  const make = (device: Device, config: TrainingConfig) => createModel(device, config, IMAGE_SIZE);
  const first = await steps(parts, make);
  assert.equal(await steps(parts, make), first);
  assert.equal(await steps({ ...parts, recompute: true }, make), first);
});

caching("moves the running statistics once for each micro-batch", async () => {
  const make = (device: Device, config: TrainingConfig) => createModel(device, config, IMAGE_SIZE);
  const whole = await steps({ microBatch: BATCH }, make);
  const cached = await steps({ microBatch: 5 }, make);
  const name = "layers.0.bn.running_mean";
  const [once, twice] = [whole, cached].map(({ values }) => values.get(name) ?? new Float32Array());
  // Means of halves whose mean is that of the whole, and weights that hardly move: after 2 steps, 1 - 0.9^2 of it and 1 - 0.9^4.
  const ratio = twice.reduce((sum, value) => sum + Math.abs(value), 0) / once.reduce((sum, v) => sum + Math.abs(v), 0);
  assert.ok(Math.abs(ratio - (1 - 0.9 ** 4) / (1 - 0.9 ** 2)) < 0.05, `${ratio}`);
});

caching.run();
