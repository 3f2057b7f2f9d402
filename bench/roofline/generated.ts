// Made by kernels/generate.ts from the .wgsl files beside it: change those, then run `npm run kernels`.
import type { KernelDefinition } from "../../kernels/definition.js";

/**
 * What the adapter's memory gives at most: y = x, a vec4f at a time, PER_THREAD of them a thread. Neighbouring threads copy
 * neighbouring elements.
 */
export const copy: KernelDefinition<"x" | "y", "vectors", "LANES" | "PER_THREAD"> = {
  name: "copy",
  bindings: [{"name":"x","access":"read","element":"f32"}, {"name":"y","access":"read_write","element":"f32"}],
  params: [{"name":"vectors","type":"u32","offset":0}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 }, PER_THREAD: { type: "u32", value: 1 } },
  unrolls: () => [],
  shapes: (v) => ({ x: 4 * v["vectors"], y: 4 * v["vectors"] }),
  workgroups: (v) => Math.ceil(v["vectors"] / (v["LANES"] * v["PER_THREAD"])),
  flops: () => 0,
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
const PER_THREAD: u32 = 1u;\n\
\n\
struct Params {\n\
  vectors: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<vec4f>;\n\
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;\n\
@group(0) @binding(2) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let first = workgroup_index(group, grid) * LANES * PER_THREAD + local.x;\n\
  for (var n = 0u; n < PER_THREAD; n++) {\n\
    let i = first + n * LANES;\n\
    if (i < params.vectors) {\n\
      y[i] = x[i];\n\
    }\n\
  }\n\
}\n\
",
};

/**
 * What the adapter's arithmetic gives at most: every thread runs ACCUMULATORS independent chains of fused multiply-adds,
 * s = m * s + c, with nothing but registers in the loop. The chains are scalar ones, four to a vec4f: a GPU and a SIMD
 * processor take a vec4f apart. `factors` holds m and c, which the compiler does not know; with m = 1/2 and c = 1 all sums
 * stay near 2.
 */
export const fma: KernelDefinition<"factors" | "y", "threads" | "iterations", "LANES" | "ACCUMULATORS"> = {
  name: "fma",
  bindings: [{"name":"factors","access":"read","element":"f32"}, {"name":"y","access":"read_write","element":"f32"}],
  params: [{"name":"threads","type":"u32","offset":0}, {"name":"iterations","type":"u32","offset":4}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 }, ACCUMULATORS: { type: "u32", value: 16 } },
  unrolls: () => [],
  shapes: (v) => ({ factors: 2, y: v["threads"] }),
  workgroups: (v) => Math.ceil(v["threads"] / v["LANES"]),
  flops: (v) => 2 * 4 * v["ACCUMULATORS"] * v["iterations"] * v["threads"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
const ACCUMULATORS: u32 = 16u;\n\
\n\
struct Params {\n\
  threads: u32,\n\
  iterations: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> factors: array<f32>;\n\
@group(0) @binding(1) var<storage, read_write> y: array<f32>;\n\
@group(0) @binding(2) var<uniform> params: Params;\n\
\n\
fn links(s: vec4f, m: vec4f, c: vec4f) -> vec4f {\n\
  return fma(fma(fma(fma(s, m, c), m, c), m, c), m, c);\n\
}\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let i = workgroup_index(group, grid) * LANES + local.x;\n\
  if (i >= params.threads) {\n\
    return;\n\
  }\n\
  let m = vec4f(factors[0]);\n\
  let c = vec4f(factors[1]);\n\
  var s0 = vec4f(1.0, 1.1, 1.2, 1.3);\n\
  var s1 = s0 + 0.4;\n\
  var s2 = s0 + 0.8;\n\
  var s3 = s0 + 1.2;\n\
  var s4 = s0 + 1.6;\n\
  var s5 = s0 + 2.0;\n\
  var s6 = s0 + 2.4;\n\
  var s7 = s0 + 2.8;\n\
  for (var n = 0u; n < params.iterations; n++) {\n\
    s0 = links(s0, m, c);\n\
    s1 = links(s1, m, c);\n\
    if (ACCUMULATORS > 8u) {\n\
      s2 = links(s2, m, c);\n\
      s3 = links(s3, m, c);\n\
    }\n\
    if (ACCUMULATORS > 16u) {\n\
      s4 = links(s4, m, c);\n\
      s5 = links(s5, m, c);\n\
      s6 = links(s6, m, c);\n\
      s7 = links(s7, m, c);\n\
    }\n\
  }\n\
  let sum = s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7;\n\
  y[i] = sum.x + sum.y + sum.z + sum.w;\n\
}\n\
",
};
