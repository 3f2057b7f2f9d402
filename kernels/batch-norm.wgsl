// Batch norm (Ioffe and Szegedy 2015), with what follows it in a residual net:
// y = (x - mean) / sqrt(variance + EPSILON) * gamma + beta, then + residual with RESIDUAL, then max(., 0) with RELU.
// `statistics` holds the means, then the variances. Without RESIDUAL, `residual` is not read (bind x); without GAMMA, the
// scale is 1, and without BETA, the offset 0, whatever is bound.
//
// shape x: rows * channels
// shape statistics: 2 * channels
// shape gamma: channels
// shape beta: channels
// shape residual: rows * channels
// shape y: rows * channels
// workgroups: ceil(rows / ROWS) * ceil(channels / (LANES * VECTOR))
// flops: 4 * rows * channels
//#include "lib/grid.wgsl"
//#include "lib/channels.wgsl"
//#include "lib/element.wgsl"
//#include "lib/stored.wgsl"

const LANES: u32 = 64u;
const VECTOR: u32 = 1u;
// Rows a thread goes through.
const ROWS: u32 = 8u;
const EPSILON: f32 = 0.00001;
const GAMMA: bool = true;
const BETA: bool = true;
const RESIDUAL: bool = false;
const RELU: bool = false;

struct Params {
  rows: u32,
  channels: u32,
}

@group(0) @binding(0) var<storage, read> x: array<StoredElement>;
@group(0) @binding(1) var<storage, read> statistics: array<Element>;
@group(0) @binding(2) var<storage, read> gamma: array<Element>;
@group(0) @binding(3) var<storage, read> beta: array<Element>;
@group(0) @binding(4) var<storage, read> residual: array<StoredElement>;
@group(0) @binding(5) var<storage, read_write> y: array<StoredElement>;
@group(0) @binding(6) var<uniform> params: Params;

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
  for (var row = tile.begin; row < tile.end; row++) {
    let i = row * channels + tile.channel;
    var value = fma(Element(x[i]) - mean, scale, shift);
    if (RESIDUAL) {
      value += Element(residual[i]);
    }
    y[i] = StoredElement(select(value, max(value, Element()), RELU));
  }
}
