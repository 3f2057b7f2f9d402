// Group norm (Wu and He 2018), with what follows it in a residual net:
// y = (x - mean) / sqrt(variance + EPSILON) * gamma + beta, then + residual with RESIDUAL, then max(., 0) with RELU, where mean
// and variance are those of the image and the channel's group. `statistics` holds [image, channel] means, then as many
// 1 / sqrt(variance + EPSILON). Without RESIDUAL, `residual` is not read (bind x).
//
// shape x: batch * pixels * channels
// shape statistics: 2 * batch * channels
// shape gamma: channels
// shape beta: channels
// shape residual: batch * pixels * channels
// shape y: batch * pixels * channels
// workgroups: batch * ceil(pixels / ROWS) * ceil(channels / (LANES * VECTOR))
// flops: 4 * batch * pixels * channels
//#include "lib/grid.wgsl"
//#include "lib/images.wgsl"
//#include "lib/element.wgsl"

const LANES: u32 = 64u;
const VECTOR: u32 = 1u;
// Pixels a thread goes through.
const ROWS: u32 = 8u;
const RESIDUAL: bool = false;
const RELU: bool = false;

struct Params {
  batch: u32,
  pixels: u32,
  channels: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Element>;
@group(0) @binding(1) var<storage, read> statistics: array<Element>;
@group(0) @binding(2) var<storage, read> gamma: array<Element>;
@group(0) @binding(3) var<storage, read> beta: array<Element>;
@group(0) @binding(4) var<storage, read> residual: array<Element>;
@group(0) @binding(5) var<storage, read_write> y: array<Element>;
@group(0) @binding(6) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let channels = params.channels / VECTOR;
  let tile = image_tile(workgroup_index(group, grid), local.x, LANES, params.pixels, channels, ROWS);
  if (tile.image >= params.batch || tile.channel >= channels) {
    return;
  }
  let place = tile.image * channels + tile.channel;
  let mean = statistics[place];
  let scale = gamma[tile.channel] * statistics[params.batch * channels + place];
  let shift = beta[tile.channel];
  for (var row = tile.begin; row < tile.end; row++) {
    let i = row * channels + tile.channel;
    var value = fma(x[i] - mean, scale, shift);
    if (RESIDUAL) {
      value += residual[i];
    }
    y[i] = select(value, max(value, Element()), RELU);
  }
}
