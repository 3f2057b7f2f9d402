// A panel of columns for NT-Xent: rows of the embeddings, made of length 1 and transposed,
// columns[k, j] = z[first_column + j, k] * inverse[first_column + j]. Behind each dimension's `width` columns, zeros fill the last
// vector of four.
//
// Neighbouring threads take neighbouring columns, so they write neighbouring elements; each reads DIMS neighbouring ones.
//
// shape z: rows * dim
// shape anchors: 3 * rows
// shape columns: dim * 4 * ceil(width / 4)
// workgroups: ceil(width / LANES) * ceil(dim / DIMS)
// flops: width * dim
//#include "lib/grid.wgsl"
//#include "lib/panels.wgsl"

const LANES: u32 = 32u;
const DIMS: u32 = 16u;

struct Params {
  rows: u32,
  dim: u32,
  first_column: u32,
  width: u32,
}

@group(0) @binding(0) var<storage, read> z: array<f32>;
@group(0) @binding(1) var<storage, read> anchors: array<f32>;
@group(0) @binding(2) var<storage, read_write> columns: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let dim_blocks = (params.dim + DIMS - 1u) / DIMS;
  let index = workgroup_index(group, grid);
  let column = index / dim_blocks * LANES + local.x;
  let stride = panel_stride(params.width);
  if (column >= stride) {
    return;
  }
  let row = params.first_column + min(column, params.width - 1u);
  let scale = select(0.0, anchors[row], column < params.width);
  let begin = index % dim_blocks * DIMS;
  let end = min(begin + DIMS, params.dim);
  for (var k = begin; k < end; k++) {
    columns[k * stride + column] = z[row * params.dim + k] * scale;
  }
}
