// Matrix product as it is written on paper, the lowest rung of bench/matmul-ladder: y[m, n] = sum_k a[m, k] * b[k, n].
//
// A thread computes one output. For each term of its sum it loads an element of a, which all LANES threads of its workgroup
// need, and one of b beside those of its neighbours; for a multiply-add, two loads.
//
// shape a: rows * inner
// shape b: inner * cols
// shape y: rows * cols
// workgroups: rows * ceil(cols / LANES)
// flops: 2 * rows * cols * inner
//#include "lib/grid.wgsl"

const LANES: u32 = 64u;

struct Params {
  rows: u32,
  inner: u32,
  cols: u32,
}

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let column_blocks = (params.cols + LANES - 1u) / LANES;
  let index = workgroup_index(group, grid);
  let row = index / column_blocks;
  let column = index % column_blocks * LANES + local.x;
  if (row >= params.rows || column >= params.cols) {
    return;
  }
  var sum = 0.0;
  for (var k = 0u; k < params.inner; k++) {
    sum = fma(a[row * params.inner + k], b[k * params.cols + column], sum);
  }
  y[row * params.cols + column] = sum;
}
