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
