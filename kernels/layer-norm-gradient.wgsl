// Gradient of layer norm to its input: dx[c] = inverse (g[c] - mean_k g[k] - n[c] mean_k g[k] n[k]), where g = dy gamma and n is the
// normalised x. `statistics` holds the means, then the inverses. Without GAMMA, gamma is 1, and the binding holds one element that
// is not read. A workgroup a row.
//
// shape x: rows * cols
// shape dy: rows * cols
// shape gamma: 1 + GAMMA * (cols - 1)
// shape statistics: 2 * rows
// shape dx: rows * cols
// workgroups: rows
// flops: 11 * rows * cols
//#include "lib/grid.wgsl"
//#include "lib/stored.wgsl"
//#include "lib/reduce.wgsl"

const LANES: u32 = 8u;
const GAMMA: bool = true;

struct Params {
  rows: u32,
  cols: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Stored>;
@group(0) @binding(1) var<storage, read> dy: array<Stored>;
@group(0) @binding(2) var<storage, read> gamma: array<f32>;
@group(0) @binding(3) var<storage, read> statistics: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<Stored>;
@group(0) @binding(5) var<uniform> params: Params;

fn gradient_at(begin: u32, c: u32) -> f32 {
  var g = f32(dy[begin + c]);
  if (GAMMA) {
    g *= gamma[c];
  }
  return g;
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let row = workgroup_index(group, grid);
  if (row >= params.rows) {
    return;
  }
  let begin = row * params.cols;
  let mean = statistics[row];
  let inverse = statistics[params.rows + row];
  var sum = 0.0;
  var dot = 0.0;
  for (var c = local.x; c < params.cols; c += LANES) {
    let g = gradient_at(begin, c);
    sum += g;
    dot = fma(g, (f32(x[begin + c]) - mean) * inverse, dot);
  }
  let offset = workgroup_sum(local.x, sum) / f32(params.cols);
  let slope = workgroup_sum(local.x, dot) / f32(params.cols);
  for (var c = local.x; c < params.cols; c += LANES) {
    let normalized = (f32(x[begin + c]) - mean) * inverse;
    dx[begin + c] = Stored(inverse * (gradient_at(begin, c) - offset - normalized * slope));
  }
}
