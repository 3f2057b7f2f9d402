import { augment } from "../../src/augment/augment.js";
import { augmentationPolicies } from "../../src/augment/policy.js";
import type { Tape } from "../../src/engine/tape.js";
import { elementsOf, type Tensor } from "../../src/engine/tensor.js";
import { ntXent } from "../../src/losses/nt-xent.js";
import { batchNorm } from "../../src/ops/batch-norm.js";
import { conv2d } from "../../src/ops/conv2d.js";
import { transpose } from "../../src/ops/elementwise.js";
import { groupNorm } from "../../src/ops/group-norm.js";
import { matmul } from "../../src/ops/matmul.js";
import { toHalf } from "../../src/ops/precision.js";
import { windowedExtent } from "../../src/ops/window.js";
import { DEFAULT_CONFIG, type TrainingConfig } from "../../src/training/config.js";
import { createModel, createOptimizer } from "../../src/training/model.js";
import { type Inputs, noise } from "./inputs.js";
import type { Bound } from "./roofline.js";

/** Shares of the roofline that a kernel has to reach. */
export interface Target {
  readonly least: number;
  readonly reach: number;
}

/** One thing that is measured: an operation in one direction, with everything that it launches. */
export interface KernelCase {
  /** What is computed at which size; the directions of one operation have the same. */
  readonly operation: string;
  readonly direction: string;
  /** What its share is a share of. */
  readonly bound: Bound;
  /** Floating-point operations that the mathematics takes (2 a multiplication and addition); 0 where only bytes count. */
  readonly flops: number;
  /** Bytes that it cannot do without: every input read once a pass, every output written once. */
  readonly bytes: number;
  readonly target?: Target;
  /** Records the operation; returns how many of the launches come before those that are timed. */
  record(tape: Tape, inputs: Inputs): number;
}

/** Target of the products of matrices and the convolutions that are most of a ResNet, and of the others. */
const COMMON: Target = { least: 0.4, reach: 0.65 };
const SPECIAL: Target = { least: 0.25, reach: 0.5 };

type Operation = (tape: Tape, x: Tensor, weight: Tensor) => Tensor;
type Precision = TrainingConfig["precision"];

/** An operation of two operands, forward and its two gradients; what it is applied to, and its gradient, are made f16 before, where they are to be. */
function directions(
  operation: string,
  apply: Operation,
  [x, weight, y]: readonly [x: readonly number[], weight: readonly number[], y: readonly number[]],
  flops: number,
  target: Target,
  precision: Precision,
  /** Whether both operands are of one type: the weight of a convolution stays f32. */
  both: boolean,
): KernelCase[] {
  const mixed = precision === "mixed";
  const size = mixed ? 2 : 4;
  const bytes = size * (elementsOf(x) + elementsOf(y)) + (both ? size : 4) * elementsOf(weight);
  const common = { operation, bound: mixed ? "matrix" : "fma", flops, bytes, target } as const;
  const toOperand = (tape: Tape, operand: Tensor) => (mixed ? toHalf(tape, operand) : operand);
  const toWeight = (tape: Tape, operand: Tensor) => (both ? toOperand(tape, operand) : operand);
  const gradient = (direction: string, watched: 0 | 1): KernelCase => ({
    ...common,
    direction,
    record(tape, inputs) {
      const operands = [toOperand(tape, inputs.normal(x)), toWeight(tape, inputs.normal(weight))] as const;
      tape.watch(operands[watched]);
      const output = apply(tape, ...operands);
      const dy = toOperand(tape, inputs.normal(output.shape));
      const forward = tape.launches.length;
      tape.backward(output, dy);
      return forward;
    },
  });
  return [
    {
      ...common,
      direction: "forward",
      record(tape, inputs) {
        const operands = [toOperand(tape, inputs.normal(x)), toWeight(tape, inputs.normal(weight))] as const;
        const before = tape.launches.length;
        apply(tape, ...operands);
        return before;
      },
    },
    gradient("input gradient", 0),
    gradient("weight gradient", 1),
  ];
}

/** A product of square matrices. */
function product(extent: number, precision: Precision = "f32"): KernelCase[] {
  const shape = [extent, extent];
  const target = { least: 0.35, reach: 0.6 };
  return directions(
    `matmul ${extent.toLocaleString("en")}^3${precision === "mixed" ? ", f16" : ""}`,
    matmul,
    [shape, shape, shape],
    2 * extent ** 3,
    target,
    precision,
    true,
  );
}

