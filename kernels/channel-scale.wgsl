// Three channels, each scaled and shifted: y[p, c] = scale[c] * x[p, c] + offset[c].
//
// shape x: 3 * pixels
// shape y: 3 * pixels
// workgroups: ceil(3 * pixels / (LANES * ELEMENTS))
// flops: 6 * pixels
//#include "lib/grid.wgsl"
//#include "lib/stored.wgsl"

const LANES: u32 = 64u;
// Elements a thread goes through.
const ELEMENTS: u32 = 8u;

struct Params {
  pixels: u32,
  scale_r: f32,
  scale_g: f32,
  scale_b: f32,
  offset_r: f32,
  offset_g: f32,
  offset_b: f32,
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
  let scale = vec3f(params.scale_r, params.scale_g, params.scale_b);
  let offset = vec3f(params.offset_r, params.offset_g, params.offset_b);
  let first = workgroup_index(group, grid) * LANES * ELEMENTS;
  let end = min(first + LANES * ELEMENTS, 3u * params.pixels);
  for (var i = first + local.x; i < end; i += LANES) {
    y[i] = Stored(fma(scale[i % 3u], f32(x[i]), offset[i % 3u]));
  }
}
