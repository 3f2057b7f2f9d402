// Made by kernels/generate.ts from the .wgsl files beside it: change those, then run `npm run kernels`.
/** What kernels can include, by its path. */
export const pieces: Readonly<Record<string, string>> = {
  "lib/channels.wgsl": "// Work on a matrix [rows, channels] in tiles: neighbouring threads take neighbouring channels, a thread takes the rows\n\
// [begin, end) of one of `chunks` runs of rows.\n\
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
}",
  "lib/element.wgsl": "// What a thread works on at once: one element, or with VECTOR = 4, which needs a multiple of 4 channels, four neighbours.\n\
alias Element = f32; //#vec4 alias Element = vec4f;",
  "lib/functions.wgsl": "// Functions of one number, to be put together in chains. A number goes through a chain together with its slope: the derivative\n\
// by the number that the chain began with. The codes are the places of the names in src/ops/unary.ts.\n\
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
// 1 / (1 + exp(-x)) and its slope, without an exponential that overflows.\n\
fn sigmoid(x: f32) -> Dual {\n\
  let small = exp(-abs(x));\n\
  let whole = 1.0 + small;\n\
  return Dual(select(small, 1.0, x >= 0.0) / whole, small / (whole * whole));\n\
}\n\
\n\
// x Phi(x), Phi being the distribution function of the normal distribution, off by at most 7.5e-8 (Abramowitz and Stegun 1964,\n\
// formula 26.2.17). Beyond 20, the density is 0.\n\
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
// x (1 + tanh(u)) / 2 = x sigmoid(2 u) with u = sqrt(2 / pi) (x + 0.044715 x^3). Beyond 9, the sigmoid is 0 or 1.\n\
fn gelu_tanh(x: f32) -> Dual {\n\
  let inner = clamp(x, -9.0, 9.0);\n\
  let share = sigmoid(1.5957691 * inner * fma(0.044715, inner * inner, 1.0));\n\
  return Dual(x * share.value, fma(x * share.slope, 1.5957691 * fma(0.134145, inner * inner, 1.0), share.value));\n\
}\n\
\n\
// The value and slope of one function at x; a and b are the numbers that some take besides.\n\
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
// One more link of a chain.\n\
fn link(code: u32, a: f32, b: f32, before: Dual) -> Dual {\n\
  let own = function_at(code, a, b, before.value);\n\
  return Dual(own.value, before.slope * own.slope);\n\
}\n\
\n\
// What a chain of up to four functions makes of x.\n\
fn chain_at(x: f32) -> Dual {\n\
  var result = Dual(x, 1.0);\n\
  result = link(FUNCTION_1, params.a_1, params.b_1, result);\n\
  result = link(FUNCTION_2, params.a_2, params.b_2, result);\n\
  result = link(FUNCTION_3, params.a_3, params.b_3, result);\n\
  return link(FUNCTION_4, params.a_4, params.b_4, result);\n\
}",
  "lib/grid.wgsl": "// The launcher folds a long line of workgroups into rows of the grid; this gives back the place in the line.\n\
// Workgroups past the end of the line exist: kernels return early for them.\n\
fn workgroup_index(group: vec3u, grid: vec3u) -> u32 {\n\
  return group.y * grid.x + group.x;\n\
}",
  "lib/images.wgsl": "// Work on maps [batch, pixels, channels] in tiles: neighbouring threads take neighbouring channels, a thread takes the rows\n\
// [begin, end) of one run of pixels of an image, a row being a pixel. Runs begin anew with each image, so that what is computed\n\
// of an image does not depend on those before it; `run` counts them through the batch.\n\
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
}",
  "lib/keep.wgsl": "// Stores what a launch found of a row in a run of columns or, with `continues`, puts it together with what is there from the\n\
// launches before. `attracting` is a sum of logits and a number.\n\
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
}",
  "lib/logits.wgsl": "// Column `c` of those that a thread has of a tile: VECTOR neighbours, then VECTOR on from where all lanes have theirs.\n\
fn column_of(tile_start: u32, c: u32, lane: u32) -> u32 {\n\
  return tile_start + c / VECTOR * VECTOR * LANES + lane * VECTOR + c % VECTOR;\n\
}\n\
\n\
// A tile of products z[i] . columns[j] for ROWS rows from first_row on and COLS columns: see column_of. `columns` is transposed,\n\
// so that neighbouring threads read neighbouring elements; all of a workgroup need the same elements of z: each of SHARE threads\n\
// loads a part of them and hands it on to the others. Rows past the end repeat the last one; columns past it hold anything.\n\
fn similarity_tile(first_row: u32, tile_start: u32, lane: u32) -> array<array<f32, COLS>, ROWS> {\n\
  let last = params.rows - 1u;\n\
  let stride = panel_stride(params.width);\n\
  var own_starts: array<u32, OWN>;\n\
  //#unroll\n\
  for (var i = 0u; i < OWN; i++) {\n\
    own_starts[i] = min(first_row + i * SHARE + lane % SHARE, last) * params.dim;\n\
  }\n\
  // Set to zero by hand: inside of a loop, Mesa 25.0 would leave the values of the round before.\n\
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
  "lib/luma.wgsl": "// Brightness of an RGB colour as in ITU-R BT.601, with torchvision's digits.\n\
const LUMA = vec3f(0.2989, 0.587, 0.114);",
  "lib/negatives.wgsl": "// What LOSS stands for.\n\
const NT_XENT = 0u;\n\
const NT_LOGISTIC = 1u;\n\
const MARGIN_TRIPLET = 2u;\n\
\n\
// Whether a negative counts: with SEMI_HARD, where it is less similar to the anchor than the positive, by less than the\n\
// margin (Schroff et al. 2015, section 3.2).\n\
fn counts(similarity: f32, positive: f32) -> bool {\n\
  return !SEMI_HARD || (similarity < positive && similarity > positive - params.margin);\n\
}\n\
\n\
// 1 / (1 + exp(-x)) without an exponential that overflows.\n\
fn sigmoid(x: f32) -> f32 {\n\
  let small = exp(-abs(x));\n\
  return select(small, 1.0, x >= 0.0) / (1.0 + small);\n\
}",
  "lib/pairs.wgsl": "// The row of the other view of the same image: rows i and i + rows / 2 are a pair.\n\
fn positive_of(row: u32, rows: u32) -> u32 {\n\
  let half_rows = rows / 2u;\n\
  return select(row - half_rows, row + half_rows, row < half_rows);\n\
}",
  "lib/panels.wgsl": "// Contrastive losses take their keys in panels: runs of rows of a block, from `first_column` on, as columns of the logits.\n\
\n\
// Place in a panel of a row of a block: past every column where the panel is of another block or begins behind the row.\n\
fn place_in_panel(row: u32, first_column: u32, same_block: u32) -> u32 {\n\
  return select(4294967295u, row - first_column, same_block == 1u);\n\
}\n\
\n\
// From one dimension of a panel to the next in memory: whole vectors of four.\n\
fn panel_stride(width: u32) -> u32 {\n\
  return (width + 3u) / 4u * 4u;\n\
}",
  "lib/partials.wgsl": "// What `partials` holds of an anchor and a run of keys: of the negatives, the largest logit and the sum of exp(logit - largest); of\n\
// the positives, the same; of the keys that attract and do not contrast, the largest logit; of all that attract, the sum of their\n\
// logits and their number. The last five are there only where some key attracts.\n\
const LARGEST = 0u;\n\
const SUM = 1u;\n\
const POSITIVE_LARGEST = 2u;\n\
const POSITIVE_SUM = 3u;\n\
const ATTRACTED_LARGEST = 4u;\n\
const TOTAL = 5u;\n\
const COUNT = 6u;\n\
// Below every logit, and finite: WGSL may assume that infinities never occur.\n\
const LOWEST: f32 = -1e30;\n\
\n\
// Two largest logits and sums of exponentials relative to them, put together.\n\
fn merged(a: vec2f, b: vec2f) -> vec2f {\n\
  let most = max(a.x, b.x);\n\
  return vec2f(most, a.y * exp(a.x - most) + b.y * exp(b.x - most));\n\
}\n\
\n\
fn is_largest(part: u32) -> bool {\n\
  return part == LARGEST || part == POSITIVE_LARGEST || part == ATTRACTED_LARGEST;\n\
}",
  "lib/poison.wgsl": "// NaN in place of a value that was computed from an index out of range, so that nothing made of it passes for a result. Made of its\n\
// bits: WGSL has no literal for NaN, and a compiler may take it that none occurs.\n\
fn poisoned(value: f32, is_wrong: bool) -> f32 {\n\
  return bitcast<f32>(select(bitcast<u32>(value), 0x7fc00000u, is_wrong));\n\
}",
  "lib/random.wgsl": "// Random numbers from a counter: the same four words always give the same four words (PCG4D of Jarzynski and Olano 2020,\n\
// \"Hash functions for GPU rendering\").\n\
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
// Four numbers in [0, 1), multiples of 2^-24.\n\
fn random_uniform(counter: vec4u) -> vec4f {\n\
  return vec4f(random_words(counter) >> vec4u(8u)) * (1.0 / 16777216.0);\n\
}",
  "lib/reduce-max.wgsl": "// Largest value of the threads of a workgroup; needs lib/reduce.wgsl.\n\
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
}",
  "lib/reduce.wgsl": "// Sum over the threads of a workgroup, a tree of fixed shape: the same bits every time. LANES is a power of two.\n\
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
}",
  "lib/relations.wgsl": "// What a key is to an anchor, in two bits: it attracts the anchor, that is, stands in the numerator of its loss; and it contrasts\n\
// with it, in the denominator. A positive does both, a negative contrasts alone, and what does neither is ignored.\n\
const ATTRACTS = 1u;\n\
const CONTRASTS = 2u;\n\
const POSITIVE = 3u;\n\
\n\
// What the keys of an anchor's own group are to it, and those of another group.\n\
const SAME: u32 = 3u;\n\
const OTHER: u32 = 2u;\n\
// With TIMED, keys of the same group are SAME up to NEAR from the anchor in time, BEYOND further than FAR, and ignored between.\n\
const TIMED: bool = false;\n\
const BEYOND: u32 = 0u;\n\
const NEAR: u32 = 0u;\n\
const FAR: u32 = 0u;\n\
// 1 where any of the keys attracts.\n\
const ATTRACTING = (SAME | OTHER | BEYOND) & ATTRACTS;\n\
\n\
// The group of a row, and its time: `marks` holds the groups of all rows, then, with TIMED, their times.\n\
fn mark_of(row: u32) -> vec2u {\n\
  if (TIMED) {\n\
    return vec2u(marks[row], marks[params.rows + row]);\n\
  }\n\
  return vec2u(marks[row], 0u);\n\
}\n\
\n\
// The same for a row of the columns' block.\n\
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
  "lib/repeated.wgsl": "// Where the element [row, col] of a matrix is in an operand that may have one row or one column only, which then counts for all.\n\
fn repeated(row: u32, col: u32, rows: u32, cols: u32) -> u32 {\n\
  return select(0u, row, rows > 1u) * cols + select(0u, col, cols > 1u);\n\
}",
  "lib/share.wgsl": "// The value that thread `lane` of SHARE neighbouring ones holds. With SHARE 1 every thread has its own; above that, they are\n\
// lanes of one subgroup, and the text behind the mark takes the place of the line.\n\
fn from_lane(value: f32, lane: u32) -> f32 {\n\
  return value; //#subgroups return subgroupShuffle(value, lane);\n\
}",
  "lib/similarity-tiles.wgsl": "// A tile of products z[i] . columns[j] in workgroup memory: TILE_ROWS rows from first_row on and TILE_COLS columns from\n\
// first_column on, the dimensions in ascending order. `columns` is transposed: neighbouring threads load neighbouring\n\
// elements of both. Rows past the end repeat the last one; columns past it hold anything. Has to be called by all threads.\n\
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
    // Dimensions past the end are zero; what stands there in memory does not count.\n\
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
  "lib/slope.wgsl": "// True where each anchor has one key that attracts it, a positive, and all others are negatives.\n\
const ONE_POSITIVE: bool = false;\n\
\n\
// Derivative of an anchor's loss by the logit of a key of this kind, from the key's probability among the candidates of the anchor\n\
// and the anchor's pull, as contrast-combine and nt-xent-combine leave it: where all that attracts it is one positive, what the\n\
// probability of that one lacks, which takes the place of a difference from 1 that would be all rounding; elsewhere the negated\n\
// reciprocal of the number of keys that attract.\n\
fn slope(kind: u32, probability: f32, pull: f32) -> f32 {\n\
  if (ONE_POSITIVE) {\n\
    return select(probability, -pull, kind == POSITIVE);\n\
  }\n\
  let counts = (kind & CONTRASTS) != 0u && !(kind == POSITIVE && pull >= 0.0);\n\
  return select(0.0, probability, counts) - select(0.0, abs(pull), (kind & ATTRACTS) != 0u);\n\
}",
  "lib/stored.wgsl": "// How activations and their gradients lie in memory: as f32, or with HALF as f16. The launcher sets HALF, from the tensors of\n\
// the launch. All arithmetic is f32: elements are widened when they are loaded, and rounded once when they are stored.\n\
//\n\
// Above 65504, f16 has only infinity. WGSL leaves it open which of the two a number up to 65536 becomes; all beyond become\n\
// infinity. So an overflow is there to be seen, by unscale-gradients, and does not just clip a gradient.\n\
const HALF: bool = false;\n\
alias Stored = f32; //#half alias Stored = f16;\n\
// As many elements as an Element has.\n\
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;",
  "lib/strands.wgsl": "// Sum over the GROUPS strands of LANES threads that a workgroup is made of, lane by lane, a tree of fixed shape: the same bits\n\
// every time. GROUPS is a power of two. A single strand has the sum already, and needs neither memory nor barriers.\n\
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
}",
  "lib/tile-product.wgsl": "// A tile of a matrix product left x right whose operands pass through workgroup memory, DEPTH terms of the sums at a time.\n\
// A thread holds ROWS x COLS sums in registers: rows that lie ROW_THREADS apart, and vectors of 4 columns that lie\n\
// COL_THREADS vectors apart. So the threads of a row of the workgroup read side by side from the right operand, no two of\n\
// them from one bank, and all of them the same vector of the left one.\n\
//\n\
// A vector of left_tile holds 4 terms of a row, a vector of right_tile 4 columns of a term. COLS and DEPTH are multiples of 4, and\n\
// the number of threads one of DEPTH / 4.\n\
const THREADS = ROW_THREADS * COL_THREADS;\n\
const TILE_ROWS = ROW_THREADS * ROWS;\n\
const TILE_COLS = COL_THREADS * COLS;\n\
const TERM_VECTORS = DEPTH / 4u;\n\
const COL_VECTORS = COLS / 4u;\n\
const TILE_COL_VECTORS = TILE_COLS / 4u;\n\
const LEFT_VECTORS = TILE_ROWS * TERM_VECTORS;\n\
const RIGHT_VECTORS = DEPTH * TILE_COL_VECTORS;\n\
// Vectors of a tile that a thread loads; what the last threads load beyond the tile is not stored.\n\
const LEFT_LOADS = (LEFT_VECTORS + THREADS - 1u) / THREADS;\n\
const RIGHT_LOADS = (RIGHT_VECTORS + THREADS - 1u) / THREADS;\n\
\n\
var<workgroup> left_tile: array<vec4f, TILE_ROWS * LEFT_STRIDE>;\n\
var<workgroup> right_tile: array<vec4f, DEPTH * RIGHT_STRIDE>;\n\
\n\
alias Sums = array<array<vec4f, COL_VECTORS>, ROWS>;\n\
\n\
// Adds what the tiles in workgroup memory contribute to the sums of a thread.\n\
fn multiply_tiles(sums: ptr<function, Sums>, thread: vec3u) {\n\
  // The remainders show the compiler that the indices below are in range, so that it leaves out checks.\n\
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
  "lib/view.wgsl": "// How one view of an image is made: VIEW_FIELDS numbers, drawn by augment-parameters.\n\
const VIEW_FIELDS: u32 = 21u;\n\
const VIEW_TOP = 0u;\n\
const VIEW_LEFT = 1u;\n\
const VIEW_HEIGHT = 2u;\n\
const VIEW_WIDTH = 3u;\n\
const VIEW_FLIP = 4u;\n\
const VIEW_BRIGHTNESS = 5u;\n\
const VIEW_CONTRAST = 6u;\n\
const VIEW_SATURATION = 7u;\n\
const VIEW_HUE = 8u;\n\
// One of the 24 orders of the four colour operations, or -1 for no colour jitter.\n\
const VIEW_ORDER = 9u;\n\
const VIEW_GRAYSCALE = 10u;\n\
// Standard deviation of the blur in pixels, 0 for none.\n\
const VIEW_SIGMA = 11u;\n\
// The cutout's centre and side, as shares of the view's side; side 0 for none.\n\
const VIEW_CUTOUT_ROW = 12u;\n\
const VIEW_CUTOUT_COLUMN = 13u;\n\
const VIEW_CUTOUT_SIDE = 14u;\n\
const VIEW_SOBEL = 15u;\n\
// Standard deviation of the noise, 0 for none, and two whole numbers below 2^24 that it is drawn from.\n\
const VIEW_NOISE = 16u;\n\
const VIEW_NOISE_SEED = 17u;\n\
// Quarter turns counterclockwise.\n\
const VIEW_TURNS = 19u;\n\
// 1 for a solarized view. The last kernel that works on views does it, and is told so by SOLARIZE: x becomes min(x, 1 - x), which\n\
// inverts values of a half and more.\n\
const VIEW_SOLARIZE = 20u;",
};
