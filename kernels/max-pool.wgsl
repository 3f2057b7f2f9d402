// Largest value of each KERNEL x KERNEL window, the first of equal ones, and where it was: y[n, oy, ox, channel] and
// winners[n, oy, ox, channel] = row * width + column of the winner.
//
// shape x: batch * height * width * channels
// shape y: batch * out_height * out_width * channels
// shape winners: batch * out_height * out_width * channels
// workgroups: ceil(batch * out_height * out_width * channels / LANES)
// flops: 0
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

@group(0) @binding(0) var<storage, read> x: array<Stored>;
@group(0) @binding(1) var<storage, read_write> y: array<Stored>;
@group(0) @binding(2) var<storage, read_write> winners: array<u32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let i = workgroup_index(group, grid) * LANES + local.x;
  if (i >= params.batch * params.out_height * params.out_width * params.channels) {
    return;
  }
  let channel = i % params.channels;
  let ox = i / params.channels % params.out_width;
  let oy = i / params.channels / params.out_width % params.out_height;
  let image = i / params.channels / params.out_width / params.out_height;
  // The window inside of the map: positions count from PADDING before its first pixel.
  let row_begin = max(oy * STRIDE, PADDING) - PADDING;
  let row_end = min(oy * STRIDE + KERNEL - PADDING, params.height);
  let column_begin = max(ox * STRIDE, PADDING) - PADDING;
  let column_end = min(ox * STRIDE + KERNEL - PADDING, params.width);
  var winner = row_begin * params.width + column_begin;
  var largest = f32(x[(image * params.height * params.width + winner) * params.channels + channel]);
  for (var row = row_begin; row < row_end; row++) {
    for (var column = column_begin; column < column_end; column++) {
      let place = row * params.width + column;
      let value = f32(x[(image * params.height * params.width + place) * params.channels + channel]);
      if (value > largest) {
        largest = value;
        winner = place;
      }
    }
  }
  y[i] = Stored(largest);
  winners[i] = winner;
}
