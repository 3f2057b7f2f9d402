// First pass of the gradient of group norm: over each run of ROWS pixels of an image, sum of g * normalised x and of g, where
// g = dy, or with RELU, dy where the output was above 0. The normalised x and the output are computed again: cheaper than
// reading them. `parts` holds [run, channel] sums of g * normalised x, then as many of g.
//
// shape x: batch * pixels * channels
// shape dy: batch * pixels * channels
// shape statistics: 2 * batch * channels
// shape gamma: channels
// shape beta: channels
// shape parts: 2 * batch * ceil(pixels / ROWS) * channels
// workgroups: batch * ceil(pixels / ROWS) * ceil(channels / (LANES * VECTOR))
// flops: 6 * batch * pixels * channels
//#include "lib/grid.wgsl"
//#include "lib/images.wgsl"
//#include "lib/element.wgsl"

const LANES: u32 = 64u;
const VECTOR: u32 = 1u;
// Pixels a thread goes through.
const ROWS: u32 = 64u;
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
@group(0) @binding(5) var<storage, read_write> parts: array<Element>;
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
  let inverse = statistics[params.batch * channels + place];
  let scale = gamma[tile.channel] * inverse;
  let shift = beta[tile.channel];
  var normalized_sum = Element();
  var sum = Element();
  for (var row = tile.begin; row < tile.end; row++) {
    let i = row * channels + tile.channel;
    let centered = x[i] - mean;
    // The output by the expression of group-norm.
    var g = dy[i];
    if (RELU) {
      g = select(g, Element(), fma(centered, scale, shift) <= Element());
    }
    normalized_sum = fma(g, centered * inverse, normalized_sum);
    sum += g;
  }
  let runs = (params.pixels + ROWS - 1u) / ROWS;
  parts[tile.run * channels + tile.channel] = normalized_sum;
  parts[(params.batch * runs + tile.run) * channels + tile.channel] = sum;
}
