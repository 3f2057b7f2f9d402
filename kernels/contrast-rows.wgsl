// Contrastive losses of `count` anchors from row first_row on, of their similarities with all embeddings (Chen et al. 2020, table 2).
// Of anchor i,
// let p be the similarity to its positive, s[k] those to the n negatives that count, t the temperature and m the margin:
// NT-Xent:        -p / t + log(exp(p / t) + sum_k exp(s[k] / t))
// NT-logistic:    -log sigmoid(p / t) - sum_k log sigmoid(-s[k] / t) / n
// margin triplet: sum_k max(s[k] - p + m, 0) / n
// A mean over no negatives is 0. For the gradient, `slopes` is what the loss has by p; of NT-Xent, `largest` is the largest
// similarity and `totals` = exp((p - largest) / t) + sum_k exp((s[k] - largest) / t); of the others, `totals` is n. `correct`
// tells whether p is larger than the similarity to every negative, whichever count; a tie does not count, so that a collapse
// scores 0. A workgroup a row.
//
// shape similarities: count * rows
// shape losses: rows
// shape correct: rows
// shape slopes: rows
// shape largest: rows
// shape totals: rows
// workgroups: count
// flops: 6 * count * rows
//#include "lib/grid.wgsl"
//#include "lib/pairs.wgsl"
//#include "lib/negatives.wgsl"
//#include "lib/reduce.wgsl"
//#include "lib/reduce-max.wgsl"

const LANES: u32 = 8u;
const LOSS: u32 = 0u;
const SEMI_HARD: bool = false;
// Below every similarity, and finite: WGSL may assume that infinities never occur.
const LOWEST = -3.4e38;

struct Params {
  rows: u32,
  first_row: u32,
  count: u32,
  inverse_temperature: f32,
  margin: f32,
}

@group(0) @binding(0) var<storage, read> similarities: array<f32>;
@group(0) @binding(1) var<storage, read_write> losses: array<f32>;
@group(0) @binding(2) var<storage, read_write> correct: array<f32>;
@group(0) @binding(3) var<storage, read_write> slopes: array<f32>;
@group(0) @binding(4) var<storage, read_write> largest: array<f32>;
@group(0) @binding(5) var<storage, read_write> totals: array<f32>;
@group(0) @binding(6) var<uniform> params: Params;

// log(1 + exp(x)) = -log sigmoid(-x), without an exponential that overflows.
fn softplus(x: f32) -> f32 {
  return max(x, 0.0) + log(1.0 + exp(-abs(x)));
}

// WGSL lets comparisons and maxima with NaN come out as they like: only the bits tell.
fn is_finite(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let index = workgroup_index(group, grid);
  if (index >= params.count) {
    return;
  }
  let row = params.first_row + index;
  let start = index * params.rows;
  let other = positive_of(row, params.rows);
  let positive = similarities[start + other];
  var own_nearest = LOWEST;
  for (var k = local.x; k < params.rows; k += LANES) {
    if (k != row && k != other) {
      own_nearest = max(own_nearest, similarities[start + k]);
    }
  }
  let nearest = workgroup_max(local.x, own_nearest);
  // Semi-hard negatives are all less similar than the positive.
  let reference = select(max(nearest, positive), positive, SEMI_HARD);

  let scale = params.inverse_temperature;
  let edge = positive - params.margin;
  var own_sum = 0.0;
  var own_count = 0.0;
  var own_inside = 0.0;
  for (var k = local.x; k < params.rows; k += LANES) {
    let similarity = similarities[start + k];
    if (k != row && k != other && counts(similarity, positive)) {
      own_count += 1.0;
      if (LOSS == NT_XENT) {
        own_sum += exp((similarity - reference) * scale);
      } else if (LOSS == NT_LOGISTIC) {
        own_sum += softplus(similarity * scale);
      } else if (similarity > edge) {
        own_sum += similarity - edge;
        own_inside += 1.0;
      }
    }
  }
  let sum = workgroup_sum(local.x, own_sum);
  let count = workgroup_sum(local.x, own_count);
  let inside = workgroup_sum(local.x, own_inside);
  if (local.x != 0u) {
    return;
  }
  var loss: f32;
  var slope: f32;
  var total = count;
  let divisor = max(count, 1.0);
  if (LOSS == NT_XENT) {
    total = sum + exp((positive - reference) * scale);
    // The difference first: both are large at low temperatures, and the loss is small.
    loss = log(total) + (reference - positive) * scale;
    slope = -sum / total * scale;
  } else if (LOSS == NT_LOGISTIC) {
    loss = softplus(-positive * scale) + sum / divisor;
    slope = -sigmoid(-positive * scale) * scale;
  } else {
    loss = sum / divisor;
    slope = -inside / divisor;
  }
  // Where a net has diverged, the loss has to tell, and a mean over no negatives would not.
  losses[row] = select(positive, loss, is_finite(positive));
  correct[row] = select(0.0, 1.0, positive > nearest);
  slopes[row] = slope;
  largest[row] = reference;
  totals[row] = total;
}
