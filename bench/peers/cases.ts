import { initialValues } from "../../src/nn/initial-values.js";
import { projectionHead } from "../../src/nn/projection-head.js";
import { normals, sfc32 } from "../../src/random.js";
import { conv2dForward, conv2dInputGradient, conv2dWeightGradient } from "../../src/reference/conv2d.js";
import { matmulForward } from "../../src/reference/matmul.js";
import { ntXent } from "../../src/reference/nt-xent.js";
import { DEFAULT_CONFIG, encoderOf } from "../../src/training/config.js";
import type { ConvolutionTask, StepTask, Task } from "./task.js";

/** Inputs of a task by name. */
export type Inputs = Readonly<Record<string, Float32Array<ArrayBuffer>>>;

/** What every engine must find, computed in float64. */
export interface Expected {
  readonly loss: number | null;
  readonly result: Float64Array;
}

/** Something to measure. */
export interface Case {
  /** For `--only`. */
  readonly name: string;
  readonly title: string;
  readonly task: Task;
  /** Floating-point operations of a run; null where engines differ in how many they need. */
  readonly flops: number | null;
  inputs(): Inputs;
  /** Null for a step: there the engines are held against each other. */
  expected(inputs: Inputs): Expected | null;
}

const SEED = 20200213;

function normalValues(count: number, stream: number): Float32Array<ArrayBuffer> {
  const normal = normals(sfc32(SEED, stream, 0));
  return new Float32Array(count).map(normal);
}

/**
 * Two views of each image: an image is a wave in a colour of its own, and its views differ by noise: more alike than
 * views of different images, so that there is something to learn, but hard to tell apart, so that the loss starts near chance.
 */
function wavyViews(batch: number, size: number): Float32Array<ArrayBuffer> {
  const random = sfc32(SEED, 1, 0);
  const uniform = () => random() / 2 ** 32;
  const views = new Float32Array(2 * batch * size * size * 3);
  for (let image = 0; image < batch; image++) {
    const [across, down, phase] = [6 * uniform(), 6 * uniform(), 2 * Math.PI * uniform()];
    const color = [uniform(), uniform(), uniform()];
    for (const view of [image, image + batch]) {
      for (let pixel = 0; pixel < size * size; pixel++) {
        const [x, y] = [(pixel % size) / size, Math.floor(pixel / size) / size];
        const wave = 0.2 + 0.1 * Math.cos(2 * Math.PI * (across * x + down * y) + phase);
        for (let c = 0; c < 3; c++) {
          views[(view * size * size + pixel) * 3 + c] = wave * color[c] + 0.7 * uniform();
        }
      }
    }
  }
  return views;
}

function stepCase(net: StepTask["net"], title: string, batch: number): Case {
  const size = 32;
  const encoder = encoderOf({ ...DEFAULT_CONFIG, encoder: net }, size);
  const head = projectionHead(encoder.features, { layers: 2, output: 128 });
  const parameters = [...encoder.tensors, ...head.tensors].filter(({ role }) => role !== "statistic");
  const task: StepTask = {
    kind: "step",
    net,
    batch,
    size,
    temperature: 0.5,
    learningRate: 0.01,
    momentum: 0.9,
    parameters: parameters.map(({ name, shape }) => ({ name, shape })),
  };
  return {
    name: net,
    title: `SimCLR training step, ${title}, batch ${batch} (${2 * batch} views) of ${size} x ${size} pixels`,
    task,
    flops: null,
    inputs: () => {
      const random = sfc32(SEED, 2, 0);
      const normal = normals(random);
      // Residual blocks are not switched off at first, so that gradients reach every convolution in the first step.
      const values = parameters.map((spec) => {
        const scale = spec.initial.kind === "constant" && spec.name.endsWith(".weight");
        return initialValues(scale ? { ...spec, initial: { kind: "constant", value: 1 } } : spec, random, normal);
      });
      const all = new Float32Array(values.reduce((sum, value) => sum + value.length, 0));
      let offset = 0;
      for (const value of values) {
        all.set(value, offset);
        offset += value.length;
      }
      return { parameters: all, views: wavyViews(batch, size) };
    },
    expected: () => null,
  };
}

function matmulCase(size: number): Case {
  return {
    name: "matmul",
    title: `matrix product ${size} x ${size} x ${size}`,
    task: { kind: "matmul", size },
    flops: 2 * size ** 3,
    inputs: () => ({ a: normalValues(size * size, 1), b: normalValues(size * size, 2) }),
    expected: ({ a, b }) => ({
      loss: null,
      result: matmulForward(Float64Array.from(a), Float64Array.from(b), { m: size, n: size, k: size }),
    }),
  };
}

function convolutionCase(direction: ConvolutionTask["direction"], batch: number, size: number, channels: number): Case {
  const maps = batch * size * size * channels;
  const shape = { batch, height: size, width: size, inChannels: channels, outChannels: channels } as const;
  const window = { kernelHeight: 3, kernelWidth: 3, stride: 1, padding: 1 };
  return {
    name: `conv${channels}-${direction.replace(" ", "-")}`,
    title: `convolution 3x3, ${channels} to ${channels} channels at ${size} x ${size}, batch ${batch}: ${direction}`,
    task: { kind: "convolution", direction, batch, size, channels },
    flops: 2 * maps * 9 * channels,
    inputs: () => ({
      x: normalValues(maps, 1),
      weight: normalValues(9 * channels * channels, 2),
      dy: normalValues(maps, 3),
    }),
    expected: (inputs) => {
      const [x, weight, dy] = [inputs.x, inputs.weight, inputs.dy].map((values) => Float64Array.from(values));
      const full = { ...shape, ...window };
      switch (direction) {
        case "forward":
          return { loss: null, result: conv2dForward(x, weight, full) };
        case "input gradient":
          return { loss: null, result: conv2dInputGradient(weight, dy, full) };
        case "weight gradient":
          return { loss: null, result: conv2dWeightGradient(x, dy, full) };
      }
    },
  };
}

function ntXentCase(rows: number, dimension: number): Case {
  const temperature = 0.5;
  return {
    name: `nt-xent-${rows}`,
    title: `NT-Xent and its gradient, 2N = ${rows}, ${dimension} dimensions`,
    task: { kind: "nt-xent", rows, dimension, temperature },
    flops: null,
    inputs: () => {
      // The second half is the first with noise: positives are alike, as in training.
      const z = normalValues(rows * dimension, 1);
      const half = z.length / 2;
      for (let i = half; i < z.length; i++) z[i] = z[i - half] + 0.5 * z[i];
      return { z };
    },
    expected: ({ z }) => {
      const { loss, dz } = ntXent(Float64Array.from(z), dimension, temperature);
      return { loss, result: dz };
    },
  };
}

const DIRECTIONS = ["forward", "input gradient", "weight gradient"] as const;

/** All of them, quick ones first; `factor` multiplies the batches. */
export function peerCases(factor = 1): readonly Case[] {
  return [
    matmulCase(1024),
    ...DIRECTIONS.map((direction) => convolutionCase(direction, 8 * factor, 32, 64)),
    ...DIRECTIONS.map((direction) => convolutionCase(direction, 16 * factor, 16, 128)),
    ntXentCase(1024, 128),
    ntXentCase(4096, 128),
    ntXentCase(8192, 128),
    stepCase("convnet", "convnet of 4 layers", 128 * factor),
    stepCase("resnet18", "ResNet-18 with CIFAR stem", 4 * factor),
  ];
}
