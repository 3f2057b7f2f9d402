// Made by kernels/generate.ts from the .wgsl files beside it: change those, then run `npm run kernels`.
import type { KernelDefinition } from "../../kernels/definition.js";

/**
 * Matrix product as it is written on paper, the lowest rung of bench/matmul-ladder: y[m, n] = sum_k a[m, k] * b[k, n].
 */
export const naiveMatmul: KernelDefinition<"a" | "b" | "y", "rows" | "inner" | "cols", "LANES"> = {
  name: "naiveMatmul",
  bindings: [{"name":"a","access":"read","element":"f32"}, {"name":"b","access":"read","element":"f32"}, {"name":"y","access":"read_write","element":"f32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"inner","type":"u32","offset":4}, {"name":"cols","type":"u32","offset":8}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 } },
  unrolls: () => [],
  shapes: (v) => ({ a: v["rows"] * v["inner"], b: v["inner"] * v["cols"], y: v["rows"] * v["cols"] }),
  workgroups: (v) => v["rows"] * Math.ceil(v["cols"] / v["LANES"]),
  flops: (v) => 2 * v["rows"] * v["cols"] * v["inner"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  inner: u32,\n\
  cols: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> a: array<f32>;\n\
@group(0) @binding(1) var<storage, read> b: array<f32>;\n\
@group(0) @binding(2) var<storage, read_write> y: array<f32>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let column_blocks = (params.cols + LANES - 1u) / LANES;\n\
  let index = workgroup_index(group, grid);\n\
  let row = index / column_blocks;\n\
  let column = index % column_blocks * LANES + local.x;\n\
  if (row >= params.rows || column >= params.cols) {\n\
    return;\n\
  }\n\
  var sum = 0.0;\n\
  for (var k = 0u; k < params.inner; k++) {\n\
    sum = fma(a[row * params.inner + k], b[k * params.cols + column], sum);\n\
  }\n\
  y[row * params.cols + column] = sum;\n\
}\n\
",
};
