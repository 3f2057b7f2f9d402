import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Tape } from "../../src/engine/tape.js";
import type { Tensor } from "../../src/engine/tensor.js";
import { ConfigError } from "../../src/errors.js";
import { classifier } from "../../src/nn/classifier.js";
import { convnet } from "../../src/nn/convnet.js";
import { Convolution, Linear } from "../../src/nn/layers.js";
import type { Model } from "../../src/nn/model.js";
import type { Encoder, TensorSpec } from "../../src/nn/module.js";
import { NORMALIZATIONS, normalizedInput } from "../../src/nn/normalized-input.js";
import { encodeOnnx, type OnnxOptions } from "../../src/nn/onnx.js";
import { projectionHead } from "../../src/nn/projection-head.js";
import { resnet } from "../../src/nn/resnet.js";
import { attention } from "../../src/ops/attention.js";
import { broadcast, divide, multiply, subtract } from "../../src/ops/binary.js";
import { add, relu } from "../../src/ops/elementwise.js";
import { layerNorm } from "../../src/ops/layer-norm.js";
import { addBias } from "../../src/ops/matmul.js";
import { globalAveragePool } from "../../src/ops/pooling.js";
import { concatenate, permute, reshape, slice } from "../../src/ops/shape.js";
import { elementwise, gelu, scale, square } from "../../src/ops/unary.js";
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

/** Patches with positions, behind a class token or not, through a block of attention and a perceptron: most of a transformer. */
function transformer(withToken: boolean): Encoder {
  const [channels, heads, patches] = [16, 2, 16];
  const tokens = patches + (withToken ? 1 : 0);
  const drawn = (name: string, shape: readonly number[]): TensorSpec => {
    return { name, shape, initial: { kind: "normal", deviation: 0.5 }, role: "offset" };
  };
  const norms = ["norm1", "norm2"].map((name) => [
    drawn(`${name}.gamma`, [channels]),
    drawn(`${name}.beta`, [channels]),
  ]);
  const others = [
    drawn("token", [1, 1, channels]),
    drawn("positions", [1, tokens, channels]),
    drawn("scale", [channels]),
  ];
  const patch = new Convolution("patch", 3, channels, 4, { stride: 4, bias: true });
  const qkv = new Linear("qkv", channels, 3 * channels, true);
  const [first, second] = [new Linear("fc1", channels, 24, true), new Linear("fc2", 24, channels, false)];
  return {
    name: withToken ? "transformer" : "transformer-mean",
    features: channels,
    stem: "cifar",
    tensors: [patch, qkv, first, second].flatMap(({ tensors }) => tensors).concat(norms.flat(), others),
    forward(pass, images) {
      const { tape, tensor } = pass;
      const [batch] = images.shape;
      const norm = (which: 0 | 1, x: Tensor) => {
        const [gamma, beta] = norms[which].map(({ name }) => tensor(name));
        return layerNorm(tape, x, { gamma, beta, epsilon: 1e-6 });
      };
      const cut = reshape(tape, patch.forward(pass, images), [batch, patches, channels]);
      const token = broadcast(tape, tensor("token"), [batch, 1, channels]);
      const all = withToken ? concatenate(tape, [token, cut], 1) : cut;
      const x = add(tape, all, tensor("positions"));
      const rows = (of: Tensor) => reshape(tape, of, [batch * tokens, channels]);
      const mixed = attention(
        tape,
        reshape(tape, qkv.forward(pass, norm(0, rows(x))), [batch, tokens, 3 * channels]),
        heads,
      );
      const attended = add(tape, x, reshape(tape, multiply(tape, rows(mixed), tensor("scale")), x.shape));
      const hidden = gelu(tape, first.forward(pass, norm(1, rows(attended))));
      const y = add(tape, attended, reshape(tape, second.forward(pass, hidden), x.shape));
      if (withToken) return reshape(tape, slice(tape, y, 1, 0, 1), [batch, channels]);
      return globalAveragePool(tape, reshape(tape, rows(y), [batch, patches, 1, channels]));
    },
  };
}

onnx("give what transformers give: tokens, positions, attention, layer norms, GELU", async () => {
  await same(await trained(normalized(transformer(true))));
  await same(await trained(transformer(false)), { withPreprocessing: true });
});

onnx(
  "keep the order of elements through other shapes, functions of one number, and sums and products of two tensors",
  async () => {
    const ends: ((tape: Tape, x: Tensor) => Tensor)[] = [
      // A map, seen as rows and as another map.
      (tape, x) => {
        const [batch, height, width, channels] = x.shape;
        const flat = relu(tape, x.view([batch * height * width, channels]));
        return add(tape, flat.view([batch, width, height, channels]), x.view([batch, width, height, channels]));
      },
      (tape, x) => divide(tape, subtract(tape, multiply(tape, x, x), x), scale(tape, square(tape, x), 0.5, 2)),
      (tape, x) =>
        elementwise(tape, x, ["softplus", "sqrt", ["scale", 2, -1], "tanh", "exp", "log", "sigmoid", "absolute"]),
    ];
    for (const end of ends)
      await same(await trained(ownEncoder(({ tape }, x) => globalAveragePool(tape, end(tape, x)))));
  },
);

onnx("are refused for what has no counterpart, with where it is", async () => {
  const write = async (last: Parameters<typeof ownEncoder>[0]) => {
    const model = await trained(ownEncoder(last));
    await encodeOnnx(model).finally(() => model.tensors.dispose());
  };
  const turned = write((pass, x) =>
    pass.segment("end", () => globalAveragePool(pass.tape, permute(pass.tape, x, [0, 2, 1, 3]))),
  );
  await rejects(turned, ConfigError, /^end: the operation permute cannot be written as ONNX: there are convolutions/);
  const clamped = write(({ tape }, x) => globalAveragePool(tape, elementwise(tape, x, [["clamp", 0, 1]])));
  await rejects(clamped, ConfigError, /the function clamp cannot be written as ONNX/);
  const folded = write(({ tape, tensor }, x) => addBias(tape, x.view([x.size / 12, 12]), tensor("grouped.bias")));
  await rejects(folded, ConfigError, /^output: a representation of the shape of .* cannot be written as ONNX/);
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
