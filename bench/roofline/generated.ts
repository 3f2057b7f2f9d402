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

/**
 * What matrix units give at most: every subgroup multiplies ROWS + COLS fragments with each other again and again, and adds up the
 * ROWS x COLS products, with nothing but registers in the loop. All elements of the operands are the first factor, which the compiler
 * does not know; all sums are UNIT_TERMS * iterations times its square.
 */
export const matrix: KernelDefinition<"factors" | "y", "threads" | "iterations", "UNITS" | "LANES" | "UNIT_ROWS" | "UNIT_COLS" | "UNIT_TERMS" | "PINNED" | "ROUNDED" | "ROW_SUBGROUPS" | "COL_SUBGROUPS" | "ROWS" | "COLS" | "DEPTH"> = {
  name: "matrix",
  bindings: [{"name":"factors","access":"read","element":"f32"}, {"name":"y","access":"read_write","element":"f32"}],
  params: [{"name":"threads","type":"u32","offset":0}, {"name":"iterations","type":"u32","offset":4}],
  paramsSize: 16,
  constants: { UNITS: { type: "bool", value: 0 }, LANES: { type: "u32", value: 32 }, UNIT_ROWS: { type: "u32", value: 16 }, UNIT_COLS: { type: "u32", value: 16 }, UNIT_TERMS: { type: "u32", value: 16 }, PINNED: { type: "bool", value: 0 }, ROUNDED: { type: "bool", value: 0 }, ROW_SUBGROUPS: { type: "u32", value: 2 }, COL_SUBGROUPS: { type: "u32", value: 2 }, ROWS: { type: "u32", value: 2 }, COLS: { type: "u32", value: 2 }, DEPTH: { type: "u32", value: 16 } },
  unrolls: (v) => [v["ROWS"], v["COLS"], v["ROWS"], v["ROWS"], v["COLS"], v["ROWS"], v["COLS"], v["ROWS"], v["COLS"]],
  shapes: (v) => ({ factors: 2, y: v["threads"] }),
  workgroups: (v) => Math.ceil(v["threads"] / (v["ROW_SUBGROUPS"] * v["COL_SUBGROUPS"] * v["LANES"])),
  flops: (v) => 2 * v["UNIT_ROWS"] * v["UNIT_COLS"] * v["UNIT_TERMS"] * v["ROWS"] * v["COLS"] * v["iterations"] * Math.ceil(v["threads"] / v["LANES"]),
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
\n\
const LEFT_TURNED = false;\n\
const RIGHT_TURNED = false;\n\
const UNITS: bool = false;\n\
const LANES: u32 = 32u;\n\
const UNIT_ROWS: u32 = 16u;\n\
const UNIT_COLS: u32 = 16u;\n\
const UNIT_TERMS: u32 = 16u;\n\
const PINNED: bool = false;\n\
const ROUNDED: bool = false;\n\
alias Operand = f32; //#rounded alias Operand = f16;\n\
\n\
const OWN_VECTORS = (UNIT_ROWS * UNIT_COLS / 4u + LANES - 1u) / LANES;\n\
alias EmulatedSum = array<vec4f, OWN_VECTORS>;\n\
alias Left = vec2u; //#units alias Left = subgroup_matrix_left<Operand, UNIT_TERMS, UNIT_ROWS>;\n\
alias Right = vec2u; //#units alias Right = subgroup_matrix_right<Operand, UNIT_COLS, UNIT_TERMS>;\n\
alias Sum = EmulatedSum; //#units alias Sum = subgroup_matrix_result<f32, UNIT_COLS, UNIT_ROWS>;\n\
\n\
fn left_vector(row: u32, term: u32) -> u32 {\n\
  return select(row * LEFT_STRIDE + term / 4u, term * LEFT_STRIDE + row / 4u, LEFT_TURNED);\n\
}\n\
\n\
fn right_vector(term: u32, column: u32) -> u32 {\n\
  return select(term * RIGHT_STRIDE + column / 4u, column * RIGHT_STRIDE + term / 4u, RIGHT_TURNED);\n\
}\n\
\n\
fn load_left(row: u32, term: u32) -> Left {\n\
  let at = left_vector(row, term);\n\
  //#units if (LEFT_TURNED) { return subgroupMatrixLoad<Left, col_major>(&left_tile, at, LEFT_STRIDE); }\n\
  return vec2u(row, term); //#units return subgroupMatrixLoad<Left, row_major>(&left_tile, at, LEFT_STRIDE);\n\
}\n\
\n\
fn load_right(term: u32, column: u32) -> Right {\n\
  let at = right_vector(term, column);\n\
  //#units if (RIGHT_TURNED) { return subgroupMatrixLoad<Right, col_major>(&right_tile, at, RIGHT_STRIDE); }\n\
  return vec2u(term, column); //#units return subgroupMatrixLoad<Right, row_major>(&right_tile, at, RIGHT_STRIDE);\n\
}\n\
\n\
fn multiply_add(left: Left, right: Right, sum: Sum, lane: u32) -> Sum {\n\
  return emulated_multiply_add(left, right, sum, lane); //#units return subgroupMatrixMultiplyAccumulate(left, right, sum);\n\
}\n\
\n\
fn store_sum(sum: Sum, at: u32, lane: u32) {\n\
  emulated_store(sum, at, lane); //#units subgroupMatrixStore<row_major>(&results, at, sum, RESULT_STRIDE);\n\
}\n\
\n\
fn left_element(row: u32, term: u32) -> f32 {\n\
  return f32(left_tile[left_vector(row, term)][select(term, row, LEFT_TURNED) % 4u]);\n\
}\n\
\n\
fn right_element(term: u32, column: u32) -> f32 {\n\
  return f32(right_tile[right_vector(term, column)][select(column, term, RIGHT_TURNED) % 4u]);\n\
}\n\
\n\
fn emulated_multiply_add(left: vec2u, right: vec2u, sum: EmulatedSum, lane: u32) -> EmulatedSum {\n\
  var more = sum;\n\
  for (var i = 0u; i < OWN_VECTORS; i++) {\n\
    let row = left.x + 4u * (i * LANES + lane) / UNIT_COLS;\n\
    let column = right.y + 4u * (i * LANES + lane) % UNIT_COLS;\n\
    for (var t = 0u; t < UNIT_TERMS + lane / LANES; t++) {\n\
      let term = right.x + t;\n\
      let values = vec4f(\n\
        right_element(term, column),\n\
        right_element(term, column + 1u),\n\
        right_element(term, column + 2u),\n\
        right_element(term, column + 3u),\n\
      );\n\
      more[i] = fma(vec4f(left_element(row, left.y + t)), values, more[i]);\n\
    }\n\
  }\n\
  return more;\n\
}\n\
\n\
fn emulated_store(sum: EmulatedSum, at: u32, lane: u32) {\n\
  var own = sum;\n\
  for (var i = 0u; i < OWN_VECTORS; i++) {\n\
    let number = i * LANES + lane;\n\
    if (number < RESULT_VECTORS) {\n\
      results[at + number / RESULT_LINE * RESULT_STRIDE + number % RESULT_LINE] = own[i];\n\
    }\n\
  }\n\
}\n\
const ROW_SUBGROUPS: u32 = 2u;\n\
const COL_SUBGROUPS: u32 = 2u;\n\
const ROWS: u32 = 2u;\n\
const COLS: u32 = 2u;\n\
const DEPTH: u32 = 16u;\n\
\n\
const THREADS = ROW_SUBGROUPS * COL_SUBGROUPS * LANES;\n\
const SUBGROUP_ROWS = ROWS * UNIT_ROWS;\n\
const SUBGROUP_COLS = COLS * UNIT_COLS;\n\
const TILE_ROWS = ROW_SUBGROUPS * SUBGROUP_ROWS;\n\
const TILE_COLS = COL_SUBGROUPS * SUBGROUP_COLS;\n\
\n\
const LEFT_LINE = select(DEPTH, TILE_ROWS, LEFT_TURNED) / 4u;\n\
const RIGHT_LINE = select(TILE_COLS, DEPTH, RIGHT_TURNED) / 4u;\n\
const LEFT_STRIDE = LEFT_LINE + 2u;\n\
const RIGHT_STRIDE = RIGHT_LINE + 2u;\n\
const LEFT_VECTORS = TILE_ROWS * DEPTH / 4u;\n\
const RIGHT_VECTORS = DEPTH * TILE_COLS / 4u;\n\
const LEFT_LOADS = (LEFT_VECTORS + THREADS - 1u) / THREADS;\n\
const RIGHT_LOADS = (RIGHT_VECTORS + THREADS - 1u) / THREADS;\n\
const RESULT_LINE = UNIT_COLS / 4u;\n\
const RESULT_VECTORS = UNIT_ROWS * RESULT_LINE;\n\
const RESULT_STRIDE = RESULT_LINE + 1u;\n\
\n\
var<workgroup> left_tile: array<vec4<Operand>, LEFT_VECTORS / LEFT_LINE * LEFT_STRIDE>;\n\
var<workgroup> right_tile: array<vec4<Operand>, RIGHT_VECTORS / RIGHT_LINE * RIGHT_STRIDE>;\n\
var<workgroup> results: array<vec4f, ROW_SUBGROUPS * COL_SUBGROUPS * UNIT_ROWS * RESULT_STRIDE>;\n\
\n\
alias Sums = array<array<Sum, COLS>, ROWS>;\n\
\n\
struct Place {\n\
  line: u32,\n\
  first: u32,\n\
}\n\
\n\
fn left_place(number: u32) -> Place {\n\
  return Place(number / LEFT_LINE, 4u * (number % LEFT_LINE));\n\
}\n\
\n\
fn right_place(number: u32) -> Place {\n\
  return Place(number / RIGHT_LINE, 4u * (number % RIGHT_LINE));\n\
}\n\
\n\
fn store_left(number: u32, values: vec4<Operand>) {\n\
  if (LEFT_VECTORS % THREADS == 0u || number < LEFT_VECTORS) {\n\
    left_tile[number / LEFT_LINE * LEFT_STRIDE + number % LEFT_LINE] = values;\n\
  }\n\
}\n\
\n\
fn store_right(number: u32, values: vec4<Operand>) {\n\
  if (RIGHT_VECTORS % THREADS == 0u || number < RIGHT_VECTORS) {\n\
    right_tile[number / RIGHT_LINE * RIGHT_STRIDE + number % RIGHT_LINE] = values;\n\
  }\n\
}\n\
\n\
fn subgroup_start(subgroup: u32) -> vec2u {\n\
  return vec2u(subgroup / COL_SUBGROUPS * SUBGROUP_ROWS, subgroup % COL_SUBGROUPS * SUBGROUP_COLS);\n\
}\n\
\n\
fn multiply_tiles(sums: ptr<function, Sums>, subgroup: u32, lane: u32) {\n\
  let start = subgroup_start(subgroup);\n\
  for (var term = 0u; term < DEPTH; term += UNIT_TERMS) {\n\
    var left: array<Left, ROWS>;\n\
    //#unroll\n\
    for (var r = 0u; r < ROWS; r++) {\n\
      left[r] = load_left(start.x + r * UNIT_ROWS, term);\n\
    }\n\
    //#unroll\n\
    for (var c = 0u; c < COLS; c++) {\n\
      let right = load_right(term, start.y + c * UNIT_COLS);\n\
      //#unroll\n\
      for (var r = 0u; r < ROWS; r++) {\n\
        (*sums)[r][c] = multiply_add(left[r], right, (*sums)[r][c], lane);\n\
      }\n\
    }\n\
  }\n\
}\n\
\n\
fn results_of(subgroup: u32) -> u32 {\n\
  return subgroup * UNIT_ROWS * RESULT_STRIDE;\n\
}\n\
\n\
fn result_place(subgroup: u32, r: u32, c: u32, number: u32) -> vec2u {\n\
  let fragment = vec2u(r * UNIT_ROWS, c * UNIT_COLS);\n\
  return subgroup_start(subgroup) + fragment + vec2u(number / RESULT_LINE, 4u * (number % RESULT_LINE));\n\
}\n\
\n\
fn result_vector(subgroup: u32, number: u32) -> vec4f {\n\
  return results[results_of(subgroup) + number / RESULT_LINE * RESULT_STRIDE + number % RESULT_LINE];\n\
}\n\
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
@compute @workgroup_size(THREADS) //#pinned @compute @workgroup_size(THREADS) @subgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
  //#units @builtin(subgroup_id) own_subgroup: u32,\n\
) {\n\
  let thread = local.x;\n\
  let subgroup = thread / LANES; //#units let subgroup = own_subgroup;\n\
  let lane = thread % LANES;\n\
  for (var i = thread; i < LEFT_VECTORS; i += THREADS) {\n\
    store_left(i, vec4<Operand>(Operand(factors[0])));\n\
  }\n\
  for (var i = thread; i < RIGHT_VECTORS; i += THREADS) {\n\
    store_right(i, vec4<Operand>(Operand(factors[0])));\n\
  }\n\
  workgroupBarrier();\n\
  let start = subgroup_start(subgroup);\n\
  var left: array<Left, ROWS>;\n\
  //#unroll\n\
  for (var r = 0u; r < ROWS; r++) {\n\
    left[r] = load_left(start.x + r * UNIT_ROWS, 0u);\n\
  }\n\
  var right: array<Right, COLS>;\n\
  //#unroll\n\
  for (var c = 0u; c < COLS; c++) {\n\
    right[c] = load_right(0u, start.y + c * UNIT_COLS);\n\
  }\n\
  var sums: Sums;\n\
  for (var n = 0u; n < params.iterations; n++) {\n\
    //#unroll\n\
    for (var r = 0u; r < ROWS; r++) {\n\
      //#unroll\n\
      for (var c = 0u; c < COLS; c++) {\n\
        sums[r][c] = multiply_add(left[r], right[c], sums[r][c], lane);\n\
      }\n\
    }\n\
  }\n\
  var total = 0.0;\n\
  //#unroll\n\
  for (var r = 0u; r < ROWS; r++) {\n\
    //#unroll\n\
    for (var c = 0u; c < COLS; c++) {\n\
      workgroupBarrier();\n\
      store_sum(sums[r][c], results_of(subgroup), lane);\n\
      workgroupBarrier();\n\
      total += result_vector(thread / LANES, lane % RESULT_VECTORS).x;\n\
    }\n\
  }\n\
  let i = workgroup_index(group, grid) * THREADS + thread;\n\
  if (i < params.threads) {\n\
    y[i] = total;\n\
  }\n\
}\n\
",
};
