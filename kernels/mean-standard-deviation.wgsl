// Mean over the columns of their standard deviation: y = sum_c sqrt(variance[c]) / cols. One thread.
// `statistics` holds the means, then the variances; `elements` is 1.
//
// shape statistics: 2 * cols
// shape y: elements
// workgroups: ceil(elements / LANES)
// flops: 2 * cols
//#include "lib/grid.wgsl"

const LANES: u32 = 64u;

struct Params {
  elements: u32,
  cols: u32,
}

@group(0) @binding(0) var<storage, read> statistics: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let i = workgroup_index(group, grid) * LANES + local.x;
  if (i >= params.elements) {
    return;
  }
  var sum = 0.0;
  for (var c = 0u; c < params.cols; c++) {
    sum += sqrt(max(statistics[params.cols + c], 0.0));
  }
  y[i] = sum / f32(params.cols);
}
