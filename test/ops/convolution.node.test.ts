import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Device } from "../../src/engine/device.js";
import { Tape } from "../../src/engine/tape.js";
import { ConfigError } from "../../src/errors.js";
import { type ConvolutionOptions, conv2d } from "../../src/ops/conv2d.js";
import { relu } from "../../src/ops/elementwise.js";
import { addBias } from "../../src/ops/matmul.js";
import { globalAveragePool } from "../../src/ops/pooling.js";
import { toHalf } from "../../src/ops/precision.js";
import { type Conv2dShape, conv2dForward } from "../../src/reference/conv2d.js";
import { biasForward, reluForward } from "../../src/reference/elementwise.js";
import { globalAveragePoolForward } from "../../src/reference/pooling.js";
import { windowOutputSize } from "../../src/reference/window.js";
import { rejects } from "../data/expect.js";
import { testDevice } from "../lib/device.js";
import { checkGradients } from "./gradient-check.js";

const { gpu, adapter } = await testDevice();

const gradients = suite("gradients of convolutions in the middle of a graph");

type Tested = Conv2dShape & { readonly groups: number };

/** With f16 as well, one for each kind of kernel: compiling takes longest. */
const HALF: readonly (readonly [string, Tested])[] = [
  [
    "axes that differ",
    {
      ...{ batch: 2, height: 5, width: 6, inChannels: 3, outChannels: 4, groups: 1 },
      ...{ kernelHeight: 3, kernelWidth: 2, stride: [1, 2], padding: [1, 0] },
    },
  ],
  [
    "groups",
    {
      ...{ batch: 2, height: 4, width: 5, inChannels: 4, outChannels: 6, groups: 2 },
      ...{ kernelHeight: 3, kernelWidth: 3, stride: 1, padding: 1 },
    },
  ],
  [
    "depthwise of vectors, with a stride",
    {
      ...{ batch: 2, height: 5, width: 7, inChannels: 4, outChannels: 4, groups: 4 },
      ...{ kernelHeight: 5, kernelWidth: 3, stride: [2, 1], padding: [2, 1] },
    },
  ],
];

const FLOAT: typeof HALF = [
  [
    "dilated, with a stride",
    {
      ...{ batch: 1, height: 8, width: 7, inChannels: 3, outChannels: 2, groups: 1 },
      ...{ kernelHeight: 3, kernelWidth: 3, stride: 2, padding: [2, 1], dilation: [2, 3] },
    },
  ],
  [
    "groups of vectors, with a stride",
    {
      ...{ batch: 1, height: 5, width: 6, inChannels: 8, outChannels: 8, groups: 2 },
      ...{ kernelHeight: 3, kernelWidth: 3, stride: 2, padding: 1 },
    },
  ],
  [
    "depthwise to twice the channels, dilated",
    {
      ...{ batch: 1, height: 7, width: 6, inChannels: 3, outChannels: 6, groups: 3 },
      ...{ kernelHeight: 3, kernelWidth: 3, stride: [1, 2], padding: 2, dilation: 2 },
    },
  ],
];

/** A convolution with a bias between rectified and shifted maps, and a rectifier and a pool. */
async function check(shape: Tested, half: boolean): Promise<void> {
  const { batch, height, width, inChannels, outChannels, kernelHeight, kernelWidth, groups } = shape;
  const { stride, padding, dilation } = shape;
  const out = windowOutputSize(shape);
  const pixels = out.height * out.width;
  await checkGradients({
    inputs: {
      x: [batch, height, width, inChannels],
      shift: [inChannels],
      weight: [kernelHeight, kernelWidth, inChannels / groups, outChannels],
      bias: [outChannels],
    },
    record: (tape, { x, shift, weight, bias }) => {
      // Rectifiers come where f16 holds their inputs exactly.
      const start = addBias(tape, relu(tape, half ? toHalf(tape, x) : x), shift);
      const y = conv2d(tape, start, weight, { stride, padding, dilation, groups, bias });
      return globalAveragePool(tape, half ? y : relu(tape, y));
    },
    reference: ({ x, shift, weight, bias }) => {
      const y = biasForward(conv2dForward(biasForward(reluForward(x), shift), weight, shape), bias);
      return globalAveragePoolForward(half ? y : reluForward(y), { batch, pixels, channels: outChannels });
    },
    terms:
      (kernelHeight * kernelWidth * (inChannels + outChannels)) / groups +
      batch * (height * width + pixels) +
      pixels +
      6,
    // Three outputs, and the gradients of the three and of the input.
    stores: half ? 7 : 0,
  });
}

