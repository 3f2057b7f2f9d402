// Images kept as bytes (R, G, B, 255 a pixel in one u32) as RGB images with values in [0, 1]; one thread a pixel.
//
// shape bytes: pixels
// shape y: pixels * 3
// workgroups: ceil(pixels / LANES)
// flops: pixels * 3
//#include "lib/grid.wgsl"

const LANES: u32 = 64u;

struct Params {
  pixels: u32,
}

@group(0) @binding(0) var<storage, read> bytes: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let i = workgroup_index(group, grid) * LANES + local.x;
  if (i < params.pixels) {
    let color = unpack4x8unorm(bytes[i]);
    y[3u * i] = color.r;
    y[3u * i + 1u] = color.g;
    y[3u * i + 2u] = color.b;
  }
}
