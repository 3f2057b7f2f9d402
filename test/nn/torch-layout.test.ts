import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CheckpointError } from "../../src/errors.js";
import type { TensorSpec } from "../../src/nn/module.js";
import { fromTorch, torchShape, toTorch } from "../../src/nn/torch-layout.js";
import { throws } from "../data/expect.js";

const layouts = suite("PyTorch's layouts");

function spec(...shape: number[]): TensorSpec {
  return { name: "weight", shape, initial: { kind: "constant", value: 0 }, role: "weight" };
}

/** 0, 1, 2, ... as many as a tensor has elements. */
function counted({ shape }: TensorSpec): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i);
}

layouts("shapes", () => {
  assert.equal(torchShape([7, 5, 3, 64]), [64, 3, 7, 5]);
  assert.equal(torchShape([512, 128]), [128, 512]);
  assert.equal(torchShape([64]), [64]);
});

layouts("a convolution: element [h, w, in, out] becomes [out, in, h, w]", () => {
  // Height 1, width 2, 2 channels in and 3 out.
  const convolution = spec(1, 2, 2, 3);
  // biome-ignore format: a row is a pair (out, in), its columns are the two taps
  const expected = [
    0, 6,
    3, 9,
    1, 7,
    4, 10,
    2, 8,
    5, 11,
  ];
  assert.equal([...toTorch(convolution, counted(convolution))], expected);
  assert.equal([...fromTorch(convolution, Float32Array.from(expected))], [...counted(convolution)]);
});

layouts("a convolution in groups: the third extent is that of a group on both sides", () => {
  // Height 1, width 2, 2 groups of 1 channel in and 2 out.
  const grouped = spec(1, 2, 1, 4);
  assert.equal(torchShape(grouped.shape), [4, 1, 1, 2]);
  assert.equal([...toTorch(grouped, counted(grouped))], [0, 4, 1, 5, 2, 6, 3, 7]);
  assert.equal([...fromTorch(grouped, Float32Array.of(0, 4, 1, 5, 2, 6, 3, 7))], [...counted(grouped)]);
});

layouts("a linear layer is transposed, a vector stays", () => {
  assert.equal([...toTorch(spec(2, 3), counted(spec(2, 3)))], [0, 3, 1, 4, 2, 5]);
  assert.equal([...fromTorch(spec(2, 3), Float32Array.of(0, 3, 1, 4, 2, 5))], [0, 1, 2, 3, 4, 5]);
  assert.equal([...toTorch(spec(3), counted(spec(3)))], [0, 1, 2]);
});

layouts("there and back is the same, and the source is left alone", () => {
  for (const tensor of [spec(3, 2, 5, 7), spec(1, 1, 4, 9), spec(6, 11), spec(13)]) {
    const values = counted(tensor);
    assert.equal([...fromTorch(tensor, toTorch(tensor, values))], [...values]);
    assert.equal([...toTorch(tensor, fromTorch(tensor, values))], [...values]);
    assert.equal([...values], [...counted(tensor)]);
  }
});

layouts("refuse another number of elements", () => {
  throws(
    () => fromTorch(spec(3, 3, 4, 8), new Float32Array(5)),
    CheckpointError,
    /weight has 5 elements/,
    /\[8, 4, 3, 3\]/,
  );
});

layouts.run();
