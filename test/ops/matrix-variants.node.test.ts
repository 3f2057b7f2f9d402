import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { KernelDefinition } from "../../kernels/definition.js";
import * as kernels from "../../kernels/generated.js";
import { passes, worstDeviation } from "../../src/doctor/check.js";
import { type ConvolutionInputs, convolutionInputs, convolutionSubject } from "../../src/doctor/convolution-checks.js";
import { matmulSubject } from "../../src/doctor/matmul-checks.js";
import { smallMatrixTile } from "../../src/doctor/matrix-checks.js";
import { randomInputs } from "../../src/doctor/random-inputs.js";
import type { Site } from "../../src/engine/choices.js";
import { Device } from "../../src/engine/device.js";
import { Tape } from "../../src/engine/tape.js";
import { conv2d } from "../../src/ops/conv2d.js";
import { matmul } from "../../src/ops/matmul.js";
import type { Operands } from "../../src/ops/matrix-tiles.js";
import { matrixTiles } from "../../src/ops/matrix-tiles.js";
import { globalAveragePool } from "../../src/ops/pooling.js";
import { toHalf } from "../../src/ops/precision.js";
import { forceVariant, variantNames } from "../../src/ops/variants.js";
import { testDevice } from "../lib/device.js";
import { configurations, nullDevice } from "../lib/null-device.js";

const variants = suite("variants for matrix units");

/** The kernels, in order, of convolutions with strides 1 and 2, a linear layer, and their gradients. */
function launched(device: Device, operands: Operands): string[] {
  const tape = new Tape(device);
  const input = device.tensor([8, 16, 16, 64], undefined, "x");
  const weights = [64, 128].map((channels) => device.tensor([3, 3, 64, channels], undefined, "weight"));
  const head = device.tensor([128, 128], undefined, "head");
  tape.watch(input, ...weights, head);
  const x = operands === "f16" ? toHalf(tape, input) : input;
  const y = conv2d(tape, conv2d(tape, x, weights[0], { padding: 1 }), weights[1], { padding: 1, stride: 2 });
  const z = matmul(tape, globalAveragePool(tape, y), head, { operands });
  tape.backward(z, tape.tensor(z.shape, "gradient"));
  return tape.launches.map(({ kernel }) => kernel.name);
}

const products = (names: readonly string[]) => names.filter((name) => /^(matmul|conv2d)/.test(name));
const byUnits = [
  ...["conv2dMatrix", "conv2dMatrix", "matmulMatrix", "matmulMatrix", "matmulMatrix"],
  ...["conv2dMatrix", "conv2dWeightGradientMatrix", "conv2dMatrix", "conv2dWeightGradientMatrix"],
];

variants("with f16 units, f16 activations use them in all directions, and f32 none", async () => {
  const device = await nullDevice([configurations.f16]);
  const half = launched(device, "f16");
  assert.equal(products(half), byUnits);
  // The input, and a copy of a weight for each direction that takes one; nothing is turned round.
  assert.is(half.filter((name) => name === "toHalf").length, 1 + 4);
  assert.not.ok(half.includes("transpose"));
  assert.ok(launched(device, "f32").every((name) => !name.endsWith("Matrix")));
  device.check();
});

variants("products of f16 tensors use them without being asked, in both gradients as well", async () => {
  const device = await nullDevice([configurations.f16]);
  const tape = new Tape(device);
  const [a, b] = [tape.tensor([256, 64], "a", "f16"), tape.tensor([64, 128], "b", "f16")];
  tape.watch(a, b);
  const y = matmul(tape, a, b);
  tape.backward(y, tape.tensor(y.shape, "gradient", "f16"));
  assert.equal(
    tape.launches.map(({ kernel, constants }) => [kernel.name, constants.HALF, constants.VECTOR]),
    Array.from({ length: 3 }, () => ["matmulMatrix", true, 4]),
  );
});

