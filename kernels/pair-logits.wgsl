// Logits of each view of an image with its other views, rows r, r + images, r + 2 * images and so on of `z` being the views of image r:
// logits[k, r] = z[r] . z[o] / (|z[r]| |z[o]| temperature) with o = (r + (k + 1) * images) mod rows, computed as the other logits of
// row r are (see contrast-partials): where embeddings are equal, logits are. `anchors` holds the reciprocals of the norms. One
// thread a logit.
//
// shape z: rows * dim
// shape anchors: 3 * rows
// shape logits: (rows / images - 1) * rows
// workgroups: ceil((rows / images - 1) * rows / LANES)
// flops: 2 * (rows / images - 1) * rows * dim
//#include "lib/grid.wgsl"

const LANES: u32 = 64u;

struct Params {
  rows: u32,
  images: u32,
  dim: u32,
  inverse_temperature: f32,
}

@group(0) @binding(0) var<storage, read> z: array<f32>;
@group(0) @binding(1) var<storage, read> anchors: array<f32>;
@group(0) @binding(2) var<storage, read_write> logits: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let i = workgroup_index(group, grid) * LANES + local.x;
  if (i >= (params.rows / params.images - 1u) * params.rows) {
    return;
  }
  let row = i % params.rows;
  let other = (row + (i / params.rows + 1u) * params.images) % params.rows;
  let inverse = anchors[other];
  var similarity = 0.0;
  for (var d = 0u; d < params.dim; d++) {
    similarity = fma(z[row * params.dim + d], z[other * params.dim + d] * inverse, similarity);
  }
  logits[i] = similarity * (anchors[row] * params.inverse_temperature);
}
