import { join } from "node:path";
import type { OnnxRuntime } from "../../src/runs/onnx-check.js";
import { loadOnnxRuntime } from "../../src/runs/onnx-check.js";
import { repository } from "./repository.js";

/** Where the packages are that only tests need. */
export const tools = join(repository, "test/package/tools");

/** The package `onnxruntime-node`, which is one of them. */
export async function onnxRuntime(): Promise<OnnxRuntime> {
  const runtime = await loadOnnxRuntime([tools]);
  if (!runtime) throw new Error(`onnxruntime-node is not installed in ${tools}: npm ci --prefix ${tools}`);
  return runtime;
}
