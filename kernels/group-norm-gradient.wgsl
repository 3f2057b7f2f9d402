// Third pass of the gradient of group norm: with g = dy, or with RELU, dy where the output (computed again) was above 0,
// dx = (gamma * g - mean(gamma * g) - normalised x * mean(gamma * g * normalised x)) / sqrt(variance + EPSILON), where the means
// are those of the image and the channel's group. `means` holds, for every channel, its group's mean of
// gamma * g * normalised x, then as many of gamma * g.
//
// shape x: batch * pixels * channels
// shape dy: batch * pixels * channels
// shape statistics: 2 * batch * channels
// shape gamma: channels
// shape beta: channels
// shape means: 2 * batch * channels
// shape dx: batch * pixels * channels
// workgroups: batch * ceil(pixels / ROWS) * ceil(channels / (LANES * VECTOR))
// flops: 7 * batch * pixels * channels
//#include "lib/grid.wgsl"
//#include "lib/images.wgsl"
//#include "lib/element.wgsl"

const LANES: u32 = 64u;
const VECTOR: u32 = 1u;
// Pixels a thread goes through.
const ROWS: u32 = 8u;
const RELU: bool = false;

struct Params {
  batch: u32,
  pixels: u32,
  channels: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Element>;
@group(0) @binding(1) var<storage, read> dy: array<Element>;
@group(0) @binding(2) var<storage, read> statistics: array<Element>;
@group(0) @binding(3) var<storage, read> gamma: array<Element>;
@group(0) @binding(4) var<storage, read> beta: array<Element>;
@group(0) @binding(5) var<storage, read> means: array<Element>;
@group(0) @binding(6) var<storage, read_write> dx: array<Element>;
@group(0) @binding(7) var<uniform> params: Params;

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
  let half = params.batch * channels;
  let place = tile.image * channels + tile.channel;
  let mean = statistics[place];
  let inverse = statistics[half + place];
  let scale = gamma[tile.channel] * inverse;
  let shift = beta[tile.channel];
  let slope = inverse * inverse * means[place];
  let offset = inverse * means[half + place];
  for (var row = tile.begin; row < tile.end; row++) {
    let i = row * channels + tile.channel;
    let centered = x[i] - mean;
    var g = dy[i];
    if (RELU) {
      g = select(g, Element(), fma(centered, scale, shift) <= Element());
    }
    dx[i] = scale * g - offset - centered * slope;
  }
}
