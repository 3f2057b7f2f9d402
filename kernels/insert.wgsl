// Puts columns in their places: y[row, first + c] = x[row, c]. The other columns of y stay as they are, or with FILL become 0: that
// makes it the gradient of slice.
//
// shape x: rows * count
// shape y: rows * cols
// workgroups: ceil(rows * (count + FILL * (cols - count)) / (LANES * ELEMENTS))
// flops: 0
//#include "lib/grid.wgsl"
//#include "lib/stored.wgsl"

const LANES: u32 = 64u;
// Elements a thread goes through.
const ELEMENTS: u32 = 8u;
const FILL: bool = false;

struct Params {
  rows: u32,
  cols: u32,
  first: u32,
  count: u32,
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
  // The columns that are written.
  let begin = select(params.first, 0u, FILL);
  let width = select(params.count, params.cols, FILL);
  let first = workgroup_index(group, grid) * LANES * ELEMENTS;
  let end = min(first + LANES * ELEMENTS, params.rows * width);
  for (var i = first + local.x; i < end; i += LANES) {
    let row = i / width;
    let column = begin + i % width;
    let inside = column >= params.first && column < params.first + params.count;
    let at = row * params.count + select(0u, column - params.first, inside);
    y[row * params.cols + column] = select(Stored(0.0), x[at], inside);
  }
}
