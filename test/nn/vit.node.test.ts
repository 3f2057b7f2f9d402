import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Tape } from "../../src/engine/tape.js";
import type { Tensor } from "../../src/engine/tensor.js";
import { ConfigError, ShapeError } from "../../src/errors.js";
import { decodeSafetensors } from "../../src/io/safetensors.js";
import { modelOf } from "../../src/nn/model.js";
import { projectionHead } from "../../src/nn/projection-head.js";
import { fromTorch, torchShape } from "../../src/nn/torch-layout.js";
import { vit } from "../../src/nn/vit.js";
import { completeConfig } from "../../src/training/config.js";
import { decodeEncoder, encodeEncoder } from "../../src/training/encoder-file.js";
import { throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";
import { repository } from "../lib/repository.js";
import { type GoldenCase, loadCase } from "../reference/goldens.js";

const transformers = suite("vision transformers");

const device = await testDevice();

/** The settings of a golden case, whose nets have 16 channels: those of "micro", an eighth as wide. */
function settingsOf(golden: GoldenCase) {
  return {
    patch: golden.number("patch"),
    pooling: golden.text("pooling") === "class" ? "class" : "mean",
    positions: golden.text("positions") === "sine" ? "sine" : "learned",
    layerScale: golden.number("layerScale"),
  } as const;
}

/** A model with the weights of a golden case. */
function modelOfCase(golden: GoldenCase) {
  const imageSize = golden.number("imageSize");
  const encoder = vit({ size: "micro", width: 0.125, imageSize, ...settingsOf(golden) });
  const head = projectionHead(encoder.features, { layers: 0 });
  const model = modelOf(device, { encoder, head, classes: 0, imageSize }, 1);
  const weights = encoder.tensors.map((spec) => {
    const given = Float32Array.from(golden.floats(`state.${spec.name}`));
    return [spec.name, fromTorch(spec, given)] as const;
  });
  model.tensors.write(new Map(weights));
  return model;
}

/** How often the largest of the 64 deviations that PyTorch's own float32 showed may be exceeded: see test/training/trajectory.test.ts. */
const SPREAD = 4;

for (const name of ["class token", "mean, sines, scaled"]) {
  transformers(`${name}: outputs and gradients are PyTorch's, for images of another size too`, async () => {
    const golden = await loadCase("vit", name);
    const { encoder, tensors } = modelOfCase(golden);
    const tape = new Tape(device);
    const pass = tensors.pass(tape, { training: true });
    const kept = new Map<string, Tensor>();
    for (const small of ["", "small "]) {
      const input = (of: string) =>
        device.tensor(golden.shape(small + of), Float32Array.from(golden.floats(small + of)), small + of);
      const y = encoder.forward(pass, input("images"));
      tape.backward(y, input("dy"));
      kept.set(`${small}y`, y);
    }
    for (const { spec, value } of tensors.parameters) kept.set(`gradient.${spec.name}`, tape.gradientOf(value));
    const program = await tape.compile({ keep: [...kept.values()] });
    program.run();
    for (const [output, tensor] of kept) {
      const gradient = output.startsWith("gradient.");
      const spec = encoder.tensors.find((known) => `gradient.${known.name}` === output);
      const given = Float32Array.from(golden.floats(output));
      const expected = gradient && spec ? fromTorch(spec, given) : given;
      const [deviation] = golden.floats(`deviation.${output}`);
      const found = await device.read(tensor);
      assert.is(found.length, expected.length, output);
      expected.forEach((value, i) => {
        const tolerance = SPREAD * deviation + 2 ** -24 * Math.abs(value);
        assert.ok(
          Math.abs(found[i] - value) <= tolerance,
          `${output}[${i}]: ${found[i]} is not ${value} +- ${tolerance}`,
        );
      });
    }
    const gradients = [...golden.under("gradient")].map(([, tensor]) => tensor);
    assert.equal([...kept.keys()].filter((key) => key.startsWith("gradient.")).sort(), gradients.sort());
    program.dispose();
    tensors.dispose();
  });

  transformers(`${name}: a file has timm's names, shapes and values, and is read again`, async () => {
    const golden = await loadCase("vit", name);
    const model = modelOfCase(golden);
    const config = completeConfig({ encoder: "vit-micro", width: 0.125, ...settingsOf(golden) });
    const bytes = await encodeEncoder(model, config, 0);
    const { tensors } = decodeSafetensors(bytes);
    assert.equal([...tensors.keys()].sort(), [...golden.under("state").keys()].sort());
    for (const [key, { shape, data }] of tensors) {
      assert.equal([...shape], [...golden.shape(`state.${key}`)], key);
      assert.equal([...data], [...golden.floats(`state.${key}`)], key);
    }
    // For images of its own size, and of another one.
    for (const imageSize of [model.imageSize, 8]) {
      const again = decodeEncoder(device, bytes, { imageSize });
      assert.is(again.imageSize, imageSize);
      assert.equal(await again.tensors.read(), await model.tensors.read());
      again.tensors.dispose();
    }
    model.tensors.dispose();
  });
}

transformers("names and shapes are those of timm's nets", async () => {
  const text = await readFile(join(repository, "test/golden/timm_shapes.json"), "utf8");
  const known: Record<string, Record<string, number[]>> = JSON.parse(text);
  const nets = [
    ["vit_tiny_patch16_224", { size: "tiny", imageSize: 224 }],
    ["vit_base_patch14_28", { size: "base", imageSize: 28, patch: 14 }],
  ] as const;
  for (const [name, options] of nets) {
    const shapes = vit(options).tensors.map((spec) => [spec.name, torchShape(spec.shape)] as const);
    const expected = Object.entries(known[name] ?? {});
    assert.equal(new Map([...shapes].sort()), new Map([...expected].sort()), name);
  }
  const { features, tensors } = vit({ size: "tiny", imageSize: 32 });
  const parameters = tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  assert.equal([features, parameters], [192, 5_360_832]);
});

transformers("refuses what cannot be", async () => {
  throws(() => vit({ size: "tiny", imageSize: 30 }), ConfigError, /30 x 30 pixels cannot be cut into patches of 4 x 4/);
  throws(() => vit({ size: "tiny", imageSize: 32, width: 0.4 }), ConfigError, /width 0.4 gives heads of 26 channels/);
  throws(() => vit({ size: "tiny", imageSize: 32, dropPath: 1 }), ConfigError, /dropPath is 1; .* below 1/);
  throws(() => vit({ size: "tiny", imageSize: 32, layerScale: -1 }), ConfigError, /layerScale is -1/);
  const model = modelOfCase(await loadCase("vit", "class token"));
  const tape = new Tape(device);
  const pass = model.tensors.pass(tape, { training: false });
  const images = tape.tensor([1, 18, 16, 3], "images");
  throws(
    () => model.encoder.forward(pass, images),
    ShapeError,
    /images \[1, 18, 16, 3\] cannot be cut into patches of 4 x 4/,
  );
  model.tensors.dispose();
});

transformers.run();
