// What the branch of a residual block counts for in each image's view, by stochastic depth (Huang et al. 2016), scaled in training:
// factors[v * images + i] = scale where u >= probability, else 0, with u in [0, 1) drawn from (counter, image, site, view): however a
// batch is cut up, the same is drawn.
//
// shape images: batch
// shape counter: 2
// shape factors: rows
// workgroups: ceil(rows / LANES)
// flops: rows
//#include "lib/grid.wgsl"
//#include "lib/random.wgsl"

const LANES: u32 = 64u;
// Keeps these draws apart from those of the augmentations, which have the numbers of views from the start on in this place.
const SITES = 0x40000000u;

struct Params {
  rows: u32,
  batch: u32,
  site: u32,
  probability: f32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> images: array<u32>;
@group(0) @binding(1) var<storage, read> counter: array<u32>;
@group(0) @binding(2) var<storage, read_write> factors: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let row = workgroup_index(group, grid) * LANES + local.x;
  if (row >= params.rows) {
    return;
  }
  let view = row / params.batch;
  let u = random_uniform(vec4u(counter[0], counter[1], images[row % params.batch], SITES + params.site + view));
  factors[row] = select(0.0, params.scale, u.x >= params.probability);
}
