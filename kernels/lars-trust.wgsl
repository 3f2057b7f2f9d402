// Second pass of the norms of LARS: trust = coefficient * |p| / |g + weight_decay * p| of each tensor, 1 where either norm
// is 0, and -1 for tensors that are excluded. `ranges` holds the first block of 64 elements and the end, and `adapted` 1 or
// 0, of each tensor. A workgroup a tensor.
//
// shape squares: 2 * blocks
// shape ranges: 2 * tensors
// shape adapted: tensors
// shape trusts: tensors
// workgroups: tensors
// flops: 2 * blocks
//#include "lib/grid.wgsl"
//#include "lib/reduce.wgsl"

const LANES: u32 = 64u;

struct Params {
  blocks: u32,
  tensors: u32,
  coefficient: f32,
}

@group(0) @binding(0) var<storage, read> squares: array<f32>;
@group(0) @binding(1) var<storage, read> ranges: array<u32>;
@group(0) @binding(2) var<storage, read> adapted: array<f32>;
@group(0) @binding(3) var<storage, read_write> trusts: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

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
  if (local.x == 0u) {
    let both = weights > 0.0 && updates > 0.0;
    let trust = select(1.0, params.coefficient * sqrt(weights / max(updates, 1e-37)), both);
    trusts[tensor] = select(-1.0, trust, adapted[tensor] > 0.0);
  }
}
