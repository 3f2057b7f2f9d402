// Second pass of the norms of LARS, for each tensor: the factor that brings its update g + decay * p into the velocity, and its decay.
//   plain: factor = rate * eta * |p| / |g + weight_decay * p|, or rate where either norm is 0; decay = weight_decay.
//   CLIP (LARS-clip of solo-learn): factor = min(eta * |p| / (|g| + weight_decay * |p| + 1e-8) / rate, 1), decay =
//     weight_decay; where either norm is 0, factor = 1, decay = 0.
//   Tensors that are not adapted: factor = rate, or 1 with CLIP; decay = offset_decay.
// `squares` holds, for each block of 64 elements, the sums of squares of p and of what the other norm is of; `ranges` the first
// block and the end, `adapted` 1 or 0, and `scales` factor and decay of each tensor. A workgroup a tensor.
//
// shape squares: 2 * blocks
// shape ranges: 2 * tensors
// shape adapted: tensors
// shape schedule: 4
// shape scales: 2 * tensors
// workgroups: tensors
// flops: 2 * blocks
//#include "lib/grid.wgsl"
//#include "lib/reduce.wgsl"

const LANES: u32 = 64u;
const CLIP: bool = false;

struct Params {
  blocks: u32,
  tensors: u32,
  eta: f32,
  weight_decay: f32,
  offset_decay: f32,
}

@group(0) @binding(0) var<storage, read> squares: array<f32>;
@group(0) @binding(1) var<storage, read> ranges: array<u32>;
@group(0) @binding(2) var<storage, read> adapted: array<f32>;
@group(0) @binding(3) var<storage, read> schedule: array<f32>;
@group(0) @binding(4) var<storage, read_write> scales: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

// Factor and decay of a tensor that is adapted, from its sums of squares.
fn adapted_scale(weights: f32, updates: f32, rate: f32) -> vec2f {
  let both = weights > 0.0 && updates > 0.0;
  if (!CLIP) {
    let trust = select(1.0, params.eta * sqrt(weights / max(updates, 1e-37)), both);
    return vec2f(trust * rate, params.weight_decay);
  }
  if (!both) {
    return vec2f(1.0, 0.0);
  }
  let norm = sqrt(weights);
  let trust = params.eta * norm / (sqrt(updates) + params.weight_decay * norm + 1e-8);
  // A rate of 0 divides nothing.
  return vec2f(select(1.0, trust / rate, trust < rate), params.weight_decay);
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let tensor = workgroup_index(group, grid);
  if (tensor >= params.tensors) {
    return;
  }
  var weights = 0.0;
  var updates = 0.0;
  let end = ranges[2u * tensor + 1u];
  for (var at = ranges[2u * tensor] + local.x; at < end; at += LANES) {
    weights += squares[2u * at];
    updates += squares[2u * at + 1u];
  }
  weights = workgroup_sum(local.x, weights);
  updates = workgroup_sum(local.x, updates);
  if (local.x > 0u) {
    return;
  }
  let rate = schedule[0];
  var scale = vec2f(select(rate, 1.0, CLIP), params.offset_decay);
  if (adapted[tensor] > 0.0) {
    scale = adapted_scale(weights, updates, rate);
  }
  scales[2u * tensor] = scale.x;
  scales[2u * tensor + 1u] = scale.y;
}