variants("with f32 units alone, both use them, without copies of weights for f32", async () => {
  const device = await nullDevice([configurations.f32]);
  const single = launched(device, "f32");
  assert.equal(products(single), byUnits);
  assert.not.ok(single.includes("toHalf"));
  assert.equal(products(launched(device, "f16")), byUnits);
});

variants("where sums would be f16, or there are no units, nothing changes", async () => {
  for (const claimed of [[{ ...configurations.f16, resultComponentType: "f16" }], []]) {
    const device = await nullDevice(claimed);
    assert.is(device.matrixUnits.length, claimed.length);
    assert.ok(launched(device, "f16").every((name) => !name.endsWith("Matrix")));
  }
});

variants("of several units, those with the largest fragments are used", async () => {
  const device = await nullDevice([{ ...configurations.f16, M: 8, K: 8 }, configurations.f16, configurations.f32]);
  const extents = (operands: Operands) => {
    const [{ UNIT_ROWS, UNIT_COLS, UNIT_TERMS, ROUNDED }] = matrixTiles(device, operands);
    return [UNIT_ROWS, UNIT_COLS, UNIT_TERMS, ROUNDED];
  };
  assert.equal(extents("f16"), [16, 16, 16, true]);
  assert.equal(extents("f32"), [8, 8, 8, false]);
});

variants("others can be forced", async () => {
  const device = await nullDevice([configurations.f16]);
  const [other] = (variantNames(device).get("conv2d") ?? []).filter((name) => name.startsWith("tile"));
  forceVariant(device, "conv2d", other);
  assert.equal(products(launched(device, "f16")).slice(0, 3), ["conv2dTiled", "conv2dTiled", "matmulMatrix"]);
});

/** A device whose operations take kernels for matrix units with emulated fragments, wherever there is one. */
async function emulating(vectors: boolean): Promise<Device> {
  const { gpu, adapter } = await testDevice();
  const device = new Device(gpu, adapter);
  const of: Readonly<Record<string, KernelDefinition>> = {
    matmul: kernels.matmulMatrix,
    conv2d: kernels.conv2dMatrix,
    "conv2d-input-gradient": kernels.conv2dMatrix,
    "conv2d-weight-gradient": kernels.conv2dWeightGradientMatrix,
  };
  const tile = { ...smallMatrixTile, VECTOR: vectors ? 4 : 1 };
  const value = ({ operation }: Site) => ({ name: "emulated", kernel: of[operation], tile, forUnits: true });
  Object.defineProperty(device.choices, "pick", { value });
  return device;
}

const shape = { batch: 2, height: 6, width: 5, kernelHeight: 3, kernelWidth: 3, padding: 1 } as const;
for (const [inChannels, outChannels, stride] of [
  [8, 12, 2],
  [5, 6, 1],
] as const) {
  variants(`convolutions of ${inChannels} to ${outChannels} channels are right with emulated ones`, async () => {
    const random = randomInputs(5, "f16");
    const own = { ...shape, inChannels, outChannels, stride };
    const inputs: ConvolutionInputs = { ...own, type: "f16", ...convolutionInputs(own, random) };
    const actual = await convolutionSubject.compute(await emulating(inChannels % 4 === 0), inputs);
    const deviation = worstDeviation(
      actual,
      convolutionSubject.reference(inputs, actual),
      convolutionSubject.tolerance(inputs),
    );
    assert.ok(passes(deviation), `off by ${deviation.error}, and rounding allows ${deviation.tolerance}`);
  });
}

variants("matrix products are right with emulated ones", async () => {
  const random = randomInputs(6, "f16");
  const inputs = { m: 12, n: 20, k: 8, a: random.normal(96), b: random.normal(160), dc: random.normal(240) };
  const actual = await matmulSubject.compute(await emulating(true), inputs);
  const deviation = worstDeviation(actual, matmulSubject.reference(inputs, actual), matmulSubject.tolerance(inputs));
  assert.ok(passes(deviation), `off by ${deviation.error}, and rounding allows ${deviation.tolerance}`);
});

variants.run();
