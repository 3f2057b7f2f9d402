// Third pass of the gradient of batch norm: with g = dy, or with RELU, dy where the output (computed again) was above 0,
// dx = gamma / sqrt(variance + EPSILON) * (g - dbeta / rows - normalised x * dgamma / rows), and with FROZEN statistics,
// which do not depend on x, dx = gamma / sqrt(variance + EPSILON) * g.
//
// shape x: rows * channels
// shape dy: rows * channels
// shape statistics: 2 * channels
// shape gamma: channels
// shape beta: channels
// shape dgamma: channels
// shape dbeta: channels
// shape dx: rows * channels
// workgroups: ceil(rows / ROWS) * ceil(channels / (LANES * VECTOR))
// flops: 6 * rows * channels
//#include "lib/grid.wgsl"
//#include "lib/channels.wgsl"
//#include "lib/element.wgsl"
//#include "lib/stored.wgsl"

const LANES: u32 = 64u;
const VECTOR: u32 = 1u;
// Rows a thread goes through.
const ROWS: u32 = 8u;
const EPSILON: f32 = 0.00001;
// As in batch-norm.
const GAMMA: bool = true;
const BETA: bool = true;
const RELU: bool = false;
const FROZEN: bool = false;

struct Params {
  rows: u32,
  channels: u32,
}

@group(0) @binding(0) var<storage, read> x: array<StoredElement>;
@group(0) @binding(1) var<storage, read> dy: array<StoredElement>;
@group(0) @binding(2) var<storage, read> statistics: array<Element>;
@group(0) @binding(3) var<storage, read> gamma: array<Element>;
@group(0) @binding(4) var<storage, read> beta: array<Element>;
@group(0) @binding(5) var<storage, read> dgamma: array<Element>;
@group(0) @binding(6) var<storage, read> dbeta: array<Element>;
@group(0) @binding(7) var<storage, read_write> dx: array<StoredElement>;
@group(0) @binding(8) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let channels = params.channels / VECTOR;
  let tile = channel_tile(workgroup_index(group, grid), local.x, LANES, params.rows, channels, ROWS);
  if (tile.begin >= params.rows || tile.channel >= channels) {
    return;
  }
  let mean = statistics[tile.channel];
  let inverse = inverseSqrt(statistics[channels + tile.channel] + EPSILON);
  let scale = select(inverse, gamma[tile.channel] * inverse, GAMMA);
  let shift = select(Element(), beta[tile.channel], BETA);
  let rows = f32(params.rows);
  let mean_g = select(dbeta[tile.channel] / rows, Element(), FROZEN);
  let slope = select(inverse * dgamma[tile.channel] / rows, Element(), FROZEN);
  for (var row = tile.begin; row < tile.end; row++) {
    let i = row * channels + tile.channel;
    let centered = Element(x[i]) - mean;
    var g = Element(dy[i]);
    if (RELU) {
      g = select(g, Element(), fma(centered, scale, shift) <= Element());
    }
    dx[i] = StoredElement(scale * (g - mean_g - centered * slope));
  }
}
