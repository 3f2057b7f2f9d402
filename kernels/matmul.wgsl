// Matrix product, either operand transposed: y[m, n] = sum_k op(a)[m, k] * op(b)[k, n].
//
// a is [rows, inner], or [inner, rows] with TRANSPOSE_A; b is [inner, cols], or [cols, inner] with TRANSPOSE_B.
// A thread holds ROWS x COLS outputs in registers. Neighbouring threads hold neighbouring columns, so their loads of b
// lie side by side, and all LANES threads of a row of the workgroup need the same elements of a: each of SHARE threads loads
// a part of them and hands it on to the others.
//
// shape a: rows * inner
// shape b: inner * cols
// shape y: rows * cols
// workgroups: ceil(rows / (ROWS * GROUPS)) * ceil(cols / (COLS * LANES))
// flops: 2 * rows * cols * inner
// bytes: (4 - 2 * HALF) * (ceil(rows / (ROWS * GROUPS)) * ceil(cols / (COLS * LANES)) * inner * (ROWS * GROUPS + COLS * LANES) + rows * cols)
//#include "lib/grid.wgsl"
//#include "lib/share.wgsl"
//#include "lib/stored.wgsl"

const LANES: u32 = 8u;
const GROUPS: u32 = 1u;
// A multiple of SHARE.
const ROWS: u32 = 8u;
const COLS: u32 = 4u;
const SHARE: u32 = 1u;
// Neighbouring columns and no TRANSPOSE_B that a thread loads at once, 1 or 4; 4 needs a multiple of 4 columns and no TRANSPOSE_B.
const VECTOR: u32 = 1u;
const OWN = ROWS / SHARE;
const VECTORS = COLS / VECTOR;
// Results are written in 8 rounds, or, where ROWS is no multiple of 8, a row a round.
const ROUNDS = min(ROWS, 8u + ROWS * (ROWS % 8u));
const ROWS_AT_ONCE = ROWS / ROUNDS;
const TRANSPOSE_A: bool = false;
const TRANSPOSE_B: bool = false;

struct Params {
  rows: u32,
  inner: u32,
  cols: u32,
}

@group(0) @binding(0) var<storage, read> a: array<Stored>;
@group(0) @binding(1) var<storage, read> b: array<Stored>; //#vec4 @group(0) @binding(1) var<storage, read> b: array<vec4<Stored>>;
@group(0) @binding(2) var<storage, read_write> y: array<Stored>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(LANES, GROUPS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  //#subgroups @builtin(subgroup_invocation_id) subgroup_lane: u32,
) {
  // Where lanes share, all threads are one subgroup, and have its order, whatever that is.
  let own_lane = local.x; //#subgroups let own_lane = subgroup_lane;
  let column_blocks = (params.cols + COLS * LANES - 1u) / (COLS * LANES);
  let index = workgroup_index(group, grid);
  let first_row = index / column_blocks * GROUPS * ROWS;
  // All threads of the workgroup or none: those that stay may have to hand values on.
  if (first_row >= params.rows) {
    return;
  }
  // GROUPS is 1 on software adapters: the remainder tells the compiler that the row is the same for all threads.
  let row_start = first_row + local.y % GROUPS * ROWS;
  let column_start = index % column_blocks * COLS * LANES + own_lane * VECTOR;

  var own_at: array<u32, OWN>;
  //#unroll
  for (var i = 0u; i < OWN; i++) {
    let row = min(row_start + i * SHARE + own_lane % SHARE, params.rows - 1u);
    own_at[i] = select(row * params.inner, row, TRANSPOSE_A);
  }
  var b_at: array<u32, VECTORS>;
  //#unroll
  for (var v = 0u; v < VECTORS; v++) {
    let column = min(column_start + v * VECTOR * LANES, params.cols - VECTOR);
    b_at[v] = select(column, column * params.inner, TRANSPOSE_B);
  }
  let a_step = select(1u, params.rows, TRANSPOSE_A);
  let b_step = select(params.cols, 1u, TRANSPOSE_B);

  var sums: array<array<f32, COLS>, ROWS>;
  for (var k = 0u; k < params.inner; k++) {
    var column_values: array<f32, COLS>;
    //#unroll
    for (var v = 0u; v < VECTORS; v++) {
      let at = b_at[v] + k * b_step;
      let loaded = vec4f(f32(b[at])); //#vec4 let loaded = vec4f(b[at / 4u]);
      //#unroll
      for (var i = 0u; i < VECTOR; i++) {
        column_values[v * VECTOR + i] = loaded[i];
      }
    }
    var own: array<f32, OWN>;
    //#unroll
    for (var i = 0u; i < OWN; i++) {
      own[i] = f32(a[own_at[i] + k * a_step]);
    }
    //#unroll
    for (var r = 0u; r < ROWS; r++) {
      let value = from_lane(own[r / SHARE], r % SHARE);
      //#unroll
      for (var c = 0u; c < COLS; c++) {
        sums[r][c] = fma(value, column_values[c], sums[r][c]);
      }
    }
  }

  // A few rows a round, picked by comparing: written out in full, a software adapter's compiler would take longer over the
  // stores than over all the rest.
  for (var round = 0u; round < ROUNDS; round++) {
    //#unroll
    for (var i = 0u; i < ROWS_AT_ONCE; i++) {
      let row = row_start + round * ROWS_AT_ONCE + i;
      //#unroll
      for (var c = 0u; c < COLS; c++) {
        let column = column_start + c / VECTOR * VECTOR * LANES + c % VECTOR;
        var value = 0.0;
        //#unroll
        for (var r = 0u; r < ROUNDS; r++) {
          value = select(value, sums[r * ROWS_AT_ONCE + i][c], r == round);
        }
        if (row < params.rows && column < params.cols) {
          y[row * params.cols + column] = Stored(value);
        }
      }
    }
  }
}
