import { suite } from "uvu";
import * as assert from "uvu/assert";
import { convnet } from "../../src/nn/convnet.js";
import { encodeOnnx } from "../../src/nn/onnx.js";
import { resnet } from "../../src/nn/resnet.js";
import { openPage } from "../lib/browser.js";
import { onnxRuntime } from "../lib/onnx.js";
import { SIZE, toleranceOf, trained } from "./trained.js";

const web = suite("ONNX files in a page");

/** Where the runtime lies, for the server of the page. */
const FOLDER = "test/package/tools/node_modules/onnxruntime-web/dist/";

web("give by onnxruntime-web, in Chromium, what they give by onnxruntime-node, of every encoder", async () => {
  const runtime = await onnxRuntime();
  const encoders = [
    convnet(0.25),
    ...([18, 34, 50] as const).map((depth) => resnet({ depth, stem: "cifar", width: 0.125 })),
    resnet({ depth: 18, stem: "imagenet", width: 0.125, norm: "group" }),
  ];
  const dims = [2, 3, SIZE, SIZE];
  const input = Float32Array.from({ length: 2 * 3 * SIZE * SIZE }, (_, i) => Math.sin(i * i));
  const files: Uint8Array[] = [];
  const expected: Float32Array[] = [];
  for (const encoder of encoders) {
    const model = await trained(encoder);
    const bytes = await encodeOnnx(model);
    model.tensors.dispose();
    const session = await runtime.InferenceSession.create(bytes, { logSeverityLevel: 3 });
    const { data } = (await session.run({ pixel_values: new runtime.Tensor("float32", input, dims) }))["image_embeds"];
    await session.release?.();
    assert.instance(data, Float32Array);
    if (data instanceof Float32Array) expected.push(data);
    files.push(bytes);
  }

  let found: readonly (readonly number[])[] = [];
  const printed: string[] = [];
  const how = await openPage({
    script: "/dist/test/nn/onnx-page.js",
    served: [FOLDER],
    print: (line) => printed.push(line),
    functions: (end) => ({
      nets: () => ({
        module: `/${FOLDER}ort.wasm.bundle.min.mjs`,
        files: files.map((bytes) => Buffer.from(bytes).toString("base64")),
        input: [...input],
        dims,
      }),
      outputs: (values: readonly (readonly number[])[]) => {
        found = values;
        end();
      },
    }),
  });
  assert.is(how, "ended", printed.join("\n"));
  assert.is(found.length, encoders.length);
  found.forEach((values, net) => {
    const { name, tensors } = encoders[net];
    assert.is(values.length, expected[net].length, name);
    const largest = Math.max(...expected[net].map(Math.abs));
    const difference = Math.max(...values.map((value, i) => Math.abs(value - expected[net][i])));
    const tolerance = toleranceOf(tensors, largest);
    console.log(
      `${name}: ${difference.toExponential(1)} of ${largest.toPrecision(3)}, tolerance ${tolerance.toExponential(1)}`,
    );
    assert.ok(largest > 1e-3 && difference <= tolerance, `${name}: ${difference} of ${largest}`);
  });
});

web.run();
