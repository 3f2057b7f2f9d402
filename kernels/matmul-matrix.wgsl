// Matrix product by matrix units, either operand transposed: y[m, n] = sum_k op(a)[m, k] * op(b)[k, n]. For GPUs that have them;
// operands are rounded to f16 with ROUNDED, and sums are f32.
//
// a is [rows, inner], or [inner, rows] with TRANSPOSE_A; b is [inner, cols], or [cols, inner] with TRANSPOSE_B.
// A workgroup computes TILE_ROWS rows x TILE_COLS columns. For DEPTH terms of the sums at a time, its threads load the two parts of a
// and b as they lie in memory, each element once, neighbouring threads neighbouring elements. The loads of a round are under way
// while the round before it is multiplied.
//
// shape a: rows * inner
// shape b: inner * cols
// shape y: rows * cols
// workgroups: ceil(rows / (ROW_SUBGROUPS * ROWS * UNIT_ROWS)) * ceil(cols / (COL_SUBGROUPS * COLS * UNIT_COLS))
// flops: 2 * rows * cols * inner
// bytes: (4 - 2 * HALF) * (ceil(rows / (ROW_SUBGROUPS * ROWS * UNIT_ROWS)) * ceil(cols / (COL_SUBGROUPS * COLS * UNIT_COLS)) * ceil(inner / DEPTH) * DEPTH * (ROW_SUBGROUPS * ROWS * UNIT_ROWS + COL_SUBGROUPS * COLS * UNIT_COLS) + rows * cols)
//#include "lib/grid.wgsl"
//#include "lib/stored.wgsl"

const TRANSPOSE_A: bool = false;
const TRANSPOSE_B: bool = false;
// Neighbouring elements that a thread loads and stores at once, 1 or 4; 4 needs a multiple of 4 in each line of a, b and y.
const VECTOR: u32 = 1u;
const PIECES = 4u / VECTOR;
const LEFT_TURNED = TRANSPOSE_A;
const RIGHT_TURNED = TRANSPOSE_B;
//#include "lib/fragments.wgsl"
//#include "lib/matrix-tiles.wgsl"

struct Params {
  rows: u32,
  inner: u32,
  cols: u32,
}

@group(0) @binding(0) var<storage, read> a: array<Stored>; //#vec4 @group(0) @binding(0) var<storage, read> a: array<vec4<Stored>>;
@group(0) @binding(1) var<storage, read> b: array<Stored>; //#vec4 @group(0) @binding(1) var<storage, read> b: array<vec4<Stored>>;
@group(0) @binding(2) var<storage, read_write> y: array<Stored>; //#vec4 @group(0) @binding(2) var<storage, read_write> y: array<vec4<Stored>>;
@group(0) @binding(3) var<uniform> params: Params;

// Where a thread loads from, for the terms from 0 on.
struct Sources {
  a_at: array<u32, LEFT_LOADS>,
  b_at: array<u32, RIGHT_LOADS>,
}

// What a thread has loaded for the round that begins with term k.
struct Round {
  k: u32,
  left: array<vec4<Stored>, LEFT_LOADS>,
  right: array<vec4<Stored>, RIGHT_LOADS>,
}

// Begins the loads of a round. Nothing here waits for them: what does not count is made zero in store_round.
fn load_round(k: u32, sources: ptr<function, Sources>, round: ptr<function, Round>) {
  (*round).k = k;
  //#unroll
  for (var i = 0u; i < LEFT_LOADS; i++) {
    let at = (*sources).a_at[i] + k * select(1u, params.rows, TRANSPOSE_A);
    (*round).left[i] = vec4<Stored>(a[at], a[at + 1u], a[at + 2u], a[at + 3u]); //#vec4 (*round).left[i] = a[at / 4u];
  }
  //#unroll
  for (var i = 0u; i < RIGHT_LOADS; i++) {
    let at = (*sources).b_at[i] + k * select(params.cols, 1u, TRANSPOSE_B);
    (*round).right[i] = vec4<Stored>(b[at], b[at + 1u], b[at + 2u], b[at + 3u]); //#vec4 (*round).right[i] = b[at / 4u];
  }
}

