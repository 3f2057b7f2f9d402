// Gradient of the mean over the anchors of the losses of contrast-rows, with respect to the similarities of the same `count` anchors:
// dsimilarities[i, k] = gradient * f / rows, where f is slopes[i] for the positive of i, 0 for i itself and for negatives that
// do not count, and for the others
// NT-Xent:        exp((s - largest[i]) / t) / (totals[i] * t)
// NT-logistic:    sigmoid(s / t) / (totals[i] * t)
// margin triplet: 1 / totals[i] where s > p - m, else 0.
// Which negatives count is taken as fixed. One thread an element.
//
// shape similarities: count * rows
// shape slopes: rows
// shape largest: rows
// shape totals: rows
// shape gradient: 1
// shape dsimilarities: count * rows
// workgroups: ceil(count * rows / LANES)
// flops: 6 * count * rows
//#include "lib/grid.wgsl"
//#include "lib/pairs.wgsl"
//#include "lib/negatives.wgsl"

const LANES: u32 = 64u;
const LOSS: u32 = 0u;
const SEMI_HARD: bool = false;

struct Params {
  rows: u32,
  first_row: u32,
  count: u32,
  inverse_temperature: f32,
  margin: f32,
}

@group(0) @binding(0) var<storage, read> similarities: array<f32>;
@group(0) @binding(1) var<storage, read> slopes: array<f32>;
@group(0) @binding(2) var<storage, read> largest: array<f32>;
@group(0) @binding(3) var<storage, read> totals: array<f32>;
@group(0) @binding(4) var<storage, read> gradient: array<f32>;
@group(0) @binding(5) var<storage, read_write> dsimilarities: array<f32>;
@group(0) @binding(6) var<uniform> params: Params;

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
  let row = params.first_row + i / params.rows;
  let column = i % params.rows;
  let other = positive_of(row, params.rows);
  let positive = similarities[start + other];
  let similarity = similarities[i];
  let scale = params.inverse_temperature;
  var factor = 0.0;
  if (column == other) {
    factor = slopes[row];
  } else if (column != row && counts(similarity, positive)) {
    if (LOSS == NT_XENT) {
      factor = exp((similarity - largest[row]) * scale) / totals[row] * scale;
    } else if (LOSS == NT_LOGISTIC) {
      factor = sigmoid(similarity * scale) / totals[row] * scale;
    } else if (similarity > positive - params.margin) {
      factor = 1.0 / totals[row];
    }
  }
  dsimilarities[i] = gradient[0] * factor / f32(params.rows);
}
