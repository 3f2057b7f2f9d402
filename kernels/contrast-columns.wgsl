// A panel of columns for the contrastive losses: rows of the embeddings, made of length 1 and transposed,
// columns[k, j] = z[first_column + j, k] * inverse[first_column + j]. Behind each dimension's `width` columns, zeros fill the last
// vector of four.
//
// A thread takes four columns and DIMS dimensions. Neighbouring threads take neighbouring columns, so they write neighbouring
// vectors; each reads neighbouring elements of four rows.
//
// shape z: rows * dim
// shape anchors: 3 * rows
// shape columns: dim * 4 * ceil(width / 4)
// workgroups: ceil(ceil(width / 4) / LANES) * ceil(dim / DIMS)
// flops: width * dim
//#include "lib/element.wgsl"
//#include "lib/grid.wgsl"
//#include "lib/panels.wgsl"

const LANES: u32 = 32u;
const DIMS: u32 = 16u;
// Neighbouring elements that a thread loads at once, 1 or 4; 4 needs a multiple of 4 dimensions.
const VECTOR: u32 = 1u;

struct Params {
  rows: u32,
  dim: u32,
  first_column: u32,
  width: u32,
}

@group(0) @binding(0) var<storage, read> z: array<Element>;
@group(0) @binding(1) var<storage, read> anchors: array<f32>;
@group(0) @binding(2) var<storage, read_write> columns: array<vec4f>;
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
  let stride = panel_stride(params.width) / 4u;
  if (column >= stride) {
    return;
  }
  let place = vec4u(4u * column) + vec4u(0u, 1u, 2u, 3u);
  let rows = params.first_column + min(place, vec4u(params.width - 1u));
  var scale: vec4f;
  //#unroll
  for (var i = 0u; i < 4u; i++) {
    scale[i] = select(0.0, anchors[rows[i]], place[i] < params.width);
  }
  let begin = index % dim_blocks * DIMS;
  let end = min(begin + DIMS, params.dim);
  for (var k = begin; k < end; k += VECTOR) {
    var values: array<vec4f, 4>;
    //#unroll
    for (var i = 0u; i < 4u; i++) {
      values[i] = vec4f(z[(rows[i] * params.dim + k) / VECTOR]) * scale[i];
    }
    //#unroll
    for (var v = 0u; v < VECTOR; v++) {
      columns[(k + v) * stride + column] = vec4f(values[0][v], values[1][v], values[2][v], values[3][v]);
    }
  }
}
