// Made by kernels/generate.ts from the .wgsl files beside it: change those, then run `npm run kernels`.
import type { KernelDefinition } from "./definition.js";

/**
 * A running sum in place: y = weight x where `continues` is 0, and y + weight x where it is not, so that one recording serves
 * the first term and all that follow.
 */
export const accumulate: KernelDefinition<"x" | "continues" | "y", "elements" | "weight", "LANES" | "ELEMENTS"> = {
  name: "accumulate",
  bindings: [{"name":"x","access":"read","element":"f32"}, {"name":"continues","access":"read","element":"u32"}, {"name":"y","access":"read_write","element":"f32"}],
  params: [{"name":"elements","type":"u32","offset":0}, {"name":"weight","type":"f32","offset":4}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 }, ELEMENTS: { type: "u32", value: 8 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["elements"], continues: 1, y: v["elements"] }),
  workgroups: (v) => Math.ceil(v["elements"] / (v["LANES"] * v["ELEMENTS"])),
  flops: (v) => 2 * v["elements"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
const ELEMENTS: u32 = 8u;\n\
\n\
struct Params {\n\
  elements: u32,\n\
  weight: f32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<f32>;\n\
@group(0) @binding(1) var<storage, read> continues: array<u32>;\n\
@group(0) @binding(2) var<storage, read_write> y: array<f32>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let first = workgroup_index(group, grid) * LANES * ELEMENTS;\n\
  let end = min(first + LANES * ELEMENTS, params.elements);\n\
  let adds = continues[0] != 0u;\n\
  for (var i = first + local.x; i < end; i += LANES) {\n\
    y[i] = params.weight * x[i] + select(0.0, y[i], adds);\n\
  }\n\
}\n\
",
};

/**
 * AdamW (Loshchilov and Hutter 2019), for all parameters of a slab at once:
 * p *= 1 - rate * weight_decay * decays; m = beta1 * m + (1 - beta1) * g; v = beta2 * v + (1 - beta2) * g^2;
 * p -= rate * (m / correction1) / (sqrt(v / correction2) + epsilon).
 * The betas come as 1 - beta: of a beta near 1, f32 would keep that difference to five digits only.
 * `decays` holds 1 or 0 for each block of 64 elements; `schedule` holds the rate, the corrections 1 - beta^step and 1 for a step
 * to be skipped.
 */
export const adamw: KernelDefinition<"gradients" | "decays" | "schedule" | "parameters" | "first_moment" | "second_moment", "elements" | "one_minus_beta1" | "one_minus_beta2" | "epsilon" | "weight_decay", "LANES" | "VECTOR" | "ELEMENTS"> = {
  name: "adamw",
  bindings: [{"name":"gradients","access":"read","element":"f32"}, {"name":"decays","access":"read","element":"f32"}, {"name":"schedule","access":"read","element":"f32"}, {"name":"parameters","access":"read_write","element":"f32"}, {"name":"first_moment","access":"read_write","element":"f32"}, {"name":"second_moment","access":"read_write","element":"f32"}],
  params: [{"name":"elements","type":"u32","offset":0}, {"name":"one_minus_beta1","type":"f32","offset":4}, {"name":"one_minus_beta2","type":"f32","offset":8}, {"name":"epsilon","type":"f32","offset":12}, {"name":"weight_decay","type":"f32","offset":16}],
  paramsSize: 32,
  constants: { LANES: { type: "u32", value: 64 }, VECTOR: { type: "u32", value: 4 }, ELEMENTS: { type: "u32", value: 8 } },
  unrolls: () => [],
  shapes: (v) => ({ gradients: v["elements"], decays: v["elements"] / 64, schedule: 4, parameters: v["elements"], first_moment: v["elements"], second_moment: v["elements"] }),
  workgroups: (v) => Math.ceil(v["elements"] / (v["LANES"] * v["ELEMENTS"] * v["VECTOR"])),
  flops: (v) => 16 * v["elements"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
alias Element = f32; //#vec4 alias Element = vec4f;\n\
\n\
const LANES: u32 = 64u;\n\
const VECTOR: u32 = 4u;\n\
const ELEMENTS: u32 = 8u;\n\
\n\
struct Params {\n\
  elements: u32,\n\
  one_minus_beta1: f32,\n\
  one_minus_beta2: f32,\n\
  epsilon: f32,\n\
  weight_decay: f32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> gradients: array<Element>;\n\
@group(0) @binding(1) var<storage, read> decays: array<f32>;\n\
@group(0) @binding(2) var<storage, read> schedule: array<f32>;\n\
@group(0) @binding(3) var<storage, read_write> parameters: array<Element>;\n\
@group(0) @binding(4) var<storage, read_write> first_moment: array<Element>;\n\
@group(0) @binding(5) var<storage, read_write> second_moment: array<Element>;\n\
@group(0) @binding(6) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  if (schedule[3] > 0.0) {\n\
    return;\n\
  }\n\
  let rate = schedule[0];\n\
  let scale1 = 1.0 / schedule[1];\n\
  let scale2 = 1.0 / schedule[2];\n\
  let first = workgroup_index(group, grid) * LANES * ELEMENTS;\n\
  let end = min(first + LANES * ELEMENTS, params.elements / VECTOR);\n\
  for (var i = first + local.x; i < end; i += LANES) {\n\
    let g = gradients[i];\n\
    let m = mix(first_moment[i], g, params.one_minus_beta1);\n\
    let v = mix(second_moment[i], g * g, params.one_minus_beta2);\n\
    first_moment[i] = m;\n\
    second_moment[i] = v;\n\
    let decayed = parameters[i] * (1.0 - rate * params.weight_decay * decays[i / (64u / VECTOR)]);\n\
    parameters[i] = decayed - rate * (m * scale1) / (sqrt(v * scale2) + params.epsilon);\n\
  }\n\
}\n\
",
};

/**
 * Adds to a run of rows, in place: y[first + r, c] += part[r, c], or without `continues`, puts them there.
 */
export const addRows: KernelDefinition<"part" | "y", "rows" | "cols" | "first" | "count" | "continues", "LANES"> = {
  name: "addRows",
  bindings: [{"name":"part","access":"read","element":"f32"}, {"name":"y","access":"read_write","element":"f32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"cols","type":"u32","offset":4}, {"name":"first","type":"u32","offset":8}, {"name":"count","type":"u32","offset":12}, {"name":"continues","type":"u32","offset":16}],
  paramsSize: 32,
  constants: { LANES: { type: "u32", value: 64 } },
  unrolls: () => [],
  shapes: (v) => ({ part: v["count"] * v["cols"], y: v["rows"] * v["cols"] }),
  workgroups: (v) => Math.ceil(v["count"] * v["cols"] / v["LANES"]),
  flops: (v) => v["count"] * v["cols"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  cols: u32,\n\
  first: u32,\n\
  count: u32,\n\
  continues: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> part: array<f32>;\n\
@group(0) @binding(1) var<storage, read_write> y: array<f32>;\n\
@group(0) @binding(2) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let i = workgroup_index(group, grid) * LANES + local.x;\n\
  if (i < params.count * params.cols) {\n\
    let at = params.first * params.cols + i;\n\
    var total = part[i];\n\
    if (params.continues == 1u) {\n\
      total += y[at];\n\
    }\n\
    y[at] = total;\n\
  }\n\
}\n\
",
};

/**
 * Elementwise sum: y = a + b.
 */
export const add: KernelDefinition<"a" | "b" | "y", "elements", "HALF" | "LANES" | "ELEMENTS"> = {
  name: "add",
  bindings: [{"name":"a","access":"read","element":"stored"}, {"name":"b","access":"read","element":"stored"}, {"name":"y","access":"read_write","element":"stored"}],
  params: [{"name":"elements","type":"u32","offset":0}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 64 }, ELEMENTS: { type: "u32", value: 8 } },
  unrolls: () => [],
  shapes: (v) => ({ a: v["elements"], b: v["elements"], y: v["elements"] }),
  workgroups: (v) => Math.ceil(v["elements"] / (v["LANES"] * v["ELEMENTS"])),
  flops: (v) => v["elements"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
\n\
const LANES: u32 = 64u;\n\
const ELEMENTS: u32 = 8u;\n\
\n\
struct Params {\n\
  elements: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> a: array<Stored>;\n\
@group(0) @binding(1) var<storage, read> b: array<Stored>;\n\
@group(0) @binding(2) var<storage, read_write> y: array<Stored>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let first = workgroup_index(group, grid) * LANES * ELEMENTS;\n\
  let end = min(first + LANES * ELEMENTS, params.elements);\n\
  for (var i = first + local.x; i < end; i += LANES) {\n\
    y[i] = Stored(f32(a[i]) + f32(b[i]));\n\
  }\n\
}\n\
",
};

/**
 * Gradients of attention to its keys and values (see attention and attention-query-gradient): with
 * p[i, j] = exp(s[i, j] - lse[i]), computed again in tiles, dv[j] = sum_i p[i, j] * dy[i] and
 * dk[j] = scale * sum_i p[i, j] * (dy[i] . v[j] - deltas[i]) * q[i]. Of `dqkv`, the parts of keys and values are written.
 */
export const attentionKeyGradient: KernelDefinition<"qkv" | "dy" | "lse" | "deltas" | "dqkv", "batch" | "tokens" | "heads" | "scale", "HALF" | "LANES" | "BLOCKS" | "ROWS" | "COLS" | "SHARE" | "VECTOR" | "DEPTH" | "LOWEST"> = {
  name: "attentionKeyGradient",
  bindings: [{"name":"qkv","access":"read","element":"stored"}, {"name":"dy","access":"read","element":"stored"}, {"name":"lse","access":"read","element":"f32"}, {"name":"deltas","access":"read","element":"f32"}, {"name":"dqkv","access":"read_write","element":"stored"}],
  params: [{"name":"batch","type":"u32","offset":0}, {"name":"tokens","type":"u32","offset":4}, {"name":"heads","type":"u32","offset":8}, {"name":"scale","type":"f32","offset":12}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 1 }, BLOCKS: { type: "u32", value: 1 }, ROWS: { type: "u32", value: 4 }, COLS: { type: "u32", value: 4 }, SHARE: { type: "u32", value: 1 }, VECTOR: { type: "u32", value: 1 }, DEPTH: { type: "u32", value: 64 }, LOWEST: { type: "f32", value: -1e+30 } },
  unrolls: (v) => [Math.floor(v["ROWS"] / v["SHARE"]), v["COLS"], v["ROWS"], v["COLS"], v["COLS"], Math.floor(v["ROWS"] / v["SHARE"]), v["ROWS"], 4, v["COLS"], v["COLS"], v["ROWS"], v["COLS"], Math.floor((Math.floor(v["DEPTH"] / 4) + v["LANES"] - 1) / v["LANES"]), v["ROWS"], Math.floor((Math.floor(v["DEPTH"] / 4) + v["LANES"] - 1) / v["LANES"]), v["ROWS"], Math.floor((Math.floor(v["DEPTH"] / 4) + v["LANES"] - 1) / v["LANES"])],
  shapes: (v) => ({ qkv: v["batch"] * v["tokens"] * 3 * v["heads"] * v["DEPTH"], dy: v["batch"] * v["tokens"] * v["heads"] * v["DEPTH"], lse: v["batch"] * v["heads"] * v["tokens"], deltas: v["batch"] * v["heads"] * v["tokens"], dqkv: v["batch"] * v["tokens"] * 3 * v["heads"] * v["DEPTH"] }),
  workgroups: (v) => v["batch"] * v["heads"] * Math.ceil(v["tokens"] / (v["ROWS"] * v["BLOCKS"])),
  flops: (v) => 8 * v["batch"] * v["heads"] * v["tokens"] * v["tokens"] * v["DEPTH"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
fn from_lane(value: f32, lane: u32) -> f32 {\n\
  return value; //#subgroups return subgroupShuffle(value, lane);\n\
}\n\
\n\
const LANES: u32 = 1u;\n\
const BLOCKS: u32 = 1u;\n\
const ROWS: u32 = 4u;\n\
const COLS: u32 = 4u;\n\
const SHARE: u32 = 1u;\n\
const VECTOR: u32 = 1u;\n\
const DEPTH: u32 = 64u;\n\
const OWN = ROWS / SHARE;\n\
const GROUPS = (DEPTH / 4u + LANES - 1u) / LANES;\n\
\n\
struct Params {\n\
  batch: u32,\n\
  tokens: u32,\n\
  heads: u32,\n\
  scale: f32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> qkv: array<StoredElement>;\n\
@group(0) @binding(1) var<storage, read> dy: array<StoredElement>;\n\
@group(0) @binding(2) var<storage, read> lse: array<f32>;\n\
@group(0) @binding(3) var<storage, read> deltas: array<f32>;\n\
@group(0) @binding(4) var<storage, read_write> dqkv: array<StoredElement>;\n\
@group(0) @binding(5) var<uniform> params: Params;\n\
const LOWEST: f32 = -1e30;\n\
\n\
fn load_qkv(at: u32) -> vec4f {\n\
  return vec4f(f32(qkv[at]), f32(qkv[at + 1u]), f32(qkv[at + 2u]), f32(qkv[at + 3u])); //#vec4 return vec4f(qkv[at / 4u]);\n\
}\n\
\n\
fn largest_of_lanes(value: f32) -> f32 {\n\
  return value; //#subgroups return subgroupMax(value);\n\
}\n\
\n\
fn sum_of_lanes(value: f32) -> f32 {\n\
  return value; //#subgroups return subgroupAdd(value);\n\
}\n\
fn load_dy(at: u32) -> vec4f {\n\
  return vec4f(f32(dy[at]), f32(dy[at + 1u]), f32(dy[at + 2u]), f32(dy[at + 3u])); //#vec4 return vec4f(dy[at / 4u]);\n\
}\n\
\n\
fn store_dqkv(at: u32, value: vec4f) {\n\
  dqkv[at] = Stored(value.x); //#vec4 dqkv[at / 4u] = StoredElement(value);\n\
  dqkv[at + 1u] = Stored(value.y); //#vec4 ;\n\
  dqkv[at + 2u] = Stored(value.z); //#vec4 ;\n\
  dqkv[at + 3u] = Stored(value.w); //#vec4 ;\n\
}\n\
\n\
@compute @workgroup_size(LANES, BLOCKS)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
  //#subgroups @builtin(subgroup_invocation_id) subgroup_lane: u32,\n\
) {\n\
  let own_lane = local.x; //#subgroups let own_lane = subgroup_lane;\n\
  let row_blocks = (params.tokens + ROWS * BLOCKS - 1u) / (ROWS * BLOCKS);\n\
  let index = workgroup_index(group, grid);\n\
  let own_block = local.y; //#subgroups let own_block = 0u;\n\
  let first_row = index % row_blocks * BLOCKS * ROWS + own_block * ROWS;\n\
  let head = index / row_blocks % params.heads;\n\
  let image = index / row_blocks / params.heads;\n\
  if (image >= params.batch || first_row >= params.tokens) {\n\
    return;\n\
  }\n\
  let last = params.tokens - 1u;\n\
  let width = params.heads * DEPTH;\n\
  let depth = width / params.heads;\n\
  let start = image * params.tokens * 3u * width + head * DEPTH;\n\
  let out_start = image * params.tokens * width + head * DEPTH;\n\
  let row_start = (image * params.heads + head) * params.tokens;\n\
  var key_at: array<u32, OWN>;\n\
  //#unroll\n\
  for (var i = 0u; i < OWN; i++) {\n\
    key_at[i] = start + width + min(first_row + i * SHARE + own_lane % SHARE, last) * 3u * width;\n\
  }\n\
\n\
  var key_totals: array<array<vec4f, GROUPS>, ROWS>;\n\
  var value_totals: array<array<vec4f, GROUPS>, ROWS>;\n\
  for (var tile = 0u; tile < params.tokens; tile += LANES * COLS) {\n\
    var query_at: array<u32, COLS>;\n\
    var gradient_at: array<u32, COLS>;\n\
    //#unroll\n\
    for (var c = 0u; c < COLS; c++) {\n\
      let row = min(tile + c * LANES + own_lane, last);\n\
      query_at[c] = start + row * 3u * width;\n\
      gradient_at[c] = out_start + row * width;\n\
    }\n\
    var shares: array<array<f32, COLS>, ROWS>;\n\
    var slopes: array<array<f32, COLS>, ROWS>;\n\
    //#unroll\n\
    for (var r = 0u; r < ROWS; r++) {\n\
      //#unroll\n\
      for (var c = 0u; c < COLS; c++) {\n\
        shares[r][c] = 0.0;\n\
        slopes[r][c] = 0.0;\n\
      }\n\
    }\n\
    for (var d = 0u; d < depth; d += 4u) {\n\
      var queries: array<vec4f, COLS>;\n\
      var gradients: array<vec4f, COLS>;\n\
      //#unroll\n\
      for (var c = 0u; c < COLS; c++) {\n\
        queries[c] = load_qkv(query_at[c] + d);\n\
        gradients[c] = load_dy(gradient_at[c] + d);\n\
      }\n\
      var keys: array<vec4f, OWN>;\n\
      var values: array<vec4f, OWN>;\n\
      //#unroll\n\
      for (var i = 0u; i < OWN; i++) {\n\
        keys[i] = load_qkv(key_at[i] + d);\n\
        values[i] = load_qkv(key_at[i] + width + d);\n\
      }\n\
      //#unroll\n\
      for (var r = 0u; r < ROWS; r++) {\n\
        //#unroll\n\
        for (var k = 0u; k < 4u; k++) {\n\
          let key = from_lane(keys[r / SHARE][k], r % SHARE);\n\
          let value = from_lane(values[r / SHARE][k], r % SHARE);\n\
          //#unroll\n\
          for (var c = 0u; c < COLS; c++) {\n\
            shares[r][c] = fma(key, queries[c][k], shares[r][c]);\n\
            slopes[r][c] = fma(value, gradients[c][k], slopes[r][c]);\n\
          }\n\
        }\n\
      }\n\
    }\n\
    //#unroll\n\
    for (var c = 0u; c < COLS; c++) {\n\
      let row = tile + c * LANES + own_lane;\n\
      let row_lse = lse[row_start + min(row, last)];\n\
      let delta = deltas[row_start + min(row, last)];\n\
      //#unroll\n\
      for (var r = 0u; r < ROWS; r++) {\n\
        shares[r][c] = select(0.0, exp(fma(shares[r][c], params.scale, -row_lse)), row < params.tokens);\n\
        slopes[r][c] = shares[r][c] * (slopes[r][c] - delta);\n\
      }\n\
    }\n\
    for (var lane = 0u; lane < LANES; lane++) {\n\
      //#unroll\n\
      for (var c = 0u; c < COLS; c++) {\n\
        let row = min(tile + c * LANES + lane, last);\n\
        var queries: array<vec4f, GROUPS>;\n\
        var gradients: array<vec4f, GROUPS>;\n\
        //#unroll\n\
        for (var g = 0u; g < GROUPS; g++) {\n\
          let d = min(4u * (g * LANES + own_lane), DEPTH - 4u);\n\
          queries[g] = load_qkv(start + row * 3u * width + d);\n\
          gradients[g] = load_dy(out_start + row * width + d);\n\
        }\n\
        //#unroll\n\
        for (var r = 0u; r < ROWS; r++) {\n\
          let share = from_lane(shares[r][c], lane);\n\
          let slope = from_lane(slopes[r][c], lane);\n\
          //#unroll\n\
          for (var g = 0u; g < GROUPS; g++) {\n\
            value_totals[r][g] = fma(vec4f(share), gradients[g], value_totals[r][g]);\n\
            key_totals[r][g] = fma(vec4f(slope), queries[g], key_totals[r][g]);\n\
          }\n\
        }\n\
      }\n\
    }\n\
  }\n\
\n\
  //#unroll\n\
  for (var r = 0u; r < ROWS; r++) {\n\
    let row = first_row + r;\n\
    if (row < params.tokens) {\n\
      let at = start + width + row * 3u * width;\n\
      //#unroll\n\
      for (var g = 0u; g < GROUPS; g++) {\n\
        let d = 4u * (g * LANES + own_lane);\n\
        if (d < DEPTH) {\n\
          store_dqkv(at + d, key_totals[r][g] * params.scale);\n\
          store_dqkv(at + width + d, value_totals[r][g]);\n\
        }\n\
      }\n\
    }\n\
  }\n\
}\n\
",
};

/**
 * Gradient of attention to its queries (see attention): with p[i, j] = exp(s[i, j] - lse[i]), computed again in tiles, and
 * deltas[i] = sum_d dy[i, d] * y[i, d], dq[i] = scale * sum_j p[i, j] * (dy[i] . v[j] - deltas[i]) * k[j].
 * `deltas` are kept for attention-key-gradient; of `dqkv`, the queries' part is written.
 */
export const attentionQueryGradient: KernelDefinition<"qkv" | "y" | "dy" | "lse" | "deltas" | "dqkv", "batch" | "tokens" | "heads" | "scale", "HALF" | "LANES" | "BLOCKS" | "ROWS" | "COLS" | "SHARE" | "VECTOR" | "DEPTH" | "LOWEST"> = {
  name: "attentionQueryGradient",
  bindings: [{"name":"qkv","access":"read","element":"stored"}, {"name":"y","access":"read","element":"stored"}, {"name":"dy","access":"read","element":"stored"}, {"name":"lse","access":"read","element":"f32"}, {"name":"deltas","access":"read_write","element":"f32"}, {"name":"dqkv","access":"read_write","element":"stored"}],
  params: [{"name":"batch","type":"u32","offset":0}, {"name":"tokens","type":"u32","offset":4}, {"name":"heads","type":"u32","offset":8}, {"name":"scale","type":"f32","offset":12}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 1 }, BLOCKS: { type: "u32", value: 1 }, ROWS: { type: "u32", value: 4 }, COLS: { type: "u32", value: 4 }, SHARE: { type: "u32", value: 1 }, VECTOR: { type: "u32", value: 1 }, DEPTH: { type: "u32", value: 64 }, LOWEST: { type: "f32", value: -1e+30 } },
  unrolls: (v) => [Math.floor(v["ROWS"] / v["SHARE"]), Math.floor(v["ROWS"] / v["SHARE"]), Math.floor(v["ROWS"] / v["SHARE"]), v["COLS"], v["ROWS"], v["COLS"], v["COLS"], Math.floor(v["ROWS"] / v["SHARE"]), v["ROWS"], 4, v["COLS"], v["ROWS"], v["COLS"], v["COLS"], Math.floor((Math.floor(v["DEPTH"] / 4) + v["LANES"] - 1) / v["LANES"]), v["ROWS"], Math.floor((Math.floor(v["DEPTH"] / 4) + v["LANES"] - 1) / v["LANES"]), v["ROWS"], Math.floor((Math.floor(v["DEPTH"] / 4) + v["LANES"] - 1) / v["LANES"])],
  shapes: (v) => ({ qkv: v["batch"] * v["tokens"] * 3 * v["heads"] * v["DEPTH"], y: v["batch"] * v["tokens"] * v["heads"] * v["DEPTH"], dy: v["batch"] * v["tokens"] * v["heads"] * v["DEPTH"], lse: v["batch"] * v["heads"] * v["tokens"], deltas: v["batch"] * v["heads"] * v["tokens"], dqkv: v["batch"] * v["tokens"] * 3 * v["heads"] * v["DEPTH"] }),
  workgroups: (v) => v["batch"] * v["heads"] * Math.ceil(v["tokens"] / (v["ROWS"] * v["BLOCKS"])),
  flops: (v) => 6 * v["batch"] * v["heads"] * v["tokens"] * v["tokens"] * v["DEPTH"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
fn from_lane(value: f32, lane: u32) -> f32 {\n\
  return value; //#subgroups return subgroupShuffle(value, lane);\n\
}\n\
\n\
const LANES: u32 = 1u;\n\
const BLOCKS: u32 = 1u;\n\
const ROWS: u32 = 4u;\n\
const COLS: u32 = 4u;\n\
const SHARE: u32 = 1u;\n\
const VECTOR: u32 = 1u;\n\
const DEPTH: u32 = 64u;\n\
const OWN = ROWS / SHARE;\n\
const GROUPS = (DEPTH / 4u + LANES - 1u) / LANES;\n\
\n\
struct Params {\n\
  batch: u32,\n\
  tokens: u32,\n\
  heads: u32,\n\
  scale: f32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> qkv: array<StoredElement>;\n\
@group(0) @binding(1) var<storage, read> y: array<StoredElement>;\n\
@group(0) @binding(2) var<storage, read> dy: array<StoredElement>;\n\
@group(0) @binding(3) var<storage, read> lse: array<f32>;\n\
@group(0) @binding(4) var<storage, read_write> deltas: array<f32>;\n\
@group(0) @binding(5) var<storage, read_write> dqkv: array<StoredElement>;\n\
@group(0) @binding(6) var<uniform> params: Params;\n\
const LOWEST: f32 = -1e30;\n\
\n\
fn load_qkv(at: u32) -> vec4f {\n\
  return vec4f(f32(qkv[at]), f32(qkv[at + 1u]), f32(qkv[at + 2u]), f32(qkv[at + 3u])); //#vec4 return vec4f(qkv[at / 4u]);\n\
}\n\
\n\
fn largest_of_lanes(value: f32) -> f32 {\n\
  return value; //#subgroups return subgroupMax(value);\n\
}\n\
\n\
fn sum_of_lanes(value: f32) -> f32 {\n\
  return value; //#subgroups return subgroupAdd(value);\n\
}\n\
fn load_dy(at: u32) -> vec4f {\n\
  return vec4f(f32(dy[at]), f32(dy[at + 1u]), f32(dy[at + 2u]), f32(dy[at + 3u])); //#vec4 return vec4f(dy[at / 4u]);\n\
}\n\
\n\
fn store_dqkv(at: u32, value: vec4f) {\n\
  dqkv[at] = Stored(value.x); //#vec4 dqkv[at / 4u] = StoredElement(value);\n\
  dqkv[at + 1u] = Stored(value.y); //#vec4 ;\n\
  dqkv[at + 2u] = Stored(value.z); //#vec4 ;\n\
  dqkv[at + 3u] = Stored(value.w); //#vec4 ;\n\
}\n\
\n\
fn load_y(at: u32) -> vec4f {\n\
  return vec4f(f32(y[at]), f32(y[at + 1u]), f32(y[at + 2u]), f32(y[at + 3u])); //#vec4 return vec4f(y[at / 4u]);\n\
}\n\
\n\
@compute @workgroup_size(LANES, BLOCKS)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
  //#subgroups @builtin(subgroup_invocation_id) subgroup_lane: u32,\n\
) {\n\
  let own_lane = local.x; //#subgroups let own_lane = subgroup_lane;\n\
  let row_blocks = (params.tokens + ROWS * BLOCKS - 1u) / (ROWS * BLOCKS);\n\
  let index = workgroup_index(group, grid);\n\
  let own_block = local.y; //#subgroups let own_block = 0u;\n\
  let first_row = index % row_blocks * BLOCKS * ROWS + own_block * ROWS;\n\
  let head = index / row_blocks % params.heads;\n\
  let image = index / row_blocks / params.heads;\n\
  if (image >= params.batch || first_row >= params.tokens) {\n\
    return;\n\
  }\n\
  let last = params.tokens - 1u;\n\
  let width = params.heads * DEPTH;\n\
  let depth = width / params.heads;\n\
  let start = image * params.tokens * 3u * width + head * DEPTH;\n\
  let out_start = image * params.tokens * width + head * DEPTH;\n\
  let row_start = (image * params.heads + head) * params.tokens;\n\
  var query_at: array<u32, OWN>;\n\
  var gradient_at: array<u32, OWN>;\n\
  var own_lse: array<f32, OWN>;\n\
  var own_delta: array<f32, OWN>;\n\
  //#unroll\n\
  for (var i = 0u; i < OWN; i++) {\n\
    let row = min(first_row + i * SHARE + own_lane % SHARE, last);\n\
    query_at[i] = start + row * 3u * width;\n\
    gradient_at[i] = out_start + row * width;\n\
    own_lse[i] = lse[row_start + row];\n\
  }\n\
  for (var d = 0u; d < depth; d += 4u) {\n\
    //#unroll\n\
    for (var i = 0u; i < OWN; i++) {\n\
      own_delta[i] += dot(load_dy(gradient_at[i] + d), load_y(gradient_at[i] + d));\n\
    }\n\
  }\n\
  //#unroll\n\
  for (var i = 0u; i < OWN; i++) {\n\
    deltas[row_start + min(first_row + i * SHARE + own_lane % SHARE, last)] = own_delta[i];\n\
  }\n\
\n\
  var totals: array<array<vec4f, GROUPS>, ROWS>;\n\
  for (var tile = 0u; tile < params.tokens; tile += LANES * COLS) {\n\
    var key_at: array<u32, COLS>;\n\
    //#unroll\n\
    for (var c = 0u; c < COLS; c++) {\n\
      key_at[c] = start + width + min(tile + c * LANES + own_lane, last) * 3u * width;\n\
    }\n\
    var scores: array<array<f32, COLS>, ROWS>;\n\
    var slopes: array<array<f32, COLS>, ROWS>;\n\
    //#unroll\n\
    for (var r = 0u; r < ROWS; r++) {\n\
      //#unroll\n\
      for (var c = 0u; c < COLS; c++) {\n\
        scores[r][c] = 0.0;\n\
        slopes[r][c] = 0.0;\n\
      }\n\
    }\n\
    for (var d = 0u; d < depth; d += 4u) {\n\
      var keys: array<vec4f, COLS>;\n\
      var values: array<vec4f, COLS>;\n\
      //#unroll\n\
      for (var c = 0u; c < COLS; c++) {\n\
        keys[c] = load_qkv(key_at[c] + d);\n\
        values[c] = load_qkv(key_at[c] + width + d);\n\
      }\n\
      var queries: array<vec4f, OWN>;\n\
      var gradients: array<vec4f, OWN>;\n\
      //#unroll\n\
      for (var i = 0u; i < OWN; i++) {\n\
        queries[i] = load_qkv(query_at[i] + d);\n\
        gradients[i] = load_dy(gradient_at[i] + d);\n\
      }\n\
      //#unroll\n\
      for (var r = 0u; r < ROWS; r++) {\n\
        //#unroll\n\
        for (var k = 0u; k < 4u; k++) {\n\
          let query = from_lane(queries[r / SHARE][k], r % SHARE);\n\
          let gradient = from_lane(gradients[r / SHARE][k], r % SHARE);\n\
          //#unroll\n\
          for (var c = 0u; c < COLS; c++) {\n\
            scores[r][c] = fma(query, keys[c][k], scores[r][c]);\n\
            slopes[r][c] = fma(gradient, values[c][k], slopes[r][c]);\n\
          }\n\
        }\n\
      }\n\
    }\n\
    //#unroll\n\
    for (var r = 0u; r < ROWS; r++) {\n\
      let row_lse = from_lane(own_lse[r / SHARE], r % SHARE);\n\
      let delta = from_lane(own_delta[r / SHARE], r % SHARE);\n\
      //#unroll\n\
      for (var c = 0u; c < COLS; c++) {\n\
        let share = exp(fma(scores[r][c], params.scale, -row_lse));\n\
        let is_key = tile + c * LANES + own_lane < params.tokens;\n\
        slopes[r][c] = select(0.0, share * (slopes[r][c] - delta), is_key);\n\
      }\n\
    }\n\
    for (var lane = 0u; lane < LANES; lane++) {\n\
      //#unroll\n\
      for (var c = 0u; c < COLS; c++) {\n\
        let at = start + width + min(tile + c * LANES + lane, last) * 3u * width;\n\
        var keys: array<vec4f, GROUPS>;\n\
        //#unroll\n\
        for (var g = 0u; g < GROUPS; g++) {\n\
          keys[g] = load_qkv(at + min(4u * (g * LANES + own_lane), DEPTH - 4u));\n\
        }\n\
        //#unroll\n\
        for (var r = 0u; r < ROWS; r++) {\n\
          let slope = from_lane(slopes[r][c], lane);\n\
          //#unroll\n\
          for (var g = 0u; g < GROUPS; g++) {\n\
            totals[r][g] = fma(vec4f(slope), keys[g], totals[r][g]);\n\
          }\n\
        }\n\
      }\n\
    }\n\
  }\n\
\n\
  //#unroll\n\
  for (var r = 0u; r < ROWS; r++) {\n\
    let row = first_row + r;\n\
    if (row < params.tokens) {\n\
      //#unroll\n\
      for (var g = 0u; g < GROUPS; g++) {\n\
        let d = 4u * (g * LANES + own_lane);\n\
        if (d < DEPTH) {\n\
          store_dqkv(start + row * 3u * width + d, totals[r][g] * params.scale);\n\
        }\n\
      }\n\
    }\n\
  }\n\
}\n\
",
};

/**
 * Attention (Vaswani et al. 2017, section 3.2), each head of each image by itself: with queries q, keys k and values v of
 * [tokens, DEPTH], s[i, j] = scale * q[i] . k[j], lse[i] = log sum_j exp(s[i, j]) and y[i] = sum_j exp(s[i, j] - lse[i]) * v[j].
 */
export const attention: KernelDefinition<"qkv" | "y" | "lse", "batch" | "tokens" | "heads" | "scale", "HALF" | "LANES" | "BLOCKS" | "ROWS" | "COLS" | "SHARE" | "VECTOR" | "DEPTH" | "LOWEST"> = {
  name: "attention",
  bindings: [{"name":"qkv","access":"read","element":"stored"}, {"name":"y","access":"read_write","element":"stored"}, {"name":"lse","access":"read_write","element":"f32"}],
  params: [{"name":"batch","type":"u32","offset":0}, {"name":"tokens","type":"u32","offset":4}, {"name":"heads","type":"u32","offset":8}, {"name":"scale","type":"f32","offset":12}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 1 }, BLOCKS: { type: "u32", value: 1 }, ROWS: { type: "u32", value: 4 }, COLS: { type: "u32", value: 4 }, SHARE: { type: "u32", value: 1 }, VECTOR: { type: "u32", value: 1 }, DEPTH: { type: "u32", value: 64 }, LOWEST: { type: "f32", value: -1e+30 } },
  unrolls: (v) => [Math.floor(v["ROWS"] / v["SHARE"]), v["ROWS"], v["COLS"], v["ROWS"], v["COLS"], v["COLS"], Math.floor(v["ROWS"] / v["SHARE"]), v["ROWS"], 4, v["COLS"], v["ROWS"], v["COLS"], v["COLS"], Math.floor((Math.floor(v["DEPTH"] / 4) + v["LANES"] - 1) / v["LANES"]), v["COLS"], Math.floor((Math.floor(v["DEPTH"] / 4) + v["LANES"] - 1) / v["LANES"]), v["ROWS"], Math.floor((Math.floor(v["DEPTH"] / 4) + v["LANES"] - 1) / v["LANES"]), v["ROWS"], Math.floor((Math.floor(v["DEPTH"] / 4) + v["LANES"] - 1) / v["LANES"])],
  shapes: (v) => ({ qkv: v["batch"] * v["tokens"] * 3 * v["heads"] * v["DEPTH"], y: v["batch"] * v["tokens"] * v["heads"] * v["DEPTH"], lse: v["batch"] * v["heads"] * v["tokens"] }),
  workgroups: (v) => v["batch"] * v["heads"] * Math.ceil(v["tokens"] / (v["ROWS"] * v["BLOCKS"])),
  flops: (v) => 4 * v["batch"] * v["heads"] * v["tokens"] * v["tokens"] * v["DEPTH"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
fn from_lane(value: f32, lane: u32) -> f32 {\n\
  return value; //#subgroups return subgroupShuffle(value, lane);\n\
}\n\
\n\
const LANES: u32 = 1u;\n\
const BLOCKS: u32 = 1u;\n\
const ROWS: u32 = 4u;\n\
const COLS: u32 = 4u;\n\
const SHARE: u32 = 1u;\n\
const VECTOR: u32 = 1u;\n\
const DEPTH: u32 = 64u;\n\
const OWN = ROWS / SHARE;\n\
const GROUPS = (DEPTH / 4u + LANES - 1u) / LANES;\n\
\n\
struct Params {\n\
  batch: u32,\n\
  tokens: u32,\n\
  heads: u32,\n\
  scale: f32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> qkv: array<StoredElement>;\n\
@group(0) @binding(1) var<storage, read_write> y: array<StoredElement>;\n\
@group(0) @binding(2) var<storage, read_write> lse: array<f32>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
const LOWEST: f32 = -1e30;\n\
\n\
fn load_qkv(at: u32) -> vec4f {\n\
  return vec4f(f32(qkv[at]), f32(qkv[at + 1u]), f32(qkv[at + 2u]), f32(qkv[at + 3u])); //#vec4 return vec4f(qkv[at / 4u]);\n\
}\n\
\n\
fn largest_of_lanes(value: f32) -> f32 {\n\
  return value; //#subgroups return subgroupMax(value);\n\
}\n\
\n\
fn sum_of_lanes(value: f32) -> f32 {\n\
  return value; //#subgroups return subgroupAdd(value);\n\
}\n\
\n\
fn store_y(at: u32, value: vec4f) {\n\
  y[at] = Stored(value.x); //#vec4 y[at / 4u] = StoredElement(value);\n\
  y[at + 1u] = Stored(value.y); //#vec4 ;\n\
  y[at + 2u] = Stored(value.z); //#vec4 ;\n\
  y[at + 3u] = Stored(value.w); //#vec4 ;\n\
}\n\
\n\
@compute @workgroup_size(LANES, BLOCKS)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
  //#subgroups @builtin(subgroup_invocation_id) subgroup_lane: u32,\n\
) {\n\
  let own_lane = local.x; //#subgroups let own_lane = subgroup_lane;\n\
  let row_blocks = (params.tokens + ROWS * BLOCKS - 1u) / (ROWS * BLOCKS);\n\
  let index = workgroup_index(group, grid);\n\
  let own_block = local.y; //#subgroups let own_block = 0u;\n\
  let first_row = index % row_blocks * BLOCKS * ROWS + own_block * ROWS;\n\
  let head = index / row_blocks % params.heads;\n\
  let image = index / row_blocks / params.heads;\n\
  if (image >= params.batch || first_row >= params.tokens) {\n\
    return;\n\
  }\n\
  let last = params.tokens - 1u;\n\
  let width = params.heads * DEPTH;\n\
  let depth = width / params.heads;\n\
  let start = image * params.tokens * 3u * width + head * DEPTH;\n\
  var own_at: array<u32, OWN>;\n\
  //#unroll\n\
  for (var i = 0u; i < OWN; i++) {\n\
    own_at[i] = start + min(first_row + i * SHARE + own_lane % SHARE, last) * 3u * width;\n\
  }\n\
\n\
  var largest: array<f32, ROWS>;\n\
  var sums: array<f32, ROWS>;\n\
  var totals: array<array<vec4f, GROUPS>, ROWS>;\n\
  //#unroll\n\
  for (var r = 0u; r < ROWS; r++) {\n\
    largest[r] = LOWEST;\n\
  }\n\
  for (var tile = 0u; tile < params.tokens; tile += LANES * COLS) {\n\
    var key_at: array<u32, COLS>;\n\
    //#unroll\n\
    for (var c = 0u; c < COLS; c++) {\n\
      key_at[c] = start + width + min(tile + c * LANES + own_lane, last) * 3u * width;\n\
    }\n\
    var scores: array<array<f32, COLS>, ROWS>;\n\
    //#unroll\n\
    for (var r = 0u; r < ROWS; r++) {\n\
      //#unroll\n\
      for (var c = 0u; c < COLS; c++) {\n\
        scores[r][c] = 0.0;\n\
      }\n\
    }\n\
    for (var d = 0u; d < depth; d += 4u) {\n\
      var keys: array<vec4f, COLS>;\n\
      //#unroll\n\
      for (var c = 0u; c < COLS; c++) {\n\
        keys[c] = load_qkv(key_at[c] + d);\n\
      }\n\
      var own: array<vec4f, OWN>;\n\
      //#unroll\n\
      for (var i = 0u; i < OWN; i++) {\n\
        own[i] = load_qkv(own_at[i] + d);\n\
      }\n\
      //#unroll\n\
      for (var r = 0u; r < ROWS; r++) {\n\
        //#unroll\n\
        for (var k = 0u; k < 4u; k++) {\n\
          let value = from_lane(own[r / SHARE][k], r % SHARE);\n\
          //#unroll\n\
          for (var c = 0u; c < COLS; c++) {\n\
            scores[r][c] = fma(value, keys[c][k], scores[r][c]);\n\
          }\n\
        }\n\
      }\n\
    }\n\
    //#unroll\n\
    for (var r = 0u; r < ROWS; r++) {\n\
      var now = largest[r];\n\
      //#unroll\n\
      for (var c = 0u; c < COLS; c++) {\n\
        scores[r][c] = select(LOWEST, scores[r][c] * params.scale, tile + c * LANES + own_lane < params.tokens);\n\
        now = max(now, scores[r][c]);\n\
      }\n\
      now = largest_of_lanes(now);\n\
      let factor = exp(largest[r] - now);\n\
      largest[r] = now;\n\
      sums[r] *= factor;\n\
      //#unroll\n\
      for (var c = 0u; c < COLS; c++) {\n\
        scores[r][c] = exp(scores[r][c] - now);\n\
        sums[r] += scores[r][c];\n\
      }\n\
      //#unroll\n\
      for (var g = 0u; g < GROUPS; g++) {\n\
        totals[r][g] *= factor;\n\
      }\n\
    }\n\
    for (var lane = 0u; lane < LANES; lane++) {\n\
      //#unroll\n\
      for (var c = 0u; c < COLS; c++) {\n\
        let value_at = start + 2u * width + min(tile + c * LANES + lane, last) * 3u * width;\n\
        var values: array<vec4f, GROUPS>;\n\
        //#unroll\n\
        for (var g = 0u; g < GROUPS; g++) {\n\
          values[g] = load_qkv(value_at + min(4u * (g * LANES + own_lane), DEPTH - 4u));\n\
        }\n\
        //#unroll\n\
        for (var r = 0u; r < ROWS; r++) {\n\
          let share = from_lane(scores[r][c], lane);\n\
          //#unroll\n\
          for (var g = 0u; g < GROUPS; g++) {\n\
            totals[r][g] = fma(vec4f(share), values[g], totals[r][g]);\n\
          }\n\
        }\n\
      }\n\
    }\n\
  }\n\
\n\
  //#unroll\n\
  for (var r = 0u; r < ROWS; r++) {\n\
    let row = first_row + r;\n\
    let sum = sum_of_lanes(sums[r]);\n\
    if (row < params.tokens) {\n\
      let at = (image * params.tokens + row) * width + head * DEPTH;\n\
      //#unroll\n\
      for (var g = 0u; g < GROUPS; g++) {\n\
        let d = 4u * (g * LANES + own_lane);\n\
        if (d < DEPTH) {\n\
          store_y(at + d, totals[r][g] / sum);\n\
        }\n\
      }\n\
      if (own_lane == 0u) {\n\
        lse[(image * params.heads + head) * params.tokens + row] = largest[r] + log(sum);\n\
      }\n\
    }\n\
  }\n\
}\n\
",
};

/**
 * Draws how every view of a batch is made (Chen et al. 2020, figure 4 and appendix A): crop box, flip, cutout, colour jitter,
 * grayscale, Sobel filter, noise, blur, solarization, quarter turns. Everything depends only on (seed, epoch, image, view):
 * `counter` holds seed and epoch, `images` the number of each image in its set. The table is of a group of an image's views,
 * which are numbered from first_view: view v of the group, of image i of the batch, is row v * batch + i. Views begin to
 * end - 1 of the group are drawn. One thread a view.
 */
export const augmentParameters: KernelDefinition<"counter" | "images" | "sizes" | "views", "batch" | "views" | "first_view" | "begin" | "end" | "height" | "width", "VIEW_FIELDS" | "LANES" | "SIZED" | "MIN_SHARED_AREA" | "MAX_SHARED_AREA" | "MIN_AREA" | "MAX_AREA" | "MIN_ASPECT" | "MAX_ASPECT" | "FLIP_PROBABILITY" | "CUTOUT_PROBABILITY" | "CUTOUT_SIDE" | "JITTER_PROBABILITY" | "BRIGHTNESS" | "CONTRAST" | "SATURATION" | "HUE" | "GRAYSCALE_PROBABILITY" | "SOBEL_PROBABILITY" | "NOISE_PROBABILITY" | "MIN_NOISE" | "MAX_NOISE" | "BLUR_PROBABILITY" | "MIN_SIGMA" | "MAX_SIGMA" | "SOLARIZE_PROBABILITY" | "ROTATION_PROBABILITY" | "TRIES"> = {
  name: "augmentParameters",
  bindings: [{"name":"counter","access":"read","element":"u32"}, {"name":"images","access":"read","element":"u32"}, {"name":"sizes","access":"read","element":"u32"}, {"name":"views","access":"read_write","element":"f32"}],
  params: [{"name":"batch","type":"u32","offset":0}, {"name":"views","type":"u32","offset":4}, {"name":"first_view","type":"u32","offset":8}, {"name":"begin","type":"u32","offset":12}, {"name":"end","type":"u32","offset":16}, {"name":"height","type":"u32","offset":20}, {"name":"width","type":"u32","offset":24}],
  paramsSize: 32,
  constants: { VIEW_FIELDS: { type: "u32", value: 22 }, LANES: { type: "u32", value: 64 }, SIZED: { type: "bool", value: 0 }, MIN_SHARED_AREA: { type: "f32", value: 1 }, MAX_SHARED_AREA: { type: "f32", value: 1 }, MIN_AREA: { type: "f32", value: 0.08 }, MAX_AREA: { type: "f32", value: 1 }, MIN_ASPECT: { type: "f32", value: 0.75 }, MAX_ASPECT: { type: "f32", value: 1.3333334 }, FLIP_PROBABILITY: { type: "f32", value: 0.5 }, CUTOUT_PROBABILITY: { type: "f32", value: 1 }, CUTOUT_SIDE: { type: "f32", value: 0.5 }, JITTER_PROBABILITY: { type: "f32", value: 0.8 }, BRIGHTNESS: { type: "f32", value: 0.8 }, CONTRAST: { type: "f32", value: 0.8 }, SATURATION: { type: "f32", value: 0.8 }, HUE: { type: "f32", value: 0.2 }, GRAYSCALE_PROBABILITY: { type: "f32", value: 0.2 }, SOBEL_PROBABILITY: { type: "f32", value: 0.5 }, NOISE_PROBABILITY: { type: "f32", value: 0.5 }, MIN_NOISE: { type: "f32", value: 0.01 }, MAX_NOISE: { type: "f32", value: 0.2 }, BLUR_PROBABILITY: { type: "f32", value: 0.5 }, MIN_SIGMA: { type: "f32", value: 0.1 }, MAX_SIGMA: { type: "f32", value: 2 }, SOLARIZE_PROBABILITY: { type: "f32", value: 0.2 }, ROTATION_PROBABILITY: { type: "f32", value: 0.75 }, TRIES: { type: "u32", value: 10 } },
  unrolls: () => [],
  shapes: (v) => ({ counter: 2, images: v["batch"], sizes: (1 + v["SIZED"]) * v["batch"], views: v["views"] * v["batch"] * v["VIEW_FIELDS"] }),
  workgroups: (v) => Math.ceil((v["end"] - v["begin"]) * v["batch"] / v["LANES"]),
  flops: (v) => 100 * (v["end"] - v["begin"]) * v["batch"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
fn random_words(counter: vec4u) -> vec4u {\n\
  var v = counter * 1664525u + 1013904223u;\n\
  v.x += v.y * v.w;\n\
  v.y += v.z * v.x;\n\
  v.z += v.x * v.y;\n\
  v.w += v.y * v.z;\n\
  v ^= v >> vec4u(16u);\n\
  v.x += v.y * v.w;\n\
  v.y += v.z * v.x;\n\
  v.z += v.x * v.y;\n\
  v.w += v.y * v.z;\n\
  return v;\n\
}\n\
\n\
fn random_uniform(counter: vec4u) -> vec4f {\n\
  return vec4f(random_words(counter) >> vec4u(8u)) * (1.0 / 16777216.0);\n\
}\n\
const VIEW_FIELDS: u32 = 22u;\n\
const VIEW_TOP = 0u;\n\
const VIEW_LEFT = 1u;\n\
const VIEW_HEIGHT = 2u;\n\
const VIEW_WIDTH = 3u;\n\
const VIEW_FLIP = 4u;\n\
const VIEW_BRIGHTNESS = 5u;\n\
const VIEW_CONTRAST = 6u;\n\
const VIEW_SATURATION = 7u;\n\
const VIEW_HUE = 8u;\n\
const VIEW_ORDER = 9u;\n\
const VIEW_GRAYSCALE = 10u;\n\
const VIEW_SIGMA = 11u;\n\
const VIEW_CUTOUT_ROW = 12u;\n\
const VIEW_CUTOUT_COLUMN = 13u;\n\
const VIEW_CUTOUT_SIDE = 14u;\n\
const VIEW_SOBEL = 15u;\n\
const VIEW_NOISE = 16u;\n\
const VIEW_NOISE_SEED = 17u;\n\
const VIEW_TURNS = 19u;\n\
const VIEW_SOLARIZE = 20u;\n\
const VIEW_STRIDE = 21u;\n\
\n\
const LANES: u32 = 64u;\n\
const SIZED: bool = false;\n\
const MIN_SHARED_AREA: f32 = 1.0;\n\
const MAX_SHARED_AREA: f32 = 1.0;\n\
const MIN_AREA: f32 = 0.08;\n\
const MAX_AREA: f32 = 1.0;\n\
const MIN_ASPECT: f32 = 0.75;\n\
const MAX_ASPECT: f32 = 1.3333334;\n\
const FLIP_PROBABILITY: f32 = 0.5;\n\
const CUTOUT_PROBABILITY: f32 = 1.0;\n\
const CUTOUT_SIDE: f32 = 0.5;\n\
const JITTER_PROBABILITY: f32 = 0.8;\n\
const BRIGHTNESS: f32 = 0.8;\n\
const CONTRAST: f32 = 0.8;\n\
const SATURATION: f32 = 0.8;\n\
const HUE: f32 = 0.2;\n\
const GRAYSCALE_PROBABILITY: f32 = 0.2;\n\
const SOBEL_PROBABILITY: f32 = 0.5;\n\
const NOISE_PROBABILITY: f32 = 0.5;\n\
const MIN_NOISE: f32 = 0.01;\n\
const MAX_NOISE: f32 = 0.2;\n\
const BLUR_PROBABILITY: f32 = 0.5;\n\
const MIN_SIGMA: f32 = 0.1;\n\
const MAX_SIGMA: f32 = 2.0;\n\
const SOLARIZE_PROBABILITY: f32 = 0.2;\n\
const ROTATION_PROBABILITY: f32 = 0.75;\n\
const TRIES: u32 = 10u;\n\
const SHARED_DRAWS = 0xfffffff0u;\n\
\n\
struct Params {\n\
  batch: u32,\n\
  views: u32,\n\
  first_view: u32,\n\
  begin: u32,\n\
  end: u32,\n\
  height: u32,\n\
  width: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> counter: array<u32>;\n\
@group(0) @binding(1) var<storage, read> images: array<u32>;\n\
@group(0) @binding(2) var<storage, read> sizes: array<u32>;\n\
@group(0) @binding(3) var<storage, read_write> views: array<f32>;\n\
@group(0) @binding(4) var<uniform> params: Params;\n\
\n\
fn draw_crop(key: vec4u, whole: vec4f, min_area: f32, max_area: f32) -> vec4f {\n\
  if (min_area >= 1.0) {\n\
    return whole;\n\
  }\n\
  let height = whole.z;\n\
  let width = whole.w;\n\
  var crop = vec4f();\n\
  var found = false;\n\
  for (var attempt = 0u; attempt < TRIES; attempt++) {\n\
    let u = random_uniform(key + vec4u(0u, 0u, 0u, attempt));\n\
    let area = mix(min_area, max_area, u.x) * height * width;\n\
    let aspect = exp(mix(log(MIN_ASPECT), log(MAX_ASPECT), u.y));\n\
    let crop_height = round(sqrt(area / aspect));\n\
    let crop_width = round(sqrt(area * aspect));\n\
    if (!found && crop_height >= 1.0 && crop_width >= 1.0 && crop_height <= height && crop_width <= width) {\n\
      found = true;\n\
      let top = min(floor(u.z * (height - crop_height + 1.0)), height - crop_height);\n\
      let left = min(floor(u.w * (width - crop_width + 1.0)), width - crop_width);\n\
      crop = vec4f(top, left, crop_height, crop_width);\n\
    }\n\
  }\n\
  if (!found) {\n\
    let crop_width = min(width, round(height * MAX_ASPECT));\n\
    let crop_height = min(height, round(width / MIN_ASPECT));\n\
    crop = vec4f(floor((height - crop_height) / 2.0), floor((width - crop_width) / 2.0), crop_height, crop_width);\n\
  }\n\
  return crop + vec4f(whole.xy, 0.0, 0.0);\n\
}\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let row = params.begin * params.batch + workgroup_index(group, grid) * LANES + local.x;\n\
  if (row >= params.end * params.batch) {\n\
    return;\n\
  }\n\
  let view = params.first_view + row / params.batch;\n\
  let member = row % params.batch;\n\
  let key = vec4u(counter[0], counter[1], images[member], view * 16u);\n\
  var size = vec2u(params.height, params.width);\n\
  if (SIZED) {\n\
    size = vec2u(sizes[2u * member], sizes[2u * member + 1u]);\n\
  }\n\
  let image = vec4f(0.0, 0.0, vec2f(size));\n\
  let base = draw_crop(vec4u(key.xyz, SHARED_DRAWS), image, MIN_SHARED_AREA, MAX_SHARED_AREA);\n\
  let crop = draw_crop(key, base, MIN_AREA, MAX_AREA);\n\
\n\
  let chances = random_uniform(key + vec4u(0u, 0u, 0u, TRIES));\n\
  let amounts = random_uniform(key + vec4u(0u, 0u, 0u, TRIES + 1u));\n\
  let rest = random_uniform(key + vec4u(0u, 0u, 0u, TRIES + 2u));\n\
  let more_chances = random_uniform(key + vec4u(0u, 0u, 0u, TRIES + 3u));\n\
  let places = random_uniform(key + vec4u(0u, 0u, 0u, TRIES + 4u));\n\
  let last_chances = random_uniform(key + vec4u(0u, 0u, 0u, TRIES + 5u));\n\
  let strengths = vec3f(BRIGHTNESS, CONTRAST, SATURATION);\n\
  let factors = mix(max(1.0 - strengths, vec3f()), 1.0 + strengths, amounts.xyz);\n\
  let start = row * VIEW_FIELDS;\n\
  views[start + VIEW_TOP] = crop.x;\n\
  views[start + VIEW_LEFT] = crop.y;\n\
  views[start + VIEW_HEIGHT] = crop.z;\n\
  views[start + VIEW_WIDTH] = crop.w;\n\
  views[start + VIEW_FLIP] = select(0.0, 1.0, chances.x < FLIP_PROBABILITY);\n\
  views[start + VIEW_BRIGHTNESS] = factors.x;\n\
  views[start + VIEW_CONTRAST] = factors.y;\n\
  views[start + VIEW_SATURATION] = factors.z;\n\
  views[start + VIEW_HUE] = mix(-HUE, HUE, amounts.w);\n\
  views[start + VIEW_ORDER] = select(-1.0, floor(rest.x * 24.0), chances.y < JITTER_PROBABILITY);\n\
  views[start + VIEW_GRAYSCALE] = select(0.0, 1.0, chances.z < GRAYSCALE_PROBABILITY);\n\
  views[start + VIEW_SIGMA] = select(0.0, mix(MIN_SIGMA, MAX_SIGMA, rest.y), chances.w < BLUR_PROBABILITY);\n\
  views[start + VIEW_CUTOUT_ROW] = places.x;\n\
  views[start + VIEW_CUTOUT_COLUMN] = places.y;\n\
  views[start + VIEW_CUTOUT_SIDE] = select(0.0, CUTOUT_SIDE, more_chances.x < CUTOUT_PROBABILITY);\n\
  views[start + VIEW_SOBEL] = select(0.0, 1.0, more_chances.y < SOBEL_PROBABILITY);\n\
  views[start + VIEW_NOISE] = select(0.0, mix(MIN_NOISE, MAX_NOISE, rest.z), more_chances.z < NOISE_PROBABILITY);\n\
  views[start + VIEW_NOISE_SEED] = places.z * 16777216.0;\n\
  views[start + VIEW_NOISE_SEED + 1u] = places.w * 16777216.0;\n\
  views[start + VIEW_TURNS] = select(0.0, 1.0 + floor(rest.w * 3.0), more_chances.w < ROTATION_PROBABILITY);\n\
  views[start + VIEW_SOLARIZE] = select(0.0, 1.0, last_chances.x < SOLARIZE_PROBABILITY);\n\
  views[start + VIEW_STRIDE] = f32(size.y);\n\
}\n\
",
};

/**
 * Makes the views of a batch from images kept as bytes (R, G, B, 255 a pixel in one u32), row by row, image i from pixel
 * i * image_pixels on: crop and resize, flip, cutout, colour jitter, grayscale and, with SOLARIZE, solarization;
 * y[view * batch + image] is an RGB image with values in [0, 1]. A workgroup a view.
 */
export const augment: KernelDefinition<"bytes" | "views" | "y", "batch" | "views" | "image_pixels" | "out_height" | "out_width", "VIEW_FIELDS" | "LANES" | "SOLARIZE"> = {
  name: "augment",
  bindings: [{"name":"bytes","access":"read","element":"u32"}, {"name":"views","access":"read","element":"f32"}, {"name":"y","access":"read_write","element":"f32"}],
  params: [{"name":"batch","type":"u32","offset":0}, {"name":"views","type":"u32","offset":4}, {"name":"image_pixels","type":"u32","offset":8}, {"name":"out_height","type":"u32","offset":12}, {"name":"out_width","type":"u32","offset":16}],
  paramsSize: 32,
  constants: { VIEW_FIELDS: { type: "u32", value: 22 }, LANES: { type: "u32", value: 64 }, SOLARIZE: { type: "bool", value: 0 } },
  unrolls: () => [],
  shapes: (v) => ({ bytes: v["batch"] * v["image_pixels"], views: v["views"] * v["batch"] * v["VIEW_FIELDS"], y: v["views"] * v["batch"] * v["out_height"] * v["out_width"] * 3 }),
  workgroups: (v) => v["views"] * v["batch"],
  flops: (v) => 60 * v["views"] * v["batch"] * v["out_height"] * v["out_width"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
const LUMA = vec3f(0.2989, 0.587, 0.114);\n\
var<workgroup> reduced: array<f32, LANES>;\n\
\n\
fn workgroup_sum(lane: u32, value: f32) -> f32 {\n\
  workgroupBarrier();\n\
  reduced[lane] = value;\n\
  workgroupBarrier();\n\
  for (var half = LANES / 2u; half > 0u; half /= 2u) {\n\
    if (lane < half) {\n\
      reduced[lane] += reduced[lane + half];\n\
    }\n\
    workgroupBarrier();\n\
  }\n\
  return reduced[0];\n\
}\n\
const VIEW_FIELDS: u32 = 22u;\n\
const VIEW_TOP = 0u;\n\
const VIEW_LEFT = 1u;\n\
const VIEW_HEIGHT = 2u;\n\
const VIEW_WIDTH = 3u;\n\
const VIEW_FLIP = 4u;\n\
const VIEW_BRIGHTNESS = 5u;\n\
const VIEW_CONTRAST = 6u;\n\
const VIEW_SATURATION = 7u;\n\
const VIEW_HUE = 8u;\n\
const VIEW_ORDER = 9u;\n\
const VIEW_GRAYSCALE = 10u;\n\
const VIEW_SIGMA = 11u;\n\
const VIEW_CUTOUT_ROW = 12u;\n\
const VIEW_CUTOUT_COLUMN = 13u;\n\
const VIEW_CUTOUT_SIDE = 14u;\n\
const VIEW_SOBEL = 15u;\n\
const VIEW_NOISE = 16u;\n\
const VIEW_NOISE_SEED = 17u;\n\
const VIEW_TURNS = 19u;\n\
const VIEW_SOLARIZE = 20u;\n\
const VIEW_STRIDE = 21u;\n\
\n\
const LANES: u32 = 64u;\n\
const SOLARIZE: bool = false;\n\
const CUTOUT = vec3f(0.5);\n\
\n\
struct Params {\n\
  batch: u32,\n\
  views: u32,\n\
  image_pixels: u32,\n\
  out_height: u32,\n\
  out_width: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> bytes: array<u32>;\n\
@group(0) @binding(1) var<storage, read> views: array<f32>;\n\
@group(0) @binding(2) var<storage, read_write> y: array<f32>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
struct Taps {\n\
  center: f32,\n\
  reach: f32,\n\
  begin: u32,\n\
  end: u32,\n\
}\n\
\n\
fn taps(position: u32, crop: f32, size: u32) -> Taps {\n\
  let scale = crop / f32(size);\n\
  let reach = max(scale, 1.0);\n\
  let center = (f32(position) + 0.5) * scale;\n\
  return Taps(center, reach, u32(max(center - reach + 0.5, 0.0)), u32(min(center + reach + 0.5, crop)));\n\
}\n\
\n\
fn tap_weight(t: Taps, place: u32) -> f32 {\n\
  return max(1.0 - abs((f32(place) + 0.5 - t.center) / t.reach), 0.0);\n\
}\n\
\n\
fn crop_and_resize(start: u32, image: u32, row: u32, column: u32) -> vec3f {\n\
  let top = u32(views[start + VIEW_TOP]);\n\
  let left = u32(views[start + VIEW_LEFT]);\n\
  let stride = u32(views[start + VIEW_STRIDE]);\n\
  let flip = views[start + VIEW_FLIP] > 0.0;\n\
  let vertical = taps(row, views[start + VIEW_HEIGHT], params.out_height);\n\
  let horizontal = taps(select(column, params.out_width - 1u - column, flip), views[start + VIEW_WIDTH], params.out_width);\n\
  var color = vec3f();\n\
  var total = 0.0;\n\
  for (var sy = vertical.begin; sy < vertical.end; sy++) {\n\
    let line = image * params.image_pixels + (top + sy) * stride + left;\n\
    for (var sx = horizontal.begin; sx < horizontal.end; sx++) {\n\
      let weight = tap_weight(vertical, sy) * tap_weight(horizontal, sx);\n\
      color += weight * unpack4x8unorm(bytes[line + sx]).rgb;\n\
      total += weight;\n\
    }\n\
  }\n\
  return color / total;\n\
}\n\
\n\
fn before_turns(turns: u32, row: u32, column: u32) -> vec2u {\n\
  var place = vec2u(row, column);\n\
  for (var turn = 0u; turn < turns; turn++) {\n\
    place = vec2u(place.y, params.out_width - 1u - place.x);\n\
  }\n\
  return place;\n\
}\n\
\n\
fn cutout_square(start: u32) -> vec3f {\n\
  let size = vec2f(f32(params.out_height), f32(params.out_width));\n\
  let side = floor(views[start + VIEW_CUTOUT_SIDE] * size.x + 0.5);\n\
  let center = floor(vec2f(views[start + VIEW_CUTOUT_ROW], views[start + VIEW_CUTOUT_COLUMN]) * size);\n\
  return vec3f(center - floor(side / 2.0), side);\n\
}\n\
\n\
fn shift_hue(color: vec3f, shift: f32) -> vec3f {\n\
  let largest = max(max(color.r, color.g), color.b);\n\
  let chroma = largest - min(min(color.r, color.g), color.b);\n\
  if (chroma <= 0.0) {\n\
    return color;\n\
  }\n\
  var sector = (color.r - color.g) / chroma + 4.0;\n\
  if (color.g == largest) {\n\
    sector = (color.b - color.r) / chroma + 2.0;\n\
  }\n\
  if (color.r == largest) {\n\
    sector = (color.g - color.b) / chroma;\n\
  }\n\
  let hue = fract(sector / 6.0 + 1.0 + shift);\n\
  let wheel = fract(vec3f(hue) + vec3f(1.0, 2.0 / 3.0, 1.0 / 3.0)) * 6.0 - 3.0;\n\
  return largest - chroma * (1.0 - clamp(abs(wheel) - 1.0, vec3f(), vec3f(1.0)));\n\
}\n\
\n\
fn operations(order: u32) -> u32 {\n\
  var left = 0x3210u;\n\
  var code = order;\n\
  var packed = 0u;\n\
  for (var turn = 0u; turn < 4u; turn++) {\n\
    let remaining = 4u - turn;\n\
    let choice = code % remaining * 4u;\n\
    code /= remaining;\n\
    packed |= ((left >> choice) & 15u) << (turn * 4u);\n\
    let last = (left >> (remaining * 4u - 4u)) & 15u;\n\
    left = (left & ~(15u << choice)) | (last << choice);\n\
  }\n\
  return packed;\n\
}\n\
\n\
struct Jitter {\n\
  brightness: f32,\n\
  contrast: f32,\n\
  saturation: f32,\n\
  hue: f32,\n\
}\n\
\n\
fn apply(operation: u32, jitter: Jitter, color: vec3f, mean_luma: f32) -> vec3f {\n\
  var changed = color;\n\
  if (operation == 0u) {\n\
    changed = color * jitter.brightness;\n\
  } else if (operation == 1u) {\n\
    changed = mix(vec3f(mean_luma), color, jitter.contrast);\n\
  } else if (operation == 2u) {\n\
    changed = mix(vec3f(dot(color, LUMA)), color, jitter.saturation);\n\
  } else {\n\
    changed = shift_hue(color, jitter.hue);\n\
  }\n\
  return clamp(changed, vec3f(), vec3f(1.0));\n\
}\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let row = workgroup_index(group, grid);\n\
  if (row >= params.views * params.batch) {\n\
    return;\n\
  }\n\
  let start = row * VIEW_FIELDS;\n\
  let jitters = views[start + VIEW_ORDER] >= 0.0;\n\
  let packed = operations(u32(max(views[start + VIEW_ORDER], 0.0)));\n\
  let jitter = Jitter(\n\
    views[start + VIEW_BRIGHTNESS],\n\
    views[start + VIEW_CONTRAST],\n\
    views[start + VIEW_SATURATION],\n\
    views[start + VIEW_HUE],\n\
  );\n\
  let gray = views[start + VIEW_GRAYSCALE] > 0.0;\n\
  let solarize = SOLARIZE && views[start + VIEW_SOLARIZE] > 0.0;\n\
  let turns = u32(views[start + VIEW_TURNS]);\n\
  let square = cutout_square(start);\n\
  let pixels = params.out_height * params.out_width;\n\
  var contrast_turn = 0u;\n\
  while (((packed >> (contrast_turn * 4u)) & 15u) != 1u) {\n\
    contrast_turn++;\n\
  }\n\
\n\
  var luma = 0.0;\n\
  for (var p = local.x; p < pixels; p += LANES) {\n\
    let place = before_turns(turns, p / params.out_width, p % params.out_width);\n\
    let inside = vec2f(place) - square.xy;\n\
    var color = CUTOUT;\n\
    if (any(inside < vec2f()) || any(inside >= square.zz)) {\n\
      color = crop_and_resize(start, row % params.batch, place.x, place.y);\n\
    }\n\
    if (jitters) {\n\
      for (var turn = 0u; turn < contrast_turn; turn++) {\n\
        color = apply((packed >> (turn * 4u)) & 15u, jitter, color, 0.0);\n\
      }\n\
    }\n\
    luma += dot(color, LUMA);\n\
    let at = (row * pixels + p) * 3u;\n\
    y[at] = color.r;\n\
    y[at + 1u] = color.g;\n\
    y[at + 2u] = color.b;\n\
  }\n\
  let mean_luma = workgroup_sum(local.x, luma) / f32(pixels);\n\
\n\
  for (var p = local.x; p < pixels; p += LANES) {\n\
    let at = (row * pixels + p) * 3u;\n\
    var color = vec3f(y[at], y[at + 1u], y[at + 2u]);\n\
    if (jitters) {\n\
      for (var turn = contrast_turn; turn < 4u; turn++) {\n\
        color = apply((packed >> (turn * 4u)) & 15u, jitter, color, mean_luma);\n\
      }\n\
    }\n\
    if (gray) {\n\
      color = vec3f(dot(color, LUMA));\n\
    }\n\
    if (solarize) {\n\
      color = min(color, 1.0 - color);\n\
    }\n\
    y[at] = color.r;\n\
    y[at + 1u] = color.g;\n\
    y[at + 2u] = color.b;\n\
  }\n\
}\n\
",
};

/**
 * Second pass of the statistics of batch norm: puts the runs of rows together (Chan, Golub and LeVeque 1979) and moves
 * the running statistics: running = (1 - momentum) * running + momentum * now, with the unbiased variance.
 * `statistics` holds the means, then the biased variances. A workgroup has LANES channels, and its GROUPS strands of threads take
 * turns with the runs: once for the mean, once for the squared differences from it.
 */
export const batchNormCombine: KernelDefinition<"parts" | "statistics" | "running_mean" | "running_var", "rows" | "channels" | "momentum", "LANES" | "GROUPS" | "ROWS" | "UPDATE_RUNNING"> = {
  name: "batchNormCombine",
  bindings: [{"name":"parts","access":"read","element":"f32"}, {"name":"statistics","access":"read_write","element":"f32"}, {"name":"running_mean","access":"read_write","element":"f32"}, {"name":"running_var","access":"read_write","element":"f32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"channels","type":"u32","offset":4}, {"name":"momentum","type":"f32","offset":8}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 }, GROUPS: { type: "u32", value: 1 }, ROWS: { type: "u32", value: 64 }, UPDATE_RUNNING: { type: "bool", value: 1 } },
  unrolls: () => [],
  shapes: (v) => ({ parts: 2 * Math.ceil(v["rows"] / v["ROWS"]) * v["channels"], statistics: 2 * v["channels"], running_mean: v["channels"], running_var: v["channels"] }),
  workgroups: (v) => Math.ceil(v["channels"] / v["LANES"]),
  flops: (v) => 7 * Math.ceil(v["rows"] / v["ROWS"]) * v["channels"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
alias Element = f32; //#vec4 alias Element = vec4f;\n\
\n\
const LANES: u32 = 64u;\n\
const GROUPS: u32 = 1u;\n\
const ROWS: u32 = 64u;\n\
const UPDATE_RUNNING: bool = true;\n\
var<workgroup> strands: array<Element, LANES * GROUPS>;\n\
\n\
fn strand_sum(lane: u32, strand: u32, value: Element) -> Element {\n\
  if (GROUPS == 1u) {\n\
    return value;\n\
  }\n\
  workgroupBarrier();\n\
  strands[strand * LANES + lane] = value;\n\
  workgroupBarrier();\n\
  for (var half = GROUPS / 2u; half > 0u; half /= 2u) {\n\
    if (strand < half) {\n\
      strands[strand * LANES + lane] += strands[(strand + half) * LANES + lane];\n\
    }\n\
    workgroupBarrier();\n\
  }\n\
  return strands[lane];\n\
}\n\
\n\
struct Params {\n\
  rows: u32,\n\
  channels: u32,\n\
  momentum: f32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> parts: array<f32>;\n\
@group(0) @binding(1) var<storage, read_write> statistics: array<f32>;\n\
@group(0) @binding(2) var<storage, read_write> running_mean: array<f32>;\n\
@group(0) @binding(3) var<storage, read_write> running_var: array<f32>;\n\
@group(0) @binding(4) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES, GROUPS)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let own = workgroup_index(group, grid) * LANES + local.x;\n\
  let channel = min(own, params.channels - 1u);\n\
  let chunks = (params.rows + ROWS - 1u) / ROWS;\n\
  let rows = f32(params.rows);\n\
  var sum = 0.0;\n\
  for (var chunk = local.y; chunk < chunks; chunk += GROUPS) {\n\
    let count = f32(min(params.rows - chunk * ROWS, ROWS));\n\
    sum = fma(count, parts[chunk * params.channels + channel], sum);\n\
  }\n\
  let mean = strand_sum(local.x, local.y, sum) / rows;\n\
  sum = 0.0;\n\
  for (var chunk = local.y; chunk < chunks; chunk += GROUPS) {\n\
    let count = f32(min(params.rows - chunk * ROWS, ROWS));\n\
    let difference = parts[chunk * params.channels + channel] - mean;\n\
    sum += fma(count * difference, difference, parts[(chunks + chunk) * params.channels + channel]);\n\
  }\n\
  let squares = strand_sum(local.x, local.y, sum);\n\
  if (local.y > 0u || own >= params.channels) {\n\
    return;\n\
  }\n\
  statistics[channel] = mean;\n\
  statistics[params.channels + channel] = squares / rows;\n\
  if (UPDATE_RUNNING) {\n\
    running_mean[channel] = mix(running_mean[channel], mean, params.momentum);\n\
    running_var[channel] = mix(running_var[channel], squares / max(rows - 1.0, 1.0), params.momentum);\n\
  }\n\
}\n\
",
};

/**
 * Second pass of the gradient of batch norm: adds the runs of rows up. A workgroup has LANES channels, and its GROUPS strands of
 * threads take turns with the runs.
 */
export const batchNormGradientCombine: KernelDefinition<"parts" | "dgamma" | "dbeta", "chunks" | "channels", "LANES" | "GROUPS"> = {
  name: "batchNormGradientCombine",
  bindings: [{"name":"parts","access":"read","element":"f32"}, {"name":"dgamma","access":"read_write","element":"f32"}, {"name":"dbeta","access":"read_write","element":"f32"}],
  params: [{"name":"chunks","type":"u32","offset":0}, {"name":"channels","type":"u32","offset":4}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 }, GROUPS: { type: "u32", value: 1 } },
  unrolls: () => [],
  shapes: (v) => ({ parts: 2 * v["chunks"] * v["channels"], dgamma: v["channels"], dbeta: v["channels"] }),
  workgroups: (v) => Math.ceil(v["channels"] / v["LANES"]),
  flops: (v) => 2 * v["chunks"] * v["channels"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
alias Element = f32; //#vec4 alias Element = vec4f;\n\
\n\
const LANES: u32 = 64u;\n\
const GROUPS: u32 = 1u;\n\
var<workgroup> strands: array<Element, LANES * GROUPS>;\n\
\n\
fn strand_sum(lane: u32, strand: u32, value: Element) -> Element {\n\
  if (GROUPS == 1u) {\n\
    return value;\n\
  }\n\
  workgroupBarrier();\n\
  strands[strand * LANES + lane] = value;\n\
  workgroupBarrier();\n\
  for (var half = GROUPS / 2u; half > 0u; half /= 2u) {\n\
    if (strand < half) {\n\
      strands[strand * LANES + lane] += strands[(strand + half) * LANES + lane];\n\
    }\n\
    workgroupBarrier();\n\
  }\n\
  return strands[lane];\n\
}\n\
\n\
struct Params {\n\
  chunks: u32,\n\
  channels: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> parts: array<f32>;\n\
@group(0) @binding(1) var<storage, read_write> dgamma: array<f32>;\n\
@group(0) @binding(2) var<storage, read_write> dbeta: array<f32>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES, GROUPS)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let own = workgroup_index(group, grid) * LANES + local.x;\n\
  let channel = min(own, params.channels - 1u);\n\
  var gamma_sum = 0.0;\n\
  var beta_sum = 0.0;\n\
  for (var chunk = local.y; chunk < params.chunks; chunk += GROUPS) {\n\
    gamma_sum += parts[chunk * params.channels + channel];\n\
    beta_sum += parts[(params.chunks + chunk) * params.channels + channel];\n\
  }\n\
  let all_gamma = strand_sum(local.x, local.y, gamma_sum);\n\
  let all_beta = strand_sum(local.x, local.y, beta_sum);\n\
  if (local.y == 0u && own < params.channels) {\n\
    dgamma[channel] = all_gamma;\n\
    dbeta[channel] = all_beta;\n\
  }\n\
}\n\
",
};

/**
 * First pass of the gradient of batch norm: over each run of ROWS rows, sum of g (that of beta) and of g * normalised x
 * (that of gamma), where g = dy, or with RELU, dy where the output was above 0. The normalised x and the output are computed
 * again: cheaper than reading them. The GROUPS strands of a workgroup take turns with the rows. `parts` holds [chunk, channel] sums of g * normalised x, then as many of g.
 */
export const batchNormGradientSums: KernelDefinition<"x" | "dy" | "statistics" | "gamma" | "beta" | "parts", "rows" | "channels", "HALF" | "LANES" | "GROUPS" | "VECTOR" | "ROWS" | "EPSILON" | "GAMMA" | "BETA" | "RELU"> = {
  name: "batchNormGradientSums",
  bindings: [{"name":"x","access":"read","element":"stored"}, {"name":"dy","access":"read","element":"stored"}, {"name":"statistics","access":"read","element":"f32"}, {"name":"gamma","access":"read","element":"f32"}, {"name":"beta","access":"read","element":"f32"}, {"name":"parts","access":"read_write","element":"f32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"channels","type":"u32","offset":4}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 64 }, GROUPS: { type: "u32", value: 1 }, VECTOR: { type: "u32", value: 1 }, ROWS: { type: "u32", value: 64 }, EPSILON: { type: "f32", value: 0.00001 }, GAMMA: { type: "bool", value: 1 }, BETA: { type: "bool", value: 1 }, RELU: { type: "bool", value: 0 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["rows"] * v["channels"], dy: v["rows"] * v["channels"], statistics: 2 * v["channels"], gamma: v["channels"], beta: v["channels"], parts: 2 * Math.ceil(v["rows"] / v["ROWS"]) * v["channels"] }),
  workgroups: (v) => Math.ceil(v["rows"] / v["ROWS"]) * Math.ceil(v["channels"] / (v["LANES"] * v["VECTOR"])),
  flops: (v) => 6 * v["rows"] * v["channels"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
struct ChannelTile {\n\
  channel: u32,\n\
  chunk: u32,\n\
  begin: u32,\n\
  end: u32,\n\
}\n\
\n\
fn channel_tile(index: u32, lane: u32, lanes: u32, rows: u32, channels: u32, rows_per_chunk: u32) -> ChannelTile {\n\
  let blocks = (channels + lanes - 1u) / lanes;\n\
  let chunk = index / blocks;\n\
  return ChannelTile(index % blocks * lanes + lane, chunk, chunk * rows_per_chunk, min(rows, (chunk + 1u) * rows_per_chunk));\n\
}\n\
alias Element = f32; //#vec4 alias Element = vec4f;\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
\n\
const LANES: u32 = 64u;\n\
const GROUPS: u32 = 1u;\n\
const VECTOR: u32 = 1u;\n\
const ROWS: u32 = 64u;\n\
const EPSILON: f32 = 0.00001;\n\
const GAMMA: bool = true;\n\
const BETA: bool = true;\n\
const RELU: bool = false;\n\
var<workgroup> strands: array<Element, LANES * GROUPS>;\n\
\n\
fn strand_sum(lane: u32, strand: u32, value: Element) -> Element {\n\
  if (GROUPS == 1u) {\n\
    return value;\n\
  }\n\
  workgroupBarrier();\n\
  strands[strand * LANES + lane] = value;\n\
  workgroupBarrier();\n\
  for (var half = GROUPS / 2u; half > 0u; half /= 2u) {\n\
    if (strand < half) {\n\
      strands[strand * LANES + lane] += strands[(strand + half) * LANES + lane];\n\
    }\n\
    workgroupBarrier();\n\
  }\n\
  return strands[lane];\n\
}\n\
\n\
struct Params {\n\
  rows: u32,\n\
  channels: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<StoredElement>;\n\
@group(0) @binding(1) var<storage, read> dy: array<StoredElement>;\n\
@group(0) @binding(2) var<storage, read> statistics: array<Element>;\n\
@group(0) @binding(3) var<storage, read> gamma: array<Element>;\n\
@group(0) @binding(4) var<storage, read> beta: array<Element>;\n\
@group(0) @binding(5) var<storage, read_write> parts: array<Element>;\n\
@group(0) @binding(6) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES, GROUPS)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let channels = params.channels / VECTOR;\n\
  let tile = channel_tile(workgroup_index(group, grid), local.x, LANES, params.rows, channels, ROWS);\n\
  let channel = min(tile.channel, channels - 1u);\n\
  let mean = statistics[channel];\n\
  let inverse = inverseSqrt(statistics[channels + channel] + EPSILON);\n\
  let scale = select(inverse, gamma[channel] * inverse, GAMMA);\n\
  let shift = select(Element(), beta[channel], BETA);\n\
  var gamma_sum = Element();\n\
  var beta_sum = Element();\n\
  for (var row = tile.begin + local.y; row < tile.end; row += GROUPS) {\n\
    let i = row * channels + channel;\n\
    let centered = Element(x[i]) - mean;\n\
    var g = Element(dy[i]);\n\
    if (RELU) {\n\
      g = select(g, Element(), fma(centered, scale, shift) <= Element());\n\
    }\n\
    gamma_sum = fma(g, centered * inverse, gamma_sum);\n\
    beta_sum += g;\n\
  }\n\
  let all_gamma = strand_sum(local.x, local.y, gamma_sum);\n\
  let all_beta = strand_sum(local.x, local.y, beta_sum);\n\
  if (local.y > 0u || tile.begin >= params.rows || tile.channel >= channels) {\n\
    return;\n\
  }\n\
  let chunks = (params.rows + ROWS - 1u) / ROWS;\n\
  parts[tile.chunk * channels + channel] = all_gamma;\n\
  parts[(chunks + tile.chunk) * channels + channel] = all_beta;\n\
}\n\
",
};

/**
 * Third pass of the gradient of batch norm: with g = dy, or with RELU, dy where the output (computed again) was above 0,
 * dx = gamma / sqrt(variance + EPSILON) * (g - dbeta / rows - normalised x * dgamma / rows), and with FROZEN statistics,
 * which do not depend on x, dx = gamma / sqrt(variance + EPSILON) * g.
 */
export const batchNormGradient: KernelDefinition<"x" | "dy" | "statistics" | "gamma" | "beta" | "dgamma" | "dbeta" | "dx", "rows" | "channels", "HALF" | "LANES" | "VECTOR" | "ROWS" | "EPSILON" | "GAMMA" | "BETA" | "RELU" | "FROZEN"> = {
  name: "batchNormGradient",
  bindings: [{"name":"x","access":"read","element":"stored"}, {"name":"dy","access":"read","element":"stored"}, {"name":"statistics","access":"read","element":"f32"}, {"name":"gamma","access":"read","element":"f32"}, {"name":"beta","access":"read","element":"f32"}, {"name":"dgamma","access":"read","element":"f32"}, {"name":"dbeta","access":"read","element":"f32"}, {"name":"dx","access":"read_write","element":"stored"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"channels","type":"u32","offset":4}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 64 }, VECTOR: { type: "u32", value: 1 }, ROWS: { type: "u32", value: 8 }, EPSILON: { type: "f32", value: 0.00001 }, GAMMA: { type: "bool", value: 1 }, BETA: { type: "bool", value: 1 }, RELU: { type: "bool", value: 0 }, FROZEN: { type: "bool", value: 0 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["rows"] * v["channels"], dy: v["rows"] * v["channels"], statistics: 2 * v["channels"], gamma: v["channels"], beta: v["channels"], dgamma: v["channels"], dbeta: v["channels"], dx: v["rows"] * v["channels"] }),
  workgroups: (v) => Math.ceil(v["rows"] / v["ROWS"]) * Math.ceil(v["channels"] / (v["LANES"] * v["VECTOR"])),
  flops: (v) => 6 * v["rows"] * v["channels"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
struct ChannelTile {\n\
  channel: u32,\n\
  chunk: u32,\n\
  begin: u32,\n\
  end: u32,\n\
}\n\
\n\
fn channel_tile(index: u32, lane: u32, lanes: u32, rows: u32, channels: u32, rows_per_chunk: u32) -> ChannelTile {\n\
  let blocks = (channels + lanes - 1u) / lanes;\n\
  let chunk = index / blocks;\n\
  return ChannelTile(index % blocks * lanes + lane, chunk, chunk * rows_per_chunk, min(rows, (chunk + 1u) * rows_per_chunk));\n\
}\n\
alias Element = f32; //#vec4 alias Element = vec4f;\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
\n\
const LANES: u32 = 64u;\n\
const VECTOR: u32 = 1u;\n\
const ROWS: u32 = 8u;\n\
const EPSILON: f32 = 0.00001;\n\
const GAMMA: bool = true;\n\
const BETA: bool = true;\n\
const RELU: bool = false;\n\
const FROZEN: bool = false;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  channels: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<StoredElement>;\n\
@group(0) @binding(1) var<storage, read> dy: array<StoredElement>;\n\
@group(0) @binding(2) var<storage, read> statistics: array<Element>;\n\
@group(0) @binding(3) var<storage, read> gamma: array<Element>;\n\
@group(0) @binding(4) var<storage, read> beta: array<Element>;\n\
@group(0) @binding(5) var<storage, read> dgamma: array<Element>;\n\
@group(0) @binding(6) var<storage, read> dbeta: array<Element>;\n\
@group(0) @binding(7) var<storage, read_write> dx: array<StoredElement>;\n\
@group(0) @binding(8) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let channels = params.channels / VECTOR;\n\
  let tile = channel_tile(workgroup_index(group, grid), local.x, LANES, params.rows, channels, ROWS);\n\
  if (tile.begin >= params.rows || tile.channel >= channels) {\n\
    return;\n\
  }\n\
  let mean = statistics[tile.channel];\n\
  let inverse = inverseSqrt(statistics[channels + tile.channel] + EPSILON);\n\
  let scale = select(inverse, gamma[tile.channel] * inverse, GAMMA);\n\
  let shift = select(Element(), beta[tile.channel], BETA);\n\
  let rows = f32(params.rows);\n\
  let mean_g = select(dbeta[tile.channel] / rows, Element(), FROZEN);\n\
  let slope = select(inverse * dgamma[tile.channel] / rows, Element(), FROZEN);\n\
  for (var row = tile.begin; row < tile.end; row++) {\n\
    let i = row * channels + tile.channel;\n\
    let centered = Element(x[i]) - mean;\n\
    var g = Element(dy[i]);\n\
    if (RELU) {\n\
      g = select(g, Element(), fma(centered, scale, shift) <= Element());\n\
    }\n\
    dx[i] = StoredElement(scale * (g - mean_g - centered * slope));\n\
  }\n\
}\n\
",
};

/**
 * The running statistics in the form that batch-norm reads: the means, then the variances.
 */
export const batchNormRunning: KernelDefinition<"running_mean" | "running_var" | "statistics", "channels", "LANES"> = {
  name: "batchNormRunning",
  bindings: [{"name":"running_mean","access":"read","element":"f32"}, {"name":"running_var","access":"read","element":"f32"}, {"name":"statistics","access":"read_write","element":"f32"}],
  params: [{"name":"channels","type":"u32","offset":0}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 } },
  unrolls: () => [],
  shapes: (v) => ({ running_mean: v["channels"], running_var: v["channels"], statistics: 2 * v["channels"] }),
  workgroups: (v) => Math.ceil(v["channels"] / v["LANES"]),
  flops: () => 0,
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
\n\
struct Params {\n\
  channels: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> running_mean: array<f32>;\n\
@group(0) @binding(1) var<storage, read> running_var: array<f32>;\n\
@group(0) @binding(2) var<storage, read_write> statistics: array<f32>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let channel = workgroup_index(group, grid) * LANES + local.x;\n\
  if (channel < params.channels) {\n\
    statistics[channel] = running_mean[channel];\n\
    statistics[params.channels + channel] = running_var[channel];\n\
  }\n\
}\n\
",
};

/**
 * First pass of the statistics of batch norm: mean and sum of squared differences from it, of each run of ROWS rows and
 * each channel. The GROUPS strands of a workgroup take turns with the rows, BLOCK at a time: mean and squares of a block are
 * exact enough to be put together (Chan, Golub and LeVeque 1979), where a sum of squares would cancel. `parts` holds
 * [chunk, channel] means, then as many sums of squares.
 */
export const batchNormStatistics: KernelDefinition<"x" | "parts", "rows" | "channels", "HALF" | "LANES" | "GROUPS" | "VECTOR" | "ROWS"> = {
  name: "batchNormStatistics",
  bindings: [{"name":"x","access":"read","element":"stored"}, {"name":"parts","access":"read_write","element":"f32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"channels","type":"u32","offset":4}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 64 }, GROUPS: { type: "u32", value: 1 }, VECTOR: { type: "u32", value: 1 }, ROWS: { type: "u32", value: 64 } },
  unrolls: () => [8, 8],
  shapes: (v) => ({ x: v["rows"] * v["channels"], parts: 2 * Math.ceil(v["rows"] / v["ROWS"]) * v["channels"] }),
  workgroups: (v) => Math.ceil(v["rows"] / v["ROWS"]) * Math.ceil(v["channels"] / (v["LANES"] * v["VECTOR"])),
  flops: (v) => 5 * v["rows"] * v["channels"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
struct ChannelTile {\n\
  channel: u32,\n\
  chunk: u32,\n\
  begin: u32,\n\
  end: u32,\n\
}\n\
\n\
fn channel_tile(index: u32, lane: u32, lanes: u32, rows: u32, channels: u32, rows_per_chunk: u32) -> ChannelTile {\n\
  let blocks = (channels + lanes - 1u) / lanes;\n\
  let chunk = index / blocks;\n\
  return ChannelTile(index % blocks * lanes + lane, chunk, chunk * rows_per_chunk, min(rows, (chunk + 1u) * rows_per_chunk));\n\
}\n\
alias Element = f32; //#vec4 alias Element = vec4f;\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
\n\
const LANES: u32 = 64u;\n\
const GROUPS: u32 = 1u;\n\
const VECTOR: u32 = 1u;\n\
const ROWS: u32 = 64u;\n\
const BLOCK = 8u;\n\
var<workgroup> strands: array<Element, LANES * GROUPS>;\n\
\n\
fn strand_sum(lane: u32, strand: u32, value: Element) -> Element {\n\
  if (GROUPS == 1u) {\n\
    return value;\n\
  }\n\
  workgroupBarrier();\n\
  strands[strand * LANES + lane] = value;\n\
  workgroupBarrier();\n\
  for (var half = GROUPS / 2u; half > 0u; half /= 2u) {\n\
    if (strand < half) {\n\
      strands[strand * LANES + lane] += strands[(strand + half) * LANES + lane];\n\
    }\n\
    workgroupBarrier();\n\
  }\n\
  return strands[lane];\n\
}\n\
\n\
struct Params {\n\
  rows: u32,\n\
  channels: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<StoredElement>;\n\
@group(0) @binding(1) var<storage, read_write> parts: array<Element>;\n\
@group(0) @binding(2) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES, GROUPS)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let channels = params.channels / VECTOR;\n\
  let tile = channel_tile(workgroup_index(group, grid), local.x, LANES, params.rows, channels, ROWS);\n\
  let channel = min(tile.channel, channels - 1u);\n\
  var count = 0.0;\n\
  var mean = Element();\n\
  var squares = Element();\n\
  for (var row = tile.begin + local.y * BLOCK; row < tile.end; row += GROUPS * BLOCK) {\n\
    var values: array<Element, BLOCK>;\n\
    var sum = Element();\n\
    //#unroll\n\
    for (var r = 0u; r < BLOCK; r++) {\n\
      values[r] = Element(x[min(row + r, tile.end - 1u) * channels + channel]);\n\
      sum += select(Element(), values[r], row + r < tile.end);\n\
    }\n\
    let more = f32(min(BLOCK, tile.end - row));\n\
    let block_mean = sum / more;\n\
    //#unroll\n\
    for (var r = 0u; r < BLOCK; r++) {\n\
      let difference = select(Element(), values[r] - block_mean, row + r < tile.end);\n\
      squares = fma(difference, difference, squares);\n\
    }\n\
    let total = count + more;\n\
    let step = block_mean - mean;\n\
    mean += step * (more / total);\n\
    squares += step * step * (count * more / total);\n\
    count = total;\n\
  }\n\
  let all = strand_sum(local.x, local.y, count * mean) / f32(tile.end - tile.begin);\n\
  let apart = mean - all;\n\
  let total_squares = strand_sum(local.x, local.y, fma(count * apart, apart, squares));\n\
  if (local.y > 0u || tile.begin >= params.rows || tile.channel >= channels) {\n\
    return;\n\
  }\n\
  let chunks = (params.rows + ROWS - 1u) / ROWS;\n\
  parts[tile.chunk * channels + channel] = all;\n\
  parts[(chunks + tile.chunk) * channels + channel] = total_squares;\n\
}\n\
",
};

/**
 * Batch norm (Ioffe and Szegedy 2015), with what follows it in a residual net:
 * y = (x - mean) / sqrt(variance + EPSILON) * gamma + beta, then + residual with RESIDUAL, then max(., 0) with RELU.
 * `statistics` holds the means, then the variances. Without RESIDUAL, `residual` is not read (bind x); without GAMMA, the
 * scale is 1, and without BETA, the offset 0, whatever is bound.
 */
export const batchNorm: KernelDefinition<"x" | "statistics" | "gamma" | "beta" | "residual" | "y", "rows" | "channels", "HALF" | "LANES" | "VECTOR" | "ROWS" | "EPSILON" | "GAMMA" | "BETA" | "RESIDUAL" | "RELU"> = {
  name: "batchNorm",
  bindings: [{"name":"x","access":"read","element":"stored"}, {"name":"statistics","access":"read","element":"f32"}, {"name":"gamma","access":"read","element":"f32"}, {"name":"beta","access":"read","element":"f32"}, {"name":"residual","access":"read","element":"stored"}, {"name":"y","access":"read_write","element":"stored"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"channels","type":"u32","offset":4}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 64 }, VECTOR: { type: "u32", value: 1 }, ROWS: { type: "u32", value: 8 }, EPSILON: { type: "f32", value: 0.00001 }, GAMMA: { type: "bool", value: 1 }, BETA: { type: "bool", value: 1 }, RESIDUAL: { type: "bool", value: 0 }, RELU: { type: "bool", value: 0 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["rows"] * v["channels"], statistics: 2 * v["channels"], gamma: v["channels"], beta: v["channels"], residual: v["rows"] * v["channels"], y: v["rows"] * v["channels"] }),
  workgroups: (v) => Math.ceil(v["rows"] / v["ROWS"]) * Math.ceil(v["channels"] / (v["LANES"] * v["VECTOR"])),
  flops: (v) => 4 * v["rows"] * v["channels"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
struct ChannelTile {\n\
  channel: u32,\n\
  chunk: u32,\n\
  begin: u32,\n\
  end: u32,\n\
}\n\
\n\
fn channel_tile(index: u32, lane: u32, lanes: u32, rows: u32, channels: u32, rows_per_chunk: u32) -> ChannelTile {\n\
  let blocks = (channels + lanes - 1u) / lanes;\n\
  let chunk = index / blocks;\n\
  return ChannelTile(index % blocks * lanes + lane, chunk, chunk * rows_per_chunk, min(rows, (chunk + 1u) * rows_per_chunk));\n\
}\n\
alias Element = f32; //#vec4 alias Element = vec4f;\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
\n\
const LANES: u32 = 64u;\n\
const VECTOR: u32 = 1u;\n\
const ROWS: u32 = 8u;\n\
const EPSILON: f32 = 0.00001;\n\
const GAMMA: bool = true;\n\
const BETA: bool = true;\n\
const RESIDUAL: bool = false;\n\
const RELU: bool = false;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  channels: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<StoredElement>;\n\
@group(0) @binding(1) var<storage, read> statistics: array<Element>;\n\
@group(0) @binding(2) var<storage, read> gamma: array<Element>;\n\
@group(0) @binding(3) var<storage, read> beta: array<Element>;\n\
@group(0) @binding(4) var<storage, read> residual: array<StoredElement>;\n\
@group(0) @binding(5) var<storage, read_write> y: array<StoredElement>;\n\
@group(0) @binding(6) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let channels = params.channels / VECTOR;\n\
  let tile = channel_tile(workgroup_index(group, grid), local.x, LANES, params.rows, channels, ROWS);\n\
  if (tile.begin >= params.rows || tile.channel >= channels) {\n\
    return;\n\
  }\n\
  let mean = statistics[tile.channel];\n\
  let inverse = inverseSqrt(statistics[channels + tile.channel] + EPSILON);\n\
  let scale = select(inverse, gamma[tile.channel] * inverse, GAMMA);\n\
  let shift = select(Element(), beta[tile.channel], BETA);\n\
  for (var row = tile.begin; row < tile.end; row++) {\n\
    let i = row * channels + tile.channel;\n\
    var value = fma(Element(x[i]) - mean, scale, shift);\n\
    if (RESIDUAL) {\n\
      value += Element(residual[i]);\n\
    }\n\
    y[i] = StoredElement(select(value, max(value, Element()), RELU));\n\
  }\n\
}\n\
",
};

/**
 * Matrix products of a batch, either operand transposed: y[i, m, n] = sum_k op(a[i])[m, k] * op(b[i])[k, n]. For many small matrices,
 * such as those of attention; matmul is for large ones.
 */
export const batchedMatmul: KernelDefinition<"a" | "b" | "y", "batch" | "rows" | "inner" | "cols", "LANES" | "GROUPS" | "ROWS" | "COLS" | "TRANSPOSE_A" | "TRANSPOSE_B"> = {
  name: "batchedMatmul",
  bindings: [{"name":"a","access":"read","element":"f32"}, {"name":"b","access":"read","element":"f32"}, {"name":"y","access":"read_write","element":"f32"}],
  params: [{"name":"batch","type":"u32","offset":0}, {"name":"rows","type":"u32","offset":4}, {"name":"inner","type":"u32","offset":8}, {"name":"cols","type":"u32","offset":12}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 8 }, GROUPS: { type: "u32", value: 1 }, ROWS: { type: "u32", value: 8 }, COLS: { type: "u32", value: 4 }, TRANSPOSE_A: { type: "bool", value: 0 }, TRANSPOSE_B: { type: "bool", value: 0 } },
  unrolls: (v) => [v["ROWS"], v["COLS"], v["COLS"], v["ROWS"], v["COLS"], v["ROWS"], v["COLS"]],
  shapes: (v) => ({ a: v["batch"] * v["rows"] * v["inner"], b: v["batch"] * v["inner"] * v["cols"], y: v["batch"] * v["rows"] * v["cols"] }),
  workgroups: (v) => v["batch"] * Math.ceil(v["rows"] / (v["ROWS"] * v["GROUPS"])) * Math.ceil(v["cols"] / (v["COLS"] * v["LANES"])),
  flops: (v) => 2 * v["batch"] * v["rows"] * v["cols"] * v["inner"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
\n\
const LANES: u32 = 8u;\n\
const GROUPS: u32 = 1u;\n\
const ROWS: u32 = 8u;\n\
const COLS: u32 = 4u;\n\
const TRANSPOSE_A: bool = false;\n\
const TRANSPOSE_B: bool = false;\n\
\n\
struct Params {\n\
  batch: u32,\n\
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
@compute @workgroup_size(LANES, GROUPS)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let row_blocks = (params.rows + ROWS * GROUPS - 1u) / (ROWS * GROUPS);\n\
  let column_blocks = (params.cols + COLS * LANES - 1u) / (COLS * LANES);\n\
  let index = workgroup_index(group, grid);\n\
  let matrix = index / (row_blocks * column_blocks);\n\
  let row_start = (index / column_blocks % row_blocks * GROUPS + local.y) * ROWS;\n\
  let column_start = index % column_blocks * COLS * LANES + local.x;\n\
  if (matrix >= params.batch || row_start >= params.rows || column_start >= params.cols) {\n\
    return;\n\
  }\n\
\n\
  var a_at: array<u32, ROWS>;\n\
  //#unroll\n\
  for (var r = 0u; r < ROWS; r++) {\n\
    let row = min(row_start + r, params.rows - 1u);\n\
    a_at[r] = matrix * params.rows * params.inner + select(row * params.inner, row, TRANSPOSE_A);\n\
  }\n\
  var b_at: array<u32, COLS>;\n\
  //#unroll\n\
  for (var c = 0u; c < COLS; c++) {\n\
    let column = min(column_start + c * LANES, params.cols - 1u);\n\
    b_at[c] = matrix * params.inner * params.cols + select(column, column * params.inner, TRANSPOSE_B);\n\
  }\n\
  let a_step = select(1u, params.rows, TRANSPOSE_A);\n\
  let b_step = select(params.cols, 1u, TRANSPOSE_B);\n\
\n\
  var sums: array<array<f32, COLS>, ROWS>;\n\
  for (var k = 0u; k < params.inner; k++) {\n\
    var column_values: array<f32, COLS>;\n\
    //#unroll\n\
    for (var c = 0u; c < COLS; c++) {\n\
      column_values[c] = b[b_at[c] + k * b_step];\n\
    }\n\
    //#unroll\n\
    for (var r = 0u; r < ROWS; r++) {\n\
      let value = a[a_at[r] + k * a_step];\n\
      //#unroll\n\
      for (var c = 0u; c < COLS; c++) {\n\
        sums[r][c] = fma(value, column_values[c], sums[r][c]);\n\
      }\n\
    }\n\
  }\n\
\n\
  //#unroll\n\
  for (var r = 0u; r < ROWS; r++) {\n\
    //#unroll\n\
    for (var c = 0u; c < COLS; c++) {\n\
      let column = column_start + c * LANES;\n\
      if (row_start + r < params.rows && column < params.cols) {\n\
        y[(matrix * params.rows + row_start + r) * params.cols + column] = sums[r][c];\n\
      }\n\
    }\n\
  }\n\
}\n\
",
};

/**
 * Adds a value a channel: y[row, channel] = x[row, channel] + bias[channel].
 */
export const bias: KernelDefinition<"x" | "bias" | "y", "elements" | "channels", "HALF" | "LANES" | "ELEMENTS"> = {
  name: "bias",
  bindings: [{"name":"x","access":"read","element":"stored"}, {"name":"bias","access":"read","element":"f32"}, {"name":"y","access":"read_write","element":"stored"}],
  params: [{"name":"elements","type":"u32","offset":0}, {"name":"channels","type":"u32","offset":4}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 64 }, ELEMENTS: { type: "u32", value: 8 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["elements"], bias: v["channels"], y: v["elements"] }),
  workgroups: (v) => Math.ceil(v["elements"] / (v["LANES"] * v["ELEMENTS"])),
  flops: (v) => v["elements"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
\n\
const LANES: u32 = 64u;\n\
const ELEMENTS: u32 = 8u;\n\
\n\
struct Params {\n\
  elements: u32,\n\
  channels: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<Stored>;\n\
@group(0) @binding(1) var<storage, read> bias: array<f32>;\n\
@group(0) @binding(2) var<storage, read_write> y: array<Stored>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let first = workgroup_index(group, grid) * LANES * ELEMENTS;\n\
  let end = min(first + LANES * ELEMENTS, params.elements);\n\
  for (var i = first + local.x; i < end; i += LANES) {\n\
    y[i] = Stored(f32(x[i]) + bias[i % params.channels]);\n\
  }\n\
}\n\
",
};

/**
 * Two operands, element by element: y[r, c] = a[r, c] op b[r, c]. Each has all rows or one that counts for all, and so for the
 * columns. OPERATION: 0 a + b, 1 a - b, 2 a b, 3 a / b, 4 -a b.
 */
export const binary: KernelDefinition<"a" | "b" | "y", "a_rows" | "a_cols" | "b_rows" | "b_cols", "HALF" | "LANES" | "ELEMENTS" | "OPERATION"> = {
  name: "binary",
  bindings: [{"name":"a","access":"read","element":"stored"}, {"name":"b","access":"read","element":"stored"}, {"name":"y","access":"read_write","element":"stored"}],
  params: [{"name":"a_rows","type":"u32","offset":0}, {"name":"a_cols","type":"u32","offset":4}, {"name":"b_rows","type":"u32","offset":8}, {"name":"b_cols","type":"u32","offset":12}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 64 }, ELEMENTS: { type: "u32", value: 8 }, OPERATION: { type: "u32", value: 0 } },
  unrolls: () => [],
  shapes: (v) => ({ a: v["a_rows"] * v["a_cols"], b: v["b_rows"] * v["b_cols"], y: Math.max(v["a_rows"], v["b_rows"]) * Math.max(v["a_cols"], v["b_cols"]) }),
  workgroups: (v) => Math.ceil(Math.max(v["a_rows"], v["b_rows"]) * Math.max(v["a_cols"], v["b_cols"]) / (v["LANES"] * v["ELEMENTS"])),
  flops: (v) => Math.max(v["a_rows"], v["b_rows"]) * Math.max(v["a_cols"], v["b_cols"]),
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
fn repeated(row: u32, col: u32, rows: u32, cols: u32) -> u32 {\n\
  return select(0u, row, rows > 1u) * cols + select(0u, col, cols > 1u);\n\
}\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
\n\
const LANES: u32 = 64u;\n\
const ELEMENTS: u32 = 8u;\n\
const OPERATION: u32 = 0u;\n\
\n\
struct Params {\n\
  a_rows: u32,\n\
  a_cols: u32,\n\
  b_rows: u32,\n\
  b_cols: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> a: array<Stored>;\n\
@group(0) @binding(1) var<storage, read> b: array<Stored>;\n\
@group(0) @binding(2) var<storage, read_write> y: array<Stored>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
fn operation(a: f32, b: f32) -> f32 {\n\
  switch OPERATION {\n\
    case 0u: {\n\
      return a + b;\n\
    }\n\
    case 1u: {\n\
      return a - b;\n\
    }\n\
    case 2u: {\n\
      return a * b;\n\
    }\n\
    case 3u: {\n\
      return a / b;\n\
    }\n\
    default: {\n\
      return -a * b;\n\
    }\n\
  }\n\
}\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let cols = max(params.a_cols, params.b_cols);\n\
  let first = workgroup_index(group, grid) * LANES * ELEMENTS;\n\
  let end = min(first + LANES * ELEMENTS, max(params.a_rows, params.b_rows) * cols);\n\
  for (var i = first + local.x; i < end; i += LANES) {\n\
    let row = i / cols;\n\
    let col = i % cols;\n\
    let left = a[repeated(row, col, params.a_rows, params.a_cols)];\n\
    let right = b[repeated(row, col, params.b_rows, params.b_cols)];\n\
    y[i] = Stored(operation(f32(left), f32(right)));\n\
  }\n\
}\n\
",
};

/**
 * A row, a column or a single number repeated to a matrix: y[r, c] = x[r, c] / divisor, where x has all rows or one that counts
 * for all, and so for the columns. The gradient of a sum, and with a divisor, of a mean.
 */
export const broadcast: KernelDefinition<"x" | "y", "x_rows" | "x_cols" | "rows" | "cols" | "divisor", "HALF" | "LANES" | "ELEMENTS"> = {
  name: "broadcast",
  bindings: [{"name":"x","access":"read","element":"f32"}, {"name":"y","access":"read_write","element":"stored"}],
  params: [{"name":"x_rows","type":"u32","offset":0}, {"name":"x_cols","type":"u32","offset":4}, {"name":"rows","type":"u32","offset":8}, {"name":"cols","type":"u32","offset":12}, {"name":"divisor","type":"f32","offset":16}],
  paramsSize: 32,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 64 }, ELEMENTS: { type: "u32", value: 8 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["x_rows"] * v["x_cols"], y: v["rows"] * v["cols"] }),
  workgroups: (v) => Math.ceil(v["rows"] * v["cols"] / (v["LANES"] * v["ELEMENTS"])),
  flops: (v) => v["rows"] * v["cols"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
fn repeated(row: u32, col: u32, rows: u32, cols: u32) -> u32 {\n\
  return select(0u, row, rows > 1u) * cols + select(0u, col, cols > 1u);\n\
}\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
\n\
const LANES: u32 = 64u;\n\
const ELEMENTS: u32 = 8u;\n\
\n\
struct Params {\n\
  x_rows: u32,\n\
  x_cols: u32,\n\
  rows: u32,\n\
  cols: u32,\n\
  divisor: f32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<f32>;\n\
@group(0) @binding(1) var<storage, read_write> y: array<Stored>;\n\
@group(0) @binding(2) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let first = workgroup_index(group, grid) * LANES * ELEMENTS;\n\
  let end = min(first + LANES * ELEMENTS, params.rows * params.cols);\n\
  for (var i = first + local.x; i < end; i += LANES) {\n\
    y[i] = Stored(x[repeated(i / params.cols, i % params.cols, params.x_rows, params.x_cols)] / params.divisor);\n\
  }\n\
}\n\
",
};

/**
 * Images kept as bytes (R, G, B, 255 a pixel in one u32) as RGB images with values in [0, 1]; one thread a pixel.
 */
export const bytesToImages: KernelDefinition<"bytes" | "y", "pixels", "LANES"> = {
  name: "bytesToImages",
  bindings: [{"name":"bytes","access":"read","element":"u32"}, {"name":"y","access":"read_write","element":"f32"}],
  params: [{"name":"pixels","type":"u32","offset":0}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 } },
  unrolls: () => [],
  shapes: (v) => ({ bytes: v["pixels"], y: v["pixels"] * 3 }),
  workgroups: (v) => Math.ceil(v["pixels"] / v["LANES"]),
  flops: (v) => v["pixels"] * 3,
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
\n\
struct Params {\n\
  pixels: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> bytes: array<u32>;\n\
@group(0) @binding(1) var<storage, read_write> y: array<f32>;\n\
@group(0) @binding(2) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let i = workgroup_index(group, grid) * LANES + local.x;\n\
  if (i < params.pixels) {\n\
    let color = unpack4x8unorm(bytes[i]);\n\
    y[3u * i] = color.r;\n\
    y[3u * i + 1u] = color.g;\n\
    y[3u * i + 2u] = color.b;\n\
  }\n\
}\n\
",
};

/**
 * Three channels, each scaled and shifted: y[p, c] = scale[c] * x[p, c] + offset[c].
 */
export const channelScale: KernelDefinition<"x" | "y", "pixels" | "scale_r" | "scale_g" | "scale_b" | "offset_r" | "offset_g" | "offset_b", "HALF" | "LANES" | "ELEMENTS"> = {
  name: "channelScale",
  bindings: [{"name":"x","access":"read","element":"stored"}, {"name":"y","access":"read_write","element":"stored"}],
  params: [{"name":"pixels","type":"u32","offset":0}, {"name":"scale_r","type":"f32","offset":4}, {"name":"scale_g","type":"f32","offset":8}, {"name":"scale_b","type":"f32","offset":12}, {"name":"offset_r","type":"f32","offset":16}, {"name":"offset_g","type":"f32","offset":20}, {"name":"offset_b","type":"f32","offset":24}],
  paramsSize: 32,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 64 }, ELEMENTS: { type: "u32", value: 8 } },
  unrolls: () => [],
  shapes: (v) => ({ x: 3 * v["pixels"], y: 3 * v["pixels"] }),
  workgroups: (v) => Math.ceil(3 * v["pixels"] / (v["LANES"] * v["ELEMENTS"])),
  flops: (v) => 6 * v["pixels"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
\n\
const LANES: u32 = 64u;\n\
const ELEMENTS: u32 = 8u;\n\
\n\
struct Params {\n\
  pixels: u32,\n\
  scale_r: f32,\n\
  scale_g: f32,\n\
  scale_b: f32,\n\
  offset_r: f32,\n\
  offset_g: f32,\n\
  offset_b: f32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<Stored>;\n\
@group(0) @binding(1) var<storage, read_write> y: array<Stored>;\n\
@group(0) @binding(2) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let scale = vec3f(params.scale_r, params.scale_g, params.scale_b);\n\
  let offset = vec3f(params.offset_r, params.offset_g, params.offset_b);\n\
  let first = workgroup_index(group, grid) * LANES * ELEMENTS;\n\
  let end = min(first + LANES * ELEMENTS, 3u * params.pixels);\n\
  for (var i = first + local.x; i < end; i += LANES) {\n\
    y[i] = Stored(fma(scale[i % 3u], f32(x[i]), offset[i % 3u]));\n\
  }\n\
}\n\
",
};

/**
 * Gradient of the mean and the biased variance of each column: dx[r, c] = (dmean[c] + 2 dvariance[c] (x[r, c] - mean[c])) / rows.
 * `statistics` holds the means, then the variances, and `dstatistics` their gradients.
 */
export const columnStatisticsGradient: KernelDefinition<"x" | "statistics" | "dstatistics" | "dx", "rows" | "channels", "HALF" | "LANES" | "ELEMENTS"> = {
  name: "columnStatisticsGradient",
  bindings: [{"name":"x","access":"read","element":"stored"}, {"name":"statistics","access":"read","element":"f32"}, {"name":"dstatistics","access":"read","element":"f32"}, {"name":"dx","access":"read_write","element":"stored"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"channels","type":"u32","offset":4}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 64 }, ELEMENTS: { type: "u32", value: 8 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["rows"] * v["channels"], statistics: 2 * v["channels"], dstatistics: 2 * v["channels"], dx: v["rows"] * v["channels"] }),
  workgroups: (v) => Math.ceil(v["rows"] * v["channels"] / (v["LANES"] * v["ELEMENTS"])),
  flops: (v) => 4 * v["rows"] * v["channels"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
\n\
const LANES: u32 = 64u;\n\
const ELEMENTS: u32 = 8u;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  channels: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<Stored>;\n\
@group(0) @binding(1) var<storage, read> statistics: array<f32>;\n\
@group(0) @binding(2) var<storage, read> dstatistics: array<f32>;\n\
@group(0) @binding(3) var<storage, read_write> dx: array<Stored>;\n\
@group(0) @binding(4) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let first = workgroup_index(group, grid) * LANES * ELEMENTS;\n\
  let end = min(first + LANES * ELEMENTS, params.rows * params.channels);\n\
  for (var i = first + local.x; i < end; i += LANES) {\n\
    let channel = i % params.channels;\n\
    let along = 2.0 * dstatistics[params.channels + channel] * (f32(x[i]) - statistics[channel]);\n\
    dx[i] = Stored((dstatistics[channel] + along) / f32(params.rows));\n\
  }\n\
}\n\
",
};

/**
 * First pass of the sums of columns: of each run of ROWS rows, with which the GROUPS strands of a workgroup take turns.
 * sum-splits adds the runs up.
 */
export const columnSums: KernelDefinition<"x" | "parts", "rows" | "channels", "HALF" | "LANES" | "GROUPS" | "VECTOR" | "ROWS"> = {
  name: "columnSums",
  bindings: [{"name":"x","access":"read","element":"stored"}, {"name":"parts","access":"read_write","element":"f32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"channels","type":"u32","offset":4}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 64 }, GROUPS: { type: "u32", value: 1 }, VECTOR: { type: "u32", value: 1 }, ROWS: { type: "u32", value: 64 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["rows"] * v["channels"], parts: Math.ceil(v["rows"] / v["ROWS"]) * v["channels"] }),
  workgroups: (v) => Math.ceil(v["rows"] / v["ROWS"]) * Math.ceil(v["channels"] / (v["LANES"] * v["VECTOR"])),
  flops: (v) => v["rows"] * v["channels"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
struct ChannelTile {\n\
  channel: u32,\n\
  chunk: u32,\n\
  begin: u32,\n\
  end: u32,\n\
}\n\
\n\
fn channel_tile(index: u32, lane: u32, lanes: u32, rows: u32, channels: u32, rows_per_chunk: u32) -> ChannelTile {\n\
  let blocks = (channels + lanes - 1u) / lanes;\n\
  let chunk = index / blocks;\n\
  return ChannelTile(index % blocks * lanes + lane, chunk, chunk * rows_per_chunk, min(rows, (chunk + 1u) * rows_per_chunk));\n\
}\n\
alias Element = f32; //#vec4 alias Element = vec4f;\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
\n\
const LANES: u32 = 64u;\n\
const GROUPS: u32 = 1u;\n\
const VECTOR: u32 = 1u;\n\
const ROWS: u32 = 64u;\n\
var<workgroup> strands: array<Element, LANES * GROUPS>;\n\
\n\
fn strand_sum(lane: u32, strand: u32, value: Element) -> Element {\n\
  if (GROUPS == 1u) {\n\
    return value;\n\
  }\n\
  workgroupBarrier();\n\
  strands[strand * LANES + lane] = value;\n\
  workgroupBarrier();\n\
  for (var half = GROUPS / 2u; half > 0u; half /= 2u) {\n\
    if (strand < half) {\n\
      strands[strand * LANES + lane] += strands[(strand + half) * LANES + lane];\n\
    }\n\
    workgroupBarrier();\n\
  }\n\
  return strands[lane];\n\
}\n\
\n\
struct Params {\n\
  rows: u32,\n\
  channels: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<StoredElement>;\n\
@group(0) @binding(1) var<storage, read_write> parts: array<Element>;\n\
@group(0) @binding(2) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES, GROUPS)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let channels = params.channels / VECTOR;\n\
  let tile = channel_tile(workgroup_index(group, grid), local.x, LANES, params.rows, channels, ROWS);\n\
  let channel = min(tile.channel, channels - 1u);\n\
  var sum = Element();\n\
  for (var row = tile.begin + local.y; row < tile.end; row += GROUPS) {\n\
    sum += Element(x[row * channels + channel]);\n\
  }\n\
  let total = strand_sum(local.x, local.y, sum);\n\
  if (local.y == 0u && tile.begin < params.rows && tile.channel < channels) {\n\
    parts[tile.chunk * channels + channel] = total;\n\
  }\n\
}\n\
",
};

/**
 * Second half of the gradient of a convolution with respect to its input: each element of the input adds up what the taps
 * that read it have for it, columns[n, oy, ox, ky, kx, c] = sum_o dy[n, oy, ox, o] * weight[ky, kx, c, o]:
 * dx[n, iy, ix, c] = sum_{ky, kx} columns[n, (iy + PADDING_Y - ky) / STRIDE_Y, (ix + PADDING_X - kx) / STRIDE_X, ky, kx, c],
 * over the taps for which both divisions come out even and give a place inside of the output.
 */
export const columnsToImage: KernelDefinition<"columns" | "dx", "batch", "LANES" | "ELEMENTS" | "STRIDE_Y" | "STRIDE_X" | "PADDING_Y" | "PADDING_X" | "KERNEL_HEIGHT" | "KERNEL_WIDTH" | "IN_HEIGHT" | "IN_WIDTH" | "IN_CHANNELS" | "OUT_HEIGHT" | "OUT_WIDTH"> = {
  name: "columnsToImage",
  bindings: [{"name":"columns","access":"read","element":"f32"}, {"name":"dx","access":"read_write","element":"f32"}],
  params: [{"name":"batch","type":"u32","offset":0}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 }, ELEMENTS: { type: "u32", value: 8 }, STRIDE_Y: { type: "u32", value: 1 }, STRIDE_X: { type: "u32", value: 1 }, PADDING_Y: { type: "u32", value: 1 }, PADDING_X: { type: "u32", value: 1 }, KERNEL_HEIGHT: { type: "u32", value: 3 }, KERNEL_WIDTH: { type: "u32", value: 3 }, IN_HEIGHT: { type: "u32", value: 8 }, IN_WIDTH: { type: "u32", value: 8 }, IN_CHANNELS: { type: "u32", value: 3 }, OUT_HEIGHT: { type: "u32", value: 8 }, OUT_WIDTH: { type: "u32", value: 8 } },
  unrolls: () => [],
  shapes: (v) => ({ columns: v["batch"] * v["OUT_HEIGHT"] * v["OUT_WIDTH"] * v["KERNEL_HEIGHT"] * v["KERNEL_WIDTH"] * v["IN_CHANNELS"], dx: v["batch"] * v["IN_HEIGHT"] * v["IN_WIDTH"] * v["IN_CHANNELS"] }),
  workgroups: (v) => Math.ceil(v["batch"] * v["IN_HEIGHT"] * v["IN_WIDTH"] * v["IN_CHANNELS"] / (v["LANES"] * v["ELEMENTS"])),
  flops: (v) => v["batch"] * v["OUT_HEIGHT"] * v["OUT_WIDTH"] * v["KERNEL_HEIGHT"] * v["KERNEL_WIDTH"] * v["IN_CHANNELS"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
const ELEMENTS: u32 = 8u;\n\
const STRIDE_Y: u32 = 1u;\n\
const STRIDE_X: u32 = 1u;\n\
const PADDING_Y: u32 = 1u;\n\
const PADDING_X: u32 = 1u;\n\
const KERNEL_HEIGHT: u32 = 3u;\n\
const KERNEL_WIDTH: u32 = 3u;\n\
const IN_HEIGHT: u32 = 8u;\n\
const IN_WIDTH: u32 = 8u;\n\
const IN_CHANNELS: u32 = 3u;\n\
const OUT_HEIGHT: u32 = 8u;\n\
const OUT_WIDTH: u32 = 8u;\n\
const TAPS_DOWN = (KERNEL_HEIGHT + STRIDE_Y - 1u) / STRIDE_Y;\n\
const TAPS_ACROSS = (KERNEL_WIDTH + STRIDE_X - 1u) / STRIDE_X;\n\
\n\
struct Params {\n\
  batch: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> columns: array<f32>;\n\
@group(0) @binding(1) var<storage, read_write> dx: array<f32>;\n\
@group(0) @binding(2) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let first = workgroup_index(group, grid) * LANES * ELEMENTS;\n\
  let end = min(first + LANES * ELEMENTS, params.batch * IN_HEIGHT * IN_WIDTH * IN_CHANNELS);\n\
  for (var i = first + local.x; i < end; i += LANES) {\n\
    let pixel = i / IN_CHANNELS;\n\
    let row = pixel / IN_WIDTH % IN_HEIGHT + PADDING_Y;\n\
    let column = pixel % IN_WIDTH + PADDING_X;\n\
    let image = pixel / (IN_WIDTH * IN_HEIGHT);\n\
    var sum = 0.0;\n\
    for (var down = 0u; down < TAPS_DOWN; down++) {\n\
      let ky = row % STRIDE_Y + down * STRIDE_Y;\n\
      let oy = row / STRIDE_Y - down;\n\
      for (var across = 0u; across < TAPS_ACROSS; across++) {\n\
        let kx = column % STRIDE_X + across * STRIDE_X;\n\
        let ox = column / STRIDE_X - across;\n\
        let inside = ky < KERNEL_HEIGHT && oy < OUT_HEIGHT && kx < KERNEL_WIDTH && ox < OUT_WIDTH;\n\
        let source = (image * OUT_HEIGHT + oy) * OUT_WIDTH + ox;\n\
        let at = ((source * KERNEL_HEIGHT + ky) * KERNEL_WIDTH + kx) * IN_CHANNELS + i % IN_CHANNELS;\n\
        sum += select(0.0, columns[at], inside);\n\
      }\n\
    }\n\
    dx[i] = sum;\n\
  }\n\
}\n\
",
};

/**
 * A panel of columns for the contrastive losses: rows of the embeddings, made of length 1 and transposed,
 * columns[k, j] = z[first_column + j, k] * inverse[first_column + j]. Behind each dimension's `width` columns, zeros fill the last
 * vector of four.
 */
export const contrastColumns: KernelDefinition<"z" | "anchors" | "columns", "rows" | "dim" | "first_column" | "width", "LANES" | "DIMS" | "VECTOR"> = {
  name: "contrastColumns",
  bindings: [{"name":"z","access":"read","element":"f32"}, {"name":"anchors","access":"read","element":"f32"}, {"name":"columns","access":"read_write","element":"f32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"dim","type":"u32","offset":4}, {"name":"first_column","type":"u32","offset":8}, {"name":"width","type":"u32","offset":12}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 32 }, DIMS: { type: "u32", value: 16 }, VECTOR: { type: "u32", value: 1 } },
  unrolls: (v) => [4, 4, v["VECTOR"]],
  shapes: (v) => ({ z: v["rows"] * v["dim"], anchors: 3 * v["rows"], columns: v["dim"] * 4 * Math.ceil(v["width"] / 4) }),
  workgroups: (v) => Math.ceil(Math.ceil(v["width"] / 4) / v["LANES"]) * Math.ceil(v["dim"] / v["DIMS"]),
  flops: (v) => v["width"] * v["dim"],
  source: "alias Element = f32; //#vec4 alias Element = vec4f;\n\
fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
\n\
fn place_in_panel(row: u32, first_column: u32, same_block: u32) -> u32 {\n\
  return select(4294967295u, row - first_column, same_block == 1u);\n\
}\n\
\n\
fn panel_stride(width: u32) -> u32 {\n\
  return (width + 3u) / 4u * 4u;\n\
}\n\
\n\
const LANES: u32 = 32u;\n\
const DIMS: u32 = 16u;\n\
const VECTOR: u32 = 1u;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  dim: u32,\n\
  first_column: u32,\n\
  width: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> z: array<Element>;\n\
@group(0) @binding(1) var<storage, read> anchors: array<f32>;\n\
@group(0) @binding(2) var<storage, read_write> columns: array<vec4f>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let dim_blocks = (params.dim + DIMS - 1u) / DIMS;\n\
  let index = workgroup_index(group, grid);\n\
  let column = index / dim_blocks * LANES + local.x;\n\
  let stride = panel_stride(params.width) / 4u;\n\
  if (column >= stride) {\n\
    return;\n\
  }\n\
  let place = vec4u(4u * column) + vec4u(0u, 1u, 2u, 3u);\n\
  let rows = params.first_column + min(place, vec4u(params.width - 1u));\n\
  var scale: vec4f;\n\
  //#unroll\n\
  for (var i = 0u; i < 4u; i++) {\n\
    scale[i] = select(0.0, anchors[rows[i]], place[i] < params.width);\n\
  }\n\
  let begin = index % dim_blocks * DIMS;\n\
  let end = min(begin + DIMS, params.dim);\n\
  for (var k = begin; k < end; k += VECTOR) {\n\
    var values: array<vec4f, 4>;\n\
    //#unroll\n\
    for (var i = 0u; i < 4u; i++) {\n\
      values[i] = vec4f(z[(rows[i] * params.dim + k) / VECTOR]) * scale[i];\n\
    }\n\
    //#unroll\n\
    for (var v = 0u; v < VECTOR; v++) {\n\
      columns[(k + v) * stride + column] = vec4f(values[0][v], values[1][v], values[2][v], values[3][v]);\n\
    }\n\
  }\n\
}\n\
",
};

/**
 * Second pass of the contrastive losses: puts the runs of keys of each anchor of a block together. With P the keys that attract it,
 * A its candidates, which are the positives and the negatives, and p[j] = exp(s[j] - lse), an anchor has the loss
 * lse - mean_{j in P} s[j] with lse = log sum_{j in A} exp(s[j]),
 * and counts where neither is empty. Of each anchor, `anchors` holds the reciprocal of its norm, and gets
 * - its lse,
 * - its pull (see lib/slope.wgsl): where P is one positive, what that one lacks, the sum of p over the negatives; elsewhere -1 / |P|.
 * correct[first + i] says whether the largest logit of P is larger than every negative's; a tie does not count. Anchors that do not
 * count have the loss 0, a pull of 0, and an lse that makes all p 0. One thread an anchor.
 */
export const contrastCombine: KernelDefinition<"partials" | "anchors" | "losses" | "correct" | "counted", "rows" | "splits" | "first" | "total", "LOWEST" | "LANES" | "HIGHEST"> = {
  name: "contrastCombine",
  bindings: [{"name":"partials","access":"read","element":"f32"}, {"name":"anchors","access":"read_write","element":"f32"}, {"name":"losses","access":"read_write","element":"f32"}, {"name":"correct","access":"read_write","element":"f32"}, {"name":"counted","access":"read_write","element":"f32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"splits","type":"u32","offset":4}, {"name":"first","type":"u32","offset":8}, {"name":"total","type":"u32","offset":12}],
  paramsSize: 16,
  constants: { LOWEST: { type: "f32", value: -1e+30 }, LANES: { type: "u32", value: 64 }, HIGHEST: { type: "f32", value: 1e+30 } },
  unrolls: () => [],
  shapes: (v) => ({ partials: 7 * v["splits"] * v["rows"], anchors: 3 * v["rows"], losses: v["total"], correct: v["total"], counted: v["total"] }),
  workgroups: (v) => Math.ceil(v["rows"] / v["LANES"]),
  flops: (v) => v["rows"] * (9 * v["splits"] + 10),
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
const LARGEST = 0u;\n\
const SUM = 1u;\n\
const POSITIVE_LARGEST = 2u;\n\
const POSITIVE_SUM = 3u;\n\
const ATTRACTED_LARGEST = 4u;\n\
const TOTAL = 5u;\n\
const COUNT = 6u;\n\
const LOWEST: f32 = -1e30;\n\
\n\
fn merged(a: vec2f, b: vec2f) -> vec2f {\n\
  let most = max(a.x, b.x);\n\
  return vec2f(most, a.y * exp(a.x - most) + b.y * exp(b.x - most));\n\
}\n\
\n\
fn is_largest(part: u32) -> bool {\n\
  return part == LARGEST || part == POSITIVE_LARGEST || part == ATTRACTED_LARGEST;\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
const HIGHEST: f32 = 1e30;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  splits: u32,\n\
  first: u32,\n\
  total: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> partials: array<f32>;\n\
@group(0) @binding(1) var<storage, read_write> anchors: array<f32>;\n\
@group(0) @binding(2) var<storage, read_write> losses: array<f32>;\n\
@group(0) @binding(3) var<storage, read_write> correct: array<f32>;\n\
@group(0) @binding(4) var<storage, read_write> counted: array<f32>;\n\
@group(0) @binding(5) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let row = workgroup_index(group, grid) * LANES + local.x;\n\
  if (row >= params.rows) {\n\
    return;\n\
  }\n\
  let next = params.splits * params.rows;\n\
  var largest = LOWEST;\n\
  var positive_largest = LOWEST;\n\
  var attracted_largest = LOWEST;\n\
  var total = 0.0;\n\
  var count = 0.0;\n\
  for (var s = 0u; s < params.splits; s++) {\n\
    let at = s * params.rows + row;\n\
    largest = max(largest, partials[at]);\n\
    positive_largest = max(positive_largest, partials[POSITIVE_LARGEST * next + at]);\n\
    attracted_largest = max(attracted_largest, partials[ATTRACTED_LARGEST * next + at]);\n\
    total += partials[TOTAL * next + at];\n\
    count += partials[COUNT * next + at];\n\
  }\n\
  let now = max(largest, positive_largest);\n\
  var negatives = 0.0;\n\
  var positives = 0.0;\n\
  for (var s = 0u; s < params.splits; s++) {\n\
    let at = s * params.rows + row;\n\
    negatives += partials[SUM * next + at] * exp(partials[at] - now);\n\
    positives += partials[POSITIVE_SUM * next + at] * exp(partials[POSITIVE_LARGEST * next + at] - now);\n\
  }\n\
  let sum = negatives + positives;\n\
  let counts = count > 0.0 && sum != 0.0;\n\
  let some = select(1.0, sum, counts);\n\
  let number = max(count, 1.0);\n\
  let mean = select(total / number, total, count == 1.0);\n\
  let alone = count == 1.0 && positives != 0.0;\n\
  anchors[params.rows + row] = select(HIGHEST, now + log(some), counts);\n\
  anchors[2u * params.rows + row] = select(0.0, select(-1.0 / number, negatives / some, alone), counts);\n\
  losses[params.first + row] = select(0.0, log(some) + (now - mean), counts);\n\
  let nearest = max(positive_largest, attracted_largest);\n\
  correct[params.first + row] = select(0.0, 1.0, counts && nearest > largest);\n\
  counted[params.first + row] = select(0.0, 1.0, counts);\n\
}\n\
",
};

/**
 * Last step of the gradient of the contrastive losses, in place: from dz as contrast-gradient leaves it, the sum g over all columns,
 * to the gradient with respect to the embeddings as they were given. With u = z / |z| and the gradient of the mean over `total`
 * anchors, dz = gradient / (total * temperature) * (g - u * (u . g)) / |z|, and without the projection where rows were too short to be
 * made of length 1. A workgroup a row.
 */
export const contrastEmbeddingGradient: KernelDefinition<"z" | "anchors" | "gradient" | "dz", "rows" | "dim" | "total" | "inverse_temperature", "LANES" | "LARGEST"> = {
  name: "contrastEmbeddingGradient",
  bindings: [{"name":"z","access":"read","element":"f32"}, {"name":"anchors","access":"read","element":"f32"}, {"name":"gradient","access":"read","element":"f32"}, {"name":"dz","access":"read_write","element":"f32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"dim","type":"u32","offset":4}, {"name":"total","type":"u32","offset":8}, {"name":"inverse_temperature","type":"f32","offset":12}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 8 }, LARGEST: { type: "f32", value: 1000000000000 } },
  unrolls: () => [],
  shapes: (v) => ({ z: v["rows"] * v["dim"], anchors: 3 * v["rows"], gradient: 1, dz: v["rows"] * v["dim"] }),
  workgroups: (v) => v["rows"],
  flops: (v) => 5 * v["rows"] * v["dim"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
var<workgroup> reduced: array<f32, LANES>;\n\
\n\
fn workgroup_sum(lane: u32, value: f32) -> f32 {\n\
  workgroupBarrier();\n\
  reduced[lane] = value;\n\
  workgroupBarrier();\n\
  for (var half = LANES / 2u; half > 0u; half /= 2u) {\n\
    if (lane < half) {\n\
      reduced[lane] += reduced[lane + half];\n\
    }\n\
    workgroupBarrier();\n\
  }\n\
  return reduced[0];\n\
}\n\
\n\
const LANES: u32 = 8u;\n\
const LARGEST: f32 = 1000000000000.0;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  dim: u32,\n\
  total: u32,\n\
  inverse_temperature: f32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> z: array<f32>;\n\
@group(0) @binding(1) var<storage, read> anchors: array<f32>;\n\
@group(0) @binding(2) var<storage, read> gradient: array<f32>;\n\
@group(0) @binding(3) var<storage, read_write> dz: array<f32>;\n\
@group(0) @binding(4) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let row = workgroup_index(group, grid);\n\
  if (row >= params.rows) {\n\
    return;\n\
  }\n\
  let inverse = anchors[row];\n\
  let scale = gradient[0] * params.inverse_temperature / f32(params.total);\n\
  var dot = 0.0;\n\
  for (var d = local.x; d < params.dim; d += LANES) {\n\
    let at = row * params.dim + d;\n\
    dot = fma(z[at] * inverse, dz[at], dot);\n\
  }\n\
  dot = workgroup_sum(local.x, dot);\n\
  let along = select(0.0, dot, inverse < LARGEST);\n\
  for (var d = local.x; d < params.dim; d += LANES) {\n\
    let at = row * params.dim + d;\n\
    dz[at] = (dz[at] - z[at] * inverse * along) * (inverse * scale);\n\
  }\n\
}\n\
",
};

/**
 * The factors before the columns in the gradient of the contrastive losses (see contrast-gradient), in place of the cosine
 * similarities of a run of `count` rows from first_row on and a panel of columns; for dimensions that are too many for that kernel.
 */
export const contrastFactors: KernelDefinition<"factors" | "anchors" | "marks" | "column_anchors" | "column_marks", "rows" | "first_row" | "count" | "column_rows" | "first_column" | "width" | "same_block" | "inverse_temperature", "SAME" | "OTHER" | "TIMED" | "BEYOND" | "NEAR" | "FAR" | "ONE_POSITIVE" | "WEIGHTED" | "ROW_ANCHORS" | "COLUMN_ANCHORS" | "LANES"> = {
  name: "contrastFactors",
  bindings: [{"name":"factors","access":"read_write","element":"f32"}, {"name":"anchors","access":"read","element":"f32"}, {"name":"marks","access":"read","element":"u32"}, {"name":"column_anchors","access":"read","element":"f32"}, {"name":"column_marks","access":"read","element":"u32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"first_row","type":"u32","offset":4}, {"name":"count","type":"u32","offset":8}, {"name":"column_rows","type":"u32","offset":12}, {"name":"first_column","type":"u32","offset":16}, {"name":"width","type":"u32","offset":20}, {"name":"same_block","type":"u32","offset":24}, {"name":"inverse_temperature","type":"f32","offset":28}],
  paramsSize: 32,
  constants: { SAME: { type: "u32", value: 3 }, OTHER: { type: "u32", value: 2 }, TIMED: { type: "bool", value: 0 }, BEYOND: { type: "u32", value: 0 }, NEAR: { type: "u32", value: 0 }, FAR: { type: "u32", value: 0 }, ONE_POSITIVE: { type: "bool", value: 0 }, WEIGHTED: { type: "bool", value: 0 }, ROW_ANCHORS: { type: "bool", value: 1 }, COLUMN_ANCHORS: { type: "bool", value: 1 }, LANES: { type: "u32", value: 64 } },
  unrolls: () => [],
  shapes: (v) => ({ factors: v["count"] * v["width"], anchors: 3 * v["rows"], marks: (1 + v["TIMED"]) * v["rows"], column_anchors: 3 * v["column_rows"], column_marks: (1 + v["TIMED"]) * v["column_rows"] }),
  workgroups: (v) => Math.ceil(v["count"] * v["width"] / v["LANES"]),
  flops: (v) => (3 + 5 * (v["ROW_ANCHORS"] + v["COLUMN_ANCHORS"])) * v["count"] * v["width"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
\n\
fn place_in_panel(row: u32, first_column: u32, same_block: u32) -> u32 {\n\
  return select(4294967295u, row - first_column, same_block == 1u);\n\
}\n\
\n\
fn panel_stride(width: u32) -> u32 {\n\
  return (width + 3u) / 4u * 4u;\n\
}\n\
const ATTRACTS = 1u;\n\
const CONTRASTS = 2u;\n\
const POSITIVE = 3u;\n\
\n\
const SAME: u32 = 3u;\n\
const OTHER: u32 = 2u;\n\
const TIMED: bool = false;\n\
const BEYOND: u32 = 0u;\n\
const NEAR: u32 = 0u;\n\
const FAR: u32 = 0u;\n\
const ATTRACTING = (SAME | OTHER | BEYOND) & ATTRACTS;\n\
\n\
fn mark_of(row: u32) -> vec2u {\n\
  if (TIMED) {\n\
    return vec2u(marks[row], marks[params.rows + row]);\n\
  }\n\
  return vec2u(marks[row], 0u);\n\
}\n\
\n\
fn column_mark(row: u32) -> vec2u {\n\
  if (TIMED) {\n\
    return vec2u(column_marks[row], column_marks[params.column_rows + row]);\n\
  }\n\
  return vec2u(column_marks[row], 0u);\n\
}\n\
\n\
fn relation(a: vec2u, b: vec2u) -> u32 {\n\
  var same = SAME;\n\
  if (TIMED) {\n\
    let apart = max(a.y, b.y) - min(a.y, b.y);\n\
    same = select(select(0u, BEYOND, apart > FAR), SAME, apart <= NEAR);\n\
  }\n\
  return select(OTHER, same, a.x == b.x);\n\
}\n\
const ONE_POSITIVE: bool = false;\n\
const WEIGHTED: bool = false;\n\
\n\
fn slope(kind: u32, probability: f32, pull: f32) -> f32 {\n\
  if (ONE_POSITIVE) {\n\
    return select(probability, -pull, kind == POSITIVE);\n\
  }\n\
  if (WEIGHTED) {\n\
    return select(0.0, probability * pull, kind == CONTRASTS);\n\
  }\n\
  let counts = (kind & CONTRASTS) != 0u && !(kind == POSITIVE && pull >= 0.0);\n\
  return select(0.0, probability, counts) - select(0.0, abs(pull), (kind & ATTRACTS) != 0u);\n\
}\n\
\n\
const ROW_ANCHORS: bool = true;\n\
const COLUMN_ANCHORS: bool = true;\n\
const LANES: u32 = 64u;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  first_row: u32,\n\
  count: u32,\n\
  column_rows: u32,\n\
  first_column: u32,\n\
  width: u32,\n\
  same_block: u32,\n\
  inverse_temperature: f32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read_write> factors: array<f32>;\n\
@group(0) @binding(1) var<storage, read> anchors: array<f32>;\n\
@group(0) @binding(2) var<storage, read> marks: array<u32>;\n\
@group(0) @binding(3) var<storage, read> column_anchors: array<f32>;\n\
@group(0) @binding(4) var<storage, read> column_marks: array<u32>;\n\
@group(0) @binding(5) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let i = workgroup_index(group, grid) * LANES + local.x;\n\
  if (i >= params.count * params.width) {\n\
    return;\n\
  }\n\
  let row = params.first_row + i / params.width;\n\
  let column = i % params.width;\n\
  let at = params.first_column + column;\n\
  let kind = relation(mark_of(row), column_mark(at));\n\
  let logit = factors[i] * params.inverse_temperature;\n\
  var factor = 0.0;\n\
  if (ROW_ANCHORS) {\n\
    factor = slope(kind, exp(logit - anchors[params.rows + row]), anchors[2u * params.rows + row]);\n\
  }\n\
  if (COLUMN_ANCHORS) {\n\
    let lse = column_anchors[params.column_rows + at];\n\
    factor += slope(kind, exp(logit - lse), column_anchors[2u * params.column_rows + at]);\n\
  }\n\
  factors[i] = select(factor, 0.0, column == place_in_panel(row, params.first_column, params.same_block));\n\
}\n\
",
};

/**
 * Gradient of the contrastive losses with tiles of the embeddings in workgroup memory: the equation and bindings of
 * contrast-gradient, for GPUs.
 */
export const contrastGradientTiled: KernelDefinition<"z" | "anchors" | "marks" | "columns" | "others" | "column_anchors" | "column_marks" | "dz", "rows" | "dim" | "column_rows" | "first_column" | "width" | "same_block" | "splits" | "continues" | "inverse_temperature", "SAME" | "OTHER" | "TIMED" | "BEYOND" | "NEAR" | "FAR" | "ONE_POSITIVE" | "WEIGHTED" | "ROW_ANCHORS" | "COLUMN_ANCHORS" | "ROW_THREADS" | "COL_THREADS" | "ROWS" | "COLS" | "DEPTH" | "DIMS" | "VECTOR"> = {
  name: "contrastGradientTiled",
  bindings: [{"name":"z","access":"read","element":"f32"}, {"name":"anchors","access":"read","element":"f32"}, {"name":"marks","access":"read","element":"u32"}, {"name":"columns","access":"read","element":"f32"}, {"name":"others","access":"read","element":"f32"}, {"name":"column_anchors","access":"read","element":"f32"}, {"name":"column_marks","access":"read","element":"u32"}, {"name":"dz","access":"read_write","element":"f32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"dim","type":"u32","offset":4}, {"name":"column_rows","type":"u32","offset":8}, {"name":"first_column","type":"u32","offset":12}, {"name":"width","type":"u32","offset":16}, {"name":"same_block","type":"u32","offset":20}, {"name":"splits","type":"u32","offset":24}, {"name":"continues","type":"u32","offset":28}, {"name":"inverse_temperature","type":"f32","offset":32}],
  paramsSize: 48,
  constants: { SAME: { type: "u32", value: 3 }, OTHER: { type: "u32", value: 2 }, TIMED: { type: "bool", value: 0 }, BEYOND: { type: "u32", value: 0 }, NEAR: { type: "u32", value: 0 }, FAR: { type: "u32", value: 0 }, ONE_POSITIVE: { type: "bool", value: 0 }, WEIGHTED: { type: "bool", value: 0 }, ROW_ANCHORS: { type: "bool", value: 1 }, COLUMN_ANCHORS: { type: "bool", value: 1 }, ROW_THREADS: { type: "u32", value: 16 }, COL_THREADS: { type: "u32", value: 8 }, ROWS: { type: "u32", value: 4 }, COLS: { type: "u32", value: 4 }, DEPTH: { type: "u32", value: 8 }, DIMS: { type: "u32", value: 128 }, VECTOR: { type: "u32", value: 1 } },
  unrolls: (v) => [v["ROWS"], 4, Math.floor(v["COLS"] / 4), v["ROWS"], Math.floor(v["COLS"] / 4), Math.floor((v["ROW_THREADS"] * v["ROWS"] * Math.floor(v["DEPTH"] / 4) + v["ROW_THREADS"] * v["COL_THREADS"] - 1) / (v["ROW_THREADS"] * v["COL_THREADS"])), Math.floor((v["DEPTH"] * Math.floor(v["COL_THREADS"] * v["COLS"] / 4) + v["ROW_THREADS"] * v["COL_THREADS"] - 1) / (v["ROW_THREADS"] * v["COL_THREADS"])), Math.floor((v["ROW_THREADS"] * v["ROWS"] * Math.floor(v["DEPTH"] / 4) + v["ROW_THREADS"] * v["COL_THREADS"] - 1) / (v["ROW_THREADS"] * v["COL_THREADS"])), Math.floor((v["DEPTH"] * Math.floor(v["COL_THREADS"] * v["COLS"] / 4) + v["ROW_THREADS"] * v["COL_THREADS"] - 1) / (v["ROW_THREADS"] * v["COL_THREADS"])), Math.floor((v["ROW_THREADS"] * v["ROWS"] * Math.floor(v["DEPTH"] / 4) + v["ROW_THREADS"] * v["COL_THREADS"] - 1) / (v["ROW_THREADS"] * v["COL_THREADS"])), Math.floor((v["DEPTH"] * Math.floor(v["COL_THREADS"] * v["COLS"] / 4) + v["ROW_THREADS"] * v["COL_THREADS"] - 1) / (v["ROW_THREADS"] * v["COL_THREADS"])), v["ROWS"], v["ROWS"], Math.floor(v["COLS"] / 4), Math.floor(v["COLS"] / 4), 4, v["ROWS"], 4, Math.floor(v["DEPTH"] * Math.floor(v["DIMS"] / 4) / (v["ROW_THREADS"] * v["COL_THREADS"])), Math.floor(v["DEPTH"] * Math.floor(v["DIMS"] / 4) / (v["ROW_THREADS"] * v["COL_THREADS"])), v["ROWS"], 4, Math.floor(Math.floor(v["DIMS"] / 4) / v["COL_THREADS"]), v["ROWS"], Math.floor(Math.floor(v["DIMS"] / 4) / v["COL_THREADS"]), v["ROWS"], Math.floor(Math.floor(v["DIMS"] / 4) / v["COL_THREADS"]), Math.floor(4 / v["VECTOR"])],
  shapes: (v) => ({ z: v["rows"] * v["dim"], anchors: 3 * v["rows"], marks: (1 + v["TIMED"]) * v["rows"], columns: v["dim"] * 4 * Math.ceil(v["width"] / 4), others: v["column_rows"] * v["dim"], column_anchors: 3 * v["column_rows"], column_marks: (1 + v["TIMED"]) * v["column_rows"], dz: v["splits"] * v["rows"] * v["dim"] }),
  workgroups: (v) => Math.ceil(v["rows"] / (v["ROW_THREADS"] * v["ROWS"])) * Math.ceil(v["dim"] / v["DIMS"]) * v["splits"],
  flops: (v) => 2 * v["rows"] * v["width"] * v["dim"] * (1 + Math.ceil(v["dim"] / v["DIMS"])),
  bytes: (v) => 4 * (Math.ceil(v["rows"] / (v["ROW_THREADS"] * v["ROWS"])) * Math.ceil(v["dim"] / v["DIMS"]) * (Math.ceil(v["width"] / (v["COL_THREADS"] * v["COLS"])) * (Math.ceil(v["dim"] / v["DEPTH"]) * v["DEPTH"] * (v["ROW_THREADS"] * v["ROWS"] + v["COL_THREADS"] * v["COLS"]) + v["COL_THREADS"] * v["COLS"] * (v["DIMS"] + 2 + v["TIMED"] + 2 * v["COLUMN_ANCHORS"])) + (2 + v["TIMED"] + 2 * v["ROW_ANCHORS"]) * v["splits"] * v["ROW_THREADS"] * v["ROWS"]) + (1 + v["continues"]) * v["splits"] * v["rows"] * v["dim"]),
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
\n\
fn place_in_panel(row: u32, first_column: u32, same_block: u32) -> u32 {\n\
  return select(4294967295u, row - first_column, same_block == 1u);\n\
}\n\
\n\
fn panel_stride(width: u32) -> u32 {\n\
  return (width + 3u) / 4u * 4u;\n\
}\n\
const ATTRACTS = 1u;\n\
const CONTRASTS = 2u;\n\
const POSITIVE = 3u;\n\
\n\
const SAME: u32 = 3u;\n\
const OTHER: u32 = 2u;\n\
const TIMED: bool = false;\n\
const BEYOND: u32 = 0u;\n\
const NEAR: u32 = 0u;\n\
const FAR: u32 = 0u;\n\
const ATTRACTING = (SAME | OTHER | BEYOND) & ATTRACTS;\n\
\n\
fn mark_of(row: u32) -> vec2u {\n\
  if (TIMED) {\n\
    return vec2u(marks[row], marks[params.rows + row]);\n\
  }\n\
  return vec2u(marks[row], 0u);\n\
}\n\
\n\
fn column_mark(row: u32) -> vec2u {\n\
  if (TIMED) {\n\
    return vec2u(column_marks[row], column_marks[params.column_rows + row]);\n\
  }\n\
  return vec2u(column_marks[row], 0u);\n\
}\n\
\n\
fn relation(a: vec2u, b: vec2u) -> u32 {\n\
  var same = SAME;\n\
  if (TIMED) {\n\
    let apart = max(a.y, b.y) - min(a.y, b.y);\n\
    same = select(select(0u, BEYOND, apart > FAR), SAME, apart <= NEAR);\n\
  }\n\
  return select(OTHER, same, a.x == b.x);\n\
}\n\
const ONE_POSITIVE: bool = false;\n\
const WEIGHTED: bool = false;\n\
\n\
fn slope(kind: u32, probability: f32, pull: f32) -> f32 {\n\
  if (ONE_POSITIVE) {\n\
    return select(probability, -pull, kind == POSITIVE);\n\
  }\n\
  if (WEIGHTED) {\n\
    return select(0.0, probability * pull, kind == CONTRASTS);\n\
  }\n\
  let counts = (kind & CONTRASTS) != 0u && !(kind == POSITIVE && pull >= 0.0);\n\
  return select(0.0, probability, counts) - select(0.0, abs(pull), (kind & ATTRACTS) != 0u);\n\
}\n\
\n\
const ROW_ANCHORS: bool = true;\n\
const COLUMN_ANCHORS: bool = true;\n\
const ROW_THREADS: u32 = 16u;\n\
const COL_THREADS: u32 = 8u;\n\
const ROWS: u32 = 4u;\n\
const COLS: u32 = 4u;\n\
const DEPTH: u32 = 8u;\n\
const DIMS: u32 = 128u;\n\
const VECTOR: u32 = 1u;\n\
const PIECES = 4u / VECTOR;\n\
const LEFT_STRIDE = DEPTH / 4u;\n\
const RIGHT_STRIDE = max(COL_THREADS * COLS, DIMS) / 4u;\n\
const THREADS = ROW_THREADS * COL_THREADS;\n\
const TILE_ROWS = ROW_THREADS * ROWS;\n\
const TILE_COLS = COL_THREADS * COLS;\n\
const TERM_VECTORS = DEPTH / 4u;\n\
const COL_VECTORS = COLS / 4u;\n\
const TILE_COL_VECTORS = TILE_COLS / 4u;\n\
const LEFT_VECTORS = TILE_ROWS * TERM_VECTORS;\n\
const RIGHT_VECTORS = DEPTH * TILE_COL_VECTORS;\n\
const LEFT_LOADS = (LEFT_VECTORS + THREADS - 1u) / THREADS;\n\
const RIGHT_LOADS = (RIGHT_VECTORS + THREADS - 1u) / THREADS;\n\
\n\
var<workgroup> left_tile: array<vec4f, TILE_ROWS * LEFT_STRIDE>;\n\
var<workgroup> right_tile: array<vec4f, DEPTH * RIGHT_STRIDE>;\n\
\n\
alias Sums = array<array<vec4f, COL_VECTORS>, ROWS>;\n\
\n\
fn multiply_tiles(sums: ptr<function, Sums>, thread: vec3u) {\n\
  let x = thread.x % COL_THREADS;\n\
  let y = thread.y % ROW_THREADS;\n\
  for (var t = 0u; t < TERM_VECTORS; t++) {\n\
    var left: array<vec4f, ROWS>;\n\
    //#unroll\n\
    for (var r = 0u; r < ROWS; r++) {\n\
      left[r] = left_tile[(r * ROW_THREADS + y) * LEFT_STRIDE + t];\n\
    }\n\
    //#unroll\n\
    for (var k = 0u; k < 4u; k++) {\n\
      var right: array<vec4f, COL_VECTORS>;\n\
      //#unroll\n\
      for (var c = 0u; c < COL_VECTORS; c++) {\n\
        right[c] = right_tile[(4u * t + k) * RIGHT_STRIDE + c * COL_THREADS + x];\n\
      }\n\
      //#unroll\n\
      for (var r = 0u; r < ROWS; r++) {\n\
        //#unroll\n\
        for (var c = 0u; c < COL_VECTORS; c++) {\n\
          (*sums)[r][c] = fma(vec4f(left[r][k]), right[c], (*sums)[r][c]);\n\
        }\n\
      }\n\
    }\n\
  }\n\
}\n\
const DIM_VECTORS = DIMS / 4u / COL_THREADS;\n\
const TILE_DIM_VECTORS = DIMS / 4u;\n\
const DIM_LOADS = DEPTH * TILE_DIM_VECTORS / THREADS;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  dim: u32,\n\
  column_rows: u32,\n\
  first_column: u32,\n\
  width: u32,\n\
  same_block: u32,\n\
  splits: u32,\n\
  continues: u32,\n\
  inverse_temperature: f32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> z: array<f32>; //#vec4 @group(0) @binding(0) var<storage, read> z: array<vec4f>;\n\
@group(0) @binding(1) var<storage, read> anchors: array<f32>;\n\
@group(0) @binding(2) var<storage, read> marks: array<u32>;\n\
@group(0) @binding(3) var<storage, read> columns: array<f32>; //#vec4 @group(0) @binding(3) var<storage, read> columns: array<vec4f>;\n\
@group(0) @binding(4) var<storage, read> others: array<f32>; //#vec4 @group(0) @binding(4) var<storage, read> others: array<vec4f>;\n\
@group(0) @binding(5) var<storage, read> column_anchors: array<f32>;\n\
@group(0) @binding(6) var<storage, read> column_marks: array<u32>;\n\
@group(0) @binding(7) var<storage, read_write> dz: array<f32>; //#vec4 @group(0) @binding(7) var<storage, read_write> dz: array<vec4f>;\n\
@group(0) @binding(8) var<uniform> params: Params;\n\
fn add_similarities(sums: ptr<function, Sums>, first_row: u32, first_column: u32, local: vec3u) {\n\
  let thread = local.y * COL_THREADS + local.x;\n\
  var z_at: array<u32, LEFT_LOADS>;\n\
  //#unroll\n\
  for (var i = 0u; i < LEFT_LOADS; i++) {\n\
    let row = min(first_row + (i * THREADS + thread) / TERM_VECTORS, params.rows - 1u);\n\
    z_at[i] = row * params.dim + 4u * (thread % TERM_VECTORS);\n\
  }\n\
  let stride = panel_stride(params.width);\n\
  var columns_at: array<u32, RIGHT_LOADS>;\n\
  //#unroll\n\
  for (var i = 0u; i < RIGHT_LOADS; i++) {\n\
    let number = i * THREADS + thread;\n\
    let column = min(first_column + 4u * (number % TILE_COL_VECTORS), stride - 4u);\n\
    columns_at[i] = number / TILE_COL_VECTORS * stride + column;\n\
  }\n\
  for (var k = 0u; k < params.dim; k += DEPTH) {\n\
    let terms = vec4u(k + 4u * (thread % TERM_VECTORS)) + select(vec4u(0u, 1u, 2u, 3u), vec4u(0u), VECTOR == 4u);\n\
    var left: array<vec4f, LEFT_LOADS>;\n\
    //#unroll\n\
    for (var i = 0u; i < LEFT_LOADS; i++) {\n\
      let at = z_at[i] + k;\n\
      let values = vec4f(z[at], z[at + 1u], z[at + 2u], z[at + 3u]); //#vec4 let values = z[at / 4u];\n\
      left[i] = select(vec4f(0.0), values, terms < vec4u(params.dim));\n\
    }\n\
    var right: array<vec4f, RIGHT_LOADS>;\n\
    //#unroll\n\
    for (var i = 0u; i < RIGHT_LOADS; i++) {\n\
      let at = columns_at[i] + k * stride;\n\
      let counts = k + (i * THREADS + thread) / TILE_COL_VECTORS < params.dim;\n\
      let values = vec4f(columns[at], columns[at + 1u], columns[at + 2u], columns[at + 3u]); //#vec4 let values = columns[at / 4u];\n\
      right[i] = select(vec4f(0.0), values, counts);\n\
    }\n\
    workgroupBarrier();\n\
    //#unroll\n\
    for (var i = 0u; i < LEFT_LOADS; i++) {\n\
      let number = i * THREADS + thread;\n\
      if (LEFT_VECTORS % THREADS == 0u || number < LEFT_VECTORS) {\n\
        left_tile[number] = left[i];\n\
      }\n\
    }\n\
    //#unroll\n\
    for (var i = 0u; i < RIGHT_LOADS; i++) {\n\
      let number = i * THREADS + thread;\n\
      if (RIGHT_VECTORS % THREADS == 0u || number < RIGHT_VECTORS) {\n\
        right_tile[number / TILE_COL_VECTORS * RIGHT_STRIDE + number % TILE_COL_VECTORS] = right[i];\n\
      }\n\
    }\n\
    workgroupBarrier();\n\
    multiply_tiles(sums, local);\n\
  }\n\
}\n\
\n\
var<workgroup> factors: array<vec4f, TILE_ROWS * TILE_COL_VECTORS>;\n\
\n\
@compute @workgroup_size(COL_THREADS, ROW_THREADS)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let row_blocks = (params.rows + TILE_ROWS - 1u) / TILE_ROWS;\n\
  let index = workgroup_index(group, grid);\n\
  let first_row = index % row_blocks * TILE_ROWS;\n\
  let dim_blocks = (params.dim + DIMS - 1u) / DIMS;\n\
  let first_dim = index / row_blocks % dim_blocks * DIMS;\n\
  let split = index / (row_blocks * dim_blocks);\n\
  if (split >= params.splits) {\n\
    return;\n\
  }\n\
  let tiles = (params.width + TILE_COLS - 1u) / TILE_COLS;\n\
  let tiles_per_split = (tiles + params.splits - 1u) / params.splits;\n\
  let tile_end = min(tiles, (split + 1u) * tiles_per_split) * TILE_COLS;\n\
  let last = params.rows - 1u;\n\
  let thread = local.y * COL_THREADS + local.x;\n\
  var row_scale: array<f32, ROWS>;\n\
  var row_mark: array<vec2u, ROWS>;\n\
  var row_lse: array<f32, ROWS>;\n\
  var row_pull: array<f32, ROWS>;\n\
  //#unroll\n\
  for (var r = 0u; r < ROWS; r++) {\n\
    let row = min(first_row + r * ROW_THREADS + local.y, last);\n\
    row_scale[r] = anchors[row] * params.inverse_temperature;\n\
    row_mark[r] = mark_of(row);\n\
    if (ROW_ANCHORS) {\n\
      row_lse[r] = anchors[params.rows + row];\n\
      row_pull[r] = anchors[2u * params.rows + row];\n\
    }\n\
  }\n\
\n\
  var totals: array<array<vec4f, DIM_VECTORS>, ROWS>;\n\
  for (var tile = split * tiles_per_split * TILE_COLS; tile < tile_end; tile += TILE_COLS) {\n\
    var similarities: Sums;\n\
    //#unroll\n\
    for (var r = 0u; r < ROWS; r++) {\n\
      //#unroll\n\
      for (var c = 0u; c < COL_VECTORS; c++) {\n\
        similarities[r][c] = vec4f(0.0);\n\
      }\n\
    }\n\
    add_similarities(&similarities, first_row, tile, local);\n\
    //#unroll\n\
    for (var c = 0u; c < COL_VECTORS; c++) {\n\
      let place = vec4u(tile + 4u * (c * COL_THREADS + local.x)) + vec4u(0u, 1u, 2u, 3u);\n\
      var column_inverse: array<f32, 4>;\n\
      var column_lse: array<f32, 4>;\n\
      var column_pull: array<f32, 4>;\n\
      var key_marks: array<vec2u, 4>;\n\
      //#unroll\n\
      for (var i = 0u; i < 4u; i++) {\n\
        let at = params.first_column + min(place[i], params.width - 1u);\n\
        column_inverse[i] = column_anchors[at];\n\
        key_marks[i] = column_mark(at);\n\
        if (COLUMN_ANCHORS) {\n\
          column_lse[i] = column_anchors[params.column_rows + at];\n\
          column_pull[i] = column_anchors[2u * params.column_rows + at];\n\
        }\n\
      }\n\
      //#unroll\n\
      for (var r = 0u; r < ROWS; r++) {\n\
        let itself = place_in_panel(first_row + r * ROW_THREADS + local.y, params.first_column, params.same_block);\n\
        let logits = similarities[r][c] * row_scale[r];\n\
        var values: vec4f;\n\
        //#unroll\n\
        for (var i = 0u; i < 4u; i++) {\n\
          let kind = relation(row_mark[r], key_marks[i]);\n\
          var factor = 0.0;\n\
          if (ROW_ANCHORS) {\n\
            factor = slope(kind, exp(logits[i] - row_lse[r]), row_pull[r]);\n\
          }\n\
          if (COLUMN_ANCHORS) {\n\
            factor += slope(kind, exp(logits[i] - column_lse[i]), column_pull[i]);\n\
          }\n\
          values[i] = select(0.0, factor * column_inverse[i], place[i] < params.width && place[i] != itself);\n\
        }\n\
        factors[(r * ROW_THREADS + local.y) * TILE_COL_VECTORS + c * COL_THREADS + local.x] = values;\n\
      }\n\
    }\n\
    for (var j = 0u; j < TILE_COLS; j += DEPTH) {\n\
      var right: array<vec4f, DIM_LOADS>;\n\
      //#unroll\n\
      for (var i = 0u; i < DIM_LOADS; i++) {\n\
        let number = i * THREADS + thread;\n\
        let dim = first_dim + 4u * (number % TILE_DIM_VECTORS);\n\
        let dims = select(\n\
          min(vec4u(dim) + vec4u(0u, 1u, 2u, 3u), vec4u(params.dim - 1u)),\n\
          vec4u(min(dim, max(params.dim, 4u) - 4u)) + vec4u(0u, 1u, 2u, 3u),\n\
          VECTOR == 4u,\n\
        );\n\
        let column = params.first_column + min(tile + j + number / TILE_DIM_VECTORS, params.width - 1u);\n\
        let at = vec4u(column * params.dim) + dims;\n\
        right[i] = vec4f(others[at.x], others[at.y], others[at.z], others[at.w]); //#vec4 right[i] = others[at.x / 4u];\n\
      }\n\
      workgroupBarrier();\n\
      //#unroll\n\
      for (var i = 0u; i < DIM_LOADS; i++) {\n\
        right_tile[i * THREADS + thread] = right[i];\n\
      }\n\
      workgroupBarrier();\n\
      for (var t = 0u; t < TERM_VECTORS; t++) {\n\
        var left: array<vec4f, ROWS>;\n\
        //#unroll\n\
        for (var r = 0u; r < ROWS; r++) {\n\
          left[r] = factors[(r * ROW_THREADS + local.y) * TILE_COL_VECTORS + j / 4u + t];\n\
        }\n\
        //#unroll\n\
        for (var k = 0u; k < 4u; k++) {\n\
          var values: array<vec4f, DIM_VECTORS>;\n\
          //#unroll\n\
          for (var d = 0u; d < DIM_VECTORS; d++) {\n\
            values[d] = right_tile[(4u * t + k) * TILE_DIM_VECTORS + d * COL_THREADS + local.x];\n\
          }\n\
          //#unroll\n\
          for (var r = 0u; r < ROWS; r++) {\n\
            //#unroll\n\
            for (var d = 0u; d < DIM_VECTORS; d++) {\n\
              totals[r][d] = fma(vec4f(left[r][k]), values[d], totals[r][d]);\n\
            }\n\
          }\n\
        }\n\
      }\n\
    }\n\
  }\n\
\n\
  //#unroll\n\
  for (var r = 0u; r < ROWS; r++) {\n\
    let row = first_row + r * ROW_THREADS + local.y;\n\
    //#unroll\n\
    for (var d = 0u; d < DIM_VECTORS; d++) {\n\
      let dim = first_dim + 4u * (d * COL_THREADS + local.x);\n\
      //#unroll\n\
      for (var i = 0u; i < PIECES; i++) {\n\
        if (row < params.rows && dim + i < params.dim) {\n\
          let at = (split * params.rows + row) * params.dim + dim + i;\n\
          var total = totals[r][d][i]; //#vec4 var total = totals[r][d];\n\
          if (params.continues == 1u) {\n\
            total += dz[at]; //#vec4 total += dz[at / 4u];\n\
          }\n\
          dz[at] = total; //#vec4 dz[at / 4u] = total;\n\
        }\n\
      }\n\
    }\n\
  }\n\
}\n\
",
};

/**
 * Gradient of the contrastive losses, from a panel of columns, with respect to the normalised rows of a block and but for a constant
 * factor. Where rows are anchors of the columns as keys (ROW_ANCHORS), columns anchors of the rows (COLUMN_ANCHORS), or both,
 * dz[i] = sum_j (d loss[i] / d s[i, j] + d loss[j] / d s[j, i]) * z[j] / |z[j]|,
 * of which lib/slope.wgsl tells the derivatives: as the logits s (see contrast-partials) are symmetric, they serve both. They are
 * computed again, tile by tile, and never stored. Each of `splits` runs of the panel's columns has a sum of its own in dz; with
 * `continues`, those over the panels before are there and go on from there.
 */
export const contrastGradient: KernelDefinition<"z" | "anchors" | "marks" | "columns" | "others" | "column_anchors" | "column_marks" | "dz", "rows" | "dim" | "column_rows" | "first_column" | "width" | "same_block" | "splits" | "continues" | "inverse_temperature", "SAME" | "OTHER" | "TIMED" | "BEYOND" | "NEAR" | "FAR" | "ONE_POSITIVE" | "WEIGHTED" | "ROW_ANCHORS" | "COLUMN_ANCHORS" | "LANES" | "ROWS" | "COLS" | "SHARE" | "VECTOR" | "DEPTH"> = {
  name: "contrastGradient",
  bindings: [{"name":"z","access":"read","element":"f32"}, {"name":"anchors","access":"read","element":"f32"}, {"name":"marks","access":"read","element":"u32"}, {"name":"columns","access":"read","element":"f32"}, {"name":"others","access":"read","element":"f32"}, {"name":"column_anchors","access":"read","element":"f32"}, {"name":"column_marks","access":"read","element":"u32"}, {"name":"dz","access":"read_write","element":"f32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"dim","type":"u32","offset":4}, {"name":"column_rows","type":"u32","offset":8}, {"name":"first_column","type":"u32","offset":12}, {"name":"width","type":"u32","offset":16}, {"name":"same_block","type":"u32","offset":20}, {"name":"splits","type":"u32","offset":24}, {"name":"continues","type":"u32","offset":28}, {"name":"inverse_temperature","type":"f32","offset":32}],
  paramsSize: 48,
  constants: { SAME: { type: "u32", value: 3 }, OTHER: { type: "u32", value: 2 }, TIMED: { type: "bool", value: 0 }, BEYOND: { type: "u32", value: 0 }, NEAR: { type: "u32", value: 0 }, FAR: { type: "u32", value: 0 }, ONE_POSITIVE: { type: "bool", value: 0 }, WEIGHTED: { type: "bool", value: 0 }, ROW_ANCHORS: { type: "bool", value: 1 }, COLUMN_ANCHORS: { type: "bool", value: 1 }, LANES: { type: "u32", value: 8 }, ROWS: { type: "u32", value: 8 }, COLS: { type: "u32", value: 8 }, SHARE: { type: "u32", value: 1 }, VECTOR: { type: "u32", value: 1 }, DEPTH: { type: "u32", value: 128 } },
  unrolls: (v) => [Math.floor(v["ROWS"] / v["SHARE"]), v["ROWS"], v["COLS"], Math.floor(v["COLS"] / v["VECTOR"]), v["VECTOR"], Math.floor(v["ROWS"] / v["SHARE"]), v["ROWS"], v["COLS"], v["COLS"], Math.floor(v["ROWS"] / Math.min(v["ROWS"], 16)), v["COLS"], Math.min(v["ROWS"], 16), Math.min(v["ROWS"], 16), v["ROWS"], v["COLS"], v["ROWS"], v["COLS"], Math.floor(v["COLS"] / v["VECTOR"]), v["VECTOR"], v["ROWS"], v["COLS"], Math.floor(v["ROWS"] / Math.min(v["ROWS"], 16)), v["COLS"], Math.min(v["ROWS"], 16)],
  shapes: (v) => ({ z: v["rows"] * v["dim"], anchors: 3 * v["rows"], marks: (1 + v["TIMED"]) * v["rows"], columns: v["dim"] * 4 * Math.ceil(v["width"] / 4), others: v["column_rows"] * v["dim"], column_anchors: 3 * v["column_rows"], column_marks: (1 + v["TIMED"]) * v["column_rows"], dz: v["splits"] * v["rows"] * v["dim"] }),
  workgroups: (v) => Math.ceil(v["rows"] / v["ROWS"]) * v["splits"],
  flops: (v) => 4 * v["rows"] * v["width"] * v["dim"],
  bytes: (v) => 4 * (Math.ceil(v["rows"] / v["ROWS"]) * Math.ceil(v["width"] / (v["COLS"] * v["LANES"])) * (v["dim"] * (v["ROWS"] + v["COLS"] * v["LANES"]) + (2 + v["TIMED"] + 2 * v["ROW_ANCHORS"]) * v["ROWS"] + (2 + v["TIMED"] + 2 * v["COLUMN_ANCHORS"]) * v["COLS"] * v["LANES"] + v["COLS"] * v["LANES"] * Math.ceil(v["dim"] / (v["COLS"] * v["LANES"])) * v["COLS"] * v["LANES"]) + (1 + v["continues"]) * v["splits"] * v["rows"] * v["dim"]),
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
\n\
fn place_in_panel(row: u32, first_column: u32, same_block: u32) -> u32 {\n\
  return select(4294967295u, row - first_column, same_block == 1u);\n\
}\n\
\n\
fn panel_stride(width: u32) -> u32 {\n\
  return (width + 3u) / 4u * 4u;\n\
}\n\
const ATTRACTS = 1u;\n\
const CONTRASTS = 2u;\n\
const POSITIVE = 3u;\n\
\n\
const SAME: u32 = 3u;\n\
const OTHER: u32 = 2u;\n\
const TIMED: bool = false;\n\
const BEYOND: u32 = 0u;\n\
const NEAR: u32 = 0u;\n\
const FAR: u32 = 0u;\n\
const ATTRACTING = (SAME | OTHER | BEYOND) & ATTRACTS;\n\
\n\
fn mark_of(row: u32) -> vec2u {\n\
  if (TIMED) {\n\
    return vec2u(marks[row], marks[params.rows + row]);\n\
  }\n\
  return vec2u(marks[row], 0u);\n\
}\n\
\n\
fn column_mark(row: u32) -> vec2u {\n\
  if (TIMED) {\n\
    return vec2u(column_marks[row], column_marks[params.column_rows + row]);\n\
  }\n\
  return vec2u(column_marks[row], 0u);\n\
}\n\
\n\
fn relation(a: vec2u, b: vec2u) -> u32 {\n\
  var same = SAME;\n\
  if (TIMED) {\n\
    let apart = max(a.y, b.y) - min(a.y, b.y);\n\
    same = select(select(0u, BEYOND, apart > FAR), SAME, apart <= NEAR);\n\
  }\n\
  return select(OTHER, same, a.x == b.x);\n\
}\n\
const ONE_POSITIVE: bool = false;\n\
const WEIGHTED: bool = false;\n\
\n\
fn slope(kind: u32, probability: f32, pull: f32) -> f32 {\n\
  if (ONE_POSITIVE) {\n\
    return select(probability, -pull, kind == POSITIVE);\n\
  }\n\
  if (WEIGHTED) {\n\
    return select(0.0, probability * pull, kind == CONTRASTS);\n\
  }\n\
  let counts = (kind & CONTRASTS) != 0u && !(kind == POSITIVE && pull >= 0.0);\n\
  return select(0.0, probability, counts) - select(0.0, abs(pull), (kind & ATTRACTS) != 0u);\n\
}\n\
fn from_lane(value: f32, lane: u32) -> f32 {\n\
  return value; //#subgroups return subgroupShuffle(value, lane);\n\
}\n\
fn column_of(tile_start: u32, c: u32, lane: u32) -> u32 {\n\
  return tile_start + c / VECTOR * VECTOR * LANES + lane * VECTOR + c % VECTOR;\n\
}\n\
\n\
fn similarity_tile(first_row: u32, tile_start: u32, lane: u32) -> array<array<f32, COLS>, ROWS> {\n\
  let last = params.rows - 1u;\n\
  let stride = panel_stride(params.width);\n\
  var own_starts: array<u32, OWN>;\n\
  //#unroll\n\
  for (var i = 0u; i < OWN; i++) {\n\
    own_starts[i] = min(first_row + i * SHARE + lane % SHARE, last) * params.dim;\n\
  }\n\
  var similarities: array<array<f32, COLS>, ROWS>;\n\
  //#unroll\n\
  for (var r = 0u; r < ROWS; r++) {\n\
    //#unroll\n\
    for (var c = 0u; c < COLS; c++) {\n\
      similarities[r][c] = 0.0;\n\
    }\n\
  }\n\
  for (var k = 0u; k < params.dim; k++) {\n\
    var values: array<f32, COLS>;\n\
    //#unroll\n\
    for (var v = 0u; v < VECTORS; v++) {\n\
      let at = k * stride + min(column_of(tile_start, v * VECTOR, lane), stride - VECTOR);\n\
      let loaded = vec4f(columns[at]); //#vec4 let loaded = columns[at / 4u];\n\
      //#unroll\n\
      for (var i = 0u; i < VECTOR; i++) {\n\
        values[v * VECTOR + i] = loaded[i];\n\
      }\n\
    }\n\
    var own: array<f32, OWN>;\n\
    //#unroll\n\
    for (var i = 0u; i < OWN; i++) {\n\
      own[i] = z[own_starts[i] + k];\n\
    }\n\
    //#unroll\n\
    for (var r = 0u; r < ROWS; r++) {\n\
      let value = from_lane(own[r / SHARE], r % SHARE);\n\
      //#unroll\n\
      for (var c = 0u; c < COLS; c++) {\n\
        similarities[r][c] = fma(value, values[c], similarities[r][c]);\n\
      }\n\
    }\n\
  }\n\
  return similarities;\n\
}\n\
\n\
const ROW_ANCHORS: bool = true;\n\
const COLUMN_ANCHORS: bool = true;\n\
const LANES: u32 = 8u;\n\
const ROWS: u32 = 8u;\n\
const COLS: u32 = 8u;\n\
const SHARE: u32 = 1u;\n\
const OWN = ROWS / SHARE;\n\
const VECTOR: u32 = 1u;\n\
const VECTORS = COLS / VECTOR;\n\
const ROUNDS = min(ROWS, 16u);\n\
const ROWS_AT_ONCE = ROWS / ROUNDS;\n\
const DEPTH: u32 = 128u;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  dim: u32,\n\
  column_rows: u32,\n\
  first_column: u32,\n\
  width: u32,\n\
  same_block: u32,\n\
  splits: u32,\n\
  continues: u32,\n\
  inverse_temperature: f32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> z: array<f32>;\n\
@group(0) @binding(1) var<storage, read> anchors: array<f32>;\n\
@group(0) @binding(2) var<storage, read> marks: array<u32>;\n\
@group(0) @binding(3) var<storage, read> columns: array<f32>; //#vec4 @group(0) @binding(3) var<storage, read> columns: array<vec4f>;\n\
@group(0) @binding(4) var<storage, read> others: array<f32>; //#vec4 @group(0) @binding(4) var<storage, read> others: array<vec4f>;\n\
@group(0) @binding(5) var<storage, read> column_anchors: array<f32>;\n\
@group(0) @binding(6) var<storage, read> column_marks: array<u32>;\n\
@group(0) @binding(7) var<storage, read_write> dz: array<f32>;\n\
@group(0) @binding(8) var<uniform> params: Params;\n\
\n\
var<workgroup> factors: array<f32, ROWS * LANES * COLS>;\n\
var<workgroup> totals: array<f32, ROWS * DEPTH>;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
  //#subgroups @builtin(subgroup_invocation_id) subgroup_lane: u32,\n\
) {\n\
  let own_lane = local.x; //#subgroups let own_lane = subgroup_lane;\n\
  let row_blocks = (params.rows + ROWS - 1u) / ROWS;\n\
  let index = workgroup_index(group, grid);\n\
  let first_row = index % row_blocks * ROWS;\n\
  let split = index / row_blocks;\n\
  if (split >= params.splits) {\n\
    return;\n\
  }\n\
  let last = params.rows - 1u;\n\
  let tiles = (params.width + LANES * COLS - 1u) / (LANES * COLS);\n\
  let tiles_per_split = (tiles + params.splits - 1u) / params.splits;\n\
  let tile_end = min(tiles, (split + 1u) * tiles_per_split) * LANES * COLS;\n\
\n\
  for (var tile = split * tiles_per_split * LANES * COLS; tile < tile_end; tile += LANES * COLS) {\n\
    var tile_factors = similarity_tile(first_row, tile, own_lane);\n\
    var column_inverse: array<f32, COLS>;\n\
    var column_lse: array<f32, COLS>;\n\
    var column_pull: array<f32, COLS>;\n\
    var key_marks: array<vec2u, COLS>;\n\
    //#unroll\n\
    for (var c = 0u; c < COLS; c++) {\n\
      let at = params.first_column + min(column_of(tile, c, own_lane), params.width - 1u);\n\
      column_inverse[c] = column_anchors[at];\n\
      key_marks[c] = column_mark(at);\n\
      if (COLUMN_ANCHORS) {\n\
        column_lse[c] = column_anchors[params.column_rows + at];\n\
        column_pull[c] = column_anchors[2u * params.column_rows + at];\n\
      }\n\
    }\n\
    for (var round = 0u; round < ROUNDS; round++) {\n\
      //#unroll\n\
      for (var i = 0u; i < ROWS_AT_ONCE; i++) {\n\
        let r = round * ROWS_AT_ONCE + i;\n\
        let row = min(first_row + r, last);\n\
        let scale = anchors[row] * params.inverse_temperature;\n\
        let mark = mark_of(row);\n\
        let itself = place_in_panel(row, params.first_column, params.same_block);\n\
        var row_lse: f32;\n\
        var row_pull: f32;\n\
        if (ROW_ANCHORS) {\n\
          row_lse = anchors[params.rows + row];\n\
          row_pull = anchors[2u * params.rows + row];\n\
        }\n\
        //#unroll\n\
        for (var c = 0u; c < COLS; c++) {\n\
          let column = column_of(tile, c, own_lane);\n\
          var similarity = 0.0;\n\
          //#unroll\n\
          for (var q = 0u; q < ROUNDS; q++) {\n\
            similarity = select(similarity, tile_factors[q * ROWS_AT_ONCE + i][c], q == round);\n\
          }\n\
          let logit = similarity * scale;\n\
          let kind = relation(mark, key_marks[c]);\n\
          var factor = 0.0;\n\
          if (ROW_ANCHORS) {\n\
            factor = slope(kind, exp(logit - row_lse), row_pull);\n\
          }\n\
          if (COLUMN_ANCHORS) {\n\
            factor += slope(kind, exp(logit - column_lse[c]), column_pull[c]);\n\
          }\n\
          let kept = select(0.0, factor * column_inverse[c], column < params.width && column != itself);\n\
          factors[r * LANES * COLS + column - tile] = kept; //#subgroups ;\n\
          //#unroll\n\
          for (var q = 0u; q < ROUNDS; q++) {\n\
            tile_factors[q * ROWS_AT_ONCE + i][c] = select(tile_factors[q * ROWS_AT_ONCE + i][c], kept, q == round);\n\
          }\n\
        }\n\
      }\n\
    }\n\
    workgroupBarrier(); //#subgroups ;\n\
\n\
    for (var d = 0u; d < params.dim; d += LANES * COLS) {\n\
      var sums: array<array<f32, COLS>, ROWS>;\n\
      //#unroll\n\
      for (var r = 0u; r < ROWS; r++) {\n\
        //#unroll\n\
        for (var c = 0u; c < COLS; c++) {\n\
          sums[r][c] = 0.0;\n\
        }\n\
      }\n\
      for (var chunk = 0u; chunk < COLS; chunk++) {\n\
        var own: array<f32, ROWS>;\n\
        //#unroll\n\
        for (var r = 0u; r < ROWS; r++) {\n\
          own[r] = 0.0;\n\
          //#unroll\n\
          for (var c = 0u; c < COLS; c++) {\n\
            own[r] = select(own[r], tile_factors[r][c], c == chunk);\n\
          }\n\
        }\n\
        for (var lane = 0u; lane < LANES; lane++) {\n\
          let column = column_of(tile, chunk, lane);\n\
          let start = (params.first_column + min(column, params.width - 1u)) * params.dim;\n\
          var values: array<f32, COLS>;\n\
          //#unroll\n\
          for (var v = 0u; v < VECTORS; v++) {\n\
            let at = start + min(column_of(d, v * VECTOR, own_lane), params.dim - VECTOR);\n\
            let loaded = vec4f(others[at]); //#vec4 let loaded = others[at / 4u];\n\
            //#unroll\n\
            for (var i = 0u; i < VECTOR; i++) {\n\
              values[v * VECTOR + i] = loaded[i];\n\
            }\n\
          }\n\
          //#unroll\n\
          for (var r = 0u; r < ROWS; r++) {\n\
            let factor = factors[r * LANES * COLS + column - tile]; //#subgroups let factor = subgroupShuffle(own[r], lane);\n\
            //#unroll\n\
            for (var c = 0u; c < COLS; c++) {\n\
              sums[r][c] = fma(factor, values[c], sums[r][c]);\n\
            }\n\
          }\n\
        }\n\
      }\n\
      for (var round = 0u; round < ROUNDS; round++) {\n\
        //#unroll\n\
        for (var i = 0u; i < ROWS_AT_ONCE; i++) {\n\
          //#unroll\n\
          for (var c = 0u; c < COLS; c++) {\n\
            var sum = 0.0;\n\
            //#unroll\n\
            for (var q = 0u; q < ROUNDS; q++) {\n\
              sum = select(sum, sums[q * ROWS_AT_ONCE + i][c], q == round);\n\
            }\n\
            totals[(round * ROWS_AT_ONCE + i) * DEPTH + column_of(d, c, own_lane)] += sum;\n\
          }\n\
        }\n\
      }\n\
    }\n\
    workgroupBarrier(); //#subgroups ;\n\
  }\n\
\n\
  workgroupBarrier();\n\
  for (var r = 0u; r < ROWS; r++) {\n\
    for (var d = own_lane; d < params.dim; d += LANES) {\n\
      if (first_row + r < params.rows) {\n\
        let at = (split * params.rows + first_row + r) * params.dim + d;\n\
        var total = totals[r * DEPTH + d];\n\
        if (params.continues == 1u) {\n\
          total += dz[at];\n\
        }\n\
        dz[at] = total;\n\
      }\n\
    }\n\
  }\n\
}\n\
",
};

/**
 * Second pass of the log-sum-exp of each anchor's negatives: puts the runs of keys of each anchor of a block together,
 * lse[i] = log sum_j exp(s[i, j]), and largest[i] = max_j s[i, j], for logits s as contrast-partials has them. `anchors` gets the lse
 * too, for the gradient. One thread an anchor.
 */
export const contrastLogSumExp: KernelDefinition<"partials" | "anchors" | "lse" | "largest", "rows" | "splits", "LOWEST" | "LANES"> = {
  name: "contrastLogSumExp",
  bindings: [{"name":"partials","access":"read","element":"f32"}, {"name":"anchors","access":"read_write","element":"f32"}, {"name":"lse","access":"read_write","element":"f32"}, {"name":"largest","access":"read_write","element":"f32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"splits","type":"u32","offset":4}],
  paramsSize: 16,
  constants: { LOWEST: { type: "f32", value: -1e+30 }, LANES: { type: "u32", value: 64 } },
  unrolls: () => [],
  shapes: (v) => ({ partials: 2 * v["splits"] * v["rows"], anchors: 3 * v["rows"], lse: v["rows"], largest: v["rows"] }),
  workgroups: (v) => Math.ceil(v["rows"] / v["LANES"]),
  flops: (v) => 3 * v["rows"] * v["splits"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
const LARGEST = 0u;\n\
const SUM = 1u;\n\
const POSITIVE_LARGEST = 2u;\n\
const POSITIVE_SUM = 3u;\n\
const ATTRACTED_LARGEST = 4u;\n\
const TOTAL = 5u;\n\
const COUNT = 6u;\n\
const LOWEST: f32 = -1e30;\n\
\n\
fn merged(a: vec2f, b: vec2f) -> vec2f {\n\
  let most = max(a.x, b.x);\n\
  return vec2f(most, a.y * exp(a.x - most) + b.y * exp(b.x - most));\n\
}\n\
\n\
fn is_largest(part: u32) -> bool {\n\
  return part == LARGEST || part == POSITIVE_LARGEST || part == ATTRACTED_LARGEST;\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  splits: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> partials: array<f32>;\n\
@group(0) @binding(1) var<storage, read_write> anchors: array<f32>;\n\
@group(0) @binding(2) var<storage, read_write> lse: array<f32>;\n\
@group(0) @binding(3) var<storage, read_write> largest: array<f32>;\n\
@group(0) @binding(4) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let row = workgroup_index(group, grid) * LANES + local.x;\n\
  if (row >= params.rows) {\n\
    return;\n\
  }\n\
  var most = vec2f(LOWEST, 0.0);\n\
  for (var s = 0u; s < params.splits; s++) {\n\
    let at = s * params.rows + row;\n\
    most = merged(most, vec2f(partials[at], partials[SUM * params.splits * params.rows + at]));\n\
  }\n\
  let result = most.x + log(most.y);\n\
  anchors[params.rows + row] = result;\n\
  lse[row] = result;\n\
  largest[row] = most.x;\n\
}\n\
",
};

/**
 * First pass of the contrastive losses with tiles of the embeddings in workgroup memory: the equations and bindings of
 * contrast-partials, for GPUs. A workgroup computes ROW_THREADS * ROWS rows x COL_THREADS * COLS columns of logits at a time. A
 * thread keeps the parts of each of its rows; at the end, the threads of a row put theirs together.
 */
export const contrastPartialsTiled: KernelDefinition<"z" | "anchors" | "marks" | "columns" | "column_marks" | "partials", "rows" | "dim" | "column_rows" | "first_column" | "width" | "same_block" | "splits" | "continues" | "inverse_temperature", "SAME" | "OTHER" | "TIMED" | "BEYOND" | "NEAR" | "FAR" | "LOWEST" | "ROW_THREADS" | "COL_THREADS" | "ROWS" | "COLS" | "DEPTH" | "VECTOR" | "PARTS"> = {
  name: "contrastPartialsTiled",
  bindings: [{"name":"z","access":"read","element":"f32"}, {"name":"anchors","access":"read","element":"f32"}, {"name":"marks","access":"read","element":"u32"}, {"name":"columns","access":"read","element":"f32"}, {"name":"column_marks","access":"read","element":"u32"}, {"name":"partials","access":"read_write","element":"f32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"dim","type":"u32","offset":4}, {"name":"column_rows","type":"u32","offset":8}, {"name":"first_column","type":"u32","offset":12}, {"name":"width","type":"u32","offset":16}, {"name":"same_block","type":"u32","offset":20}, {"name":"splits","type":"u32","offset":24}, {"name":"continues","type":"u32","offset":28}, {"name":"inverse_temperature","type":"f32","offset":32}],
  paramsSize: 48,
  constants: { SAME: { type: "u32", value: 3 }, OTHER: { type: "u32", value: 2 }, TIMED: { type: "bool", value: 0 }, BEYOND: { type: "u32", value: 0 }, NEAR: { type: "u32", value: 0 }, FAR: { type: "u32", value: 0 }, LOWEST: { type: "f32", value: -1e+30 }, ROW_THREADS: { type: "u32", value: 16 }, COL_THREADS: { type: "u32", value: 16 }, ROWS: { type: "u32", value: 4 }, COLS: { type: "u32", value: 4 }, DEPTH: { type: "u32", value: 16 }, VECTOR: { type: "u32", value: 1 }, PARTS: { type: "u32", value: 2 } },
  unrolls: (v) => [v["ROWS"], 4, Math.floor(v["COLS"] / 4), v["ROWS"], Math.floor(v["COLS"] / 4), Math.floor((v["ROW_THREADS"] * v["ROWS"] * Math.floor(v["DEPTH"] / 4) + v["ROW_THREADS"] * v["COL_THREADS"] - 1) / (v["ROW_THREADS"] * v["COL_THREADS"])), Math.floor((v["DEPTH"] * Math.floor(v["COL_THREADS"] * v["COLS"] / 4) + v["ROW_THREADS"] * v["COL_THREADS"] - 1) / (v["ROW_THREADS"] * v["COL_THREADS"])), Math.floor((v["ROW_THREADS"] * v["ROWS"] * Math.floor(v["DEPTH"] / 4) + v["ROW_THREADS"] * v["COL_THREADS"] - 1) / (v["ROW_THREADS"] * v["COL_THREADS"])), Math.floor((v["DEPTH"] * Math.floor(v["COL_THREADS"] * v["COLS"] / 4) + v["ROW_THREADS"] * v["COL_THREADS"] - 1) / (v["ROW_THREADS"] * v["COL_THREADS"])), Math.floor((v["ROW_THREADS"] * v["ROWS"] * Math.floor(v["DEPTH"] / 4) + v["ROW_THREADS"] * v["COL_THREADS"] - 1) / (v["ROW_THREADS"] * v["COL_THREADS"])), Math.floor((v["DEPTH"] * Math.floor(v["COL_THREADS"] * v["COLS"] / 4) + v["ROW_THREADS"] * v["COL_THREADS"] - 1) / (v["ROW_THREADS"] * v["COL_THREADS"])), v["ROWS"], v["ROWS"], Math.floor(v["COLS"] / 4), Math.floor(v["COLS"] / 4), 4, v["ROWS"], Math.floor(v["COLS"] / 4), 4, Math.floor(v["COLS"] / 4), Math.floor(v["COLS"] / 4), v["ROWS"]],
  shapes: (v) => ({ z: v["rows"] * v["dim"], anchors: 3 * v["rows"], marks: (1 + v["TIMED"]) * v["rows"], columns: v["dim"] * 4 * Math.ceil(v["width"] / 4), column_marks: (1 + v["TIMED"]) * v["column_rows"], partials: v["PARTS"] * v["splits"] * v["rows"] }),
  workgroups: (v) => Math.ceil(v["rows"] / (v["ROW_THREADS"] * v["ROWS"])) * v["splits"],
  flops: (v) => 2 * v["rows"] * v["width"] * v["dim"],
  bytes: (v) => 4 * (Math.ceil(v["rows"] / (v["ROW_THREADS"] * v["ROWS"])) * (Math.ceil(v["width"] / (v["COL_THREADS"] * v["COLS"])) * (Math.ceil(v["dim"] / v["DEPTH"]) * v["DEPTH"] * (v["ROW_THREADS"] * v["ROWS"] + v["COL_THREADS"] * v["COLS"]) + (1 + v["TIMED"]) * v["COL_THREADS"] * v["COLS"]) + (2 + v["TIMED"]) * v["splits"] * v["ROW_THREADS"] * v["ROWS"]) + (2 + 5 * Math.max(v["SAME"] % 2, v["OTHER"] % 2, v["BEYOND"] % 2)) * (1 + v["continues"]) * v["splits"] * v["rows"]),
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
\n\
fn place_in_panel(row: u32, first_column: u32, same_block: u32) -> u32 {\n\
  return select(4294967295u, row - first_column, same_block == 1u);\n\
}\n\
\n\
fn panel_stride(width: u32) -> u32 {\n\
  return (width + 3u) / 4u * 4u;\n\
}\n\
const ATTRACTS = 1u;\n\
const CONTRASTS = 2u;\n\
const POSITIVE = 3u;\n\
\n\
const SAME: u32 = 3u;\n\
const OTHER: u32 = 2u;\n\
const TIMED: bool = false;\n\
const BEYOND: u32 = 0u;\n\
const NEAR: u32 = 0u;\n\
const FAR: u32 = 0u;\n\
const ATTRACTING = (SAME | OTHER | BEYOND) & ATTRACTS;\n\
\n\
fn mark_of(row: u32) -> vec2u {\n\
  if (TIMED) {\n\
    return vec2u(marks[row], marks[params.rows + row]);\n\
  }\n\
  return vec2u(marks[row], 0u);\n\
}\n\
\n\
fn column_mark(row: u32) -> vec2u {\n\
  if (TIMED) {\n\
    return vec2u(column_marks[row], column_marks[params.column_rows + row]);\n\
  }\n\
  return vec2u(column_marks[row], 0u);\n\
}\n\
\n\
fn relation(a: vec2u, b: vec2u) -> u32 {\n\
  var same = SAME;\n\
  if (TIMED) {\n\
    let apart = max(a.y, b.y) - min(a.y, b.y);\n\
    same = select(select(0u, BEYOND, apart > FAR), SAME, apart <= NEAR);\n\
  }\n\
  return select(OTHER, same, a.x == b.x);\n\
}\n\
const LARGEST = 0u;\n\
const SUM = 1u;\n\
const POSITIVE_LARGEST = 2u;\n\
const POSITIVE_SUM = 3u;\n\
const ATTRACTED_LARGEST = 4u;\n\
const TOTAL = 5u;\n\
const COUNT = 6u;\n\
const LOWEST: f32 = -1e30;\n\
\n\
fn merged(a: vec2f, b: vec2f) -> vec2f {\n\
  let most = max(a.x, b.x);\n\
  return vec2f(most, a.y * exp(a.x - most) + b.y * exp(b.x - most));\n\
}\n\
\n\
fn is_largest(part: u32) -> bool {\n\
  return part == LARGEST || part == POSITIVE_LARGEST || part == ATTRACTED_LARGEST;\n\
}\n\
fn keep(split: u32, row: u32, negatives: vec2f, positives: vec2f, attracted: f32, attracting: vec2f) {\n\
  let next = params.splits * params.rows;\n\
  let at = split * params.rows + row;\n\
  var kept = negatives;\n\
  if (params.continues == 1u) {\n\
    kept = merged(negatives, vec2f(partials[at], partials[next + at]));\n\
  }\n\
  partials[at] = kept.x;\n\
  partials[next + at] = kept.y;\n\
  if (ATTRACTING == 1u) {\n\
    var kept_positives = positives;\n\
    var kept_attracted = attracted;\n\
    var kept_attracting = attracting;\n\
    if (params.continues == 1u) {\n\
      kept_positives = merged(positives, vec2f(partials[POSITIVE_LARGEST * next + at], partials[POSITIVE_SUM * next + at]));\n\
      kept_attracted = max(attracted, partials[ATTRACTED_LARGEST * next + at]);\n\
      kept_attracting = attracting + vec2f(partials[TOTAL * next + at], partials[COUNT * next + at]);\n\
    }\n\
    partials[POSITIVE_LARGEST * next + at] = kept_positives.x;\n\
    partials[POSITIVE_SUM * next + at] = kept_positives.y;\n\
    partials[ATTRACTED_LARGEST * next + at] = kept_attracted;\n\
    partials[TOTAL * next + at] = kept_attracting.x;\n\
    partials[COUNT * next + at] = kept_attracting.y;\n\
  }\n\
}\n\
\n\
const ROW_THREADS: u32 = 16u;\n\
const COL_THREADS: u32 = 16u;\n\
const ROWS: u32 = 4u;\n\
const COLS: u32 = 4u;\n\
const DEPTH: u32 = 16u;\n\
const VECTOR: u32 = 1u;\n\
const LEFT_STRIDE = DEPTH / 4u;\n\
const RIGHT_STRIDE = COL_THREADS * COLS / 4u;\n\
const PARTS: u32 = 2u;\n\
const HELD = 2u + 5u * ATTRACTING;\n\
const THREADS = ROW_THREADS * COL_THREADS;\n\
const TILE_ROWS = ROW_THREADS * ROWS;\n\
const TILE_COLS = COL_THREADS * COLS;\n\
const TERM_VECTORS = DEPTH / 4u;\n\
const COL_VECTORS = COLS / 4u;\n\
const TILE_COL_VECTORS = TILE_COLS / 4u;\n\
const LEFT_VECTORS = TILE_ROWS * TERM_VECTORS;\n\
const RIGHT_VECTORS = DEPTH * TILE_COL_VECTORS;\n\
const LEFT_LOADS = (LEFT_VECTORS + THREADS - 1u) / THREADS;\n\
const RIGHT_LOADS = (RIGHT_VECTORS + THREADS - 1u) / THREADS;\n\
\n\
var<workgroup> left_tile: array<vec4f, TILE_ROWS * LEFT_STRIDE>;\n\
var<workgroup> right_tile: array<vec4f, DEPTH * RIGHT_STRIDE>;\n\
\n\
alias Sums = array<array<vec4f, COL_VECTORS>, ROWS>;\n\
\n\
fn multiply_tiles(sums: ptr<function, Sums>, thread: vec3u) {\n\
  let x = thread.x % COL_THREADS;\n\
  let y = thread.y % ROW_THREADS;\n\
  for (var t = 0u; t < TERM_VECTORS; t++) {\n\
    var left: array<vec4f, ROWS>;\n\
    //#unroll\n\
    for (var r = 0u; r < ROWS; r++) {\n\
      left[r] = left_tile[(r * ROW_THREADS + y) * LEFT_STRIDE + t];\n\
    }\n\
    //#unroll\n\
    for (var k = 0u; k < 4u; k++) {\n\
      var right: array<vec4f, COL_VECTORS>;\n\
      //#unroll\n\
      for (var c = 0u; c < COL_VECTORS; c++) {\n\
        right[c] = right_tile[(4u * t + k) * RIGHT_STRIDE + c * COL_THREADS + x];\n\
      }\n\
      //#unroll\n\
      for (var r = 0u; r < ROWS; r++) {\n\
        //#unroll\n\
        for (var c = 0u; c < COL_VECTORS; c++) {\n\
          (*sums)[r][c] = fma(vec4f(left[r][k]), right[c], (*sums)[r][c]);\n\
        }\n\
      }\n\
    }\n\
  }\n\
}\n\
\n\
struct Params {\n\
  rows: u32,\n\
  dim: u32,\n\
  column_rows: u32,\n\
  first_column: u32,\n\
  width: u32,\n\
  same_block: u32,\n\
  splits: u32,\n\
  continues: u32,\n\
  inverse_temperature: f32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> z: array<f32>; //#vec4 @group(0) @binding(0) var<storage, read> z: array<vec4f>;\n\
@group(0) @binding(1) var<storage, read> anchors: array<f32>;\n\
@group(0) @binding(2) var<storage, read> marks: array<u32>;\n\
@group(0) @binding(3) var<storage, read> columns: array<f32>; //#vec4 @group(0) @binding(3) var<storage, read> columns: array<vec4f>;\n\
@group(0) @binding(4) var<storage, read> column_marks: array<u32>;\n\
@group(0) @binding(5) var<storage, read_write> partials: array<f32>;\n\
@group(0) @binding(6) var<uniform> params: Params;\n\
fn add_similarities(sums: ptr<function, Sums>, first_row: u32, first_column: u32, local: vec3u) {\n\
  let thread = local.y * COL_THREADS + local.x;\n\
  var z_at: array<u32, LEFT_LOADS>;\n\
  //#unroll\n\
  for (var i = 0u; i < LEFT_LOADS; i++) {\n\
    let row = min(first_row + (i * THREADS + thread) / TERM_VECTORS, params.rows - 1u);\n\
    z_at[i] = row * params.dim + 4u * (thread % TERM_VECTORS);\n\
  }\n\
  let stride = panel_stride(params.width);\n\
  var columns_at: array<u32, RIGHT_LOADS>;\n\
  //#unroll\n\
  for (var i = 0u; i < RIGHT_LOADS; i++) {\n\
    let number = i * THREADS + thread;\n\
    let column = min(first_column + 4u * (number % TILE_COL_VECTORS), stride - 4u);\n\
    columns_at[i] = number / TILE_COL_VECTORS * stride + column;\n\
  }\n\
  for (var k = 0u; k < params.dim; k += DEPTH) {\n\
    let terms = vec4u(k + 4u * (thread % TERM_VECTORS)) + select(vec4u(0u, 1u, 2u, 3u), vec4u(0u), VECTOR == 4u);\n\
    var left: array<vec4f, LEFT_LOADS>;\n\
    //#unroll\n\
    for (var i = 0u; i < LEFT_LOADS; i++) {\n\
      let at = z_at[i] + k;\n\
      let values = vec4f(z[at], z[at + 1u], z[at + 2u], z[at + 3u]); //#vec4 let values = z[at / 4u];\n\
      left[i] = select(vec4f(0.0), values, terms < vec4u(params.dim));\n\
    }\n\
    var right: array<vec4f, RIGHT_LOADS>;\n\
    //#unroll\n\
    for (var i = 0u; i < RIGHT_LOADS; i++) {\n\
      let at = columns_at[i] + k * stride;\n\
      let counts = k + (i * THREADS + thread) / TILE_COL_VECTORS < params.dim;\n\
      let values = vec4f(columns[at], columns[at + 1u], columns[at + 2u], columns[at + 3u]); //#vec4 let values = columns[at / 4u];\n\
      right[i] = select(vec4f(0.0), values, counts);\n\
    }\n\
    workgroupBarrier();\n\
    //#unroll\n\
    for (var i = 0u; i < LEFT_LOADS; i++) {\n\
      let number = i * THREADS + thread;\n\
      if (LEFT_VECTORS % THREADS == 0u || number < LEFT_VECTORS) {\n\
        left_tile[number] = left[i];\n\
      }\n\
    }\n\
    //#unroll\n\
    for (var i = 0u; i < RIGHT_LOADS; i++) {\n\
      let number = i * THREADS + thread;\n\
      if (RIGHT_VECTORS % THREADS == 0u || number < RIGHT_VECTORS) {\n\
        right_tile[number / TILE_COL_VECTORS * RIGHT_STRIDE + number % TILE_COL_VECTORS] = right[i];\n\
      }\n\
    }\n\
    workgroupBarrier();\n\
    multiply_tiles(sums, local);\n\
  }\n\
}\n\
\n\
var<workgroup> thread_parts: array<f32, HELD * THREADS>;\n\
\n\
fn thread_place(part: u32, local: vec3u, thread: u32) -> u32 {\n\
  return part * THREADS + local.y * COL_THREADS + thread;\n\
}\n\
\n\
fn pooled(part: u32, local: vec3u) -> vec2f {\n\
  var now = LOWEST;\n\
  for (var i = 0u; i < COL_THREADS; i++) {\n\
    now = max(now, thread_parts[thread_place(part, local, i)]);\n\
  }\n\
  var sum = 0.0;\n\
  for (var i = 0u; i < COL_THREADS; i++) {\n\
    sum += thread_parts[thread_place(part + 1u, local, i)] * exp(thread_parts[thread_place(part, local, i)] - now);\n\
  }\n\
  return vec2f(now, sum);\n\
}\n\
\n\
@compute @workgroup_size(COL_THREADS, ROW_THREADS)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let row_blocks = (params.rows + TILE_ROWS - 1u) / TILE_ROWS;\n\
  let index = workgroup_index(group, grid);\n\
  let first_row = index % row_blocks * TILE_ROWS;\n\
  let split = index / row_blocks;\n\
  if (split >= params.splits) {\n\
    return;\n\
  }\n\
  let tiles = (params.width + TILE_COLS - 1u) / TILE_COLS;\n\
  let tiles_per_split = (tiles + params.splits - 1u) / params.splits;\n\
  let tile_end = min(tiles, (split + 1u) * tiles_per_split);\n\
\n\
  var row_scale: array<f32, ROWS>;\n\
  var row_mark: array<vec2u, ROWS>;\n\
  var row_largest: array<f32, ROWS>;\n\
  var row_sums: array<f32, ROWS>;\n\
  var positive_largest: array<f32, ROWS>;\n\
  var positive_sums: array<f32, ROWS>;\n\
  var attracted: array<f32, ROWS>;\n\
  var attracting: array<vec2f, ROWS>;\n\
  //#unroll\n\
  for (var r = 0u; r < ROWS; r++) {\n\
    let row = min(first_row + r * ROW_THREADS + local.y, params.rows - 1u);\n\
    row_scale[r] = anchors[row] * params.inverse_temperature;\n\
    row_mark[r] = mark_of(row);\n\
    row_largest[r] = LOWEST;\n\
    row_sums[r] = 0.0;\n\
    positive_largest[r] = LOWEST;\n\
    positive_sums[r] = 0.0;\n\
    attracted[r] = LOWEST;\n\
    attracting[r] = vec2f(0.0);\n\
  }\n\
  for (var tile = split * tiles_per_split; tile < tile_end; tile++) {\n\
    let first_column = tile * TILE_COLS + 4u * local.x;\n\
    var similarities: Sums;\n\
    //#unroll\n\
    for (var r = 0u; r < ROWS; r++) {\n\
      //#unroll\n\
      for (var c = 0u; c < COL_VECTORS; c++) {\n\
        similarities[r][c] = vec4f(0.0);\n\
      }\n\
    }\n\
    add_similarities(&similarities, first_row, tile * TILE_COLS, local);\n\
    var key_marks: array<array<vec2u, 4>, COL_VECTORS>;\n\
    //#unroll\n\
    for (var c = 0u; c < COL_VECTORS; c++) {\n\
      //#unroll\n\
      for (var i = 0u; i < 4u; i++) {\n\
        key_marks[c][i] = column_mark(params.first_column + min(first_column + 4u * c * COL_THREADS + i, params.width - 1u));\n\
      }\n\
    }\n\
    //#unroll\n\
    for (var r = 0u; r < ROWS; r++) {\n\
      let row = first_row + r * ROW_THREADS + local.y;\n\
      let itself = place_in_panel(row, params.first_column, params.same_block);\n\
      var kinds: array<vec4u, COL_VECTORS>;\n\
      var negative: array<vec4<bool>, COL_VECTORS>;\n\
      var now = row_largest[r];\n\
      //#unroll\n\
      for (var c = 0u; c < COL_VECTORS; c++) {\n\
        let place = vec4u(first_column + 4u * c * COL_THREADS) + vec4u(0u, 1u, 2u, 3u);\n\
        var kind: vec4u;\n\
        //#unroll\n\
        for (var i = 0u; i < 4u; i++) {\n\
          kind[i] = relation(row_mark[r], key_marks[c][i]);\n\
        }\n\
        let is_key = (place < vec4u(params.width)) & ((place != vec4u(itself)) | vec4<bool>(SAME == 0u));\n\
        negative[c] = is_key & (kind == vec4u(CONTRASTS));\n\
        kinds[c] = select(vec4u(0u), kind, is_key);\n\
        let logits = select(vec4f(LOWEST), similarities[r][c] * row_scale[r], negative[c]);\n\
        now = max(max(now, max(logits.x, logits.y)), max(logits.z, logits.w));\n\
      }\n\
      var positive_now = positive_largest[r];\n\
      if (ATTRACTING == 1u) {\n\
        //#unroll\n\
        for (var c = 0u; c < COL_VECTORS; c++) {\n\
          let logits = similarities[r][c] * row_scale[r];\n\
          let positives = select(vec4f(LOWEST), logits, kinds[c] == vec4u(POSITIVE));\n\
          positive_now = max(max(positive_now, max(positives.x, positives.y)), max(positives.z, positives.w));\n\
          let others = select(vec4f(LOWEST), logits, kinds[c] == vec4u(ATTRACTS));\n\
          attracted[r] = max(max(attracted[r], max(others.x, others.y)), max(others.z, others.w));\n\
          let attracts = kinds[c] & vec4u(ATTRACTS);\n\
          let terms = select(vec4f(0.0), logits, attracts == vec4u(ATTRACTS));\n\
          let number = (attracts.x + attracts.y) + (attracts.z + attracts.w);\n\
          attracting[r] += vec2f((terms.x + terms.y) + (terms.z + terms.w), f32(number));\n\
        }\n\
      }\n\
      var sum = row_sums[r] * exp(row_largest[r] - now);\n\
      var positive_sum = positive_sums[r] * exp(positive_largest[r] - positive_now);\n\
      //#unroll\n\
      for (var c = 0u; c < COL_VECTORS; c++) {\n\
        let positive = (kinds[c] == vec4u(POSITIVE)) & vec4<bool>(ATTRACTING == 1u);\n\
        let reference = select(vec4f(now), vec4f(positive_now), positive);\n\
        let all = exp(min(similarities[r][c] * row_scale[r] - reference, vec4f(0.0)));\n\
        let shares = select(vec4f(0.0), all, negative[c]);\n\
        sum += (shares.x + shares.y) + (shares.z + shares.w);\n\
        let own = select(vec4f(0.0), all, positive);\n\
        positive_sum += (own.x + own.y) + (own.z + own.w);\n\
      }\n\
      row_sums[r] = sum;\n\
      row_largest[r] = now;\n\
      positive_sums[r] = positive_sum;\n\
      positive_largest[r] = positive_now;\n\
    }\n\
  }\n\
\n\
  //#unroll\n\
  for (var r = 0u; r < ROWS; r++) {\n\
    workgroupBarrier();\n\
    thread_parts[thread_place(LARGEST, local, local.x)] = row_largest[r];\n\
    thread_parts[thread_place(SUM, local, local.x)] = row_sums[r];\n\
    if (ATTRACTING == 1u) {\n\
      thread_parts[thread_place(POSITIVE_LARGEST, local, local.x)] = positive_largest[r];\n\
      thread_parts[thread_place(POSITIVE_SUM, local, local.x)] = positive_sums[r];\n\
      thread_parts[thread_place(ATTRACTED_LARGEST, local, local.x)] = attracted[r];\n\
      thread_parts[thread_place(TOTAL, local, local.x)] = attracting[r].x;\n\
      thread_parts[thread_place(COUNT, local, local.x)] = attracting[r].y;\n\
    }\n\
    workgroupBarrier();\n\
    let row = first_row + r * ROW_THREADS + local.y;\n\
    if (local.x == 0u && row < params.rows) {\n\
      var positives = vec2f(LOWEST, 0.0);\n\
      var attracted_most = LOWEST;\n\
      var all_attracting = vec2f(0.0);\n\
      if (ATTRACTING == 1u) {\n\
        positives = pooled(POSITIVE_LARGEST, local);\n\
        for (var i = 0u; i < COL_THREADS; i++) {\n\
          attracted_most = max(attracted_most, thread_parts[thread_place(ATTRACTED_LARGEST, local, i)]);\n\
          all_attracting.x += thread_parts[thread_place(TOTAL, local, i)];\n\
          all_attracting.y += thread_parts[thread_place(COUNT, local, i)];\n\
        }\n\
      }\n\
      keep(split, row, pooled(LARGEST, local), positives, attracted_most, all_attracting);\n\
    }\n\
  }\n\
}\n\
",
};

/**
 * First pass of the contrastive losses (see src/losses/contrast.ts) for anchors and a panel of keys: the logits
 * s[i, j] = z[i] . z[j] / (|z[i]| |z[j]| temperature) are computed in tiles and never stored. Of each anchor i, in each of `splits`
 * runs of the panel's columns, only what lib/partials.wgsl lists is kept, by a running maximum and a sum that is scaled when the
 * maximum moves (Milakov and Gimelshein 2018). With `continues`, what the panels before gave is in `partials` already and goes on
 * from there. PARTS is 7, or 2 where no key of any panel attracts.
 */
export const contrastPartials: KernelDefinition<"z" | "anchors" | "marks" | "columns" | "column_marks" | "partials", "rows" | "dim" | "column_rows" | "first_column" | "width" | "same_block" | "splits" | "continues" | "inverse_temperature", "SAME" | "OTHER" | "TIMED" | "BEYOND" | "NEAR" | "FAR" | "LOWEST" | "LANES" | "ROWS" | "COLS" | "SHARE" | "VECTOR" | "PARTS"> = {
  name: "contrastPartials",
  bindings: [{"name":"z","access":"read","element":"f32"}, {"name":"anchors","access":"read","element":"f32"}, {"name":"marks","access":"read","element":"u32"}, {"name":"columns","access":"read","element":"f32"}, {"name":"column_marks","access":"read","element":"u32"}, {"name":"partials","access":"read_write","element":"f32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"dim","type":"u32","offset":4}, {"name":"column_rows","type":"u32","offset":8}, {"name":"first_column","type":"u32","offset":12}, {"name":"width","type":"u32","offset":16}, {"name":"same_block","type":"u32","offset":20}, {"name":"splits","type":"u32","offset":24}, {"name":"continues","type":"u32","offset":28}, {"name":"inverse_temperature","type":"f32","offset":32}],
  paramsSize: 48,
  constants: { SAME: { type: "u32", value: 3 }, OTHER: { type: "u32", value: 2 }, TIMED: { type: "bool", value: 0 }, BEYOND: { type: "u32", value: 0 }, NEAR: { type: "u32", value: 0 }, FAR: { type: "u32", value: 0 }, LOWEST: { type: "f32", value: -1e+30 }, LANES: { type: "u32", value: 8 }, ROWS: { type: "u32", value: 8 }, COLS: { type: "u32", value: 8 }, SHARE: { type: "u32", value: 1 }, VECTOR: { type: "u32", value: 1 }, PARTS: { type: "u32", value: 2 } },
  unrolls: (v) => [Math.floor(v["ROWS"] / v["SHARE"]), v["ROWS"], v["COLS"], Math.floor(v["COLS"] / v["VECTOR"]), v["VECTOR"], Math.floor(v["ROWS"] / v["SHARE"]), v["ROWS"], v["COLS"], v["COLS"], Math.floor(v["ROWS"] / Math.min(v["ROWS"], 16)), v["COLS"], Math.min(v["ROWS"], 16), v["COLS"], v["COLS"]],
  shapes: (v) => ({ z: v["rows"] * v["dim"], anchors: 3 * v["rows"], marks: (1 + v["TIMED"]) * v["rows"], columns: v["dim"] * 4 * Math.ceil(v["width"] / 4), column_marks: (1 + v["TIMED"]) * v["column_rows"], partials: v["PARTS"] * v["splits"] * v["rows"] }),
  workgroups: (v) => Math.ceil(v["rows"] / v["ROWS"]) * v["splits"],
  flops: (v) => 2 * v["rows"] * v["width"] * v["dim"],
  bytes: (v) => 4 * (Math.ceil(v["rows"] / v["ROWS"]) * Math.ceil(v["width"] / (v["COLS"] * v["LANES"])) * (v["dim"] * (v["ROWS"] + v["COLS"] * v["LANES"]) + v["ROWS"] + (1 + v["TIMED"]) * (v["ROWS"] + v["COLS"] * v["LANES"])) + (2 + 5 * Math.max(v["SAME"] % 2, v["OTHER"] % 2, v["BEYOND"] % 2)) * (1 + v["continues"]) * v["splits"] * v["rows"]),
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
\n\
fn place_in_panel(row: u32, first_column: u32, same_block: u32) -> u32 {\n\
  return select(4294967295u, row - first_column, same_block == 1u);\n\
}\n\
\n\
fn panel_stride(width: u32) -> u32 {\n\
  return (width + 3u) / 4u * 4u;\n\
}\n\
const ATTRACTS = 1u;\n\
const CONTRASTS = 2u;\n\
const POSITIVE = 3u;\n\
\n\
const SAME: u32 = 3u;\n\
const OTHER: u32 = 2u;\n\
const TIMED: bool = false;\n\
const BEYOND: u32 = 0u;\n\
const NEAR: u32 = 0u;\n\
const FAR: u32 = 0u;\n\
const ATTRACTING = (SAME | OTHER | BEYOND) & ATTRACTS;\n\
\n\
fn mark_of(row: u32) -> vec2u {\n\
  if (TIMED) {\n\
    return vec2u(marks[row], marks[params.rows + row]);\n\
  }\n\
  return vec2u(marks[row], 0u);\n\
}\n\
\n\
fn column_mark(row: u32) -> vec2u {\n\
  if (TIMED) {\n\
    return vec2u(column_marks[row], column_marks[params.column_rows + row]);\n\
  }\n\
  return vec2u(column_marks[row], 0u);\n\
}\n\
\n\
fn relation(a: vec2u, b: vec2u) -> u32 {\n\
  var same = SAME;\n\
  if (TIMED) {\n\
    let apart = max(a.y, b.y) - min(a.y, b.y);\n\
    same = select(select(0u, BEYOND, apart > FAR), SAME, apart <= NEAR);\n\
  }\n\
  return select(OTHER, same, a.x == b.x);\n\
}\n\
const LARGEST = 0u;\n\
const SUM = 1u;\n\
const POSITIVE_LARGEST = 2u;\n\
const POSITIVE_SUM = 3u;\n\
const ATTRACTED_LARGEST = 4u;\n\
const TOTAL = 5u;\n\
const COUNT = 6u;\n\
const LOWEST: f32 = -1e30;\n\
\n\
fn merged(a: vec2f, b: vec2f) -> vec2f {\n\
  let most = max(a.x, b.x);\n\
  return vec2f(most, a.y * exp(a.x - most) + b.y * exp(b.x - most));\n\
}\n\
\n\
fn is_largest(part: u32) -> bool {\n\
  return part == LARGEST || part == POSITIVE_LARGEST || part == ATTRACTED_LARGEST;\n\
}\n\
fn keep(split: u32, row: u32, negatives: vec2f, positives: vec2f, attracted: f32, attracting: vec2f) {\n\
  let next = params.splits * params.rows;\n\
  let at = split * params.rows + row;\n\
  var kept = negatives;\n\
  if (params.continues == 1u) {\n\
    kept = merged(negatives, vec2f(partials[at], partials[next + at]));\n\
  }\n\
  partials[at] = kept.x;\n\
  partials[next + at] = kept.y;\n\
  if (ATTRACTING == 1u) {\n\
    var kept_positives = positives;\n\
    var kept_attracted = attracted;\n\
    var kept_attracting = attracting;\n\
    if (params.continues == 1u) {\n\
      kept_positives = merged(positives, vec2f(partials[POSITIVE_LARGEST * next + at], partials[POSITIVE_SUM * next + at]));\n\
      kept_attracted = max(attracted, partials[ATTRACTED_LARGEST * next + at]);\n\
      kept_attracting = attracting + vec2f(partials[TOTAL * next + at], partials[COUNT * next + at]);\n\
    }\n\
    partials[POSITIVE_LARGEST * next + at] = kept_positives.x;\n\
    partials[POSITIVE_SUM * next + at] = kept_positives.y;\n\
    partials[ATTRACTED_LARGEST * next + at] = kept_attracted;\n\
    partials[TOTAL * next + at] = kept_attracting.x;\n\
    partials[COUNT * next + at] = kept_attracting.y;\n\
  }\n\
}\n\
fn from_lane(value: f32, lane: u32) -> f32 {\n\
  return value; //#subgroups return subgroupShuffle(value, lane);\n\
}\n\
fn column_of(tile_start: u32, c: u32, lane: u32) -> u32 {\n\
  return tile_start + c / VECTOR * VECTOR * LANES + lane * VECTOR + c % VECTOR;\n\
}\n\
\n\
fn similarity_tile(first_row: u32, tile_start: u32, lane: u32) -> array<array<f32, COLS>, ROWS> {\n\
  let last = params.rows - 1u;\n\
  let stride = panel_stride(params.width);\n\
  var own_starts: array<u32, OWN>;\n\
  //#unroll\n\
  for (var i = 0u; i < OWN; i++) {\n\
    own_starts[i] = min(first_row + i * SHARE + lane % SHARE, last) * params.dim;\n\
  }\n\
  var similarities: array<array<f32, COLS>, ROWS>;\n\
  //#unroll\n\
  for (var r = 0u; r < ROWS; r++) {\n\
    //#unroll\n\
    for (var c = 0u; c < COLS; c++) {\n\
      similarities[r][c] = 0.0;\n\
    }\n\
  }\n\
  for (var k = 0u; k < params.dim; k++) {\n\
    var values: array<f32, COLS>;\n\
    //#unroll\n\
    for (var v = 0u; v < VECTORS; v++) {\n\
      let at = k * stride + min(column_of(tile_start, v * VECTOR, lane), stride - VECTOR);\n\
      let loaded = vec4f(columns[at]); //#vec4 let loaded = columns[at / 4u];\n\
      //#unroll\n\
      for (var i = 0u; i < VECTOR; i++) {\n\
        values[v * VECTOR + i] = loaded[i];\n\
      }\n\
    }\n\
    var own: array<f32, OWN>;\n\
    //#unroll\n\
    for (var i = 0u; i < OWN; i++) {\n\
      own[i] = z[own_starts[i] + k];\n\
    }\n\
    //#unroll\n\
    for (var r = 0u; r < ROWS; r++) {\n\
      let value = from_lane(own[r / SHARE], r % SHARE);\n\
      //#unroll\n\
      for (var c = 0u; c < COLS; c++) {\n\
        similarities[r][c] = fma(value, values[c], similarities[r][c]);\n\
      }\n\
    }\n\
  }\n\
  return similarities;\n\
}\n\
\n\
const LANES: u32 = 8u;\n\
const ROWS: u32 = 8u;\n\
const COLS: u32 = 8u;\n\
const SHARE: u32 = 1u;\n\
const OWN = ROWS / SHARE;\n\
const VECTOR: u32 = 1u;\n\
const VECTORS = COLS / VECTOR;\n\
const ROUNDS = min(ROWS, 16u);\n\
const ROWS_AT_ONCE = ROWS / ROUNDS;\n\
const PARTS: u32 = 2u;\n\
const HELD = 2u + 5u * ATTRACTING;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  dim: u32,\n\
  column_rows: u32,\n\
  first_column: u32,\n\
  width: u32,\n\
  same_block: u32,\n\
  splits: u32,\n\
  continues: u32,\n\
  inverse_temperature: f32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> z: array<f32>;\n\
@group(0) @binding(1) var<storage, read> anchors: array<f32>;\n\
@group(0) @binding(2) var<storage, read> marks: array<u32>;\n\
@group(0) @binding(3) var<storage, read> columns: array<f32>; //#vec4 @group(0) @binding(3) var<storage, read> columns: array<vec4f>;\n\
@group(0) @binding(4) var<storage, read> column_marks: array<u32>;\n\
@group(0) @binding(5) var<storage, read_write> partials: array<f32>;\n\
@group(0) @binding(6) var<uniform> params: Params;\n\
\n\
var<workgroup> lane_parts: array<f32, HELD * ROWS * LANES>;\n\
\n\
fn lane_place(part: u32, r: u32, lane: u32) -> u32 {\n\
  return (part * ROWS + r) * LANES + lane;\n\
}\n\
\n\
fn largest_of(part: u32, r: u32) -> f32 {\n\
  var now = LOWEST;\n\
  for (var lane = 0u; lane < LANES; lane++) {\n\
    now = max(now, lane_parts[lane_place(part, r, lane)]);\n\
  }\n\
  return now;\n\
}\n\
\n\
fn sum_of(part: u32, r: u32, now: f32) -> f32 {\n\
  var sum = 0.0;\n\
  for (var lane = 0u; lane < LANES; lane++) {\n\
    sum += lane_parts[lane_place(part + 1u, r, lane)] * exp(lane_parts[lane_place(part, r, lane)] - now);\n\
  }\n\
  return sum;\n\
}\n\
\n\
fn total_of(part: u32, r: u32) -> f32 {\n\
  var sum = 0.0;\n\
  for (var lane = 0u; lane < LANES; lane++) {\n\
    sum += lane_parts[lane_place(part, r, lane)];\n\
  }\n\
  return sum;\n\
}\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
  //#subgroups @builtin(subgroup_invocation_id) subgroup_lane: u32,\n\
) {\n\
  let own_lane = local.x; //#subgroups let own_lane = subgroup_lane;\n\
  let row_blocks = (params.rows + ROWS - 1u) / ROWS;\n\
  let index = workgroup_index(group, grid);\n\
  let first_row = index % row_blocks * ROWS;\n\
  let split = index / row_blocks;\n\
  if (split >= params.splits) {\n\
    return;\n\
  }\n\
  let tiles = (params.width + LANES * COLS - 1u) / (LANES * COLS);\n\
  let tiles_per_split = (tiles + params.splits - 1u) / params.splits;\n\
  let tile_end = min(tiles, (split + 1u) * tiles_per_split);\n\
\n\
  for (var i = 0u; i < HELD * ROWS; i++) {\n\
    lane_parts[i * LANES + own_lane] = select(0.0, LOWEST, is_largest(i / ROWS));\n\
  }\n\
  for (var tile = split * tiles_per_split; tile < tile_end; tile++) {\n\
    let tile_start = tile * LANES * COLS;\n\
    let similarities = similarity_tile(first_row, tile_start, own_lane);\n\
    var key_marks: array<vec2u, COLS>;\n\
    //#unroll\n\
    for (var c = 0u; c < COLS; c++) {\n\
      key_marks[c] = column_mark(params.first_column + min(column_of(tile_start, c, own_lane), params.width - 1u));\n\
    }\n\
    for (var round = 0u; round < ROUNDS; round++) {\n\
      //#unroll\n\
      for (var i = 0u; i < ROWS_AT_ONCE; i++) {\n\
        let r = round * ROWS_AT_ONCE + i;\n\
        let row = min(first_row + r, params.rows - 1u);\n\
        let scale = anchors[row] * params.inverse_temperature;\n\
        let mark = mark_of(row);\n\
        let itself = place_in_panel(row, params.first_column, params.same_block);\n\
        let before = lane_parts[lane_place(LARGEST, r, own_lane)];\n\
        var now = before;\n\
        var logits: array<f32, COLS>;\n\
        var kinds: array<u32, COLS>;\n\
        var negative: array<bool, COLS>;\n\
        //#unroll\n\
        for (var c = 0u; c < COLS; c++) {\n\
          let column = column_of(tile_start, c, own_lane);\n\
          var similarity = 0.0;\n\
          //#unroll\n\
          for (var q = 0u; q < ROUNDS; q++) {\n\
            similarity = select(similarity, similarities[q * ROWS_AT_ONCE + i][c], q == round);\n\
          }\n\
          logits[c] = similarity * scale;\n\
          let kind = relation(mark, key_marks[c]);\n\
          let is_key = column < params.width && (SAME == 0u || column != itself);\n\
          negative[c] = is_key && kind == CONTRASTS;\n\
          kinds[c] = select(0u, kind, is_key);\n\
          now = select(now, max(now, logits[c]), negative[c]);\n\
        }\n\
        var positive_now = LOWEST;\n\
        if (ATTRACTING == 1u) {\n\
          positive_now = lane_parts[lane_place(POSITIVE_LARGEST, r, own_lane)];\n\
          var attracted = lane_parts[lane_place(ATTRACTED_LARGEST, r, own_lane)];\n\
          var total = lane_parts[lane_place(TOTAL, r, own_lane)];\n\
          var count = lane_parts[lane_place(COUNT, r, own_lane)];\n\
          //#unroll\n\
          for (var c = 0u; c < COLS; c++) {\n\
            positive_now = select(positive_now, max(positive_now, logits[c]), kinds[c] == POSITIVE);\n\
            attracted = select(attracted, max(attracted, logits[c]), kinds[c] == ATTRACTS);\n\
            total += select(0.0, logits[c], (kinds[c] & ATTRACTS) != 0u);\n\
            count += f32(kinds[c] & ATTRACTS);\n\
          }\n\
          lane_parts[lane_place(ATTRACTED_LARGEST, r, own_lane)] = attracted;\n\
          lane_parts[lane_place(TOTAL, r, own_lane)] = total;\n\
          lane_parts[lane_place(COUNT, r, own_lane)] = count;\n\
        }\n\
        var sum = lane_parts[lane_place(SUM, r, own_lane)] * exp(before - now);\n\
        var positive_sum = 0.0;\n\
        //#unroll\n\
        for (var c = 0u; c < COLS; c++) {\n\
          let positive = ATTRACTING == 1u && kinds[c] == POSITIVE;\n\
          let share = exp(min(logits[c] - select(now, positive_now, positive), 0.0));\n\
          sum += select(0.0, share, negative[c]);\n\
          positive_sum += select(0.0, share, positive);\n\
        }\n\
        lane_parts[lane_place(LARGEST, r, own_lane)] = now;\n\
        lane_parts[lane_place(SUM, r, own_lane)] = sum;\n\
        if (ATTRACTING == 1u) {\n\
          let positive_before = lane_parts[lane_place(POSITIVE_LARGEST, r, own_lane)];\n\
          positive_sum += lane_parts[lane_place(POSITIVE_SUM, r, own_lane)] * exp(positive_before - positive_now);\n\
          lane_parts[lane_place(POSITIVE_LARGEST, r, own_lane)] = positive_now;\n\
          lane_parts[lane_place(POSITIVE_SUM, r, own_lane)] = positive_sum;\n\
        }\n\
      }\n\
    }\n\
  }\n\
\n\
  workgroupBarrier(); //#subgroups ;\n\
  let row_count = min(ROWS, params.rows - first_row);\n\
  for (var r = 0u; r < row_count; r++) {\n\
    let own_largest = lane_parts[lane_place(LARGEST, r, own_lane)];\n\
    let now = largest_of(LARGEST, r); //#subgroups let now = subgroupMax(own_largest);\n\
    let own_sum = lane_parts[lane_place(SUM, r, own_lane)] * exp(own_largest - now);\n\
    let sum = sum_of(LARGEST, r, now); //#subgroups let sum = subgroupAdd(own_sum);\n\
    var positives = vec2f(LOWEST, 0.0);\n\
    var attracted = LOWEST;\n\
    var attracting = vec2f(0.0);\n\
    if (ATTRACTING == 1u) {\n\
      let own_positive = lane_parts[lane_place(POSITIVE_LARGEST, r, own_lane)];\n\
      positives.x = largest_of(POSITIVE_LARGEST, r); //#subgroups positives.x = subgroupMax(own_positive);\n\
      let own_positive_sum = lane_parts[lane_place(POSITIVE_SUM, r, own_lane)] * exp(own_positive - positives.x);\n\
      positives.y = sum_of(POSITIVE_LARGEST, r, positives.x); //#subgroups positives.y = subgroupAdd(own_positive_sum);\n\
      attracted = largest_of(ATTRACTED_LARGEST, r); //#subgroups attracted = subgroupMax(lane_parts[lane_place(ATTRACTED_LARGEST, r, own_lane)]);\n\
      attracting.x = total_of(TOTAL, r); //#subgroups attracting.x = subgroupAdd(lane_parts[lane_place(TOTAL, r, own_lane)]);\n\
      attracting.y = total_of(COUNT, r); //#subgroups attracting.y = subgroupAdd(lane_parts[lane_place(COUNT, r, own_lane)]);\n\
    }\n\
    if (own_lane == 0u) {\n\
      keep(split, first_row + r, vec2f(now, sum), positives, attracted, attracting);\n\
    }\n\
  }\n\
}\n\
",
};

/**
 * Gradient of the mean over the anchors of the losses of contrast-rows, with respect to the similarities of the same `count` anchors:
 * dsimilarities[i, k] = gradient * f / rows, where f is slopes[i] for the positive of i, 0 for i itself and for negatives that
 * do not count, and for the others
 * NT-Xent:        exp((s - largest[i]) / t) / (totals[i] * t)
 * NT-logistic:    sigmoid(s / t) / (totals[i] * t)
 * margin triplet: 1 / totals[i] where s > p - m, else 0.
 * Which negatives count is taken as fixed. One thread an element.
 */
export const contrastRowsGradient: KernelDefinition<"similarities" | "slopes" | "largest" | "totals" | "gradient" | "dsimilarities", "rows" | "first_row" | "count" | "inverse_temperature" | "margin", "LANES" | "LOSS" | "SEMI_HARD"> = {
  name: "contrastRowsGradient",
  bindings: [{"name":"similarities","access":"read","element":"f32"}, {"name":"slopes","access":"read","element":"f32"}, {"name":"largest","access":"read","element":"f32"}, {"name":"totals","access":"read","element":"f32"}, {"name":"gradient","access":"read","element":"f32"}, {"name":"dsimilarities","access":"read_write","element":"f32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"first_row","type":"u32","offset":4}, {"name":"count","type":"u32","offset":8}, {"name":"inverse_temperature","type":"f32","offset":12}, {"name":"margin","type":"f32","offset":16}],
  paramsSize: 32,
  constants: { LANES: { type: "u32", value: 64 }, LOSS: { type: "u32", value: 0 }, SEMI_HARD: { type: "bool", value: 0 } },
  unrolls: () => [],
  shapes: (v) => ({ similarities: v["count"] * v["rows"], slopes: v["rows"], largest: v["rows"], totals: v["rows"], gradient: 1, dsimilarities: v["count"] * v["rows"] }),
  workgroups: (v) => Math.ceil(v["count"] * v["rows"] / v["LANES"]),
  flops: (v) => 6 * v["count"] * v["rows"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
fn positive_of(row: u32, rows: u32) -> u32 {\n\
  let half_rows = rows / 2u;\n\
  return select(row - half_rows, row + half_rows, row < half_rows);\n\
}\n\
const NT_XENT = 0u;\n\
const NT_LOGISTIC = 1u;\n\
const MARGIN_TRIPLET = 2u;\n\
\n\
fn counts(similarity: f32, positive: f32) -> bool {\n\
  return !SEMI_HARD || (similarity < positive && similarity > positive - params.margin);\n\
}\n\
\n\
fn sigmoid(x: f32) -> f32 {\n\
  let small = exp(-abs(x));\n\
  return select(small, 1.0, x >= 0.0) / (1.0 + small);\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
const LOSS: u32 = 0u;\n\
const SEMI_HARD: bool = false;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  first_row: u32,\n\
  count: u32,\n\
  inverse_temperature: f32,\n\
  margin: f32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> similarities: array<f32>;\n\
@group(0) @binding(1) var<storage, read> slopes: array<f32>;\n\
@group(0) @binding(2) var<storage, read> largest: array<f32>;\n\
@group(0) @binding(3) var<storage, read> totals: array<f32>;\n\
@group(0) @binding(4) var<storage, read> gradient: array<f32>;\n\
@group(0) @binding(5) var<storage, read_write> dsimilarities: array<f32>;\n\
@group(0) @binding(6) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let i = workgroup_index(group, grid) * LANES + local.x;\n\
  if (i >= params.count * params.rows) {\n\
    return;\n\
  }\n\
  let start = i / params.rows * params.rows;\n\
  let row = params.first_row + i / params.rows;\n\
  let column = i % params.rows;\n\
  let other = positive_of(row, params.rows);\n\
  let positive = similarities[start + other];\n\
  let similarity = similarities[i];\n\
  let scale = params.inverse_temperature;\n\
  var factor = 0.0;\n\
  if (column == other) {\n\
    factor = slopes[row];\n\
  } else if (column != row && counts(similarity, positive)) {\n\
    if (LOSS == NT_XENT) {\n\
      factor = exp((similarity - largest[row]) * scale) / totals[row] * scale;\n\
    } else if (LOSS == NT_LOGISTIC) {\n\
      factor = sigmoid(similarity * scale) / totals[row] * scale;\n\
    } else if (similarity > positive - params.margin) {\n\
      factor = 1.0 / totals[row];\n\
    }\n\
  }\n\
  dsimilarities[i] = gradient[0] * factor / f32(params.rows);\n\
}\n\
",
};

/**
 * Contrastive losses of `count` anchors from row first_row on, of their similarities with all embeddings (Chen et al. 2020, table 2).
 * Of anchor i,
 * let p be the similarity to its positive, s[k] those to the n negatives that count, t the temperature and m the margin:
 * NT-Xent:        -p / t + log(exp(p / t) + sum_k exp(s[k] / t))
 * NT-logistic:    -log sigmoid(p / t) - sum_k log sigmoid(-s[k] / t) / n
 * margin triplet: sum_k max(s[k] - p + m, 0) / n
 * A mean over no negatives is 0. For the gradient, `slopes` is what the loss has by p; of NT-Xent, `largest` is the largest
 * similarity and `totals` = exp((p - largest) / t) + sum_k exp((s[k] - largest) / t); of the others, `totals` is n. `correct`
 * tells whether p is larger than the similarity to every negative, whichever count; a tie does not count, so that a collapse
 * scores 0. A workgroup a row.
 */
export const contrastRows: KernelDefinition<"similarities" | "losses" | "correct" | "slopes" | "largest" | "totals", "rows" | "first_row" | "count" | "inverse_temperature" | "margin", "LANES" | "LOSS" | "SEMI_HARD"> = {
  name: "contrastRows",
  bindings: [{"name":"similarities","access":"read","element":"f32"}, {"name":"losses","access":"read_write","element":"f32"}, {"name":"correct","access":"read_write","element":"f32"}, {"name":"slopes","access":"read_write","element":"f32"}, {"name":"largest","access":"read_write","element":"f32"}, {"name":"totals","access":"read_write","element":"f32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"first_row","type":"u32","offset":4}, {"name":"count","type":"u32","offset":8}, {"name":"inverse_temperature","type":"f32","offset":12}, {"name":"margin","type":"f32","offset":16}],
  paramsSize: 32,
  constants: { LANES: { type: "u32", value: 8 }, LOSS: { type: "u32", value: 0 }, SEMI_HARD: { type: "bool", value: 0 } },
  unrolls: () => [],
  shapes: (v) => ({ similarities: v["count"] * v["rows"], losses: v["rows"], correct: v["rows"], slopes: v["rows"], largest: v["rows"], totals: v["rows"] }),
  workgroups: (v) => v["count"],
  flops: (v) => 6 * v["count"] * v["rows"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
fn positive_of(row: u32, rows: u32) -> u32 {\n\
  let half_rows = rows / 2u;\n\
  return select(row - half_rows, row + half_rows, row < half_rows);\n\
}\n\
const NT_XENT = 0u;\n\
const NT_LOGISTIC = 1u;\n\
const MARGIN_TRIPLET = 2u;\n\
\n\
fn counts(similarity: f32, positive: f32) -> bool {\n\
  return !SEMI_HARD || (similarity < positive && similarity > positive - params.margin);\n\
}\n\
\n\
fn sigmoid(x: f32) -> f32 {\n\
  let small = exp(-abs(x));\n\
  return select(small, 1.0, x >= 0.0) / (1.0 + small);\n\
}\n\
var<workgroup> reduced: array<f32, LANES>;\n\
\n\
fn workgroup_sum(lane: u32, value: f32) -> f32 {\n\
  workgroupBarrier();\n\
  reduced[lane] = value;\n\
  workgroupBarrier();\n\
  for (var half = LANES / 2u; half > 0u; half /= 2u) {\n\
    if (lane < half) {\n\
      reduced[lane] += reduced[lane + half];\n\
    }\n\
    workgroupBarrier();\n\
  }\n\
  return reduced[0];\n\
}\n\
fn workgroup_max(lane: u32, value: f32) -> f32 {\n\
  workgroupBarrier();\n\
  reduced[lane] = value;\n\
  workgroupBarrier();\n\
  for (var half = LANES / 2u; half > 0u; half /= 2u) {\n\
    if (lane < half) {\n\
      reduced[lane] = max(reduced[lane], reduced[lane + half]);\n\
    }\n\
    workgroupBarrier();\n\
  }\n\
  return reduced[0];\n\
}\n\
\n\
const LANES: u32 = 8u;\n\
const LOSS: u32 = 0u;\n\
const SEMI_HARD: bool = false;\n\
const LOWEST = -3.4e38;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  first_row: u32,\n\
  count: u32,\n\
  inverse_temperature: f32,\n\
  margin: f32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> similarities: array<f32>;\n\
@group(0) @binding(1) var<storage, read_write> losses: array<f32>;\n\
@group(0) @binding(2) var<storage, read_write> correct: array<f32>;\n\
@group(0) @binding(3) var<storage, read_write> slopes: array<f32>;\n\
@group(0) @binding(4) var<storage, read_write> largest: array<f32>;\n\
@group(0) @binding(5) var<storage, read_write> totals: array<f32>;\n\
@group(0) @binding(6) var<uniform> params: Params;\n\
\n\
fn softplus(x: f32) -> f32 {\n\
  return max(x, 0.0) + log(1.0 + exp(-abs(x)));\n\
}\n\
\n\
fn is_finite(x: f32) -> bool {\n\
  return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;\n\
}\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let index = workgroup_index(group, grid);\n\
  if (index >= params.count) {\n\
    return;\n\
  }\n\
  let row = params.first_row + index;\n\
  let start = index * params.rows;\n\
  let other = positive_of(row, params.rows);\n\
  let positive = similarities[start + other];\n\
  var own_nearest = LOWEST;\n\
  for (var k = local.x; k < params.rows; k += LANES) {\n\
    if (k != row && k != other) {\n\
      own_nearest = max(own_nearest, similarities[start + k]);\n\
    }\n\
  }\n\
  let nearest = workgroup_max(local.x, own_nearest);\n\
  let reference = select(max(nearest, positive), positive, SEMI_HARD);\n\
\n\
  let scale = params.inverse_temperature;\n\
  let edge = positive - params.margin;\n\
  var own_sum = 0.0;\n\
  var own_count = 0.0;\n\
  var own_inside = 0.0;\n\
  for (var k = local.x; k < params.rows; k += LANES) {\n\
    let similarity = similarities[start + k];\n\
    if (k != row && k != other && counts(similarity, positive)) {\n\
      own_count += 1.0;\n\
      if (LOSS == NT_XENT) {\n\
        own_sum += exp((similarity - reference) * scale);\n\
      } else if (LOSS == NT_LOGISTIC) {\n\
        own_sum += softplus(similarity * scale);\n\
      } else if (similarity > edge) {\n\
        own_sum += similarity - edge;\n\
        own_inside += 1.0;\n\
      }\n\
    }\n\
  }\n\
  let sum = workgroup_sum(local.x, own_sum);\n\
  let count = workgroup_sum(local.x, own_count);\n\
  let inside = workgroup_sum(local.x, own_inside);\n\
  if (local.x != 0u) {\n\
    return;\n\
  }\n\
  var loss: f32;\n\
  var slope: f32;\n\
  var total = count;\n\
  let divisor = max(count, 1.0);\n\
  if (LOSS == NT_XENT) {\n\
    total = sum + exp((positive - reference) * scale);\n\
    loss = log(total) + (reference - positive) * scale;\n\
    slope = -sum / total * scale;\n\
  } else if (LOSS == NT_LOGISTIC) {\n\
    loss = softplus(-positive * scale) + sum / divisor;\n\
    slope = -sigmoid(-positive * scale) * scale;\n\
  } else {\n\
    loss = sum / divisor;\n\
    slope = -inside / divisor;\n\
  }\n\
  losses[row] = select(positive, loss, is_finite(positive));\n\
  correct[row] = select(0.0, 1.0, positive > nearest);\n\
  slopes[row] = slope;\n\
  largest[row] = reference;\n\
  totals[row] = total;\n\
}\n\
",
};

/**
 * Means and biased variances of the dimensions of normalised embeddings, panel by panel: those of a panel (its mean first, so that
 * nothing cancels) are put together with those of the `before` columns of the panels before (Chan, Golub and LeVeque 1979).
 * `statistics` holds the means, then the variances. A workgroup a dimension.
 */
export const contrastStatistics: KernelDefinition<"columns" | "statistics", "dim" | "width" | "before", "LANES"> = {
  name: "contrastStatistics",
  bindings: [{"name":"columns","access":"read","element":"f32"}, {"name":"statistics","access":"read_write","element":"f32"}],
  params: [{"name":"dim","type":"u32","offset":0}, {"name":"width","type":"u32","offset":4}, {"name":"before","type":"u32","offset":8}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 8 } },
  unrolls: () => [],
  shapes: (v) => ({ columns: v["dim"] * 4 * Math.ceil(v["width"] / 4), statistics: 2 * v["dim"] }),
  workgroups: (v) => v["dim"],
  flops: (v) => 4 * v["width"] * v["dim"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
\n\
fn place_in_panel(row: u32, first_column: u32, same_block: u32) -> u32 {\n\
  return select(4294967295u, row - first_column, same_block == 1u);\n\
}\n\
\n\
fn panel_stride(width: u32) -> u32 {\n\
  return (width + 3u) / 4u * 4u;\n\
}\n\
var<workgroup> reduced: array<f32, LANES>;\n\
\n\
fn workgroup_sum(lane: u32, value: f32) -> f32 {\n\
  workgroupBarrier();\n\
  reduced[lane] = value;\n\
  workgroupBarrier();\n\
  for (var half = LANES / 2u; half > 0u; half /= 2u) {\n\
    if (lane < half) {\n\
      reduced[lane] += reduced[lane + half];\n\
    }\n\
    workgroupBarrier();\n\
  }\n\
  return reduced[0];\n\
}\n\
\n\
const LANES: u32 = 8u;\n\
\n\
struct Params {\n\
  dim: u32,\n\
  width: u32,\n\
  before: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> columns: array<f32>;\n\
@group(0) @binding(1) var<storage, read_write> statistics: array<f32>;\n\
@group(0) @binding(2) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let dim = workgroup_index(group, grid);\n\
  if (dim >= params.dim) {\n\
    return;\n\
  }\n\
  let start = dim * panel_stride(params.width);\n\
  var sum = 0.0;\n\
  for (var j = local.x; j < params.width; j += LANES) {\n\
    sum += columns[start + j];\n\
  }\n\
  let more = f32(params.width);\n\
  let panel_mean = workgroup_sum(local.x, sum) / more;\n\
  var squares = 0.0;\n\
  for (var j = local.x; j < params.width; j += LANES) {\n\
    let difference = columns[start + j] - panel_mean;\n\
    squares = fma(difference, difference, squares);\n\
  }\n\
  let panel_squares = workgroup_sum(local.x, squares);\n\
  if (local.x > 0u) {\n\
    return;\n\
  }\n\
  if (params.before == 0u) {\n\
    statistics[dim] = panel_mean;\n\
    statistics[params.dim + dim] = panel_squares / more;\n\
    return;\n\
  }\n\
  let count = f32(params.before);\n\
  let total = count + more;\n\
  let mean = statistics[dim];\n\
  let step = panel_mean - mean;\n\
  let all_squares = statistics[params.dim + dim] * count + panel_squares + step * step * (count * more / total);\n\
  statistics[dim] = mean + step * (more / total);\n\
  statistics[params.dim + dim] = all_squares / total;\n\
}\n\
",
};

/**
 * 2-D convolution, and the gradient with respect to its input, by matrix units: the equation of conv2d, for GPUs that have them.
 * Operands are rounded to f16 with ROUNDED, and sums are f32. The weight is in the type of x, and the same in both directions: [kernel
 * height, kernel width, in, out] of the convolution, so that with TRANSPOSED it is [KERNEL_HEIGHT, KERNEL_WIDTH, OUT_CHANNELS, IN_CHANNELS].
 */
export const conv2dMatrix: KernelDefinition<"x" | "weight" | "y", "batch", "HALF" | "VECTOR" | "TRANSPOSED" | "PHASES_Y" | "PHASES_X" | "STRIDE_Y" | "STRIDE_X" | "PADDING_Y" | "PADDING_X" | "DILATION_Y" | "DILATION_X" | "KERNEL_HEIGHT" | "KERNEL_WIDTH" | "IN_HEIGHT" | "IN_WIDTH" | "IN_CHANNELS" | "OUT_HEIGHT" | "OUT_WIDTH" | "OUT_CHANNELS" | "UNITS" | "LANES" | "UNIT_ROWS" | "UNIT_COLS" | "UNIT_TERMS" | "PINNED" | "ROUNDED" | "ROW_SUBGROUPS" | "COL_SUBGROUPS" | "ROWS" | "COLS" | "DEPTH"> = {
  name: "conv2dMatrix",
  bindings: [{"name":"x","access":"read","element":"stored"}, {"name":"weight","access":"read","element":"stored"}, {"name":"y","access":"read_write","element":"stored"}],
  params: [{"name":"batch","type":"u32","offset":0}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, VECTOR: { type: "u32", value: 1 }, TRANSPOSED: { type: "bool", value: 0 }, PHASES_Y: { type: "u32", value: 1 }, PHASES_X: { type: "u32", value: 1 }, STRIDE_Y: { type: "u32", value: 1 }, STRIDE_X: { type: "u32", value: 1 }, PADDING_Y: { type: "u32", value: 1 }, PADDING_X: { type: "u32", value: 1 }, DILATION_Y: { type: "u32", value: 1 }, DILATION_X: { type: "u32", value: 1 }, KERNEL_HEIGHT: { type: "u32", value: 3 }, KERNEL_WIDTH: { type: "u32", value: 3 }, IN_HEIGHT: { type: "u32", value: 8 }, IN_WIDTH: { type: "u32", value: 8 }, IN_CHANNELS: { type: "u32", value: 8 }, OUT_HEIGHT: { type: "u32", value: 8 }, OUT_WIDTH: { type: "u32", value: 8 }, OUT_CHANNELS: { type: "u32", value: 8 }, UNITS: { type: "bool", value: 0 }, LANES: { type: "u32", value: 32 }, UNIT_ROWS: { type: "u32", value: 16 }, UNIT_COLS: { type: "u32", value: 16 }, UNIT_TERMS: { type: "u32", value: 16 }, PINNED: { type: "bool", value: 0 }, ROUNDED: { type: "bool", value: 0 }, ROW_SUBGROUPS: { type: "u32", value: 2 }, COL_SUBGROUPS: { type: "u32", value: 2 }, ROWS: { type: "u32", value: 2 }, COLS: { type: "u32", value: 2 }, DEPTH: { type: "u32", value: 16 } },
  unrolls: (v) => [v["ROWS"], v["COLS"], v["ROWS"], v["KERNEL_HEIGHT"], v["KERNEL_WIDTH"], Math.floor((Math.floor(v["ROW_SUBGROUPS"] * (v["ROWS"] * v["UNIT_ROWS"]) * v["DEPTH"] / 4) + v["ROW_SUBGROUPS"] * v["COL_SUBGROUPS"] * v["LANES"] - 1) / (v["ROW_SUBGROUPS"] * v["COL_SUBGROUPS"] * v["LANES"])), 4, Math.floor((Math.floor(v["ROW_SUBGROUPS"] * (v["ROWS"] * v["UNIT_ROWS"]) * v["DEPTH"] / 4) + v["ROW_SUBGROUPS"] * v["COL_SUBGROUPS"] * v["LANES"] - 1) / (v["ROW_SUBGROUPS"] * v["COL_SUBGROUPS"] * v["LANES"])), Math.floor((Math.floor(v["DEPTH"] * (v["COL_SUBGROUPS"] * (v["COLS"] * v["UNIT_COLS"])) / 4) + v["ROW_SUBGROUPS"] * v["COL_SUBGROUPS"] * v["LANES"] - 1) / (v["ROW_SUBGROUPS"] * v["COL_SUBGROUPS"] * v["LANES"])), Math.floor((Math.floor(v["ROW_SUBGROUPS"] * (v["ROWS"] * v["UNIT_ROWS"]) * v["DEPTH"] / 4) + v["ROW_SUBGROUPS"] * v["COL_SUBGROUPS"] * v["LANES"] - 1) / (v["ROW_SUBGROUPS"] * v["COL_SUBGROUPS"] * v["LANES"])), Math.floor((Math.floor(v["DEPTH"] * (v["COL_SUBGROUPS"] * (v["COLS"] * v["UNIT_COLS"])) / 4) + v["ROW_SUBGROUPS"] * v["COL_SUBGROUPS"] * v["LANES"] - 1) / (v["ROW_SUBGROUPS"] * v["COL_SUBGROUPS"] * v["LANES"])), Math.floor((Math.floor(v["ROW_SUBGROUPS"] * (v["ROWS"] * v["UNIT_ROWS"]) * v["DEPTH"] / 4) + v["ROW_SUBGROUPS"] * v["COL_SUBGROUPS"] * v["LANES"] - 1) / (v["ROW_SUBGROUPS"] * v["COL_SUBGROUPS"] * v["LANES"])), v["ROWS"], v["COLS"], Math.floor(4 / v["VECTOR"])],
  shapes: (v) => ({ x: v["batch"] * v["IN_HEIGHT"] * v["IN_WIDTH"] * v["IN_CHANNELS"], weight: v["KERNEL_HEIGHT"] * v["KERNEL_WIDTH"] * v["IN_CHANNELS"] * v["OUT_CHANNELS"], y: v["batch"] * v["OUT_HEIGHT"] * v["OUT_WIDTH"] * v["OUT_CHANNELS"] }),
  workgroups: (v) => v["PHASES_Y"] * v["PHASES_X"] * Math.ceil(v["batch"] * Math.ceil(v["OUT_HEIGHT"] / v["PHASES_Y"]) * Math.ceil(v["OUT_WIDTH"] / v["PHASES_X"]) / (v["ROW_SUBGROUPS"] * v["ROWS"] * v["UNIT_ROWS"])) * Math.ceil(v["OUT_CHANNELS"] / (v["COL_SUBGROUPS"] * v["COLS"] * v["UNIT_COLS"])),
  flops: (v) => 2 * v["batch"] * v["KERNEL_HEIGHT"] * v["KERNEL_WIDTH"] * v["IN_CHANNELS"] * v["OUT_CHANNELS"] * (v["TRANSPOSED"] * v["IN_HEIGHT"] * v["IN_WIDTH"] + (1 - v["TRANSPOSED"]) * v["OUT_HEIGHT"] * v["OUT_WIDTH"]),
  bytes: (v) => (4 - 2 * v["HALF"]) * ((1 + Math.min(1, v["IN_CHANNELS"] % v["DEPTH"]) * (v["PHASES_Y"] * v["PHASES_X"] - 1)) * Math.ceil(v["batch"] * Math.ceil(v["OUT_HEIGHT"] / v["PHASES_Y"]) * Math.ceil(v["OUT_WIDTH"] / v["PHASES_X"]) / (v["ROW_SUBGROUPS"] * v["ROWS"] * v["UNIT_ROWS"])) * Math.ceil(v["OUT_CHANNELS"] / (v["COL_SUBGROUPS"] * v["COLS"] * v["UNIT_COLS"])) * Math.ceil(v["KERNEL_HEIGHT"] * v["KERNEL_WIDTH"] * v["IN_CHANNELS"] / v["DEPTH"]) * v["DEPTH"] * (v["ROW_SUBGROUPS"] * v["ROWS"] * v["UNIT_ROWS"] + v["COL_SUBGROUPS"] * v["COLS"] * v["UNIT_COLS"]) + v["batch"] * v["OUT_HEIGHT"] * v["OUT_WIDTH"] * v["OUT_CHANNELS"]),
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
\n\
const VECTOR: u32 = 1u;\n\
const PIECES = 4u / VECTOR;\n\
const TRANSPOSED: bool = false;\n\
const PHASES_Y: u32 = 1u;\n\
const PHASES_X: u32 = 1u;\n\
const STRIDE_Y: u32 = 1u;\n\
const STRIDE_X: u32 = 1u;\n\
const PADDING_Y: u32 = 1u;\n\
const PADDING_X: u32 = 1u;\n\
const DILATION_Y: u32 = 1u;\n\
const DILATION_X: u32 = 1u;\n\
const KERNEL_HEIGHT: u32 = 3u;\n\
const KERNEL_WIDTH: u32 = 3u;\n\
const IN_HEIGHT: u32 = 8u;\n\
const IN_WIDTH: u32 = 8u;\n\
const IN_CHANNELS: u32 = 8u;\n\
const OUT_HEIGHT: u32 = 8u;\n\
const OUT_WIDTH: u32 = 8u;\n\
const OUT_CHANNELS: u32 = 8u;\n\
const LEFT_TURNED = false;\n\
const RIGHT_TURNED = TRANSPOSED;\n\
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
const TERMS = KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS;\n\
const TAP_A_ROUND = IN_CHANNELS % DEPTH == 0u;\n\
const TAP_A_VECTOR = IN_CHANNELS % 4u == 0u;\n\
const POINTWISE = KERNEL_HEIGHT * KERNEL_WIDTH * STRIDE_Y * STRIDE_X == 1u && PADDING_Y + PADDING_X == 0u;\n\
const COLUMN_BITS = 16u;\n\
\n\
struct Pixel {\n\
  image: u32,\n\
  row: u32,\n\
  column: u32,\n\
  inside: bool,\n\
}\n\
\n\
fn output_pixel(number: u32, phase: vec2u) -> Pixel {\n\
  let width = (OUT_WIDTH + PHASES_X - 1u) / PHASES_X;\n\
  let height = (OUT_HEIGHT + PHASES_Y - 1u) / PHASES_Y;\n\
  let row = number / width % height * PHASES_Y + phase.y;\n\
  let column = number % width * PHASES_X + phase.x;\n\
  let image = number / (width * height);\n\
  return Pixel(image, row, column, image < params.batch && row < OUT_HEIGHT && column < OUT_WIDTH);\n\
}\n\
\n\
fn patch_start(position: u32, phase: u32, stride: u32, padding: u32) -> u32 {\n\
  if (TRANSPOSED) {\n\
    return position / stride + (phase + padding) / stride;\n\
  }\n\
  return position * stride - padding;\n\
}\n\
\n\
fn reads_inside(position: u32, tap: u32, stride: u32, padding: u32, extent: u32) -> bool {\n\
  if (TRANSPOSED) {\n\
    let distance = position + padding - tap;\n\
    return position + padding >= tap && distance % stride == 0u && distance / stride < extent;\n\
  }\n\
  return position * stride + tap - padding < extent;\n\
}\n\
\n\
fn inside_bits(pixel: Pixel) -> u32 {\n\
  var bits = 0u;\n\
  //#unroll\n\
  for (var ky = 0u; ky < KERNEL_HEIGHT; ky++) {\n\
    let inside = reads_inside(pixel.row, ky * DILATION_Y, STRIDE_Y, PADDING_Y, IN_HEIGHT);\n\
    bits |= select(0u, 1u << ky, inside);\n\
  }\n\
  //#unroll\n\
  for (var kx = 0u; kx < KERNEL_WIDTH; kx++) {\n\
    let inside = reads_inside(pixel.column, kx * DILATION_X, STRIDE_X, PADDING_X, IN_WIDTH);\n\
    bits |= select(0u, 1u << (COLUMN_BITS + kx), inside);\n\
  }\n\
  return select(0u, bits, pixel.inside);\n\
}\n\
\n\
struct Term {\n\
  needs: u32,\n\
  offset: u32,\n\
}\n\
\n\
fn term_at(k: u32, phase: vec2u) -> Term {\n\
  let tap = k / IN_CHANNELS;\n\
  let ky = tap / KERNEL_WIDTH;\n\
  let kx = tap % KERNEL_WIDTH;\n\
  let needs = select(0xffffffffu, (1u << ky) | (1u << (COLUMN_BITS + kx)), TAP_A_ROUND || k < TERMS);\n\
  if (TRANSPOSED) {\n\
    let rows_back = (ky * DILATION_Y + STRIDE_Y - 1u - (phase.y + PADDING_Y) % STRIDE_Y) / STRIDE_Y;\n\
    let columns_back = (kx * DILATION_X + STRIDE_X - 1u - (phase.x + PADDING_X) % STRIDE_X) / STRIDE_X;\n\
    return Term(needs, k % IN_CHANNELS - (rows_back * IN_WIDTH + columns_back) * IN_CHANNELS);\n\
  }\n\
  return Term(needs, k % IN_CHANNELS + (ky * DILATION_Y * IN_WIDTH + kx * DILATION_X) * IN_CHANNELS);\n\
}\n\
\n\
fn next_terms(k: u32, phase: vec2u) -> u32 {\n\
  var next = k;\n\
  if (TRANSPOSED && TAP_A_ROUND) {\n\
    while (next < TERMS) {\n\
      let tap = next / IN_CHANNELS;\n\
      let ky = tap / KERNEL_WIDTH;\n\
      let kx = tap % KERNEL_WIDTH;\n\
      let reads_row = (phase.y + PADDING_Y + (STRIDE_Y * KERNEL_HEIGHT - ky) * DILATION_Y) % STRIDE_Y == 0u;\n\
      let reads_column = (phase.x + PADDING_X + (STRIDE_X * KERNEL_WIDTH - kx) * DILATION_X) % STRIDE_X == 0u;\n\
      if (reads_row && reads_column) {\n\
        break;\n\
      }\n\
      next = (tap + 1u) * IN_CHANNELS;\n\
    }\n\
  }\n\
  return next;\n\
}\n\
\n\
struct Params {\n\
  batch: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<Stored>; //#vec4 @group(0) @binding(0) var<storage, read> x: array<vec4<Stored>>;\n\
@group(0) @binding(1) var<storage, read> weight: array<Stored>; //#vec4 @group(0) @binding(1) var<storage, read> weight: array<vec4<Stored>>;\n\
@group(0) @binding(2) var<storage, read_write> y: array<Stored>; //#vec4 @group(0) @binding(2) var<storage, read_write> y: array<vec4<Stored>>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
fn first_term_of(thread: u32) -> u32 {\n\
  return 4u * (thread % LEFT_LINE);\n\
}\n\
\n\
fn weight_terms(k: u32, place: Place) -> vec4u {\n\
  return k + select(vec4u(place.line), vec4u(place.first) + vec4u(0u, 1u, 2u, 3u), RIGHT_TURNED);\n\
}\n\
\n\
fn weight_at(k: u32, first_column: u32, place: Place) -> vec4u {\n\
  let terms = weight_terms(k, place);\n\
  if (TRANSPOSED) {\n\
    return (terms / IN_CHANNELS * OUT_CHANNELS + first_column + place.line) * IN_CHANNELS + terms % IN_CHANNELS;\n\
  }\n\
  return terms * OUT_CHANNELS + first_column + place.first + vec4u(0u, 1u, 2u, 3u);\n\
}\n\
\n\
struct Sources {\n\
  x_at: array<u32, LEFT_LOADS>,\n\
  inside: array<u32, LEFT_LOADS>,\n\
}\n\
\n\
struct Round {\n\
  k: u32,\n\
  needs: u32,\n\
  left: array<vec4<Stored>, LEFT_LOADS>,\n\
  right: array<vec4<Stored>, RIGHT_LOADS>,\n\
}\n\
\n\
fn load_round(k: u32, phase: vec2u, first_column: u32, thread: u32, sources: ptr<function, Sources>, round: ptr<function, Round>) {\n\
  let own_terms = first_term_of(thread);\n\
  (*round).k = k;\n\
  if (TAP_A_VECTOR) {\n\
    let term = term_at(select(k + own_terms, k, TAP_A_ROUND), phase);\n\
    (*round).needs = term.needs;\n\
    //#unroll\n\
    for (var i = 0u; i < LEFT_LOADS; i++) {\n\
      let at = (*sources).x_at[i] + term.offset;\n\
      (*round).left[i] = vec4<Stored>(x[at], x[at + 1u], x[at + 2u], x[at + 3u]); //#vec4 (*round).left[i] = x[at / 4u];\n\
    }\n\
  } else {\n\
    //#unroll\n\
    for (var t = 0u; t < 4u; t++) {\n\
      let term = term_at(k + own_terms + t, phase);\n\
      //#unroll\n\
      for (var i = 0u; i < LEFT_LOADS; i++) {\n\
        let value = x[(*sources).x_at[i] + term.offset]; //#vec4 let value = Stored(0.0);\n\
        (*round).left[i][t] = select(Stored(0.0), value, ((*sources).inside[i] & term.needs) == term.needs);\n\
      }\n\
    }\n\
  }\n\
  //#unroll\n\
  for (var i = 0u; i < RIGHT_LOADS; i++) {\n\
    let at = weight_at(k, first_column, right_place(i * THREADS + thread));\n\
    (*round).right[i] = vec4<Stored>(weight[at.x], weight[at.y], weight[at.z], weight[at.w]); //#vec4 (*round).right[i] = weight[at.x / 4u];\n\
  }\n\
}\n\
\n\
fn store_round(thread: u32, sources: ptr<function, Sources>, round: ptr<function, Round>) {\n\
  //#unroll\n\
  for (var i = 0u; i < LEFT_LOADS; i++) {\n\
    let counts = !TAP_A_VECTOR || ((*sources).inside[i] & (*round).needs) == (*round).needs;\n\
    store_left(i * THREADS + thread, select(vec4<Operand>(), vec4<Operand>((*round).left[i]), counts));\n\
  }\n\
  //#unroll\n\
  for (var i = 0u; i < RIGHT_LOADS; i++) {\n\
    let number = i * THREADS + thread;\n\
    let counts = weight_terms((*round).k, right_place(number)) < vec4u(TERMS);\n\
    store_right(number, select(vec4<Operand>(), vec4<Operand>((*round).right[i]), counts | vec4<bool>(TAP_A_ROUND)));\n\
  }\n\
}\n\
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
  let column_blocks = (OUT_CHANNELS + TILE_COLS - 1u) / TILE_COLS;\n\
  let pixels = params.batch * ((OUT_HEIGHT + PHASES_Y - 1u) / PHASES_Y) * ((OUT_WIDTH + PHASES_X - 1u) / PHASES_X);\n\
  let pixel_blocks = (pixels + TILE_ROWS - 1u) / TILE_ROWS;\n\
  let index = workgroup_index(group, grid);\n\
  let phase_number = index / (column_blocks * pixel_blocks);\n\
  if (phase_number >= PHASES_Y * PHASES_X) {\n\
    return;\n\
  }\n\
  let phase = vec2u(phase_number % PHASES_X, phase_number / PHASES_X);\n\
  let first_pixel = index / column_blocks % pixel_blocks * TILE_ROWS;\n\
  let first_column = index % column_blocks * TILE_COLS;\n\
\n\
  var sources: Sources;\n\
  //#unroll\n\
  for (var i = 0u; i < LEFT_LOADS; i++) {\n\
    let number = first_pixel + (i * THREADS + thread) / LEFT_LINE;\n\
    if (POINTWISE) {\n\
      sources.x_at[i] = number * IN_CHANNELS;\n\
      sources.inside[i] = select(0u, 0x7fffffffu, number < pixels);\n\
    } else {\n\
      let pixel = output_pixel(number, phase);\n\
      let row = pixel.image * IN_HEIGHT + patch_start(pixel.row, phase.y, STRIDE_Y, PADDING_Y);\n\
      let column = patch_start(pixel.column, phase.x, STRIDE_X, PADDING_X);\n\
      sources.x_at[i] = (row * IN_WIDTH + column) * IN_CHANNELS;\n\
      sources.inside[i] = inside_bits(pixel);\n\
    }\n\
    sources.x_at[i] += select(0u, first_term_of(thread), TAP_A_ROUND);\n\
  }\n\
\n\
  var sums: Sums;\n\
  var round: Round;\n\
  var k = next_terms(0u, phase);\n\
  if (k < TERMS) {\n\
    load_round(k, phase, first_column, thread, &sources, &round);\n\
  }\n\
  while (k < TERMS) {\n\
    workgroupBarrier();\n\
    store_round(thread, &sources, &round);\n\
    workgroupBarrier();\n\
    k = next_terms(k + DEPTH, phase);\n\
    if (k < TERMS) {\n\
      load_round(k, phase, first_column, thread, &sources, &round);\n\
    }\n\
    multiply_tiles(&sums, subgroup, lane);\n\
  }\n\
\n\
  let part = thread / LANES;\n\
  //#unroll\n\
  for (var r = 0u; r < ROWS; r++) {\n\
    //#unroll\n\
    for (var c = 0u; c < COLS; c++) {\n\
      workgroupBarrier();\n\
      store_sum(sums[r][c], results_of(subgroup), lane);\n\
      workgroupBarrier();\n\
      for (var v = lane; v < RESULT_VECTORS; v += LANES) {\n\
        let place = result_place(part, r, c, v);\n\
        let number = first_pixel + place.x;\n\
        let column = first_column + place.y;\n\
        var start = number * OUT_CHANNELS;\n\
        var stored = number < pixels;\n\
        if (PHASES_Y * PHASES_X > 1u) {\n\
          let pixel = output_pixel(number, phase);\n\
          start = ((pixel.image * OUT_HEIGHT + pixel.row) * OUT_WIDTH + pixel.column) * OUT_CHANNELS;\n\
          stored = pixel.inside;\n\
        }\n\
        let values = vec4<Stored>(result_vector(part, v));\n\
        //#unroll\n\
        for (var i = 0u; i < PIECES; i++) {\n\
          if (stored && column + i < OUT_CHANNELS) {\n\
            let at = start + column + i;\n\
            y[at] = values[i]; //#vec4 y[at / 4u] = values;\n\
          }\n\
        }\n\
      }\n\
    }\n\
  }\n\
}\n\
",
};

/**
 * 2-D convolution, and the gradient with respect to its input, in workgroup memory: the equation, bindings and constants of
 * conv2d, for GPUs; conv2d is the form for software adapters and small maps.
 */
export const conv2dTiled: KernelDefinition<"x" | "weight" | "y", "batch", "HALF" | "ROW_THREADS" | "COL_THREADS" | "ROWS" | "COLS" | "DEPTH" | "VECTOR" | "TRANSPOSED" | "PHASES_Y" | "PHASES_X" | "STRIDE_Y" | "STRIDE_X" | "PADDING_Y" | "PADDING_X" | "DILATION_Y" | "DILATION_X" | "KERNEL_HEIGHT" | "KERNEL_WIDTH" | "IN_HEIGHT" | "IN_WIDTH" | "IN_CHANNELS" | "OUT_HEIGHT" | "OUT_WIDTH" | "OUT_CHANNELS"> = {
  name: "conv2dTiled",
  bindings: [{"name":"x","access":"read","element":"stored"}, {"name":"weight","access":"read","element":"f32"}, {"name":"y","access":"read_write","element":"stored"}],
  params: [{"name":"batch","type":"u32","offset":0}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, ROW_THREADS: { type: "u32", value: 16 }, COL_THREADS: { type: "u32", value: 16 }, ROWS: { type: "u32", value: 4 }, COLS: { type: "u32", value: 4 }, DEPTH: { type: "u32", value: 16 }, VECTOR: { type: "u32", value: 1 }, TRANSPOSED: { type: "bool", value: 0 }, PHASES_Y: { type: "u32", value: 1 }, PHASES_X: { type: "u32", value: 1 }, STRIDE_Y: { type: "u32", value: 1 }, STRIDE_X: { type: "u32", value: 1 }, PADDING_Y: { type: "u32", value: 1 }, PADDING_X: { type: "u32", value: 1 }, DILATION_Y: { type: "u32", value: 1 }, DILATION_X: { type: "u32", value: 1 }, KERNEL_HEIGHT: { type: "u32", value: 3 }, KERNEL_WIDTH: { type: "u32", value: 3 }, IN_HEIGHT: { type: "u32", value: 8 }, IN_WIDTH: { type: "u32", value: 8 }, IN_CHANNELS: { type: "u32", value: 8 }, OUT_HEIGHT: { type: "u32", value: 8 }, OUT_WIDTH: { type: "u32", value: 8 }, OUT_CHANNELS: { type: "u32", value: 8 } },
  unrolls: (v) => [v["ROWS"], 4, Math.floor(v["COLS"] / 4), v["ROWS"], Math.floor(v["COLS"] / 4), v["KERNEL_HEIGHT"], v["KERNEL_WIDTH"], Math.floor((v["ROW_THREADS"] * v["ROWS"] * Math.floor(v["DEPTH"] / 4) + v["ROW_THREADS"] * v["COL_THREADS"] - 1) / (v["ROW_THREADS"] * v["COL_THREADS"])), 4, Math.floor((v["ROW_THREADS"] * v["ROWS"] * Math.floor(v["DEPTH"] / 4) + v["ROW_THREADS"] * v["COL_THREADS"] - 1) / (v["ROW_THREADS"] * v["COL_THREADS"])), Math.floor((v["DEPTH"] * Math.floor(v["COL_THREADS"] * v["COLS"] / 4) + v["ROW_THREADS"] * v["COL_THREADS"] - 1) / (v["ROW_THREADS"] * v["COL_THREADS"])), Math.floor((v["ROW_THREADS"] * v["ROWS"] * Math.floor(v["DEPTH"] / 4) + v["ROW_THREADS"] * v["COL_THREADS"] - 1) / (v["ROW_THREADS"] * v["COL_THREADS"])), Math.floor((v["DEPTH"] * Math.floor(v["COL_THREADS"] * v["COLS"] / 4) + v["ROW_THREADS"] * v["COL_THREADS"] - 1) / (v["ROW_THREADS"] * v["COL_THREADS"])), Math.floor((v["ROW_THREADS"] * v["ROWS"] * Math.floor(v["DEPTH"] / 4) + v["ROW_THREADS"] * v["COL_THREADS"] - 1) / (v["ROW_THREADS"] * v["COL_THREADS"])), Math.floor((v["DEPTH"] * Math.floor(v["COL_THREADS"] * v["COLS"] / 4) + v["ROW_THREADS"] * v["COL_THREADS"] - 1) / (v["ROW_THREADS"] * v["COL_THREADS"])), v["ROWS"], Math.floor(v["COLS"] / 4), Math.floor(4 / v["VECTOR"])],
  shapes: (v) => ({ x: v["batch"] * v["IN_HEIGHT"] * v["IN_WIDTH"] * v["IN_CHANNELS"], weight: v["KERNEL_HEIGHT"] * v["KERNEL_WIDTH"] * v["IN_CHANNELS"] * v["OUT_CHANNELS"], y: v["batch"] * v["OUT_HEIGHT"] * v["OUT_WIDTH"] * v["OUT_CHANNELS"] }),
  workgroups: (v) => v["PHASES_Y"] * v["PHASES_X"] * Math.ceil(v["batch"] * Math.ceil(v["OUT_HEIGHT"] / v["PHASES_Y"]) * Math.ceil(v["OUT_WIDTH"] / v["PHASES_X"]) / (v["ROW_THREADS"] * v["ROWS"])) * Math.ceil(v["OUT_CHANNELS"] / (v["COL_THREADS"] * v["COLS"])),
  flops: (v) => 2 * v["batch"] * v["KERNEL_HEIGHT"] * v["KERNEL_WIDTH"] * v["IN_CHANNELS"] * v["OUT_CHANNELS"] * (v["TRANSPOSED"] * v["IN_HEIGHT"] * v["IN_WIDTH"] + (1 - v["TRANSPOSED"]) * v["OUT_HEIGHT"] * v["OUT_WIDTH"]),
  bytes: (v) => (1 + Math.min(1, v["IN_CHANNELS"] % v["DEPTH"]) * (v["PHASES_Y"] * v["PHASES_X"] - 1)) * Math.ceil(v["batch"] * Math.ceil(v["OUT_HEIGHT"] / v["PHASES_Y"]) * Math.ceil(v["OUT_WIDTH"] / v["PHASES_X"]) / (v["ROW_THREADS"] * v["ROWS"])) * Math.ceil(v["OUT_CHANNELS"] / (v["COL_THREADS"] * v["COLS"])) * Math.ceil(v["KERNEL_HEIGHT"] * v["KERNEL_WIDTH"] * v["IN_CHANNELS"] / v["DEPTH"]) * v["DEPTH"] * ((4 - 2 * v["HALF"]) * v["ROW_THREADS"] * v["ROWS"] + 4 * v["COL_THREADS"] * v["COLS"]) + (4 - 2 * v["HALF"]) * v["batch"] * v["OUT_HEIGHT"] * v["OUT_WIDTH"] * v["OUT_CHANNELS"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
\n\
const ROW_THREADS: u32 = 16u;\n\
const COL_THREADS: u32 = 16u;\n\
const ROWS: u32 = 4u;\n\
const COLS: u32 = 4u;\n\
const DEPTH: u32 = 16u;\n\
const VECTOR: u32 = 1u;\n\
const PIECES = 4u / VECTOR;\n\
const TRANSPOSED: bool = false;\n\
const PHASES_Y: u32 = 1u;\n\
const PHASES_X: u32 = 1u;\n\
const STRIDE_Y: u32 = 1u;\n\
const STRIDE_X: u32 = 1u;\n\
const PADDING_Y: u32 = 1u;\n\
const PADDING_X: u32 = 1u;\n\
const DILATION_Y: u32 = 1u;\n\
const DILATION_X: u32 = 1u;\n\
const KERNEL_HEIGHT: u32 = 3u;\n\
const KERNEL_WIDTH: u32 = 3u;\n\
const IN_HEIGHT: u32 = 8u;\n\
const IN_WIDTH: u32 = 8u;\n\
const IN_CHANNELS: u32 = 8u;\n\
const OUT_HEIGHT: u32 = 8u;\n\
const OUT_WIDTH: u32 = 8u;\n\
const OUT_CHANNELS: u32 = 8u;\n\
const LEFT_STRIDE = DEPTH / 4u;\n\
const RIGHT_STRIDE = COL_THREADS * COLS / 4u;\n\
const THREADS = ROW_THREADS * COL_THREADS;\n\
const TILE_ROWS = ROW_THREADS * ROWS;\n\
const TILE_COLS = COL_THREADS * COLS;\n\
const TERM_VECTORS = DEPTH / 4u;\n\
const COL_VECTORS = COLS / 4u;\n\
const TILE_COL_VECTORS = TILE_COLS / 4u;\n\
const LEFT_VECTORS = TILE_ROWS * TERM_VECTORS;\n\
const RIGHT_VECTORS = DEPTH * TILE_COL_VECTORS;\n\
const LEFT_LOADS = (LEFT_VECTORS + THREADS - 1u) / THREADS;\n\
const RIGHT_LOADS = (RIGHT_VECTORS + THREADS - 1u) / THREADS;\n\
\n\
var<workgroup> left_tile: array<vec4f, TILE_ROWS * LEFT_STRIDE>;\n\
var<workgroup> right_tile: array<vec4f, DEPTH * RIGHT_STRIDE>;\n\
\n\
alias Sums = array<array<vec4f, COL_VECTORS>, ROWS>;\n\
\n\
fn multiply_tiles(sums: ptr<function, Sums>, thread: vec3u) {\n\
  let x = thread.x % COL_THREADS;\n\
  let y = thread.y % ROW_THREADS;\n\
  for (var t = 0u; t < TERM_VECTORS; t++) {\n\
    var left: array<vec4f, ROWS>;\n\
    //#unroll\n\
    for (var r = 0u; r < ROWS; r++) {\n\
      left[r] = left_tile[(r * ROW_THREADS + y) * LEFT_STRIDE + t];\n\
    }\n\
    //#unroll\n\
    for (var k = 0u; k < 4u; k++) {\n\
      var right: array<vec4f, COL_VECTORS>;\n\
      //#unroll\n\
      for (var c = 0u; c < COL_VECTORS; c++) {\n\
        right[c] = right_tile[(4u * t + k) * RIGHT_STRIDE + c * COL_THREADS + x];\n\
      }\n\
      //#unroll\n\
      for (var r = 0u; r < ROWS; r++) {\n\
        //#unroll\n\
        for (var c = 0u; c < COL_VECTORS; c++) {\n\
          (*sums)[r][c] = fma(vec4f(left[r][k]), right[c], (*sums)[r][c]);\n\
        }\n\
      }\n\
    }\n\
  }\n\
}\n\
const TERMS = KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS;\n\
const TAP_A_ROUND = IN_CHANNELS % DEPTH == 0u;\n\
const TAP_A_VECTOR = IN_CHANNELS % 4u == 0u;\n\
const POINTWISE = KERNEL_HEIGHT * KERNEL_WIDTH * STRIDE_Y * STRIDE_X == 1u && PADDING_Y + PADDING_X == 0u;\n\
const COLUMN_BITS = 16u;\n\
\n\
struct Pixel {\n\
  image: u32,\n\
  row: u32,\n\
  column: u32,\n\
  inside: bool,\n\
}\n\
\n\
fn output_pixel(number: u32, phase: vec2u) -> Pixel {\n\
  let width = (OUT_WIDTH + PHASES_X - 1u) / PHASES_X;\n\
  let height = (OUT_HEIGHT + PHASES_Y - 1u) / PHASES_Y;\n\
  let row = number / width % height * PHASES_Y + phase.y;\n\
  let column = number % width * PHASES_X + phase.x;\n\
  let image = number / (width * height);\n\
  return Pixel(image, row, column, image < params.batch && row < OUT_HEIGHT && column < OUT_WIDTH);\n\
}\n\
\n\
fn patch_start(position: u32, phase: u32, stride: u32, padding: u32) -> u32 {\n\
  if (TRANSPOSED) {\n\
    return position / stride + (phase + padding) / stride;\n\
  }\n\
  return position * stride - padding;\n\
}\n\
\n\
fn reads_inside(position: u32, tap: u32, stride: u32, padding: u32, extent: u32) -> bool {\n\
  if (TRANSPOSED) {\n\
    let distance = position + padding - tap;\n\
    return position + padding >= tap && distance % stride == 0u && distance / stride < extent;\n\
  }\n\
  return position * stride + tap - padding < extent;\n\
}\n\
\n\
fn inside_bits(pixel: Pixel) -> u32 {\n\
  var bits = 0u;\n\
  //#unroll\n\
  for (var ky = 0u; ky < KERNEL_HEIGHT; ky++) {\n\
    let inside = reads_inside(pixel.row, ky * DILATION_Y, STRIDE_Y, PADDING_Y, IN_HEIGHT);\n\
    bits |= select(0u, 1u << ky, inside);\n\
  }\n\
  //#unroll\n\
  for (var kx = 0u; kx < KERNEL_WIDTH; kx++) {\n\
    let inside = reads_inside(pixel.column, kx * DILATION_X, STRIDE_X, PADDING_X, IN_WIDTH);\n\
    bits |= select(0u, 1u << (COLUMN_BITS + kx), inside);\n\
  }\n\
  return select(0u, bits, pixel.inside);\n\
}\n\
\n\
struct Term {\n\
  needs: u32,\n\
  offset: u32,\n\
}\n\
\n\
fn term_at(k: u32, phase: vec2u) -> Term {\n\
  let tap = k / IN_CHANNELS;\n\
  let ky = tap / KERNEL_WIDTH;\n\
  let kx = tap % KERNEL_WIDTH;\n\
  let needs = select(0xffffffffu, (1u << ky) | (1u << (COLUMN_BITS + kx)), TAP_A_ROUND || k < TERMS);\n\
  if (TRANSPOSED) {\n\
    let rows_back = (ky * DILATION_Y + STRIDE_Y - 1u - (phase.y + PADDING_Y) % STRIDE_Y) / STRIDE_Y;\n\
    let columns_back = (kx * DILATION_X + STRIDE_X - 1u - (phase.x + PADDING_X) % STRIDE_X) / STRIDE_X;\n\
    return Term(needs, k % IN_CHANNELS - (rows_back * IN_WIDTH + columns_back) * IN_CHANNELS);\n\
  }\n\
  return Term(needs, k % IN_CHANNELS + (ky * DILATION_Y * IN_WIDTH + kx * DILATION_X) * IN_CHANNELS);\n\
}\n\
\n\
fn next_terms(k: u32, phase: vec2u) -> u32 {\n\
  var next = k;\n\
  if (TRANSPOSED && TAP_A_ROUND) {\n\
    while (next < TERMS) {\n\
      let tap = next / IN_CHANNELS;\n\
      let ky = tap / KERNEL_WIDTH;\n\
      let kx = tap % KERNEL_WIDTH;\n\
      let reads_row = (phase.y + PADDING_Y + (STRIDE_Y * KERNEL_HEIGHT - ky) * DILATION_Y) % STRIDE_Y == 0u;\n\
      let reads_column = (phase.x + PADDING_X + (STRIDE_X * KERNEL_WIDTH - kx) * DILATION_X) % STRIDE_X == 0u;\n\
      if (reads_row && reads_column) {\n\
        break;\n\
      }\n\
      next = (tap + 1u) * IN_CHANNELS;\n\
    }\n\
  }\n\
  return next;\n\
}\n\
\n\
struct Params {\n\
  batch: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<Stored>; //#vec4 @group(0) @binding(0) var<storage, read> x: array<vec4<Stored>>;\n\
@group(0) @binding(1) var<storage, read> weight: array<f32>; //#vec4 @group(0) @binding(1) var<storage, read> weight: array<vec4f>;\n\
@group(0) @binding(2) var<storage, read_write> y: array<Stored>; //#vec4 @group(0) @binding(2) var<storage, read_write> y: array<vec4<Stored>>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
fn first_term_of(thread: u32) -> u32 {\n\
  return 4u * (thread % TERM_VECTORS);\n\
}\n\
\n\
struct Sources {\n\
  x_at: array<u32, LEFT_LOADS>,\n\
  inside: array<u32, LEFT_LOADS>,\n\
  weight_at: array<vec4u, RIGHT_LOADS>,\n\
}\n\
\n\
struct Round {\n\
  k: u32,\n\
  needs: u32,\n\
  left: array<vec4<Stored>, LEFT_LOADS>,\n\
  right: array<vec4f, RIGHT_LOADS>,\n\
}\n\
\n\
fn load_round(k: u32, phase: vec2u, thread: u32, sources: ptr<function, Sources>, round: ptr<function, Round>) {\n\
  let own_terms = first_term_of(thread);\n\
  (*round).k = k;\n\
  if (TAP_A_VECTOR) {\n\
    let term = term_at(select(k + own_terms, k, TAP_A_ROUND), phase);\n\
    (*round).needs = term.needs;\n\
    //#unroll\n\
    for (var i = 0u; i < LEFT_LOADS; i++) {\n\
      let at = (*sources).x_at[i] + term.offset;\n\
      (*round).left[i] = vec4<Stored>(x[at], x[at + 1u], x[at + 2u], x[at + 3u]); //#vec4 (*round).left[i] = x[at / 4u];\n\
    }\n\
  } else {\n\
    //#unroll\n\
    for (var t = 0u; t < 4u; t++) {\n\
      let term = term_at(k + own_terms + t, phase);\n\
      //#unroll\n\
      for (var i = 0u; i < LEFT_LOADS; i++) {\n\
        let value = x[(*sources).x_at[i] + term.offset]; //#vec4 let value = Stored(0.0);\n\
        (*round).left[i][t] = select(Stored(0.0), value, ((*sources).inside[i] & term.needs) == term.needs);\n\
      }\n\
    }\n\
  }\n\
  //#unroll\n\
  for (var i = 0u; i < RIGHT_LOADS; i++) {\n\
    let at = (*sources).weight_at[i] + k * OUT_CHANNELS;\n\
    (*round).right[i] = vec4f(weight[at.x], weight[at.y], weight[at.z], weight[at.w]); //#vec4 (*round).right[i] = weight[at.x / 4u];\n\
  }\n\
}\n\
\n\
fn store_round(thread: u32, sources: ptr<function, Sources>, round: ptr<function, Round>) {\n\
  //#unroll\n\
  for (var i = 0u; i < LEFT_LOADS; i++) {\n\
    if (LEFT_VECTORS % THREADS == 0u || i * THREADS + thread < LEFT_VECTORS) {\n\
      let counts = !TAP_A_VECTOR || ((*sources).inside[i] & (*round).needs) == (*round).needs;\n\
      left_tile[i * THREADS + thread] = select(vec4f(0.0), vec4f((*round).left[i]), counts);\n\
    }\n\
  }\n\
  //#unroll\n\
  for (var i = 0u; i < RIGHT_LOADS; i++) {\n\
    if (RIGHT_VECTORS % THREADS == 0u || i * THREADS + thread < RIGHT_VECTORS) {\n\
      let counts = TAP_A_ROUND || (*round).k + (i * THREADS + thread) / TILE_COL_VECTORS < TERMS;\n\
      right_tile[i * THREADS + thread] = select(vec4f(0.0), (*round).right[i], counts);\n\
    }\n\
  }\n\
}\n\
\n\
@compute @workgroup_size(COL_THREADS, ROW_THREADS)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let column_blocks = (OUT_CHANNELS + TILE_COLS - 1u) / TILE_COLS;\n\
  let pixels = params.batch * ((OUT_HEIGHT + PHASES_Y - 1u) / PHASES_Y) * ((OUT_WIDTH + PHASES_X - 1u) / PHASES_X);\n\
  let pixel_blocks = (pixels + TILE_ROWS - 1u) / TILE_ROWS;\n\
  let index = workgroup_index(group, grid);\n\
  let phase_number = index / (column_blocks * pixel_blocks);\n\
  if (phase_number >= PHASES_Y * PHASES_X) {\n\
    return;\n\
  }\n\
  let phase = vec2u(phase_number % PHASES_X, phase_number / PHASES_X);\n\
  let first_pixel = index / column_blocks % pixel_blocks * TILE_ROWS;\n\
  let first_column = index % column_blocks * TILE_COLS;\n\
  let thread = local.y * COL_THREADS + local.x;\n\
  let own_terms = first_term_of(thread);\n\
\n\
  var sources: Sources;\n\
  //#unroll\n\
  for (var i = 0u; i < LEFT_LOADS; i++) {\n\
    let number = first_pixel + (i * THREADS + thread) / TERM_VECTORS;\n\
    if (POINTWISE) {\n\
      sources.x_at[i] = number * IN_CHANNELS;\n\
      sources.inside[i] = select(0u, 0x7fffffffu, number < pixels);\n\
    } else {\n\
      let pixel = output_pixel(number, phase);\n\
      let row = pixel.image * IN_HEIGHT + patch_start(pixel.row, phase.y, STRIDE_Y, PADDING_Y);\n\
      let column = patch_start(pixel.column, phase.x, STRIDE_X, PADDING_X);\n\
      sources.x_at[i] = (row * IN_WIDTH + column) * IN_CHANNELS;\n\
      sources.inside[i] = inside_bits(pixel);\n\
    }\n\
    sources.x_at[i] += select(0u, own_terms, TAP_A_ROUND);\n\
  }\n\
  //#unroll\n\
  for (var i = 0u; i < RIGHT_LOADS; i++) {\n\
    let number = i * THREADS + thread;\n\
    let column = first_column + 4u * (number % TILE_COL_VECTORS);\n\
    let columns = select(\n\
      min(vec4u(column) + vec4u(0u, 1u, 2u, 3u), vec4u(OUT_CHANNELS - 1u)),\n\
      vec4u(min(column, max(OUT_CHANNELS, 4u) - 4u)) + vec4u(0u, 1u, 2u, 3u),\n\
      OUT_CHANNELS % 4u == 0u,\n\
    );\n\
    sources.weight_at[i] = vec4u(number / TILE_COL_VECTORS * OUT_CHANNELS) + columns;\n\
  }\n\
\n\
  var sums: Sums;\n\
  var round: Round;\n\
  var k = next_terms(0u, phase);\n\
  if (k < TERMS) {\n\
    load_round(k, phase, thread, &sources, &round);\n\
  }\n\
  while (k < TERMS) {\n\
    workgroupBarrier();\n\
    store_round(thread, &sources, &round);\n\
    workgroupBarrier();\n\
    k = next_terms(k + DEPTH, phase);\n\
    if (k < TERMS) {\n\
      load_round(k, phase, thread, &sources, &round);\n\
    }\n\
    multiply_tiles(&sums, local);\n\
  }\n\
\n\
  //#unroll\n\
  for (var r = 0u; r < ROWS; r++) {\n\
    let number = first_pixel + r * ROW_THREADS + local.y;\n\
    var start = number * OUT_CHANNELS;\n\
    var stored = number < pixels;\n\
    if (PHASES_Y * PHASES_X > 1u) {\n\
      let pixel = output_pixel(number, phase);\n\
      start = ((pixel.image * OUT_HEIGHT + pixel.row) * OUT_WIDTH + pixel.column) * OUT_CHANNELS;\n\
      stored = pixel.inside;\n\
    }\n\
    //#unroll\n\
    for (var c = 0u; c < COL_VECTORS; c++) {\n\
      let column = first_column + 4u * (c * COL_THREADS + local.x);\n\
      //#unroll\n\
      for (var i = 0u; i < PIECES; i++) {\n\
        if (stored && column + select(i, 0u, OUT_CHANNELS % 4u == 0u) < OUT_CHANNELS) {\n\
          let at = start + column + i;\n\
          y[at] = Stored(sums[r][c][i]); //#vec4 y[at / 4u] = vec4<Stored>(sums[r][c]);\n\
        }\n\
      }\n\
    }\n\
  }\n\
}\n\
",
};

/**
 * Gradient of a 2-D convolution with respect to its weights by matrix units, as partial sums over `splits` runs of output pixels: the
 * equation and bindings of conv2d-weight-gradient, for GPUs that have them. Operands are rounded to f16 with ROUNDED, and sums are
 * f32. sum-splits adds the parts up.
 */
export const conv2dWeightGradientMatrix: KernelDefinition<"x" | "dy" | "parts", "batch" | "splits", "HALF" | "VECTOR" | "STRIDE_Y" | "STRIDE_X" | "PADDING_Y" | "PADDING_X" | "DILATION_Y" | "DILATION_X" | "KERNEL_HEIGHT" | "KERNEL_WIDTH" | "IN_HEIGHT" | "IN_WIDTH" | "IN_CHANNELS" | "OUT_HEIGHT" | "OUT_WIDTH" | "OUT_CHANNELS" | "UNITS" | "LANES" | "UNIT_ROWS" | "UNIT_COLS" | "UNIT_TERMS" | "PINNED" | "ROUNDED" | "ROW_SUBGROUPS" | "COL_SUBGROUPS" | "ROWS" | "COLS" | "DEPTH"> = {
  name: "conv2dWeightGradientMatrix",
  bindings: [{"name":"x","access":"read","element":"stored"}, {"name":"dy","access":"read","element":"stored"}, {"name":"parts","access":"read_write","element":"f32"}],
  params: [{"name":"batch","type":"u32","offset":0}, {"name":"splits","type":"u32","offset":4}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, VECTOR: { type: "u32", value: 1 }, STRIDE_Y: { type: "u32", value: 1 }, STRIDE_X: { type: "u32", value: 1 }, PADDING_Y: { type: "u32", value: 1 }, PADDING_X: { type: "u32", value: 1 }, DILATION_Y: { type: "u32", value: 1 }, DILATION_X: { type: "u32", value: 1 }, KERNEL_HEIGHT: { type: "u32", value: 3 }, KERNEL_WIDTH: { type: "u32", value: 3 }, IN_HEIGHT: { type: "u32", value: 8 }, IN_WIDTH: { type: "u32", value: 8 }, IN_CHANNELS: { type: "u32", value: 8 }, OUT_HEIGHT: { type: "u32", value: 8 }, OUT_WIDTH: { type: "u32", value: 8 }, OUT_CHANNELS: { type: "u32", value: 8 }, UNITS: { type: "bool", value: 0 }, LANES: { type: "u32", value: 32 }, UNIT_ROWS: { type: "u32", value: 16 }, UNIT_COLS: { type: "u32", value: 16 }, UNIT_TERMS: { type: "u32", value: 16 }, PINNED: { type: "bool", value: 0 }, ROUNDED: { type: "bool", value: 0 }, ROW_SUBGROUPS: { type: "u32", value: 2 }, COL_SUBGROUPS: { type: "u32", value: 2 }, ROWS: { type: "u32", value: 2 }, COLS: { type: "u32", value: 2 }, DEPTH: { type: "u32", value: 16 } },
  unrolls: (v) => [v["ROWS"], v["COLS"], v["ROWS"], Math.floor((v["DEPTH"] * Math.floor(v["ROW_SUBGROUPS"] * (v["ROWS"] * v["UNIT_ROWS"]) / 4) + v["ROW_SUBGROUPS"] * v["COL_SUBGROUPS"] * v["LANES"] - 1) / (v["ROW_SUBGROUPS"] * v["COL_SUBGROUPS"] * v["LANES"])), Math.floor((v["DEPTH"] * Math.floor(v["COL_SUBGROUPS"] * (v["COLS"] * v["UNIT_COLS"]) / 4) + v["ROW_SUBGROUPS"] * v["COL_SUBGROUPS"] * v["LANES"] - 1) / (v["ROW_SUBGROUPS"] * v["COL_SUBGROUPS"] * v["LANES"])), 4, Math.floor((v["DEPTH"] * Math.floor(v["ROW_SUBGROUPS"] * (v["ROWS"] * v["UNIT_ROWS"]) / 4) + v["ROW_SUBGROUPS"] * v["COL_SUBGROUPS"] * v["LANES"] - 1) / (v["ROW_SUBGROUPS"] * v["COL_SUBGROUPS"] * v["LANES"])), Math.floor((v["DEPTH"] * Math.floor(v["COL_SUBGROUPS"] * (v["COLS"] * v["UNIT_COLS"]) / 4) + v["ROW_SUBGROUPS"] * v["COL_SUBGROUPS"] * v["LANES"] - 1) / (v["ROW_SUBGROUPS"] * v["COL_SUBGROUPS"] * v["LANES"])), v["ROWS"], v["COLS"], Math.floor(4 / v["VECTOR"])],
  shapes: (v) => ({ x: v["batch"] * v["IN_HEIGHT"] * v["IN_WIDTH"] * v["IN_CHANNELS"], dy: v["batch"] * v["OUT_HEIGHT"] * v["OUT_WIDTH"] * v["OUT_CHANNELS"], parts: v["splits"] * v["KERNEL_HEIGHT"] * v["KERNEL_WIDTH"] * v["IN_CHANNELS"] * v["OUT_CHANNELS"] }),
  workgroups: (v) => v["splits"] * Math.ceil(v["KERNEL_HEIGHT"] * v["KERNEL_WIDTH"] * v["IN_CHANNELS"] / (v["ROW_SUBGROUPS"] * v["ROWS"] * v["UNIT_ROWS"])) * Math.ceil(v["OUT_CHANNELS"] / (v["COL_SUBGROUPS"] * v["COLS"] * v["UNIT_COLS"])),
  flops: (v) => 2 * v["batch"] * v["KERNEL_HEIGHT"] * v["KERNEL_WIDTH"] * v["IN_CHANNELS"] * v["OUT_CHANNELS"] * v["OUT_HEIGHT"] * v["OUT_WIDTH"],
  bytes: (v) => (4 - 2 * v["HALF"]) * Math.ceil(v["KERNEL_HEIGHT"] * v["KERNEL_WIDTH"] * v["IN_CHANNELS"] / (v["ROW_SUBGROUPS"] * v["ROWS"] * v["UNIT_ROWS"])) * Math.ceil(v["OUT_CHANNELS"] / (v["COL_SUBGROUPS"] * v["COLS"] * v["UNIT_COLS"])) * Math.ceil(v["batch"] * v["OUT_HEIGHT"] * v["OUT_WIDTH"] / v["DEPTH"]) * v["DEPTH"] * (v["ROW_SUBGROUPS"] * v["ROWS"] * v["UNIT_ROWS"] + v["COL_SUBGROUPS"] * v["COLS"] * v["UNIT_COLS"]) + 4 * v["splits"] * v["KERNEL_HEIGHT"] * v["KERNEL_WIDTH"] * v["IN_CHANNELS"] * v["OUT_CHANNELS"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
\n\
const VECTOR: u32 = 1u;\n\
const PIECES = 4u / VECTOR;\n\
const STRIDE_Y: u32 = 1u;\n\
const STRIDE_X: u32 = 1u;\n\
const PADDING_Y: u32 = 1u;\n\
const PADDING_X: u32 = 1u;\n\
const DILATION_Y: u32 = 1u;\n\
const DILATION_X: u32 = 1u;\n\
const KERNEL_HEIGHT: u32 = 3u;\n\
const KERNEL_WIDTH: u32 = 3u;\n\
const IN_HEIGHT: u32 = 8u;\n\
const IN_WIDTH: u32 = 8u;\n\
const IN_CHANNELS: u32 = 8u;\n\
const OUT_HEIGHT: u32 = 8u;\n\
const OUT_WIDTH: u32 = 8u;\n\
const OUT_CHANNELS: u32 = 8u;\n\
const LEFT_TURNED = true;\n\
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
const WEIGHT_ROWS = KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS;\n\
const TAP_A_VECTOR = IN_CHANNELS % 4u == 0u;\n\
const POINTWISE = KERNEL_HEIGHT * KERNEL_WIDTH * STRIDE_Y * STRIDE_X == 1u && PADDING_Y + PADDING_X == 0u;\n\
\n\
const TILE_ROW_VECTORS = TILE_ROWS / 4u;\n\
const TILE_COL_VECTORS = TILE_COLS / 4u;\n\
const X_LOADS = (DEPTH * TILE_ROW_VECTORS + THREADS - 1u) / THREADS;\n\
const DY_LOADS = (DEPTH * TILE_COL_VECTORS + THREADS - 1u) / THREADS;\n\
\n\
struct Sources {\n\
  tap_y: vec4u,\n\
  tap_x: vec4u,\n\
  tap_at: vec4u,\n\
  columns: vec4u,\n\
  pixels: u32,\n\
  pixel_end: u32,\n\
}\n\
\n\
struct Round {\n\
  inside: u32,\n\
  patches: array<vec4<Stored>, X_LOADS>,\n\
  gradients: array<vec4<Stored>, DY_LOADS>,\n\
}\n\
\n\
fn load_round(p: u32, thread: u32, sources: Sources, round: ptr<function, Round>) {\n\
  (*round).inside = 0u;\n\
  //#unroll\n\
  for (var i = 0u; i < X_LOADS; i++) {\n\
    let pixel = p + (i * THREADS + thread) / TILE_ROW_VECTORS;\n\
    let oy = pixel / OUT_WIDTH % OUT_HEIGHT;\n\
    let ox = pixel % OUT_WIDTH;\n\
    let row = pixel / (OUT_HEIGHT * OUT_WIDTH) * IN_HEIGHT + oy * STRIDE_Y;\n\
    let start = select((row * IN_WIDTH + ox * STRIDE_X) * IN_CHANNELS, pixel * IN_CHANNELS, POINTWISE);\n\
    if (TAP_A_VECTOR) {\n\
      let at = start + sources.tap_at.x;\n\
      let inside = oy * STRIDE_Y + sources.tap_y.x < IN_HEIGHT && ox * STRIDE_X + sources.tap_x.x < IN_WIDTH;\n\
      let counts = pixel < sources.pixel_end && (POINTWISE || inside);\n\
      (*round).patches[i] = vec4<Stored>(x[at], x[at + 1u], x[at + 2u], x[at + 3u]); //#vec4 (*round).patches[i] = x[at / 4u];\n\
      (*round).inside |= select(0u, 1u << i, counts);\n\
    } else {\n\
      let at = vec4u(start) + sources.tap_at;\n\
      let rows_inside = vec4u(oy * STRIDE_Y) + sources.tap_y < vec4u(IN_HEIGHT);\n\
      let columns_inside = vec4u(ox * STRIDE_X) + sources.tap_x < vec4u(IN_WIDTH);\n\
      let counts = vec4<bool>(pixel < sources.pixel_end) & rows_inside & columns_inside;\n\
      let values = vec4<Stored>(x[at.x], x[at.y], x[at.z], x[at.w]); //#vec4 let values = vec4<Stored>();\n\
      (*round).patches[i] = select(vec4<Stored>(), values, counts);\n\
    }\n\
  }\n\
  //#unroll\n\
  for (var i = 0u; i < DY_LOADS; i++) {\n\
    let pixel = min(p + (i * THREADS + thread) / TILE_COL_VECTORS, sources.pixels - 1u);\n\
    let at = vec4u(pixel * OUT_CHANNELS) + sources.columns;\n\
    (*round).gradients[i] = vec4<Stored>(dy[at.x], dy[at.y], dy[at.z], dy[at.w]); //#vec4 (*round).gradients[i] = dy[at.x / 4u];\n\
  }\n\
}\n\
\n\
fn sources_of(first_row: u32, first_column: u32, thread: u32, pixels: u32, pixel_end: u32) -> Sources {\n\
  let own_row = first_row + 4u * (thread % TILE_ROW_VECTORS);\n\
  var sources: Sources;\n\
  sources.pixels = pixels;\n\
  sources.pixel_end = pixel_end;\n\
  //#unroll\n\
  for (var t = 0u; t < 4u; t++) {\n\
    let row = min(own_row + t, WEIGHT_ROWS - 1u);\n\
    let tap = row / IN_CHANNELS;\n\
    sources.tap_y[t] = tap / KERNEL_WIDTH * DILATION_Y - PADDING_Y;\n\
    sources.tap_x[t] = tap % KERNEL_WIDTH * DILATION_X - PADDING_X;\n\
    sources.tap_at[t] = (sources.tap_y[t] * IN_WIDTH + sources.tap_x[t]) * IN_CHANNELS + row % IN_CHANNELS;\n\
  }\n\
  let own_column = first_column + 4u * (thread % TILE_COL_VECTORS);\n\
  sources.columns = select(\n\
    min(vec4u(own_column) + vec4u(0u, 1u, 2u, 3u), vec4u(OUT_CHANNELS - 1u)),\n\
    vec4u(min(own_column, max(OUT_CHANNELS, 4u) - 4u)) + vec4u(0u, 1u, 2u, 3u),\n\
    OUT_CHANNELS % 4u == 0u,\n\
  );\n\
  return sources;\n\
}\n\
\n\
fn run_length(pixels: u32, splits: u32) -> u32 {\n\
  let rounds = (pixels + DEPTH - 1u) / DEPTH;\n\
  return (rounds + splits - 1u) / splits * DEPTH;\n\
}\n\
\n\
struct Params {\n\
  batch: u32,\n\
  splits: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<Stored>; //#vec4 @group(0) @binding(0) var<storage, read> x: array<vec4<Stored>>;\n\
@group(0) @binding(1) var<storage, read> dy: array<Stored>; //#vec4 @group(0) @binding(1) var<storage, read> dy: array<vec4<Stored>>;\n\
@group(0) @binding(2) var<storage, read_write> parts: array<f32>; //#vec4 @group(0) @binding(2) var<storage, read_write> parts: array<vec4f>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
fn store_round(thread: u32, round: ptr<function, Round>) {\n\
  //#unroll\n\
  for (var i = 0u; i < X_LOADS; i++) {\n\
    let counts = !TAP_A_VECTOR || ((*round).inside & (1u << i)) != 0u;\n\
    store_left(i * THREADS + thread, select(vec4<Operand>(), vec4<Operand>((*round).patches[i]), counts));\n\
  }\n\
  //#unroll\n\
  for (var i = 0u; i < DY_LOADS; i++) {\n\
    store_right(i * THREADS + thread, vec4<Operand>((*round).gradients[i]));\n\
  }\n\
}\n\
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
  let column_blocks = (OUT_CHANNELS + TILE_COLS - 1u) / TILE_COLS;\n\
  let row_blocks = (WEIGHT_ROWS + TILE_ROWS - 1u) / TILE_ROWS;\n\
  let index = workgroup_index(group, grid);\n\
  let first_column = index % column_blocks * TILE_COLS;\n\
  let first_row = index / column_blocks % row_blocks * TILE_ROWS;\n\
  let split = index / (column_blocks * row_blocks);\n\
  if (split >= params.splits) {\n\
    return;\n\
  }\n\
  let pixels = params.batch * OUT_HEIGHT * OUT_WIDTH;\n\
  let pixels_per_split = run_length(pixels, params.splits);\n\
  let first_pixel = split * pixels_per_split;\n\
  let pixel_end = min(pixels, first_pixel + pixels_per_split);\n\
  let sources = sources_of(first_row, first_column, thread, pixels, pixel_end);\n\
\n\
  var sums: Sums;\n\
  var round: Round;\n\
  if (first_pixel < pixel_end) {\n\
    load_round(first_pixel, thread, sources, &round);\n\
  }\n\
  for (var p = first_pixel; p < pixel_end; p += DEPTH) {\n\
    workgroupBarrier();\n\
    store_round(thread, &round);\n\
    workgroupBarrier();\n\
    if (p + DEPTH < pixel_end) {\n\
      load_round(p + DEPTH, thread, sources, &round);\n\
    }\n\
    multiply_tiles(&sums, subgroup, lane);\n\
  }\n\
\n\
  let part = thread / LANES;\n\
  //#unroll\n\
  for (var r = 0u; r < ROWS; r++) {\n\
    //#unroll\n\
    for (var c = 0u; c < COLS; c++) {\n\
      workgroupBarrier();\n\
      store_sum(sums[r][c], results_of(subgroup), lane);\n\
      workgroupBarrier();\n\
      for (var v = lane; v < RESULT_VECTORS; v += LANES) {\n\
        let place = vec2u(first_row, first_column) + result_place(part, r, c, v);\n\
        let values = result_vector(part, v);\n\
        //#unroll\n\
        for (var i = 0u; i < PIECES; i++) {\n\
          if (place.x < WEIGHT_ROWS && place.y + i < OUT_CHANNELS) {\n\
            let at = (split * WEIGHT_ROWS + place.x) * OUT_CHANNELS + place.y + i;\n\
            parts[at] = values[i]; //#vec4 parts[at / 4u] = values;\n\
          }\n\
        }\n\
      }\n\
    }\n\
  }\n\
}\n\
",
};

/**
 * Gradient of a 2-D convolution with respect to its weights in workgroup memory, as partial sums over `splits` runs of output
 * pixels: the equation and bindings of conv2d-weight-gradient, for GPUs. sum-splits adds the parts up.
 */
export const conv2dWeightGradientTiled: KernelDefinition<"x" | "dy" | "parts", "batch" | "splits", "HALF" | "ROW_THREADS" | "COL_THREADS" | "ROWS" | "COLS" | "DEPTH" | "VECTOR" | "STRIDE_Y" | "STRIDE_X" | "PADDING_Y" | "PADDING_X" | "DILATION_Y" | "DILATION_X" | "KERNEL_HEIGHT" | "KERNEL_WIDTH" | "IN_HEIGHT" | "IN_WIDTH" | "IN_CHANNELS" | "OUT_HEIGHT" | "OUT_WIDTH" | "OUT_CHANNELS"> = {
  name: "conv2dWeightGradientTiled",
  bindings: [{"name":"x","access":"read","element":"stored"}, {"name":"dy","access":"read","element":"stored"}, {"name":"parts","access":"read_write","element":"f32"}],
  params: [{"name":"batch","type":"u32","offset":0}, {"name":"splits","type":"u32","offset":4}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, ROW_THREADS: { type: "u32", value: 16 }, COL_THREADS: { type: "u32", value: 16 }, ROWS: { type: "u32", value: 4 }, COLS: { type: "u32", value: 4 }, DEPTH: { type: "u32", value: 16 }, VECTOR: { type: "u32", value: 1 }, STRIDE_Y: { type: "u32", value: 1 }, STRIDE_X: { type: "u32", value: 1 }, PADDING_Y: { type: "u32", value: 1 }, PADDING_X: { type: "u32", value: 1 }, DILATION_Y: { type: "u32", value: 1 }, DILATION_X: { type: "u32", value: 1 }, KERNEL_HEIGHT: { type: "u32", value: 3 }, KERNEL_WIDTH: { type: "u32", value: 3 }, IN_HEIGHT: { type: "u32", value: 8 }, IN_WIDTH: { type: "u32", value: 8 }, IN_CHANNELS: { type: "u32", value: 8 }, OUT_HEIGHT: { type: "u32", value: 8 }, OUT_WIDTH: { type: "u32", value: 8 }, OUT_CHANNELS: { type: "u32", value: 8 } },
  unrolls: (v) => [Math.floor((v["DEPTH"] * Math.floor(v["ROW_THREADS"] * v["ROWS"] / 4) + v["ROW_THREADS"] * v["COL_THREADS"] - 1) / (v["ROW_THREADS"] * v["COL_THREADS"])), Math.floor((v["DEPTH"] * Math.floor(v["COL_THREADS"] * v["COLS"] / 4) + v["ROW_THREADS"] * v["COL_THREADS"] - 1) / (v["ROW_THREADS"] * v["COL_THREADS"])), 4, Math.floor((v["DEPTH"] * Math.floor(v["ROW_THREADS"] * v["ROWS"] / 4) + v["ROW_THREADS"] * v["COL_THREADS"] - 1) / (v["ROW_THREADS"] * v["COL_THREADS"])), Math.floor((v["DEPTH"] * Math.floor(v["COL_THREADS"] * v["COLS"] / 4) + v["ROW_THREADS"] * v["COL_THREADS"] - 1) / (v["ROW_THREADS"] * v["COL_THREADS"])), Math.floor(v["ROWS"] / 4), Math.floor(v["COLS"] / 4), v["ROWS"], Math.floor(v["COLS"] / 4), v["ROWS"], Math.floor(v["COLS"] / 4), Math.floor(4 / v["VECTOR"])],
  shapes: (v) => ({ x: v["batch"] * v["IN_HEIGHT"] * v["IN_WIDTH"] * v["IN_CHANNELS"], dy: v["batch"] * v["OUT_HEIGHT"] * v["OUT_WIDTH"] * v["OUT_CHANNELS"], parts: v["splits"] * v["KERNEL_HEIGHT"] * v["KERNEL_WIDTH"] * v["IN_CHANNELS"] * v["OUT_CHANNELS"] }),
  workgroups: (v) => v["splits"] * Math.ceil(v["KERNEL_HEIGHT"] * v["KERNEL_WIDTH"] * v["IN_CHANNELS"] / (v["ROW_THREADS"] * v["ROWS"])) * Math.ceil(v["OUT_CHANNELS"] / (v["COL_THREADS"] * v["COLS"])),
  flops: (v) => 2 * v["batch"] * v["KERNEL_HEIGHT"] * v["KERNEL_WIDTH"] * v["IN_CHANNELS"] * v["OUT_CHANNELS"] * v["OUT_HEIGHT"] * v["OUT_WIDTH"],
  bytes: (v) => (4 - 2 * v["HALF"]) * Math.ceil(v["KERNEL_HEIGHT"] * v["KERNEL_WIDTH"] * v["IN_CHANNELS"] / (v["ROW_THREADS"] * v["ROWS"])) * Math.ceil(v["OUT_CHANNELS"] / (v["COL_THREADS"] * v["COLS"])) * Math.ceil(v["batch"] * v["OUT_HEIGHT"] * v["OUT_WIDTH"] / v["DEPTH"]) * v["DEPTH"] * (v["ROW_THREADS"] * v["ROWS"] + v["COL_THREADS"] * v["COLS"]) + 4 * v["splits"] * v["KERNEL_HEIGHT"] * v["KERNEL_WIDTH"] * v["IN_CHANNELS"] * v["OUT_CHANNELS"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
\n\
const ROW_THREADS: u32 = 16u;\n\
const COL_THREADS: u32 = 16u;\n\
const ROWS: u32 = 4u;\n\
const COLS: u32 = 4u;\n\
const DEPTH: u32 = 16u;\n\
const VECTOR: u32 = 1u;\n\
const PIECES = 4u / VECTOR;\n\
const STRIDE_Y: u32 = 1u;\n\
const STRIDE_X: u32 = 1u;\n\
const PADDING_Y: u32 = 1u;\n\
const PADDING_X: u32 = 1u;\n\
const DILATION_Y: u32 = 1u;\n\
const DILATION_X: u32 = 1u;\n\
const KERNEL_HEIGHT: u32 = 3u;\n\
const KERNEL_WIDTH: u32 = 3u;\n\
const IN_HEIGHT: u32 = 8u;\n\
const IN_WIDTH: u32 = 8u;\n\
const IN_CHANNELS: u32 = 8u;\n\
const OUT_HEIGHT: u32 = 8u;\n\
const OUT_WIDTH: u32 = 8u;\n\
const OUT_CHANNELS: u32 = 8u;\n\
\n\
const THREADS = ROW_THREADS * COL_THREADS;\n\
const TILE_ROWS = ROW_THREADS * ROWS;\n\
const TILE_COLS = COL_THREADS * COLS;\n\
const ROW_VECTORS = ROWS / 4u;\n\
const COL_VECTORS = COLS / 4u;\n\
const WEIGHT_ROWS = KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS;\n\
const TAP_A_VECTOR = IN_CHANNELS % 4u == 0u;\n\
const POINTWISE = KERNEL_HEIGHT * KERNEL_WIDTH * STRIDE_Y * STRIDE_X == 1u && PADDING_Y + PADDING_X == 0u;\n\
\n\
const TILE_ROW_VECTORS = TILE_ROWS / 4u;\n\
const TILE_COL_VECTORS = TILE_COLS / 4u;\n\
const X_LOADS = (DEPTH * TILE_ROW_VECTORS + THREADS - 1u) / THREADS;\n\
const DY_LOADS = (DEPTH * TILE_COL_VECTORS + THREADS - 1u) / THREADS;\n\
\n\
struct Sources {\n\
  tap_y: vec4u,\n\
  tap_x: vec4u,\n\
  tap_at: vec4u,\n\
  columns: vec4u,\n\
  pixels: u32,\n\
  pixel_end: u32,\n\
}\n\
\n\
struct Round {\n\
  inside: u32,\n\
  patches: array<vec4<Stored>, X_LOADS>,\n\
  gradients: array<vec4<Stored>, DY_LOADS>,\n\
}\n\
\n\
fn load_round(p: u32, thread: u32, sources: Sources, round: ptr<function, Round>) {\n\
  (*round).inside = 0u;\n\
  //#unroll\n\
  for (var i = 0u; i < X_LOADS; i++) {\n\
    let pixel = p + (i * THREADS + thread) / TILE_ROW_VECTORS;\n\
    let oy = pixel / OUT_WIDTH % OUT_HEIGHT;\n\
    let ox = pixel % OUT_WIDTH;\n\
    let row = pixel / (OUT_HEIGHT * OUT_WIDTH) * IN_HEIGHT + oy * STRIDE_Y;\n\
    let start = select((row * IN_WIDTH + ox * STRIDE_X) * IN_CHANNELS, pixel * IN_CHANNELS, POINTWISE);\n\
    if (TAP_A_VECTOR) {\n\
      let at = start + sources.tap_at.x;\n\
      let inside = oy * STRIDE_Y + sources.tap_y.x < IN_HEIGHT && ox * STRIDE_X + sources.tap_x.x < IN_WIDTH;\n\
      let counts = pixel < sources.pixel_end && (POINTWISE || inside);\n\
      (*round).patches[i] = vec4<Stored>(x[at], x[at + 1u], x[at + 2u], x[at + 3u]); //#vec4 (*round).patches[i] = x[at / 4u];\n\
      (*round).inside |= select(0u, 1u << i, counts);\n\
    } else {\n\
      let at = vec4u(start) + sources.tap_at;\n\
      let rows_inside = vec4u(oy * STRIDE_Y) + sources.tap_y < vec4u(IN_HEIGHT);\n\
      let columns_inside = vec4u(ox * STRIDE_X) + sources.tap_x < vec4u(IN_WIDTH);\n\
      let counts = vec4<bool>(pixel < sources.pixel_end) & rows_inside & columns_inside;\n\
      let values = vec4<Stored>(x[at.x], x[at.y], x[at.z], x[at.w]); //#vec4 let values = vec4<Stored>();\n\
      (*round).patches[i] = select(vec4<Stored>(), values, counts);\n\
    }\n\
  }\n\
  //#unroll\n\
  for (var i = 0u; i < DY_LOADS; i++) {\n\
    let pixel = min(p + (i * THREADS + thread) / TILE_COL_VECTORS, sources.pixels - 1u);\n\
    let at = vec4u(pixel * OUT_CHANNELS) + sources.columns;\n\
    (*round).gradients[i] = vec4<Stored>(dy[at.x], dy[at.y], dy[at.z], dy[at.w]); //#vec4 (*round).gradients[i] = dy[at.x / 4u];\n\
  }\n\
}\n\
\n\
fn sources_of(first_row: u32, first_column: u32, thread: u32, pixels: u32, pixel_end: u32) -> Sources {\n\
  let own_row = first_row + 4u * (thread % TILE_ROW_VECTORS);\n\
  var sources: Sources;\n\
  sources.pixels = pixels;\n\
  sources.pixel_end = pixel_end;\n\
  //#unroll\n\
  for (var t = 0u; t < 4u; t++) {\n\
    let row = min(own_row + t, WEIGHT_ROWS - 1u);\n\
    let tap = row / IN_CHANNELS;\n\
    sources.tap_y[t] = tap / KERNEL_WIDTH * DILATION_Y - PADDING_Y;\n\
    sources.tap_x[t] = tap % KERNEL_WIDTH * DILATION_X - PADDING_X;\n\
    sources.tap_at[t] = (sources.tap_y[t] * IN_WIDTH + sources.tap_x[t]) * IN_CHANNELS + row % IN_CHANNELS;\n\
  }\n\
  let own_column = first_column + 4u * (thread % TILE_COL_VECTORS);\n\
  sources.columns = select(\n\
    min(vec4u(own_column) + vec4u(0u, 1u, 2u, 3u), vec4u(OUT_CHANNELS - 1u)),\n\
    vec4u(min(own_column, max(OUT_CHANNELS, 4u) - 4u)) + vec4u(0u, 1u, 2u, 3u),\n\
    OUT_CHANNELS % 4u == 0u,\n\
  );\n\
  return sources;\n\
}\n\
\n\
fn run_length(pixels: u32, splits: u32) -> u32 {\n\
  let rounds = (pixels + DEPTH - 1u) / DEPTH;\n\
  return (rounds + splits - 1u) / splits * DEPTH;\n\
}\n\
\n\
struct Params {\n\
  batch: u32,\n\
  splits: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<Stored>; //#vec4 @group(0) @binding(0) var<storage, read> x: array<vec4<Stored>>;\n\
@group(0) @binding(1) var<storage, read> dy: array<Stored>; //#vec4 @group(0) @binding(1) var<storage, read> dy: array<vec4<Stored>>;\n\
@group(0) @binding(2) var<storage, read_write> parts: array<f32>; //#vec4 @group(0) @binding(2) var<storage, read_write> parts: array<vec4f>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
var<workgroup> x_tile: array<vec4f, DEPTH * TILE_ROW_VECTORS>;\n\
var<workgroup> dy_tile: array<vec4f, DEPTH * TILE_COL_VECTORS>;\n\
\n\
fn store_round(thread: u32, round: ptr<function, Round>) {\n\
  //#unroll\n\
  for (var i = 0u; i < X_LOADS; i++) {\n\
    let counts = !TAP_A_VECTOR || ((*round).inside & (1u << i)) != 0u;\n\
    x_tile[i * THREADS + thread] = select(vec4f(0.0), vec4f((*round).patches[i]), counts);\n\
  }\n\
  //#unroll\n\
  for (var i = 0u; i < DY_LOADS; i++) {\n\
    dy_tile[i * THREADS + thread] = vec4f((*round).gradients[i]);\n\
  }\n\
}\n\
\n\
@compute @workgroup_size(COL_THREADS, ROW_THREADS)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let column_blocks = (OUT_CHANNELS + TILE_COLS - 1u) / TILE_COLS;\n\
  let row_blocks = (WEIGHT_ROWS + TILE_ROWS - 1u) / TILE_ROWS;\n\
  let index = workgroup_index(group, grid);\n\
  let first_column = index % column_blocks * TILE_COLS;\n\
  let first_row = index / column_blocks % row_blocks * TILE_ROWS;\n\
  let split = index / (column_blocks * row_blocks);\n\
  if (split >= params.splits) {\n\
    return;\n\
  }\n\
  let pixels = params.batch * OUT_HEIGHT * OUT_WIDTH;\n\
  let pixels_per_split = run_length(pixels, params.splits);\n\
  let pixel_end = min(pixels, (split + 1u) * pixels_per_split);\n\
  let thread = local.y * COL_THREADS + local.x;\n\
\n\
  let sources = sources_of(first_row, first_column, thread, pixels, pixel_end);\n\
  let tile_row = local.y % ROW_THREADS;\n\
  let tile_column = local.x % COL_THREADS;\n\
  let first_pixel = split * pixels_per_split;\n\
  var sums: array<array<vec4f, COL_VECTORS>, ROWS>;\n\
  var round: Round;\n\
  if (first_pixel < pixel_end) {\n\
    load_round(first_pixel, thread, sources, &round);\n\
  }\n\
  for (var p = first_pixel; p < pixel_end; p += DEPTH) {\n\
    workgroupBarrier();\n\
    store_round(thread, &round);\n\
    workgroupBarrier();\n\
    if (p + DEPTH < pixel_end) {\n\
      load_round(p + DEPTH, thread, sources, &round);\n\
    }\n\
    for (var k = 0u; k < DEPTH; k++) {\n\
      var left: array<vec4f, ROW_VECTORS>;\n\
      //#unroll\n\
      for (var r = 0u; r < ROW_VECTORS; r++) {\n\
        left[r] = x_tile[k * TILE_ROW_VECTORS + r * ROW_THREADS + tile_row];\n\
      }\n\
      var right: array<vec4f, COL_VECTORS>;\n\
      //#unroll\n\
      for (var c = 0u; c < COL_VECTORS; c++) {\n\
        right[c] = dy_tile[k * TILE_COL_VECTORS + c * COL_THREADS + tile_column];\n\
      }\n\
      //#unroll\n\
      for (var r = 0u; r < ROWS; r++) {\n\
        //#unroll\n\
        for (var c = 0u; c < COL_VECTORS; c++) {\n\
          sums[r][c] = fma(vec4f(left[r / 4u][r % 4u]), right[c], sums[r][c]);\n\
        }\n\
      }\n\
    }\n\
  }\n\
\n\
  //#unroll\n\
  for (var r = 0u; r < ROWS; r++) {\n\
    let row = first_row + 4u * (r / 4u * ROW_THREADS + local.y) + r % 4u;\n\
    //#unroll\n\
    for (var c = 0u; c < COL_VECTORS; c++) {\n\
      let column = first_column + 4u * (c * COL_THREADS + local.x);\n\
      //#unroll\n\
      for (var i = 0u; i < PIECES; i++) {\n\
        if (row < WEIGHT_ROWS && column + select(i, 0u, OUT_CHANNELS % 4u == 0u) < OUT_CHANNELS) {\n\
          let at = (split * WEIGHT_ROWS + row) * OUT_CHANNELS + column + i;\n\
          parts[at] = sums[r][c][i]; //#vec4 parts[at / 4u] = sums[r][c];\n\
        }\n\
      }\n\
    }\n\
  }\n\
}\n\
",
};

/**
 * Gradient of a 2-D convolution with respect to its weights, as partial sums over SPLITS of the output rows:
 * parts[s, ky, kx, c, o] = sum over the output rows (n, oy) of split s, and ox, of
 * x[n, iy, ix, c] * dy[n, oy, ox, o], where iy = oy * STRIDE_Y + ky * DILATION_Y - PADDING_Y and
 * ix = ox * STRIDE_X + kx * DILATION_X - PADDING_X. sum-splits adds the parts up.
 */
export const conv2dWeightGradient: KernelDefinition<"x" | "dy" | "parts", "batch" | "splits", "HALF" | "LANES" | "GROUPS" | "ROWS" | "COLS" | "SHARE" | "VECTOR" | "STRIDE_Y" | "STRIDE_X" | "PADDING_Y" | "PADDING_X" | "DILATION_Y" | "DILATION_X" | "KERNEL_HEIGHT" | "KERNEL_WIDTH" | "IN_HEIGHT" | "IN_WIDTH" | "IN_CHANNELS" | "OUT_HEIGHT" | "OUT_WIDTH" | "OUT_CHANNELS"> = {
  name: "conv2dWeightGradient",
  bindings: [{"name":"x","access":"read","element":"stored"}, {"name":"dy","access":"read","element":"stored"}, {"name":"parts","access":"read_write","element":"f32"}],
  params: [{"name":"batch","type":"u32","offset":0}, {"name":"splits","type":"u32","offset":4}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 8 }, GROUPS: { type: "u32", value: 1 }, ROWS: { type: "u32", value: 8 }, COLS: { type: "u32", value: 4 }, SHARE: { type: "u32", value: 1 }, VECTOR: { type: "u32", value: 1 }, STRIDE_Y: { type: "u32", value: 1 }, STRIDE_X: { type: "u32", value: 1 }, PADDING_Y: { type: "u32", value: 1 }, PADDING_X: { type: "u32", value: 1 }, DILATION_Y: { type: "u32", value: 1 }, DILATION_X: { type: "u32", value: 1 }, KERNEL_HEIGHT: { type: "u32", value: 3 }, KERNEL_WIDTH: { type: "u32", value: 3 }, IN_HEIGHT: { type: "u32", value: 8 }, IN_WIDTH: { type: "u32", value: 8 }, IN_CHANNELS: { type: "u32", value: 8 }, OUT_HEIGHT: { type: "u32", value: 8 }, OUT_WIDTH: { type: "u32", value: 8 }, OUT_CHANNELS: { type: "u32", value: 8 } },
  unrolls: (v) => [Math.floor(v["ROWS"] / v["SHARE"]), Math.floor(v["COLS"] / v["VECTOR"]), Math.floor(v["ROWS"] / v["SHARE"]), Math.floor(v["COLS"] / v["VECTOR"]), v["VECTOR"], Math.floor(v["ROWS"] / v["SHARE"]), v["ROWS"], v["COLS"], Math.floor(v["ROWS"] / Math.min(v["ROWS"], 8 + v["ROWS"] * (v["ROWS"] % 8))), v["COLS"], Math.min(v["ROWS"], 8 + v["ROWS"] * (v["ROWS"] % 8))],
  shapes: (v) => ({ x: v["batch"] * v["IN_HEIGHT"] * v["IN_WIDTH"] * v["IN_CHANNELS"], dy: v["batch"] * v["OUT_HEIGHT"] * v["OUT_WIDTH"] * v["OUT_CHANNELS"], parts: v["splits"] * v["KERNEL_HEIGHT"] * v["KERNEL_WIDTH"] * v["IN_CHANNELS"] * v["OUT_CHANNELS"] }),
  workgroups: (v) => v["splits"] * Math.ceil(v["KERNEL_HEIGHT"] * v["KERNEL_WIDTH"] * v["IN_CHANNELS"] / (v["ROWS"] * v["GROUPS"])) * Math.ceil(v["OUT_CHANNELS"] / (v["COLS"] * v["LANES"])),
  flops: (v) => 2 * v["batch"] * v["KERNEL_HEIGHT"] * v["KERNEL_WIDTH"] * v["IN_CHANNELS"] * v["OUT_CHANNELS"] * v["OUT_HEIGHT"] * v["OUT_WIDTH"],
  bytes: (v) => (4 - 2 * v["HALF"]) * Math.ceil(v["KERNEL_HEIGHT"] * v["KERNEL_WIDTH"] * v["IN_CHANNELS"] / (v["ROWS"] * v["GROUPS"])) * Math.ceil(v["OUT_CHANNELS"] / (v["COLS"] * v["LANES"])) * v["batch"] * v["OUT_HEIGHT"] * v["OUT_WIDTH"] * (v["ROWS"] * v["GROUPS"] + v["COLS"] * v["LANES"]) + 4 * v["splits"] * v["KERNEL_HEIGHT"] * v["KERNEL_WIDTH"] * v["IN_CHANNELS"] * v["OUT_CHANNELS"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
fn from_lane(value: f32, lane: u32) -> f32 {\n\
  return value; //#subgroups return subgroupShuffle(value, lane);\n\
}\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
\n\
const LANES: u32 = 8u;\n\
const GROUPS: u32 = 1u;\n\
const ROWS: u32 = 8u;\n\
const COLS: u32 = 4u;\n\
const SHARE: u32 = 1u;\n\
const VECTOR: u32 = 1u;\n\
const OWN = ROWS / SHARE;\n\
const VECTORS = COLS / VECTOR;\n\
const ROUNDS = min(ROWS, 8u + ROWS * (ROWS % 8u));\n\
const ROWS_AT_ONCE = ROWS / ROUNDS;\n\
const STRIDE_Y: u32 = 1u;\n\
const STRIDE_X: u32 = 1u;\n\
const PADDING_Y: u32 = 1u;\n\
const PADDING_X: u32 = 1u;\n\
const DILATION_Y: u32 = 1u;\n\
const DILATION_X: u32 = 1u;\n\
const KERNEL_HEIGHT: u32 = 3u;\n\
const KERNEL_WIDTH: u32 = 3u;\n\
const IN_HEIGHT: u32 = 8u;\n\
const IN_WIDTH: u32 = 8u;\n\
const IN_CHANNELS: u32 = 8u;\n\
const OUT_HEIGHT: u32 = 8u;\n\
const OUT_WIDTH: u32 = 8u;\n\
const OUT_CHANNELS: u32 = 8u;\n\
\n\
struct Params {\n\
  batch: u32,\n\
  splits: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<Stored>;\n\
@group(0) @binding(1) var<storage, read> dy: array<Stored>; //#vec4 @group(0) @binding(1) var<storage, read> dy: array<vec4<Stored>>;\n\
@group(0) @binding(2) var<storage, read_write> parts: array<f32>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES, GROUPS)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
  //#subgroups @builtin(subgroup_invocation_id) subgroup_lane: u32,\n\
) {\n\
  let own_lane = local.x; //#subgroups let own_lane = subgroup_lane;\n\
  let column_blocks = (OUT_CHANNELS + COLS * LANES - 1u) / (COLS * LANES);\n\
  let rows = KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS;\n\
  let row_blocks = (rows + ROWS * GROUPS - 1u) / (ROWS * GROUPS);\n\
  let index = workgroup_index(group, grid);\n\
  let first_column = index % column_blocks * COLS * LANES + own_lane * VECTOR;\n\
  let first_row = (index / column_blocks % row_blocks * GROUPS + local.y % GROUPS) * ROWS;\n\
  let split = index / (column_blocks * row_blocks);\n\
  if (split >= params.splits) {\n\
    return;\n\
  }\n\
\n\
  var own_taps: array<vec2u, OWN>;\n\
  var own_starts: array<u32, OWN>;\n\
  //#unroll\n\
  for (var i = 0u; i < OWN; i++) {\n\
    let row = min(first_row + i * SHARE + own_lane % SHARE, rows - 1u);\n\
    let tap = row / IN_CHANNELS;\n\
    own_taps[i] = vec2u(tap % KERNEL_WIDTH * DILATION_X, tap / KERNEL_WIDTH * DILATION_Y);\n\
    own_starts[i] = (own_taps[i].y * IN_WIDTH + own_taps[i].x) * IN_CHANNELS + row % IN_CHANNELS;\n\
  }\n\
  var columns: array<u32, VECTORS>;\n\
  //#unroll\n\
  for (var v = 0u; v < VECTORS; v++) {\n\
    columns[v] = min(first_column + v * VECTOR * LANES, OUT_CHANNELS - VECTOR);\n\
  }\n\
\n\
  let lines = params.batch * OUT_HEIGHT;\n\
  let lines_per_split = (lines + params.splits - 1u) / params.splits;\n\
  let line_end = min(lines, (split + 1u) * lines_per_split);\n\
  var sums: array<array<f32, COLS>, ROWS>;\n\
  for (var line = split * lines_per_split; line < line_end; line++) {\n\
    let top = line % OUT_HEIGHT * STRIDE_Y - PADDING_Y;\n\
    let line_start = (line / OUT_HEIGHT * IN_HEIGHT + top) * IN_WIDTH;\n\
    var own_columns: array<u32, OWN>;\n\
    //#unroll\n\
    for (var i = 0u; i < OWN; i++) {\n\
      own_columns[i] = select(0x80000000u, own_taps[i].x, top + own_taps[i].y < IN_HEIGHT);\n\
    }\n\
    for (var ox = 0u; ox < OUT_WIDTH; ox++) {\n\
      let left = ox * STRIDE_X - PADDING_X;\n\
      let x_start = (line_start + left) * IN_CHANNELS;\n\
      let dy_start = (line * OUT_WIDTH + ox) * OUT_CHANNELS;\n\
      var gradients: array<f32, COLS>;\n\
      //#unroll\n\
      for (var v = 0u; v < VECTORS; v++) {\n\
        let at = dy_start + columns[v];\n\
        let loaded = vec4f(f32(dy[at])); //#vec4 let loaded = vec4f(dy[at / 4u]);\n\
        //#unroll\n\
        for (var i = 0u; i < VECTOR; i++) {\n\
          gradients[v * VECTOR + i] = loaded[i];\n\
        }\n\
      }\n\
      var own: array<f32, OWN>;\n\
      //#unroll\n\
      for (var i = 0u; i < OWN; i++) {\n\
        own[i] = select(0.0, f32(x[x_start + own_starts[i]]), left + own_columns[i] < IN_WIDTH);\n\
      }\n\
      //#unroll\n\
      for (var r = 0u; r < ROWS; r++) {\n\
        let value = from_lane(own[r / SHARE], r % SHARE);\n\
        //#unroll\n\
        for (var c = 0u; c < COLS; c++) {\n\
          sums[r][c] = fma(value, gradients[c], sums[r][c]);\n\
        }\n\
      }\n\
    }\n\
  }\n\
\n\
  for (var round = 0u; round < ROUNDS; round++) {\n\
    //#unroll\n\
    for (var i = 0u; i < ROWS_AT_ONCE; i++) {\n\
      let row = first_row + round * ROWS_AT_ONCE + i;\n\
      //#unroll\n\
      for (var c = 0u; c < COLS; c++) {\n\
        let column = first_column + c / VECTOR * VECTOR * LANES + c % VECTOR;\n\
        var value = 0.0;\n\
        //#unroll\n\
        for (var r = 0u; r < ROUNDS; r++) {\n\
          value = select(value, sums[r * ROWS_AT_ONCE + i][c], r == round);\n\
        }\n\
        if (row < rows && column < OUT_CHANNELS) {\n\
          parts[(split * rows + row) * OUT_CHANNELS + column] = value;\n\
        }\n\
      }\n\
    }\n\
  }\n\
}\n\
",
};

/**
 * 2-D convolution as an implicit matrix product, images NHWC and weights [kernel_y, kernel_x, in, out]:
 * y[n, oy, ox, o] = sum_{ky, kx, c} x[n, iy, ix, c] * weight[ky, kx, c, o], where
 * iy = oy * STRIDE_Y + ky * DILATION_Y - PADDING_Y and ix = ox * STRIDE_X + kx * DILATION_X - PADDING_X.
 */
export const conv2d: KernelDefinition<"x" | "weight" | "y", "batch", "HALF" | "LANES" | "GROUPS" | "ROWS" | "COLS" | "SHARE" | "VECTOR" | "TRANSPOSED" | "PHASES_Y" | "PHASES_X" | "RUN_TAPS" | "STRIDE_Y" | "STRIDE_X" | "PADDING_Y" | "PADDING_X" | "DILATION_Y" | "DILATION_X" | "KERNEL_HEIGHT" | "KERNEL_WIDTH" | "IN_HEIGHT" | "IN_WIDTH" | "IN_CHANNELS" | "OUT_HEIGHT" | "OUT_WIDTH" | "OUT_CHANNELS"> = {
  name: "conv2d",
  bindings: [{"name":"x","access":"read","element":"stored"}, {"name":"weight","access":"read","element":"f32"}, {"name":"y","access":"read_write","element":"stored"}],
  params: [{"name":"batch","type":"u32","offset":0}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 8 }, GROUPS: { type: "u32", value: 1 }, ROWS: { type: "u32", value: 8 }, COLS: { type: "u32", value: 4 }, SHARE: { type: "u32", value: 1 }, VECTOR: { type: "u32", value: 1 }, TRANSPOSED: { type: "bool", value: 0 }, PHASES_Y: { type: "u32", value: 1 }, PHASES_X: { type: "u32", value: 1 }, RUN_TAPS: { type: "u32", value: 3 }, STRIDE_Y: { type: "u32", value: 1 }, STRIDE_X: { type: "u32", value: 1 }, PADDING_Y: { type: "u32", value: 1 }, PADDING_X: { type: "u32", value: 1 }, DILATION_Y: { type: "u32", value: 1 }, DILATION_X: { type: "u32", value: 1 }, KERNEL_HEIGHT: { type: "u32", value: 3 }, KERNEL_WIDTH: { type: "u32", value: 3 }, IN_HEIGHT: { type: "u32", value: 8 }, IN_WIDTH: { type: "u32", value: 8 }, IN_CHANNELS: { type: "u32", value: 8 }, OUT_HEIGHT: { type: "u32", value: 8 }, OUT_WIDTH: { type: "u32", value: 8 }, OUT_CHANNELS: { type: "u32", value: 8 } },
  unrolls: (v) => [Math.floor(v["ROWS"] / v["SHARE"]), Math.floor(v["COLS"] / v["VECTOR"]), Math.floor(v["ROWS"] / v["SHARE"]), Math.floor(v["COLS"] / v["VECTOR"]), v["VECTOR"], Math.floor(v["ROWS"] / v["SHARE"]), v["ROWS"], v["COLS"], Math.floor(v["ROWS"] / Math.min(v["ROWS"], 8 + v["ROWS"] * (v["ROWS"] % 8))), v["COLS"], Math.min(v["ROWS"], 8 + v["ROWS"] * (v["ROWS"] % 8))],
  shapes: (v) => ({ x: v["batch"] * v["IN_HEIGHT"] * v["IN_WIDTH"] * v["IN_CHANNELS"], weight: v["KERNEL_HEIGHT"] * v["KERNEL_WIDTH"] * v["IN_CHANNELS"] * v["OUT_CHANNELS"], y: v["batch"] * v["OUT_HEIGHT"] * v["OUT_WIDTH"] * v["OUT_CHANNELS"] }),
  workgroups: (v) => v["PHASES_Y"] * v["PHASES_X"] * Math.ceil(v["batch"] * Math.ceil(v["OUT_HEIGHT"] / v["PHASES_Y"]) * Math.ceil(v["OUT_WIDTH"] / v["PHASES_X"]) / (v["ROWS"] * v["GROUPS"])) * Math.ceil(v["OUT_CHANNELS"] / (v["COLS"] * v["LANES"])),
  flops: (v) => 2 * v["batch"] * v["KERNEL_HEIGHT"] * v["KERNEL_WIDTH"] * v["IN_CHANNELS"] * v["OUT_CHANNELS"] * (v["TRANSPOSED"] * v["IN_HEIGHT"] * v["IN_WIDTH"] + (1 - v["TRANSPOSED"]) * v["OUT_HEIGHT"] * v["OUT_WIDTH"]),
  bytes: (v) => Math.ceil(v["batch"] * Math.ceil(v["OUT_HEIGHT"] / v["PHASES_Y"]) * Math.ceil(v["OUT_WIDTH"] / v["PHASES_X"]) / (v["ROWS"] * v["GROUPS"])) * Math.ceil(v["OUT_CHANNELS"] / (v["COLS"] * v["LANES"])) * v["KERNEL_HEIGHT"] * v["KERNEL_WIDTH"] * v["IN_CHANNELS"] * ((4 - 2 * v["HALF"]) * v["ROWS"] * v["GROUPS"] + 4 * v["COLS"] * v["LANES"]) + (4 - 2 * v["HALF"]) * v["batch"] * v["OUT_HEIGHT"] * v["OUT_WIDTH"] * v["OUT_CHANNELS"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
fn from_lane(value: f32, lane: u32) -> f32 {\n\
  return value; //#subgroups return subgroupShuffle(value, lane);\n\
}\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
\n\
const LANES: u32 = 8u;\n\
const GROUPS: u32 = 1u;\n\
const ROWS: u32 = 8u;\n\
const COLS: u32 = 4u;\n\
const SHARE: u32 = 1u;\n\
const VECTOR: u32 = 1u;\n\
const OWN = ROWS / SHARE;\n\
const VECTORS = COLS / VECTOR;\n\
const ROUNDS = min(ROWS, 8u + ROWS * (ROWS % 8u));\n\
const ROWS_AT_ONCE = ROWS / ROUNDS;\n\
const TRANSPOSED: bool = false;\n\
const PHASES_Y: u32 = 1u;\n\
const PHASES_X: u32 = 1u;\n\
const RUN_TAPS: u32 = 3u;\n\
const STRIDE_Y: u32 = 1u;\n\
const STRIDE_X: u32 = 1u;\n\
const PADDING_Y: u32 = 1u;\n\
const PADDING_X: u32 = 1u;\n\
const DILATION_Y: u32 = 1u;\n\
const DILATION_X: u32 = 1u;\n\
const KERNEL_HEIGHT: u32 = 3u;\n\
const KERNEL_WIDTH: u32 = 3u;\n\
const IN_HEIGHT: u32 = 8u;\n\
const IN_WIDTH: u32 = 8u;\n\
const IN_CHANNELS: u32 = 8u;\n\
const OUT_HEIGHT: u32 = 8u;\n\
const OUT_WIDTH: u32 = 8u;\n\
const OUT_CHANNELS: u32 = 8u;\n\
\n\
struct Params {\n\
  batch: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<Stored>;\n\
@group(0) @binding(1) var<storage, read> weight: array<f32>; //#vec4 @group(0) @binding(1) var<storage, read> weight: array<vec4f>;\n\
@group(0) @binding(2) var<storage, read_write> y: array<Stored>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
struct Pixel {\n\
  image: u32,\n\
  row: u32,\n\
  column: u32,\n\
  inside: bool,\n\
}\n\
\n\
fn output_pixel(number: u32, phase: u32) -> Pixel {\n\
  let width = (OUT_WIDTH + PHASES_X - 1u) / PHASES_X;\n\
  let height = (OUT_HEIGHT + PHASES_Y - 1u) / PHASES_Y;\n\
  let row = number / width % height * PHASES_Y + phase / PHASES_X;\n\
  let column = number % width * PHASES_X + phase % PHASES_X;\n\
  let image = number / (width * height);\n\
  return Pixel(image, row, column, image < params.batch && row < OUT_HEIGHT && column < OUT_WIDTH);\n\
}\n\
\n\
struct Run {\n\
  start: u32,\n\
  first: u32,\n\
  count: u32,\n\
}\n\
\n\
fn source_run(pixel: Pixel, ky: u32, kx: u32) -> Run {\n\
  if (TRANSPOSED) {\n\
    let down = ky * DILATION_Y;\n\
    let across = kx * DILATION_X;\n\
    let row = (pixel.row + PADDING_Y - down) / STRIDE_Y;\n\
    let column = (pixel.column + PADDING_X - across) / STRIDE_X;\n\
    let wrapped = pixel.row + PADDING_Y < down || pixel.column + PADDING_X < across;\n\
    let inside = pixel.inside && !wrapped && row < IN_HEIGHT && column < IN_WIDTH;\n\
    return Run(((pixel.image * IN_HEIGHT + row) * IN_WIDTH + column) * IN_CHANNELS, 0u, select(0u, IN_CHANNELS, inside));\n\
  }\n\
  let row = pixel.row * STRIDE_Y + ky * DILATION_Y - PADDING_Y;\n\
  let column = pixel.column * STRIDE_X + kx * DILATION_X;\n\
  let first = max(PADDING_X, column) - column;\n\
  let end = min(RUN_TAPS, max(IN_WIDTH + PADDING_X, column) - column);\n\
  let inside = pixel.inside && row < IN_HEIGHT && first < end;\n\
  return Run(\n\
    ((pixel.image * IN_HEIGHT + row) * IN_WIDTH + column - PADDING_X) * IN_CHANNELS,\n\
    first * IN_CHANNELS,\n\
    select(0u, (end - first) * IN_CHANNELS, inside),\n\
  );\n\
}\n\
\n\
@compute @workgroup_size(LANES, GROUPS)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
  //#subgroups @builtin(subgroup_invocation_id) subgroup_lane: u32,\n\
) {\n\
  let own_lane = local.x; //#subgroups let own_lane = subgroup_lane;\n\
  let column_blocks = (OUT_CHANNELS + COLS * LANES - 1u) / (COLS * LANES);\n\
  let pixels = params.batch * ((OUT_HEIGHT + PHASES_Y - 1u) / PHASES_Y) * ((OUT_WIDTH + PHASES_X - 1u) / PHASES_X);\n\
  let pixel_blocks = (pixels + ROWS * GROUPS - 1u) / (ROWS * GROUPS);\n\
  let index = workgroup_index(group, grid);\n\
  let phase = index / (column_blocks * pixel_blocks);\n\
  if (phase >= PHASES_Y * PHASES_X) {\n\
    return;\n\
  }\n\
  let first_pixel = (index / column_blocks % pixel_blocks * GROUPS + local.y % GROUPS) * ROWS;\n\
  let first_column = index % column_blocks * COLS * LANES + own_lane * VECTOR;\n\
\n\
  var own_pixels: array<Pixel, OWN>;\n\
  //#unroll\n\
  for (var i = 0u; i < OWN; i++) {\n\
    own_pixels[i] = output_pixel(first_pixel + i * SHARE + own_lane % SHARE, phase);\n\
  }\n\
  var columns: array<u32, VECTORS>;\n\
  //#unroll\n\
  for (var v = 0u; v < VECTORS; v++) {\n\
    columns[v] = min(first_column + v * VECTOR * LANES, OUT_CHANNELS - VECTOR);\n\
  }\n\
\n\
  var sums: array<array<f32, COLS>, ROWS>;\n\
  for (var ky = 0u; ky < KERNEL_HEIGHT; ky++) {\n\
    if (TRANSPOSED && (phase / PHASES_X + PADDING_Y + (STRIDE_Y * KERNEL_HEIGHT - ky) * DILATION_Y) % STRIDE_Y != 0u) {\n\
      continue;\n\
    }\n\
    for (var kx = 0u; kx < KERNEL_WIDTH; kx += RUN_TAPS) {\n\
      if (TRANSPOSED && (phase % PHASES_X + PADDING_X + (STRIDE_X * KERNEL_WIDTH - kx) * DILATION_X) % STRIDE_X != 0u) {\n\
        continue;\n\
      }\n\
      var runs: array<Run, OWN>;\n\
      //#unroll\n\
      for (var i = 0u; i < OWN; i++) {\n\
        runs[i] = source_run(own_pixels[i], ky, kx);\n\
      }\n\
      let weight_start = (ky * KERNEL_WIDTH + kx) * IN_CHANNELS * OUT_CHANNELS;\n\
      for (var k = 0u; k < RUN_TAPS * IN_CHANNELS; k++) {\n\
        var weights: array<f32, COLS>;\n\
        //#unroll\n\
        for (var v = 0u; v < VECTORS; v++) {\n\
          let at = weight_start + k * OUT_CHANNELS + columns[v];\n\
          let loaded = vec4f(weight[at]); //#vec4 let loaded = weight[at / 4u];\n\
          //#unroll\n\
          for (var i = 0u; i < VECTOR; i++) {\n\
            weights[v * VECTOR + i] = loaded[i];\n\
          }\n\
        }\n\
        var own: array<f32, OWN>;\n\
        //#unroll\n\
        for (var i = 0u; i < OWN; i++) {\n\
          let inside = select((k - runs[i].first) < runs[i].count, (runs[i].count > 0u), RUN_TAPS == 1u);\n\
          own[i] = select(0.0, f32(x[runs[i].start + k]), inside);\n\
        }\n\
        //#unroll\n\
        for (var p = 0u; p < ROWS; p++) {\n\
          let value = from_lane(own[p / SHARE], p % SHARE);\n\
          //#unroll\n\
          for (var c = 0u; c < COLS; c++) {\n\
            sums[p][c] = fma(value, weights[c], sums[p][c]);\n\
          }\n\
        }\n\
      }\n\
    }\n\
  }\n\
\n\
  for (var round = 0u; round < ROUNDS; round++) {\n\
    //#unroll\n\
    for (var p = 0u; p < ROWS_AT_ONCE; p++) {\n\
      let pixel = output_pixel(first_pixel + round * ROWS_AT_ONCE + p, phase);\n\
      let start = ((pixel.image * OUT_HEIGHT + pixel.row) * OUT_WIDTH + pixel.column) * OUT_CHANNELS;\n\
      //#unroll\n\
      for (var c = 0u; c < COLS; c++) {\n\
        let column = first_column + c / VECTOR * VECTOR * LANES + c % VECTOR;\n\
        var value = 0.0;\n\
        //#unroll\n\
        for (var r = 0u; r < ROUNDS; r++) {\n\
          value = select(value, sums[r * ROWS_AT_ONCE + p][c], r == round);\n\
        }\n\
        if (pixel.inside && column < OUT_CHANNELS) {\n\
          y[start + column] = Stored(value);\n\
        }\n\
      }\n\
    }\n\
  }\n\
}\n\
",
};

/**
 * A copy: y = x, word by word, whatever the elements are.
 */
export const copy: KernelDefinition<"x" | "y", "words", "LANES" | "ELEMENTS"> = {
  name: "copy",
  bindings: [{"name":"x","access":"read_write","element":"u32"}, {"name":"y","access":"read_write","element":"u32"}],
  params: [{"name":"words","type":"u32","offset":0}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 }, ELEMENTS: { type: "u32", value: 8 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["words"], y: v["words"] }),
  workgroups: (v) => Math.ceil(v["words"] / (v["LANES"] * v["ELEMENTS"])),
  flops: () => 0,
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
const ELEMENTS: u32 = 8u;\n\
\n\
struct Params {\n\
  words: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read_write> x: array<u32>;\n\
@group(0) @binding(1) var<storage, read_write> y: array<u32>;\n\
@group(0) @binding(2) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let first = workgroup_index(group, grid) * LANES * ELEMENTS;\n\
  let end = min(first + LANES * ELEMENTS, params.words);\n\
  for (var i = first + local.x; i < end; i += LANES) {\n\
    y[i] = x[i];\n\
  }\n\
}\n\
",
};

/**
 * Mean over what counts: y = sum_i x[i] / max(1, sum_i counted[i]), `counted` holding zeros and ones. One workgroup.
 */
export const countedMean: KernelDefinition<"x" | "counted" | "y", "elements" | "numbers", "LANES"> = {
  name: "countedMean",
  bindings: [{"name":"x","access":"read","element":"f32"}, {"name":"counted","access":"read","element":"f32"}, {"name":"y","access":"read_write","element":"f32"}],
  params: [{"name":"elements","type":"u32","offset":0}, {"name":"numbers","type":"u32","offset":4}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["elements"], counted: v["numbers"], y: 1 }),
  workgroups: () => 1,
  flops: (v) => v["elements"] + v["numbers"],
  source: "var<workgroup> reduced: array<f32, LANES>;\n\
\n\
fn workgroup_sum(lane: u32, value: f32) -> f32 {\n\
  workgroupBarrier();\n\
  reduced[lane] = value;\n\
  workgroupBarrier();\n\
  for (var half = LANES / 2u; half > 0u; half /= 2u) {\n\
    if (lane < half) {\n\
      reduced[lane] += reduced[lane + half];\n\
    }\n\
    workgroupBarrier();\n\
  }\n\
  return reduced[0];\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
\n\
struct Params {\n\
  elements: u32,\n\
  numbers: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<f32>;\n\
@group(0) @binding(1) var<storage, read> counted: array<f32>;\n\
@group(0) @binding(2) var<storage, read_write> y: array<f32>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(@builtin(local_invocation_id) local: vec3u) {\n\
  var own_sum = 0.0;\n\
  for (var i = local.x; i < params.elements; i += LANES) {\n\
    own_sum += x[i];\n\
  }\n\
  var own_number = 0.0;\n\
  for (var i = local.x; i < params.numbers; i += LANES) {\n\
    own_number += counted[i];\n\
  }\n\
  let sum = workgroup_sum(local.x, own_sum);\n\
  let number = workgroup_sum(local.x, own_number);\n\
  if (local.x == 0u) {\n\
    y[0] = sum / max(number, 1.0);\n\
  }\n\
}\n\
",
};

/**
 * Contrastive losses whose negatives are an estimate of what those of other classes add up to (Chuang et al. 2020, equation 8;
 * Robinson et al. 2021, equation 4). An anchor has the logits p[k] with its P positives, of which `positives` holds (1 + beta) p[k],
 * and M negatives, of which `hard` is log sum_j exp((1 + beta) s[j]), `largest` the largest (1 + beta) s[j] and, with HARDER, which
 * stands for beta > 0, `soft` is log sum_j exp(beta s[j]). With t the share of the negatives that are of the anchor's class,
 * log R = hard, and with HARDER log M + hard - soft,
 * G = max((R - t M mean_k exp(p[k])) / (1 - t), M exp(-1 / temperature)),
 * loss = log(sum_k exp(p[k]) + G) - mean_k p[k].
 * `results` gets the losses; 1 where the largest p is above the largest s, else 0 (a tie does not count); and 1 where the second
 * argument of G is the larger, else 0. `slopes` gets the derivatives of the losses by `positives`, by `hard` and by `soft`. One thread an
 * anchor.
 */
export const debiased: KernelDefinition<"positives" | "hard" | "soft" | "largest" | "results" | "slopes", "rows" | "others" | "negatives" | "share" | "inverse_temperature" | "scale", "LANES" | "HARDER" | "LOWEST"> = {
  name: "debiased",
  bindings: [{"name":"positives","access":"read","element":"f32"}, {"name":"hard","access":"read","element":"f32"}, {"name":"soft","access":"read","element":"f32"}, {"name":"largest","access":"read","element":"f32"}, {"name":"results","access":"read_write","element":"f32"}, {"name":"slopes","access":"read_write","element":"f32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"others","type":"u32","offset":4}, {"name":"negatives","type":"f32","offset":8}, {"name":"share","type":"f32","offset":12}, {"name":"inverse_temperature","type":"f32","offset":16}, {"name":"scale","type":"f32","offset":20}],
  paramsSize: 32,
  constants: { LANES: { type: "u32", value: 64 }, HARDER: { type: "bool", value: 0 }, LOWEST: { type: "f32", value: -1e+30 } },
  unrolls: () => [],
  shapes: (v) => ({ positives: v["others"] * v["rows"], hard: v["rows"], soft: v["rows"], largest: v["rows"], results: 3 * v["rows"], slopes: (v["others"] + 2) * v["rows"] }),
  workgroups: (v) => Math.ceil(v["rows"] / v["LANES"]),
  flops: (v) => v["rows"] * (20 + 6 * v["others"]),
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
const HARDER: bool = false;\n\
const LOWEST: f32 = -1e30;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  others: u32,\n\
  negatives: f32,\n\
  share: f32,\n\
  inverse_temperature: f32,\n\
  scale: f32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> positives: array<f32>;\n\
@group(0) @binding(1) var<storage, read> hard: array<f32>;\n\
@group(0) @binding(2) var<storage, read> soft: array<f32>;\n\
@group(0) @binding(3) var<storage, read> largest: array<f32>;\n\
@group(0) @binding(4) var<storage, read_write> results: array<f32>;\n\
@group(0) @binding(5) var<storage, read_write> slopes: array<f32>;\n\
@group(0) @binding(6) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let row = workgroup_index(group, grid) * LANES + local.x;\n\
  if (row >= params.rows) {\n\
    return;\n\
  }\n\
  let number = f32(params.others);\n\
  var nearest = LOWEST;\n\
  var total = 0.0;\n\
  for (var k = 0u; k < params.others; k++) {\n\
    nearest = max(nearest, positives[k * params.rows + row]);\n\
    total += positives[k * params.rows + row];\n\
  }\n\
  results[params.rows + row] = select(0.0, 1.0, nearest > largest[row]);\n\
  nearest *= params.scale;\n\
  let mean = total / number * params.scale;\n\
  var attracting = 0.0;\n\
  for (var k = 0u; k < params.others; k++) {\n\
    attracting += exp(positives[k * params.rows + row] * params.scale - nearest);\n\
  }\n\
\n\
  var all = hard[row];\n\
  if (HARDER) {\n\
    all += log(params.negatives) - soft[row];\n\
  }\n\
  let of_class = params.share * params.negatives * attracting / number * exp(min(nearest - all, 60.0));\n\
  let left = max(1.0 - of_class, 1e-30);\n\
  let estimate = all + log(left) - log(1.0 - params.share);\n\
  let least = log(params.negatives) - params.inverse_temperature;\n\
  let is_clamped = estimate < least;\n\
  let rest = max(estimate, least);\n\
\n\
  let most = max(nearest, rest);\n\
  let sum = attracting * exp(nearest - most) + exp(rest - most);\n\
  let lse = most + log(sum);\n\
  results[row] = log(sum) + (most - mean);\n\
  results[2u * params.rows + row] = select(0.0, 1.0, is_clamped);\n\
\n\
  let corrected = select(params.share * params.negatives / (number * (1.0 - params.share)), 0.0, is_clamped);\n\
  for (var k = 0u; k < params.others; k++) {\n\
    let at = k * params.rows + row;\n\
    let probability = exp(positives[at] * params.scale - lse);\n\
    let lacking = select(1.0 / number - probability, exp(rest - lse), params.others == 1u);\n\
    slopes[at] = -params.scale * (lacking + corrected * probability);\n\
  }\n\
  let slope = select(exp(all - lse) / (1.0 - params.share), 0.0, is_clamped);\n\
  slopes[params.others * params.rows + row] = slope;\n\
  slopes[(params.others + 1u) * params.rows + row] = select(0.0, -slope, HARDER);\n\
}\n\
",
};

/**
 * Dropout (Srivastava et al. 2014), scaled in training: y[i] = x[i] * scale where u[i] >= probability, else 0, with u in [0, 1)
 * drawn for each element from (counter, site, i). As its own gradient, it draws the same again. One thread for four neighbours.
 */
export const dropout: KernelDefinition<"x" | "counter" | "y", "elements" | "site" | "probability" | "scale", "HALF" | "LANES"> = {
  name: "dropout",
  bindings: [{"name":"x","access":"read","element":"stored"}, {"name":"counter","access":"read","element":"u32"}, {"name":"y","access":"read_write","element":"stored"}],
  params: [{"name":"elements","type":"u32","offset":0}, {"name":"site","type":"u32","offset":4}, {"name":"probability","type":"f32","offset":8}, {"name":"scale","type":"f32","offset":12}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 64 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["elements"], counter: 2, y: v["elements"] }),
  workgroups: (v) => Math.ceil(v["elements"] / (4 * v["LANES"])),
  flops: (v) => v["elements"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
fn random_words(counter: vec4u) -> vec4u {\n\
  var v = counter * 1664525u + 1013904223u;\n\
  v.x += v.y * v.w;\n\
  v.y += v.z * v.x;\n\
  v.z += v.x * v.y;\n\
  v.w += v.y * v.z;\n\
  v ^= v >> vec4u(16u);\n\
  v.x += v.y * v.w;\n\
  v.y += v.z * v.x;\n\
  v.z += v.x * v.y;\n\
  v.w += v.y * v.z;\n\
  return v;\n\
}\n\
\n\
fn random_uniform(counter: vec4u) -> vec4f {\n\
  return vec4f(random_words(counter) >> vec4u(8u)) * (1.0 / 16777216.0);\n\
}\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
\n\
const LANES: u32 = 64u;\n\
const SITES = 0x80000000u;\n\
\n\
struct Params {\n\
  elements: u32,\n\
  site: u32,\n\
  probability: f32,\n\
  scale: f32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<Stored>;\n\
@group(0) @binding(1) var<storage, read> counter: array<u32>;\n\
@group(0) @binding(2) var<storage, read_write> y: array<Stored>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let four = workgroup_index(group, grid) * LANES + local.x;\n\
  let u = random_uniform(vec4u(counter[0], counter[1], SITES + params.site, four));\n\
  let end = min(4u * four + 4u, params.elements);\n\
  for (var i = 4u * four; i < end; i++) {\n\
    y[i] = Stored(select(0.0, f32(x[i]) * params.scale, u[i % 4u] >= params.probability));\n\
  }\n\
}\n\
",
};

/**
 * Gradient of a chain of functions of one number (see elementwise): dx = dy f4'(f3(f2(f1(x)))) f3'(f2(f1(x))) f2'(f1(x)) f1'(x).
 */
export const elementwiseGradient: KernelDefinition<"x" | "dy" | "dx", "elements" | "a_1" | "b_1" | "a_2" | "b_2" | "a_3" | "b_3" | "a_4" | "b_4", "HALF" | "LANES" | "ELEMENTS" | "FUNCTION_1" | "FUNCTION_2" | "FUNCTION_3" | "FUNCTION_4"> = {
  name: "elementwiseGradient",
  bindings: [{"name":"x","access":"read","element":"stored"}, {"name":"dy","access":"read","element":"stored"}, {"name":"dx","access":"read_write","element":"stored"}],
  params: [{"name":"elements","type":"u32","offset":0}, {"name":"a_1","type":"f32","offset":4}, {"name":"b_1","type":"f32","offset":8}, {"name":"a_2","type":"f32","offset":12}, {"name":"b_2","type":"f32","offset":16}, {"name":"a_3","type":"f32","offset":20}, {"name":"b_3","type":"f32","offset":24}, {"name":"a_4","type":"f32","offset":28}, {"name":"b_4","type":"f32","offset":32}],
  paramsSize: 48,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 64 }, ELEMENTS: { type: "u32", value: 8 }, FUNCTION_1: { type: "u32", value: 0 }, FUNCTION_2: { type: "u32", value: 0 }, FUNCTION_3: { type: "u32", value: 0 }, FUNCTION_4: { type: "u32", value: 0 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["elements"], dy: v["elements"], dx: v["elements"] }),
  workgroups: (v) => Math.ceil(v["elements"] / (v["LANES"] * v["ELEMENTS"])),
  flops: (v) => 9 * v["elements"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
\n\
const LANES: u32 = 64u;\n\
const ELEMENTS: u32 = 8u;\n\
const FUNCTION_1: u32 = 0u;\n\
const FUNCTION_2: u32 = 0u;\n\
const FUNCTION_3: u32 = 0u;\n\
const FUNCTION_4: u32 = 0u;\n\
\n\
struct Params {\n\
  elements: u32,\n\
  a_1: f32,\n\
  b_1: f32,\n\
  a_2: f32,\n\
  b_2: f32,\n\
  a_3: f32,\n\
  b_3: f32,\n\
  a_4: f32,\n\
  b_4: f32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<Stored>;\n\
@group(0) @binding(1) var<storage, read> dy: array<Stored>;\n\
@group(0) @binding(2) var<storage, read_write> dx: array<Stored>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
const SCALE = 1u;\n\
const SQUARE = 2u;\n\
const SQRT = 3u;\n\
const EXP = 4u;\n\
const LOG = 5u;\n\
const SIGMOID = 6u;\n\
const TANH = 7u;\n\
const SOFTPLUS = 8u;\n\
const GELU = 9u;\n\
const GELU_TANH = 10u;\n\
const CLAMP = 11u;\n\
const ABSOLUTE = 12u;\n\
const RELU = 13u;\n\
\n\
struct Dual {\n\
  value: f32,\n\
  slope: f32,\n\
}\n\
\n\
fn sigmoid(x: f32) -> Dual {\n\
  let small = exp(-abs(x));\n\
  let whole = 1.0 + small;\n\
  return Dual(select(small, 1.0, x >= 0.0) / whole, small / (whole * whole));\n\
}\n\
\n\
fn gelu(x: f32) -> Dual {\n\
  let size = min(abs(x), 20.0);\n\
  let density = 0.3989423 * exp(-0.5 * size * size);\n\
  let t = 1.0 / fma(0.2316419, size, 1.0);\n\
  let series = fma(fma(fma(fma(1.3302744, t, -1.8212560), t, 1.7814779), t, -0.35656378), t, 0.31938153);\n\
  let tail = density * t * series;\n\
  let share = select(tail, 1.0 - tail, x >= 0.0);\n\
  return Dual(x * share, fma(x, density, share));\n\
}\n\
\n\
fn gelu_tanh(x: f32) -> Dual {\n\
  let inner = clamp(x, -9.0, 9.0);\n\
  let share = sigmoid(1.5957691 * inner * fma(0.044715, inner * inner, 1.0));\n\
  return Dual(x * share.value, fma(x * share.slope, 1.5957691 * fma(0.134145, inner * inner, 1.0), share.value));\n\
}\n\
\n\
fn function_at(code: u32, a: f32, b: f32, x: f32) -> Dual {\n\
  switch code {\n\
    case SCALE: {\n\
      return Dual(fma(a, x, b), a);\n\
    }\n\
    case SQUARE: {\n\
      return Dual(x * x, 2.0 * x);\n\
    }\n\
    case SQRT: {\n\
      let root = sqrt(x);\n\
      return Dual(root, 0.5 / root);\n\
    }\n\
    case EXP: {\n\
      let value = exp(x);\n\
      return Dual(value, value);\n\
    }\n\
    case LOG: {\n\
      return Dual(log(x), 1.0 / x);\n\
    }\n\
    case SIGMOID: {\n\
      return sigmoid(x);\n\
    }\n\
    case TANH: {\n\
      let small = exp(-2.0 * abs(x));\n\
      let whole = 1.0 + small;\n\
      return Dual(sign(x) * (1.0 - small) / whole, 4.0 * small / (whole * whole));\n\
    }\n\
    case SOFTPLUS: {\n\
      return Dual(max(x, 0.0) + log(1.0 + exp(-abs(x))), sigmoid(x).value);\n\
    }\n\
    case GELU: {\n\
      return gelu(x);\n\
    }\n\
    case GELU_TANH: {\n\
      return gelu_tanh(x);\n\
    }\n\
    case CLAMP: {\n\
      return Dual(clamp(x, a, b), select(0.0, 1.0, x >= a && x <= b));\n\
    }\n\
    case ABSOLUTE: {\n\
      return Dual(abs(x), sign(x));\n\
    }\n\
    case RELU: {\n\
      return Dual(max(x, 0.0), select(0.0, 1.0, x > 0.0));\n\
    }\n\
    default: {\n\
      return Dual(x, 1.0);\n\
    }\n\
  }\n\
}\n\
\n\
fn link(code: u32, a: f32, b: f32, before: Dual) -> Dual {\n\
  let own = function_at(code, a, b, before.value);\n\
  return Dual(own.value, before.slope * own.slope);\n\
}\n\
\n\
fn chain_at(x: f32) -> Dual {\n\
  var result = Dual(x, 1.0);\n\
  result = link(FUNCTION_1, params.a_1, params.b_1, result);\n\
  result = link(FUNCTION_2, params.a_2, params.b_2, result);\n\
  result = link(FUNCTION_3, params.a_3, params.b_3, result);\n\
  return link(FUNCTION_4, params.a_4, params.b_4, result);\n\
}\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let first = workgroup_index(group, grid) * LANES * ELEMENTS;\n\
  let end = min(first + LANES * ELEMENTS, params.elements);\n\
  for (var i = first + local.x; i < end; i += LANES) {\n\
    dx[i] = Stored(f32(dy[i]) * chain_at(f32(x[i])).slope);\n\
  }\n\
}\n\
",
};

/**
 * A chain of up to four functions of one number, element by element: y = f4(f3(f2(f1(x)))), each given by its code (see
 * lib/functions.wgsl) and up to two numbers a and b; 0 stands for none.
 */
export const elementwise: KernelDefinition<"x" | "y", "elements" | "a_1" | "b_1" | "a_2" | "b_2" | "a_3" | "b_3" | "a_4" | "b_4", "HALF" | "LANES" | "ELEMENTS" | "FUNCTION_1" | "FUNCTION_2" | "FUNCTION_3" | "FUNCTION_4"> = {
  name: "elementwise",
  bindings: [{"name":"x","access":"read","element":"stored"}, {"name":"y","access":"read_write","element":"stored"}],
  params: [{"name":"elements","type":"u32","offset":0}, {"name":"a_1","type":"f32","offset":4}, {"name":"b_1","type":"f32","offset":8}, {"name":"a_2","type":"f32","offset":12}, {"name":"b_2","type":"f32","offset":16}, {"name":"a_3","type":"f32","offset":20}, {"name":"b_3","type":"f32","offset":24}, {"name":"a_4","type":"f32","offset":28}, {"name":"b_4","type":"f32","offset":32}],
  paramsSize: 48,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 64 }, ELEMENTS: { type: "u32", value: 8 }, FUNCTION_1: { type: "u32", value: 0 }, FUNCTION_2: { type: "u32", value: 0 }, FUNCTION_3: { type: "u32", value: 0 }, FUNCTION_4: { type: "u32", value: 0 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["elements"], y: v["elements"] }),
  workgroups: (v) => Math.ceil(v["elements"] / (v["LANES"] * v["ELEMENTS"])),
  flops: (v) => 4 * v["elements"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
\n\
const LANES: u32 = 64u;\n\
const ELEMENTS: u32 = 8u;\n\
const FUNCTION_1: u32 = 0u;\n\
const FUNCTION_2: u32 = 0u;\n\
const FUNCTION_3: u32 = 0u;\n\
const FUNCTION_4: u32 = 0u;\n\
\n\
struct Params {\n\
  elements: u32,\n\
  a_1: f32,\n\
  b_1: f32,\n\
  a_2: f32,\n\
  b_2: f32,\n\
  a_3: f32,\n\
  b_3: f32,\n\
  a_4: f32,\n\
  b_4: f32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<Stored>;\n\
@group(0) @binding(1) var<storage, read_write> y: array<Stored>;\n\
@group(0) @binding(2) var<uniform> params: Params;\n\
const SCALE = 1u;\n\
const SQUARE = 2u;\n\
const SQRT = 3u;\n\
const EXP = 4u;\n\
const LOG = 5u;\n\
const SIGMOID = 6u;\n\
const TANH = 7u;\n\
const SOFTPLUS = 8u;\n\
const GELU = 9u;\n\
const GELU_TANH = 10u;\n\
const CLAMP = 11u;\n\
const ABSOLUTE = 12u;\n\
const RELU = 13u;\n\
\n\
struct Dual {\n\
  value: f32,\n\
  slope: f32,\n\
}\n\
\n\
fn sigmoid(x: f32) -> Dual {\n\
  let small = exp(-abs(x));\n\
  let whole = 1.0 + small;\n\
  return Dual(select(small, 1.0, x >= 0.0) / whole, small / (whole * whole));\n\
}\n\
\n\
fn gelu(x: f32) -> Dual {\n\
  let size = min(abs(x), 20.0);\n\
  let density = 0.3989423 * exp(-0.5 * size * size);\n\
  let t = 1.0 / fma(0.2316419, size, 1.0);\n\
  let series = fma(fma(fma(fma(1.3302744, t, -1.8212560), t, 1.7814779), t, -0.35656378), t, 0.31938153);\n\
  let tail = density * t * series;\n\
  let share = select(tail, 1.0 - tail, x >= 0.0);\n\
  return Dual(x * share, fma(x, density, share));\n\
}\n\
\n\
fn gelu_tanh(x: f32) -> Dual {\n\
  let inner = clamp(x, -9.0, 9.0);\n\
  let share = sigmoid(1.5957691 * inner * fma(0.044715, inner * inner, 1.0));\n\
  return Dual(x * share.value, fma(x * share.slope, 1.5957691 * fma(0.134145, inner * inner, 1.0), share.value));\n\
}\n\
\n\
fn function_at(code: u32, a: f32, b: f32, x: f32) -> Dual {\n\
  switch code {\n\
    case SCALE: {\n\
      return Dual(fma(a, x, b), a);\n\
    }\n\
    case SQUARE: {\n\
      return Dual(x * x, 2.0 * x);\n\
    }\n\
    case SQRT: {\n\
      let root = sqrt(x);\n\
      return Dual(root, 0.5 / root);\n\
    }\n\
    case EXP: {\n\
      let value = exp(x);\n\
      return Dual(value, value);\n\
    }\n\
    case LOG: {\n\
      return Dual(log(x), 1.0 / x);\n\
    }\n\
    case SIGMOID: {\n\
      return sigmoid(x);\n\
    }\n\
    case TANH: {\n\
      let small = exp(-2.0 * abs(x));\n\
      let whole = 1.0 + small;\n\
      return Dual(sign(x) * (1.0 - small) / whole, 4.0 * small / (whole * whole));\n\
    }\n\
    case SOFTPLUS: {\n\
      return Dual(max(x, 0.0) + log(1.0 + exp(-abs(x))), sigmoid(x).value);\n\
    }\n\
    case GELU: {\n\
      return gelu(x);\n\
    }\n\
    case GELU_TANH: {\n\
      return gelu_tanh(x);\n\
    }\n\
    case CLAMP: {\n\
      return Dual(clamp(x, a, b), select(0.0, 1.0, x >= a && x <= b));\n\
    }\n\
    case ABSOLUTE: {\n\
      return Dual(abs(x), sign(x));\n\
    }\n\
    case RELU: {\n\
      return Dual(max(x, 0.0), select(0.0, 1.0, x > 0.0));\n\
    }\n\
    default: {\n\
      return Dual(x, 1.0);\n\
    }\n\
  }\n\
}\n\
\n\
fn link(code: u32, a: f32, b: f32, before: Dual) -> Dual {\n\
  let own = function_at(code, a, b, before.value);\n\
  return Dual(own.value, before.slope * own.slope);\n\
}\n\
\n\
fn chain_at(x: f32) -> Dual {\n\
  var result = Dual(x, 1.0);\n\
  result = link(FUNCTION_1, params.a_1, params.b_1, result);\n\
  result = link(FUNCTION_2, params.a_2, params.b_2, result);\n\
  result = link(FUNCTION_3, params.a_3, params.b_3, result);\n\
  return link(FUNCTION_4, params.a_4, params.b_4, result);\n\
}\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let first = workgroup_index(group, grid) * LANES * ELEMENTS;\n\
  let end = min(first + LANES * ELEMENTS, params.elements);\n\
  for (var i = first + local.x; i < end; i += LANES) {\n\
    y[i] = Stored(chain_at(f32(x[i])).value);\n\
  }\n\
}\n\
",
};

/**
 * Exponential moving average of parameters, for all of a slab at once: average += rate * (parameters - average), which is
 * momentum * average + (1 - momentum) * parameters. The rate comes as 1 - momentum: of a momentum near 1, f32 would keep that
 * difference to a few digits only. The average is that of the first `elements` of the parameters' slab.
 */
export const ema: KernelDefinition<"rate" | "parameters" | "average", "elements" | "slab_elements", "LANES" | "VECTOR" | "ELEMENTS"> = {
  name: "ema",
  bindings: [{"name":"rate","access":"read","element":"f32"}, {"name":"parameters","access":"read","element":"f32"}, {"name":"average","access":"read_write","element":"f32"}],
  params: [{"name":"elements","type":"u32","offset":0}, {"name":"slab_elements","type":"u32","offset":4}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 }, VECTOR: { type: "u32", value: 4 }, ELEMENTS: { type: "u32", value: 8 } },
  unrolls: () => [],
  shapes: (v) => ({ rate: 1, parameters: v["slab_elements"], average: v["elements"] }),
  workgroups: (v) => Math.ceil(v["elements"] / (v["LANES"] * v["ELEMENTS"] * v["VECTOR"])),
  flops: (v) => 3 * v["elements"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
alias Element = f32; //#vec4 alias Element = vec4f;\n\
\n\
const LANES: u32 = 64u;\n\
const VECTOR: u32 = 4u;\n\
const ELEMENTS: u32 = 8u;\n\
\n\
struct Params {\n\
  elements: u32,\n\
  slab_elements: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> rate: array<f32>;\n\
@group(0) @binding(1) var<storage, read> parameters: array<Element>;\n\
@group(0) @binding(2) var<storage, read_write> average: array<Element>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let first = workgroup_index(group, grid) * LANES * ELEMENTS;\n\
  let end = min(first + LANES * ELEMENTS, params.elements / VECTOR);\n\
  for (var i = first + local.x; i < end; i += LANES) {\n\
    let before = average[i];\n\
    average[i] = before + rate[0] * (parameters[i] - before);\n\
  }\n\
}\n\
",
};

/**
 * Gradient of the Epps-Pulley statistics: with C_k and S_k the means of the cosines and sines at knot t_k,
 * dy[n, m] = dstatistics[view, m] sum_k 2 w_k t_k (S_k cos(t_k y[n, m]) - (C_k - exp(-t_k^2 / 2)) sin(t_k y[n, m])).
 * `sums` [view, (k - 1, 15 + k), m] holds rows C_k and rows S_k for k = 1..16. A thread for ROWS rows of a column.
 */
export const eppsPulleyGradient: KernelDefinition<"y" | "sums" | "dstatistics" | "dy", "views" | "rows" | "cols", "LANES" | "ROWS"> = {
  name: "eppsPulleyGradient",
  bindings: [{"name":"y","access":"read","element":"f32"}, {"name":"sums","access":"read","element":"f32"}, {"name":"dstatistics","access":"read","element":"f32"}, {"name":"dy","access":"read_write","element":"f32"}],
  params: [{"name":"views","type":"u32","offset":0}, {"name":"rows","type":"u32","offset":4}, {"name":"cols","type":"u32","offset":8}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 }, ROWS: { type: "u32", value: 32 } },
  unrolls: () => [16, 16],
  shapes: (v) => ({ y: v["views"] * v["rows"] * v["cols"], sums: v["views"] * 32 * v["cols"], dstatistics: v["views"] * v["cols"], dy: v["views"] * v["rows"] * v["cols"] }),
  workgroups: (v) => Math.ceil(v["rows"] / v["ROWS"]) * v["views"] * Math.ceil(v["cols"] / v["LANES"]),
  flops: (v) => 170 * v["views"] * v["rows"] * v["cols"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
fn cosine_sine(x: f32) -> vec2f {\n\
  let quarters = round(x * 0.63661977);\n\
  let r = ((x - quarters * 1.5703125) - quarters * 4.837513e-4) - quarters * 7.54979e-8;\n\
  let square = r * r;\n\
  let sine = r + r * square * (-1.6666654611e-1 + square * (8.3321608736e-3 - square * 1.9515295891e-4));\n\
  let fourth = square * square;\n\
  let cosine = 1.0 - 0.5 * square + fourth * (4.1666645683e-2 + square * (-1.3887316255e-3 + square * 2.443315711e-5));\n\
  let turned = i32(quarters) & 3;\n\
  let both = select(vec2f(cosine, sine), vec2f(-sine, cosine), (turned & 1) == 1);\n\
  return select(both, -both, turned >= 2);\n\
}\n\
const KNOTS = 16u;\n\
const SPACING = 0.1875;\n\
\n\
fn knot(k: u32) -> f32 {\n\
  return f32(k) * SPACING;\n\
}\n\
\n\
fn normal_at(k: u32) -> f32 {\n\
  let t = knot(k);\n\
  return exp(-0.5 * t * t);\n\
}\n\
\n\
fn knot_weight(k: u32) -> f32 {\n\
  return normal_at(k) * select(2.0 * SPACING, SPACING, k == KNOTS);\n\
}\n\
\n\
fn next_angle(at: vec2f, step: vec2f) -> vec2f {\n\
  return vec2f(at.x * step.x - at.y * step.y, at.y * step.x + at.x * step.y);\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
const ROWS: u32 = 32u;\n\
\n\
struct Params {\n\
  views: u32,\n\
  rows: u32,\n\
  cols: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> y: array<f32>;\n\
@group(0) @binding(1) var<storage, read> sums: array<f32>;\n\
@group(0) @binding(2) var<storage, read> dstatistics: array<f32>;\n\
@group(0) @binding(3) var<storage, read_write> dy: array<f32>;\n\
@group(0) @binding(4) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let blocks = (params.cols + LANES - 1u) / LANES;\n\
  let index = workgroup_index(group, grid);\n\
  let column = index % blocks * LANES + local.x;\n\
  let view = index / blocks % params.views;\n\
  let first = index / blocks / params.views * ROWS;\n\
  if (column >= params.cols || first >= params.rows) {\n\
    return;\n\
  }\n\
  let end = min(first + ROWS, params.rows);\n\
  let start = view * 2u * KNOTS * params.cols + column;\n\
  let gradient = dstatistics[view * params.cols + column];\n\
  var factors: array<vec2f, KNOTS>;\n\
  //#unroll\n\
  for (var k = 0u; k < KNOTS; k++) {\n\
    let means = vec2f(sums[start + k * params.cols], sums[start + (KNOTS + k) * params.cols]) / f32(params.rows);\n\
    let slope = 2.0 * knot_weight(k + 1u) * knot(k + 1u) * gradient;\n\
    factors[k] = slope * vec2f(means.y, normal_at(k + 1u) - means.x);\n\
  }\n\
  for (var row = first; row < end; row++) {\n\
    let at = (view * params.rows + row) * params.cols + column;\n\
    let step = cosine_sine(SPACING * y[at]);\n\
    var angle = step;\n\
    var total = 0.0;\n\
    //#unroll\n\
    for (var k = 0u; k < KNOTS; k++) {\n\
      total += dot(factors[k], angle);\n\
      angle = next_angle(angle, step);\n\
    }\n\
    dy[at] = total;\n\
  }\n\
}\n\
",
};

/**
 * First pass of the Epps-Pulley statistic: for each column m of y, in each of `views` runs of `rows` rows n, the sums over n of
 * cos(t_k y[n, m]) and of sin(t_k y[n, m]) at the knots k = 1..16, in parts of ROWS rows each: parts[part, view, (k - 1, 15 + k), m].
 * One sine and cosine a number: those of the other knots are turned on from it. A thread a part of a column.
 */
export const eppsPulleySums: KernelDefinition<"y" | "parts", "views" | "rows" | "cols", "LANES" | "ROWS"> = {
  name: "eppsPulleySums",
  bindings: [{"name":"y","access":"read","element":"f32"}, {"name":"parts","access":"read_write","element":"f32"}],
  params: [{"name":"views","type":"u32","offset":0}, {"name":"rows","type":"u32","offset":4}, {"name":"cols","type":"u32","offset":8}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 }, ROWS: { type: "u32", value: 32 } },
  unrolls: () => [16, 16],
  shapes: (v) => ({ y: v["views"] * v["rows"] * v["cols"], parts: Math.ceil(v["rows"] / v["ROWS"]) * v["views"] * 32 * v["cols"] }),
  workgroups: (v) => Math.ceil(v["rows"] / v["ROWS"]) * v["views"] * Math.ceil(v["cols"] / v["LANES"]),
  flops: (v) => 140 * v["views"] * v["rows"] * v["cols"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
fn cosine_sine(x: f32) -> vec2f {\n\
  let quarters = round(x * 0.63661977);\n\
  let r = ((x - quarters * 1.5703125) - quarters * 4.837513e-4) - quarters * 7.54979e-8;\n\
  let square = r * r;\n\
  let sine = r + r * square * (-1.6666654611e-1 + square * (8.3321608736e-3 - square * 1.9515295891e-4));\n\
  let fourth = square * square;\n\
  let cosine = 1.0 - 0.5 * square + fourth * (4.1666645683e-2 + square * (-1.3887316255e-3 + square * 2.443315711e-5));\n\
  let turned = i32(quarters) & 3;\n\
  let both = select(vec2f(cosine, sine), vec2f(-sine, cosine), (turned & 1) == 1);\n\
  return select(both, -both, turned >= 2);\n\
}\n\
const KNOTS = 16u;\n\
const SPACING = 0.1875;\n\
\n\
fn knot(k: u32) -> f32 {\n\
  return f32(k) * SPACING;\n\
}\n\
\n\
fn normal_at(k: u32) -> f32 {\n\
  let t = knot(k);\n\
  return exp(-0.5 * t * t);\n\
}\n\
\n\
fn knot_weight(k: u32) -> f32 {\n\
  return normal_at(k) * select(2.0 * SPACING, SPACING, k == KNOTS);\n\
}\n\
\n\
fn next_angle(at: vec2f, step: vec2f) -> vec2f {\n\
  return vec2f(at.x * step.x - at.y * step.y, at.y * step.x + at.x * step.y);\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
const ROWS: u32 = 32u;\n\
\n\
struct Params {\n\
  views: u32,\n\
  rows: u32,\n\
  cols: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> y: array<f32>;\n\
@group(0) @binding(1) var<storage, read_write> parts: array<f32>;\n\
@group(0) @binding(2) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let blocks = (params.cols + LANES - 1u) / LANES;\n\
  let index = workgroup_index(group, grid);\n\
  let column = index % blocks * LANES + local.x;\n\
  let view = index / blocks % params.views;\n\
  let part = index / blocks / params.views;\n\
  let first = part * ROWS;\n\
  if (column >= params.cols || first >= params.rows) {\n\
    return;\n\
  }\n\
  let end = min(first + ROWS, params.rows);\n\
  var sums: array<vec2f, KNOTS>;\n\
  for (var row = first; row < end; row++) {\n\
    let step = cosine_sine(SPACING * y[(view * params.rows + row) * params.cols + column]);\n\
    var angle = step;\n\
    //#unroll\n\
    for (var k = 0u; k < KNOTS; k++) {\n\
      sums[k] += angle;\n\
      angle = next_angle(angle, step);\n\
    }\n\
  }\n\
  let start = (part * params.views + view) * 2u * KNOTS * params.cols + column;\n\
  //#unroll\n\
  for (var k = 0u; k < KNOTS; k++) {\n\
    parts[start + k * params.cols] = sums[k].x;\n\
    parts[start + (KNOTS + k) * params.cols] = sums[k].y;\n\
  }\n\
}\n\
",
};

/**
 * The Epps-Pulley statistic of each column in each of `views` runs of `rows` rows: with C_k and S_k the means of the cosines and
 * sines at knot t_k, rows sum_k w_k ((C_k - exp(-t_k^2 / 2))^2 + S_k^2). `sums` [view, (k - 1, 15 + k), m] holds rows C_k and
 * rows S_k for k = 1..16. A thread a statistic.
 */
export const eppsPulley: KernelDefinition<"sums" | "statistics", "views" | "rows" | "cols", "LANES"> = {
  name: "eppsPulley",
  bindings: [{"name":"sums","access":"read","element":"f32"}, {"name":"statistics","access":"read_write","element":"f32"}],
  params: [{"name":"views","type":"u32","offset":0}, {"name":"rows","type":"u32","offset":4}, {"name":"cols","type":"u32","offset":8}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 } },
  unrolls: () => [],
  shapes: (v) => ({ sums: v["views"] * 32 * v["cols"], statistics: v["views"] * v["cols"] }),
  workgroups: (v) => Math.ceil(v["views"] * v["cols"] / v["LANES"]),
  flops: (v) => 160 * v["views"] * v["cols"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
const KNOTS = 16u;\n\
const SPACING = 0.1875;\n\
\n\
fn knot(k: u32) -> f32 {\n\
  return f32(k) * SPACING;\n\
}\n\
\n\
fn normal_at(k: u32) -> f32 {\n\
  let t = knot(k);\n\
  return exp(-0.5 * t * t);\n\
}\n\
\n\
fn knot_weight(k: u32) -> f32 {\n\
  return normal_at(k) * select(2.0 * SPACING, SPACING, k == KNOTS);\n\
}\n\
\n\
fn next_angle(at: vec2f, step: vec2f) -> vec2f {\n\
  return vec2f(at.x * step.x - at.y * step.y, at.y * step.x + at.x * step.y);\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
\n\
struct Params {\n\
  views: u32,\n\
  rows: u32,\n\
  cols: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> sums: array<f32>;\n\
@group(0) @binding(1) var<storage, read_write> statistics: array<f32>;\n\
@group(0) @binding(2) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let index = workgroup_index(group, grid) * LANES + local.x;\n\
  if (index >= params.views * params.cols) {\n\
    return;\n\
  }\n\
  let start = index / params.cols * 2u * KNOTS * params.cols + index % params.cols;\n\
  let rows = f32(params.rows);\n\
  var total = 0.0;\n\
  for (var k = 0u; k < KNOTS; k++) {\n\
    let real = sums[start + k * params.cols] / rows - normal_at(k + 1u);\n\
    let imaginary = sums[start + (KNOTS + k) * params.cols] / rows;\n\
    total += knot_weight(k + 1u) * (real * real + imaginary * imaginary);\n\
  }\n\
  statistics[index] = rows * total;\n\
}\n\
",
};

/**
 * Picks entries: y[i] = x[indices[i]], and 2^32 - 1, which is out of every range, where there is no such entry.
 */
export const gatherIndices: KernelDefinition<"x" | "indices" | "y", "elements" | "rows", "LANES"> = {
  name: "gatherIndices",
  bindings: [{"name":"x","access":"read","element":"u32"}, {"name":"indices","access":"read","element":"u32"}, {"name":"y","access":"read_write","element":"u32"}],
  params: [{"name":"elements","type":"u32","offset":0}, {"name":"rows","type":"u32","offset":4}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["rows"], indices: v["elements"], y: v["elements"] }),
  workgroups: (v) => Math.ceil(v["elements"] / v["LANES"]),
  flops: () => 0,
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
\n\
struct Params {\n\
  elements: u32,\n\
  rows: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<u32>;\n\
@group(0) @binding(1) var<storage, read> indices: array<u32>;\n\
@group(0) @binding(2) var<storage, read_write> y: array<u32>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let i = workgroup_index(group, grid) * LANES + local.x;\n\
  if (i >= params.elements) {\n\
    return;\n\
  }\n\
  let at = indices[i];\n\
  y[i] = select(0xffffffffu, x[at], at < params.rows);\n\
}\n\
",
};

/**
 * Picks rows: y[i, :] = x[indices[i], :], and NaN where there is no such row. `elements` is picked * cols.
 */
export const gatherRows: KernelDefinition<"x" | "indices" | "y", "elements" | "rows" | "cols", "LANES" | "POISON"> = {
  name: "gatherRows",
  bindings: [{"name":"x","access":"read","element":"f32"}, {"name":"indices","access":"read","element":"u32"}, {"name":"y","access":"read_write","element":"f32"}],
  params: [{"name":"elements","type":"u32","offset":0}, {"name":"rows","type":"u32","offset":4}, {"name":"cols","type":"u32","offset":8}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 }, POISON: { type: "bool", value: 1 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["rows"] * v["cols"], indices: v["elements"] / v["cols"], y: v["elements"] }),
  workgroups: (v) => Math.ceil(v["elements"] / v["LANES"]),
  flops: () => 0,
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
fn poisoned(value: f32, is_wrong: bool) -> f32 {\n\
  return bitcast<f32>(select(bitcast<u32>(value), 0x7fc00000u, is_wrong));\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
const POISON: bool = true;\n\
\n\
struct Params {\n\
  elements: u32,\n\
  rows: u32,\n\
  cols: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<f32>;\n\
@group(0) @binding(1) var<storage, read> indices: array<u32>;\n\
@group(0) @binding(2) var<storage, read_write> y: array<f32>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let i = workgroup_index(group, grid) * LANES + local.x;\n\
  if (i >= params.elements) {\n\
    return;\n\
  }\n\
  let row = indices[i / params.cols];\n\
  let value = x[row * params.cols + i % params.cols];\n\
  if (POISON) {\n\
    y[i] = poisoned(value, row >= params.rows);\n\
  } else {\n\
    y[i] = select(value, 0.0, row >= params.rows);\n\
  }\n\
}\n\
",
};

/**
 * One direction of a separable Gaussian blur of RGB images, KERNEL taps, reflected at the borders, with a standard deviation
 * for each image (0: the image is copied): y[n, p] = sum_t w[t] * x[n, p + t - KERNEL / 2] along rows, or columns with
 * VERTICAL, where w[t] is exp(-(t - KERNEL / 2)^2 / (2 sigma^2)) and the weights add up to 1. With SOLARIZE, views that ask for
 * it are solarized.
 */
export const gaussianBlur: KernelDefinition<"x" | "views" | "y", "images" | "height" | "width", "VIEW_FIELDS" | "LANES" | "KERNEL" | "VERTICAL" | "SOLARIZE"> = {
  name: "gaussianBlur",
  bindings: [{"name":"x","access":"read","element":"f32"}, {"name":"views","access":"read","element":"f32"}, {"name":"y","access":"read_write","element":"f32"}],
  params: [{"name":"images","type":"u32","offset":0}, {"name":"height","type":"u32","offset":4}, {"name":"width","type":"u32","offset":8}],
  paramsSize: 16,
  constants: { VIEW_FIELDS: { type: "u32", value: 22 }, LANES: { type: "u32", value: 64 }, KERNEL: { type: "u32", value: 3 }, VERTICAL: { type: "bool", value: 0 }, SOLARIZE: { type: "bool", value: 0 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["images"] * v["height"] * v["width"] * 3, views: v["images"] * v["VIEW_FIELDS"], y: v["images"] * v["height"] * v["width"] * 3 }),
  workgroups: (v) => Math.ceil(v["images"] * v["height"] * v["width"] * 3 / v["LANES"]),
  flops: (v) => 2 * v["KERNEL"] * v["images"] * v["height"] * v["width"] * 3,
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
const VIEW_FIELDS: u32 = 22u;\n\
const VIEW_TOP = 0u;\n\
const VIEW_LEFT = 1u;\n\
const VIEW_HEIGHT = 2u;\n\
const VIEW_WIDTH = 3u;\n\
const VIEW_FLIP = 4u;\n\
const VIEW_BRIGHTNESS = 5u;\n\
const VIEW_CONTRAST = 6u;\n\
const VIEW_SATURATION = 7u;\n\
const VIEW_HUE = 8u;\n\
const VIEW_ORDER = 9u;\n\
const VIEW_GRAYSCALE = 10u;\n\
const VIEW_SIGMA = 11u;\n\
const VIEW_CUTOUT_ROW = 12u;\n\
const VIEW_CUTOUT_COLUMN = 13u;\n\
const VIEW_CUTOUT_SIDE = 14u;\n\
const VIEW_SOBEL = 15u;\n\
const VIEW_NOISE = 16u;\n\
const VIEW_NOISE_SEED = 17u;\n\
const VIEW_TURNS = 19u;\n\
const VIEW_SOLARIZE = 20u;\n\
const VIEW_STRIDE = 21u;\n\
\n\
const LANES: u32 = 64u;\n\
const KERNEL: u32 = 3u;\n\
const VERTICAL: bool = false;\n\
const SOLARIZE: bool = false;\n\
\n\
struct Params {\n\
  images: u32,\n\
  height: u32,\n\
  width: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<f32>;\n\
@group(0) @binding(1) var<storage, read> views: array<f32>;\n\
@group(0) @binding(2) var<storage, read_write> y: array<f32>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
fn blur(i: u32, sigma: f32) -> f32 {\n\
  if (sigma <= 0.0) {\n\
    return x[i];\n\
  }\n\
  let size = params.height * params.width * 3u;\n\
  let step = select(3u, params.width * 3u, VERTICAL);\n\
  let length = i32(select(params.width, params.height, VERTICAL));\n\
  let here = i32(select(i / 3u % params.width, i % size / (params.width * 3u), VERTICAL));\n\
  let line = i - u32(here) * step;\n\
  let radius = i32(KERNEL / 2u);\n\
  var sum = 0.0;\n\
  var total = 0.0;\n\
  for (var t = -radius; t <= radius; t++) {\n\
    let weight = exp(-0.5 * f32(t * t) / (sigma * sigma));\n\
    let reflected = abs(here + t);\n\
    let place = select(reflected, 2 * (length - 1) - reflected, reflected >= length);\n\
    sum += weight * x[line + u32(place) * step];\n\
    total += weight;\n\
  }\n\
  return sum / total;\n\
}\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let i = workgroup_index(group, grid) * LANES + local.x;\n\
  let size = params.height * params.width * 3u;\n\
  if (i >= params.images * size) {\n\
    return;\n\
  }\n\
  let start = i / size * VIEW_FIELDS;\n\
  let blurred = blur(i, views[start + VIEW_SIGMA]);\n\
  let solarize = SOLARIZE && views[start + VIEW_SOLARIZE] > 0.0;\n\
  y[i] = select(blurred, min(blurred, 1.0 - blurred), solarize);\n\
}\n\
",
};

/**
 * Adds Gaussian noise, in place, to RGB images whose view asks for it: y = clamp(y + sigma * g, 0, 1), where sigma is the
 * view's and g is drawn for every channel of every pixel from the view's two seeds and the number of the pixel (Box and
 * Muller 1958; numbers from a counter). |g| is at most 5.8. With SOLARIZE, views that ask for it are solarized. One thread a
 * pixel.
 */
export const gaussianNoise: KernelDefinition<"views" | "y", "images" | "height" | "width", "VIEW_FIELDS" | "LANES" | "SOLARIZE"> = {
  name: "gaussianNoise",
  bindings: [{"name":"views","access":"read","element":"f32"}, {"name":"y","access":"read_write","element":"f32"}],
  params: [{"name":"images","type":"u32","offset":0}, {"name":"height","type":"u32","offset":4}, {"name":"width","type":"u32","offset":8}],
  paramsSize: 16,
  constants: { VIEW_FIELDS: { type: "u32", value: 22 }, LANES: { type: "u32", value: 64 }, SOLARIZE: { type: "bool", value: 0 } },
  unrolls: () => [],
  shapes: (v) => ({ views: v["images"] * v["VIEW_FIELDS"], y: v["images"] * v["height"] * v["width"] * 3 }),
  workgroups: (v) => Math.ceil(v["images"] * v["height"] * v["width"] / v["LANES"]),
  flops: (v) => 30 * v["images"] * v["height"] * v["width"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
fn random_words(counter: vec4u) -> vec4u {\n\
  var v = counter * 1664525u + 1013904223u;\n\
  v.x += v.y * v.w;\n\
  v.y += v.z * v.x;\n\
  v.z += v.x * v.y;\n\
  v.w += v.y * v.z;\n\
  v ^= v >> vec4u(16u);\n\
  v.x += v.y * v.w;\n\
  v.y += v.z * v.x;\n\
  v.z += v.x * v.y;\n\
  v.w += v.y * v.z;\n\
  return v;\n\
}\n\
\n\
fn random_uniform(counter: vec4u) -> vec4f {\n\
  return vec4f(random_words(counter) >> vec4u(8u)) * (1.0 / 16777216.0);\n\
}\n\
const VIEW_FIELDS: u32 = 22u;\n\
const VIEW_TOP = 0u;\n\
const VIEW_LEFT = 1u;\n\
const VIEW_HEIGHT = 2u;\n\
const VIEW_WIDTH = 3u;\n\
const VIEW_FLIP = 4u;\n\
const VIEW_BRIGHTNESS = 5u;\n\
const VIEW_CONTRAST = 6u;\n\
const VIEW_SATURATION = 7u;\n\
const VIEW_HUE = 8u;\n\
const VIEW_ORDER = 9u;\n\
const VIEW_GRAYSCALE = 10u;\n\
const VIEW_SIGMA = 11u;\n\
const VIEW_CUTOUT_ROW = 12u;\n\
const VIEW_CUTOUT_COLUMN = 13u;\n\
const VIEW_CUTOUT_SIDE = 14u;\n\
const VIEW_SOBEL = 15u;\n\
const VIEW_NOISE = 16u;\n\
const VIEW_NOISE_SEED = 17u;\n\
const VIEW_TURNS = 19u;\n\
const VIEW_SOLARIZE = 20u;\n\
const VIEW_STRIDE = 21u;\n\
\n\
const LANES: u32 = 64u;\n\
const SOLARIZE: bool = false;\n\
\n\
struct Params {\n\
  images: u32,\n\
  height: u32,\n\
  width: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> views: array<f32>;\n\
@group(0) @binding(1) var<storage, read_write> y: array<f32>;\n\
@group(0) @binding(2) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let i = workgroup_index(group, grid) * LANES + local.x;\n\
  let pixels = params.height * params.width;\n\
  if (i >= params.images * pixels) {\n\
    return;\n\
  }\n\
  let start = i / pixels * VIEW_FIELDS;\n\
  let sigma = views[start + VIEW_NOISE];\n\
  let solarize = SOLARIZE && views[start + VIEW_SOLARIZE] > 0.0;\n\
  if (sigma <= 0.0 && !solarize) {\n\
    return;\n\
  }\n\
  let seeds = vec2u(u32(views[start + VIEW_NOISE_SEED]), u32(views[start + VIEW_NOISE_SEED + 1u]));\n\
  let u = random_uniform(vec4u(seeds, 0u, i % pixels));\n\
  let radius = sqrt(max(-2.0 * log(1.0 - u.xy), vec2f()));\n\
  let angle = 6.2831855 * (u.zw - 0.5);\n\
  let g = vec3f(radius.x * cos(angle.x), radius.x * sin(angle.x), radius.y * cos(angle.y));\n\
  for (var c = 0u; c < 3u; c++) {\n\
    let noisy = clamp(y[3u * i + c] + sigma * g[c], 0.0, 1.0);\n\
    y[3u * i + c] = select(noisy, min(noisy, 1.0 - noisy), solarize);\n\
  }\n\
}\n\
",
};

/**
 * Gradient of the average over a map: dx[n, p, channel] = dy[n, channel] / pixels.
 */
export const globalAveragePoolGradient: KernelDefinition<"dy" | "dx", "elements" | "pixels" | "channels", "HALF" | "LANES" | "ELEMENTS"> = {
  name: "globalAveragePoolGradient",
  bindings: [{"name":"dy","access":"read","element":"f32"}, {"name":"dx","access":"read_write","element":"stored"}],
  params: [{"name":"elements","type":"u32","offset":0}, {"name":"pixels","type":"u32","offset":4}, {"name":"channels","type":"u32","offset":8}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 64 }, ELEMENTS: { type: "u32", value: 8 } },
  unrolls: () => [],
  shapes: (v) => ({ dy: v["elements"] / v["pixels"], dx: v["elements"] }),
  workgroups: (v) => Math.ceil(v["elements"] / (v["LANES"] * v["ELEMENTS"])),
  flops: (v) => v["elements"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
\n\
const LANES: u32 = 64u;\n\
const ELEMENTS: u32 = 8u;\n\
\n\
struct Params {\n\
  elements: u32,\n\
  pixels: u32,\n\
  channels: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> dy: array<f32>;\n\
@group(0) @binding(1) var<storage, read_write> dx: array<Stored>;\n\
@group(0) @binding(2) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let first = workgroup_index(group, grid) * LANES * ELEMENTS;\n\
  let end = min(first + LANES * ELEMENTS, params.elements);\n\
  for (var i = first + local.x; i < end; i += LANES) {\n\
    let channel = i % params.channels;\n\
    let image = i / params.channels / params.pixels;\n\
    dx[i] = Stored(dy[image * params.channels + channel] / f32(params.pixels));\n\
  }\n\
}\n\
",
};

/**
 * Average over each map: y[n, channel] = sum_p x[n, p, channel] / pixels. `elements` counts the outputs.
 */
export const globalAveragePool: KernelDefinition<"x" | "y", "elements" | "pixels" | "channels", "HALF" | "LANES"> = {
  name: "globalAveragePool",
  bindings: [{"name":"x","access":"read","element":"stored"}, {"name":"y","access":"read_write","element":"f32"}],
  params: [{"name":"elements","type":"u32","offset":0}, {"name":"pixels","type":"u32","offset":4}, {"name":"channels","type":"u32","offset":8}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 64 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["elements"] * v["pixels"], y: v["elements"] }),
  workgroups: (v) => Math.ceil(v["elements"] / v["LANES"]),
  flops: (v) => v["elements"] * v["pixels"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
\n\
const LANES: u32 = 64u;\n\
\n\
struct Params {\n\
  elements: u32,\n\
  pixels: u32,\n\
  channels: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<Stored>;\n\
@group(0) @binding(1) var<storage, read_write> y: array<f32>;\n\
@group(0) @binding(2) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let i = workgroup_index(group, grid) * LANES + local.x;\n\
  if (i >= params.elements) {\n\
    return;\n\
  }\n\
  let channel = i % params.channels;\n\
  let start = i / params.channels * params.pixels * params.channels + channel;\n\
  var sum = 0.0;\n\
  for (var p = 0u; p < params.pixels; p++) {\n\
    sum += f32(x[start + p * params.channels]);\n\
  }\n\
  y[i] = sum / f32(params.pixels);\n\
}\n\
",
};

/**
 * Second pass of the statistics of group norm: puts the runs and the channels of each group of an image together (Chan, Golub
 * and LeVeque 1979). `statistics` holds [image, channel] means, then as many 1 / sqrt(variance + EPSILON), with the biased
 * variance: every channel has the values of its group, so that the passes over the map need not know the groups.
 * One thread a group of an image.
 */
export const groupNormCombine: KernelDefinition<"parts" | "statistics", "batch" | "pixels" | "channels" | "groups", "LANES" | "ROWS" | "EPSILON"> = {
  name: "groupNormCombine",
  bindings: [{"name":"parts","access":"read","element":"f32"}, {"name":"statistics","access":"read_write","element":"f32"}],
  params: [{"name":"batch","type":"u32","offset":0}, {"name":"pixels","type":"u32","offset":4}, {"name":"channels","type":"u32","offset":8}, {"name":"groups","type":"u32","offset":12}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 }, ROWS: { type: "u32", value: 64 }, EPSILON: { type: "f32", value: 0.00001 } },
  unrolls: () => [],
  shapes: (v) => ({ parts: 2 * v["batch"] * Math.ceil(v["pixels"] / v["ROWS"]) * v["channels"], statistics: 2 * v["batch"] * v["channels"] }),
  workgroups: (v) => Math.ceil(v["batch"] * v["groups"] / v["LANES"]),
  flops: (v) => 8 * v["batch"] * Math.ceil(v["pixels"] / v["ROWS"]) * v["channels"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
const ROWS: u32 = 64u;\n\
const EPSILON: f32 = 0.00001;\n\
\n\
struct Params {\n\
  batch: u32,\n\
  pixels: u32,\n\
  channels: u32,\n\
  groups: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> parts: array<f32>;\n\
@group(0) @binding(1) var<storage, read_write> statistics: array<f32>;\n\
@group(0) @binding(2) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let i = workgroup_index(group, grid) * LANES + local.x;\n\
  if (i >= params.batch * params.groups) {\n\
    return;\n\
  }\n\
  let image = i / params.groups;\n\
  let width = params.channels / params.groups;\n\
  let first = i % params.groups * width;\n\
  let runs = (params.pixels + ROWS - 1u) / ROWS;\n\
  let squares_at = params.batch * runs * params.channels;\n\
  var count = 0.0;\n\
  var mean = 0.0;\n\
  var squares = 0.0;\n\
  for (var run = 0u; run < runs; run++) {\n\
    let more = f32(min(params.pixels - run * ROWS, ROWS));\n\
    let part = (image * runs + run) * params.channels + first;\n\
    for (var c = 0u; c < width; c++) {\n\
      let difference = parts[part + c] - mean;\n\
      let total = count + more;\n\
      mean += difference * (more / total);\n\
      squares += parts[squares_at + part + c] + difference * difference * (count * more / total);\n\
      count = total;\n\
    }\n\
  }\n\
  let inverse = inverseSqrt(squares / count + EPSILON);\n\
  for (var c = 0u; c < width; c++) {\n\
    let place = image * params.channels + first + c;\n\
    statistics[place] = mean;\n\
    statistics[params.batch * params.channels + place] = inverse;\n\
  }\n\
}\n\
",
};

/**
 * Second pass of the gradient of group norm: adds up the runs of each image, in their order, and takes the means over each group
 * that the gradient of x needs. `sums` holds [image, channel] sums of g * normalised x, then as many of g: dgamma and dbeta are
 * those of all images (batch-norm-gradient-combine). `means` holds, for every channel of a group, the group's mean of
 * gamma * g * normalised x, then of gamma * g. One thread a group of an image.
 */
export const groupNormGradientCombine: KernelDefinition<"parts" | "gamma" | "sums" | "means", "batch" | "pixels" | "channels" | "groups" | "runs", "LANES"> = {
  name: "groupNormGradientCombine",
  bindings: [{"name":"parts","access":"read","element":"f32"}, {"name":"gamma","access":"read","element":"f32"}, {"name":"sums","access":"read_write","element":"f32"}, {"name":"means","access":"read_write","element":"f32"}],
  params: [{"name":"batch","type":"u32","offset":0}, {"name":"pixels","type":"u32","offset":4}, {"name":"channels","type":"u32","offset":8}, {"name":"groups","type":"u32","offset":12}, {"name":"runs","type":"u32","offset":16}],
  paramsSize: 32,
  constants: { LANES: { type: "u32", value: 64 } },
  unrolls: () => [],
  shapes: (v) => ({ parts: 2 * v["batch"] * v["runs"] * v["channels"], gamma: v["channels"], sums: 2 * v["batch"] * v["channels"], means: 2 * v["batch"] * v["channels"] }),
  workgroups: (v) => Math.ceil(v["batch"] * v["groups"] / v["LANES"]),
  flops: (v) => 2 * v["batch"] * (v["runs"] + 2) * v["channels"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
\n\
struct Params {\n\
  batch: u32,\n\
  pixels: u32,\n\
  channels: u32,\n\
  groups: u32,\n\
  runs: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> parts: array<f32>;\n\
@group(0) @binding(1) var<storage, read> gamma: array<f32>;\n\
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;\n\
@group(0) @binding(3) var<storage, read_write> means: array<f32>;\n\
@group(0) @binding(4) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let i = workgroup_index(group, grid) * LANES + local.x;\n\
  if (i >= params.batch * params.groups) {\n\
    return;\n\
  }\n\
  let image = i / params.groups;\n\
  let width = params.channels / params.groups;\n\
  let first = i % params.groups * width;\n\
  let half = params.batch * params.channels;\n\
  var normalized_total = 0.0;\n\
  var total = 0.0;\n\
  for (var c = first; c < first + width; c++) {\n\
    var normalized_sum = 0.0;\n\
    var sum = 0.0;\n\
    for (var run = 0u; run < params.runs; run++) {\n\
      let part = (image * params.runs + run) * params.channels + c;\n\
      normalized_sum += parts[part];\n\
      sum += parts[half * params.runs + part];\n\
    }\n\
    sums[image * params.channels + c] = normalized_sum;\n\
    sums[half + image * params.channels + c] = sum;\n\
    normalized_total = fma(gamma[c], normalized_sum, normalized_total);\n\
    total = fma(gamma[c], sum, total);\n\
  }\n\
  let count = f32(params.pixels * width);\n\
  for (var c = first; c < first + width; c++) {\n\
    means[image * params.channels + c] = normalized_total / count;\n\
    means[half + image * params.channels + c] = total / count;\n\
  }\n\
}\n\
",
};

/**
 * First pass of the gradient of group norm: over each run of ROWS pixels of an image, sum of g * normalised x and of g, where
 * g = dy, or with RELU, dy where the output was above 0. The normalised x and the output are computed again: cheaper than
 * reading them. `parts` holds [run, channel] sums of g * normalised x, then as many of g.
 */
export const groupNormGradientSums: KernelDefinition<"x" | "dy" | "statistics" | "gamma" | "beta" | "parts", "batch" | "pixels" | "channels", "LANES" | "VECTOR" | "ROWS" | "RELU"> = {
  name: "groupNormGradientSums",
  bindings: [{"name":"x","access":"read","element":"f32"}, {"name":"dy","access":"read","element":"f32"}, {"name":"statistics","access":"read","element":"f32"}, {"name":"gamma","access":"read","element":"f32"}, {"name":"beta","access":"read","element":"f32"}, {"name":"parts","access":"read_write","element":"f32"}],
  params: [{"name":"batch","type":"u32","offset":0}, {"name":"pixels","type":"u32","offset":4}, {"name":"channels","type":"u32","offset":8}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 }, VECTOR: { type: "u32", value: 1 }, ROWS: { type: "u32", value: 64 }, RELU: { type: "bool", value: 0 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["batch"] * v["pixels"] * v["channels"], dy: v["batch"] * v["pixels"] * v["channels"], statistics: 2 * v["batch"] * v["channels"], gamma: v["channels"], beta: v["channels"], parts: 2 * v["batch"] * Math.ceil(v["pixels"] / v["ROWS"]) * v["channels"] }),
  workgroups: (v) => v["batch"] * Math.ceil(v["pixels"] / v["ROWS"]) * Math.ceil(v["channels"] / (v["LANES"] * v["VECTOR"])),
  flops: (v) => 6 * v["batch"] * v["pixels"] * v["channels"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
struct ImageTile {\n\
  channel: u32,\n\
  image: u32,\n\
  run: u32,\n\
  begin: u32,\n\
  end: u32,\n\
}\n\
\n\
fn image_tile(index: u32, lane: u32, lanes: u32, pixels: u32, channels: u32, rows_per_run: u32) -> ImageTile {\n\
  let blocks = (channels + lanes - 1u) / lanes;\n\
  let runs = (pixels + rows_per_run - 1u) / rows_per_run;\n\
  let run = index / blocks;\n\
  let image = run / runs;\n\
  let first = run % runs * rows_per_run;\n\
  return ImageTile(\n\
    index % blocks * lanes + lane,\n\
    image,\n\
    run,\n\
    image * pixels + first,\n\
    image * pixels + min(pixels, first + rows_per_run),\n\
  );\n\
}\n\
alias Element = f32; //#vec4 alias Element = vec4f;\n\
\n\
const LANES: u32 = 64u;\n\
const VECTOR: u32 = 1u;\n\
const ROWS: u32 = 64u;\n\
const RELU: bool = false;\n\
\n\
struct Params {\n\
  batch: u32,\n\
  pixels: u32,\n\
  channels: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<Element>;\n\
@group(0) @binding(1) var<storage, read> dy: array<Element>;\n\
@group(0) @binding(2) var<storage, read> statistics: array<Element>;\n\
@group(0) @binding(3) var<storage, read> gamma: array<Element>;\n\
@group(0) @binding(4) var<storage, read> beta: array<Element>;\n\
@group(0) @binding(5) var<storage, read_write> parts: array<Element>;\n\
@group(0) @binding(6) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let channels = params.channels / VECTOR;\n\
  let tile = image_tile(workgroup_index(group, grid), local.x, LANES, params.pixels, channels, ROWS);\n\
  if (tile.image >= params.batch || tile.channel >= channels) {\n\
    return;\n\
  }\n\
  let place = tile.image * channels + tile.channel;\n\
  let mean = statistics[place];\n\
  let inverse = statistics[params.batch * channels + place];\n\
  let scale = gamma[tile.channel] * inverse;\n\
  let shift = beta[tile.channel];\n\
  var normalized_sum = Element();\n\
  var sum = Element();\n\
  for (var row = tile.begin; row < tile.end; row++) {\n\
    let i = row * channels + tile.channel;\n\
    let centered = x[i] - mean;\n\
    var g = dy[i];\n\
    if (RELU) {\n\
      g = select(g, Element(), fma(centered, scale, shift) <= Element());\n\
    }\n\
    normalized_sum = fma(g, centered * inverse, normalized_sum);\n\
    sum += g;\n\
  }\n\
  let runs = (params.pixels + ROWS - 1u) / ROWS;\n\
  parts[tile.run * channels + tile.channel] = normalized_sum;\n\
  parts[(params.batch * runs + tile.run) * channels + tile.channel] = sum;\n\
}\n\
",
};

/**
 * Third pass of the gradient of group norm: with g = dy, or with RELU, dy where the output (computed again) was above 0,
 * dx = (gamma * g - mean(gamma * g) - normalised x * mean(gamma * g * normalised x)) / sqrt(variance + EPSILON), where the means
 * are those of the image and the channel's group. `means` holds, for every channel, its group's mean of
 * gamma * g * normalised x, then as many of gamma * g.
 */
export const groupNormGradient: KernelDefinition<"x" | "dy" | "statistics" | "gamma" | "beta" | "means" | "dx", "batch" | "pixels" | "channels", "LANES" | "VECTOR" | "ROWS" | "RELU"> = {
  name: "groupNormGradient",
  bindings: [{"name":"x","access":"read","element":"f32"}, {"name":"dy","access":"read","element":"f32"}, {"name":"statistics","access":"read","element":"f32"}, {"name":"gamma","access":"read","element":"f32"}, {"name":"beta","access":"read","element":"f32"}, {"name":"means","access":"read","element":"f32"}, {"name":"dx","access":"read_write","element":"f32"}],
  params: [{"name":"batch","type":"u32","offset":0}, {"name":"pixels","type":"u32","offset":4}, {"name":"channels","type":"u32","offset":8}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 }, VECTOR: { type: "u32", value: 1 }, ROWS: { type: "u32", value: 8 }, RELU: { type: "bool", value: 0 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["batch"] * v["pixels"] * v["channels"], dy: v["batch"] * v["pixels"] * v["channels"], statistics: 2 * v["batch"] * v["channels"], gamma: v["channels"], beta: v["channels"], means: 2 * v["batch"] * v["channels"], dx: v["batch"] * v["pixels"] * v["channels"] }),
  workgroups: (v) => v["batch"] * Math.ceil(v["pixels"] / v["ROWS"]) * Math.ceil(v["channels"] / (v["LANES"] * v["VECTOR"])),
  flops: (v) => 7 * v["batch"] * v["pixels"] * v["channels"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
struct ImageTile {\n\
  channel: u32,\n\
  image: u32,\n\
  run: u32,\n\
  begin: u32,\n\
  end: u32,\n\
}\n\
\n\
fn image_tile(index: u32, lane: u32, lanes: u32, pixels: u32, channels: u32, rows_per_run: u32) -> ImageTile {\n\
  let blocks = (channels + lanes - 1u) / lanes;\n\
  let runs = (pixels + rows_per_run - 1u) / rows_per_run;\n\
  let run = index / blocks;\n\
  let image = run / runs;\n\
  let first = run % runs * rows_per_run;\n\
  return ImageTile(\n\
    index % blocks * lanes + lane,\n\
    image,\n\
    run,\n\
    image * pixels + first,\n\
    image * pixels + min(pixels, first + rows_per_run),\n\
  );\n\
}\n\
alias Element = f32; //#vec4 alias Element = vec4f;\n\
\n\
const LANES: u32 = 64u;\n\
const VECTOR: u32 = 1u;\n\
const ROWS: u32 = 8u;\n\
const RELU: bool = false;\n\
\n\
struct Params {\n\
  batch: u32,\n\
  pixels: u32,\n\
  channels: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<Element>;\n\
@group(0) @binding(1) var<storage, read> dy: array<Element>;\n\
@group(0) @binding(2) var<storage, read> statistics: array<Element>;\n\
@group(0) @binding(3) var<storage, read> gamma: array<Element>;\n\
@group(0) @binding(4) var<storage, read> beta: array<Element>;\n\
@group(0) @binding(5) var<storage, read> means: array<Element>;\n\
@group(0) @binding(6) var<storage, read_write> dx: array<Element>;\n\
@group(0) @binding(7) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let channels = params.channels / VECTOR;\n\
  let tile = image_tile(workgroup_index(group, grid), local.x, LANES, params.pixels, channels, ROWS);\n\
  if (tile.image >= params.batch || tile.channel >= channels) {\n\
    return;\n\
  }\n\
  let half = params.batch * channels;\n\
  let place = tile.image * channels + tile.channel;\n\
  let mean = statistics[place];\n\
  let inverse = statistics[half + place];\n\
  let scale = gamma[tile.channel] * inverse;\n\
  let shift = beta[tile.channel];\n\
  let slope = inverse * inverse * means[place];\n\
  let offset = inverse * means[half + place];\n\
  for (var row = tile.begin; row < tile.end; row++) {\n\
    let i = row * channels + tile.channel;\n\
    let centered = x[i] - mean;\n\
    var g = dy[i];\n\
    if (RELU) {\n\
      g = select(g, Element(), fma(centered, scale, shift) <= Element());\n\
    }\n\
    dx[i] = scale * g - offset - centered * slope;\n\
  }\n\
}\n\
",
};

/**
 * First pass of the statistics of group norm: mean and sum of squared differences from it, of each run of ROWS pixels of an
 * image and each channel, in blocks that are put together as in batch-norm-statistics. `parts` holds [run, channel] means, then
 * as many sums of squares.
 */
export const groupNormStatistics: KernelDefinition<"x" | "parts", "batch" | "pixels" | "channels", "LANES" | "VECTOR" | "ROWS"> = {
  name: "groupNormStatistics",
  bindings: [{"name":"x","access":"read","element":"f32"}, {"name":"parts","access":"read_write","element":"f32"}],
  params: [{"name":"batch","type":"u32","offset":0}, {"name":"pixels","type":"u32","offset":4}, {"name":"channels","type":"u32","offset":8}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 }, VECTOR: { type: "u32", value: 1 }, ROWS: { type: "u32", value: 64 } },
  unrolls: () => [8, 8],
  shapes: (v) => ({ x: v["batch"] * v["pixels"] * v["channels"], parts: 2 * v["batch"] * Math.ceil(v["pixels"] / v["ROWS"]) * v["channels"] }),
  workgroups: (v) => v["batch"] * Math.ceil(v["pixels"] / v["ROWS"]) * Math.ceil(v["channels"] / (v["LANES"] * v["VECTOR"])),
  flops: (v) => 5 * v["batch"] * v["pixels"] * v["channels"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
struct ImageTile {\n\
  channel: u32,\n\
  image: u32,\n\
  run: u32,\n\
  begin: u32,\n\
  end: u32,\n\
}\n\
\n\
fn image_tile(index: u32, lane: u32, lanes: u32, pixels: u32, channels: u32, rows_per_run: u32) -> ImageTile {\n\
  let blocks = (channels + lanes - 1u) / lanes;\n\
  let runs = (pixels + rows_per_run - 1u) / rows_per_run;\n\
  let run = index / blocks;\n\
  let image = run / runs;\n\
  let first = run % runs * rows_per_run;\n\
  return ImageTile(\n\
    index % blocks * lanes + lane,\n\
    image,\n\
    run,\n\
    image * pixels + first,\n\
    image * pixels + min(pixels, first + rows_per_run),\n\
  );\n\
}\n\
alias Element = f32; //#vec4 alias Element = vec4f;\n\
\n\
const LANES: u32 = 64u;\n\
const VECTOR: u32 = 1u;\n\
const ROWS: u32 = 64u;\n\
const BLOCK = 8u;\n\
\n\
struct Params {\n\
  batch: u32,\n\
  pixels: u32,\n\
  channels: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<Element>;\n\
@group(0) @binding(1) var<storage, read_write> parts: array<Element>;\n\
@group(0) @binding(2) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let channels = params.channels / VECTOR;\n\
  let tile = image_tile(workgroup_index(group, grid), local.x, LANES, params.pixels, channels, ROWS);\n\
  if (tile.image >= params.batch || tile.channel >= channels) {\n\
    return;\n\
  }\n\
  var count = 0.0;\n\
  var mean = Element();\n\
  var squares = Element();\n\
  for (var row = tile.begin; row < tile.end; row += BLOCK) {\n\
    var values: array<Element, BLOCK>;\n\
    var sum = Element();\n\
    //#unroll\n\
    for (var r = 0u; r < BLOCK; r++) {\n\
      values[r] = x[min(row + r, tile.end - 1u) * channels + tile.channel];\n\
      sum += select(Element(), values[r], row + r < tile.end);\n\
    }\n\
    let more = f32(min(BLOCK, tile.end - row));\n\
    let block_mean = sum / more;\n\
    //#unroll\n\
    for (var r = 0u; r < BLOCK; r++) {\n\
      let difference = select(Element(), values[r] - block_mean, row + r < tile.end);\n\
      squares = fma(difference, difference, squares);\n\
    }\n\
    let total = count + more;\n\
    let step = block_mean - mean;\n\
    mean += step * (more / total);\n\
    squares += step * step * (count * more / total);\n\
    count = total;\n\
  }\n\
  let runs = (params.pixels + ROWS - 1u) / ROWS;\n\
  parts[tile.run * channels + tile.channel] = mean;\n\
  parts[(params.batch * runs + tile.run) * channels + tile.channel] = squares;\n\
}\n\
",
};

/**
 * Group norm (Wu and He 2018), with what follows it in a residual net:
 * y = (x - mean) / sqrt(variance + EPSILON) * gamma + beta, then + residual with RESIDUAL, then max(., 0) with RELU, where mean
 * and variance are those of the image and the channel's group. `statistics` holds [image, channel] means, then as many
 * 1 / sqrt(variance + EPSILON). Without RESIDUAL, `residual` is not read (bind x).
 */
export const groupNorm: KernelDefinition<"x" | "statistics" | "gamma" | "beta" | "residual" | "y", "batch" | "pixels" | "channels", "LANES" | "VECTOR" | "ROWS" | "RESIDUAL" | "RELU"> = {
  name: "groupNorm",
  bindings: [{"name":"x","access":"read","element":"f32"}, {"name":"statistics","access":"read","element":"f32"}, {"name":"gamma","access":"read","element":"f32"}, {"name":"beta","access":"read","element":"f32"}, {"name":"residual","access":"read","element":"f32"}, {"name":"y","access":"read_write","element":"f32"}],
  params: [{"name":"batch","type":"u32","offset":0}, {"name":"pixels","type":"u32","offset":4}, {"name":"channels","type":"u32","offset":8}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 }, VECTOR: { type: "u32", value: 1 }, ROWS: { type: "u32", value: 8 }, RESIDUAL: { type: "bool", value: 0 }, RELU: { type: "bool", value: 0 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["batch"] * v["pixels"] * v["channels"], statistics: 2 * v["batch"] * v["channels"], gamma: v["channels"], beta: v["channels"], residual: v["batch"] * v["pixels"] * v["channels"], y: v["batch"] * v["pixels"] * v["channels"] }),
  workgroups: (v) => v["batch"] * Math.ceil(v["pixels"] / v["ROWS"]) * Math.ceil(v["channels"] / (v["LANES"] * v["VECTOR"])),
  flops: (v) => 4 * v["batch"] * v["pixels"] * v["channels"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
struct ImageTile {\n\
  channel: u32,\n\
  image: u32,\n\
  run: u32,\n\
  begin: u32,\n\
  end: u32,\n\
}\n\
\n\
fn image_tile(index: u32, lane: u32, lanes: u32, pixels: u32, channels: u32, rows_per_run: u32) -> ImageTile {\n\
  let blocks = (channels + lanes - 1u) / lanes;\n\
  let runs = (pixels + rows_per_run - 1u) / rows_per_run;\n\
  let run = index / blocks;\n\
  let image = run / runs;\n\
  let first = run % runs * rows_per_run;\n\
  return ImageTile(\n\
    index % blocks * lanes + lane,\n\
    image,\n\
    run,\n\
    image * pixels + first,\n\
    image * pixels + min(pixels, first + rows_per_run),\n\
  );\n\
}\n\
alias Element = f32; //#vec4 alias Element = vec4f;\n\
\n\
const LANES: u32 = 64u;\n\
const VECTOR: u32 = 1u;\n\
const ROWS: u32 = 8u;\n\
const RESIDUAL: bool = false;\n\
const RELU: bool = false;\n\
\n\
struct Params {\n\
  batch: u32,\n\
  pixels: u32,\n\
  channels: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<Element>;\n\
@group(0) @binding(1) var<storage, read> statistics: array<Element>;\n\
@group(0) @binding(2) var<storage, read> gamma: array<Element>;\n\
@group(0) @binding(3) var<storage, read> beta: array<Element>;\n\
@group(0) @binding(4) var<storage, read> residual: array<Element>;\n\
@group(0) @binding(5) var<storage, read_write> y: array<Element>;\n\
@group(0) @binding(6) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let channels = params.channels / VECTOR;\n\
  let tile = image_tile(workgroup_index(group, grid), local.x, LANES, params.pixels, channels, ROWS);\n\
  if (tile.image >= params.batch || tile.channel >= channels) {\n\
    return;\n\
  }\n\
  let place = tile.image * channels + tile.channel;\n\
  let mean = statistics[place];\n\
  let scale = gamma[tile.channel] * statistics[params.batch * channels + place];\n\
  let shift = beta[tile.channel];\n\
  for (var row = tile.begin; row < tile.end; row++) {\n\
    let i = row * channels + tile.channel;\n\
    var value = fma(x[i] - mean, scale, shift);\n\
    if (RESIDUAL) {\n\
      value += residual[i];\n\
    }\n\
    y[i] = select(value, max(value, Element()), RELU);\n\
  }\n\
}\n\
",
};

/**
 * Gradient of a 2-D convolution in groups of channels (grouped-conv2d) with respect to its weights, as partial sums over `splits`
 * of the output rows:
 * parts[s, ky, kx, c, o] = sum over the output rows (n, oy) of split s, and ox, of
 * x[n, iy, ix, o / OUT_GROUP * IN_GROUP + c] * dy[n, oy, ox, o], where iy = oy * STRIDE_Y + ky * DILATION_Y - PADDING_Y and
 * ix = ox * STRIDE_X + kx * DILATION_X - PADDING_X. sum-splits adds the parts up.
 */
export const groupedConv2dWeightGradient: KernelDefinition<"x" | "dy" | "parts", "batch" | "splits", "HALF" | "LANES" | "PIXELS" | "VECTOR" | "STRIDE_Y" | "STRIDE_X" | "PADDING_Y" | "PADDING_X" | "DILATION_Y" | "DILATION_X" | "KERNEL_HEIGHT" | "KERNEL_WIDTH" | "CHANNEL_GROUPS" | "IN_HEIGHT" | "IN_WIDTH" | "IN_CHANNELS" | "OUT_HEIGHT" | "OUT_WIDTH" | "OUT_CHANNELS"> = {
  name: "groupedConv2dWeightGradient",
  bindings: [{"name":"x","access":"read","element":"stored"}, {"name":"dy","access":"read","element":"stored"}, {"name":"parts","access":"read_write","element":"f32"}],
  params: [{"name":"batch","type":"u32","offset":0}, {"name":"splits","type":"u32","offset":4}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 64 }, PIXELS: { type: "u32", value: 4 }, VECTOR: { type: "u32", value: 1 }, STRIDE_Y: { type: "u32", value: 1 }, STRIDE_X: { type: "u32", value: 1 }, PADDING_Y: { type: "u32", value: 1 }, PADDING_X: { type: "u32", value: 1 }, DILATION_Y: { type: "u32", value: 1 }, DILATION_X: { type: "u32", value: 1 }, KERNEL_HEIGHT: { type: "u32", value: 3 }, KERNEL_WIDTH: { type: "u32", value: 3 }, CHANNEL_GROUPS: { type: "u32", value: 8 }, IN_HEIGHT: { type: "u32", value: 8 }, IN_WIDTH: { type: "u32", value: 8 }, IN_CHANNELS: { type: "u32", value: 8 }, OUT_HEIGHT: { type: "u32", value: 8 }, OUT_WIDTH: { type: "u32", value: 8 }, OUT_CHANNELS: { type: "u32", value: 8 } },
  unrolls: (v) => [v["PIXELS"], (v["PIXELS"] - 1) * v["STRIDE_X"] + v["KERNEL_WIDTH"], v["KERNEL_WIDTH"], Math.min(v["VECTOR"], Math.floor(v["IN_CHANNELS"] / v["CHANNEL_GROUPS"])), v["PIXELS"], v["KERNEL_WIDTH"], Math.min(v["VECTOR"], Math.floor(v["IN_CHANNELS"] / v["CHANNEL_GROUPS"]))],
  shapes: (v) => ({ x: v["batch"] * v["IN_HEIGHT"] * v["IN_WIDTH"] * v["IN_CHANNELS"], dy: v["batch"] * v["OUT_HEIGHT"] * v["OUT_WIDTH"] * v["OUT_CHANNELS"], parts: v["splits"] * v["KERNEL_HEIGHT"] * v["KERNEL_WIDTH"] * v["IN_CHANNELS"] * v["OUT_CHANNELS"] / v["CHANNEL_GROUPS"] }),
  workgroups: (v) => Math.ceil(v["splits"] * v["KERNEL_HEIGHT"] * v["IN_CHANNELS"] / v["CHANNEL_GROUPS"] / Math.min(v["VECTOR"], v["IN_CHANNELS"] / v["CHANNEL_GROUPS"]) * v["OUT_CHANNELS"] / v["VECTOR"] / v["LANES"]),
  flops: (v) => 2 * v["batch"] * v["KERNEL_HEIGHT"] * v["KERNEL_WIDTH"] * v["IN_CHANNELS"] * v["OUT_CHANNELS"] / v["CHANNEL_GROUPS"] * v["OUT_HEIGHT"] * v["OUT_WIDTH"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
alias Element = f32; //#vec4 alias Element = vec4f;\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
\n\
const LANES: u32 = 64u;\n\
const PIXELS: u32 = 4u;\n\
const VECTOR: u32 = 1u;\n\
const STRIDE_Y: u32 = 1u;\n\
const STRIDE_X: u32 = 1u;\n\
const PADDING_Y: u32 = 1u;\n\
const PADDING_X: u32 = 1u;\n\
const DILATION_Y: u32 = 1u;\n\
const DILATION_X: u32 = 1u;\n\
const KERNEL_HEIGHT: u32 = 3u;\n\
const KERNEL_WIDTH: u32 = 3u;\n\
const CHANNEL_GROUPS: u32 = 8u;\n\
const IN_HEIGHT: u32 = 8u;\n\
const IN_WIDTH: u32 = 8u;\n\
const IN_CHANNELS: u32 = 8u;\n\
const OUT_HEIGHT: u32 = 8u;\n\
const OUT_WIDTH: u32 = 8u;\n\
const OUT_CHANNELS: u32 = 8u;\n\
\n\
const IN_GROUP = IN_CHANNELS / CHANNEL_GROUPS;\n\
const OUT_GROUP = OUT_CHANNELS / CHANNEL_GROUPS;\n\
const PLACES = (PIXELS - 1u) * STRIDE_X + KERNEL_WIDTH;\n\
const OWN = min(VECTOR, IN_GROUP);\n\
const DEPTHWISE = IN_GROUP * OUT_GROUP == 1u;\n\
\n\
struct Params {\n\
  batch: u32,\n\
  splits: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<StoredElement>;\n\
@group(0) @binding(1) var<storage, read> dy: array<StoredElement>;\n\
@group(0) @binding(2) var<storage, read_write> parts: array<Element>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
fn given(loaded: Element, i: u32) -> Element {\n\
  return loaded; //#vec4 return select(vec4f(loaded[i]), loaded, DEPTHWISE);\n\
}\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let vectors = OUT_CHANNELS / VECTOR;\n\
  let thread = workgroup_index(group, grid) * LANES + local.x;\n\
  let channel = thread % vectors * VECTOR;\n\
  let row = thread / vectors;\n\
  let c = row % (IN_GROUP / OWN) * OWN;\n\
  let ky = row / (IN_GROUP / OWN) % KERNEL_HEIGHT;\n\
  let split = row / (IN_GROUP / OWN) / KERNEL_HEIGHT;\n\
  if (split >= params.splits) {\n\
    return;\n\
  }\n\
  let source = channel / OUT_GROUP * IN_GROUP + c;\n\
\n\
  let lines = params.batch * OUT_HEIGHT;\n\
  let lines_per_split = (lines + params.splits - 1u) / params.splits;\n\
  let line_end = min(lines, (split + 1u) * lines_per_split);\n\
  var sums: array<array<Element, OWN>, KERNEL_WIDTH>;\n\
  for (var line = split * lines_per_split; line < line_end; line++) {\n\
    let iy = line % OUT_HEIGHT * STRIDE_Y + ky * DILATION_Y - PADDING_Y;\n\
    if (iy >= IN_HEIGHT) {\n\
      continue;\n\
    }\n\
    let line_start = (line / OUT_HEIGHT * IN_HEIGHT + iy) * IN_WIDTH;\n\
    for (var ox = 0u; ox < OUT_WIDTH; ox += PIXELS) {\n\
      var gradients: array<Element, PIXELS>;\n\
      //#unroll\n\
      for (var p = 0u; p < PIXELS; p++) {\n\
        let at = (line * OUT_WIDTH + ox + p) * OUT_CHANNELS + channel;\n\
        gradients[p] = select(Element(), Element(dy[at / VECTOR]), ox + p < OUT_WIDTH);\n\
      }\n\
      var loaded: array<Element, PLACES>;\n\
      //#unroll\n\
      for (var i = 0u; i < PLACES; i++) {\n\
        let ix = ox * STRIDE_X + i * DILATION_X - PADDING_X;\n\
        let at = (line_start + ix) * IN_CHANNELS + source;\n\
        loaded[i] = select(Element(), Element(x[at / VECTOR]), ix < IN_WIDTH);\n\
      }\n\
      //#unroll\n\
      for (var kx = 0u; kx < KERNEL_WIDTH; kx++) {\n\
        //#unroll\n\
        for (var i = 0u; i < OWN; i++) {\n\
          //#unroll\n\
          for (var p = 0u; p < PIXELS; p++) {\n\
            sums[kx][i] = fma(given(loaded[p * STRIDE_X + kx], i), gradients[p], sums[kx][i]);\n\
          }\n\
        }\n\
      }\n\
    }\n\
  }\n\
\n\
  //#unroll\n\
  for (var kx = 0u; kx < KERNEL_WIDTH; kx++) {\n\
    //#unroll\n\
    for (var i = 0u; i < OWN; i++) {\n\
      let at = (((split * KERNEL_HEIGHT + ky) * KERNEL_WIDTH + kx) * IN_GROUP + c + i) * OUT_CHANNELS + channel;\n\
      parts[at / VECTOR] = sums[kx][i];\n\
    }\n\
  }\n\
}\n\
",
};

/**
 * 2-D convolution in CHANNEL_GROUPS groups of channels, depthwise where a group has one channel on either side: images NHWC and
 * weights [kernel_y, kernel_x, in of a group, out], the groups one after another on both sides:
 * y[n, oy, ox, o] = sum_{ky, kx, c} x[n, iy, ix, o / OUT_GROUP * IN_GROUP + c] * weight[ky, kx, c, o], where
 * iy = oy * STRIDE_Y + ky * DILATION_Y - PADDING_Y and ix = ox * STRIDE_X + kx * DILATION_X - PADDING_X.
 */
export const groupedConv2d: KernelDefinition<"x" | "weight" | "y", "batch", "HALF" | "LANES" | "PIXELS" | "VECTOR" | "TRANSPOSED" | "PHASES_Y" | "PHASES_X" | "STRIDE_Y" | "STRIDE_X" | "PADDING_Y" | "PADDING_X" | "DILATION_Y" | "DILATION_X" | "KERNEL_HEIGHT" | "KERNEL_WIDTH" | "CHANNEL_GROUPS" | "IN_HEIGHT" | "IN_WIDTH" | "IN_CHANNELS" | "OUT_HEIGHT" | "OUT_WIDTH" | "OUT_CHANNELS"> = {
  name: "groupedConv2d",
  bindings: [{"name":"x","access":"read","element":"stored"}, {"name":"weight","access":"read","element":"f32"}, {"name":"y","access":"read_write","element":"stored"}],
  params: [{"name":"batch","type":"u32","offset":0}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 64 }, PIXELS: { type: "u32", value: 4 }, VECTOR: { type: "u32", value: 1 }, TRANSPOSED: { type: "bool", value: 0 }, PHASES_Y: { type: "u32", value: 1 }, PHASES_X: { type: "u32", value: 1 }, STRIDE_Y: { type: "u32", value: 1 }, STRIDE_X: { type: "u32", value: 1 }, PADDING_Y: { type: "u32", value: 1 }, PADDING_X: { type: "u32", value: 1 }, DILATION_Y: { type: "u32", value: 1 }, DILATION_X: { type: "u32", value: 1 }, KERNEL_HEIGHT: { type: "u32", value: 3 }, KERNEL_WIDTH: { type: "u32", value: 3 }, CHANNEL_GROUPS: { type: "u32", value: 8 }, IN_HEIGHT: { type: "u32", value: 8 }, IN_WIDTH: { type: "u32", value: 8 }, IN_CHANNELS: { type: "u32", value: 8 }, OUT_HEIGHT: { type: "u32", value: 8 }, OUT_WIDTH: { type: "u32", value: 8 }, OUT_CHANNELS: { type: "u32", value: 8 } },
  unrolls: (v) => [v["VECTOR"], Math.min(v["VECTOR"], Math.floor(v["IN_CHANNELS"] / v["CHANNEL_GROUPS"])), Math.min(v["VECTOR"], Math.floor(v["IN_CHANNELS"] / v["CHANNEL_GROUPS"])), (v["PIXELS"] - 1) * Math.floor(v["STRIDE_X"] / v["PHASES_X"]) + Math.floor((v["KERNEL_WIDTH"] + v["PHASES_X"] - 1) / v["PHASES_X"]), Math.floor((v["KERNEL_WIDTH"] + v["PHASES_X"] - 1) / v["PHASES_X"]), v["PIXELS"], Math.min(v["VECTOR"], Math.floor(v["IN_CHANNELS"] / v["CHANNEL_GROUPS"])), v["PIXELS"]],
  shapes: (v) => ({ x: v["batch"] * v["IN_HEIGHT"] * v["IN_WIDTH"] * v["IN_CHANNELS"], weight: v["KERNEL_HEIGHT"] * v["KERNEL_WIDTH"] * v["IN_CHANNELS"] * v["OUT_CHANNELS"] / v["CHANNEL_GROUPS"], y: v["batch"] * v["OUT_HEIGHT"] * v["OUT_WIDTH"] * v["OUT_CHANNELS"] }),
  workgroups: (v) => Math.ceil(v["PHASES_Y"] * v["PHASES_X"] * v["batch"] * Math.ceil(v["OUT_HEIGHT"] / v["PHASES_Y"]) * Math.ceil(Math.ceil(v["OUT_WIDTH"] / v["PHASES_X"]) / v["PIXELS"]) * v["OUT_CHANNELS"] / v["VECTOR"] / v["LANES"]),
  flops: (v) => 2 * v["batch"] * v["KERNEL_HEIGHT"] * v["KERNEL_WIDTH"] * v["IN_CHANNELS"] * v["OUT_CHANNELS"] / v["CHANNEL_GROUPS"] * (v["TRANSPOSED"] * v["IN_HEIGHT"] * v["IN_WIDTH"] + (1 - v["TRANSPOSED"]) * v["OUT_HEIGHT"] * v["OUT_WIDTH"]),
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
alias Element = f32; //#vec4 alias Element = vec4f;\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
\n\
const LANES: u32 = 64u;\n\
const PIXELS: u32 = 4u;\n\
const VECTOR: u32 = 1u;\n\
const TRANSPOSED: bool = false;\n\
const PHASES_Y: u32 = 1u;\n\
const PHASES_X: u32 = 1u;\n\
const STRIDE_Y: u32 = 1u;\n\
const STRIDE_X: u32 = 1u;\n\
const PADDING_Y: u32 = 1u;\n\
const PADDING_X: u32 = 1u;\n\
const DILATION_Y: u32 = 1u;\n\
const DILATION_X: u32 = 1u;\n\
const KERNEL_HEIGHT: u32 = 3u;\n\
const KERNEL_WIDTH: u32 = 3u;\n\
const CHANNEL_GROUPS: u32 = 8u;\n\
const IN_HEIGHT: u32 = 8u;\n\
const IN_WIDTH: u32 = 8u;\n\
const IN_CHANNELS: u32 = 8u;\n\
const OUT_HEIGHT: u32 = 8u;\n\
const OUT_WIDTH: u32 = 8u;\n\
const OUT_CHANNELS: u32 = 8u;\n\
\n\
const IN_GROUP = IN_CHANNELS / CHANNEL_GROUPS;\n\
const OUT_GROUP = OUT_CHANNELS / CHANNEL_GROUPS;\n\
const TAPS_DOWN = (KERNEL_HEIGHT + PHASES_Y - 1u) / PHASES_Y;\n\
const TAPS_ACROSS = (KERNEL_WIDTH + PHASES_X - 1u) / PHASES_X;\n\
const STEP_Y = STRIDE_Y / PHASES_Y;\n\
const STEP_X = STRIDE_X / PHASES_X;\n\
const PLACES = (PIXELS - 1u) * STEP_X + TAPS_ACROSS;\n\
const OWN = min(VECTOR, IN_GROUP);\n\
const DEPTHWISE = IN_GROUP * OUT_GROUP == 1u;\n\
const OUTSIDE = 0xffffffffu;\n\
\n\
struct Params {\n\
  batch: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<StoredElement>;\n\
@group(0) @binding(1) var<storage, read> weight: array<Element>;\n\
@group(0) @binding(2) var<storage, read_write> y: array<StoredElement>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
fn first_place(position: u32, first_tap: u32, taps: u32, phases: u32, stride: u32, padding: u32, dilation: u32) -> u32 {\n\
  if (TRANSPOSED) {\n\
    return (position + padding - first_tap) / phases - (taps - 1u) * dilation;\n\
  }\n\
  return position * stride - padding;\n\
}\n\
\n\
fn pixel_at(place: u32, step: u32) -> u32 {\n\
  if (TRANSPOSED) {\n\
    return select(OUTSIDE, place / step, place % step == 0u);\n\
  }\n\
  return place;\n\
}\n\
\n\
fn tap_weights(tap: u32, c: u32, source: u32, channel: u32) -> array<Element, OWN> {\n\
  var weights: array<Element, OWN>;\n\
  if (TRANSPOSED && !DEPTHWISE) {\n\
    //#unroll\n\
    for (var o = 0u; o < VECTOR; o++) {\n\
      let at = (tap * OUT_GROUP + channel % OUT_GROUP + o) * IN_CHANNELS + source + c;\n\
      let row = weight[at / VECTOR];\n\
      //#unroll\n\
      for (var i = 0u; i < OWN; i++) {\n\
        weights[i] = row; //#vec4 weights[i][o] = row[i];\n\
      }\n\
    }\n\
  } else {\n\
    //#unroll\n\
    for (var i = 0u; i < OWN; i++) {\n\
      weights[i] = weight[((tap * IN_GROUP + c + i) * OUT_CHANNELS + channel) / VECTOR];\n\
    }\n\
  }\n\
  return weights;\n\
}\n\
\n\
fn given(loaded: Element, i: u32) -> Element {\n\
  return loaded; //#vec4 return select(vec4f(loaded[i]), loaded, DEPTHWISE);\n\
}\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let vectors = OUT_CHANNELS / VECTOR;\n\
  let phase_height = (OUT_HEIGHT + PHASES_Y - 1u) / PHASES_Y;\n\
  let phase_width = (OUT_WIDTH + PHASES_X - 1u) / PHASES_X;\n\
  let runs = (phase_width + PIXELS - 1u) / PIXELS;\n\
  let thread = workgroup_index(group, grid) * LANES + local.x;\n\
  let channel = thread % vectors * VECTOR;\n\
  let run = thread / vectors;\n\
  let line = run / runs;\n\
  let image = line / phase_height % params.batch;\n\
  let phase = line / phase_height / params.batch;\n\
  let row = line % phase_height * PHASES_Y + phase / PHASES_X;\n\
  let column = run % runs * PIXELS * PHASES_X + phase % PHASES_X;\n\
  if (phase >= PHASES_Y * PHASES_X || row >= OUT_HEIGHT) {\n\
    return;\n\
  }\n\
  let source = channel / OUT_GROUP * IN_GROUP;\n\
  let first_ky = (row + PADDING_Y) % PHASES_Y;\n\
  let first_kx = (column + PADDING_X) % PHASES_X;\n\
  let top = first_place(row, first_ky, TAPS_DOWN, PHASES_Y, STRIDE_Y, PADDING_Y, DILATION_Y);\n\
  let left = first_place(column, first_kx, TAPS_ACROSS, PHASES_X, STRIDE_X, PADDING_X, DILATION_X);\n\
\n\
  var sums: array<Element, PIXELS>;\n\
  for (var down = 0u; down < TAPS_DOWN; down++) {\n\
    let ky = first_ky + down * PHASES_Y;\n\
    let iy = pixel_at(top + select(down, TAPS_DOWN - 1u - down, TRANSPOSED) * DILATION_Y, STEP_Y);\n\
    if (ky >= KERNEL_HEIGHT || iy >= IN_HEIGHT) {\n\
      continue;\n\
    }\n\
    let line_start = (image * IN_HEIGHT + iy) * IN_WIDTH;\n\
    for (var c = 0u; c < IN_GROUP; c += OWN) {\n\
      var loaded: array<Element, PLACES>;\n\
      //#unroll\n\
      for (var i = 0u; i < PLACES; i++) {\n\
        let ix = pixel_at(left + i * DILATION_X, STEP_X);\n\
        let at = (line_start + ix) * IN_CHANNELS + source + c;\n\
        loaded[i] = select(Element(), Element(x[at / VECTOR]), ix < IN_WIDTH);\n\
      }\n\
      //#unroll\n\
      for (var across = 0u; across < TAPS_ACROSS; across++) {\n\
        let kx = first_kx + across * PHASES_X;\n\
        if (kx < KERNEL_WIDTH) {\n\
          let weights = tap_weights(ky * KERNEL_WIDTH + kx, c, source, channel);\n\
          //#unroll\n\
          for (var p = 0u; p < PIXELS; p++) {\n\
            let seen = loaded[p * STEP_X + select(across, TAPS_ACROSS - 1u - across, TRANSPOSED)];\n\
            //#unroll\n\
            for (var i = 0u; i < OWN; i++) {\n\
              sums[p] = fma(given(seen, i), weights[i], sums[p]);\n\
            }\n\
          }\n\
        }\n\
      }\n\
    }\n\
  }\n\
\n\
  //#unroll\n\
  for (var p = 0u; p < PIXELS; p++) {\n\
    let own_column = column + p * PHASES_X;\n\
    if (own_column < OUT_WIDTH) {\n\
      let at = ((image * OUT_HEIGHT + row) * OUT_WIDTH + own_column) * OUT_CHANNELS + channel;\n\
      y[at / VECTOR] = StoredElement(sums[p]);\n\
    }\n\
  }\n\
}\n\
",
};

/**
 * Puts columns in their places: y[row, first + c] = x[row, c]. The other columns of y stay as they are, or with FILL become 0: that
 * makes it the gradient of slice.
 */
export const insert: KernelDefinition<"x" | "y", "rows" | "cols" | "first" | "count", "HALF" | "LANES" | "ELEMENTS" | "FILL"> = {
  name: "insert",
  bindings: [{"name":"x","access":"read","element":"stored"}, {"name":"y","access":"read_write","element":"stored"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"cols","type":"u32","offset":4}, {"name":"first","type":"u32","offset":8}, {"name":"count","type":"u32","offset":12}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 64 }, ELEMENTS: { type: "u32", value: 8 }, FILL: { type: "bool", value: 0 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["rows"] * v["count"], y: v["rows"] * v["cols"] }),
  workgroups: (v) => Math.ceil(v["rows"] * (v["count"] + v["FILL"] * (v["cols"] - v["count"])) / (v["LANES"] * v["ELEMENTS"])),
  flops: () => 0,
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
\n\
const LANES: u32 = 64u;\n\
const ELEMENTS: u32 = 8u;\n\
const FILL: bool = false;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  cols: u32,\n\
  first: u32,\n\
  count: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<Stored>;\n\
@group(0) @binding(1) var<storage, read_write> y: array<Stored>;\n\
@group(0) @binding(2) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let begin = select(params.first, 0u, FILL);\n\
  let width = select(params.count, params.cols, FILL);\n\
  let first = workgroup_index(group, grid) * LANES * ELEMENTS;\n\
  let end = min(first + LANES * ELEMENTS, params.rows * width);\n\
  for (var i = first + local.x; i < end; i += LANES) {\n\
    let row = i / width;\n\
    let column = begin + i % width;\n\
    let inside = column >= params.first && column < params.first + params.count;\n\
    let at = row * params.count + select(0u, column - params.first, inside);\n\
    y[row * params.cols + column] = select(Stored(0.0), x[at], inside);\n\
  }\n\
}\n\
",
};

/**
 * Reciprocals of the lengths of rows: inverse[row] = 1 / max(|x[row]|, EPSILON), with nothing but 1 / EPSILON for shorter ones. They
 * are the first of the three values that a row of a contrastive loss has in `anchors`. A workgroup takes ROWS rows one after another,
 * all threads each of them, and adds up what the threads found at the end, a thread a row.
 */
export const inverseNorms: KernelDefinition<"x" | "anchors", "rows" | "cols", "LANES" | "ROWS" | "VECTOR" | "EPSILON" | "LARGEST"> = {
  name: "inverseNorms",
  bindings: [{"name":"x","access":"read","element":"f32"}, {"name":"anchors","access":"read_write","element":"f32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"cols","type":"u32","offset":4}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 8 }, ROWS: { type: "u32", value: 16 }, VECTOR: { type: "u32", value: 1 }, EPSILON: { type: "f32", value: 1e-12 }, LARGEST: { type: "f32", value: 1000000000000 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["rows"] * v["cols"], anchors: 3 * v["rows"] }),
  workgroups: (v) => Math.ceil(v["rows"] / v["ROWS"]),
  flops: (v) => 2 * v["rows"] * v["cols"],
  source: "alias Element = f32; //#vec4 alias Element = vec4f;\n\
fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
\n\
const LANES: u32 = 8u;\n\
const ROWS: u32 = 16u;\n\
const VECTOR: u32 = 1u;\n\
const EPSILON: f32 = 0.000000000001;\n\
const LARGEST: f32 = 1000000000000.0;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  cols: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<Element>;\n\
@group(0) @binding(1) var<storage, read_write> anchors: array<f32>;\n\
@group(0) @binding(2) var<uniform> params: Params;\n\
\n\
var<workgroup> squares: array<f32, ROWS * LANES>;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let first = workgroup_index(group, grid) * ROWS;\n\
  if (first >= params.rows) {\n\
    return;\n\
  }\n\
  let count = min(ROWS, params.rows - first);\n\
  let vectors = params.cols / VECTOR;\n\
  for (var r = 0u; r < count; r++) {\n\
    var own = Element();\n\
    for (var c = local.x; c < vectors; c += LANES) {\n\
      let value = x[(first + r) * vectors + c];\n\
      own = fma(value, value, own);\n\
    }\n\
    squares[r * LANES + local.x] = own; //#vec4 squares[r * LANES + local.x] = dot(own, vec4f(1.0));\n\
  }\n\
  workgroupBarrier();\n\
  for (var r = local.x; r < count; r += LANES) {\n\
    var sum = 0.0;\n\
    for (var lane = 0u; lane < LANES; lane++) {\n\
      sum += squares[r * LANES + lane];\n\
    }\n\
    let norm = sqrt(sum);\n\
    anchors[first + r] = select(1.0 / max(norm, EPSILON), LARGEST, norm < EPSILON);\n\
  }\n\
}\n\
",
};

/**
 * Weighted vote of the k nearest neighbours (Wu et al. 2018, section 3.4): the class with the largest
 * sum of exp(similarity / temperature) over its neighbours, the first of equal ones. One thread a query.
 */
export const knnVote: KernelDefinition<"neighbours" | "similarities" | "labels" | "predictions", "queries" | "candidates" | "k" | "classes" | "inverse_temperature", "LANES"> = {
  name: "knnVote",
  bindings: [{"name":"neighbours","access":"read","element":"u32"}, {"name":"similarities","access":"read","element":"f32"}, {"name":"labels","access":"read","element":"u32"}, {"name":"predictions","access":"read_write","element":"u32"}],
  params: [{"name":"queries","type":"u32","offset":0}, {"name":"candidates","type":"u32","offset":4}, {"name":"k","type":"u32","offset":8}, {"name":"classes","type":"u32","offset":12}, {"name":"inverse_temperature","type":"f32","offset":16}],
  paramsSize: 32,
  constants: { LANES: { type: "u32", value: 8 } },
  unrolls: () => [],
  shapes: (v) => ({ neighbours: v["queries"] * v["k"], similarities: v["queries"] * v["k"], labels: v["candidates"], predictions: v["queries"] }),
  workgroups: (v) => Math.ceil(v["queries"] / v["LANES"]),
  flops: (v) => 2 * v["queries"] * v["k"] * v["classes"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
\n\
const LANES: u32 = 8u;\n\
\n\
struct Params {\n\
  queries: u32,\n\
  candidates: u32,\n\
  k: u32,\n\
  classes: u32,\n\
  inverse_temperature: f32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> neighbours: array<u32>;\n\
@group(0) @binding(1) var<storage, read> similarities: array<f32>;\n\
@group(0) @binding(2) var<storage, read> labels: array<u32>;\n\
@group(0) @binding(3) var<storage, read_write> predictions: array<u32>;\n\
@group(0) @binding(4) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let query = workgroup_index(group, grid) * LANES + local.x;\n\
  if (query >= params.queries) {\n\
    return;\n\
  }\n\
  var nearest = similarities[query * params.k];\n\
  for (var i = query * params.k + 1u; i < (query + 1u) * params.k; i++) {\n\
    nearest = max(nearest, similarities[i]);\n\
  }\n\
  var best = 0u;\n\
  var largest = -1.0;\n\
  for (var class_index = 0u; class_index < params.classes; class_index++) {\n\
    var votes = 0.0;\n\
    for (var i = query * params.k; i < (query + 1u) * params.k; i++) {\n\
      let weight = exp((similarities[i] - nearest) * params.inverse_temperature);\n\
      votes += select(0.0, weight, labels[neighbours[i]] == class_index);\n\
    }\n\
    if (votes > largest) {\n\
      largest = votes;\n\
      best = class_index;\n\
    }\n\
  }\n\
  predictions[query] = best;\n\
}\n\
",
};

/**
 * First pass of the norms of LARS: for each block of 64 elements, sum p^2 and sum (g + weight_decay * p)^2.
 * One thread a block; `elements` counts blocks.
 */
export const larsNorms: KernelDefinition<"parameters" | "gradients" | "squares", "elements" | "weight_decay", "LANES"> = {
  name: "larsNorms",
  bindings: [{"name":"parameters","access":"read","element":"f32"}, {"name":"gradients","access":"read","element":"f32"}, {"name":"squares","access":"read_write","element":"f32"}],
  params: [{"name":"elements","type":"u32","offset":0}, {"name":"weight_decay","type":"f32","offset":4}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 } },
  unrolls: () => [],
  shapes: (v) => ({ parameters: v["elements"] * 64, gradients: v["elements"] * 64, squares: v["elements"] * 2 }),
  workgroups: (v) => Math.ceil(v["elements"] / v["LANES"]),
  flops: (v) => 6 * 64 * v["elements"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
\n\
struct Params {\n\
  elements: u32,\n\
  weight_decay: f32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> parameters: array<f32>;\n\
@group(0) @binding(1) var<storage, read> gradients: array<f32>;\n\
@group(0) @binding(2) var<storage, read_write> squares: array<f32>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let i = workgroup_index(group, grid) * LANES + local.x;\n\
  if (i >= params.elements) {\n\
    return;\n\
  }\n\
  var weights = 0.0;\n\
  var updates = 0.0;\n\
  for (var j = i * 64u; j < i * 64u + 64u; j++) {\n\
    let p = parameters[j];\n\
    let u = gradients[j] + params.weight_decay * p;\n\
    weights += p * p;\n\
    updates += u * u;\n\
  }\n\
  squares[2u * i] = weights;\n\
  squares[2u * i + 1u] = updates;\n\
}\n\
",
};

/**
 * Second pass of the norms of LARS, for each tensor: the factor that brings its update g + decay * p into the velocity, and its decay.
 *   plain: factor = rate * eta * |p| / |g + weight_decay * p|, or rate where either norm is 0; decay = weight_decay.
 *   CLIP (LARS-clip of solo-learn): factor = min(eta * |p| / (|g| + weight_decay * |p| + 1e-8) / rate, 1), decay =
 *     weight_decay; where either norm is 0, factor = 1, decay = 0.
 *   Tensors that are not adapted: factor = rate, or 1 with CLIP; decay = offset_decay.
 * `squares` holds, for each block of 64 elements, the sums of squares of p and of what the other norm is of; `ranges` the first
 * block and the end, `adapted` 1 or 0, and `scales` factor and decay of each tensor. A workgroup a tensor.
 */
export const larsTrust: KernelDefinition<"squares" | "ranges" | "adapted" | "schedule" | "scales", "blocks" | "tensors" | "eta" | "weight_decay" | "offset_decay", "LANES" | "CLIP"> = {
  name: "larsTrust",
  bindings: [{"name":"squares","access":"read","element":"f32"}, {"name":"ranges","access":"read","element":"u32"}, {"name":"adapted","access":"read","element":"f32"}, {"name":"schedule","access":"read","element":"f32"}, {"name":"scales","access":"read_write","element":"f32"}],
  params: [{"name":"blocks","type":"u32","offset":0}, {"name":"tensors","type":"u32","offset":4}, {"name":"eta","type":"f32","offset":8}, {"name":"weight_decay","type":"f32","offset":12}, {"name":"offset_decay","type":"f32","offset":16}],
  paramsSize: 32,
  constants: { LANES: { type: "u32", value: 64 }, CLIP: { type: "bool", value: 0 } },
  unrolls: () => [],
  shapes: (v) => ({ squares: 2 * v["blocks"], ranges: 2 * v["tensors"], adapted: v["tensors"], schedule: 4, scales: 2 * v["tensors"] }),
  workgroups: (v) => v["tensors"],
  flops: (v) => 2 * v["blocks"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
var<workgroup> reduced: array<f32, LANES>;\n\
\n\
fn workgroup_sum(lane: u32, value: f32) -> f32 {\n\
  workgroupBarrier();\n\
  reduced[lane] = value;\n\
  workgroupBarrier();\n\
  for (var half = LANES / 2u; half > 0u; half /= 2u) {\n\
    if (lane < half) {\n\
      reduced[lane] += reduced[lane + half];\n\
    }\n\
    workgroupBarrier();\n\
  }\n\
  return reduced[0];\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
const CLIP: bool = false;\n\
\n\
struct Params {\n\
  blocks: u32,\n\
  tensors: u32,\n\
  eta: f32,\n\
  weight_decay: f32,\n\
  offset_decay: f32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> squares: array<f32>;\n\
@group(0) @binding(1) var<storage, read> ranges: array<u32>;\n\
@group(0) @binding(2) var<storage, read> adapted: array<f32>;\n\
@group(0) @binding(3) var<storage, read> schedule: array<f32>;\n\
@group(0) @binding(4) var<storage, read_write> scales: array<f32>;\n\
@group(0) @binding(5) var<uniform> params: Params;\n\
\n\
fn adapted_scale(weights: f32, updates: f32, rate: f32) -> vec2f {\n\
  let both = weights > 0.0 && updates > 0.0;\n\
  if (!CLIP) {\n\
    let trust = select(1.0, params.eta * sqrt(weights / max(updates, 1e-37)), both);\n\
    return vec2f(trust * rate, params.weight_decay);\n\
  }\n\
  if (!both) {\n\
    return vec2f(1.0, 0.0);\n\
  }\n\
  let norm = sqrt(weights);\n\
  let trust = params.eta * norm / (sqrt(updates) + params.weight_decay * norm + 1e-8);\n\
  return vec2f(select(1.0, trust / rate, trust < rate), params.weight_decay);\n\
}\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let tensor = workgroup_index(group, grid);\n\
  if (tensor >= params.tensors) {\n\
    return;\n\
  }\n\
  var weights = 0.0;\n\
  var updates = 0.0;\n\
  let end = ranges[2u * tensor + 1u];\n\
  for (var at = ranges[2u * tensor] + local.x; at < end; at += LANES) {\n\
    weights += squares[2u * at];\n\
    updates += squares[2u * at + 1u];\n\
  }\n\
  weights = workgroup_sum(local.x, weights);\n\
  updates = workgroup_sum(local.x, updates);\n\
  if (local.x > 0u) {\n\
    return;\n\
  }\n\
  let rate = schedule[0];\n\
  var scale = vec2f(select(rate, 1.0, CLIP), params.offset_decay);\n\
  if (adapted[tensor] > 0.0) {\n\
    scale = adapted_scale(weights, updates, rate);\n\
  }\n\
  scales[2u * tensor] = scale.x;\n\
  scales[2u * tensor + 1u] = scale.y;\n\
}\n\
",
};

/**
 * LARS update (You, Gitman and Ginsburg 2017), for all parameters of a slab at once, u = factor * (g + decay * p):
 * v = momentum * v + u; p -= NESTEROV ? u + momentum * v : v. With CLIP, the factor is without the rate, and p moves by rate times
 * that. `scales` holds factor and decay of each tensor, `segments` the index of the tensor of each block of 64 elements;
 * `schedule` the rate and, last, 1 for a step to be skipped.
 */
export const lars: KernelDefinition<"gradients" | "segments" | "scales" | "schedule" | "parameters" | "velocity", "elements" | "momentum" | "tensors", "LANES" | "VECTOR" | "ELEMENTS" | "NESTEROV" | "CLIP"> = {
  name: "lars",
  bindings: [{"name":"gradients","access":"read","element":"f32"}, {"name":"segments","access":"read","element":"u32"}, {"name":"scales","access":"read","element":"f32"}, {"name":"schedule","access":"read","element":"f32"}, {"name":"parameters","access":"read_write","element":"f32"}, {"name":"velocity","access":"read_write","element":"f32"}],
  params: [{"name":"elements","type":"u32","offset":0}, {"name":"momentum","type":"f32","offset":4}, {"name":"tensors","type":"u32","offset":8}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 }, VECTOR: { type: "u32", value: 4 }, ELEMENTS: { type: "u32", value: 8 }, NESTEROV: { type: "bool", value: 0 }, CLIP: { type: "bool", value: 0 } },
  unrolls: () => [],
  shapes: (v) => ({ gradients: v["elements"], segments: v["elements"] / 64, scales: 2 * v["tensors"], schedule: 4, parameters: v["elements"], velocity: v["elements"] }),
  workgroups: (v) => Math.ceil(v["elements"] / (v["LANES"] * v["ELEMENTS"] * v["VECTOR"])),
  flops: (v) => 6 * v["elements"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
alias Element = f32; //#vec4 alias Element = vec4f;\n\
\n\
const LANES: u32 = 64u;\n\
const VECTOR: u32 = 4u;\n\
const ELEMENTS: u32 = 8u;\n\
const NESTEROV: bool = false;\n\
const CLIP: bool = false;\n\
\n\
struct Params {\n\
  elements: u32,\n\
  momentum: f32,\n\
  tensors: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> gradients: array<Element>;\n\
@group(0) @binding(1) var<storage, read> segments: array<u32>;\n\
@group(0) @binding(2) var<storage, read> scales: array<f32>;\n\
@group(0) @binding(3) var<storage, read> schedule: array<f32>;\n\
@group(0) @binding(4) var<storage, read_write> parameters: array<Element>;\n\
@group(0) @binding(5) var<storage, read_write> velocity: array<Element>;\n\
@group(0) @binding(6) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  if (schedule[3] > 0.0) {\n\
    return;\n\
  }\n\
  let first = workgroup_index(group, grid) * LANES * ELEMENTS;\n\
  let end = min(first + LANES * ELEMENTS, params.elements / VECTOR);\n\
  for (var i = first + local.x; i < end; i += LANES) {\n\
    let tensor = segments[i / (64u / VECTOR)];\n\
    let parameter = parameters[i];\n\
    let u = scales[2u * tensor] * (gradients[i] + scales[2u * tensor + 1u] * parameter);\n\
    let v = params.momentum * velocity[i] + u;\n\
    velocity[i] = v;\n\
    let step = select(v, u + params.momentum * v, NESTEROV);\n\
    parameters[i] = parameter - select(step, schedule[0] * step, CLIP);\n\
  }\n\
}\n\
",
};

/**
 * First pass of the gradients of layer norm to gamma and beta: over each run of ROWS rows, sum of dy * normalised x and of dy. The
 * GROUPS strands of a workgroup take turns with the rows. `parts` holds [chunk, channel] sums of dy * normalised x, then as many of
 * dy; batch-norm-gradient-combine adds them up.
 */
export const layerNormGradientSums: KernelDefinition<"x" | "dy" | "statistics" | "parts", "rows" | "channels", "HALF" | "LANES" | "GROUPS" | "VECTOR" | "ROWS"> = {
  name: "layerNormGradientSums",
  bindings: [{"name":"x","access":"read","element":"stored"}, {"name":"dy","access":"read","element":"stored"}, {"name":"statistics","access":"read","element":"f32"}, {"name":"parts","access":"read_write","element":"f32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"channels","type":"u32","offset":4}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 64 }, GROUPS: { type: "u32", value: 1 }, VECTOR: { type: "u32", value: 1 }, ROWS: { type: "u32", value: 64 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["rows"] * v["channels"], dy: v["rows"] * v["channels"], statistics: 2 * v["rows"], parts: 2 * Math.ceil(v["rows"] / v["ROWS"]) * v["channels"] }),
  workgroups: (v) => Math.ceil(v["rows"] / v["ROWS"]) * Math.ceil(v["channels"] / (v["LANES"] * v["VECTOR"])),
  flops: (v) => 5 * v["rows"] * v["channels"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
struct ChannelTile {\n\
  channel: u32,\n\
  chunk: u32,\n\
  begin: u32,\n\
  end: u32,\n\
}\n\
\n\
fn channel_tile(index: u32, lane: u32, lanes: u32, rows: u32, channels: u32, rows_per_chunk: u32) -> ChannelTile {\n\
  let blocks = (channels + lanes - 1u) / lanes;\n\
  let chunk = index / blocks;\n\
  return ChannelTile(index % blocks * lanes + lane, chunk, chunk * rows_per_chunk, min(rows, (chunk + 1u) * rows_per_chunk));\n\
}\n\
alias Element = f32; //#vec4 alias Element = vec4f;\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
\n\
const LANES: u32 = 64u;\n\
const GROUPS: u32 = 1u;\n\
const VECTOR: u32 = 1u;\n\
const ROWS: u32 = 64u;\n\
var<workgroup> strands: array<Element, LANES * GROUPS>;\n\
\n\
fn strand_sum(lane: u32, strand: u32, value: Element) -> Element {\n\
  if (GROUPS == 1u) {\n\
    return value;\n\
  }\n\
  workgroupBarrier();\n\
  strands[strand * LANES + lane] = value;\n\
  workgroupBarrier();\n\
  for (var half = GROUPS / 2u; half > 0u; half /= 2u) {\n\
    if (strand < half) {\n\
      strands[strand * LANES + lane] += strands[(strand + half) * LANES + lane];\n\
    }\n\
    workgroupBarrier();\n\
  }\n\
  return strands[lane];\n\
}\n\
\n\
struct Params {\n\
  rows: u32,\n\
  channels: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<StoredElement>;\n\
@group(0) @binding(1) var<storage, read> dy: array<StoredElement>;\n\
@group(0) @binding(2) var<storage, read> statistics: array<f32>;\n\
@group(0) @binding(3) var<storage, read_write> parts: array<Element>;\n\
@group(0) @binding(4) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES, GROUPS)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let channels = params.channels / VECTOR;\n\
  let tile = channel_tile(workgroup_index(group, grid), local.x, LANES, params.rows, channels, ROWS);\n\
  let channel = min(tile.channel, channels - 1u);\n\
  var gamma_sum = Element();\n\
  var beta_sum = Element();\n\
  for (var row = tile.begin + local.y; row < tile.end; row += GROUPS) {\n\
    let i = row * channels + channel;\n\
    let g = Element(dy[i]);\n\
    let normalized = (Element(x[i]) - statistics[row]) * statistics[params.rows + row];\n\
    gamma_sum = fma(g, normalized, gamma_sum);\n\
    beta_sum += g;\n\
  }\n\
  let all_gamma = strand_sum(local.x, local.y, gamma_sum);\n\
  let all_beta = strand_sum(local.x, local.y, beta_sum);\n\
  if (local.y > 0u || tile.begin >= params.rows || tile.channel >= channels) {\n\
    return;\n\
  }\n\
  let chunks = (params.rows + ROWS - 1u) / ROWS;\n\
  parts[tile.chunk * channels + channel] = all_gamma;\n\
  parts[(chunks + tile.chunk) * channels + channel] = all_beta;\n\
}\n\
",
};

/**
 * Gradient of layer norm to its input: dx[c] = inverse (g[c] - mean_k g[k] - n[c] mean_k g[k] n[k]), where g = dy gamma and n is the
 * normalised x. `statistics` holds the means, then the inverses. Without GAMMA, gamma is 1, and the binding holds one element that
 * is not read. A workgroup a row.
 */
export const layerNormGradient: KernelDefinition<"x" | "dy" | "gamma" | "statistics" | "dx", "rows" | "cols", "HALF" | "LANES" | "GAMMA"> = {
  name: "layerNormGradient",
  bindings: [{"name":"x","access":"read","element":"stored"}, {"name":"dy","access":"read","element":"stored"}, {"name":"gamma","access":"read","element":"f32"}, {"name":"statistics","access":"read","element":"f32"}, {"name":"dx","access":"read_write","element":"stored"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"cols","type":"u32","offset":4}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 8 }, GAMMA: { type: "bool", value: 1 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["rows"] * v["cols"], dy: v["rows"] * v["cols"], gamma: 1 + v["GAMMA"] * (v["cols"] - 1), statistics: 2 * v["rows"], dx: v["rows"] * v["cols"] }),
  workgroups: (v) => v["rows"],
  flops: (v) => 11 * v["rows"] * v["cols"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
var<workgroup> reduced: array<f32, LANES>;\n\
\n\
fn workgroup_sum(lane: u32, value: f32) -> f32 {\n\
  workgroupBarrier();\n\
  reduced[lane] = value;\n\
  workgroupBarrier();\n\
  for (var half = LANES / 2u; half > 0u; half /= 2u) {\n\
    if (lane < half) {\n\
      reduced[lane] += reduced[lane + half];\n\
    }\n\
    workgroupBarrier();\n\
  }\n\
  return reduced[0];\n\
}\n\
\n\
const LANES: u32 = 8u;\n\
const GAMMA: bool = true;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  cols: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<Stored>;\n\
@group(0) @binding(1) var<storage, read> dy: array<Stored>;\n\
@group(0) @binding(2) var<storage, read> gamma: array<f32>;\n\
@group(0) @binding(3) var<storage, read> statistics: array<f32>;\n\
@group(0) @binding(4) var<storage, read_write> dx: array<Stored>;\n\
@group(0) @binding(5) var<uniform> params: Params;\n\
\n\
fn gradient_at(begin: u32, c: u32) -> f32 {\n\
  var g = f32(dy[begin + c]);\n\
  if (GAMMA) {\n\
    g *= gamma[c];\n\
  }\n\
  return g;\n\
}\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let row = workgroup_index(group, grid);\n\
  if (row >= params.rows) {\n\
    return;\n\
  }\n\
  let begin = row * params.cols;\n\
  let mean = statistics[row];\n\
  let inverse = statistics[params.rows + row];\n\
  var sum = 0.0;\n\
  var dot = 0.0;\n\
  for (var c = local.x; c < params.cols; c += LANES) {\n\
    let g = gradient_at(begin, c);\n\
    sum += g;\n\
    dot = fma(g, (f32(x[begin + c]) - mean) * inverse, dot);\n\
  }\n\
  let offset = workgroup_sum(local.x, sum) / f32(params.cols);\n\
  let slope = workgroup_sum(local.x, dot) / f32(params.cols);\n\
  for (var c = local.x; c < params.cols; c += LANES) {\n\
    let normalized = (f32(x[begin + c]) - mean) * inverse;\n\
    dx[begin + c] = Stored(inverse * (gradient_at(begin, c) - offset - normalized * slope));\n\
  }\n\
}\n\
",
};

/**
 * Layer norm (Ba et al. 2016) of each row: y[c] = (x[c] - mean) / sqrt(variance + EPSILON) * gamma[c] + beta[c], with the mean and
 * the biased variance of the row. `statistics` holds the means, then 1 / sqrt(variance + EPSILON). Without GAMMA, gamma is 1,
 * without BETA, beta is 0, and the binding holds one element that is not read. A workgroup a row.
 */
export const layerNorm: KernelDefinition<"x" | "gamma" | "beta" | "y" | "statistics", "rows" | "cols", "HALF" | "LANES" | "EPSILON" | "GAMMA" | "BETA"> = {
  name: "layerNorm",
  bindings: [{"name":"x","access":"read","element":"stored"}, {"name":"gamma","access":"read","element":"f32"}, {"name":"beta","access":"read","element":"f32"}, {"name":"y","access":"read_write","element":"stored"}, {"name":"statistics","access":"read_write","element":"f32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"cols","type":"u32","offset":4}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 8 }, EPSILON: { type: "f32", value: 0.00001 }, GAMMA: { type: "bool", value: 1 }, BETA: { type: "bool", value: 1 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["rows"] * v["cols"], gamma: 1 + v["GAMMA"] * (v["cols"] - 1), beta: 1 + v["BETA"] * (v["cols"] - 1), y: v["rows"] * v["cols"], statistics: 2 * v["rows"] }),
  workgroups: (v) => v["rows"],
  flops: (v) => 7 * v["rows"] * v["cols"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
var<workgroup> reduced: array<f32, LANES>;\n\
\n\
fn workgroup_sum(lane: u32, value: f32) -> f32 {\n\
  workgroupBarrier();\n\
  reduced[lane] = value;\n\
  workgroupBarrier();\n\
  for (var half = LANES / 2u; half > 0u; half /= 2u) {\n\
    if (lane < half) {\n\
      reduced[lane] += reduced[lane + half];\n\
    }\n\
    workgroupBarrier();\n\
  }\n\
  return reduced[0];\n\
}\n\
\n\
const LANES: u32 = 8u;\n\
const EPSILON: f32 = 0.00001;\n\
const GAMMA: bool = true;\n\
const BETA: bool = true;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  cols: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<Stored>;\n\
@group(0) @binding(1) var<storage, read> gamma: array<f32>;\n\
@group(0) @binding(2) var<storage, read> beta: array<f32>;\n\
@group(0) @binding(3) var<storage, read_write> y: array<Stored>;\n\
@group(0) @binding(4) var<storage, read_write> statistics: array<f32>;\n\
@group(0) @binding(5) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let row = workgroup_index(group, grid);\n\
  if (row >= params.rows) {\n\
    return;\n\
  }\n\
  let begin = row * params.cols;\n\
  var sum = 0.0;\n\
  for (var c = local.x; c < params.cols; c += LANES) {\n\
    sum += f32(x[begin + c]);\n\
  }\n\
  let mean = workgroup_sum(local.x, sum) / f32(params.cols);\n\
  var squares = 0.0;\n\
  for (var c = local.x; c < params.cols; c += LANES) {\n\
    let difference = f32(x[begin + c]) - mean;\n\
    squares = fma(difference, difference, squares);\n\
  }\n\
  let inverse = inverseSqrt(workgroup_sum(local.x, squares) / f32(params.cols) + EPSILON);\n\
  for (var c = local.x; c < params.cols; c += LANES) {\n\
    var value = (f32(x[begin + c]) - mean) * inverse;\n\
    if (GAMMA) {\n\
      value *= gamma[c];\n\
    }\n\
    if (BETA) {\n\
      value += beta[c];\n\
    }\n\
    y[begin + c] = Stored(value);\n\
  }\n\
  if (local.x == 0u) {\n\
    statistics[row] = mean;\n\
    statistics[params.rows + row] = inverse;\n\
  }\n\
}\n\
",
};

/**
 * One step of laying points out in the plane so that neighbours come together (UMAP, McInnes et al. 2018, with the curve 1 / (1 + d^2), and
 * all points at once): edges pull, samples of all points push. For point i at p, its edges e (weights w, to q_e), and samples j at q_j:
 *   pull = sum_e w_e 2 (q_e - p) / (1 + d_e^2) / sum_e w_e
 *   push = sum_j clamp(2 (p - q_j) / ((0.001 + d_j^2) (1 + d_j^2)), -4, 4) / SAMPLES
 *   next = p + rate (pull + repulsion push)
 * Samples are drawn from (counter, LAYOUT + i, sample / 4); one that is the point itself counts for nothing. The edges of i are those from
 * starts[i] to starts[i + 1]. A thread a point.
 */
export const layoutStep: KernelDefinition<"positions" | "starts" | "columns" | "weights" | "counter" | "rate" | "next", "rows" | "edges" | "repulsion", "LANES" | "SAMPLES"> = {
  name: "layoutStep",
  bindings: [{"name":"positions","access":"read","element":"f32"}, {"name":"starts","access":"read","element":"u32"}, {"name":"columns","access":"read","element":"u32"}, {"name":"weights","access":"read","element":"f32"}, {"name":"counter","access":"read","element":"u32"}, {"name":"rate","access":"read","element":"f32"}, {"name":"next","access":"read_write","element":"f32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"edges","type":"u32","offset":4}, {"name":"repulsion","type":"f32","offset":8}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 }, SAMPLES: { type: "u32", value: 16 } },
  unrolls: () => [],
  shapes: (v) => ({ positions: 2 * v["rows"], starts: v["rows"] + 1, columns: v["edges"], weights: v["edges"], counter: 2, rate: 1, next: 2 * v["rows"] }),
  workgroups: (v) => Math.ceil(v["rows"] / v["LANES"]),
  flops: (v) => 20 * (v["rows"] * v["SAMPLES"] + v["edges"]),
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
fn random_words(counter: vec4u) -> vec4u {\n\
  var v = counter * 1664525u + 1013904223u;\n\
  v.x += v.y * v.w;\n\
  v.y += v.z * v.x;\n\
  v.z += v.x * v.y;\n\
  v.w += v.y * v.z;\n\
  v ^= v >> vec4u(16u);\n\
  v.x += v.y * v.w;\n\
  v.y += v.z * v.x;\n\
  v.z += v.x * v.y;\n\
  v.w += v.y * v.z;\n\
  return v;\n\
}\n\
\n\
fn random_uniform(counter: vec4u) -> vec4f {\n\
  return vec4f(random_words(counter) >> vec4u(8u)) * (1.0 / 16777216.0);\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
const SAMPLES: u32 = 16u;\n\
const LAYOUT = 0xa0000000u;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  edges: u32,\n\
  repulsion: f32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> positions: array<f32>;\n\
@group(0) @binding(1) var<storage, read> starts: array<u32>;\n\
@group(0) @binding(2) var<storage, read> columns: array<u32>;\n\
@group(0) @binding(3) var<storage, read> weights: array<f32>;\n\
@group(0) @binding(4) var<storage, read> counter: array<u32>;\n\
@group(0) @binding(5) var<storage, read> rate: array<f32>;\n\
@group(0) @binding(6) var<storage, read_write> next: array<f32>;\n\
@group(0) @binding(7) var<uniform> params: Params;\n\
\n\
fn position_of(point: u32) -> vec2f {\n\
  return vec2f(positions[2u * point], positions[2u * point + 1u]);\n\
}\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let point = workgroup_index(group, grid) * LANES + local.x;\n\
  if (point >= params.rows) {\n\
    return;\n\
  }\n\
  let own = position_of(point);\n\
  var pull = vec2f(0.0);\n\
  var weight = 0.0;\n\
  let end = min(starts[point + 1u], params.edges);\n\
  for (var e = starts[point]; e < end; e++) {\n\
    let away = position_of(min(columns[e], params.rows - 1u)) - own;\n\
    pull += weights[e] * 2.0 * away / (1.0 + dot(away, away));\n\
    weight += weights[e];\n\
  }\n\
  var push = vec2f(0.0);\n\
  for (var four = 0u; four < SAMPLES / 4u; four++) {\n\
    let words = random_words(vec4u(counter[0], counter[1], LAYOUT + point, four));\n\
    for (var i = 0u; i < 4u; i++) {\n\
      let apart = own - position_of(words[i] % params.rows);\n\
      let square = dot(apart, apart);\n\
      push += clamp(2.0 * apart / ((0.001 + square) * (1.0 + square)), vec2f(-4.0), vec2f(4.0));\n\
    }\n\
  }\n\
  let pulled = pull / max(weight, 1e-12);\n\
  let moved = own + rate[0] * (pulled + params.repulsion * push / f32(SAMPLES));\n\
  next[2u * point] = moved.x;\n\
  next[2u * point + 1u] = moved.y;\n\
}\n\
",
};

/**
 * Second pass of loss scaling: where any gradient was infinite or NaN, halves the scale, not below 1, and has the optimizer skip
 * the step; after GROWTH_INTERVAL good steps in a row, doubles it, up to LARGEST. `good_steps` counts them, or below 0, skipped
 * steps in a row. The last number of `schedule` is 1 where the step is to be skipped, and 0 elsewhere. One workgroup.
 */
export const lossScale: KernelDefinition<"counts" | "scale" | "good_steps" | "schedule", "blocks", "LANES" | "GROWTH_INTERVAL"> = {
  name: "lossScale",
  bindings: [{"name":"counts","access":"read","element":"f32"}, {"name":"scale","access":"read_write","element":"f32"}, {"name":"good_steps","access":"read_write","element":"f32"}, {"name":"schedule","access":"read_write","element":"f32"}],
  params: [{"name":"blocks","type":"u32","offset":0}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 }, GROWTH_INTERVAL: { type: "u32", value: 2000 } },
  unrolls: () => [],
  shapes: (v) => ({ counts: v["blocks"], scale: 1, good_steps: 1, schedule: 4 }),
  workgroups: () => 1,
  flops: (v) => v["blocks"],
  source: "var<workgroup> reduced: array<f32, LANES>;\n\
\n\
fn workgroup_sum(lane: u32, value: f32) -> f32 {\n\
  workgroupBarrier();\n\
  reduced[lane] = value;\n\
  workgroupBarrier();\n\
  for (var half = LANES / 2u; half > 0u; half /= 2u) {\n\
    if (lane < half) {\n\
      reduced[lane] += reduced[lane + half];\n\
    }\n\
    workgroupBarrier();\n\
  }\n\
  return reduced[0];\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
const GROWTH_INTERVAL: u32 = 2000u;\n\
const LARGEST = 16777216.0;\n\
\n\
struct Params {\n\
  blocks: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> counts: array<f32>;\n\
@group(0) @binding(1) var<storage, read_write> scale: array<f32>;\n\
@group(0) @binding(2) var<storage, read_write> good_steps: array<f32>;\n\
@group(0) @binding(3) var<storage, read_write> schedule: array<f32>;\n\
@group(0) @binding(4) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(@builtin(local_invocation_id) local: vec3u) {\n\
  var found = 0.0;\n\
  for (var i = local.x; i < params.blocks; i += LANES) {\n\
    found += counts[i];\n\
  }\n\
  let overflow = workgroup_sum(local.x, found) > 0.0;\n\
  if (local.x > 0u) {\n\
    return;\n\
  }\n\
  let before = good_steps[0];\n\
  let good = max(before, 0.0) + 1.0;\n\
  let grows = good >= f32(GROWTH_INTERVAL);\n\
  if (overflow) {\n\
    scale[0] = max(0.5 * scale[0], 1.0);\n\
  } else if (grows) {\n\
    scale[0] = min(2.0 * scale[0], LARGEST);\n\
  }\n\
  good_steps[0] = select(select(good, 0.0, grows), min(before, 0.0) - 1.0, overflow);\n\
  schedule[3] = select(0.0, 1.0, overflow);\n\
}\n\
",
};

/**
 * Matrix product by matrix units, either operand transposed: y[m, n] = sum_k op(a)[m, k] * op(b)[k, n]. For GPUs that have them;
 * operands are rounded to f16 with ROUNDED, and sums are f32.
 */
export const matmulMatrix: KernelDefinition<"a" | "b" | "y", "rows" | "inner" | "cols", "HALF" | "TRANSPOSE_A" | "TRANSPOSE_B" | "VECTOR" | "UNITS" | "LANES" | "UNIT_ROWS" | "UNIT_COLS" | "UNIT_TERMS" | "PINNED" | "ROUNDED" | "ROW_SUBGROUPS" | "COL_SUBGROUPS" | "ROWS" | "COLS" | "DEPTH"> = {
  name: "matmulMatrix",
  bindings: [{"name":"a","access":"read","element":"stored"}, {"name":"b","access":"read","element":"stored"}, {"name":"y","access":"read_write","element":"stored"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"inner","type":"u32","offset":4}, {"name":"cols","type":"u32","offset":8}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, TRANSPOSE_A: { type: "bool", value: 0 }, TRANSPOSE_B: { type: "bool", value: 0 }, VECTOR: { type: "u32", value: 1 }, UNITS: { type: "bool", value: 0 }, LANES: { type: "u32", value: 32 }, UNIT_ROWS: { type: "u32", value: 16 }, UNIT_COLS: { type: "u32", value: 16 }, UNIT_TERMS: { type: "u32", value: 16 }, PINNED: { type: "bool", value: 0 }, ROUNDED: { type: "bool", value: 0 }, ROW_SUBGROUPS: { type: "u32", value: 2 }, COL_SUBGROUPS: { type: "u32", value: 2 }, ROWS: { type: "u32", value: 2 }, COLS: { type: "u32", value: 2 }, DEPTH: { type: "u32", value: 16 } },
  unrolls: (v) => [v["ROWS"], v["COLS"], v["ROWS"], Math.floor((Math.floor(v["ROW_SUBGROUPS"] * (v["ROWS"] * v["UNIT_ROWS"]) * v["DEPTH"] / 4) + v["ROW_SUBGROUPS"] * v["COL_SUBGROUPS"] * v["LANES"] - 1) / (v["ROW_SUBGROUPS"] * v["COL_SUBGROUPS"] * v["LANES"])), Math.floor((Math.floor(v["DEPTH"] * (v["COL_SUBGROUPS"] * (v["COLS"] * v["UNIT_COLS"])) / 4) + v["ROW_SUBGROUPS"] * v["COL_SUBGROUPS"] * v["LANES"] - 1) / (v["ROW_SUBGROUPS"] * v["COL_SUBGROUPS"] * v["LANES"])), Math.floor((Math.floor(v["ROW_SUBGROUPS"] * (v["ROWS"] * v["UNIT_ROWS"]) * v["DEPTH"] / 4) + v["ROW_SUBGROUPS"] * v["COL_SUBGROUPS"] * v["LANES"] - 1) / (v["ROW_SUBGROUPS"] * v["COL_SUBGROUPS"] * v["LANES"])), Math.floor((Math.floor(v["DEPTH"] * (v["COL_SUBGROUPS"] * (v["COLS"] * v["UNIT_COLS"])) / 4) + v["ROW_SUBGROUPS"] * v["COL_SUBGROUPS"] * v["LANES"] - 1) / (v["ROW_SUBGROUPS"] * v["COL_SUBGROUPS"] * v["LANES"])), Math.floor((Math.floor(v["ROW_SUBGROUPS"] * (v["ROWS"] * v["UNIT_ROWS"]) * v["DEPTH"] / 4) + v["ROW_SUBGROUPS"] * v["COL_SUBGROUPS"] * v["LANES"] - 1) / (v["ROW_SUBGROUPS"] * v["COL_SUBGROUPS"] * v["LANES"])), Math.floor((Math.floor(v["DEPTH"] * (v["COL_SUBGROUPS"] * (v["COLS"] * v["UNIT_COLS"])) / 4) + v["ROW_SUBGROUPS"] * v["COL_SUBGROUPS"] * v["LANES"] - 1) / (v["ROW_SUBGROUPS"] * v["COL_SUBGROUPS"] * v["LANES"])), v["ROWS"], v["COLS"], Math.floor(4 / v["VECTOR"])],
  shapes: (v) => ({ a: v["rows"] * v["inner"], b: v["inner"] * v["cols"], y: v["rows"] * v["cols"] }),
  workgroups: (v) => Math.ceil(v["rows"] / (v["ROW_SUBGROUPS"] * v["ROWS"] * v["UNIT_ROWS"])) * Math.ceil(v["cols"] / (v["COL_SUBGROUPS"] * v["COLS"] * v["UNIT_COLS"])),
  flops: (v) => 2 * v["rows"] * v["cols"] * v["inner"],
  bytes: (v) => (4 - 2 * v["HALF"]) * (Math.ceil(v["rows"] / (v["ROW_SUBGROUPS"] * v["ROWS"] * v["UNIT_ROWS"])) * Math.ceil(v["cols"] / (v["COL_SUBGROUPS"] * v["COLS"] * v["UNIT_COLS"])) * Math.ceil(v["inner"] / v["DEPTH"]) * v["DEPTH"] * (v["ROW_SUBGROUPS"] * v["ROWS"] * v["UNIT_ROWS"] + v["COL_SUBGROUPS"] * v["COLS"] * v["UNIT_COLS"]) + v["rows"] * v["cols"]),
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
\n\
const TRANSPOSE_A: bool = false;\n\
const TRANSPOSE_B: bool = false;\n\
const VECTOR: u32 = 1u;\n\
const PIECES = 4u / VECTOR;\n\
const LEFT_TURNED = TRANSPOSE_A;\n\
const RIGHT_TURNED = TRANSPOSE_B;\n\
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
  rows: u32,\n\
  inner: u32,\n\
  cols: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> a: array<Stored>; //#vec4 @group(0) @binding(0) var<storage, read> a: array<vec4<Stored>>;\n\
@group(0) @binding(1) var<storage, read> b: array<Stored>; //#vec4 @group(0) @binding(1) var<storage, read> b: array<vec4<Stored>>;\n\
@group(0) @binding(2) var<storage, read_write> y: array<Stored>; //#vec4 @group(0) @binding(2) var<storage, read_write> y: array<vec4<Stored>>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
struct Sources {\n\
  a_at: array<u32, LEFT_LOADS>,\n\
  b_at: array<u32, RIGHT_LOADS>,\n\
}\n\
\n\
struct Round {\n\
  k: u32,\n\
  left: array<vec4<Stored>, LEFT_LOADS>,\n\
  right: array<vec4<Stored>, RIGHT_LOADS>,\n\
}\n\
\n\
fn load_round(k: u32, sources: ptr<function, Sources>, round: ptr<function, Round>) {\n\
  (*round).k = k;\n\
  //#unroll\n\
  for (var i = 0u; i < LEFT_LOADS; i++) {\n\
    let at = (*sources).a_at[i] + k * select(1u, params.rows, TRANSPOSE_A);\n\
    (*round).left[i] = vec4<Stored>(a[at], a[at + 1u], a[at + 2u], a[at + 3u]); //#vec4 (*round).left[i] = a[at / 4u];\n\
  }\n\
  //#unroll\n\
  for (var i = 0u; i < RIGHT_LOADS; i++) {\n\
    let at = (*sources).b_at[i] + k * select(params.cols, 1u, TRANSPOSE_B);\n\
    (*round).right[i] = vec4<Stored>(b[at], b[at + 1u], b[at + 2u], b[at + 3u]); //#vec4 (*round).right[i] = b[at / 4u];\n\
  }\n\
}\n\
\n\
fn counting(k: u32, place: Place, line_a_term: bool) -> vec4<bool> {\n\
  let along = vec4u(place.first) + select(vec4u(0u, 1u, 2u, 3u), vec4u(0u), VECTOR == 4u);\n\
  return k + select(along, vec4u(place.line), line_a_term) < vec4u(params.inner);\n\
}\n\
\n\
fn store_round(thread: u32, round: ptr<function, Round>) {\n\
  let k = (*round).k;\n\
  //#unroll\n\
  for (var i = 0u; i < LEFT_LOADS; i++) {\n\
    let number = i * THREADS + thread;\n\
    let counts = counting(k, left_place(number), TRANSPOSE_A);\n\
    store_left(number, select(vec4<Operand>(), vec4<Operand>((*round).left[i]), counts));\n\
  }\n\
  //#unroll\n\
  for (var i = 0u; i < RIGHT_LOADS; i++) {\n\
    let number = i * THREADS + thread;\n\
    let counts = counting(k, right_place(number), !TRANSPOSE_B);\n\
    store_right(number, select(vec4<Operand>(), vec4<Operand>((*round).right[i]), counts));\n\
  }\n\
}\n\
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
  let column_blocks = (params.cols + TILE_COLS - 1u) / TILE_COLS;\n\
  let index = workgroup_index(group, grid);\n\
  let first_row = index / column_blocks * TILE_ROWS;\n\
  let first_column = index % column_blocks * TILE_COLS;\n\
  if (first_row >= params.rows) {\n\
    return;\n\
  }\n\
\n\
  var sources: Sources;\n\
  //#unroll\n\
  for (var i = 0u; i < LEFT_LOADS; i++) {\n\
    let place = left_place(i * THREADS + thread);\n\
    let line = select(min(first_row + place.line, params.rows - 1u) * params.inner, place.line * params.rows, TRANSPOSE_A);\n\
    sources.a_at[i] = line + place.first + select(0u, first_row, TRANSPOSE_A);\n\
  }\n\
  //#unroll\n\
  for (var i = 0u; i < RIGHT_LOADS; i++) {\n\
    let place = right_place(i * THREADS + thread);\n\
    let line = select(place.line * params.cols, min(first_column + place.line, params.cols - 1u) * params.inner, TRANSPOSE_B);\n\
    sources.b_at[i] = line + place.first + select(first_column, 0u, TRANSPOSE_B);\n\
  }\n\
\n\
  var sums: Sums;\n\
  var round: Round;\n\
  load_round(0u, &sources, &round);\n\
  for (var k = 0u; k < params.inner; k += DEPTH) {\n\
    workgroupBarrier();\n\
    store_round(thread, &round);\n\
    workgroupBarrier();\n\
    if (k + DEPTH < params.inner) {\n\
      load_round(k + DEPTH, &sources, &round);\n\
    }\n\
    multiply_tiles(&sums, subgroup, lane);\n\
  }\n\
\n\
  let part = thread / LANES;\n\
  //#unroll\n\
  for (var r = 0u; r < ROWS; r++) {\n\
    //#unroll\n\
    for (var c = 0u; c < COLS; c++) {\n\
      workgroupBarrier();\n\
      store_sum(sums[r][c], results_of(subgroup), lane);\n\
      workgroupBarrier();\n\
      for (var v = lane; v < RESULT_VECTORS; v += LANES) {\n\
        let place = vec2u(first_row, first_column) + result_place(part, r, c, v);\n\
        let values = vec4<Stored>(result_vector(part, v));\n\
        //#unroll\n\
        for (var i = 0u; i < PIECES; i++) {\n\
          if (place.x < params.rows && place.y + i < params.cols) {\n\
            let at = place.x * params.cols + place.y + i;\n\
            y[at] = values[i]; //#vec4 y[at / 4u] = values;\n\
          }\n\
        }\n\
      }\n\
    }\n\
  }\n\
}\n\
",
};

/**
 * Matrix product in workgroup memory, either operand transposed: y[m, n] = sum_k op(a)[m, k] * op(b)[k, n]. For GPUs;
 * matmul is the form for software adapters and few rows.
 */
export const matmulTiled: KernelDefinition<"a" | "b" | "y", "rows" | "inner" | "cols", "HALF" | "ROW_THREADS" | "COL_THREADS" | "ROWS" | "COLS" | "DEPTH" | "TRANSPOSE_A" | "TRANSPOSE_B" | "VECTOR"> = {
  name: "matmulTiled",
  bindings: [{"name":"a","access":"read","element":"stored"}, {"name":"b","access":"read","element":"stored"}, {"name":"y","access":"read_write","element":"stored"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"inner","type":"u32","offset":4}, {"name":"cols","type":"u32","offset":8}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, ROW_THREADS: { type: "u32", value: 16 }, COL_THREADS: { type: "u32", value: 16 }, ROWS: { type: "u32", value: 4 }, COLS: { type: "u32", value: 4 }, DEPTH: { type: "u32", value: 16 }, TRANSPOSE_A: { type: "bool", value: 0 }, TRANSPOSE_B: { type: "bool", value: 0 }, VECTOR: { type: "u32", value: 1 } },
  unrolls: (v) => [v["ROWS"], 4, Math.floor(v["COLS"] / 4), v["ROWS"], Math.floor(v["COLS"] / 4), Math.floor((v["ROW_THREADS"] * v["ROWS"] * Math.floor(v["DEPTH"] / 4) + v["ROW_THREADS"] * v["COL_THREADS"] - 1) / (v["ROW_THREADS"] * v["COL_THREADS"])), Math.floor((v["DEPTH"] * Math.floor(v["COL_THREADS"] * v["COLS"] / 4) + v["ROW_THREADS"] * v["COL_THREADS"] - 1) / (v["ROW_THREADS"] * v["COL_THREADS"])), Math.floor((v["ROW_THREADS"] * v["ROWS"] * Math.floor(v["DEPTH"] / 4) + v["ROW_THREADS"] * v["COL_THREADS"] - 1) / (v["ROW_THREADS"] * v["COL_THREADS"])), Math.floor((v["DEPTH"] * Math.floor(v["COL_THREADS"] * v["COLS"] / 4) + v["ROW_THREADS"] * v["COL_THREADS"] - 1) / (v["ROW_THREADS"] * v["COL_THREADS"])), Math.floor((v["ROW_THREADS"] * v["ROWS"] * Math.floor(v["DEPTH"] / 4) + v["ROW_THREADS"] * v["COL_THREADS"] - 1) / (v["ROW_THREADS"] * v["COL_THREADS"])), Math.floor((v["DEPTH"] * Math.floor(v["COL_THREADS"] * v["COLS"] / 4) + v["ROW_THREADS"] * v["COL_THREADS"] - 1) / (v["ROW_THREADS"] * v["COL_THREADS"])), v["ROWS"], Math.floor(v["COLS"] / 4), Math.floor(4 / v["VECTOR"])],
  shapes: (v) => ({ a: v["rows"] * v["inner"], b: v["inner"] * v["cols"], y: v["rows"] * v["cols"] }),
  workgroups: (v) => Math.ceil(v["rows"] / (v["ROW_THREADS"] * v["ROWS"])) * Math.ceil(v["cols"] / (v["COL_THREADS"] * v["COLS"])),
  flops: (v) => 2 * v["rows"] * v["cols"] * v["inner"],
  bytes: (v) => (4 - 2 * v["HALF"]) * (Math.ceil(v["rows"] / (v["ROW_THREADS"] * v["ROWS"])) * Math.ceil(v["cols"] / (v["COL_THREADS"] * v["COLS"])) * Math.ceil(v["inner"] / v["DEPTH"]) * v["DEPTH"] * (v["ROW_THREADS"] * v["ROWS"] + v["COL_THREADS"] * v["COLS"]) + v["rows"] * v["cols"]),
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
\n\
const ROW_THREADS: u32 = 16u;\n\
const COL_THREADS: u32 = 16u;\n\
const ROWS: u32 = 4u;\n\
const COLS: u32 = 4u;\n\
const DEPTH: u32 = 16u;\n\
const TRANSPOSE_A: bool = false;\n\
const TRANSPOSE_B: bool = false;\n\
const VECTOR: u32 = 1u;\n\
const PIECES = 4u / VECTOR;\n\
const LEFT_STRIDE = DEPTH / 4u + select(0u, 1u, TRANSPOSE_A);\n\
const RIGHT_STRIDE = COL_THREADS * COLS / 4u + select(0u, 1u, TRANSPOSE_B);\n\
const THREADS = ROW_THREADS * COL_THREADS;\n\
const TILE_ROWS = ROW_THREADS * ROWS;\n\
const TILE_COLS = COL_THREADS * COLS;\n\
const TERM_VECTORS = DEPTH / 4u;\n\
const COL_VECTORS = COLS / 4u;\n\
const TILE_COL_VECTORS = TILE_COLS / 4u;\n\
const LEFT_VECTORS = TILE_ROWS * TERM_VECTORS;\n\
const RIGHT_VECTORS = DEPTH * TILE_COL_VECTORS;\n\
const LEFT_LOADS = (LEFT_VECTORS + THREADS - 1u) / THREADS;\n\
const RIGHT_LOADS = (RIGHT_VECTORS + THREADS - 1u) / THREADS;\n\
\n\
var<workgroup> left_tile: array<vec4f, TILE_ROWS * LEFT_STRIDE>;\n\
var<workgroup> right_tile: array<vec4f, DEPTH * RIGHT_STRIDE>;\n\
\n\
alias Sums = array<array<vec4f, COL_VECTORS>, ROWS>;\n\
\n\
fn multiply_tiles(sums: ptr<function, Sums>, thread: vec3u) {\n\
  let x = thread.x % COL_THREADS;\n\
  let y = thread.y % ROW_THREADS;\n\
  for (var t = 0u; t < TERM_VECTORS; t++) {\n\
    var left: array<vec4f, ROWS>;\n\
    //#unroll\n\
    for (var r = 0u; r < ROWS; r++) {\n\
      left[r] = left_tile[(r * ROW_THREADS + y) * LEFT_STRIDE + t];\n\
    }\n\
    //#unroll\n\
    for (var k = 0u; k < 4u; k++) {\n\
      var right: array<vec4f, COL_VECTORS>;\n\
      //#unroll\n\
      for (var c = 0u; c < COL_VECTORS; c++) {\n\
        right[c] = right_tile[(4u * t + k) * RIGHT_STRIDE + c * COL_THREADS + x];\n\
      }\n\
      //#unroll\n\
      for (var r = 0u; r < ROWS; r++) {\n\
        //#unroll\n\
        for (var c = 0u; c < COL_VECTORS; c++) {\n\
          (*sums)[r][c] = fma(vec4f(left[r][k]), right[c], (*sums)[r][c]);\n\
        }\n\
      }\n\
    }\n\
  }\n\
}\n\
\n\
struct Params {\n\
  rows: u32,\n\
  inner: u32,\n\
  cols: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> a: array<Stored>; //#vec4 @group(0) @binding(0) var<storage, read> a: array<vec4<Stored>>;\n\
@group(0) @binding(1) var<storage, read> b: array<Stored>; //#vec4 @group(0) @binding(1) var<storage, read> b: array<vec4<Stored>>;\n\
@group(0) @binding(2) var<storage, read_write> y: array<Stored>; //#vec4 @group(0) @binding(2) var<storage, read_write> y: array<vec4<Stored>>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
fn left_place(number: u32) -> vec2u {\n\
  return select(\n\
    vec2u(number / TERM_VECTORS, number % TERM_VECTORS),\n\
    vec2u(number % TILE_ROWS, number / TILE_ROWS),\n\
    TRANSPOSE_A,\n\
  );\n\
}\n\
\n\
fn right_place(number: u32) -> vec2u {\n\
  return select(\n\
    vec2u(number / TILE_COL_VECTORS, number % TILE_COL_VECTORS),\n\
    vec2u(number % DEPTH, number / DEPTH),\n\
    TRANSPOSE_B,\n\
  );\n\
}\n\
\n\
fn strides() -> vec2u {\n\
  return vec2u(select(1u, params.rows, TRANSPOSE_A), select(params.cols, 1u, TRANSPOSE_B));\n\
}\n\
\n\
struct Sources {\n\
  a_at: array<u32, LEFT_LOADS>,\n\
  b_at: array<vec4u, RIGHT_LOADS>,\n\
}\n\
\n\
struct Round {\n\
  k: u32,\n\
  left: array<vec4<Stored>, LEFT_LOADS>,\n\
  right: array<vec4<Stored>, RIGHT_LOADS>,\n\
}\n\
\n\
fn load_round(k: u32, thread: u32, sources: ptr<function, Sources>, round: ptr<function, Round>) {\n\
  let across = strides();\n\
  (*round).k = k;\n\
  //#unroll\n\
  for (var i = 0u; i < LEFT_LOADS; i++) {\n\
    let at = (*sources).a_at[i] + k * across.x;\n\
    (*round).left[i] = vec4<Stored>(a[at], a[at + across.x], a[at + 2u * across.x], a[at + 3u * across.x]); //#vec4 (*round).left[i] = a[at / 4u];\n\
  }\n\
  //#unroll\n\
  for (var i = 0u; i < RIGHT_LOADS; i++) {\n\
    let at = (*sources).b_at[i] + k * across.y;\n\
    (*round).right[i] = vec4<Stored>(b[at.x], b[at.y], b[at.z], b[at.w]); //#vec4 (*round).right[i] = b[at.x / 4u];\n\
  }\n\
}\n\
\n\
fn store_round(thread: u32, round: ptr<function, Round>) {\n\
  let k = (*round).k;\n\
  //#unroll\n\
  for (var i = 0u; i < LEFT_LOADS; i++) {\n\
    let place = left_place(i * THREADS + thread);\n\
    if (LEFT_VECTORS % THREADS == 0u || i * THREADS + thread < LEFT_VECTORS) {\n\
      let terms = vec4u(k + 4u * place.y) + select(vec4u(0u, 1u, 2u, 3u), vec4u(0u), VECTOR == 4u);\n\
      left_tile[place.x * LEFT_STRIDE + place.y] = select(vec4f(0.0), vec4f((*round).left[i]), terms < vec4u(params.inner));\n\
    }\n\
  }\n\
  //#unroll\n\
  for (var i = 0u; i < RIGHT_LOADS; i++) {\n\
    let place = right_place(i * THREADS + thread);\n\
    if (RIGHT_VECTORS % THREADS == 0u || i * THREADS + thread < RIGHT_VECTORS) {\n\
      right_tile[place.x * RIGHT_STRIDE + place.y] = select(vec4f(0.0), vec4f((*round).right[i]), k + place.x < params.inner);\n\
    }\n\
  }\n\
}\n\
\n\
@compute @workgroup_size(COL_THREADS, ROW_THREADS)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let column_blocks = (params.cols + TILE_COLS - 1u) / TILE_COLS;\n\
  let index = workgroup_index(group, grid);\n\
  let first_row = index / column_blocks * TILE_ROWS;\n\
  let first_column = index % column_blocks * TILE_COLS;\n\
  if (first_row >= params.rows) {\n\
    return;\n\
  }\n\
  let thread = local.y * COL_THREADS + local.x;\n\
  let across = strides();\n\
\n\
  var sources: Sources;\n\
  //#unroll\n\
  for (var i = 0u; i < LEFT_LOADS; i++) {\n\
    let place = left_place(i * THREADS + thread);\n\
    let row = min(first_row + place.x, params.rows - 1u);\n\
    sources.a_at[i] = select(row * params.inner, row, TRANSPOSE_A) + 4u * place.y * across.x;\n\
  }\n\
  //#unroll\n\
  for (var i = 0u; i < RIGHT_LOADS; i++) {\n\
    let place = right_place(i * THREADS + thread);\n\
    let column = first_column + 4u * place.y;\n\
    let columns = select(\n\
      min(vec4u(column) + vec4u(0u, 1u, 2u, 3u), vec4u(params.cols - 1u)),\n\
      vec4u(min(column, max(params.cols, 4u) - 4u)) + vec4u(0u, 1u, 2u, 3u),\n\
      VECTOR == 4u,\n\
    );\n\
    sources.b_at[i] = columns * select(1u, params.inner, TRANSPOSE_B) + place.x * across.y;\n\
  }\n\
\n\
  var sums: Sums;\n\
  var round: Round;\n\
  load_round(0u, thread, &sources, &round);\n\
  for (var k = 0u; k < params.inner; k += DEPTH) {\n\
    workgroupBarrier();\n\
    store_round(thread, &round);\n\
    workgroupBarrier();\n\
    if (k + DEPTH < params.inner) {\n\
      load_round(k + DEPTH, thread, &sources, &round);\n\
    }\n\
    multiply_tiles(&sums, local);\n\
  }\n\
\n\
  //#unroll\n\
  for (var r = 0u; r < ROWS; r++) {\n\
    let row = first_row + r * ROW_THREADS + local.y;\n\
    //#unroll\n\
    for (var c = 0u; c < COL_VECTORS; c++) {\n\
      let column = first_column + 4u * (c * COL_THREADS + local.x);\n\
      //#unroll\n\
      for (var i = 0u; i < PIECES; i++) {\n\
        if (row < params.rows && column + i < params.cols) {\n\
          let at = row * params.cols + column + i;\n\
          y[at] = Stored(sums[r][c][i]); //#vec4 y[at / 4u] = vec4<Stored>(sums[r][c]);\n\
        }\n\
      }\n\
    }\n\
  }\n\
}\n\
",
};

/**
 * Matrix product, either operand transposed: y[m, n] = sum_k op(a)[m, k] * op(b)[k, n].
 */
export const matmul: KernelDefinition<"a" | "b" | "y", "rows" | "inner" | "cols", "HALF" | "LANES" | "GROUPS" | "ROWS" | "COLS" | "SHARE" | "VECTOR" | "TRANSPOSE_A" | "TRANSPOSE_B"> = {
  name: "matmul",
  bindings: [{"name":"a","access":"read","element":"stored"}, {"name":"b","access":"read","element":"stored"}, {"name":"y","access":"read_write","element":"stored"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"inner","type":"u32","offset":4}, {"name":"cols","type":"u32","offset":8}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 8 }, GROUPS: { type: "u32", value: 1 }, ROWS: { type: "u32", value: 8 }, COLS: { type: "u32", value: 4 }, SHARE: { type: "u32", value: 1 }, VECTOR: { type: "u32", value: 1 }, TRANSPOSE_A: { type: "bool", value: 0 }, TRANSPOSE_B: { type: "bool", value: 0 } },
  unrolls: (v) => [Math.floor(v["ROWS"] / v["SHARE"]), Math.floor(v["COLS"] / v["VECTOR"]), Math.floor(v["COLS"] / v["VECTOR"]), v["VECTOR"], Math.floor(v["ROWS"] / v["SHARE"]), v["ROWS"], v["COLS"], Math.floor(v["ROWS"] / Math.min(v["ROWS"], 8 + v["ROWS"] * (v["ROWS"] % 8))), v["COLS"], Math.min(v["ROWS"], 8 + v["ROWS"] * (v["ROWS"] % 8))],
  shapes: (v) => ({ a: v["rows"] * v["inner"], b: v["inner"] * v["cols"], y: v["rows"] * v["cols"] }),
  workgroups: (v) => Math.ceil(v["rows"] / (v["ROWS"] * v["GROUPS"])) * Math.ceil(v["cols"] / (v["COLS"] * v["LANES"])),
  flops: (v) => 2 * v["rows"] * v["cols"] * v["inner"],
  bytes: (v) => (4 - 2 * v["HALF"]) * (Math.ceil(v["rows"] / (v["ROWS"] * v["GROUPS"])) * Math.ceil(v["cols"] / (v["COLS"] * v["LANES"])) * v["inner"] * (v["ROWS"] * v["GROUPS"] + v["COLS"] * v["LANES"]) + v["rows"] * v["cols"]),
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
fn from_lane(value: f32, lane: u32) -> f32 {\n\
  return value; //#subgroups return subgroupShuffle(value, lane);\n\
}\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
\n\
const LANES: u32 = 8u;\n\
const GROUPS: u32 = 1u;\n\
const ROWS: u32 = 8u;\n\
const COLS: u32 = 4u;\n\
const SHARE: u32 = 1u;\n\
const VECTOR: u32 = 1u;\n\
const OWN = ROWS / SHARE;\n\
const VECTORS = COLS / VECTOR;\n\
const ROUNDS = min(ROWS, 8u + ROWS * (ROWS % 8u));\n\
const ROWS_AT_ONCE = ROWS / ROUNDS;\n\
const TRANSPOSE_A: bool = false;\n\
const TRANSPOSE_B: bool = false;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  inner: u32,\n\
  cols: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> a: array<Stored>;\n\
@group(0) @binding(1) var<storage, read> b: array<Stored>; //#vec4 @group(0) @binding(1) var<storage, read> b: array<vec4<Stored>>;\n\
@group(0) @binding(2) var<storage, read_write> y: array<Stored>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES, GROUPS)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
  //#subgroups @builtin(subgroup_invocation_id) subgroup_lane: u32,\n\
) {\n\
  let own_lane = local.x; //#subgroups let own_lane = subgroup_lane;\n\
  let column_blocks = (params.cols + COLS * LANES - 1u) / (COLS * LANES);\n\
  let index = workgroup_index(group, grid);\n\
  let first_row = index / column_blocks * GROUPS * ROWS;\n\
  if (first_row >= params.rows) {\n\
    return;\n\
  }\n\
  let row_start = first_row + local.y % GROUPS * ROWS;\n\
  let column_start = index % column_blocks * COLS * LANES + own_lane * VECTOR;\n\
\n\
  var own_at: array<u32, OWN>;\n\
  //#unroll\n\
  for (var i = 0u; i < OWN; i++) {\n\
    let row = min(row_start + i * SHARE + own_lane % SHARE, params.rows - 1u);\n\
    own_at[i] = select(row * params.inner, row, TRANSPOSE_A);\n\
  }\n\
  var b_at: array<u32, VECTORS>;\n\
  //#unroll\n\
  for (var v = 0u; v < VECTORS; v++) {\n\
    let column = min(column_start + v * VECTOR * LANES, params.cols - VECTOR);\n\
    b_at[v] = select(column, column * params.inner, TRANSPOSE_B);\n\
  }\n\
  let a_step = select(1u, params.rows, TRANSPOSE_A);\n\
  let b_step = select(params.cols, 1u, TRANSPOSE_B);\n\
\n\
  var sums: array<array<f32, COLS>, ROWS>;\n\
  for (var k = 0u; k < params.inner; k++) {\n\
    var column_values: array<f32, COLS>;\n\
    //#unroll\n\
    for (var v = 0u; v < VECTORS; v++) {\n\
      let at = b_at[v] + k * b_step;\n\
      let loaded = vec4f(f32(b[at])); //#vec4 let loaded = vec4f(b[at / 4u]);\n\
      //#unroll\n\
      for (var i = 0u; i < VECTOR; i++) {\n\
        column_values[v * VECTOR + i] = loaded[i];\n\
      }\n\
    }\n\
    var own: array<f32, OWN>;\n\
    //#unroll\n\
    for (var i = 0u; i < OWN; i++) {\n\
      own[i] = f32(a[own_at[i] + k * a_step]);\n\
    }\n\
    //#unroll\n\
    for (var r = 0u; r < ROWS; r++) {\n\
      let value = from_lane(own[r / SHARE], r % SHARE);\n\
      //#unroll\n\
      for (var c = 0u; c < COLS; c++) {\n\
        sums[r][c] = fma(value, column_values[c], sums[r][c]);\n\
      }\n\
    }\n\
  }\n\
\n\
  for (var round = 0u; round < ROUNDS; round++) {\n\
    //#unroll\n\
    for (var i = 0u; i < ROWS_AT_ONCE; i++) {\n\
      let row = row_start + round * ROWS_AT_ONCE + i;\n\
      //#unroll\n\
      for (var c = 0u; c < COLS; c++) {\n\
        let column = column_start + c / VECTOR * VECTOR * LANES + c % VECTOR;\n\
        var value = 0.0;\n\
        //#unroll\n\
        for (var r = 0u; r < ROUNDS; r++) {\n\
          value = select(value, sums[r * ROWS_AT_ONCE + i][c], r == round);\n\
        }\n\
        if (row < params.rows && column < params.cols) {\n\
          y[row * params.cols + column] = Stored(value);\n\
        }\n\
      }\n\
    }\n\
  }\n\
}\n\
",
};

/**
 * Gradient of max-pool: every pixel collects dy from the windows that it won.
 */
export const maxPoolGradient: KernelDefinition<"dy" | "winners" | "dx", "batch" | "height" | "width" | "out_height" | "out_width" | "channels", "HALF" | "LANES" | "KERNEL" | "STRIDE" | "PADDING"> = {
  name: "maxPoolGradient",
  bindings: [{"name":"dy","access":"read","element":"stored"}, {"name":"winners","access":"read","element":"u32"}, {"name":"dx","access":"read_write","element":"stored"}],
  params: [{"name":"batch","type":"u32","offset":0}, {"name":"height","type":"u32","offset":4}, {"name":"width","type":"u32","offset":8}, {"name":"out_height","type":"u32","offset":12}, {"name":"out_width","type":"u32","offset":16}, {"name":"channels","type":"u32","offset":20}],
  paramsSize: 32,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 64 }, KERNEL: { type: "u32", value: 3 }, STRIDE: { type: "u32", value: 2 }, PADDING: { type: "u32", value: 1 } },
  unrolls: () => [],
  shapes: (v) => ({ dy: v["batch"] * v["out_height"] * v["out_width"] * v["channels"], winners: v["batch"] * v["out_height"] * v["out_width"] * v["channels"], dx: v["batch"] * v["height"] * v["width"] * v["channels"] }),
  workgroups: (v) => Math.ceil(v["batch"] * v["height"] * v["width"] * v["channels"] / v["LANES"]),
  flops: (v) => v["batch"] * v["out_height"] * v["out_width"] * v["channels"] * v["KERNEL"] * v["KERNEL"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
\n\
const LANES: u32 = 64u;\n\
const KERNEL: u32 = 3u;\n\
const STRIDE: u32 = 2u;\n\
const PADDING: u32 = 1u;\n\
\n\
struct Params {\n\
  batch: u32,\n\
  height: u32,\n\
  width: u32,\n\
  out_height: u32,\n\
  out_width: u32,\n\
  channels: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> dy: array<Stored>;\n\
@group(0) @binding(1) var<storage, read> winners: array<u32>;\n\
@group(0) @binding(2) var<storage, read_write> dx: array<Stored>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let i = workgroup_index(group, grid) * LANES + local.x;\n\
  if (i >= params.batch * params.height * params.width * params.channels) {\n\
    return;\n\
  }\n\
  let channel = i % params.channels;\n\
  let column = i / params.channels % params.width;\n\
  let row = i / params.channels / params.width % params.height;\n\
  let image = i / params.channels / params.width / params.height;\n\
  let oy_begin = select(0u, (row + PADDING - KERNEL) / STRIDE + 1u, row + PADDING >= KERNEL);\n\
  let oy_end = min((row + PADDING) / STRIDE + 1u, params.out_height);\n\
  let ox_begin = select(0u, (column + PADDING - KERNEL) / STRIDE + 1u, column + PADDING >= KERNEL);\n\
  let ox_end = min((column + PADDING) / STRIDE + 1u, params.out_width);\n\
  var sum = 0.0;\n\
  for (var oy = oy_begin; oy < oy_end; oy++) {\n\
    for (var ox = ox_begin; ox < ox_end; ox++) {\n\
      let window = ((image * params.out_height + oy) * params.out_width + ox) * params.channels + channel;\n\
      sum += select(0.0, f32(dy[window]), winners[window] == row * params.width + column);\n\
    }\n\
  }\n\
  dx[i] = Stored(sum);\n\
}\n\
",
};

/**
 * Largest value of each KERNEL x KERNEL window, the first of equal ones, and where it was: y[n, oy, ox, channel] and
 * winners[n, oy, ox, channel] = row * width + column of the winner.
 */
export const maxPool: KernelDefinition<"x" | "y" | "winners", "batch" | "height" | "width" | "out_height" | "out_width" | "channels", "HALF" | "LANES" | "KERNEL" | "STRIDE" | "PADDING"> = {
  name: "maxPool",
  bindings: [{"name":"x","access":"read","element":"stored"}, {"name":"y","access":"read_write","element":"stored"}, {"name":"winners","access":"read_write","element":"u32"}],
  params: [{"name":"batch","type":"u32","offset":0}, {"name":"height","type":"u32","offset":4}, {"name":"width","type":"u32","offset":8}, {"name":"out_height","type":"u32","offset":12}, {"name":"out_width","type":"u32","offset":16}, {"name":"channels","type":"u32","offset":20}],
  paramsSize: 32,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 64 }, KERNEL: { type: "u32", value: 3 }, STRIDE: { type: "u32", value: 2 }, PADDING: { type: "u32", value: 1 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["batch"] * v["height"] * v["width"] * v["channels"], y: v["batch"] * v["out_height"] * v["out_width"] * v["channels"], winners: v["batch"] * v["out_height"] * v["out_width"] * v["channels"] }),
  workgroups: (v) => Math.ceil(v["batch"] * v["out_height"] * v["out_width"] * v["channels"] / v["LANES"]),
  flops: () => 0,
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
\n\
const LANES: u32 = 64u;\n\
const KERNEL: u32 = 3u;\n\
const STRIDE: u32 = 2u;\n\
const PADDING: u32 = 1u;\n\
\n\
struct Params {\n\
  batch: u32,\n\
  height: u32,\n\
  width: u32,\n\
  out_height: u32,\n\
  out_width: u32,\n\
  channels: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<Stored>;\n\
@group(0) @binding(1) var<storage, read_write> y: array<Stored>;\n\
@group(0) @binding(2) var<storage, read_write> winners: array<u32>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let i = workgroup_index(group, grid) * LANES + local.x;\n\
  if (i >= params.batch * params.out_height * params.out_width * params.channels) {\n\
    return;\n\
  }\n\
  let channel = i % params.channels;\n\
  let ox = i / params.channels % params.out_width;\n\
  let oy = i / params.channels / params.out_width % params.out_height;\n\
  let image = i / params.channels / params.out_width / params.out_height;\n\
  let row_begin = max(oy * STRIDE, PADDING) - PADDING;\n\
  let row_end = min(oy * STRIDE + KERNEL - PADDING, params.height);\n\
  let column_begin = max(ox * STRIDE, PADDING) - PADDING;\n\
  let column_end = min(ox * STRIDE + KERNEL - PADDING, params.width);\n\
  var winner = row_begin * params.width + column_begin;\n\
  var largest = f32(x[(image * params.height * params.width + winner) * params.channels + channel]);\n\
  for (var row = row_begin; row < row_end; row++) {\n\
    for (var column = column_begin; column < column_end; column++) {\n\
      let place = row * params.width + column;\n\
      let value = f32(x[(image * params.height * params.width + place) * params.channels + channel]);\n\
      if (value > largest) {\n\
        largest = value;\n\
        winner = place;\n\
      }\n\
    }\n\
  }\n\
  y[i] = Stored(largest);\n\
  winners[i] = winner;\n\
}\n\
",
};

/**
 * Mean over the columns of their standard deviation: y = sum_c sqrt(variance[c]) / cols. One thread.
 * `statistics` holds the means, then the variances; `elements` is 1.
 */
export const meanStandardDeviation: KernelDefinition<"statistics" | "y", "elements" | "cols", "LANES"> = {
  name: "meanStandardDeviation",
  bindings: [{"name":"statistics","access":"read","element":"f32"}, {"name":"y","access":"read_write","element":"f32"}],
  params: [{"name":"elements","type":"u32","offset":0}, {"name":"cols","type":"u32","offset":4}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 } },
  unrolls: () => [],
  shapes: (v) => ({ statistics: 2 * v["cols"], y: v["elements"] }),
  workgroups: (v) => Math.ceil(v["elements"] / v["LANES"]),
  flops: (v) => 2 * v["cols"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
\n\
struct Params {\n\
  elements: u32,\n\
  cols: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> statistics: array<f32>;\n\
@group(0) @binding(1) var<storage, read_write> y: array<f32>;\n\
@group(0) @binding(2) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let i = workgroup_index(group, grid) * LANES + local.x;\n\
  if (i >= params.elements) {\n\
    return;\n\
  }\n\
  var sum = 0.0;\n\
  for (var c = 0u; c < params.cols; c++) {\n\
    sum += sqrt(max(statistics[params.cols + c], 0.0));\n\
  }\n\
  y[i] = sum / f32(params.cols);\n\
}\n\
",
};

/**
 * Mean of all elements: y = sum_i x[i] / elements. One workgroup.
 */
export const mean: KernelDefinition<"x" | "y", "elements", "HALF" | "LANES"> = {
  name: "mean",
  bindings: [{"name":"x","access":"read","element":"stored"}, {"name":"y","access":"read_write","element":"f32"}],
  params: [{"name":"elements","type":"u32","offset":0}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 64 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["elements"], y: 1 }),
  workgroups: () => 1,
  flops: (v) => v["elements"],
  source: "var<workgroup> reduced: array<f32, LANES>;\n\
\n\
fn workgroup_sum(lane: u32, value: f32) -> f32 {\n\
  workgroupBarrier();\n\
  reduced[lane] = value;\n\
  workgroupBarrier();\n\
  for (var half = LANES / 2u; half > 0u; half /= 2u) {\n\
    if (lane < half) {\n\
      reduced[lane] += reduced[lane + half];\n\
    }\n\
    workgroupBarrier();\n\
  }\n\
  return reduced[0];\n\
}\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
\n\
const LANES: u32 = 64u;\n\
\n\
struct Params {\n\
  elements: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<Stored>;\n\
@group(0) @binding(1) var<storage, read_write> y: array<f32>;\n\
@group(0) @binding(2) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(@builtin(local_invocation_id) local: vec3u) {\n\
  var sum = 0.0;\n\
  for (var i = local.x; i < params.elements; i += LANES) {\n\
    sum += f32(x[i]);\n\
  }\n\
  let total = workgroup_sum(local.x, sum);\n\
  if (local.x == 0u) {\n\
    y[0] = total / f32(params.elements);\n\
  }\n\
}\n\
",
};

/**
 * The largest of each row and its column, of a matrix that comes in panels of columns: of `count` rows, the first of which is row
 * first_row, and of a panel that begins with column first_column. With `continues`, what the panels before gave is there, and goes on
 * from there. Of equal ones the first column counts; where nothing can be compared (NaN), the column is 2^32 - 1. A workgroup a row.
 */
export const nearestColumns: KernelDefinition<"x" | "values" | "columns", "rows" | "first_row" | "count" | "first_column" | "width" | "continues", "LANES" | "LOWEST" | "NO_COLUMN"> = {
  name: "nearestColumns",
  bindings: [{"name":"x","access":"read","element":"f32"}, {"name":"values","access":"read_write","element":"f32"}, {"name":"columns","access":"read_write","element":"u32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"first_row","type":"u32","offset":4}, {"name":"count","type":"u32","offset":8}, {"name":"first_column","type":"u32","offset":12}, {"name":"width","type":"u32","offset":16}, {"name":"continues","type":"u32","offset":20}],
  paramsSize: 32,
  constants: { LANES: { type: "u32", value: 8 }, LOWEST: { type: "f32", value: -3.4e+38 }, NO_COLUMN: { type: "u32", value: 4294967295 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["count"] * v["width"], values: v["rows"], columns: v["rows"] }),
  workgroups: (v) => v["count"],
  flops: () => 0,
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
\n\
const LANES: u32 = 8u;\n\
const LOWEST: f32 = -3.4e38;\n\
const NO_COLUMN: u32 = 4294967295u;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  first_row: u32,\n\
  count: u32,\n\
  first_column: u32,\n\
  width: u32,\n\
  continues: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<f32>;\n\
@group(0) @binding(1) var<storage, read_write> values: array<f32>;\n\
@group(0) @binding(2) var<storage, read_write> columns: array<u32>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
var<workgroup> lane_values: array<f32, LANES>;\n\
var<workgroup> lane_columns: array<u32, LANES>;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let row = workgroup_index(group, grid);\n\
  if (row >= params.count) {\n\
    return;\n\
  }\n\
  let start = row * params.width;\n\
  var largest = LOWEST;\n\
  var nearest = NO_COLUMN;\n\
  for (var c = local.x; c < params.width; c += LANES) {\n\
    let value = x[start + c];\n\
    if (value > largest) {\n\
      largest = value;\n\
      nearest = params.first_column + c;\n\
    }\n\
  }\n\
  lane_values[local.x] = largest;\n\
  lane_columns[local.x] = nearest;\n\
  workgroupBarrier();\n\
  if (local.x > 0u) {\n\
    return;\n\
  }\n\
  let at = params.first_row + row;\n\
  if (params.continues == 1u) {\n\
    largest = values[at];\n\
    nearest = columns[at];\n\
  } else {\n\
    largest = LOWEST;\n\
    nearest = NO_COLUMN;\n\
  }\n\
  for (var lane = 0u; lane < LANES; lane++) {\n\
    let value = lane_values[lane];\n\
    if (value > largest || (value == largest && lane_columns[lane] < nearest)) {\n\
      largest = value;\n\
      nearest = lane_columns[lane];\n\
    }\n\
  }\n\
  values[at] = largest;\n\
  columns[at] = nearest;\n\
}\n\
",
};

/**
 * Gradient of normalize-rows: dx = (dy - y * (y . dy)) / norm, and dy / EPSILON where the norm was below EPSILON.
 * A workgroup a row.
 */
export const normalizeRowsGradient: KernelDefinition<"y" | "norms" | "dy" | "dx", "rows" | "cols", "LANES" | "EPSILON"> = {
  name: "normalizeRowsGradient",
  bindings: [{"name":"y","access":"read","element":"f32"}, {"name":"norms","access":"read","element":"f32"}, {"name":"dy","access":"read","element":"f32"}, {"name":"dx","access":"read_write","element":"f32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"cols","type":"u32","offset":4}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 8 }, EPSILON: { type: "f32", value: 1e-12 } },
  unrolls: () => [],
  shapes: (v) => ({ y: v["rows"] * v["cols"], norms: v["rows"], dy: v["rows"] * v["cols"], dx: v["rows"] * v["cols"] }),
  workgroups: (v) => v["rows"],
  flops: (v) => 5 * v["rows"] * v["cols"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
var<workgroup> reduced: array<f32, LANES>;\n\
\n\
fn workgroup_sum(lane: u32, value: f32) -> f32 {\n\
  workgroupBarrier();\n\
  reduced[lane] = value;\n\
  workgroupBarrier();\n\
  for (var half = LANES / 2u; half > 0u; half /= 2u) {\n\
    if (lane < half) {\n\
      reduced[lane] += reduced[lane + half];\n\
    }\n\
    workgroupBarrier();\n\
  }\n\
  return reduced[0];\n\
}\n\
\n\
const LANES: u32 = 8u;\n\
const EPSILON: f32 = 0.000000000001;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  cols: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> y: array<f32>;\n\
@group(0) @binding(1) var<storage, read> norms: array<f32>;\n\
@group(0) @binding(2) var<storage, read> dy: array<f32>;\n\
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;\n\
@group(0) @binding(4) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let row = workgroup_index(group, grid);\n\
  if (row >= params.rows) {\n\
    return;\n\
  }\n\
  var dot = 0.0;\n\
  for (var c = local.x; c < params.cols; c += LANES) {\n\
    dot = fma(y[row * params.cols + c], dy[row * params.cols + c], dot);\n\
  }\n\
  dot = workgroup_sum(local.x, dot);\n\
  let norm = norms[row];\n\
  let along = select(dot, 0.0, norm < EPSILON);\n\
  let divisor = max(norm, EPSILON);\n\
  for (var c = local.x; c < params.cols; c += LANES) {\n\
    let i = row * params.cols + c;\n\
    dx[i] = (dy[i] - y[i] * along) / divisor;\n\
  }\n\
}\n\
",
};

/**
 * Rows of length 1: y[row] = x[row] / max(|x[row]|, EPSILON), and norms[row] = |x[row]|. A workgroup a row.
 */
export const normalizeRows: KernelDefinition<"x" | "y" | "norms", "rows" | "cols", "LANES" | "EPSILON"> = {
  name: "normalizeRows",
  bindings: [{"name":"x","access":"read","element":"f32"}, {"name":"y","access":"read_write","element":"f32"}, {"name":"norms","access":"read_write","element":"f32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"cols","type":"u32","offset":4}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 8 }, EPSILON: { type: "f32", value: 1e-12 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["rows"] * v["cols"], y: v["rows"] * v["cols"], norms: v["rows"] }),
  workgroups: (v) => v["rows"],
  flops: (v) => 3 * v["rows"] * v["cols"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
var<workgroup> reduced: array<f32, LANES>;\n\
\n\
fn workgroup_sum(lane: u32, value: f32) -> f32 {\n\
  workgroupBarrier();\n\
  reduced[lane] = value;\n\
  workgroupBarrier();\n\
  for (var half = LANES / 2u; half > 0u; half /= 2u) {\n\
    if (lane < half) {\n\
      reduced[lane] += reduced[lane + half];\n\
    }\n\
    workgroupBarrier();\n\
  }\n\
  return reduced[0];\n\
}\n\
\n\
const LANES: u32 = 8u;\n\
const EPSILON: f32 = 0.000000000001;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  cols: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<f32>;\n\
@group(0) @binding(1) var<storage, read_write> y: array<f32>;\n\
@group(0) @binding(2) var<storage, read_write> norms: array<f32>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let row = workgroup_index(group, grid);\n\
  if (row >= params.rows) {\n\
    return;\n\
  }\n\
  var squares = 0.0;\n\
  for (var c = local.x; c < params.cols; c += LANES) {\n\
    let value = x[row * params.cols + c];\n\
    squares = fma(value, value, squares);\n\
  }\n\
  let norm = sqrt(workgroup_sum(local.x, squares));\n\
  let divisor = max(norm, EPSILON);\n\
  for (var c = local.x; c < params.cols; c += LANES) {\n\
    y[row * params.cols + c] = x[row * params.cols + c] / divisor;\n\
  }\n\
  if (local.x == 0u) {\n\
    norms[row] = norm;\n\
  }\n\
}\n\
",
};

/**
 * Second pass of NT-Xent with two views of each image: puts the runs of negatives of each row of a block and its positive together.
 * Of each anchor, `anchors` holds the reciprocal of its norm, and gets
 * - the log-sum-exp lse[i] = log sum_{j != i} exp(s[i, j]),
 * - its pull (see lib/slope.wgsl): what its positive lacks, 1 - p[i, positive] with p[i, j] = exp(s[i, j] - lse[i]), from the negatives
 *   alone, for where the loss is small, a difference from 1 would be all rounding.
 * losses[first + i] = lse[i] - s[i, positive of i], and correct[first + i] says whether the positive's logit is larger than every
 * negative's (contrastive top-1 accuracy; a tie does not count, so that a collapse scores 0). One thread a pair.
 */
export const ntXentCombine: KernelDefinition<"partials" | "z" | "anchors" | "losses" | "correct", "rows" | "splits" | "dim" | "first" | "total" | "inverse_temperature", "LOWEST" | "LANES"> = {
  name: "ntXentCombine",
  bindings: [{"name":"partials","access":"read","element":"f32"}, {"name":"z","access":"read","element":"f32"}, {"name":"anchors","access":"read_write","element":"f32"}, {"name":"losses","access":"read_write","element":"f32"}, {"name":"correct","access":"read_write","element":"f32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"splits","type":"u32","offset":4}, {"name":"dim","type":"u32","offset":8}, {"name":"first","type":"u32","offset":12}, {"name":"total","type":"u32","offset":16}, {"name":"inverse_temperature","type":"f32","offset":20}],
  paramsSize: 32,
  constants: { LOWEST: { type: "f32", value: -1e+30 }, LANES: { type: "u32", value: 64 } },
  unrolls: () => [],
  shapes: (v) => ({ partials: 2 * v["splits"] * v["rows"], z: v["rows"] * v["dim"], anchors: 3 * v["rows"], losses: v["total"], correct: v["total"] }),
  workgroups: (v) => Math.ceil(v["rows"] / 2 / v["LANES"]),
  flops: (v) => v["rows"] * (4 * v["splits"] + 2 * v["dim"]),
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
const LARGEST = 0u;\n\
const SUM = 1u;\n\
const POSITIVE_LARGEST = 2u;\n\
const POSITIVE_SUM = 3u;\n\
const ATTRACTED_LARGEST = 4u;\n\
const TOTAL = 5u;\n\
const COUNT = 6u;\n\
const LOWEST: f32 = -1e30;\n\
\n\
fn merged(a: vec2f, b: vec2f) -> vec2f {\n\
  let most = max(a.x, b.x);\n\
  return vec2f(most, a.y * exp(a.x - most) + b.y * exp(b.x - most));\n\
}\n\
\n\
fn is_largest(part: u32) -> bool {\n\
  return part == LARGEST || part == POSITIVE_LARGEST || part == ATTRACTED_LARGEST;\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  splits: u32,\n\
  dim: u32,\n\
  first: u32,\n\
  total: u32,\n\
  inverse_temperature: f32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> partials: array<f32>;\n\
@group(0) @binding(1) var<storage, read> z: array<f32>;\n\
@group(0) @binding(2) var<storage, read_write> anchors: array<f32>;\n\
@group(0) @binding(3) var<storage, read_write> losses: array<f32>;\n\
@group(0) @binding(4) var<storage, read_write> correct: array<f32>;\n\
@group(0) @binding(5) var<uniform> params: Params;\n\
\n\
fn combine(row: u32, positive: f32) {\n\
  let sums = params.splits * params.rows;\n\
  var negative = partials[row];\n\
  for (var s = 1u; s < params.splits; s++) {\n\
    negative = max(negative, partials[s * params.rows + row]);\n\
  }\n\
  let now = max(negative, positive);\n\
  var rest = 0.0;\n\
  for (var s = 0u; s < params.splits; s++) {\n\
    let at = s * params.rows + row;\n\
    rest += partials[sums + at] * exp(partials[at] - now);\n\
  }\n\
  let sum = rest + exp(positive - now);\n\
  anchors[params.rows + row] = now + log(sum);\n\
  anchors[2u * params.rows + row] = rest / sum;\n\
  losses[params.first + row] = log(sum) + (now - positive);\n\
  correct[params.first + row] = select(0.0, 1.0, positive > negative);\n\
}\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let pairs = params.rows / 2u;\n\
  let row = workgroup_index(group, grid) * LANES + local.x;\n\
  if (row >= pairs) {\n\
    return;\n\
  }\n\
  let other = row + pairs;\n\
  let row_inverse = anchors[row];\n\
  let other_inverse = anchors[other];\n\
  var row_similarity = 0.0;\n\
  var other_similarity = 0.0;\n\
  for (var k = 0u; k < params.dim; k++) {\n\
    let row_value = z[row * params.dim + k];\n\
    let other_value = z[other * params.dim + k];\n\
    row_similarity = fma(row_value, other_value * other_inverse, row_similarity);\n\
    other_similarity = fma(other_value, row_value * row_inverse, other_similarity);\n\
  }\n\
  combine(row, row_similarity * (row_inverse * params.inverse_temperature));\n\
  combine(other, other_similarity * (other_inverse * params.inverse_temperature));\n\
}\n\
",
};

/**
 * Gradient of pair-logits with respect to the normalised rows, and but for the temperature: each logit counts for the row that has it
 * and for the view that it is with,
 * dz[r] = sum_k (dlogits[k, r] + dlogits[views - 2 - k, o]) * z[o] / |z[o]| with o = (r + (k + 1) * images) mod rows,
 * from which contrast-embedding-gradient makes that of the embeddings. One thread an element.
 */
export const pairLogitsGradient: KernelDefinition<"z" | "anchors" | "dlogits" | "dz", "rows" | "images" | "dim", "LANES"> = {
  name: "pairLogitsGradient",
  bindings: [{"name":"z","access":"read","element":"f32"}, {"name":"anchors","access":"read","element":"f32"}, {"name":"dlogits","access":"read","element":"f32"}, {"name":"dz","access":"read_write","element":"f32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"images","type":"u32","offset":4}, {"name":"dim","type":"u32","offset":8}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 } },
  unrolls: () => [],
  shapes: (v) => ({ z: v["rows"] * v["dim"], anchors: 3 * v["rows"], dlogits: (v["rows"] / v["images"] - 1) * v["rows"], dz: v["rows"] * v["dim"] }),
  workgroups: (v) => Math.ceil(v["rows"] * v["dim"] / v["LANES"]),
  flops: (v) => 4 * (v["rows"] / v["images"] - 1) * v["rows"] * v["dim"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  images: u32,\n\
  dim: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> z: array<f32>;\n\
@group(0) @binding(1) var<storage, read> anchors: array<f32>;\n\
@group(0) @binding(2) var<storage, read> dlogits: array<f32>;\n\
@group(0) @binding(3) var<storage, read_write> dz: array<f32>;\n\
@group(0) @binding(4) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let i = workgroup_index(group, grid) * LANES + local.x;\n\
  if (i >= params.rows * params.dim) {\n\
    return;\n\
  }\n\
  let row = i / params.dim;\n\
  let others = params.rows / params.images - 1u;\n\
  var sum = 0.0;\n\
  for (var k = 0u; k < others; k++) {\n\
    let other = (row + (k + 1u) * params.images) % params.rows;\n\
    let back = dlogits[(others - 1u - k) * params.rows + other];\n\
    let slope = dlogits[k * params.rows + row] + back;\n\
    sum = fma(slope, z[other * params.dim + i % params.dim] * anchors[other], sum);\n\
  }\n\
  dz[i] = sum;\n\
}\n\
",
};

/**
 * Logits of each view of an image with its other views, rows r, r + images, r + 2 * images and so on of `z` being the views of image r:
 * logits[k, r] = z[r] . z[o] / (|z[r]| |z[o]| temperature) with o = (r + (k + 1) * images) mod rows, computed as the other logits of
 * row r are (see contrast-partials): where embeddings are equal, logits are. `anchors` holds the reciprocals of the norms. One
 * thread a logit.
 */
export const pairLogits: KernelDefinition<"z" | "anchors" | "logits", "rows" | "images" | "dim" | "inverse_temperature", "LANES"> = {
  name: "pairLogits",
  bindings: [{"name":"z","access":"read","element":"f32"}, {"name":"anchors","access":"read","element":"f32"}, {"name":"logits","access":"read_write","element":"f32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"images","type":"u32","offset":4}, {"name":"dim","type":"u32","offset":8}, {"name":"inverse_temperature","type":"f32","offset":12}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 } },
  unrolls: () => [],
  shapes: (v) => ({ z: v["rows"] * v["dim"], anchors: 3 * v["rows"], logits: (v["rows"] / v["images"] - 1) * v["rows"] }),
  workgroups: (v) => Math.ceil((v["rows"] / v["images"] - 1) * v["rows"] / v["LANES"]),
  flops: (v) => 2 * (v["rows"] / v["images"] - 1) * v["rows"] * v["dim"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  images: u32,\n\
  dim: u32,\n\
  inverse_temperature: f32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> z: array<f32>;\n\
@group(0) @binding(1) var<storage, read> anchors: array<f32>;\n\
@group(0) @binding(2) var<storage, read_write> logits: array<f32>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let i = workgroup_index(group, grid) * LANES + local.x;\n\
  if (i >= (params.rows / params.images - 1u) * params.rows) {\n\
    return;\n\
  }\n\
  let row = i % params.rows;\n\
  let other = (row + (i / params.rows + 1u) * params.images) % params.rows;\n\
  let inverse = anchors[other];\n\
  var similarity = 0.0;\n\
  for (var d = 0u; d < params.dim; d++) {\n\
    similarity = fma(z[row * params.dim + d], z[other * params.dim + d] * inverse, similarity);\n\
  }\n\
  logits[i] = similarity * (anchors[row] * params.inverse_temperature);\n\
}\n\
",
};

/**
 * Gaussian potentials of points on the unit sphere (Wang and Isola 2020, section 4.1), of cosine similarities s:
 * potentials[row] = sum_{j != own[row]} exp(-t |z[own[row]] - z[j]|^2), where |z[i] - z[j]|^2 = 2 - 2 s[row, j].
 * own[row] is the column of the point itself. A workgroup a row.
 */
export const pairPotentials: KernelDefinition<"similarities" | "own" | "potentials", "rows" | "cols" | "t", "LANES"> = {
  name: "pairPotentials",
  bindings: [{"name":"similarities","access":"read","element":"f32"}, {"name":"own","access":"read","element":"u32"}, {"name":"potentials","access":"read_write","element":"f32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"cols","type":"u32","offset":4}, {"name":"t","type":"f32","offset":8}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 8 } },
  unrolls: () => [],
  shapes: (v) => ({ similarities: v["rows"] * v["cols"], own: v["rows"], potentials: v["rows"] }),
  workgroups: (v) => v["rows"],
  flops: (v) => 4 * v["rows"] * v["cols"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
var<workgroup> reduced: array<f32, LANES>;\n\
\n\
fn workgroup_sum(lane: u32, value: f32) -> f32 {\n\
  workgroupBarrier();\n\
  reduced[lane] = value;\n\
  workgroupBarrier();\n\
  for (var half = LANES / 2u; half > 0u; half /= 2u) {\n\
    if (lane < half) {\n\
      reduced[lane] += reduced[lane + half];\n\
    }\n\
    workgroupBarrier();\n\
  }\n\
  return reduced[0];\n\
}\n\
\n\
const LANES: u32 = 8u;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  cols: u32,\n\
  t: f32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> similarities: array<f32>;\n\
@group(0) @binding(1) var<storage, read> own: array<u32>;\n\
@group(0) @binding(2) var<storage, read_write> potentials: array<f32>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let row = workgroup_index(group, grid);\n\
  if (row >= params.rows) {\n\
    return;\n\
  }\n\
  let self_column = own[row];\n\
  var sum = 0.0;\n\
  for (var j = local.x; j < params.cols; j += LANES) {\n\
    let potential = exp(2.0 * params.t * (similarities[row * params.cols + j] - 1.0));\n\
    sum += select(potential, 0.0, j == self_column);\n\
  }\n\
  let total = workgroup_sum(local.x, sum);\n\
  if (local.x == 0u) {\n\
    potentials[row] = total;\n\
  }\n\
}\n\
",
};

/**
 * Dimensions in another order: y[i, j, k, l] = x[i s_0 + j s_1 + k s_2 + l s_3], s_d being the step in x from one place of
 * dimension d of y to the next, and e_d its extent.
 */
export const permute: KernelDefinition<"x" | "y", "e_0" | "e_1" | "e_2" | "e_3" | "s_0" | "s_1" | "s_2" | "s_3", "HALF" | "LANES" | "ELEMENTS"> = {
  name: "permute",
  bindings: [{"name":"x","access":"read","element":"stored"}, {"name":"y","access":"read_write","element":"stored"}],
  params: [{"name":"e_0","type":"u32","offset":0}, {"name":"e_1","type":"u32","offset":4}, {"name":"e_2","type":"u32","offset":8}, {"name":"e_3","type":"u32","offset":12}, {"name":"s_0","type":"u32","offset":16}, {"name":"s_1","type":"u32","offset":20}, {"name":"s_2","type":"u32","offset":24}, {"name":"s_3","type":"u32","offset":28}],
  paramsSize: 32,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 64 }, ELEMENTS: { type: "u32", value: 8 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["e_0"] * v["e_1"] * v["e_2"] * v["e_3"], y: v["e_0"] * v["e_1"] * v["e_2"] * v["e_3"] }),
  workgroups: (v) => Math.ceil(v["e_0"] * v["e_1"] * v["e_2"] * v["e_3"] / (v["LANES"] * v["ELEMENTS"])),
  flops: () => 0,
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
\n\
const LANES: u32 = 64u;\n\
const ELEMENTS: u32 = 8u;\n\
\n\
struct Params {\n\
  e_0: u32,\n\
  e_1: u32,\n\
  e_2: u32,\n\
  e_3: u32,\n\
  s_0: u32,\n\
  s_1: u32,\n\
  s_2: u32,\n\
  s_3: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<Stored>;\n\
@group(0) @binding(1) var<storage, read_write> y: array<Stored>;\n\
@group(0) @binding(2) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let first = workgroup_index(group, grid) * LANES * ELEMENTS;\n\
  let end = min(first + LANES * ELEMENTS, params.e_0 * params.e_1 * params.e_2 * params.e_3);\n\
  for (var i = first + local.x; i < end; i += LANES) {\n\
    let outer = i / params.e_3;\n\
    let plane = outer / params.e_2;\n\
    let at = plane / params.e_1 * params.s_0 + plane % params.e_1 * params.s_1;\n\
    y[i] = x[at + outer % params.e_2 * params.s_2 + i % params.e_3 * params.s_3];\n\
  }\n\
}\n\
",
};

/**
 * Random directions, each row of y uniform on the sphere: normal numbers (Box and Muller 1958), drawn from (counter, DIRECTIONS +
 * row, column / 4), divided by the length of the row. A workgroup a row.
 */
export const randomDirections: KernelDefinition<"counter" | "y", "rows" | "cols", "LANES"> = {
  name: "randomDirections",
  bindings: [{"name":"counter","access":"read","element":"u32"}, {"name":"y","access":"read_write","element":"f32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"cols","type":"u32","offset":4}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 8 } },
  unrolls: () => [],
  shapes: (v) => ({ counter: 2, y: v["rows"] * v["cols"] }),
  workgroups: (v) => v["rows"],
  flops: (v) => 40 * v["rows"] * v["cols"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
fn random_words(counter: vec4u) -> vec4u {\n\
  var v = counter * 1664525u + 1013904223u;\n\
  v.x += v.y * v.w;\n\
  v.y += v.z * v.x;\n\
  v.z += v.x * v.y;\n\
  v.w += v.y * v.z;\n\
  v ^= v >> vec4u(16u);\n\
  v.x += v.y * v.w;\n\
  v.y += v.z * v.x;\n\
  v.z += v.x * v.y;\n\
  v.w += v.y * v.z;\n\
  return v;\n\
}\n\
\n\
fn random_uniform(counter: vec4u) -> vec4f {\n\
  return vec4f(random_words(counter) >> vec4u(8u)) * (1.0 / 16777216.0);\n\
}\n\
fn cosine_sine(x: f32) -> vec2f {\n\
  let quarters = round(x * 0.63661977);\n\
  let r = ((x - quarters * 1.5703125) - quarters * 4.837513e-4) - quarters * 7.54979e-8;\n\
  let square = r * r;\n\
  let sine = r + r * square * (-1.6666654611e-1 + square * (8.3321608736e-3 - square * 1.9515295891e-4));\n\
  let fourth = square * square;\n\
  let cosine = 1.0 - 0.5 * square + fourth * (4.1666645683e-2 + square * (-1.3887316255e-3 + square * 2.443315711e-5));\n\
  let turned = i32(quarters) & 3;\n\
  let both = select(vec2f(cosine, sine), vec2f(-sine, cosine), (turned & 1) == 1);\n\
  return select(both, -both, turned >= 2);\n\
}\n\
var<workgroup> reduced: array<f32, LANES>;\n\
\n\
fn workgroup_sum(lane: u32, value: f32) -> f32 {\n\
  workgroupBarrier();\n\
  reduced[lane] = value;\n\
  workgroupBarrier();\n\
  for (var half = LANES / 2u; half > 0u; half /= 2u) {\n\
    if (lane < half) {\n\
      reduced[lane] += reduced[lane + half];\n\
    }\n\
    workgroupBarrier();\n\
  }\n\
  return reduced[0];\n\
}\n\
\n\
const LANES: u32 = 8u;\n\
const DIRECTIONS = 0xc0000000u;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  cols: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> counter: array<u32>;\n\
@group(0) @binding(1) var<storage, read_write> y: array<f32>;\n\
@group(0) @binding(2) var<uniform> params: Params;\n\
\n\
fn negative_log(x: f32) -> f32 {\n\
  let bits = bitcast<u32>(x);\n\
  let m = bitcast<f32>((bits & 0x7fffffu) | 0x3f800000u);\n\
  let e = f32(bits >> 23u) - 127.0;\n\
  let large = m > 1.4142135;\n\
  let s = (select(m, 0.5 * m, large) - 1.0) / (select(m, 0.5 * m, large) + 1.0);\n\
  let square = s * s;\n\
  let series = 1.0 + square * (0.33333333 + square * (0.2 + square * (0.14285714 + square * 0.11111111)));\n\
  return -(select(e, e + 1.0, large) * 0.6931472 + 2.0 * s * series);\n\
}\n\
\n\
fn four_normals(row: u32, four: u32) -> vec4f {\n\
  let u = random_uniform(vec4u(counter[0], counter[1], DIRECTIONS + row, four));\n\
  let radius = sqrt(2.0 * vec2f(negative_log(1.0 - u.x), negative_log(1.0 - u.y)));\n\
  let angle = 6.2831855 * (u.zw - 0.5);\n\
  return vec4f(radius.x * cosine_sine(angle.x), radius.y * cosine_sine(angle.y));\n\
}\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let row = workgroup_index(group, grid);\n\
  if (row >= params.rows) {\n\
    return;\n\
  }\n\
  let fours = (params.cols + 3u) / 4u;\n\
  var squares = 0.0;\n\
  for (var four = local.x; four < fours; four += LANES) {\n\
    let normals = four_normals(row, four);\n\
    for (var i = 0u; i < 4u; i++) {\n\
      squares += select(0.0, normals[i] * normals[i], 4u * four + i < params.cols);\n\
    }\n\
  }\n\
  let scale = inverseSqrt(workgroup_sum(local.x, squares));\n\
  for (var four = local.x; four < fours; four += LANES) {\n\
    let normals = four_normals(row, four);\n\
    for (var i = 0u; i < 4u; i++) {\n\
      if (4u * four + i < params.cols) {\n\
        y[row * params.cols + 4u * four + i] = normals[i] * scale;\n\
      }\n\
    }\n\
  }\n\
}\n\
",
};

/**
 * Gradient of the rectifier, from its output: dx = dy where y > 0, else 0.
 */
export const reluGradient: KernelDefinition<"y" | "dy" | "dx", "elements", "HALF" | "LANES" | "ELEMENTS"> = {
  name: "reluGradient",
  bindings: [{"name":"y","access":"read","element":"stored"}, {"name":"dy","access":"read","element":"stored"}, {"name":"dx","access":"read_write","element":"stored"}],
  params: [{"name":"elements","type":"u32","offset":0}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 64 }, ELEMENTS: { type: "u32", value: 8 } },
  unrolls: () => [],
  shapes: (v) => ({ y: v["elements"], dy: v["elements"], dx: v["elements"] }),
  workgroups: (v) => Math.ceil(v["elements"] / (v["LANES"] * v["ELEMENTS"])),
  flops: (v) => v["elements"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
\n\
const LANES: u32 = 64u;\n\
const ELEMENTS: u32 = 8u;\n\
\n\
struct Params {\n\
  elements: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> y: array<Stored>;\n\
@group(0) @binding(1) var<storage, read> dy: array<Stored>;\n\
@group(0) @binding(2) var<storage, read_write> dx: array<Stored>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let first = workgroup_index(group, grid) * LANES * ELEMENTS;\n\
  let end = min(first + LANES * ELEMENTS, params.elements);\n\
  for (var i = first + local.x; i < end; i += LANES) {\n\
    dx[i] = Stored(select(0.0, f32(dy[i]), f32(y[i]) > 0.0));\n\
  }\n\
}\n\
",
};

/**
 * Rectifier: y = max(x, 0).
 */
export const relu: KernelDefinition<"x" | "y", "elements", "HALF" | "LANES" | "ELEMENTS"> = {
  name: "relu",
  bindings: [{"name":"x","access":"read","element":"stored"}, {"name":"y","access":"read_write","element":"stored"}],
  params: [{"name":"elements","type":"u32","offset":0}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 64 }, ELEMENTS: { type: "u32", value: 8 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["elements"], y: v["elements"] }),
  workgroups: (v) => Math.ceil(v["elements"] / (v["LANES"] * v["ELEMENTS"])),
  flops: (v) => v["elements"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
\n\
const LANES: u32 = 64u;\n\
const ELEMENTS: u32 = 8u;\n\
\n\
struct Params {\n\
  elements: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<Stored>;\n\
@group(0) @binding(1) var<storage, read_write> y: array<Stored>;\n\
@group(0) @binding(2) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let first = workgroup_index(group, grid) * LANES * ELEMENTS;\n\
  let end = min(first + LANES * ELEMENTS, params.elements);\n\
  for (var i = first + local.x; i < end; i += LANES) {\n\
    y[i] = Stored(max(f32(x[i]), 0.0));\n\
  }\n\
}\n\
",
};

/**
 * A row of samples at other places: y[o, i, c] = sum_j w[i, j] * x[o, j, c], by cubic convolution (Keys 1981, with a = -0.75, as
 * PyTorch's bicubic interpolation has it without aligned corners). With GRADIENT, its transpose: y[o, j, c] = sum_i w[i, j] * x[o, i, c].
 */
export const resample: KernelDefinition<"x" | "y", "outer" | "from_samples" | "to_samples" | "channels", "LANES" | "GRADIENT"> = {
  name: "resample",
  bindings: [{"name":"x","access":"read","element":"f32"}, {"name":"y","access":"read_write","element":"f32"}],
  params: [{"name":"outer","type":"u32","offset":0}, {"name":"from_samples","type":"u32","offset":4}, {"name":"to_samples","type":"u32","offset":8}, {"name":"channels","type":"u32","offset":12}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 }, GRADIENT: { type: "bool", value: 0 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["outer"] * v["from_samples"] * v["channels"], y: v["outer"] * v["to_samples"] * v["channels"] }),
  workgroups: (v) => Math.ceil(v["outer"] * v["to_samples"] * v["channels"] / v["LANES"]),
  flops: (v) => 2 * v["outer"] * v["to_samples"] * v["from_samples"] * v["channels"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
const GRADIENT: bool = false;\n\
\n\
struct Params {\n\
  outer: u32,\n\
  from_samples: u32,\n\
  to_samples: u32,\n\
  channels: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<f32>;\n\
@group(0) @binding(1) var<storage, read_write> y: array<f32>;\n\
@group(0) @binding(2) var<uniform> params: Params;\n\
\n\
fn cubic(distance: f32) -> f32 {\n\
  let d = abs(distance);\n\
  let near = fma(fma(1.25, d, -2.25), d * d, 1.0);\n\
  let far = fma(fma(fma(-0.75, d, 3.75), d, -6.0), d, 3.0);\n\
  return select(0.0, select(far, near, d <= 1.0), d < 2.0);\n\
}\n\
\n\
fn weight(to: u32, others: u32, sample: u32, samples: u32) -> f32 {\n\
  let place = (f32(to) + 0.5) * (f32(samples) / f32(others)) - 0.5;\n\
  let first = i32(floor(place)) - 1;\n\
  var sum = 0.0;\n\
  for (var tap = 0; tap < 4; tap++) {\n\
    let at = first + tap;\n\
    if (u32(clamp(at, 0, i32(samples) - 1)) == sample) {\n\
      sum += cubic(place - f32(at));\n\
    }\n\
  }\n\
  return sum;\n\
}\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let i = workgroup_index(group, grid) * LANES + local.x;\n\
  if (i >= params.outer * params.to_samples * params.channels) {\n\
    return;\n\
  }\n\
  let channel = i % params.channels;\n\
  let to = i / params.channels % params.to_samples;\n\
  let begin = i / params.channels / params.to_samples * params.from_samples;\n\
  var sum = 0.0;\n\
  for (var sample = 0u; sample < params.from_samples; sample++) {\n\
    var share: f32;\n\
    if (GRADIENT) {\n\
      share = weight(sample, params.from_samples, to, params.to_samples);\n\
    } else {\n\
      share = weight(to, params.to_samples, sample, params.from_samples);\n\
    }\n\
    sum = fma(share, x[(begin + sample) * params.channels + channel], sum);\n\
  }\n\
  y[i] = sum;\n\
}\n\
",
};

/**
 * Gradient of the reductions of rows (see row-reduction) that depends on x. REDUCTION: 1, the maximum y: dx[c] = dy at the first c
 * with x[c] = y, and 0 elsewhere; 2, the log-sum-exp y: dx[c] = dy exp(x[c] - y). A workgroup a run.
 */
export const rowReductionGradient: KernelDefinition<"x" | "y" | "dy" | "dx", "rows" | "cols" | "run", "HALF" | "LANES" | "REDUCTION"> = {
  name: "rowReductionGradient",
  bindings: [{"name":"x","access":"read","element":"stored"}, {"name":"y","access":"read","element":"f32"}, {"name":"dy","access":"read","element":"f32"}, {"name":"dx","access":"read_write","element":"stored"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"cols","type":"u32","offset":4}, {"name":"run","type":"u32","offset":8}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 8 }, REDUCTION: { type: "u32", value: 1 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["rows"] * v["cols"], y: v["rows"] * Math.ceil(v["cols"] / v["run"]), dy: v["rows"] * Math.ceil(v["cols"] / v["run"]), dx: v["rows"] * v["cols"] }),
  workgroups: (v) => v["rows"] * Math.ceil(v["cols"] / v["run"]),
  flops: (v) => 3 * v["rows"] * v["cols"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
var<workgroup> reduced: array<f32, LANES>;\n\
\n\
fn workgroup_sum(lane: u32, value: f32) -> f32 {\n\
  workgroupBarrier();\n\
  reduced[lane] = value;\n\
  workgroupBarrier();\n\
  for (var half = LANES / 2u; half > 0u; half /= 2u) {\n\
    if (lane < half) {\n\
      reduced[lane] += reduced[lane + half];\n\
    }\n\
    workgroupBarrier();\n\
  }\n\
  return reduced[0];\n\
}\n\
fn workgroup_max(lane: u32, value: f32) -> f32 {\n\
  workgroupBarrier();\n\
  reduced[lane] = value;\n\
  workgroupBarrier();\n\
  for (var half = LANES / 2u; half > 0u; half /= 2u) {\n\
    if (lane < half) {\n\
      reduced[lane] = max(reduced[lane], reduced[lane + half]);\n\
    }\n\
    workgroupBarrier();\n\
  }\n\
  return reduced[0];\n\
}\n\
\n\
const LANES: u32 = 8u;\n\
const REDUCTION: u32 = 1u;\n\
const MAXIMUM = 1u;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  cols: u32,\n\
  run: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<Stored>;\n\
@group(0) @binding(1) var<storage, read> y: array<f32>;\n\
@group(0) @binding(2) var<storage, read> dy: array<f32>;\n\
@group(0) @binding(3) var<storage, read_write> dx: array<Stored>;\n\
@group(0) @binding(4) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let runs = (params.cols + params.run - 1u) / params.run;\n\
  let index = workgroup_index(group, grid);\n\
  if (index >= params.rows * runs) {\n\
    return;\n\
  }\n\
  let begin = index / runs * params.cols + index % runs * params.run;\n\
  let end = min(begin + params.run, (index / runs + 1u) * params.cols);\n\
  let result = y[index];\n\
  let gradient = dy[index];\n\
  var winner = end;\n\
  if (REDUCTION == MAXIMUM) {\n\
    var first = end;\n\
    for (var i = begin + local.x; i < end; i += LANES) {\n\
      first = select(first, min(first, i), f32(x[i]) == result);\n\
    }\n\
    winner = begin + u32(-workgroup_max(local.x, -f32(first - begin)));\n\
  }\n\
  for (var i = begin + local.x; i < end; i += LANES) {\n\
    if (REDUCTION == MAXIMUM) {\n\
      dx[i] = Stored(select(0.0, gradient, i == winner));\n\
    } else {\n\
      dx[i] = Stored(gradient * exp(f32(x[i]) - result));\n\
    }\n\
  }\n\
}\n\
",
};

/**
 * One number of each run of `run` columns of each row. REDUCTION: 0 sum_c x[c] / divisor, 1 max_c x[c], 2 log sum_c exp(x[c]),
 * with the largest x[c] taken out of the exponentials. Long rows are reduced in runs first, and then their results; for each of
 * the three that comes to the same. A workgroup a run.
 */
export const rowReduction: KernelDefinition<"x" | "y", "rows" | "cols" | "run" | "divisor", "HALF" | "LANES" | "REDUCTION"> = {
  name: "rowReduction",
  bindings: [{"name":"x","access":"read","element":"stored"}, {"name":"y","access":"read_write","element":"f32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"cols","type":"u32","offset":4}, {"name":"run","type":"u32","offset":8}, {"name":"divisor","type":"f32","offset":12}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 8 }, REDUCTION: { type: "u32", value: 0 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["rows"] * v["cols"], y: v["rows"] * Math.ceil(v["cols"] / v["run"]) }),
  workgroups: (v) => v["rows"] * Math.ceil(v["cols"] / v["run"]),
  flops: (v) => v["rows"] * v["cols"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
var<workgroup> reduced: array<f32, LANES>;\n\
\n\
fn workgroup_sum(lane: u32, value: f32) -> f32 {\n\
  workgroupBarrier();\n\
  reduced[lane] = value;\n\
  workgroupBarrier();\n\
  for (var half = LANES / 2u; half > 0u; half /= 2u) {\n\
    if (lane < half) {\n\
      reduced[lane] += reduced[lane + half];\n\
    }\n\
    workgroupBarrier();\n\
  }\n\
  return reduced[0];\n\
}\n\
fn workgroup_max(lane: u32, value: f32) -> f32 {\n\
  workgroupBarrier();\n\
  reduced[lane] = value;\n\
  workgroupBarrier();\n\
  for (var half = LANES / 2u; half > 0u; half /= 2u) {\n\
    if (lane < half) {\n\
      reduced[lane] = max(reduced[lane], reduced[lane + half]);\n\
    }\n\
    workgroupBarrier();\n\
  }\n\
  return reduced[0];\n\
}\n\
\n\
const LANES: u32 = 8u;\n\
const REDUCTION: u32 = 0u;\n\
const SUM = 0u;\n\
const MAXIMUM = 1u;\n\
const LOWEST = -3.4028234e38;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  cols: u32,\n\
  run: u32,\n\
  divisor: f32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<Stored>;\n\
@group(0) @binding(1) var<storage, read_write> y: array<f32>;\n\
@group(0) @binding(2) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let runs = (params.cols + params.run - 1u) / params.run;\n\
  let index = workgroup_index(group, grid);\n\
  if (index >= params.rows * runs) {\n\
    return;\n\
  }\n\
  let begin = index / runs * params.cols + index % runs * params.run;\n\
  let end = min(begin + params.run, (index / runs + 1u) * params.cols);\n\
  var largest = 0.0;\n\
  if (REDUCTION != SUM) {\n\
    largest = LOWEST;\n\
    for (var i = begin + local.x; i < end; i += LANES) {\n\
      largest = max(largest, f32(x[i]));\n\
    }\n\
    largest = workgroup_max(local.x, largest);\n\
  }\n\
  var result = largest;\n\
  if (REDUCTION != MAXIMUM) {\n\
    var sum = 0.0;\n\
    for (var i = begin + local.x; i < end; i += LANES) {\n\
      let value = f32(x[i]);\n\
      sum += select(exp(value - largest), value, REDUCTION == SUM);\n\
    }\n\
    sum = workgroup_sum(local.x, sum);\n\
    result = select(largest + log(sum), sum / params.divisor, REDUCTION == SUM);\n\
  }\n\
  if (local.x == 0u) {\n\
    y[index] = result;\n\
  }\n\
}\n\
",
};

/**
 * A run of rows of NT-Xent's embeddings, made of length 1: y[r, k] = x[first + r, k] * inverse[first + r], the inverse of the norm being
 * the first value of an anchor.
 */
export const scaledRows: KernelDefinition<"x" | "anchors" | "y", "rows" | "cols" | "first" | "count", "LANES"> = {
  name: "scaledRows",
  bindings: [{"name":"x","access":"read","element":"f32"}, {"name":"anchors","access":"read","element":"f32"}, {"name":"y","access":"read_write","element":"f32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"cols","type":"u32","offset":4}, {"name":"first","type":"u32","offset":8}, {"name":"count","type":"u32","offset":12}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["rows"] * v["cols"], anchors: 3 * v["rows"], y: v["count"] * v["cols"] }),
  workgroups: (v) => Math.ceil(v["count"] * v["cols"] / v["LANES"]),
  flops: (v) => v["count"] * v["cols"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  cols: u32,\n\
  first: u32,\n\
  count: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<f32>;\n\
@group(0) @binding(1) var<storage, read> anchors: array<f32>;\n\
@group(0) @binding(2) var<storage, read_write> y: array<f32>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let i = workgroup_index(group, grid) * LANES + local.x;\n\
  if (i < params.count * params.cols) {\n\
    y[i] = x[params.first * params.cols + i] * anchors[params.first + i / params.cols];\n\
  }\n\
}\n\
",
};

/**
 * Adds rows up where they belong: y[row] = sum of x[i] over the i with indices[i] = row, in ascending order. The gradient of
 * gather-rows. A workgroup a row, of which every thread looks for all of the indices: no atomics, the same bits every time.
 */
export const scatterAddRows: KernelDefinition<"x" | "indices" | "y", "rows" | "cols" | "picked", "LANES"> = {
  name: "scatterAddRows",
  bindings: [{"name":"x","access":"read","element":"f32"}, {"name":"indices","access":"read","element":"u32"}, {"name":"y","access":"read_write","element":"f32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"cols","type":"u32","offset":4}, {"name":"picked","type":"u32","offset":8}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 8 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["picked"] * v["cols"], indices: v["picked"], y: v["rows"] * v["cols"] }),
  workgroups: (v) => v["rows"],
  flops: (v) => v["picked"] * v["cols"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
\n\
const LANES: u32 = 8u;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  cols: u32,\n\
  picked: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<f32>;\n\
@group(0) @binding(1) var<storage, read> indices: array<u32>;\n\
@group(0) @binding(2) var<storage, read_write> y: array<f32>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let row = workgroup_index(group, grid);\n\
  if (row >= params.rows) {\n\
    return;\n\
  }\n\
  for (var c = local.x; c < params.cols; c += LANES) {\n\
    y[row * params.cols + c] = 0.0;\n\
  }\n\
  for (var i = 0u; i < params.picked; i++) {\n\
    if (indices[i] == row) {\n\
      for (var c = local.x; c < params.cols; c += LANES) {\n\
        y[row * params.cols + c] += x[i * params.cols + c];\n\
      }\n\
    }\n\
  }\n\
}\n\
",
};

/**
 * Puts entries in their places: y[indices[i]] = x[i]; no place is named twice.
 */
export const scatterIndices: KernelDefinition<"x" | "indices" | "y", "elements" | "rows", "LANES"> = {
  name: "scatterIndices",
  bindings: [{"name":"x","access":"read","element":"u32"}, {"name":"indices","access":"read","element":"u32"}, {"name":"y","access":"read_write","element":"u32"}],
  params: [{"name":"elements","type":"u32","offset":0}, {"name":"rows","type":"u32","offset":4}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["elements"], indices: v["elements"], y: v["rows"] }),
  workgroups: (v) => Math.ceil(v["elements"] / v["LANES"]),
  flops: () => 0,
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
\n\
struct Params {\n\
  elements: u32,\n\
  rows: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<u32>;\n\
@group(0) @binding(1) var<storage, read> indices: array<u32>;\n\
@group(0) @binding(2) var<storage, read_write> y: array<u32>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let i = workgroup_index(group, grid) * LANES + local.x;\n\
  if (i >= params.elements) {\n\
    return;\n\
  }\n\
  y[indices[i]] = x[i];\n\
}\n\
",
};

/**
 * Puts rows in their places: y[indices[i], :] = x[i, :]. `elements` is the number of elements of x; no place is named twice.
 * Rows whose place is out of range go nowhere.
 */
export const scatterRows: KernelDefinition<"x" | "indices" | "y", "elements" | "rows" | "cols", "LANES"> = {
  name: "scatterRows",
  bindings: [{"name":"x","access":"read","element":"f32"}, {"name":"indices","access":"read","element":"u32"}, {"name":"y","access":"read_write","element":"f32"}],
  params: [{"name":"elements","type":"u32","offset":0}, {"name":"rows","type":"u32","offset":4}, {"name":"cols","type":"u32","offset":8}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["elements"], indices: v["elements"] / v["cols"], y: v["rows"] * v["cols"] }),
  workgroups: (v) => Math.ceil(v["elements"] / v["LANES"]),
  flops: () => 0,
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
\n\
struct Params {\n\
  elements: u32,\n\
  rows: u32,\n\
  cols: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<f32>;\n\
@group(0) @binding(1) var<storage, read> indices: array<u32>;\n\
@group(0) @binding(2) var<storage, read_write> y: array<f32>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let i = workgroup_index(group, grid) * LANES + local.x;\n\
  if (i >= params.elements) {\n\
    return;\n\
  }\n\
  let row = indices[i / params.cols];\n\
  if (row < params.rows) {\n\
    y[row * params.cols + i % params.cols] = x[i];\n\
  }\n\
}\n\
",
};

/**
 * Stochastic gradient descent with momentum, for all parameters of a slab at once:
 * g = gradients + weight_decay * parameters * decays; v = momentum * v + g; parameters -= rate * (NESTEROV ? g + momentum * v : v).
 * `decays` holds 1 or 0 for each block of 64 elements; `schedule` holds the learning rate and, last, 1 for a step to be skipped.
 */
export const sgd: KernelDefinition<"gradients" | "decays" | "schedule" | "parameters" | "velocity", "elements" | "momentum" | "weight_decay", "LANES" | "VECTOR" | "ELEMENTS" | "NESTEROV"> = {
  name: "sgd",
  bindings: [{"name":"gradients","access":"read","element":"f32"}, {"name":"decays","access":"read","element":"f32"}, {"name":"schedule","access":"read","element":"f32"}, {"name":"parameters","access":"read_write","element":"f32"}, {"name":"velocity","access":"read_write","element":"f32"}],
  params: [{"name":"elements","type":"u32","offset":0}, {"name":"momentum","type":"f32","offset":4}, {"name":"weight_decay","type":"f32","offset":8}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 }, VECTOR: { type: "u32", value: 4 }, ELEMENTS: { type: "u32", value: 8 }, NESTEROV: { type: "bool", value: 1 } },
  unrolls: () => [],
  shapes: (v) => ({ gradients: v["elements"], decays: v["elements"] / 64, schedule: 4, parameters: v["elements"], velocity: v["elements"] }),
  workgroups: (v) => Math.ceil(v["elements"] / (v["LANES"] * v["ELEMENTS"] * v["VECTOR"])),
  flops: (v) => 7 * v["elements"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
alias Element = f32; //#vec4 alias Element = vec4f;\n\
\n\
const LANES: u32 = 64u;\n\
const VECTOR: u32 = 4u;\n\
const ELEMENTS: u32 = 8u;\n\
const NESTEROV: bool = true;\n\
\n\
struct Params {\n\
  elements: u32,\n\
  momentum: f32,\n\
  weight_decay: f32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> gradients: array<Element>;\n\
@group(0) @binding(1) var<storage, read> decays: array<f32>;\n\
@group(0) @binding(2) var<storage, read> schedule: array<f32>;\n\
@group(0) @binding(3) var<storage, read_write> parameters: array<Element>;\n\
@group(0) @binding(4) var<storage, read_write> velocity: array<Element>;\n\
@group(0) @binding(5) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  if (schedule[3] > 0.0) {\n\
    return;\n\
  }\n\
  let first = workgroup_index(group, grid) * LANES * ELEMENTS;\n\
  let end = min(first + LANES * ELEMENTS, params.elements / VECTOR);\n\
  for (var i = first + local.x; i < end; i += LANES) {\n\
    let parameter = parameters[i];\n\
    let g = gradients[i] + params.weight_decay * decays[i / (64u / VECTOR)] * parameter;\n\
    let v = params.momentum * velocity[i] + g;\n\
    velocity[i] = v;\n\
    parameters[i] = parameter - schedule[0] * select(v, g + params.momentum * v, NESTEROV);\n\
  }\n\
}\n\
",
};

/**
 * A run of columns: y[row, c] = x[row, first + c].
 */
export const slice: KernelDefinition<"x" | "y", "rows" | "cols" | "first" | "count", "HALF" | "LANES" | "ELEMENTS"> = {
  name: "slice",
  bindings: [{"name":"x","access":"read","element":"stored"}, {"name":"y","access":"read_write","element":"stored"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"cols","type":"u32","offset":4}, {"name":"first","type":"u32","offset":8}, {"name":"count","type":"u32","offset":12}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 64 }, ELEMENTS: { type: "u32", value: 8 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["rows"] * v["cols"], y: v["rows"] * v["count"] }),
  workgroups: (v) => Math.ceil(v["rows"] * v["count"] / (v["LANES"] * v["ELEMENTS"])),
  flops: () => 0,
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
\n\
const LANES: u32 = 64u;\n\
const ELEMENTS: u32 = 8u;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  cols: u32,\n\
  first: u32,\n\
  count: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<Stored>;\n\
@group(0) @binding(1) var<storage, read_write> y: array<Stored>;\n\
@group(0) @binding(2) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let first = workgroup_index(group, grid) * LANES * ELEMENTS;\n\
  let end = min(first + LANES * ELEMENTS, params.rows * params.count);\n\
  for (var i = first + local.x; i < end; i += LANES) {\n\
    y[i] = x[i / params.count * params.cols + params.first + i % params.count];\n\
  }\n\
}\n\
",
};

/**
 * Sobel filtering of RGB images whose view asks for it; others are copied. With the luma l of a pixel, its borders repeated,
 * gx = ([1 2 1]^T [-1 0 1] / 4) * l and gy its transpose, all three channels become sqrt((gx^2 + gy^2) / 2), which lies in
 * [0, 1] as l does (the scaling and borders of scikit-image's `sobel`). With SOLARIZE, views that ask for it are solarized.
 * One thread a pixel.
 */
export const sobel: KernelDefinition<"x" | "views" | "y", "images" | "height" | "width", "VIEW_FIELDS" | "LANES" | "SOLARIZE"> = {
  name: "sobel",
  bindings: [{"name":"x","access":"read","element":"f32"}, {"name":"views","access":"read","element":"f32"}, {"name":"y","access":"read_write","element":"f32"}],
  params: [{"name":"images","type":"u32","offset":0}, {"name":"height","type":"u32","offset":4}, {"name":"width","type":"u32","offset":8}],
  paramsSize: 16,
  constants: { VIEW_FIELDS: { type: "u32", value: 22 }, LANES: { type: "u32", value: 64 }, SOLARIZE: { type: "bool", value: 0 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["images"] * v["height"] * v["width"] * 3, views: v["images"] * v["VIEW_FIELDS"], y: v["images"] * v["height"] * v["width"] * 3 }),
  workgroups: (v) => Math.ceil(v["images"] * v["height"] * v["width"] / v["LANES"]),
  flops: (v) => 60 * v["images"] * v["height"] * v["width"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
const LUMA = vec3f(0.2989, 0.587, 0.114);\n\
const VIEW_FIELDS: u32 = 22u;\n\
const VIEW_TOP = 0u;\n\
const VIEW_LEFT = 1u;\n\
const VIEW_HEIGHT = 2u;\n\
const VIEW_WIDTH = 3u;\n\
const VIEW_FLIP = 4u;\n\
const VIEW_BRIGHTNESS = 5u;\n\
const VIEW_CONTRAST = 6u;\n\
const VIEW_SATURATION = 7u;\n\
const VIEW_HUE = 8u;\n\
const VIEW_ORDER = 9u;\n\
const VIEW_GRAYSCALE = 10u;\n\
const VIEW_SIGMA = 11u;\n\
const VIEW_CUTOUT_ROW = 12u;\n\
const VIEW_CUTOUT_COLUMN = 13u;\n\
const VIEW_CUTOUT_SIDE = 14u;\n\
const VIEW_SOBEL = 15u;\n\
const VIEW_NOISE = 16u;\n\
const VIEW_NOISE_SEED = 17u;\n\
const VIEW_TURNS = 19u;\n\
const VIEW_SOLARIZE = 20u;\n\
const VIEW_STRIDE = 21u;\n\
\n\
const LANES: u32 = 64u;\n\
const SOLARIZE: bool = false;\n\
\n\
struct Params {\n\
  images: u32,\n\
  height: u32,\n\
  width: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<f32>;\n\
@group(0) @binding(1) var<storage, read> views: array<f32>;\n\
@group(0) @binding(2) var<storage, read_write> y: array<f32>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
fn color_at(pixel: u32) -> vec3f {\n\
  return vec3f(x[3u * pixel], x[3u * pixel + 1u], x[3u * pixel + 2u]);\n\
}\n\
\n\
fn column_luma(rows: vec3u, column: u32) -> vec3f {\n\
  let colors = mat3x3f(color_at(rows.x + column), color_at(rows.y + column), color_at(rows.z + column));\n\
  return LUMA * colors;\n\
}\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let i = workgroup_index(group, grid) * LANES + local.x;\n\
  let pixels = params.height * params.width;\n\
  if (i >= params.images * pixels) {\n\
    return;\n\
  }\n\
  var color = color_at(i);\n\
  let start = i / pixels * VIEW_FIELDS;\n\
  if (views[start + VIEW_SOBEL] > 0.0) {\n\
    let row = i % pixels / params.width;\n\
    let column = i % params.width;\n\
    let rows = vec3u(max(row, 1u) - 1u, row, min(row + 1u, params.height - 1u)) * params.width + i - i % pixels;\n\
    let left = column_luma(rows, max(column, 1u) - 1u);\n\
    let middle = column_luma(rows, column);\n\
    let right = column_luma(rows, min(column + 1u, params.width - 1u));\n\
    let smooth_across = vec3f(1.0, 2.0, 1.0) / 4.0;\n\
    let gx = dot(right - left, smooth_across);\n\
    let gy = dot(vec3f(left.z - left.x, middle.z - middle.x, right.z - right.x), smooth_across);\n\
    color = vec3f(sqrt((gx * gx + gy * gy) / 2.0));\n\
  }\n\
  if (SOLARIZE && views[start + VIEW_SOLARIZE] > 0.0) {\n\
    color = min(color, 1.0 - color);\n\
  }\n\
  y[3u * i] = color.r;\n\
  y[3u * i + 1u] = color.g;\n\
  y[3u * i + 2u] = color.b;\n\
}\n\
",
};

/**
 * Gradient of the mean softmax cross-entropy:
 * dlogits[row, c] = gradient * (exp(logits[row, c] - lse[row]) - [c = labels[row]]) / rows, and NaN in rows whose label is no class.
 */
export const softmaxCrossEntropyGradient: KernelDefinition<"logits" | "labels" | "lse" | "gradient" | "dlogits", "elements" | "classes", "LANES"> = {
  name: "softmaxCrossEntropyGradient",
  bindings: [{"name":"logits","access":"read","element":"f32"}, {"name":"labels","access":"read","element":"u32"}, {"name":"lse","access":"read","element":"f32"}, {"name":"gradient","access":"read","element":"f32"}, {"name":"dlogits","access":"read_write","element":"f32"}],
  params: [{"name":"elements","type":"u32","offset":0}, {"name":"classes","type":"u32","offset":4}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 } },
  unrolls: () => [],
  shapes: (v) => ({ logits: v["elements"], labels: v["elements"] / v["classes"], lse: v["elements"] / v["classes"], gradient: 1, dlogits: v["elements"] }),
  workgroups: (v) => Math.ceil(v["elements"] / v["LANES"]),
  flops: (v) => 5 * v["elements"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
fn poisoned(value: f32, is_wrong: bool) -> f32 {\n\
  return bitcast<f32>(select(bitcast<u32>(value), 0x7fc00000u, is_wrong));\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
\n\
struct Params {\n\
  elements: u32,\n\
  classes: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> logits: array<f32>;\n\
@group(0) @binding(1) var<storage, read> labels: array<u32>;\n\
@group(0) @binding(2) var<storage, read> lse: array<f32>;\n\
@group(0) @binding(3) var<storage, read> gradient: array<f32>;\n\
@group(0) @binding(4) var<storage, read_write> dlogits: array<f32>;\n\
@group(0) @binding(5) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let i = workgroup_index(group, grid) * LANES + local.x;\n\
  if (i >= params.elements) {\n\
    return;\n\
  }\n\
  let row = i / params.classes;\n\
  let label = labels[row];\n\
  let target_probability = select(0.0, 1.0, i % params.classes == label);\n\
  let rows = f32(params.elements / params.classes);\n\
  let dlogit = gradient[0] * (exp(logits[i] - lse[row]) - target_probability) / rows;\n\
  dlogits[i] = poisoned(dlogit, label >= params.classes);\n\
}\n\
",
};

/**
 * Softmax cross-entropy of each row: lse = log sum_c exp(logits[row, c]), losses = lse - logits[row, labels[row]], and
 * whether the label has the largest logit (the first of equal ones counts). One thread a row; `elements` counts rows. The loss of a
 * label that is no class is NaN.
 */
export const softmaxCrossEntropy: KernelDefinition<"logits" | "labels" | "lse" | "losses" | "correct", "elements" | "classes", "LANES"> = {
  name: "softmaxCrossEntropy",
  bindings: [{"name":"logits","access":"read","element":"f32"}, {"name":"labels","access":"read","element":"u32"}, {"name":"lse","access":"read_write","element":"f32"}, {"name":"losses","access":"read_write","element":"f32"}, {"name":"correct","access":"read_write","element":"f32"}],
  params: [{"name":"elements","type":"u32","offset":0}, {"name":"classes","type":"u32","offset":4}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 } },
  unrolls: () => [],
  shapes: (v) => ({ logits: v["elements"] * v["classes"], labels: v["elements"], lse: v["elements"], losses: v["elements"], correct: v["elements"] }),
  workgroups: (v) => Math.ceil(v["elements"] / v["LANES"]),
  flops: (v) => 4 * v["elements"] * v["classes"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
fn poisoned(value: f32, is_wrong: bool) -> f32 {\n\
  return bitcast<f32>(select(bitcast<u32>(value), 0x7fc00000u, is_wrong));\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
\n\
struct Params {\n\
  elements: u32,\n\
  classes: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> logits: array<f32>;\n\
@group(0) @binding(1) var<storage, read> labels: array<u32>;\n\
@group(0) @binding(2) var<storage, read_write> lse: array<f32>;\n\
@group(0) @binding(3) var<storage, read_write> losses: array<f32>;\n\
@group(0) @binding(4) var<storage, read_write> correct: array<f32>;\n\
@group(0) @binding(5) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let i = workgroup_index(group, grid) * LANES + local.x;\n\
  if (i >= params.elements) {\n\
    return;\n\
  }\n\
  let start = i * params.classes;\n\
  var largest = logits[start];\n\
  var best = 0u;\n\
  for (var c = 1u; c < params.classes; c++) {\n\
    let value = logits[start + c];\n\
    if (value > largest) {\n\
      largest = value;\n\
      best = c;\n\
    }\n\
  }\n\
  var sum = 0.0;\n\
  for (var c = 0u; c < params.classes; c++) {\n\
    sum += exp(logits[start + c] - largest);\n\
  }\n\
  let label = labels[i];\n\
  lse[i] = largest + log(sum);\n\
  losses[i] = poisoned(log(sum) + (largest - logits[start + label]), label >= params.classes);\n\
  correct[i] = select(0.0, 1.0, best == label);\n\
}\n\
",
};

/**
 * Gradient of the softmax of each row from its output: dx[c] = y[c] (dy[c] - sum_k dy[k] y[k]), or with LOGARITHM
 * dx[c] = dy[c] - exp(y[c]) sum_k dy[k]. A workgroup a row.
 */
export const softmaxGradient: KernelDefinition<"y" | "dy" | "dx", "rows" | "cols", "HALF" | "LANES" | "LOGARITHM"> = {
  name: "softmaxGradient",
  bindings: [{"name":"y","access":"read","element":"stored"}, {"name":"dy","access":"read","element":"stored"}, {"name":"dx","access":"read_write","element":"stored"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"cols","type":"u32","offset":4}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 8 }, LOGARITHM: { type: "bool", value: 0 } },
  unrolls: () => [],
  shapes: (v) => ({ y: v["rows"] * v["cols"], dy: v["rows"] * v["cols"], dx: v["rows"] * v["cols"] }),
  workgroups: (v) => v["rows"],
  flops: (v) => 4 * v["rows"] * v["cols"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
var<workgroup> reduced: array<f32, LANES>;\n\
\n\
fn workgroup_sum(lane: u32, value: f32) -> f32 {\n\
  workgroupBarrier();\n\
  reduced[lane] = value;\n\
  workgroupBarrier();\n\
  for (var half = LANES / 2u; half > 0u; half /= 2u) {\n\
    if (lane < half) {\n\
      reduced[lane] += reduced[lane + half];\n\
    }\n\
    workgroupBarrier();\n\
  }\n\
  return reduced[0];\n\
}\n\
\n\
const LANES: u32 = 8u;\n\
const LOGARITHM: bool = false;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  cols: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> y: array<Stored>;\n\
@group(0) @binding(1) var<storage, read> dy: array<Stored>;\n\
@group(0) @binding(2) var<storage, read_write> dx: array<Stored>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let row = workgroup_index(group, grid);\n\
  if (row >= params.rows) {\n\
    return;\n\
  }\n\
  let begin = row * params.cols;\n\
  let end = begin + params.cols;\n\
  var sum = 0.0;\n\
  for (var i = begin + local.x; i < end; i += LANES) {\n\
    sum += f32(dy[i]) * select(f32(y[i]), 1.0, LOGARITHM);\n\
  }\n\
  sum = workgroup_sum(local.x, sum);\n\
  for (var i = begin + local.x; i < end; i += LANES) {\n\
    let own = f32(y[i]);\n\
    let gradient = f32(dy[i]);\n\
    dx[i] = Stored(select(own * (gradient - sum), gradient - exp(own) * sum, LOGARITHM));\n\
  }\n\
}\n\
",
};

/**
 * Softmax of each row: y[c] = exp(x[c] - m) / sum_k exp(x[k] - m), m being the largest of the row, or with LOGARITHM
 * y[c] = x[c] - m - log sum_k exp(x[k] - m). A workgroup a row.
 */
export const softmax: KernelDefinition<"x" | "y", "rows" | "cols", "HALF" | "LANES" | "LOGARITHM"> = {
  name: "softmax",
  bindings: [{"name":"x","access":"read","element":"stored"}, {"name":"y","access":"read_write","element":"stored"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"cols","type":"u32","offset":4}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 8 }, LOGARITHM: { type: "bool", value: 0 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["rows"] * v["cols"], y: v["rows"] * v["cols"] }),
  workgroups: (v) => v["rows"],
  flops: (v) => 5 * v["rows"] * v["cols"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
var<workgroup> reduced: array<f32, LANES>;\n\
\n\
fn workgroup_sum(lane: u32, value: f32) -> f32 {\n\
  workgroupBarrier();\n\
  reduced[lane] = value;\n\
  workgroupBarrier();\n\
  for (var half = LANES / 2u; half > 0u; half /= 2u) {\n\
    if (lane < half) {\n\
      reduced[lane] += reduced[lane + half];\n\
    }\n\
    workgroupBarrier();\n\
  }\n\
  return reduced[0];\n\
}\n\
fn workgroup_max(lane: u32, value: f32) -> f32 {\n\
  workgroupBarrier();\n\
  reduced[lane] = value;\n\
  workgroupBarrier();\n\
  for (var half = LANES / 2u; half > 0u; half /= 2u) {\n\
    if (lane < half) {\n\
      reduced[lane] = max(reduced[lane], reduced[lane + half]);\n\
    }\n\
    workgroupBarrier();\n\
  }\n\
  return reduced[0];\n\
}\n\
\n\
const LANES: u32 = 8u;\n\
const LOGARITHM: bool = false;\n\
const LOWEST = -3.4028234e38;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  cols: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<Stored>;\n\
@group(0) @binding(1) var<storage, read_write> y: array<Stored>;\n\
@group(0) @binding(2) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let row = workgroup_index(group, grid);\n\
  if (row >= params.rows) {\n\
    return;\n\
  }\n\
  let begin = row * params.cols;\n\
  let end = begin + params.cols;\n\
  var largest = LOWEST;\n\
  for (var i = begin + local.x; i < end; i += LANES) {\n\
    largest = max(largest, f32(x[i]));\n\
  }\n\
  largest = workgroup_max(local.x, largest);\n\
  var sum = 0.0;\n\
  for (var i = begin + local.x; i < end; i += LANES) {\n\
    sum += exp(f32(x[i]) - largest);\n\
  }\n\
  sum = workgroup_sum(local.x, sum);\n\
  let logarithm = log(sum);\n\
  for (var i = begin + local.x; i < end; i += LANES) {\n\
    let behind = f32(x[i]) - largest;\n\
    y[i] = Stored(select(exp(behind) / sum, behind - logarithm, LOGARITHM));\n\
  }\n\
}\n\
",
};

/**
 * Squared distance of each row to the one at its place: distances[row] = sum_c (a[row, c] - b[row, c])^2. A workgroup a row.
 */
export const squaredDistances: KernelDefinition<"a" | "b" | "distances", "rows" | "cols", "LANES"> = {
  name: "squaredDistances",
  bindings: [{"name":"a","access":"read","element":"f32"}, {"name":"b","access":"read","element":"f32"}, {"name":"distances","access":"read_write","element":"f32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"cols","type":"u32","offset":4}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 8 } },
  unrolls: () => [],
  shapes: (v) => ({ a: v["rows"] * v["cols"], b: v["rows"] * v["cols"], distances: v["rows"] }),
  workgroups: (v) => v["rows"],
  flops: (v) => 3 * v["rows"] * v["cols"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
var<workgroup> reduced: array<f32, LANES>;\n\
\n\
fn workgroup_sum(lane: u32, value: f32) -> f32 {\n\
  workgroupBarrier();\n\
  reduced[lane] = value;\n\
  workgroupBarrier();\n\
  for (var half = LANES / 2u; half > 0u; half /= 2u) {\n\
    if (lane < half) {\n\
      reduced[lane] += reduced[lane + half];\n\
    }\n\
    workgroupBarrier();\n\
  }\n\
  return reduced[0];\n\
}\n\
\n\
const LANES: u32 = 8u;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  cols: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> a: array<f32>;\n\
@group(0) @binding(1) var<storage, read> b: array<f32>;\n\
@group(0) @binding(2) var<storage, read_write> distances: array<f32>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let row = workgroup_index(group, grid);\n\
  if (row >= params.rows) {\n\
    return;\n\
  }\n\
  var squares = 0.0;\n\
  for (var c = local.x; c < params.cols; c += LANES) {\n\
    let difference = a[row * params.cols + c] - b[row * params.cols + c];\n\
    squares = fma(difference, difference, squares);\n\
  }\n\
  let total = workgroup_sum(local.x, squares);\n\
  if (local.x == 0u) {\n\
    distances[row] = total;\n\
  }\n\
}\n\
",
};

/**
 * Centres and scales every column: y[row, c] = (x[row, c] - mean[c]) / sqrt(variance[c] + EPSILON).
 * `statistics` holds the means, then the variances.
 */
export const standardize: KernelDefinition<"x" | "statistics" | "y", "elements" | "channels", "LANES" | "EPSILON"> = {
  name: "standardize",
  bindings: [{"name":"x","access":"read","element":"f32"}, {"name":"statistics","access":"read","element":"f32"}, {"name":"y","access":"read_write","element":"f32"}],
  params: [{"name":"elements","type":"u32","offset":0}, {"name":"channels","type":"u32","offset":4}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 }, EPSILON: { type: "f32", value: 0.00001 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["elements"], statistics: 2 * v["channels"], y: v["elements"] }),
  workgroups: (v) => Math.ceil(v["elements"] / v["LANES"]),
  flops: (v) => 4 * v["elements"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
const EPSILON: f32 = 0.00001;\n\
\n\
struct Params {\n\
  elements: u32,\n\
  channels: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<f32>;\n\
@group(0) @binding(1) var<storage, read> statistics: array<f32>;\n\
@group(0) @binding(2) var<storage, read_write> y: array<f32>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let i = workgroup_index(group, grid) * LANES + local.x;\n\
  if (i >= params.elements) {\n\
    return;\n\
  }\n\
  let channel = i % params.channels;\n\
  y[i] = (x[i] - statistics[channel]) * inverseSqrt(statistics[params.channels + channel] + EPSILON);\n\
}\n\
",
};

/**
 * What the branch of a residual block counts for in each image's view, by stochastic depth (Huang et al. 2016), scaled in training:
 * factors[v * images + i] = scale where u >= probability, else 0, with u in [0, 1) drawn from (counter, image, site, view): however a
 * batch is cut up, the same is drawn.
 */
export const stochasticDepth: KernelDefinition<"images" | "counter" | "factors", "rows" | "batch" | "site" | "probability" | "scale", "LANES"> = {
  name: "stochasticDepth",
  bindings: [{"name":"images","access":"read","element":"u32"}, {"name":"counter","access":"read","element":"u32"}, {"name":"factors","access":"read_write","element":"f32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"batch","type":"u32","offset":4}, {"name":"site","type":"u32","offset":8}, {"name":"probability","type":"f32","offset":12}, {"name":"scale","type":"f32","offset":16}],
  paramsSize: 32,
  constants: { LANES: { type: "u32", value: 64 } },
  unrolls: () => [],
  shapes: (v) => ({ images: v["batch"], counter: 2, factors: v["rows"] }),
  workgroups: (v) => Math.ceil(v["rows"] / v["LANES"]),
  flops: (v) => v["rows"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
fn random_words(counter: vec4u) -> vec4u {\n\
  var v = counter * 1664525u + 1013904223u;\n\
  v.x += v.y * v.w;\n\
  v.y += v.z * v.x;\n\
  v.z += v.x * v.y;\n\
  v.w += v.y * v.z;\n\
  v ^= v >> vec4u(16u);\n\
  v.x += v.y * v.w;\n\
  v.y += v.z * v.x;\n\
  v.z += v.x * v.y;\n\
  v.w += v.y * v.z;\n\
  return v;\n\
}\n\
\n\
fn random_uniform(counter: vec4u) -> vec4f {\n\
  return vec4f(random_words(counter) >> vec4u(8u)) * (1.0 / 16777216.0);\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
const SITES = 0x40000000u;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  batch: u32,\n\
  site: u32,\n\
  probability: f32,\n\
  scale: f32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> images: array<u32>;\n\
@group(0) @binding(1) var<storage, read> counter: array<u32>;\n\
@group(0) @binding(2) var<storage, read_write> factors: array<f32>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let row = workgroup_index(group, grid) * LANES + local.x;\n\
  if (row >= params.rows) {\n\
    return;\n\
  }\n\
  let view = row / params.batch;\n\
  let u = random_uniform(vec4u(counter[0], counter[1], images[row % params.batch], SITES + params.site + view));\n\
  factors[row] = select(0.0, params.scale, u.x >= params.probability);\n\
}\n\
",
};

/**
 * Adds up the parts of a sum that was split: y[i] = sum_s parts[s, i]. A workgroup has LANES elements at a time, and its GROUPS
 * strands of threads take turns with their parts.
 */
export const sumSplits: KernelDefinition<"parts" | "y", "elements" | "splits", "LANES" | "GROUPS" | "ELEMENTS"> = {
  name: "sumSplits",
  bindings: [{"name":"parts","access":"read","element":"f32"}, {"name":"y","access":"read_write","element":"f32"}],
  params: [{"name":"elements","type":"u32","offset":0}, {"name":"splits","type":"u32","offset":4}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 }, GROUPS: { type: "u32", value: 1 }, ELEMENTS: { type: "u32", value: 8 } },
  unrolls: () => [],
  shapes: (v) => ({ parts: v["splits"] * v["elements"], y: v["elements"] }),
  workgroups: (v) => Math.ceil(v["elements"] / (v["LANES"] * v["ELEMENTS"])),
  flops: (v) => v["splits"] * v["elements"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
alias Element = f32; //#vec4 alias Element = vec4f;\n\
\n\
const LANES: u32 = 64u;\n\
const GROUPS: u32 = 1u;\n\
const ELEMENTS: u32 = 8u;\n\
var<workgroup> strands: array<Element, LANES * GROUPS>;\n\
\n\
fn strand_sum(lane: u32, strand: u32, value: Element) -> Element {\n\
  if (GROUPS == 1u) {\n\
    return value;\n\
  }\n\
  workgroupBarrier();\n\
  strands[strand * LANES + lane] = value;\n\
  workgroupBarrier();\n\
  for (var half = GROUPS / 2u; half > 0u; half /= 2u) {\n\
    if (strand < half) {\n\
      strands[strand * LANES + lane] += strands[(strand + half) * LANES + lane];\n\
    }\n\
    workgroupBarrier();\n\
  }\n\
  return strands[lane];\n\
}\n\
\n\
struct Params {\n\
  elements: u32,\n\
  splits: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> parts: array<f32>;\n\
@group(0) @binding(1) var<storage, read_write> y: array<f32>;\n\
@group(0) @binding(2) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES, GROUPS)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let first = workgroup_index(group, grid) * LANES * ELEMENTS;\n\
  let end = min(first + LANES * ELEMENTS, params.elements);\n\
  for (var base = first; base < end; base += LANES) {\n\
    let own = base + local.x;\n\
    let i = min(own, params.elements - 1u);\n\
    var sum = 0.0;\n\
    for (var s = local.y; s < params.splits; s += GROUPS) {\n\
      sum += parts[s * params.elements + i];\n\
    }\n\
    let total = strand_sum(local.x, local.y, sum);\n\
    if (local.y == 0u && own < params.elements) {\n\
      y[own] = total;\n\
    }\n\
  }\n\
}\n\
",
};

/**
 * The marks of rows that have a time (see lib/relations.wgsl): all groups, then all times.
 */
export const timedMarks: KernelDefinition<"groups" | "times" | "marks", "rows", "LANES"> = {
  name: "timedMarks",
  bindings: [{"name":"groups","access":"read","element":"u32"}, {"name":"times","access":"read","element":"u32"}, {"name":"marks","access":"read_write","element":"u32"}],
  params: [{"name":"rows","type":"u32","offset":0}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 } },
  unrolls: () => [],
  shapes: (v) => ({ groups: v["rows"], times: v["rows"], marks: 2 * v["rows"] }),
  workgroups: (v) => Math.ceil(v["rows"] / v["LANES"]),
  flops: () => 0,
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
\n\
struct Params {\n\
  rows: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> groups: array<u32>;\n\
@group(0) @binding(1) var<storage, read> times: array<u32>;\n\
@group(0) @binding(2) var<storage, read_write> marks: array<u32>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let row = workgroup_index(group, grid) * LANES + local.x;\n\
  if (row < params.rows) {\n\
    marks[row] = groups[row];\n\
    marks[params.rows + row] = times[row];\n\
  }\n\
}\n\
",
};

/**
 * The way out of f16: y = x, exactly.
 */
export const toFloat: KernelDefinition<"x" | "y", "elements", "HALF" | "LANES" | "ELEMENTS"> = {
  name: "toFloat",
  bindings: [{"name":"x","access":"read","element":"stored"}, {"name":"y","access":"read_write","element":"f32"}],
  params: [{"name":"elements","type":"u32","offset":0}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 64 }, ELEMENTS: { type: "u32", value: 8 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["elements"], y: v["elements"] }),
  workgroups: (v) => Math.ceil(v["elements"] / (v["LANES"] * v["ELEMENTS"])),
  flops: () => 0,
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
\n\
const LANES: u32 = 64u;\n\
const ELEMENTS: u32 = 8u;\n\
\n\
struct Params {\n\
  elements: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<Stored>;\n\
@group(0) @binding(1) var<storage, read_write> y: array<f32>;\n\
@group(0) @binding(2) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let first = workgroup_index(group, grid) * LANES * ELEMENTS;\n\
  let end = min(first + LANES * ELEMENTS, params.elements);\n\
  for (var i = first + local.x; i < end; i += LANES) {\n\
    y[i] = f32(x[i]);\n\
  }\n\
}\n\
",
};

/**
 * The way into f16: y = x, rounded.
 */
export const toHalf: KernelDefinition<"x" | "y", "elements", "HALF" | "LANES" | "ELEMENTS"> = {
  name: "toHalf",
  bindings: [{"name":"x","access":"read","element":"f32"}, {"name":"y","access":"read_write","element":"stored"}],
  params: [{"name":"elements","type":"u32","offset":0}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 64 }, ELEMENTS: { type: "u32", value: 8 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["elements"], y: v["elements"] }),
  workgroups: (v) => Math.ceil(v["elements"] / (v["LANES"] * v["ELEMENTS"])),
  flops: () => 0,
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
\n\
const LANES: u32 = 64u;\n\
const ELEMENTS: u32 = 8u;\n\
\n\
struct Params {\n\
  elements: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<f32>;\n\
@group(0) @binding(1) var<storage, read_write> y: array<Stored>;\n\
@group(0) @binding(2) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let first = workgroup_index(group, grid) * LANES * ELEMENTS;\n\
  let end = min(first + LANES * ELEMENTS, params.elements);\n\
  for (var i = first + local.x; i < end; i += LANES) {\n\
    y[i] = Stored(x[i]);\n\
  }\n\
}\n\
",
};

/**
 * The k largest of each row: their columns in ascending order, and their values; of equal values the first ones count.
 * The k-th largest is found digit by digit (radix select over 8-bit digits of the order-preserving bit pattern), with
 * integer counts only, so the result is always the same. A workgroup a row.
 */
export const topK: KernelDefinition<"x" | "indices" | "values", "rows" | "cols" | "k", "LANES"> = {
  name: "topK",
  bindings: [{"name":"x","access":"read","element":"f32"}, {"name":"indices","access":"read_write","element":"u32"}, {"name":"values","access":"read_write","element":"f32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"cols","type":"u32","offset":4}, {"name":"k","type":"u32","offset":8}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["rows"] * v["cols"], indices: v["rows"] * v["k"], values: v["rows"] * v["k"] }),
  workgroups: (v) => v["rows"],
  flops: () => 0,
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  cols: u32,\n\
  k: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<f32>;\n\
@group(0) @binding(1) var<storage, read_write> indices: array<u32>;\n\
@group(0) @binding(2) var<storage, read_write> values: array<f32>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
var<workgroup> counts: array<atomic<u32>, 256>;\n\
var<workgroup> above: array<u32, LANES>;\n\
var<workgroup> equal: array<u32, LANES>;\n\
\n\
fn sort_key(value: f32) -> u32 {\n\
  let bits = bitcast<u32>(value);\n\
  return select(bits | 0x80000000u, ~bits, (bits & 0x80000000u) != 0u);\n\
}\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let row = workgroup_index(group, grid);\n\
  if (row >= params.rows) {\n\
    return;\n\
  }\n\
  let start = row * params.cols;\n\
\n\
  var prefix = 0u;\n\
  var wanted = params.k;\n\
  for (var digit = 0u; digit < 4u; digit++) {\n\
    let shift = 24u - 8u * digit;\n\
    for (var bin = local.x; bin < 256u; bin += LANES) {\n\
      atomicStore(&counts[bin], 0u);\n\
    }\n\
    workgroupBarrier();\n\
    for (var c = local.x; c < params.cols; c += LANES) {\n\
      let key = sort_key(x[start + c]);\n\
      if (digit == 0u || (key >> (shift + 8u)) == prefix) {\n\
        atomicAdd(&counts[(key >> shift) & 255u], 1u);\n\
      }\n\
    }\n\
    workgroupBarrier();\n\
    var bin = 255u;\n\
    var count = atomicLoad(&counts[bin]);\n\
    while (count < wanted && bin > 0u) {\n\
      wanted -= count;\n\
      bin--;\n\
      count = atomicLoad(&counts[bin]);\n\
    }\n\
    prefix = (prefix << 8u) | bin;\n\
    workgroupBarrier();\n\
  }\n\
\n\
  let run = (params.cols + LANES - 1u) / LANES;\n\
  let begin = min(local.x * run, params.cols);\n\
  let end = min(begin + run, params.cols);\n\
  var own_above = 0u;\n\
  var own_equal = 0u;\n\
  for (var c = begin; c < end; c++) {\n\
    let key = sort_key(x[start + c]);\n\
    own_above += select(0u, 1u, key > prefix);\n\
    own_equal += select(0u, 1u, key == prefix);\n\
  }\n\
  above[local.x] = own_above;\n\
  equal[local.x] = own_equal;\n\
  workgroupBarrier();\n\
  var place = row * params.k;\n\
  var seen = 0u;\n\
  for (var lane = 0u; lane < local.x; lane++) {\n\
    place += above[lane] + min(equal[lane], wanted - min(seen, wanted));\n\
    seen += equal[lane];\n\
  }\n\
  for (var c = begin; c < end; c++) {\n\
    let value = x[start + c];\n\
    let key = sort_key(value);\n\
    let taken = key > prefix || (key == prefix && seen < wanted);\n\
    seen += select(0u, 1u, key == prefix);\n\
    if (taken) {\n\
      indices[place] = c;\n\
      values[place] = value;\n\
      place++;\n\
    }\n\
  }\n\
}\n\
",
};

/**
 * Transposes each matrix of a batch: y[b, column, row] = x[b, row, column]. With REVERSED, the batch is written from its end,
 * which turns the weights [tap, in, out] of a convolution into those of its input gradient.
 */
export const transpose: KernelDefinition<"x" | "y", "matrices" | "rows" | "cols", "HALF" | "LANES" | "COLS" | "REVERSED"> = {
  name: "transpose",
  bindings: [{"name":"x","access":"read","element":"stored"}, {"name":"y","access":"read_write","element":"stored"}],
  params: [{"name":"matrices","type":"u32","offset":0}, {"name":"rows","type":"u32","offset":4}, {"name":"cols","type":"u32","offset":8}],
  paramsSize: 16,
  constants: { HALF: { type: "bool", value: 0 }, LANES: { type: "u32", value: 32 }, COLS: { type: "u32", value: 16 }, REVERSED: { type: "bool", value: 0 } },
  unrolls: () => [],
  shapes: (v) => ({ x: v["matrices"] * v["rows"] * v["cols"], y: v["matrices"] * v["rows"] * v["cols"] }),
  workgroups: (v) => v["matrices"] * Math.ceil(v["rows"] / v["LANES"]) * Math.ceil(v["cols"] / v["COLS"]),
  flops: () => 0,
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;\n\
\n\
const LANES: u32 = 32u;\n\
const COLS: u32 = 16u;\n\
const REVERSED: bool = false;\n\
\n\
struct Params {\n\
  matrices: u32,\n\
  rows: u32,\n\
  cols: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> x: array<Stored>;\n\
@group(0) @binding(1) var<storage, read_write> y: array<Stored>;\n\
@group(0) @binding(2) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let row_blocks = (params.rows + LANES - 1u) / LANES;\n\
  let column_blocks = (params.cols + COLS - 1u) / COLS;\n\
  let index = workgroup_index(group, grid);\n\
  let matrix = index / (row_blocks * column_blocks);\n\
  let row = index / column_blocks % row_blocks * LANES + local.x;\n\
  if (matrix >= params.matrices || row >= params.rows) {\n\
    return;\n\
  }\n\
  let size = params.rows * params.cols;\n\
  let from_row = matrix * size + row * params.cols;\n\
  let to_row = select(matrix, params.matrices - 1u - matrix, REVERSED) * size + row;\n\
  let begin = index % column_blocks * COLS;\n\
  let end = min(begin + COLS, params.cols);\n\
  for (var column = begin; column < end; column++) {\n\
    y[to_row + column * params.rows] = x[from_row + column];\n\
  }\n\
}\n\
",
};

/**
 * Gradient of the losses of triplets with respect to the similarities: with g the gradient of one pair's loss, each pair (a, p) whose
 * loss is above 0 gives dsimilarities[a, p] -2 g, and dsimilarities[a, n] 2 g for its negative n = chosen[a, p]; of `count`
 * anchors a. A thread an element.
 */
export const tripletsGradient: KernelDefinition<"chosen" | "gradient" | "dsimilarities", "rows" | "count", "LANES"> = {
  name: "tripletsGradient",
  bindings: [{"name":"chosen","access":"read","element":"u32"}, {"name":"gradient","access":"read","element":"f32"}, {"name":"dsimilarities","access":"read_write","element":"f32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"count","type":"u32","offset":4}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 } },
  unrolls: () => [],
  shapes: (v) => ({ chosen: v["count"] * v["rows"], gradient: 1, dsimilarities: v["count"] * v["rows"] }),
  workgroups: (v) => Math.ceil(v["count"] * v["rows"] / v["LANES"]),
  flops: (v) => v["count"] * v["rows"] * v["rows"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
const NOBODY = 0xffffffffu;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  count: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> chosen: array<u32>;\n\
@group(0) @binding(1) var<storage, read> gradient: array<f32>;\n\
@group(0) @binding(2) var<storage, read_write> dsimilarities: array<f32>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let i = workgroup_index(group, grid) * LANES + local.x;\n\
  if (i >= params.count * params.rows) {\n\
    return;\n\
  }\n\
  let start = i / params.rows * params.rows;\n\
  let row = i - start;\n\
  var times = select(-1, 0, chosen[i] == NOBODY);\n\
  for (var p = 0u; p < params.rows; p++) {\n\
    times += select(0, 1, chosen[start + p] == row);\n\
  }\n\
  dsimilarities[i] = 2.0 * f32(times) * gradient[0];\n\
}\n\
",
};

/**
 * Semi-hard triplets of each anchor (Schroff et al. 2015; of frames: Sermanet et al. 2018), of the similarities s of all pairs of
 * embeddings of length 1, whose squared distances are 2 - 2 s. To anchor a, rows of its group that are at most `near` from it in
 * time are positives; rows of other groups, and those that are further than `far`, are negatives. To positive p belongs the most
 * similar negative n that is less similar than p, or where there is none the least similar one, and their loss is
 * max(0, margin + 2 s[a, n] - 2 s[a, p]). `losses` and `pairs` are sums over the positives of an anchor that has negatives, of the
 * losses and of 1; `correct` counts positives that are more similar than every negative; `chosen` holds n where the loss of p is
 * above 0, and else 2^32 - 1, for the gradient. The similarities at hand are those of `count` anchors from `first_row` on with all
 * rows. A workgroup an anchor, a thread for each LANES-th positive.
 */
export const triplets: KernelDefinition<"similarities" | "groups" | "times" | "losses" | "pairs" | "correct" | "chosen", "rows" | "first_row" | "count" | "near" | "far" | "margin", "LANES"> = {
  name: "triplets",
  bindings: [{"name":"similarities","access":"read","element":"f32"}, {"name":"groups","access":"read","element":"u32"}, {"name":"times","access":"read","element":"u32"}, {"name":"losses","access":"read_write","element":"f32"}, {"name":"pairs","access":"read_write","element":"f32"}, {"name":"correct","access":"read_write","element":"f32"}, {"name":"chosen","access":"read_write","element":"u32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"first_row","type":"u32","offset":4}, {"name":"count","type":"u32","offset":8}, {"name":"near","type":"u32","offset":12}, {"name":"far","type":"u32","offset":16}, {"name":"margin","type":"f32","offset":20}],
  paramsSize: 32,
  constants: { LANES: { type: "u32", value: 64 } },
  unrolls: () => [],
  shapes: (v) => ({ similarities: v["count"] * v["rows"], groups: v["rows"], times: v["rows"], losses: v["rows"], pairs: v["rows"], correct: v["rows"], chosen: v["count"] * v["rows"] }),
  workgroups: (v) => v["count"],
  flops: (v) => 4 * v["count"] * v["rows"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
var<workgroup> reduced: array<f32, LANES>;\n\
\n\
fn workgroup_sum(lane: u32, value: f32) -> f32 {\n\
  workgroupBarrier();\n\
  reduced[lane] = value;\n\
  workgroupBarrier();\n\
  for (var half = LANES / 2u; half > 0u; half /= 2u) {\n\
    if (lane < half) {\n\
      reduced[lane] += reduced[lane + half];\n\
    }\n\
    workgroupBarrier();\n\
  }\n\
  return reduced[0];\n\
}\n\
fn apart(anchor: u32, row: u32) -> u32 {\n\
  return max(times[anchor], times[row]) - min(times[anchor], times[row]);\n\
}\n\
\n\
fn is_positive(anchor: u32, row: u32) -> bool {\n\
  return groups[anchor] == groups[row] && apart(anchor, row) <= params.near;\n\
}\n\
\n\
fn is_negative(anchor: u32, row: u32) -> bool {\n\
  return groups[anchor] != groups[row] || apart(anchor, row) > params.far;\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
const NOBODY = 0xffffffffu;\n\
const HIGHEST = 3.4e38;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  first_row: u32,\n\
  count: u32,\n\
  near: u32,\n\
  far: u32,\n\
  margin: f32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> similarities: array<f32>;\n\
@group(0) @binding(1) var<storage, read> groups: array<u32>;\n\
@group(0) @binding(2) var<storage, read> times: array<u32>;\n\
@group(0) @binding(3) var<storage, read_write> losses: array<f32>;\n\
@group(0) @binding(4) var<storage, read_write> pairs: array<f32>;\n\
@group(0) @binding(5) var<storage, read_write> correct: array<f32>;\n\
@group(0) @binding(6) var<storage, read_write> chosen: array<u32>;\n\
@group(0) @binding(7) var<uniform> params: Params;\n\
\n\
fn is_finite(x: f32) -> bool {\n\
  return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;\n\
}\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let place = workgroup_index(group, grid);\n\
  if (place >= params.count) {\n\
    return;\n\
  }\n\
  let start = place * params.rows;\n\
  let anchor = params.first_row + place;\n\
  var loss = 0.0;\n\
  var count = 0.0;\n\
  var right = 0.0;\n\
  for (var p = local.x; p < params.rows; p += LANES) {\n\
    var negative = NOBODY;\n\
    if (p != anchor && is_positive(anchor, p)) {\n\
      let positive = similarities[start + p];\n\
      var semi_hard = NOBODY;\n\
      var largest = -HIGHEST;\n\
      var easiest = NOBODY;\n\
      var smallest = HIGHEST;\n\
      var nearest = -HIGHEST;\n\
      for (var n = 0u; n < params.rows; n++) {\n\
        if (!is_negative(anchor, n)) {\n\
          continue;\n\
        }\n\
        let similarity = similarities[start + n];\n\
        nearest = max(nearest, similarity);\n\
        if (similarity < positive && similarity > largest) {\n\
          semi_hard = n;\n\
          largest = similarity;\n\
        }\n\
        if (similarity < smallest) {\n\
          easiest = n;\n\
          smallest = similarity;\n\
        }\n\
      }\n\
      negative = select(semi_hard, easiest, semi_hard == NOBODY);\n\
      if (negative != NOBODY) {\n\
        let own = params.margin + 2.0 * (similarities[start + negative] - positive);\n\
        loss += max(own, 0.0);\n\
        count += 1.0;\n\
        right += select(0.0, 1.0, positive > nearest);\n\
        negative = select(NOBODY, negative, own > 0.0);\n\
      }\n\
    }\n\
    chosen[start + p] = negative;\n\
  }\n\
  let all_losses = workgroup_sum(local.x, loss);\n\
  let all_pairs = workgroup_sum(local.x, count);\n\
  let all_right = workgroup_sum(local.x, right);\n\
  if (local.x == 0u) {\n\
    let own = similarities[start + anchor];\n\
    losses[anchor] = select(own, all_losses, is_finite(own));\n\
    pairs[anchor] = all_pairs;\n\
    correct[anchor] = all_right;\n\
  }\n\
}\n\
",
};

/**
 * First pass of loss scaling (Micikevicius et al. 2018, section 3.2): divides the gradients of a slab by the scale, and counts
 * those of each workgroup that are infinite or NaN: counts[first + workgroup]. They are told by their bits, for a WGSL compiler
 * may take it that there are none. `counts` has a place for every workgroup over all slabs, `blocks` in number.
 */
export const unscaleGradients: KernelDefinition<"scale" | "gradients" | "counts", "elements" | "first" | "blocks", "LANES" | "ELEMENTS"> = {
  name: "unscaleGradients",
  bindings: [{"name":"scale","access":"read","element":"f32"}, {"name":"gradients","access":"read_write","element":"f32"}, {"name":"counts","access":"read_write","element":"f32"}],
  params: [{"name":"elements","type":"u32","offset":0}, {"name":"first","type":"u32","offset":4}, {"name":"blocks","type":"u32","offset":8}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 }, ELEMENTS: { type: "u32", value: 8 } },
  unrolls: () => [],
  shapes: (v) => ({ scale: 1, gradients: v["elements"], counts: v["blocks"] }),
  workgroups: (v) => Math.ceil(v["elements"] / (4 * v["LANES"] * v["ELEMENTS"])),
  flops: (v) => v["elements"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
var<workgroup> reduced: array<f32, LANES>;\n\
\n\
fn workgroup_sum(lane: u32, value: f32) -> f32 {\n\
  workgroupBarrier();\n\
  reduced[lane] = value;\n\
  workgroupBarrier();\n\
  for (var half = LANES / 2u; half > 0u; half /= 2u) {\n\
    if (lane < half) {\n\
      reduced[lane] += reduced[lane + half];\n\
    }\n\
    workgroupBarrier();\n\
  }\n\
  return reduced[0];\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
const ELEMENTS: u32 = 8u;\n\
const NOT_FINITE = 0x7f800000u;\n\
\n\
struct Params {\n\
  elements: u32,\n\
  first: u32,\n\
  blocks: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> scale: array<f32>;\n\
@group(0) @binding(1) var<storage, read_write> gradients: array<vec4f>;\n\
@group(0) @binding(2) var<storage, read_write> counts: array<f32>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let index = workgroup_index(group, grid);\n\
  let begin = index * LANES * ELEMENTS;\n\
  let end = min(begin + LANES * ELEMENTS, params.elements / 4u);\n\
  if (begin >= end) {\n\
    return;\n\
  }\n\
  let inverse = 1.0 / scale[0];\n\
  var found = vec4f();\n\
  for (var i = begin + local.x; i < end; i += LANES) {\n\
    let gradient = gradients[i];\n\
    let exponents = bitcast<vec4u>(gradient) & vec4u(NOT_FINITE);\n\
    found += select(vec4f(), vec4f(1.0), exponents == vec4u(NOT_FINITE));\n\
    gradients[i] = gradient * inverse;\n\
  }\n\
  let total = workgroup_sum(local.x, found.x + found.y + found.z + found.w);\n\
  if (local.x == 0u) {\n\
    counts[params.first + index] = total;\n\
  }\n\
}\n\
",
};

/**
 * A group for each image of a batch: rows i, i + images, i + 2 * images and so on are its views, and their group is first + i.
 */
export const viewGroups: KernelDefinition<"groups", "rows" | "images" | "first", "LANES"> = {
  name: "viewGroups",
  bindings: [{"name":"groups","access":"read_write","element":"u32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"images","type":"u32","offset":4}, {"name":"first","type":"u32","offset":8}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 64 } },
  unrolls: () => [],
  shapes: (v) => ({ groups: v["rows"] }),
  workgroups: (v) => Math.ceil(v["rows"] / v["LANES"]),
  flops: () => 0,
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
\n\
const LANES: u32 = 64u;\n\
\n\
struct Params {\n\
  rows: u32,\n\
  images: u32,\n\
  first: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read_write> groups: array<u32>;\n\
@group(0) @binding(1) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let row = workgroup_index(group, grid) * LANES + local.x;\n\
  if (row < params.rows) {\n\
    groups[row] = params.first + row % params.images;\n\
  }\n\
}\n\
",
};

/**
 * Gradient of weight standardisation: dweight = inverse * (dy - mean(dy) - y * mean(dy * y)), with the means of each output
 * channel's column; `y` is the standardised weight and `inverse` 1 / sqrt(variance + EPSILON). Cut up as weight-standardization.
 */
export const weightStandardizationGradient: KernelDefinition<"y" | "dy" | "inverse" | "dweight", "rows" | "channels", "LANES" | "GROUPS" | "VECTOR"> = {
  name: "weightStandardizationGradient",
  bindings: [{"name":"y","access":"read","element":"f32"}, {"name":"dy","access":"read","element":"f32"}, {"name":"inverse","access":"read","element":"f32"}, {"name":"dweight","access":"read_write","element":"f32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"channels","type":"u32","offset":4}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 4 }, GROUPS: { type: "u32", value: 64 }, VECTOR: { type: "u32", value: 1 } },
  unrolls: () => [],
  shapes: (v) => ({ y: v["rows"] * v["channels"], dy: v["rows"] * v["channels"], inverse: v["channels"], dweight: v["rows"] * v["channels"] }),
  workgroups: (v) => Math.ceil(v["channels"] / (v["LANES"] * v["VECTOR"])),
  flops: (v) => 7 * v["rows"] * v["channels"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
alias Element = f32; //#vec4 alias Element = vec4f;\n\
\n\
const LANES: u32 = 4u;\n\
const GROUPS: u32 = 64u;\n\
const VECTOR: u32 = 1u;\n\
var<workgroup> strands: array<Element, LANES * GROUPS>;\n\
\n\
fn strand_sum(lane: u32, strand: u32, value: Element) -> Element {\n\
  if (GROUPS == 1u) {\n\
    return value;\n\
  }\n\
  workgroupBarrier();\n\
  strands[strand * LANES + lane] = value;\n\
  workgroupBarrier();\n\
  for (var half = GROUPS / 2u; half > 0u; half /= 2u) {\n\
    if (strand < half) {\n\
      strands[strand * LANES + lane] += strands[(strand + half) * LANES + lane];\n\
    }\n\
    workgroupBarrier();\n\
  }\n\
  return strands[lane];\n\
}\n\
\n\
struct Params {\n\
  rows: u32,\n\
  channels: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> y: array<Element>;\n\
@group(0) @binding(1) var<storage, read> dy: array<Element>;\n\
@group(0) @binding(2) var<storage, read> inverse: array<Element>;\n\
@group(0) @binding(3) var<storage, read_write> dweight: array<Element>;\n\
@group(0) @binding(4) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES, GROUPS)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let channels = params.channels / VECTOR;\n\
  let own = workgroup_index(group, grid) * LANES + local.x;\n\
  let channel = min(own, channels - 1u);\n\
  let rows = f32(params.rows);\n\
  var sum = Element();\n\
  var products = Element();\n\
  for (var row = local.y; row < params.rows; row += GROUPS) {\n\
    let g = dy[row * channels + channel];\n\
    sum += g;\n\
    products = fma(g, y[row * channels + channel], products);\n\
  }\n\
  let mean = strand_sum(local.x, local.y, sum) / rows;\n\
  let slope = strand_sum(local.x, local.y, products) / rows;\n\
  if (own >= channels) {\n\
    return;\n\
  }\n\
  let scale = inverse[channel];\n\
  for (var row = local.y; row < params.rows; row += GROUPS) {\n\
    let i = row * channels + channel;\n\
    dweight[i] = scale * (dy[i] - mean - y[i] * slope);\n\
  }\n\
}\n\
",
};

/**
 * Weight standardisation (Qiao et al. 2019): y = (weight - mean) / sqrt(variance + EPSILON), with the mean and the biased variance
 * of each output channel's column. `inverse` receives 1 / sqrt(variance + EPSILON). A workgroup has LANES * VECTOR channels, and
 * its GROUPS strands of threads take turns with the rows: once for the mean, once for the squared differences from it, once to
 * write.
 */
export const weightStandardization: KernelDefinition<"weight" | "y" | "inverse", "rows" | "channels", "LANES" | "GROUPS" | "VECTOR" | "EPSILON"> = {
  name: "weightStandardization",
  bindings: [{"name":"weight","access":"read","element":"f32"}, {"name":"y","access":"read_write","element":"f32"}, {"name":"inverse","access":"read_write","element":"f32"}],
  params: [{"name":"rows","type":"u32","offset":0}, {"name":"channels","type":"u32","offset":4}],
  paramsSize: 16,
  constants: { LANES: { type: "u32", value: 4 }, GROUPS: { type: "u32", value: 64 }, VECTOR: { type: "u32", value: 1 }, EPSILON: { type: "f32", value: 1e-10 } },
  unrolls: () => [],
  shapes: (v) => ({ weight: v["rows"] * v["channels"], y: v["rows"] * v["channels"], inverse: v["channels"] }),
  workgroups: (v) => Math.ceil(v["channels"] / (v["LANES"] * v["VECTOR"])),
  flops: (v) => 6 * v["rows"] * v["channels"],
  source: "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}\n\
alias Element = f32; //#vec4 alias Element = vec4f;\n\
\n\
const LANES: u32 = 4u;\n\
const GROUPS: u32 = 64u;\n\
const VECTOR: u32 = 1u;\n\
const EPSILON: f32 = 0.0000000001;\n\
var<workgroup> strands: array<Element, LANES * GROUPS>;\n\
\n\
fn strand_sum(lane: u32, strand: u32, value: Element) -> Element {\n\
  if (GROUPS == 1u) {\n\
    return value;\n\
  }\n\
  workgroupBarrier();\n\
  strands[strand * LANES + lane] = value;\n\
  workgroupBarrier();\n\
  for (var half = GROUPS / 2u; half > 0u; half /= 2u) {\n\
    if (strand < half) {\n\
      strands[strand * LANES + lane] += strands[(strand + half) * LANES + lane];\n\
    }\n\
    workgroupBarrier();\n\
  }\n\
  return strands[lane];\n\
}\n\
\n\
struct Params {\n\
  rows: u32,\n\
  channels: u32,\n\
}\n\
\n\
@group(0) @binding(0) var<storage, read> weight: array<Element>;\n\
@group(0) @binding(1) var<storage, read_write> y: array<Element>;\n\
@group(0) @binding(2) var<storage, read_write> inverse: array<Element>;\n\
@group(0) @binding(3) var<uniform> params: Params;\n\
\n\
@compute @workgroup_size(LANES, GROUPS)\n\
fn main(\n\
  @builtin(workgroup_id) group: vec3u,\n\
  @builtin(num_workgroups) grid: vec3u,\n\
  @builtin(local_invocation_id) local: vec3u,\n\
) {\n\
  let channels = params.channels / VECTOR;\n\
  let own = workgroup_index(group, grid) * LANES + local.x;\n\
  let channel = min(own, channels - 1u);\n\
  let rows = f32(params.rows);\n\
  var sum = Element();\n\
  for (var row = local.y; row < params.rows; row += GROUPS) {\n\
    sum += weight[row * channels + channel];\n\
  }\n\
  let mean = strand_sum(local.x, local.y, sum) / rows;\n\
  var squares = Element();\n\
  for (var row = local.y; row < params.rows; row += GROUPS) {\n\
    let difference = weight[row * channels + channel] - mean;\n\
    squares = fma(difference, difference, squares);\n\
  }\n\
  let scale = inverseSqrt(strand_sum(local.x, local.y, squares) / rows + EPSILON);\n\
  if (own >= channels) {\n\
    return;\n\
  }\n\
  for (var row = local.y; row < params.rows; row += GROUPS) {\n\
    y[row * channels + channel] = (weight[row * channels + channel] - mean) * scale;\n\
  }\n\
  if (local.y == 0u) {\n\
    inverse[channel] = scale;\n\
  }\n\
}\n\
",
};
