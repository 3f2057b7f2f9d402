// Matrix product, either operand transposed: y[m, n] = sum_k op(a)[m, k] * op(b)[k, n].
//
// a is [rows, inner], or [inner, rows] with TRANSPOSE_A; b is [inner, cols], or [cols, inner] with TRANSPOSE_B.
// A thread holds ROWS x COLS outputs in registers. Neighbouring threads hold neighbouring columns, so their loads of b
// lie side by side, and all LANES threads of a row of the workgroup read the same elements of a.
//
// shape a: rows * inner
// shape b: inner * cols
// shape y: rows * cols
// workgroups: ceil(rows / (ROWS * GROUPS)) * ceil(cols / (COLS * LANES))
// flops: 2 * rows * cols * inner
//#include "lib/grid.wgsl"

const LANES: u32 = 8u;
const GROUPS: u32 = 1u;
const ROWS: u32 = 8u;
const COLS: u32 = 4u;
const TRANSPOSE_A: bool = false;
const TRANSPOSE_B: bool = false;

struct Params {
  rows: u32,
  inner: u32,
  cols: u32,
}

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(LANES, GROUPS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let column_blocks = (params.cols + COLS * LANES - 1u) / (COLS * LANES);
  let index = workgroup_index(group, grid);
  // GROUPS is 1 on software adapters: the remainder tells the compiler that the row is the same for all threads.
  let row_start = (index / column_blocks * GROUPS + local.y % GROUPS) * ROWS;
  let column_start = index % column_blocks * COLS * LANES + local.x;
  if (row_start >= params.rows) {
    return;
  }

  var a_at: array<u32, ROWS>;
  for (var r = 0u; r < ROWS; r++) {
    let row = min(row_start + r, params.rows - 1u);
    a_at[r] = select(row * params.inner, row, TRANSPOSE_A);
  }
  var b_at: array<u32, COLS>;
  for (var c = 0u; c < COLS; c++) {
    let column = min(column_start + c * LANES, params.cols - 1u);
    b_at[c] = select(column, column * params.inner, TRANSPOSE_B);
  }
  let a_step = select(1u, params.rows, TRANSPOSE_A);
  let b_step = select(params.cols, 1u, TRANSPOSE_B);

  var sums: array<array<f32, COLS>, ROWS>;
  for (var k = 0u; k < params.inner; k++) {
    var column_values: array<f32, COLS>;
    for (var c = 0u; c < COLS; c++) {
      column_values[c] = b[b_at[c] + k * b_step];
    }
    for (var r = 0u; r < ROWS; r++) {
      let value = a[a_at[r] + k * a_step];
      for (var c = 0u; c < COLS; c++) {
        sums[r][c] = fma(value, column_values[c], sums[r][c]);
      }
    }
  }

  for (var r = 0u; r < ROWS; r++) {
    for (var c = 0u; c < COLS; c++) {
      let row = row_start + r;
      let column = column_start + c * LANES;
      if (row < params.rows && column < params.cols) {
        y[row * params.cols + column] = sums[r][c];
      }
    }
  }
}
