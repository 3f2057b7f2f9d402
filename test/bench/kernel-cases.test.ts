import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Inputs } from "../../bench/measure/inputs.js";
import { type KernelCase, kernelCases } from "../../bench/measure/kernel-cases.js";
import type { Launch } from "../../src/engine/launch.js";
import { Tape } from "../../src/engine/tape.js";
import { Tensor } from "../../src/engine/tensor.js";
import { testDevice } from "../lib/device.js";

/** Inputs that take no memory: nothing is run here. */
class Shapes extends Inputs {
  override normal(shape: readonly number[], label = "input"): Tensor {
    return new Tensor(shape, "f32", label);
  }

  override words(shape: readonly number[], label = "input"): Tensor {
    return new Tensor(shape, "u32", label);
  }
}

interface Counted {
  readonly dispatches: number;
  readonly operations: number;
  /** Of the tensors named; twice for what is read and written in its place, the tensors of a model. */
  readonly bytes: number;
}

async function count(subject: KernelCase): Promise<Counted> {
  const device = await testDevice();
  const inputs = new Shapes(device);
  const tape = new Tape(device);
  const first = subject.record(tape, inputs);
  const launches = tape.launches.slice(first);
  const bytes = ({ kernel, tensors }: Launch) =>
    tensors.map((tensor, i) => tensor.bytes * (tensor.place && kernel.bindings[i].access === "read_write" ? 2 : 1));
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const counted = {
    dispatches: launches.length,
    operations: sum(launches.map(({ flops }) => flops)),
    bytes: sum(launches.flatMap(bytes)),
  };
  inputs.dispose();
  return counted;
}

const cases = suite("kernel cases of the benchmark");

cases("have names that differ", () => {
  const names = kernelCases(2).map(({ operation, direction }) => `${operation}, ${direction}`);
  assert.is(new Set(names).size, names.length);
});

for (const subject of kernelCases()) {
  cases(`count ${subject.operation}, ${subject.direction} as the kernels' headers do`, async () => {
    const { dispatches, operations, bytes } = await count(subject);
    assert.ok(dispatches > 0);
    // Helper kernels and second looks at the same numbers come on top of what the mathematics takes.
    assert.ok(operations >= subject.flops, `${operations} operations, and the case counts ${subject.flops}`);
    assert.ok(bytes >= subject.bytes, `${bytes} bytes, and the case counts ${subject.bytes}`);
    if (subject.operation.startsWith("matmul") || subject.operation.startsWith("conv")) {
      assert.ok(operations <= 1.05 * subject.flops, `${operations} operations, and the case counts ${subject.flops}`);
    }
    // Tables of a number for 64 elements, and gaps between the parameters.
    if (subject.direction === "update") assert.ok(bytes <= 1.03 * subject.bytes, `${bytes} bytes`);
    if (subject.operation.startsWith("transpose")) assert.is(bytes, subject.bytes);
  });
}

cases("know a product of matrices", async () => {
  const subject = kernelCases().find(({ operation }) => operation === "matmul 1,024^3");
  assert.is(subject?.flops, 2_147_483_648);
  assert.is(subject?.bytes, 3 * 4 * 1_048_576);
});

cases("know a convolution with a stride", async () => {
  const subject = kernelCases().find(({ operation }) => operation.startsWith("conv 3x3 / 2, 64 to 128"));
  // 16 images of 16 x 16 pixels out, 9 taps, 64 channels to 128.
  assert.is(subject?.flops, 2 * 16 * 256 * 9 * 64 * 128);
  assert.is(subject?.bytes, 4 * (16 * 1024 * 64 + 9 * 64 * 128 + 16 * 256 * 128));
});

cases.run();
