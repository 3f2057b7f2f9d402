// Made by kernels/generate.ts from the .wgsl files beside it: change those, then run `npm run kernels`.
/** What kernels can include, by its path. */
export const pieces: Readonly<Record<string, string>> = {
  "lib/channels.wgsl": "struct ChannelTile {\n\
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
}",
  "lib/cosine-sine.wgsl": "fn cosine_sine(x: f32) -> vec2f {\n\
  let quarters = round(x * 0.63661977);\n\
  let r = ((x - quarters * 1.5703125) - quarters * 4.837513e-4) - quarters * 7.54979e-8;\n\
  let square = r * r;\n\
  let sine = r + r * square * (-1.6666654611e-1 + square * (8.3321608736e-3 - square * 1.9515295891e-4));\n\
  let fourth = square * square;\n\
  let cosine = 1.0 - 0.5 * square + fourth * (4.1666645683e-2 + square * (-1.3887316255e-3 + square * 2.443315711e-5));\n\
  let turned = i32(quarters) & 3;\n\
  let both = select(vec2f(cosine, sine), vec2f(-sine, cosine), (turned & 1) == 1);\n\
  return select(both, -both, turned >= 2);\n\
}",
  "lib/element.wgsl": "alias Element = f32; //#vec4 alias Element = vec4f;",
  "lib/epps-pulley.wgsl": "const KNOTS = 16u;\n\
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
}",
  "lib/fragments.wgsl": "const UNITS: bool = false;\n\
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
}",
  "lib/functions.wgsl": "const SCALE = 1u;\n\
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
}",
  "lib/grid.wgsl": "fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}",
  "lib/heads-gradient.wgsl": "fn load_dy(at: u32) -> vec4f {\n\
  return vec4f(f32(dy[at]), f32(dy[at + 1u]), f32(dy[at + 2u]), f32(dy[at + 3u])); //#vec4 return vec4f(dy[at / 4u]);\n\
}\n\
\n\
fn store_dqkv(at: u32, value: vec4f) {\n\
  dqkv[at] = Stored(value.x); //#vec4 dqkv[at / 4u] = StoredElement(value);\n\
  dqkv[at + 1u] = Stored(value.y); //#vec4 ;\n\
  dqkv[at + 2u] = Stored(value.z); //#vec4 ;\n\
  dqkv[at + 3u] = Stored(value.w); //#vec4 ;\n\
}",
  "lib/heads.wgsl": "const LOWEST: f32 = -1e30;\n\
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
}",
  "lib/images.wgsl": "struct ImageTile {\n\
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
}",
  "lib/keep.wgsl": "fn keep(split: u32, row: u32, negatives: vec2f, positives: vec2f, attracted: f32, attracting: vec2f) {\n\
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
}",
  "lib/logits.wgsl": "fn column_of(tile_start: u32, c: u32, lane: u32) -> u32 {\n\
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
}",
  "lib/luma.wgsl": "const LUMA = vec3f(0.2989, 0.587, 0.114);",
  "lib/matrix-tiles.wgsl": "const ROW_SUBGROUPS: u32 = 2u;\n\
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
}",
  "lib/moments-in-time.wgsl": "fn apart(anchor: u32, row: u32) -> u32 {\n\
  return max(times[anchor], times[row]) - min(times[anchor], times[row]);\n\
}\n\
\n\
fn is_positive(anchor: u32, row: u32) -> bool {\n\
  return groups[anchor] == groups[row] && apart(anchor, row) <= params.near;\n\
}\n\
\n\
fn is_negative(anchor: u32, row: u32) -> bool {\n\
  return groups[anchor] != groups[row] || apart(anchor, row) > params.far;\n\
}",
  "lib/negatives.wgsl": "const NT_XENT = 0u;\n\
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
}",
  "lib/pairs.wgsl": "fn positive_of(row: u32, rows: u32) -> u32 {\n\
  let half_rows = rows / 2u;\n\
  return select(row - half_rows, row + half_rows, row < half_rows);\n\
}",
  "lib/panels.wgsl": "fn place_in_panel(row: u32, first_column: u32, same_block: u32) -> u32 {\n\
  return select(4294967295u, row - first_column, same_block == 1u);\n\
}\n\
\n\
fn panel_stride(width: u32) -> u32 {\n\
  return (width + 3u) / 4u * 4u;\n\
}",
  "lib/partials.wgsl": "const LARGEST = 0u;\n\
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
}",
  "lib/patches.wgsl": "const TERMS = KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS;\n\
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
}",
  "lib/pixel-runs.wgsl": "const WEIGHT_ROWS = KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS;\n\
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
}",
  "lib/poison.wgsl": "fn poisoned(value: f32, is_wrong: bool) -> f32 {\n\
  return bitcast<f32>(select(bitcast<u32>(value), 0x7fc00000u, is_wrong));\n\
}",
  "lib/random.wgsl": "fn random_words(counter: vec4u) -> vec4u {\n\
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
}",
  "lib/reduce-max.wgsl": "fn workgroup_max(lane: u32, value: f32) -> f32 {\n\
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
}",
  "lib/reduce.wgsl": "var<workgroup> reduced: array<f32, LANES>;\n\
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
}",
  "lib/relations.wgsl": "const ATTRACTS = 1u;\n\
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
}",
  "lib/repeated.wgsl": "fn repeated(row: u32, col: u32, rows: u32, cols: u32) -> u32 {\n\
  return select(0u, row, rows > 1u) * cols + select(0u, col, cols > 1u);\n\
}",
  "lib/share.wgsl": "fn from_lane(value: f32, lane: u32) -> f32 {\n\
  return value; //#subgroups return subgroupShuffle(value, lane);\n\
}",
  "lib/similarity-tiles.wgsl": "fn add_similarities(sums: ptr<function, Sums>, first_row: u32, first_column: u32, local: vec3u) {\n\
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
}",
  "lib/slope.wgsl": "const ONE_POSITIVE: bool = false;\n\
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
}",
  "lib/stored.wgsl": "const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;",
  "lib/strands.wgsl": "var<workgroup> strands: array<Element, LANES * GROUPS>;\n\
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
}",
  "lib/tile-product.wgsl": "const THREADS = ROW_THREADS * COL_THREADS;\n\
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
}",
  "lib/view.wgsl": "const VIEW_FIELDS: u32 = 22u;\n\
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
const VIEW_STRIDE = 21u;",
};
