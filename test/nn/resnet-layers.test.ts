import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Tape } from "../../src/engine/tape.js";
import type { Tensor } from "../../src/engine/tensor.js";
import { ModelTensors } from "../../src/nn/model-tensors.js";
import type { Encoder } from "../../src/nn/module.js";
import { resnet } from "../../src/nn/resnet.js";
import { testDevice } from "../lib/device.js";

const layers = suite("layers of ResNets");

/** What an encoder records, a line for each layer: its name, its settings, and the layers it takes its input from. */
async function layersOf(encoder: Encoder, size: number): Promise<string[]> {
  const device = await testDevice();
  const model = new ModelTensors(device, encoder.tensors, 1);
  const tape = new Tape(device);
  const images = tape.tensor([1, size, size, 3], "images");
  const output = encoder.forward(model.pass(tape, { training: false }), images);
  const names = new Map<Tensor, string>([[images, "images"]]);
  const lines: string[] = [];
  for (const { kernel, tensors, constants } of tape.launches) {
    const tensor = (binding: string) => tensors[kernel.bindings.findIndex(({ name }) => name === binding)];
    const from = (binding: string) => names.get(tensor(binding)) ?? "nowhere";
    const add = (name: string, line: string) => {
      names.set(tensor("y"), name);
      lines.push(`${name}: ${line}`);
    };
    const layer = (binding: string) =>
      tensor(binding)
        .label.replace(/^standardised /, "")
        .replace(/\.weight$/, "");
    if (kernel.name === "conv2d") {
      const { KERNEL_HEIGHT, KERNEL_WIDTH, STRIDE_Y, STRIDE_X, PADDING_Y, PADDING_X } = constants;
      assert.equal([STRIDE_X, PADDING_X], [STRIDE_Y, PADDING_Y], "both axes alike");
      const window = `${KERNEL_HEIGHT}x${KERNEL_WIDTH} / ${STRIDE_Y} + ${PADDING_Y}`;
      const standardized = tensor("weight").label.startsWith("standardised") ? ", standardised," : "";
      add(layer("weight"), `${window}${standardized} of ${from("x")}`);
    } else if (kernel.name === "batchNorm" || kernel.name === "groupNorm") {
      const sum = constants.RESIDUAL === true ? ` + ${from("residual")}` : "";
      add(layer("gamma"), `of ${from("x")}${sum}${constants.RELU === true ? ", relu" : ""}`);
    } else if (kernel.name === "maxPool") {
      add(
        "maxpool",
        `${constants.KERNEL}x${constants.KERNEL} / ${constants.STRIDE} + ${constants.PADDING} of ${from("x")}`,
      );
    } else if (kernel.name === "globalAveragePool") {
      add("avgpool", `of ${from("x")}`);
    }
  }
  assert.is(names.get(output), "avgpool");
  model.dispose();
  return lines;
}

/** Fails unless `lines` holds `part`, in its order and without another layer between. */
function contains(lines: readonly string[], part: readonly string[]): void {
  const start = lines.indexOf(part[0]);
  assert.equal(lines.slice(start, start + part.length), part);
}

