// Gradient of the reductions of rows (see row-reduction) that depends on x. REDUCTION: 1, the maximum y: dx[c] = dy at the first c
// with x[c] = y, and 0 elsewhere; 2, the log-sum-exp y: dx[c] = dy exp(x[c] - y). A workgroup a run.
//
// shape x: rows * cols
// shape y: rows * ceil(cols / run)
// shape dy: rows * ceil(cols / run)
// shape dx: rows * cols
// workgroups: rows * ceil(cols / run)
// flops: 3 * rows * cols
//#include "lib/grid.wgsl"
//#include "lib/stored.wgsl"
//#include "lib/reduce.wgsl"
//#include "lib/reduce-max.wgsl"

const LANES: u32 = 8u;
const REDUCTION: u32 = 1u;
const MAXIMUM = 1u;

struct Params {
  rows: u32,
  cols: u32,
  // At most 2^24, so that f32 has every place in it.
  run: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Stored>;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<Stored>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let runs = (params.cols + params.run - 1u) / params.run;
  let index = workgroup_index(group, grid);
  if (index >= params.rows * runs) {
    return;
  }
  let begin = index / runs * params.cols + index % runs * params.run;
  let end = min(begin + params.run, (index / runs + 1u) * params.cols);
  let result = y[index];
  let gradient = dy[index];
  var winner = end;
  if (REDUCTION == MAXIMUM) {
    var first = end;
    for (var i = begin + local.x; i < end; i += LANES) {
      first = select(first, min(first, i), f32(x[i]) == result);
    }
    winner = begin + u32(-workgroup_max(local.x, -f32(first - begin)));
  }
  for (var i = begin + local.x; i < end; i += LANES) {
    if (REDUCTION == MAXIMUM) {
      dx[i] = Stored(select(0.0, gradient, i == winner));
    } else {
      dx[i] = Stored(gradient * exp(f32(x[i]) - result));
    }
  }
}
