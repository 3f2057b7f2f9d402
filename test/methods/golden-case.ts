import type { Tensor } from "../../src/engine/tensor.js";
import type { LossBatch } from "../../src/methods/method.js";
import { BatchNorm, Convolution } from "../../src/nn/layers.js";
import type { Encoder } from "../../src/nn/module.js";
import { globalAveragePool } from "../../src/ops/pooling.js";
import { completeConfig, type TrainingConfig } from "../../src/training/config.js";
import { createParts, disposeParts, type StepParts } from "../../src/training/model.js";
import { testDevice } from "../lib/device.js";
import { type GoldenCase, loadCase } from "../reference/goldens.js";

/** Cases of test/golden/methods*.safetensors: each is a method with options of its own. */
const FILES = {
  methods: ["simclr", "simclr, three views", "supervised", "moco", "byol"],
  "methods-no-negatives": ["simsiam", "simsiam, three views", "barlow", "vicreg", "lejepa"],
  "methods-contrastive": [
    "supcon",
    "nnclr",
    "supcon, three views",
    "simclr, hard negatives",
    "simclr, three views, decoupled",
  ],
  "methods-banks": [
    ...["moco-v3", "instdisc", "instdisc, nce", "swav", "swav, crops and a queue"],
    ...["tcn", "tcn, triplet", "tcn, n-pairs"],
  ],
  "methods-dino": ["dino", "dino, crops"],
} as const;

export const CASES = Object.values(FILES).flat();

/** The encoder of test/golden/make_methods.py: images [batch, 8, 8, 3] to representations [batch, 12]. */
function smallNet(): Encoder {
  const layers = [
    new Convolution("conv1", 3, 8, 3, { stride: 2, padding: 1 }),
    new BatchNorm("bn1", 8, { relu: true }),
    new Convolution("conv2", 8, 12, 3, { stride: 2, padding: 1 }),
    new BatchNorm("bn2", 12, { relu: true }),
  ];
  return {
    name: "small",
    features: 12,
    stem: "cifar",
    tensors: layers.flatMap(({ tensors }) => tensors),
    forward: (pass, images) =>
      globalAveragePool(
        pass.tape,
        layers.reduce((x, layer) => layer.forward(pass, x), images),
      ),
  };
}

/** A method on the weights with which a golden case begins, and tensors for what its steps are given. */
export interface GoldenStep {
  readonly golden: GoldenCase;
  readonly parts: StepParts;
  readonly steps: number;
  readonly learningRate: number;
  /** One for each group of views. */
  readonly views: readonly Tensor[];
  readonly batch: LossBatch;
  /** Writes what a step, counted from 0, is given, and says to the method where in the training it is. */
  begin(step: number): void;
  dispose(): void;
}

/** Makes the parts of a training as a golden case has them, but for options that are another here. */
export async function goldenStep(
  name: (typeof CASES)[number],
  options: TrainingConfig["options"] = {},
): Promise<GoldenStep> {
  const device = await testDevice();
  const file = Object.entries(FILES).find(([, cases]) => cases.some((known) => known === name))?.[0] ?? "methods";
  const [given, golden] = [await loadCase(file, "steps"), await loadCase(file, name)];
  const [steps, seen, size, imageSize] = given.shape("views");
  const own = { encoder: smallNet() };
  const changes = {
    method: golden.text("method"),
    options: { ...JSON.parse(golden.text("options")), ...options },
    batch: size,
    optimizer: "sgd",
    nesterov: false,
    weightDecay: given.number("weightDecay"),
  };
  const numbers = given.integers("images");
  const count = Math.max(...numbers) + 1;
  // Of two clips, whose frames take turns.
  const clips = {
    clip: Uint32Array.from({ length: count }, (_, i) => i % 2),
    time: Uint32Array.from({ length: count }, (_, i) => Math.floor(i / 2)),
  };
  const facts = { imageSize, classes: given.number("classes"), images: count, clips };
  const parts = createParts(device, completeConfig(changes, own), facts, own);
  const { model, learner, method } = parts;
  const initial = [...golden.under("initial")].map(
    ([name, tensor]) => [name, Float32Array.from(golden.floats(tensor))] as const,
  );
  model.tensors.write(new Map(initial));
  for (const [name, before] of golden.under("before")) {
    const tensor = learner.state.get(name);
    if (!tensor) throw new RangeError(`${golden.name} keeps no ${name}`);
    const values = tensor.type === "u32" ? golden.integers(before).slice() : Float32Array.from(golden.floats(before));
    device.write(tensor, values);
  }
  learner.restart?.();

  const pixels = Float32Array.from(given.floats("views"));
  const views = learner.views.map((group) =>
    device.tensor([group.views * size, imageSize, imageSize, 3], undefined, "views"),
  );
  const images = device.indices([size], "image numbers");
  const labels = method.labels ? device.indices([size], "labels") : null;
  return {
    golden,
    parts,
    steps,
    learningRate: given.number("learningRate"),
    views,
    batch: { size, images, labels },
    begin(step) {
      let next = step * seen * size * imageSize * imageSize * 3;
      for (const group of views) {
        device.write(group, pixels.slice(next, next + group.size));
        next += group.size;
      }
      device.write(images, numbers.slice(step * size, (step + 1) * size));
      if (labels) device.write(labels, given.integers("labels").slice(step * size, (step + 1) * size));
      learner.beforeStep?.(step, steps);
    },
    dispose() {
      for (const tensor of [...views, images, ...(labels ? [labels] : [])]) device.free(tensor);
      disposeParts(parts);
    },
  };
}
