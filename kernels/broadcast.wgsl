// A row, a column or a single number repeated to a matrix: y[r, c] = x[r, c] / divisor, where x has all rows or one that counts
// for all, and so for the columns. The gradient of a sum, and with a divisor, of a mean.
//
// shape x: x_rows * x_cols
// shape y: rows * cols
// workgroups: ceil(rows * cols / (LANES * ELEMENTS))
// flops: rows * cols
//#include "lib/grid.wgsl"
//#include "lib/repeated.wgsl"
//#include "lib/stored.wgsl"

const LANES: u32 = 64u;
// Elements a thread goes through.
const ELEMENTS: u32 = 8u;

struct Params {
  x_rows: u32,
  x_cols: u32,
  rows: u32,
  cols: u32,
  divisor: f32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<Stored>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let first = workgroup_index(group, grid) * LANES * ELEMENTS;
  let end = min(first + LANES * ELEMENTS, params.rows * params.cols);
  for (var i = first + local.x; i < end; i += LANES) {
    y[i] = Stored(x[repeated(i / params.cols, i % params.cols, params.x_rows, params.x_cols)] / params.divisor);
  }
}
