import { attentionBenchmark } from "./attention.js";
import { batchSize } from "./batch-size.js";
import type { Benchmark } from "./benchmark.js";
import { host } from "./host.js";
import { kernels } from "./kernels.js";
import { matmulLadder } from "./ladder.js";
import { loss } from "./loss.js";
import { methods } from "./methods.js";
import { roofline } from "./roofline.js";
import { step } from "./step.js";

/** Every benchmark. */
export const benchmarks: readonly Benchmark[] = [
  kernels,
  step,
  host,
  roofline,
  batchSize,
  loss,
  methods,
  attentionBenchmark,
  matmulLadder,
];
