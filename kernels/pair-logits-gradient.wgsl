// Gradient of pair-logits with respect to the normalised rows, and but for the temperature: each logit counts for the row that has it
// and for the view that it is with,
// dz[r] = sum_k (dlogits[k, r] + dlogits[views - 2 - k, o]) * z[o] / |z[o]| with o = (r + (k + 1) * images) mod rows,
// from which contrast-embedding-gradient makes that of the embeddings. One thread an element.
//
// shape z: rows * dim
// shape anchors: 3 * rows
// shape dlogits: (rows / images - 1) * rows
// shape dz: rows * dim
// workgroups: ceil(rows * dim / LANES)
// flops: 4 * (rows / images - 1) * rows * dim
//#include "lib/grid.wgsl"

const LANES: u32 = 64u;

struct Params {
  rows: u32,
  images: u32,
  dim: u32,
}

@group(0) @binding(0) var<storage, read> z: array<f32>;
@group(0) @binding(1) var<storage, read> anchors: array<f32>;
@group(0) @binding(2) var<storage, read> dlogits: array<f32>;
@group(0) @binding(3) var<storage, read_write> dz: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let i = workgroup_index(group, grid) * LANES + local.x;
  if (i >= params.rows * params.dim) {
    return;
  }
  let row = i / params.dim;
  let others = params.rows / params.images - 1u;
  var sum = 0.0;
  for (var k = 0u; k < others; k++) {
    let other = (row + (k + 1u) * params.images) % params.rows;
    let back = dlogits[(others - 1u - k) * params.rows + other];
    let slope = dlogits[k * params.rows + row] + back;
    sum = fma(slope, z[other * params.dim + i % params.dim] * anchors[other], sum);
  }
  dz[i] = sum;
}
