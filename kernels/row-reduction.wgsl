// One number of each run of `run` columns of each row. REDUCTION: 0 sum_c x[c] / divisor, 1 max_c x[c], 2 log sum_c exp(x[c]),
// with the largest x[c] taken out of the exponentials. Long rows are reduced in runs first, and then their results; for each of
// the three that comes to the same. A workgroup a run.
//
// shape x: rows * cols
// shape y: rows * ceil(cols / run)
// workgroups: rows * ceil(cols / run)
// flops: rows * cols
//#include "lib/grid.wgsl"
//#include "lib/stored.wgsl"
//#include "lib/reduce.wgsl"
//#include "lib/reduce-max.wgsl"

const LANES: u32 = 8u;
const REDUCTION: u32 = 0u;
const SUM = 0u;
const MAXIMUM = 1u;
const LOWEST = -3.4028234e38;

struct Params {
  rows: u32,
  cols: u32,
  run: u32,
  divisor: f32,
}

@group(0) @binding(0) var<storage, read> x: array<Stored>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

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
  var largest = 0.0;
  if (REDUCTION != SUM) {
    largest = LOWEST;
    for (var i = begin + local.x; i < end; i += LANES) {
      largest = max(largest, f32(x[i]));
    }
    largest = workgroup_max(local.x, largest);
  }
  var result = largest;
  if (REDUCTION != MAXIMUM) {
    var sum = 0.0;
    for (var i = begin + local.x; i < end; i += LANES) {
      let value = f32(x[i]);
      sum += select(exp(value - largest), value, REDUCTION == SUM);
    }
    sum = workgroup_sum(local.x, sum);
    result = select(largest + log(sum), sum / params.divisor, REDUCTION == SUM);
  }
  if (local.x == 0u) {
    y[index] = result;
  }
}
