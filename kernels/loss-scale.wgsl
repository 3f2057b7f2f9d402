// Second pass of loss scaling: where any gradient was infinite or NaN, halves the scale, not below 1, and has the optimizer skip
// the step; after GROWTH_INTERVAL good steps in a row, doubles it, up to LARGEST. `good_steps` counts them, or below 0, skipped
// steps in a row. The last number of `schedule` is 1 where the step is to be skipped, and 0 elsewhere. One workgroup.
//
// shape counts: blocks
// shape scale: 1
// shape good_steps: 1
// shape schedule: 4
// workgroups: 1
// flops: blocks
//#include "lib/reduce.wgsl"

const LANES: u32 = 64u;
const GROWTH_INTERVAL: u32 = 2000u;
// What is still lost below f16's smallest number, 2^-24, is then a gradient below 2^-48; and where all gradients are zero, the
// scale must not grow without end.
const LARGEST = 16777216.0;

struct Params {
  blocks: u32,
}

@group(0) @binding(0) var<storage, read> counts: array<f32>;
@group(0) @binding(1) var<storage, read_write> scale: array<f32>;
@group(0) @binding(2) var<storage, read_write> good_steps: array<f32>;
@group(0) @binding(3) var<storage, read_write> schedule: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_id) local: vec3u) {
  var found = 0.0;
  for (var i = local.x; i < params.blocks; i += LANES) {
    found += counts[i];
  }
  let overflow = workgroup_sum(local.x, found) > 0.0;
  if (local.x > 0u) {
    return;
  }
  let before = good_steps[0];
  let good = max(before, 0.0) + 1.0;
  let grows = good >= f32(GROWTH_INTERVAL);
  if (overflow) {
    scale[0] = max(0.5 * scale[0], 1.0);
  } else if (grows) {
    scale[0] = min(2.0 * scale[0], LARGEST);
  }
  good_steps[0] = select(select(good, 0.0, grows), min(before, 0.0) - 1.0, overflow);
  schedule[3] = select(0.0, 1.0, overflow);
}
