import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Tape } from "../../src/engine/tape.js";
import { ConfigError } from "../../src/errors.js";
import { convnet } from "../../src/nn/convnet.js";
import { ModelTensors } from "../../src/nn/model-tensors.js";
import type { Encoder } from "../../src/nn/module.js";
import { resnet } from "../../src/nn/resnet.js";
import { torchShape } from "../../src/nn/torch-layout.js";
import { throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";
import { loadGoldenBytes } from "../lib/golden.js";

const encoders = suite("encoders");

/** Names and shapes of torchvision's state dictionary, without the classifier and the counters of batches. */
async function torchvisionShapes(model: string): Promise<[string, unknown][]> {
  const text = new TextDecoder().decode(await loadGoldenBytes("torchvision_shapes.json"));
  const shapes: Record<string, Record<string, number[]>> = JSON.parse(text);
  return Object.entries(shapes[model]).filter(
    ([name]) => !name.startsWith("fc.") && !name.endsWith("num_batches_tracked"),
  );
}

function shapesOf(encoder: Encoder): Record<string, number[]> {
  return Object.fromEntries(encoder.tensors.map(({ name, shape }) => [name, torchShape(shape)]));
}

for (const depth of [18, 34, 50] as const) {
  encoders(`ResNet-${depth} has torchvision's names and shapes`, async () => {
    const encoder = resnet({ depth, stem: "imagenet" });
    assert.equal(shapesOf(encoder), Object.fromEntries(await torchvisionShapes(`resnet${depth}`)));
    assert.is(encoder.tensors.length, Object.keys(shapesOf(encoder)).length, "no name is there twice");
    assert.is(encoder.features, depth === 50 ? 2048 : 512);
  });
}

encoders("the CIFAR stem differs from torchvision in its first convolution alone", () => {
  const [cifar, imagenet] = (["cifar", "imagenet"] as const).map((stem) => shapesOf(resnet({ depth: 18, stem })));
  assert.equal(cifar["conv1.weight"], [64, 3, 3, 3]);
  assert.equal({ ...cifar, "conv1.weight": imagenet["conv1.weight"] }, imagenet);
});

encoders("the width multiplies every channel", () => {
  for (const depth of [18, 50] as const) {
    const narrow = shapesOf(resnet({ depth, stem: "cifar", width: 0.5 }));
    for (const [name, shape] of Object.entries(shapesOf(resnet({ depth, stem: "cifar" })))) {
      const expected = shape.map((extent, axis) => (axis > 1 || (axis === 1 && extent === 3) ? extent : extent / 2));
      assert.equal(narrow[name], expected, name);
    }
  }
  assert.is(resnet({ depth: 18, stem: "cifar", width: 4 }).features, 2048);
  assert.is(convnet(0.25).features, 64);
});

encoders("only the last batch norm of a block begins with a scale of zero", () => {
  for (const [depth, last] of [
    [18, "bn2"],
    [50, "bn3"],
  ] as const) {
    for (const { name, initial, shape } of resnet({ depth, stem: "cifar" }).tensors) {
      if (initial.kind !== "constant") {
        assert.is(shape.length, 4, name);
        continue;
      }
      const one = name.endsWith("running_var") || (name.endsWith(".weight") && !name.endsWith(`.${last}.weight`));
      assert.is(initial.value, one ? 1 : 0, name);
    }
  }
});

encoders("weights, offsets and statistics have their roles", () => {
  for (const { name, role, shape } of [...resnet({ depth: 50, stem: "imagenet" }).tensors, ...convnet().tensors]) {
    const expected = name.includes("running_") ? "statistic" : shape.length === 4 ? "weight" : "offset";
    assert.is(role, expected, name);
  }
});

encoders("the map shrinks as in the paper, down to [batch, features]", async () => {
  const device = await testDevice();
  /** Height and width of what each convolution and pooling makes of images of `size` pixels. */
  const trace = (encoder: Encoder, size: number): { output: readonly number[]; sizes: number[] } => {
    const tape = new Tape(device);
    const tensors = new ModelTensors(device, encoder.tensors, 1);
    const output = encoder.forward(tensors.pass(tape, { training: true }), tape.tensor([2, size, size, 3], "images"));
    const maps = tape.launches.flatMap(({ tensors: used }) => used.filter(({ shape }) => shape.length === 4));
    tensors.dispose();
    const sizes = maps.filter(({ shape }) => shape[0] === 2).map(({ shape }) => shape[1]);
    return { output: output.shape, sizes: [...new Set(sizes)] };
  };
  const width = 1 / 16;
  assert.equal(trace(resnet({ depth: 18, stem: "imagenet", width }), 224), {
    output: [2, 32],
    sizes: [224, 112, 56, 28, 14, 7],
  });
  assert.equal(trace(resnet({ depth: 50, stem: "cifar", width }), 32), { output: [2, 128], sizes: [32, 16, 8, 4] });
  assert.equal(trace(convnet(width), 32), { output: [2, 16], sizes: [32, 16, 8, 4, 2] });
});

encoders("refuse a depth that there is not, and a width that leaves no channel", () => {
  // What a caller without types may pass.
  const depth = JSON.parse("101");
  throws(() => resnet({ depth, stem: "cifar" }), ConfigError, /ResNet-101/, /18, 34 or 50/);
  for (const width of [0, -1, 0.001, Number.NaN]) {
    throws(() => resnet({ depth: 18, stem: "cifar", width }), ConfigError, new RegExp(`width ${width} `));
    throws(() => convnet(width), ConfigError, new RegExp(`width ${width} `));
  }
});

encoders.run();
