import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ConfigError } from "../../src/errors.js";
import { classifier } from "../../src/nn/classifier.js";
import { convnet } from "../../src/nn/convnet.js";
import { Convolution } from "../../src/nn/layers.js";
import type { Model } from "../../src/nn/model.js";
import type { Encoder } from "../../src/nn/module.js";
import { NORMALIZATIONS, normalizedInput } from "../../src/nn/normalized-input.js";
import { encodeOnnx, type OnnxOptions } from "../../src/nn/onnx-graph.js";
import { projectionHead } from "../../src/nn/projection-head.js";
import { resnet } from "../../src/nn/resnet.js";
import { add, relu } from "../../src/ops/elementwise.js";
import { addBias } from "../../src/ops/matmul.js";
import { globalAveragePool } from "../../src/ops/pooling.js";
import { gelu } from "../../src/ops/unary.js";
import { checkOnnx } from "../../src/runs/onnx-check.js";
import { rejects } from "../data/expect.js";
import { testDevice } from "../lib/device.js";
import { onnxRuntime } from "../lib/onnx.js";
import { SIZE, toleranceOf, trained } from "./trained.js";

const onnx = suite("ONNX files");

/** Fails unless the file gives what the model does, and another model's file something else. */
async function same(model: Model, options: OnnxOptions = {}): Promise<void> {
  const device = await testDevice();
  const runtime = await onnxRuntime();
  const bytes = await encodeOnnx(model, options);
  const { largestDifference, largestValue } = await checkOnnx(device, model, bytes, options, runtime);
  const tolerance = toleranceOf([...model.encoder.tensors, ...(options.head ? model.head.tensors : [])], largestValue);
  const text = `${model.encoder.name} ${JSON.stringify(options)}: ${largestDifference.toExponential(1)} of ${largestValue.toPrecision(3)}`;
  console.log(`${text}, tolerance ${tolerance.toExponential(1)}`);
  assert.ok(largestValue > 1e-3 && Number.isFinite(largestValue), text);
  assert.ok(largestDifference <= tolerance, text);
  // One scale of one norm, a hundredth larger: it would be seen.
  const [{ name }] = model.encoder.tensors.filter(({ role }) => role === "offset");
  const values = await model.tensors.read();
  model.tensors.write(new Map([...values].map(([key, all]) => [key, key === name ? all.map((v) => 1.01 * v) : all])));
  const changed = await checkOnnx(device, model, bytes, options, runtime);
  assert.ok(changed.largestDifference > tolerance, `${text}; changed: ${changed.largestDifference}`);
  model.tensors.dispose();
}

const normalized = (encoder: Encoder) => normalizedInput(encoder, NORMALIZATIONS.imagenet);

onnx("give what the encoder gives: a convnet, normalised or not, from pixel values or from pixels", async () => {
  await same(await trained(convnet(0.25)));
  await same(await trained(normalized(convnet(0.25))));
  await same(await trained(normalized(convnet(0.25))), { withPreprocessing: true });
});

onnx("give what ResNets of both stems give", async () => {
  await same(await trained(normalized(resnet({ depth: 18, stem: "imagenet", width: 0.125 }))));
  await same(await trained(resnet({ depth: 34, stem: "imagenet", width: 0.125 })));
  await same(await trained(resnet({ depth: 50, stem: "cifar", width: 0.125 })));
});

onnx("give what encoders with group norm and standardised weights give", async () => {
  await same(await trained(convnet(0.25, "group")));
  await same(await trained(normalized(resnet({ depth: 18, stem: "imagenet", width: 0.125, norm: "group" }))));
});

onnx("give what heads and classifiers give", async () => {
  const head = (options: Parameters<typeof projectionHead>[1]) => projectionHead(64, options);
  await same(await trained(convnet(0.25), head({ layers: 2, hidden: 24, output: 12 })), { head: true });
  const norms = head({ layers: 3, hidden: 24, output: 12, batchNorm: true, end: "norm" });
  await same(await trained(normalized(convnet(0.25)), norms), { head: true, withPreprocessing: true });
  await same(await trained(convnet(0.25), classifier(64, 10), 10), { head: true });
});

/** An encoder of one's own, of convolutions that no encoder of the library has. */
function ownEncoder(
  last: (
    pass: Parameters<Encoder["forward"]>[0],
    x: Parameters<Encoder["forward"]>[1],
  ) => ReturnType<Encoder["forward"]>,
): Encoder {
  const first = new Convolution("first", 3, 8, [3, 5], { stride: [1, 2], padding: [1, 2], bias: true });
  const depthwise = new Convolution("depthwise", 8, 8, 3, { padding: 2, dilation: 2, groups: 8 });
  const grouped = new Convolution("grouped", 8, 12, 3, { groups: 2, bias: true });
  const layers = [first, depthwise, grouped];
  return {
    name: "own",
    features: 12,
    stem: "cifar",
    tensors: layers.flatMap(({ tensors }) => tensors),
    forward: (pass, images) =>
      last(
        pass,
        layers.reduce((x, layer) => relu(pass.tape, layer.forward(pass, x)), images),
      ),
  };
}

onnx(
  "give what an encoder of one's own gives: strides and paddings per axis, dilations, groups, biases, sums",
  async () => {
    await same(await trained(ownEncoder(({ tape }, x) => globalAveragePool(tape, add(tape, x, relu(tape, x))))));
  },
);

onnx("are refused for what has no counterpart, with where it is", async () => {
  const write = async (encoder: Encoder) => {
    const model = await trained(encoder);
    await encodeOnnx(model).finally(() => model.tensors.dispose());
  };
  const known = /there are convolutions, batch and group norms/;
  await rejects(
    write(ownEncoder((pass, x) => pass.segment("end", () => globalAveragePool(pass.tape, gelu(pass.tape, x))))),
    ConfigError,
    /^end: the operation elementwise cannot be written as ONNX/,
    known,
  );
  const reshaped = ownEncoder(({ tape, tensor }, x) => {
    const rows = globalAveragePool(tape, x);
    return addBias(tape, rows.view([rows.size / 12, 12]), tensor("grouped.bias"));
  });
  await write(reshaped);
  const folded = ownEncoder(({ tape, tensor }, x) => addBias(tape, x.view([x.size / 12, 12]), tensor("grouped.bias")));
  await rejects(write(folded), ConfigError, /in another shape cannot be written as ONNX/, known);
});

onnx("take any number of images", async () => {
  const model = await trained(convnet(0.25));
  const runtime = await onnxRuntime();
  const session = await runtime.InferenceSession.create(await encodeOnnx(model));
  const outputs: Float32Array[] = [];
  for (const batch of [1, 7]) {
    const values = Float32Array.from({ length: batch * 3 * SIZE * SIZE }, (_, i) => ((i % 768) * 37) / 28416);
    const input = new runtime.Tensor("float32", values, [batch, 3, SIZE, SIZE]);
    const { data } = (await session.run({ pixel_values: input }))["image_embeds"];
    assert.instance(data, Float32Array);
    if (data instanceof Float32Array) outputs.push(data);
  }
  assert.equal(
    outputs.map(({ length }) => length),
    [64, 7 * 64],
  );
  // All images are the same one.
  for (let row = 0; row < 7; row++) {
    for (let i = 0; i < 64; i++) {
      assert.ok(Math.abs(outputs[1][64 * row + i] - outputs[0][i]) <= 1e-5, `${row}, ${i}`);
    }
  }
  await session.release?.();
  model.tensors.dispose();
});

onnx.run();
