// Last step of the gradient of the contrastive losses, in place: from dz as contrast-gradient leaves it, the sum g over all columns,
// to the gradient with respect to the embeddings as they were given. With u = z / |z| and the gradient of the mean over `total`
// anchors, dz = gradient / (total * temperature) * (g - u * (u . g)) / |z|, and without the projection where rows were too short to be
// made of length 1. A workgroup a row.
//
// shape z: rows * dim
// shape anchors: 3 * rows
// shape gradient: 1
// shape dz: rows * dim
// workgroups: rows
// flops: 5 * rows * dim
//#include "lib/grid.wgsl"
//#include "lib/reduce.wgsl"

const LANES: u32 = 8u;
// Of rows that are too short: see inverse-norms.
const LARGEST: f32 = 1000000000000.0;

struct Params {
  rows: u32,
  dim: u32,
  total: u32,
  inverse_temperature: f32,
}

@group(0) @binding(0) var<storage, read> z: array<f32>;
@group(0) @binding(1) var<storage, read> anchors: array<f32>;
@group(0) @binding(2) var<storage, read> gradient: array<f32>;
@group(0) @binding(3) var<storage, read_write> dz: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let row = workgroup_index(group, grid);
  if (row >= params.rows) {
    return;
  }
  let inverse = anchors[row];
  let scale = gradient[0] * params.inverse_temperature / f32(params.total);
  var dot = 0.0;
  for (var d = local.x; d < params.dim; d += LANES) {
    let at = row * params.dim + d;
    dot = fma(z[at] * inverse, dz[at], dot);
  }
  dot = workgroup_sum(local.x, dot);
  let along = select(0.0, dot, inverse < LARGEST);
  for (var d = local.x; d < params.dim; d += LANES) {
    let at = row * params.dim + d;
    dz[at] = (dz[at] - z[at] * inverse * along) * (inverse * scale);
  }
}