/** A square convolution, padded by half its kernel. */
function convolution(
  name: string,
  [batch, size, inChannels, outChannels, kernel, stride]: readonly number[],
  target: Target,
  precision: Precision = "f32",
): KernelCase[] {
  const padding = Math.floor(kernel / 2);
  const out = windowedExtent(size, kernel, { stride, padding }, name);
  return directions(
    `conv ${name}, batch ${batch}${precision === "mixed" ? ", f16" : ""}`,
    (tape, x, weight) => conv2d(tape, x, weight, { stride, padding }),
    [
      [batch, size, size, inChannels],
      [kernel, kernel, inChannels, outChannels],
      [batch, out, out, outChannels],
    ],
    2 * batch * out * out * kernel * kernel * inChannels * outChannels,
    target,
    precision,
    false,
  );
}

/** A norm and rectifier over a map; `record` makes the output and watches what takes a gradient. */
function normAndRelu(
  operation: string,
  shape: readonly number[],
  record: (tape: Tape, inputs: Inputs) => Tensor,
): KernelCase[] {
  const target = { least: 0.6, reach: 0.85 };
  const map = 4 * elementsOf(shape);
  return [
    {
      operation,
      direction: "forward",
      bound: "copy",
      flops: 0,
      // x for the statistics, x again, y.
      bytes: 3 * map,
      target,
      record(tape, inputs) {
        record(tape, inputs);
        return 0;
      },
    },
    {
      operation,
      direction: "backward",
      bound: "copy",
      flops: 0,
      // x and dy for the sums, both again, dx. What the rectifier let through follows from x.
      bytes: 5 * map,
      target,
      record(tape, inputs) {
        const y = record(tape, inputs);
        const before = tape.launches.length;
        tape.backward(y, inputs.normal(y.shape, "dy"));
        return before;
      },
    },
  ];
}

/** Batch norm and rectifier at the size of a ResNet-18's maps. */
function batchNormAndRelu(rows: number, channels: number): KernelCase[] {
  const operation = `batch norm + ReLU, ${rows.toLocaleString("en")} x ${channels}`;
  return normAndRelu(operation, [rows, channels], (tape, inputs) => {
    const x = inputs.normal([rows, channels], "x");
    const [gamma, beta, runningMean, runningVar] = ["gamma", "beta", "running mean", "running variance"].map((label) =>
      inputs.normal([channels], label),
    );
    tape.watch(x, gamma, beta);
    return batchNorm(tape, x, { gamma, beta, runningMean, runningVar }, { relu: true });
  });
}

/** Group norm in 32 groups and rectifier. */
function groupNormAndRelu(
  shape: readonly [batch: number, height: number, width: number, channels: number],
): KernelCase[] {
  return normAndRelu(`group norm + ReLU, ${shape.join(" x ")}`, shape, (tape, inputs) => {
    const x = inputs.normal(shape, "x");
    const [gamma, beta] = ["gamma", "beta"].map((label) => inputs.normal([shape[3]], label));
    tape.watch(x, gamma, beta);
    return groupNorm(tape, x, { gamma, beta }, { groups: 32, relu: true });
  });
}

/** NT-Xent as a fused algorithm has to compute it: the logits once forward and once backward, and their gradient's product. */
function contrastiveLoss(rows: number, dim: number): KernelCase[] {
  const product = 2 * rows * rows * dim;
  const operation = `NT-Xent, 2N = ${rows.toLocaleString("en")}, D = ${dim}`;
  const target = { least: 0.35, reach: 0.6 };
  const embeddings = 4 * rows * dim;
  const record = (tape: Tape, inputs: Inputs) => {
    const z = inputs.normal([rows, dim], "embeddings");
    tape.watch(z);
    return ntXent(tape, z, 0.5).loss;
  };
  return [
    {
      operation,
      direction: "forward",
      bound: "fma",
      flops: product,
      bytes: embeddings,
      target,
      record(tape, inputs) {
        record(tape, inputs);
        return 0;
      },
    },
    {
      operation,
      direction: "backward",
      bound: "fma",
      flops: 2 * product,
      bytes: 2 * embeddings,
      target,
      record(tape, inputs) {
        const loss = record(tape, inputs);
        const before = tape.launches.length;
        tape.backward(loss);
        return before;
      },
    },
    {
      operation,
      direction: "forward + backward",
      bound: "fma",
      flops: 3 * product,
      bytes: 2 * embeddings,
      target,
      record(tape, inputs) {
        tape.backward(record(tape, inputs));
        return 0;
      },
    },
  ];
}

