// Matrix products of a batch, either operand transposed: y[i, m, n] = sum_k op(a[i])[m, k] * op(b[i])[k, n]. For many small matrices,
// such as those of attention; matmul is for large ones.
//
// a[i] is [rows, inner], or [inner, rows] with TRANSPOSE_A; b[i] is [inner, cols], or [cols, inner] with TRANSPOSE_B.
// A thread holds ROWS x COLS outputs in registers. Neighbouring threads hold neighbouring columns, so their loads of b lie side
// by side, and those of a are the same.
//
// shape a: batch * rows * inner
// shape b: batch * inner * cols
// shape y: batch * rows * cols
// workgroups: batch * ceil(rows / (ROWS * GROUPS)) * ceil(cols / (COLS * LANES))
// flops: 2 * batch * rows * cols * inner
//#include "lib/grid.wgsl"

const LANES: u32 = 8u;
const GROUPS: u32 = 1u;
const ROWS: u32 = 8u;
const COLS: u32 = 4u;
const TRANSPOSE_A: bool = false;
const TRANSPOSE_B: bool = false;

struct Params {
  batch: u32,
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
  let row_blocks = (params.rows + ROWS * GROUPS - 1u) / (ROWS * GROUPS);
  let column_blocks = (params.cols + COLS * LANES - 1u) / (COLS * LANES);
  let index = workgroup_index(group, grid);
  let matrix = index / (row_blocks * column_blocks);
  let row_start = (index / column_blocks % row_blocks * GROUPS + local.y) * ROWS;
  let column_start = index % column_blocks * COLS * LANES + local.x;
  if (matrix >= params.batch || row_start >= params.rows || column_start >= params.cols) {
    return;
  }

  // Rows and columns past the end repeat the last ones: what comes of them is not stored.
  var a_at: array<u32, ROWS>;
  //#unroll
  for (var r = 0u; r < ROWS; r++) {
    let row = min(row_start + r, params.rows - 1u);
    a_at[r] = matrix * params.rows * params.inner + select(row * params.inner, row, TRANSPOSE_A);
  }
  var b_at: array<u32, COLS>;
  //#unroll
  for (var c = 0u; c < COLS; c++) {
    let column = min(column_start + c * LANES, params.cols - 1u);
    b_at[c] = matrix * params.inner * params.cols + select(column, column * params.inner, TRANSPOSE_B);
  }
  let a_step = select(1u, params.rows, TRANSPOSE_A);
  let b_step = select(params.cols, 1u, TRANSPOSE_B);

  var sums: array<array<f32, COLS>, ROWS>;
  for (var k = 0u; k < params.inner; k++) {
    var column_values: array<f32, COLS>;
    //#unroll
    for (var c = 0u; c < COLS; c++) {
      column_values[c] = b[b_at[c] + k * b_step];
    }
    //#unroll
    for (var r = 0u; r < ROWS; r++) {
      let value = a[a_at[r] + k * a_step];
      //#unroll
      for (var c = 0u; c < COLS; c++) {
        sums[r][c] = fma(value, column_values[c], sums[r][c]);
      }
    }
  }

  //#unroll
  for (var r = 0u; r < ROWS; r++) {
    //#unroll
    for (var c = 0u; c < COLS; c++) {
      let column = column_start + c * LANES;
      if (row_start + r < params.rows && column < params.cols) {
        y[(matrix * params.rows + row_start + r) * params.cols + column] = sums[r][c];
      }
    }
  }
}
