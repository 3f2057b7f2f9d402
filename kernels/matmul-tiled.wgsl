// Matrix product in workgroup memory, either operand transposed: y[m, n] = sum_k op(a)[m, k] * op(b)[k, n]. For GPUs;
// matmul is the form for software adapters and few rows.
//
// a is [rows, inner], or [inner, rows] with TRANSPOSE_A; b is [inner, cols], or [cols, inner] with TRANSPOSE_B.
// A workgroup computes ROW_THREADS * ROWS rows x COL_THREADS * COLS columns. For DEPTH terms of the sums at a time, its
// threads load the two parts of a and b, each element once, neighbouring threads neighbouring elements. The loads of a round are
// under way while the round before it is multiplied.
//
// shape a: rows * inner
// shape b: inner * cols
// shape y: rows * cols
// workgroups: ceil(rows / (ROW_THREADS * ROWS)) * ceil(cols / (COL_THREADS * COLS))
// flops: 2 * rows * cols * inner
// bytes: (4 - 2 * HALF) * (ceil(rows / (ROW_THREADS * ROWS)) * ceil(cols / (COL_THREADS * COLS)) * ceil(inner / DEPTH) * DEPTH * (ROW_THREADS * ROWS + COL_THREADS * COLS) + rows * cols)
//#include "lib/grid.wgsl"
//#include "lib/stored.wgsl"

const ROW_THREADS: u32 = 16u;
const COL_THREADS: u32 = 16u;
const ROWS: u32 = 4u;
const COLS: u32 = 4u;
const DEPTH: u32 = 16u;
const TRANSPOSE_A: bool = false;
const TRANSPOSE_B: bool = false;
// Neighbouring elements that a thread loads and stores at once, 1 or 4; 4 needs inner and cols to be multiples of 4, and
// neither operand transposed.
const VECTOR: u32 = 1u;
const PIECES = 4u / VECTOR;
// A vector more between the rows of a tile that is filled across its rows: neighbouring threads write to other banks.
const LEFT_STRIDE = DEPTH / 4u + select(0u, 1u, TRANSPOSE_A);
const RIGHT_STRIDE = COL_THREADS * COLS / 4u + select(0u, 1u, TRANSPOSE_B);
//#include "lib/tile-product.wgsl"

struct Params {
  rows: u32,
  inner: u32,
  cols: u32,
}

@group(0) @binding(0) var<storage, read> a: array<Stored>; //#vec4 @group(0) @binding(0) var<storage, read> a: array<vec4<Stored>>;
@group(0) @binding(1) var<storage, read> b: array<Stored>; //#vec4 @group(0) @binding(1) var<storage, read> b: array<vec4<Stored>>;
@group(0) @binding(2) var<storage, read_write> y: array<Stored>; //#vec4 @group(0) @binding(2) var<storage, read_write> y: array<vec4<Stored>>;
@group(0) @binding(3) var<uniform> params: Params;

// Where in the tile of a the vector with this number lies: row, and vector of terms. Neighbouring numbers lie side by side in a.
fn left_place(number: u32) -> vec2u {
  return select(
    vec2u(number / TERM_VECTORS, number % TERM_VECTORS),
    vec2u(number % TILE_ROWS, number / TILE_ROWS),
    TRANSPOSE_A,
  );
}

// The same for b: term, and vector of columns.
fn right_place(number: u32) -> vec2u {
  return select(
    vec2u(number / TILE_COL_VECTORS, number % TILE_COL_VECTORS),
    vec2u(number % DEPTH, number / DEPTH),
    TRANSPOSE_B,
  );
}

// How far apart neighbouring terms lie in a and in b.
fn strides() -> vec2u {
  return vec2u(select(1u, params.rows, TRANSPOSE_A), select(params.cols, 1u, TRANSPOSE_B));
}

// Where a thread loads from.
struct Sources {
  a_at: array<u32, LEFT_LOADS>,
  b_at: array<vec4u, RIGHT_LOADS>,
}

// What a thread has loaded for the round that begins with term k.
struct Round {
  k: u32,
  left: array<vec4<Stored>, LEFT_LOADS>,
  right: array<vec4<Stored>, RIGHT_LOADS>,
}

