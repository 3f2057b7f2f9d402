// Second pass of the log-sum-exp of each anchor's negatives: puts the runs of keys of each anchor of a block together,
// lse[i] = log sum_j exp(s[i, j]), and largest[i] = max_j s[i, j], for logits s as contrast-partials has them. `anchors` gets the lse
// too, for the gradient. One thread an anchor.
//
// shape partials: 2 * splits * rows
// shape anchors: 3 * rows
// shape lse: rows
// shape largest: rows
// workgroups: ceil(rows / LANES)
// flops: 3 * rows * splits
//#include "lib/grid.wgsl"
//#include "lib/partials.wgsl"

const LANES: u32 = 64u;

struct Params {
  rows: u32,
  splits: u32,
}

@group(0) @binding(0) var<storage, read> partials: array<f32>;
@group(0) @binding(1) var<storage, read_write> anchors: array<f32>;
@group(0) @binding(2) var<storage, read_write> lse: array<f32>;
@group(0) @binding(3) var<storage, read_write> largest: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let row = workgroup_index(group, grid) * LANES + local.x;
  if (row >= params.rows) {
    return;
  }
  var most = vec2f(LOWEST, 0.0);
  for (var s = 0u; s < params.splits; s++) {
    let at = s * params.rows + row;
    most = merged(most, vec2f(partials[at], partials[SUM * params.splits * params.rows + at]));
  }
  let result = most.x + log(most.y);
  anchors[params.rows + row] = result;
  lse[row] = result;
  largest[row] = most.x;
}