// As torchvision's resnet.py defines them.
layers("ResNet-50: stem, bottlenecks with the stride in the 3x3 convolution", async () => {
  const lines = await layersOf(resnet({ depth: 50, stem: "imagenet", width: 1 / 16 }), 64);
  assert.equal(lines.slice(0, 19), [
    "conv1: 7x7 / 2 + 3 of images",
    "bn1: of conv1, relu",
    "maxpool: 3x3 / 2 + 1 of bn1",
    "layer1.0.downsample.0: 1x1 / 1 + 0 of maxpool",
    "layer1.0.downsample.1: of layer1.0.downsample.0",
    "layer1.0.conv1: 1x1 / 1 + 0 of maxpool",
    "layer1.0.bn1: of layer1.0.conv1, relu",
    "layer1.0.conv2: 3x3 / 1 + 1 of layer1.0.bn1",
    "layer1.0.bn2: of layer1.0.conv2, relu",
    "layer1.0.conv3: 1x1 / 1 + 0 of layer1.0.bn2",
    "layer1.0.bn3: of layer1.0.conv3 + layer1.0.downsample.1, relu",
    "layer1.1.conv1: 1x1 / 1 + 0 of layer1.0.bn3",
    "layer1.1.bn1: of layer1.1.conv1, relu",
    "layer1.1.conv2: 3x3 / 1 + 1 of layer1.1.bn1",
    "layer1.1.bn2: of layer1.1.conv2, relu",
    "layer1.1.conv3: 1x1 / 1 + 0 of layer1.1.bn2",
    "layer1.1.bn3: of layer1.1.conv3 + layer1.0.bn3, relu",
    "layer1.2.conv1: 1x1 / 1 + 0 of layer1.1.bn3",
    "layer1.2.bn1: of layer1.2.conv1, relu",
  ]);
  contains(lines, [
    "layer4.0.downsample.0: 1x1 / 2 + 0 of layer3.5.bn3",
    "layer4.0.downsample.1: of layer4.0.downsample.0",
    "layer4.0.conv1: 1x1 / 1 + 0 of layer3.5.bn3",
    "layer4.0.bn1: of layer4.0.conv1, relu",
    "layer4.0.conv2: 3x3 / 2 + 1 of layer4.0.bn1",
    "layer4.0.bn2: of layer4.0.conv2, relu",
    "layer4.0.conv3: 1x1 / 1 + 0 of layer4.0.bn2",
    "layer4.0.bn3: of layer4.0.conv3 + layer4.0.downsample.1, relu",
  ]);
  assert.is(lines.at(-1), "avgpool: of layer4.2.bn3");
  // 53 convolutions, each with its batch norm, and two poolings.
  assert.is(lines.length, 2 * 53 + 2);
});

layers("ResNet-34: the CIFAR stem, basic blocks with the stride in the first convolution", async () => {
  const lines = await layersOf(resnet({ depth: 34, stem: "cifar", width: 1 / 16 }), 32);
  assert.equal(lines.slice(0, 6), [
    "conv1: 3x3 / 1 + 1 of images",
    "bn1: of conv1, relu",
    "layer1.0.conv1: 3x3 / 1 + 1 of bn1",
    "layer1.0.bn1: of layer1.0.conv1, relu",
    "layer1.0.conv2: 3x3 / 1 + 1 of layer1.0.bn1",
    "layer1.0.bn2: of layer1.0.conv2 + bn1, relu",
  ]);
  contains(lines, [
    "layer2.0.downsample.0: 1x1 / 2 + 0 of layer1.2.bn2",
    "layer2.0.downsample.1: of layer2.0.downsample.0",
    "layer2.0.conv1: 3x3 / 2 + 1 of layer1.2.bn2",
    "layer2.0.bn1: of layer2.0.conv1, relu",
    "layer2.0.conv2: 3x3 / 1 + 1 of layer2.0.bn1",
    "layer2.0.bn2: of layer2.0.conv2 + layer2.0.downsample.1, relu",
  ]);
  assert.is(lines.at(-1), "avgpool: of layer4.2.bn2");
  assert.is(lines.length, 2 * 36 + 1);
});

layers("with group norm, the same, every convolution with standardised weights", async () => {
  const options = { depth: 18, stem: "imagenet", width: 1 / 16 } as const;
  const [batch, group] = [
    await layersOf(resnet(options), 64),
    await layersOf(resnet({ ...options, norm: "group" }), 64),
  ];
  const standardized = ", standardised,";
  assert.is(group.filter((line) => line.includes(standardized)).length, 20);
  assert.equal(
    group.map((line) => line.replace(standardized, "")),
    batch,
  );
});

layers.run();