// Begins the loads of a round. Nothing here waits for them: what does not count is made zero in store_round.
fn load_round(k: u32, thread: u32, sources: ptr<function, Sources>, round: ptr<function, Round>) {
  let across = strides();
  (*round).k = k;
  //#unroll
  for (var i = 0u; i < LEFT_LOADS; i++) {
    let at = (*sources).a_at[i] + k * across.x;
    (*round).left[i] = vec4<Stored>(a[at], a[at + across.x], a[at + 2u * across.x], a[at + 3u * across.x]); //#vec4 (*round).left[i] = a[at / 4u];
  }
  //#unroll
  for (var i = 0u; i < RIGHT_LOADS; i++) {
    let at = (*sources).b_at[i] + k * across.y;
    (*round).right[i] = vec4<Stored>(b[at.x], b[at.y], b[at.z], b[at.w]); //#vec4 (*round).right[i] = b[at.x / 4u];
  }
}

// Terms past the end are zero; what stands there in memory does not count.
fn store_round(thread: u32, round: ptr<function, Round>) {
  let k = (*round).k;
  //#unroll
  for (var i = 0u; i < LEFT_LOADS; i++) {
    let place = left_place(i * THREADS + thread);
    if (LEFT_VECTORS % THREADS == 0u || i * THREADS + thread < LEFT_VECTORS) {
      let terms = vec4u(k + 4u * place.y) + select(vec4u(0u, 1u, 2u, 3u), vec4u(0u), VECTOR == 4u);
      left_tile[place.x * LEFT_STRIDE + place.y] = select(vec4f(0.0), vec4f((*round).left[i]), terms < vec4u(params.inner));
    }
  }
  //#unroll
  for (var i = 0u; i < RIGHT_LOADS; i++) {
    let place = right_place(i * THREADS + thread);
    if (RIGHT_VECTORS % THREADS == 0u || i * THREADS + thread < RIGHT_VECTORS) {
      right_tile[place.x * RIGHT_STRIDE + place.y] = select(vec4f(0.0), vec4f((*round).right[i]), k + place.x < params.inner);
    }
  }
}

@compute @workgroup_size(COL_THREADS, ROW_THREADS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let column_blocks = (params.cols + TILE_COLS - 1u) / TILE_COLS;
  let index = workgroup_index(group, grid);
  let first_row = index / column_blocks * TILE_ROWS;
  let first_column = index % column_blocks * TILE_COLS;
  if (first_row >= params.rows) {
    return;
  }
  let thread = local.y * COL_THREADS + local.x;
  let across = strides();

  // Rows and columns past the end repeat the last ones: what comes of them is not stored.
  var sources: Sources;
  //#unroll
  for (var i = 0u; i < LEFT_LOADS; i++) {
    let place = left_place(i * THREADS + thread);
    let row = min(first_row + place.x, params.rows - 1u);
    sources.a_at[i] = select(row * params.inner, row, TRANSPOSE_A) + 4u * place.y * across.x;
  }
  //#unroll
  for (var i = 0u; i < RIGHT_LOADS; i++) {
    let place = right_place(i * THREADS + thread);
    let column = first_column + 4u * place.y;
    let columns = select(
      min(vec4u(column) + vec4u(0u, 1u, 2u, 3u), vec4u(params.cols - 1u)),
      vec4u(min(column, max(params.cols, 4u) - 4u)) + vec4u(0u, 1u, 2u, 3u),
      VECTOR == 4u,
    );
    sources.b_at[i] = columns * select(1u, params.inner, TRANSPOSE_B) + place.x * across.y;
  }

  var sums: Sums;
  var round: Round;
  load_round(0u, thread, &sources, &round);
  for (var k = 0u; k < params.inner; k += DEPTH) {
    workgroupBarrier();
    store_round(thread, &round);
    workgroupBarrier();
    if (k + DEPTH < params.inner) {
      load_round(k + DEPTH, thread, &sources, &round);
    }
    multiply_tiles(&sums, local);
  }

  //#unroll
  for (var r = 0u; r < ROWS; r++) {
    let row = first_row + r * ROW_THREADS + local.y;
    //#unroll
    for (var c = 0u; c < COL_VECTORS; c++) {
      let column = first_column + 4u * (c * COL_THREADS + local.x);
      //#unroll
      for (var i = 0u; i < PIECES; i++) {
        if (row < params.rows && column + i < params.cols) {
          let at = row * params.cols + column + i;
          y[at] = Stored(sums[r][c][i]); //#vec4 y[at / 4u] = vec4<Stored>(sums[r][c]);
        }
      }
    }
  }
}
