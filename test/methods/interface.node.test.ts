import { suite } from "uvu";
import * as assert from "uvu/assert";
import { checkPolicies, noAugmentation } from "../../src/augment/policy.js";
import type { Clips } from "../../src/data/clips.js";
import { datasetFromPixels } from "../../src/data/pixels.js";
import { randomInputs } from "../../src/doctor/random-inputs.js";
import { relativeError, UNIT } from "../../src/doctor/rounding.js";
import { Tape } from "../../src/engine/tape.js";
import { ConfigError } from "../../src/errors.js";
import { METHODS } from "../../src/methods/catalogue.js";
import type { Method } from "../../src/methods/method.js";
import type { Model } from "../../src/nn/model.js";
import { decodeCheckpoint } from "../../src/training/checkpoint.js";
import { completeConfig, type OwnParts, type TrainingConfig } from "../../src/training/config.js";
import { createParts, disposeParts, type StepParts } from "../../src/training/model.js";
import { planTraining } from "../../src/training/plan.js";
import { Trainer } from "../../src/training/trainer.js";
import { recordTargets, trainingPass } from "../../src/training/training-step.js";
import { sameBytes, throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";
import { expectNear, largest, type Outcome, plainNet, runSteps } from "../training/run-steps.js";
import { IMAGE_SIZE, SMALL_CONFIG, stripes } from "../training/small-set.js";

const methods = suite("what every method has to do");

const device = await testDevice();
/** Frames of clips of so many. */
function clipsOf(length: number, frames: number): Clips {
  return {
    clip: Uint32Array.from({ length }, (_, i) => Math.floor(i / frames)),
    time: Uint32Array.from({ length }, (_, i) => i % frames),
  };
}

const images = { ...stripes(24), clips: clipsOf(24, 12) };
const CLASSES = 3;

/** Options that make a method small, and its images independent of each other, where it has them. */
const SMALL_OPTIONS: TrainingConfig["options"] = {
  headHidden: 16,
  headOutput: 12,
  headBatchNorm: false,
  predictorHidden: 16,
  slices: 16,
  queue: 16,
  prototypes: 10,
  frozenEpochs: 0,
};

function smallConfig({ name, options }: Method, changes: Partial<TrainingConfig> = {}): TrainingConfig {
  const own = Object.entries(SMALL_OPTIONS).filter(([option]) => Object.hasOwn(options, option));
  return completeConfig({ ...SMALL_CONFIG, method: name, options: Object.fromEntries(own), ...changes });
}

/** Does something with the parts of a training with a method. */
async function withParts<Result>(
  config: TrainingConfig,
  work: (parts: StepParts) => Promise<Result> | Result,
): Promise<Result> {
  const parts = createParts(device, config, {
    imageSize: IMAGE_SIZE,
    classes: CLASSES,
    images: 4096,
    clips: clipsOf(4096, 8),
  });
  try {
    return await work(parts);
  } finally {
    disposeParts(parts);
  }
}

/** The method as if images of a batch saw each other: micro-batches gather their outputs before the loss. */
function gathering(method: Method): Method {
  return {
    ...method,
    design(given, facts) {
      const design = method.design(given, facts);
      return { ...design, start: (parts) => ({ ...design.start(parts), coupled: true }) };
    },
  };
}

/** Weights in place of zeros: a classifier that begins with them passes no gradient on. */
function fillZeros({ tensors }: Model): void {
  const random = randomInputs(8);
  for (const { name, role, initial } of tensors.specs) {
    if (role !== "weight" || initial.kind !== "constant") continue;
    const tensor = tensors.tensor(name);
    device.write(tensor, Float32Array.from(random.normal(tensor.size, 0.25)));
  }
}

/** One step, on images that begin with `from`. */
function oneStep(
  config: TrainingConfig,
  { microBatch = config.batch, own = {}, from = 0 }: { microBatch?: number; own?: OwnParts; from?: number } = {},
): Promise<Outcome> {
  return runSteps({ ...config, microBatch }, images, { own, count: 1, from, prepare: fillZeros });
}

/** Fails where what a step in micro-batches measured, or its gradients, are not these. */
function expectStep(
  { metrics: [found], gradients: all }: Outcome,
  measured: Readonly<Record<string, number>>,
  gradients: Outcome["gradients"],
): void {
  for (const [measure, value] of Object.entries(measured)) {
    // A logit of up to 10 is off by roundings of sums of up to 12 * 9 terms, and its exponential by ten times that.
    const near = Math.abs(found[measure] - value) <= relativeError(1200) * Math.max(Math.abs(value), 1);
    assert.ok(near, `${measure} is ${found[measure]} in micro-batches, ${value} otherwise`);
  }
  // A bias before a batch norm has none: what is left of it are roundings of the terms that cancel.
  const vanishing = 1e-4 * Math.max(...[...gradients.values()].map(largest));
  for (const [parameter, gradient] of gradients) {
    assert.ok(largest(gradient) > 0, `${parameter} has a gradient`);
    if (largest(gradient) < vanishing) {
      assert.ok(largest(all.get(parameter) ?? gradient) < vanishing, `${parameter} vanishes`);
      continue;
    }
    // Sums over 14 views of maps of 64 pixels, of products of what is off as the loss is, that cancel in part.
    expectNear(all.get(parameter), gradient, largest(gradient) * 14 * 64 * UNIT * 10, parameter);
  }
}

for (const method of METHODS) {
  const { name } = method;

  methods(`${name} says what it is, and takes what it says`, () => {
    const defaults = Object.entries(method.options).map(([option, { default: value }]) => [option, value]);
    assert.equal(method.values({}), Object.fromEntries(defaults));
    throws(() => method.values({ flavour: 1 }), ConfigError, new RegExp(`^${name} has no option flavour; it has \\w+`));
    for (const [option, { description, wants }] of Object.entries(method.options)) {
      assert.ok(description.length > 0, `${option} is described`);
      const message = new RegExp(`^${option} is NaN; (it must be|choose) `);
      throws(() => method.values({ [option]: Number.NaN }), ConfigError, message);
      assert.ok(wants.length > 0, option);
    }
    for (const size of [IMAGE_SIZE, 224]) checkPolicies(method.policies(size));
    assert.match(method.summary, /\w/);
    return withParts(completeConfig({ ...SMALL_CONFIG, method: name }), ({ learner, model }) => {
      assert.ok(learner.views.length > 0);
      for (const { views, size } of learner.views) assert.ok(views > 0 && size > 0);
      const { loss, chance, rows } = learner.description;
      assert.match(loss, /\w/);
      assert.ok(chance === null || (chance.formula.length > 0 && Number.isFinite(chance.value)));
      assert.ok(rows.length > 0);
      for (const [label, text] of rows) assert.ok(label.length > 0 && text.length > 0, `${label}: ${text}`);
      assert.is(model.classes, name === "supervised" ? CLASSES : 0);
    });
  });

  methods(`${name} loses by chance what it says, and sees no collapse in it`, () =>
    withParts(completeConfig({ ...SMALL_CONFIG, method: name, batch: 256 }), async (parts) => {
      const { learner, config } = parts;
      const [size, random] = [config.batch, randomInputs(4)];
      // What is known of the images has no part in random outputs of the names and shapes of the method's own.
      const rehearsal = new Tape(device);
      const views = learner.views.map((group) => {
        return rehearsal.tensor([group.views * size, group.size, group.size, 3], "views");
      });
      const pass = trainingPass(rehearsal, parts, false);
      const shapes = { ...learner.embed(pass, views), ...recordTargets(rehearsal, views, parts) };
      const outputs = Object.fromEntries(
        Object.entries(shapes).map(([output, { shape, size: count }]) => {
          return [output, device.tensor(shape, Float32Array.from(random.normal(count, 0.1)), output)];
        }),
      );
      const numbers = Uint32Array.from({ length: size }, (_, i) => i);
      const batch = {
        size,
        images: device.tensor([size], numbers, "image numbers"),
        labels: device.tensor(
          [size],
          numbers.map((i) => i % CLASSES),
          "labels",
        ),
      };
      const tape = new Tape(device);
      const measured = learner.loss(trainingPass(tape, parts, false), outputs, batch);
      const program = await tape.compile({ keep: Object.values(measured) });
      program.run();
      const found: Record<string, number> = {};
      for (const [measure, tensor] of Object.entries(measured)) [found[measure]] = await device.read(tensor);
      const { loss } = found;
      const { temperature = Number.POSITIVE_INFINITY } = config.options;
      // Cosines of random rows have a variance of 1 / D, and logits that over the squared temperature: by half of it, the logarithm
      // of the mean of their exponentials is above 0.
      const above = 1 / (2 * parts.model.head.output * Number(temperature) ** 2);
      const expected = (learner.description.chance?.value ?? loss) + above;
      const off = Math.abs(loss - expected) / Math.max(Math.abs(expected), 1);
      assert.ok(off < 0.02, `the loss is ${loss}, by chance ${expected}`);
      assert.is(learner.collapse({ ...found, loss }), null);
      program.dispose();
      for (const tensor of [...Object.values(outputs), batch.images, batch.labels]) device.free(tensor);
    }),
  );

  methods(`${name} warns of a collapse, once`, async () => {
    const pixels = new Uint8Array(4 * IMAGE_SIZE * IMAGE_SIZE * 3).fill(100);
    const labels = Uint32Array.of(0, 1, 2, 0);
    const size = { width: IMAGE_SIZE, height: IMAGE_SIZE };
    const set = datasetFromPixels({ name: "alike", pixels, channels: 3, ...size, labels });
    const alike = { ...set, clips: clipsOf(4, 4) };
    const config = smallConfig(method, { augmentation: noAugmentation, batch: 2, epochs: 12 });
    const trainer = await Trainer.create(device, alike, config);
    const warnings: string[] = [];
    await trainer.train({ onWarning: (message, step) => void warnings.push(`${step}: ${message}`) });
    trainer.dispose();
    // Where classes are told apart, the accuracy tells.
    assert.is(warnings.length, name === "supervised" ? 0 : 1, warnings.join("\n"));
    for (const warning of warnings) assert.match(warning, /^20: .*collapsed/);
  });

  methods(`${name} computes the same bits with recomputation`, async () => {
    const step = (recompute: boolean) => oneStep(smallConfig(method, { recompute }));
    assert.equal(await step(true), await step(false));
  });

  for (const microBatch of [8, 3]) {
    methods(`${name} takes the planned memory, and goes on bit for bit (micro-batches of ${microBatch})`, async () => {
      const config = smallConfig(method, { microBatch, checkpointEvery: 3 });
      const evaluated = { train: images.length, test: images.length, classes: CLASSES };
      const planned = planTraining(device, config, IMAGE_SIZE, evaluated).bytes.peak;
      const before = device.memory.currentBytes;
      device.memory.resetPeak();
      const whole = await Trainer.create(device, images, config);
      const checkpoints = new Map<number, Uint8Array<ArrayBuffer>>();
      await whole.train({ onCheckpoint: (bytes, step) => void checkpoints.set(step, bytes) });
      const measured = device.memory.peakBytes - before;
      assert.ok(Math.abs(planned / measured - 1) < 0.05, `${planned} bytes planned, ${measured} measured`);
      whole.dispose();

      const resumed = await Trainer.create(device, images, config);
      const early = decodeCheckpoint(checkpoints.get(3) ?? new Uint8Array());
      resumed.restore(early);
      await resumed.train({
        onCheckpoint: (bytes, step) => sameBytes(bytes, checkpoints.get(step) ?? new Uint8Array(), "the checkpoint"),
      });
      resumed.dispose();
      assert.equal([...checkpoints.keys()], [0, 3, 6]);
      // What is kept moved, or the equality says nothing.
      const late = decodeCheckpoint(checkpoints.get(6) ?? new Uint8Array());
      for (const [tensor, values] of late.tensors) assert.not.equal(values, early.tensors.get(tensor), tensor);
      // Small buffers to read through stay.
      const left = device.memory.currentBytes - before;
      assert.ok(left < 10_000, `${left} bytes are left`);
    });
  }

  const divided = smallConfig(method, { batch: 7, optimizer: "sgd" });
  const own = { encoder: plainNet() };
  const { coupled, normalized } = await withParts(divided, ({ learner, model: { tensors, encoder } }) => ({
    coupled: learner.coupled,
    normalized: tensors.specs.slice(encoder.tensors.length).some(({ role }) => role === "statistic"),
  }));

  if (!coupled) {
    methods(`${name} in micro-batches has the mean of what they have as batches`, async () => {
      const first = await oneStep({ ...divided, batch: 3 }, { own });
      const second = await oneStep({ ...divided, batch: 4 }, { own, from: 3 });
      const mean = (a: number, b: number) => (3 * a + 4 * b) / 7;
      const gradients = [...first.gradients].map(([parameter, gradient]) => {
        const other = second.gradients.get(parameter) ?? new Float32Array();
        return [parameter, gradient.map((value, i) => mean(value, other[i]))] as const;
      });
      const measured = Object.entries(first.metrics[0]).map(([measure, value]) => {
        return [measure, mean(value, second.metrics[0][measure])] as const;
      });
      expectStep(await oneStep(divided, { microBatch: 4, own }), Object.fromEntries(measured), new Map(gradients));
    });

    methods(`${name} in micro-batches has the same gradients if their outputs are gathered`, async () => {
      const added = await oneStep(divided, { microBatch: 4, own });
      const gathered = await oneStep(divided, { microBatch: 4, own: { ...own, method: gathering(method) } });
      // What is measured over the images at once is not the mean over their parts.
      const { outputStd: _, outputRank: __, ...means } = added.metrics[0];
      expectStep(gathered, means, added.gradients);
    });
  }

  // Where batch norm follows the encoder, micro-batches have statistics of their own.
  if (!normalized) {
    methods(`${name} in micro-batches has the gradients of its whole batch`, async () => {
      const whole = await oneStep(divided, { own });
      const found = await oneStep(divided, { microBatch: 4, own });
      const { outputStd: _, outputRank: __, ...means } = whole.metrics[0];
      // The deviation of a part is not that of the whole, nor is its rank: they are compared where all outputs are gathered.
      expectStep(found, coupled ? whole.metrics[0] : means, whole.gradients);
      for (const [kept, values] of whole.state) {
        const other = found.state.get(kept) ?? new Float32Array();
        if (values instanceof Uint32Array) assert.equal(other, values, kept);
        else expectNear(Float32Array.from(other), values, largest(values) * relativeError(1200), kept);
      }
    });
  }

  if (device.has("shader-f16")) {
    methods(`${name} loses in mixed precision what it does without`, async () => {
      const lossIn = async (precision: TrainingConfig["precision"]) => {
        // With the batch norm that it has: outputs that hardly differ are all rounding once they are standardised.
        const { options } = smallConfig(method);
        const batchNorm = method.values({})["headBatchNorm"];
        const own = batchNorm === undefined ? options : { ...options, headBatchNorm: batchNorm };
        const { metrics } = await oneStep(smallConfig(method, { precision, options: own }));
        return metrics[0].loss;
      };
      const [half, full] = [await lossIn("mixed"), await lossIn("f32")];
      assert.ok(half !== full, "activations are rounded");
      const near = Math.abs(half - full) < 2 ** -9 * Math.max(Math.abs(full), 1);
      assert.ok(near, `${half} in mixed precision, ${full} in f32`);
    });
  }
}

methods.run();