/** Two views of each image of a batch. */
function augmentation(batch: number, size: number): KernelCase {
  return {
    operation: `augmentation, two views of ${size} x ${size}, batch ${batch}`,
    direction: "forward",
    bound: "copy",
    flops: 0,
    // A pixel is four bytes; a view has three floats for it.
    bytes: batch * size * size * (4 + 2 * 12),
    record(tape, inputs) {
      const bytes = inputs.words([batch, size, size], "images");
      const images = inputs.words([batch], "image numbers");
      const counter = inputs.words([2], "seed and epoch");
      augment(tape, { bytes, images, counter }, augmentationPolicies.cifar, size);
      return 0;
    },
  };
}

/** Parameters of a ResNet-18 with the CIFAR stem and a 512-512-128 head. */
const RESNET18_PARAMETERS = 11_497_152;

/** An update of all parameters of a ResNet-18. */
function update(optimizer: "adamw" | "lars"): KernelCase {
  return {
    operation: `${optimizer} update of a ResNet-18`,
    direction: "update",
    bound: "copy",
    flops: 0,
    // AdamW: gradient, parameter and both moments read, the last three written. LARS: parameter and gradient for the norms,
    // both again and the velocity, the parameter and the velocity written.
    bytes: 7 * 4 * RESNET18_PARAMETERS,
    record(tape, inputs) {
      const config = { ...DEFAULT_CONFIG, encoder: "resnet18", optimizer } as const;
      const { tensors } = createModel(tape.device, config, 32);
      const chosen = createOptimizer(config, tensors);
      inputs.later(() => tensors.dispose());
      inputs.later(() => chosen.dispose());
      for (const { gradients } of tensors.slabs) tape.device.write(gradients.all, noise(gradients.all.size));
      chosen.setStep(1, 1e-6);
      chosen.record(tape);
      return 0;
    },
  };
}

function transposition([batch, rows, cols]: readonly [number, number, number]): KernelCase {
  return {
    operation: `transpose ${batch} x ${rows} x ${cols}`,
    direction: "forward",
    bound: "copy",
    flops: 0,
    bytes: 8 * batch * rows * cols,
    record(tape, inputs) {
      transpose(tape, inputs.normal([batch, rows, cols]));
      return 0;
    },
  };
}

/** Batch, extent, channels in and out, kernel, stride: the extents that ResNets have. */
const CONVOLUTIONS: readonly (readonly [string, readonly number[], Target])[] = [
  ["3x3, 64 to 64, 32 x 32", [8, 32, 64, 64, 3, 1], COMMON],
  ["3x3, 128 to 128, 16 x 16", [16, 16, 128, 128, 3, 1], COMMON],
  ["1x1, 64 to 128, 32 x 32", [16, 32, 64, 128, 1, 1], SPECIAL],
  ["1x1, 256 to 64, 32 x 32", [8, 32, 256, 64, 1, 1], SPECIAL],
  ["3x3, 3 to 64, 32 x 32", [32, 32, 3, 64, 3, 1], SPECIAL],
  ["7x7 / 2, 3 to 64, 64 x 64", [16, 64, 3, 64, 7, 2], SPECIAL],
  ["3x3 / 2, 64 to 128, 32 x 32", [16, 32, 64, 128, 3, 2], SPECIAL],
  ["3x3, 512 to 512, 4 x 4", [16, 4, 512, 512, 3, 1], SPECIAL],
];

function products(factor: number, precision: Precision): KernelCase[] {
  return [
    ...product(1024, precision),
    ...(factor > 1 ? product(4096, precision) : []),
    ...CONVOLUTIONS.flatMap(([name, [batch, ...shape], target]) =>
      convolution(name, [factor * batch, ...shape], target, precision),
    ),
  ];
}

/** The products and convolutions of `kernelCases` with operands of f16. */
export function mixedCases(factor = 1): readonly KernelCase[] {
  return products(factor, "mixed");
}

/**
 * What `bench/kernels` measures. `factor` multiplies the images of the convolutions, which fill a GPU of a few thousand lanes by
 * themselves.
 */
export function kernelCases(factor = 1): readonly KernelCase[] {
  return [
    ...products(factor, "f32"),
    // A ResNet-18's maps at batch 128, two views.
    ...batchNormAndRelu(262_144, 64),
    ...batchNormAndRelu(65_536, 128),
    ...batchNormAndRelu(16_384, 256),
    ...batchNormAndRelu(4_096, 512),
    ...groupNormAndRelu([256, 16, 16, 64]),
    ...contrastiveLoss(4096, 128),
    ...(factor > 1 ? contrastiveLoss(16_384, 128) : []),
    augmentation(128, 32),
    update("adamw"),
    update("lars"),
    transposition([9, 512, 512]),
  ];
}
