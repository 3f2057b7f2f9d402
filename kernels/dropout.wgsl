// Dropout (Srivastava et al. 2014), scaled in training: y[i] = x[i] * scale where u[i] >= probability, else 0, with u in [0, 1)
// drawn for each element from (counter, site, i). As its own gradient, it draws the same again. One thread for four neighbours.
//
// shape x: elements
// shape counter: 2
// shape y: elements
// workgroups: ceil(elements / (4 * LANES))
// flops: elements
//#include "lib/grid.wgsl"
//#include "lib/random.wgsl"
//#include "lib/stored.wgsl"

const LANES: u32 = 64u;
// Keeps these draws apart from those of the augmentations, which have the number of an image in this place.
const SITES = 0x80000000u;

struct Params {
  elements: u32,
  site: u32,
  probability: f32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> x: array<Stored>;
@group(0) @binding(1) var<storage, read> counter: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<Stored>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let four = workgroup_index(group, grid) * LANES + local.x;
  let u = random_uniform(vec4u(counter[0], counter[1], SITES + params.site, four));
  let end = min(4u * four + 4u, params.elements);
  for (var i = 4u * four; i < end; i++) {
    y[i] = Stored(select(0.0, f32(x[i]) * params.scale, u[i % 4u] >= params.probability));
  }
}
