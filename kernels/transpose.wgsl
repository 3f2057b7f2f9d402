// Transposes each matrix of a batch: y[b, column, row] = x[b, row, column]. With REVERSED, the batch is written from its end,
// which turns the weights [tap, in, out] of a convolution into those of its input gradient.
//
// Neighbouring threads take neighbouring rows of x, so they write neighbouring elements; each reads COLS neighbouring ones.
//
// shape x: matrices * rows * cols
// shape y: matrices * rows * cols
// workgroups: matrices * ceil(rows / LANES) * ceil(cols / COLS)
// flops: 0
//#include "lib/grid.wgsl"
//#include "lib/stored.wgsl"

const LANES: u32 = 32u;
const COLS: u32 = 16u;
const REVERSED: bool = false;

struct Params {
  matrices: u32,
  rows: u32,
  cols: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Stored>;
@group(0) @binding(1) var<storage, read_write> y: array<Stored>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let row_blocks = (params.rows + LANES - 1u) / LANES;
  let column_blocks = (params.cols + COLS - 1u) / COLS;
  let index = workgroup_index(group, grid);
  let matrix = index / (row_blocks * column_blocks);
  let row = index / column_blocks % row_blocks * LANES + local.x;
  if (matrix >= params.matrices || row >= params.rows) {
    return;
  }
  let size = params.rows * params.cols;
  let from_row = matrix * size + row * params.cols;
  let to_row = select(matrix, params.matrices - 1u - matrix, REVERSED) * size + row;
  let begin = index % column_blocks * COLS;
  let end = min(begin + COLS, params.cols);
  for (var column = begin; column < end; column++) {
    y[to_row + column * params.rows] = x[from_row + column];
  }
}