// Which elements of a vector are of terms before the end: a line is a term, or a run of terms.
fn counting(k: u32, place: Place, line_a_term: bool) -> vec4<bool> {
  let along = vec4u(place.first) + select(vec4u(0u, 1u, 2u, 3u), vec4u(0u), VECTOR == 4u);
  return k + select(along, vec4u(place.line), line_a_term) < vec4u(params.inner);
}

fn store_round(thread: u32, round: ptr<function, Round>) {
  let k = (*round).k;
  //#unroll
  for (var i = 0u; i < LEFT_LOADS; i++) {
    let number = i * THREADS + thread;
    let counts = counting(k, left_place(number), TRANSPOSE_A);
    store_left(number, select(vec4<Operand>(), vec4<Operand>((*round).left[i]), counts));
  }
  //#unroll
  for (var i = 0u; i < RIGHT_LOADS; i++) {
    let number = i * THREADS + thread;
    let counts = counting(k, right_place(number), !TRANSPOSE_B);
    store_right(number, select(vec4<Operand>(), vec4<Operand>((*round).right[i]), counts));
  }
}

@compute @workgroup_size(THREADS) //#pinned @compute @workgroup_size(THREADS) @subgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  //#units @builtin(subgroup_id) own_subgroup: u32,
) {
  let thread = local.x;
  let subgroup = thread / LANES; //#units let subgroup = own_subgroup;
  let lane = thread % LANES;
  let column_blocks = (params.cols + TILE_COLS - 1u) / TILE_COLS;
  let index = workgroup_index(group, grid);
  let first_row = index / column_blocks * TILE_ROWS;
  let first_column = index % column_blocks * TILE_COLS;
  if (first_row >= params.rows) {
    return;
  }

  // Rows and columns past the end are those of other lines: what comes of them is not stored.
  var sources: Sources;
  //#unroll
  for (var i = 0u; i < LEFT_LOADS; i++) {
    let place = left_place(i * THREADS + thread);
    let line = select(min(first_row + place.line, params.rows - 1u) * params.inner, place.line * params.rows, TRANSPOSE_A);
    sources.a_at[i] = line + place.first + select(0u, first_row, TRANSPOSE_A);
  }
  //#unroll
  for (var i = 0u; i < RIGHT_LOADS; i++) {
    let place = right_place(i * THREADS + thread);
    let line = select(place.line * params.cols, min(first_column + place.line, params.cols - 1u) * params.inner, TRANSPOSE_B);
    sources.b_at[i] = line + place.first + select(first_column, 0u, TRANSPOSE_B);
  }

  var sums: Sums;
  var round: Round;
  load_round(0u, &sources, &round);
  for (var k = 0u; k < params.inner; k += DEPTH) {
    workgroupBarrier();
    store_round(thread, &round);
    workgroupBarrier();
    if (k + DEPTH < params.inner) {
      load_round(k + DEPTH, &sources, &round);
    }
    multiply_tiles(&sums, subgroup, lane);
  }

  // Whichever threads a subgroup has, LANES of them write its results.
  let part = thread / LANES;
  //#unroll
  for (var r = 0u; r < ROWS; r++) {
    //#unroll
    for (var c = 0u; c < COLS; c++) {
      workgroupBarrier();
      store_sum(sums[r][c], results_of(subgroup), lane);
      workgroupBarrier();
      for (var v = lane; v < RESULT_VECTORS; v += LANES) {
        let place = vec2u(first_row, first_column) + result_place(part, r, c, v);
        let values = vec4<Stored>(result_vector(part, v));
        //#unroll
        for (var i = 0u; i < PIECES; i++) {
          if (place.x < params.rows && place.y + i < params.cols) {
            let at = place.x * params.cols + place.y + i;
            y[at] = values[i]; //#vec4 y[at / 4u] = values;
          }
        }
      }
    }
  }
}