for (const [name, shape] of [...FLOAT, ...HALF]) gradients(name, () => check(shape, false));

for (const [name, shape] of HALF) {
  gradients(`${name}, f16`, () =>
    gpu.features.has("shader-f16")
      ? check(shape, true)
      : rejects(check(shape, true), ConfigError, /no f16 in its kernels \(shader-f16\)/),
  );
}

gradients.run();

const launches = suite("launches of convolutions");

/** The kernels and constants that a convolution records with both of its gradients. */
function recorded(channels: readonly [number, number], options: ConvolutionOptions, software = adapter.software) {
  const tape = new Tape(new Device(gpu, { ...adapter, software }));
  const x = tape.tensor([2, 9, 9, channels[0]], "x");
  const weight = tape.tensor([3, 3, channels[0] / (options.groups ?? 1), channels[1]], "weight");
  tape.watch(x, weight);
  const y = conv2d(tape, x, weight, options);
  tape.backward(y, tape.tensor(y.shape, "gradient"));
  return tape.launches.map(({ kernel, constants, workgroups }) => ({ name: kernel.name, constants, workgroups }));
}

const namesOf = (list: ReturnType<typeof recorded>) => list.map(({ name }) => name);

launches("a number stands for both axes", () => {
  const both = { stride: [2, 2], padding: [1, 1], dilation: [1, 1], groups: 1 } as const;
  assert.equal(recorded([16, 24], both), recorded([16, 24], { stride: 2, padding: 1 }));
});

launches("one for each pass in groups, and one to add up the parts of the weight's gradient", () => {
  const [pass, gradient] = ["groupedConv2d", "groupedConv2dWeightGradient"];
  for (const groups of [2, 16])
    assert.equal(namesOf(recorded([16, 16], { groups, padding: 1 })), [pass, pass, gradient, "sumSplits"]);
});

launches("channels are taken four at once where groups allow it", () => {
  const vectors = (channels: readonly [number, number], groups: number) =>
    recorded(channels, { groups }).map(({ constants }) => constants.VECTOR ?? 1);
  assert.equal(vectors([12, 12], 12).slice(0, 3), [4, 4, 4]);
  assert.equal(vectors([8, 16], 2).slice(0, 3), [4, 4, 4]);
  assert.equal(vectors([8, 16], 4).slice(0, 3), [1, 1, 1]);
  assert.equal(vectors([8, 32], 8).slice(0, 3), [1, 1, 1]);
  assert.equal(vectors([6, 6], 6).slice(0, 3), [1, 1, 1]);
});

launches("nothing dilated goes through columns", () => {
  assert.ok(namesOf(recorded([3, 64], { padding: 1 })).includes("columnsToImage"));
  assert.not(namesOf(recorded([3, 64], { padding: 1, dilation: [1, 2] })).includes("columnsToImage"));
});

launches("a window too large for tiles in workgroup memory is left to registers", () => {
  const kernelsFor = (size: number) => {
    const tape = new Tape(new Device(gpu, { ...adapter, software: false }));
    conv2d(tape, tape.tensor([1, 1, 20, 32], "x"), tape.tensor([1, size, 32, 64], "weight"));
    return tape.launches.map(({ kernel }) => kernel.name);
  };
  assert.equal(kernelsFor(15), ["conv2dTiled"]);
  assert.equal(kernelsFor(16), ["conv2d"]);
});

launches.run();
