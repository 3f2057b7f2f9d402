// Means and biased variances of the dimensions of normalised embeddings, panel by panel: those of a panel (its mean first, so that
// nothing cancels) are put together with those of the `before` columns of the panels before (Chan, Golub and LeVeque 1979).
// `statistics` holds the means, then the variances. A workgroup a dimension.
//
// shape columns: dim * 4 * ceil(width / 4)
// shape statistics: 2 * dim
// workgroups: dim
// flops: 4 * width * dim
//#include "lib/grid.wgsl"
//#include "lib/panels.wgsl"
//#include "lib/reduce.wgsl"

const LANES: u32 = 8u;

struct Params {
  dim: u32,
  width: u32,
  before: u32,
}

@group(0) @binding(0) var<storage, read> columns: array<f32>;
@group(0) @binding(1) var<storage, read_write> statistics: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let dim = workgroup_index(group, grid);
  if (dim >= params.dim) {
    return;
  }
  let start = dim * panel_stride(params.width);
  var sum = 0.0;
  for (var j = local.x; j < params.width; j += LANES) {
    sum += columns[start + j];
  }
  let more = f32(params.width);
  let panel_mean = workgroup_sum(local.x, sum) / more;
  var squares = 0.0;
  for (var j = local.x; j < params.width; j += LANES) {
    let difference = columns[start + j] - panel_mean;
    squares = fma(difference, difference, squares);
  }
  let panel_squares = workgroup_sum(local.x, squares);
  if (local.x > 0u) {
    return;
  }
  if (params.before == 0u) {
    statistics[dim] = panel_mean;
    statistics[params.dim + dim] = panel_squares / more;
    return;
  }
  let count = f32(params.before);
  let total = count + more;
  let mean = statistics[dim];
  let step = panel_mean - mean;
  let all_squares = statistics[params.dim + dim] * count + panel_squares + step * step * (count * more / total);
  statistics[dim] = mean + step * (more / total);
  statistics[params.dim + dim] = all_squares / total;
}
