// Gradient of the losses of triplets with respect to the similarities: with g the gradient of one pair's loss, each pair (a, p) whose
// loss is above 0 gives dsimilarities[a, p] -2 g, and dsimilarities[a, n] 2 g for its negative n = chosen[a, p]; of `count`
// anchors a. A thread an element.
//
// shape chosen: count * rows
// shape gradient: 1
// shape dsimilarities: count * rows
// workgroups: ceil(count * rows / LANES)
// flops: count * rows * rows
//#include "lib/grid.wgsl"

const LANES: u32 = 64u;
const NOBODY = 0xffffffffu;

struct Params {
  rows: u32,
  count: u32,
}

@group(0) @binding(0) var<storage, read> chosen: array<u32>;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;
@group(0) @binding(2) var<storage, read_write> dsimilarities: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let i = workgroup_index(group, grid) * LANES + local.x;
  if (i >= params.count * params.rows) {
    return;
  }
  let start = i / params.rows * params.rows;
  let row = i - start;
  // Whole numbers: the order of the sum is no matter.
  var times = select(-1, 0, chosen[i] == NOBODY);
  for (var p = 0u; p < params.rows; p++) {
    times += select(0, 1, chosen[start + p] == row);
  }
  dsimilarities[i] = 2.0 * f32(times) * gradient[0];
}
