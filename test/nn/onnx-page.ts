/** A page that runs ONNX files with onnxruntime-web; the test puts the global functions there. */
declare global {
  /** Path of the runtime's module and, for each net, its bytes in base64. */
  var nets: () => Promise<{
    module: string;
    files: readonly string[];
    input: readonly number[];
    dims: readonly number[];
  }>;
  /** What came out of each. */
  var outputs: (values: readonly (readonly number[])[]) => Promise<void>;
}

const { module, files, input, dims } = await globalThis.nets();
const { InferenceSession, Tensor, env } = await import(module);
// Threads need another file, and small nets do not need threads.
env.wasm.numThreads = 1;
const found: number[][] = [];
for (const file of files) {
  const bytes = Uint8Array.from(atob(file), (letter) => letter.charCodeAt(0));
  const session = await InferenceSession.create(bytes);
  const { image_embeds } = await session.run({ pixel_values: new Tensor("float32", Float32Array.from(input), dims) });
  found.push([...image_embeds.data]);
}
await globalThis.outputs(found);
