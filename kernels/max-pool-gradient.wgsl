// Gradient of max-pool: every pixel collects dy from the windows that it won.
//
// shape dy: batch * out_height * out_width * channels
// shape winners: batch * out_height * out_width * channels
// shape dx: batch * height * width * channels
// workgroups: ceil(batch * height * width * channels / LANES)
// flops: batch * out_height * out_width * channels * KERNEL * KERNEL
//#include "lib/grid.wgsl"
//#include "lib/stored.wgsl"

const LANES: u32 = 64u;
const KERNEL: u32 = 3u;
const STRIDE: u32 = 2u;
const PADDING: u32 = 1u;

struct Params {
  batch: u32,
  height: u32,
  width: u32,
  out_height: u32,
  out_width: u32,
  channels: u32,
}

@group(0) @binding(0) var<storage, read> dy: array<Stored>;
@group(0) @binding(1) var<storage, read> winners: array<u32>;
@group(0) @binding(2) var<storage, read_write> dx: array<Stored>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let i = workgroup_index(group, grid) * LANES + local.x;
  if (i >= params.batch * params.height * params.width * params.channels) {
    return;
  }
  let channel = i % params.channels;
  let column = i / params.channels % params.width;
  let row = i / params.channels / params.width % params.height;
  let image = i / params.channels / params.width / params.height;
  // The windows that cover this pixel: oy * STRIDE <= row + PADDING < oy * STRIDE + KERNEL.
  let oy_begin = select(0u, (row + PADDING - KERNEL) / STRIDE + 1u, row + PADDING >= KERNEL);
  let oy_end = min((row + PADDING) / STRIDE + 1u, params.out_height);
  let ox_begin = select(0u, (column + PADDING - KERNEL) / STRIDE + 1u, column + PADDING >= KERNEL);
  let ox_end = min((column + PADDING) / STRIDE + 1u, params.out_width);
  var sum = 0.0;
  for (var oy = oy_begin; oy < oy_end; oy++) {
    for (var ox = ox_begin; ox < ox_end; ox++) {
      let window = ((image * params.out_height + oy) * params.out_width + ox) * params.channels + channel;
      sum += select(0.0, f32(dy[window]), winners[window] == row * params.width + column);
    }
  }
  dx[i] = Stored(sum);
}
