// Contrastive losses whose negatives are an estimate of what those of other classes add up to (Chuang et al. 2020, equation 8;
// Robinson et al. 2021, equation 4). An anchor has the logits p[k] with its P positives, of which `positives` holds (1 + beta) p[k],
// and M negatives, of which `hard` is log sum_j exp((1 + beta) s[j]), `largest` the largest (1 + beta) s[j] and, with HARDER, which
// stands for beta > 0, `soft` is log sum_j exp(beta s[j]). With t the share of the negatives that are of the anchor's class,
// log R = hard, and with HARDER log M + hard - soft,
// G = max((R - t M mean_k exp(p[k])) / (1 - t), M exp(-1 / temperature)),
// loss = log(sum_k exp(p[k]) + G) - mean_k p[k].
// `results` gets the losses; 1 where the largest p is above the largest s, else 0 (a tie does not count); and 1 where the second
// argument of G is the larger, else 0. `slopes` gets the derivatives of the losses by `positives`, by `hard` and by `soft`. One thread an
// anchor.
//
// shape positives: others * rows
// shape hard: rows
// shape soft: rows
// shape largest: rows
// shape results: 3 * rows
// shape slopes: (others + 2) * rows
// workgroups: ceil(rows / LANES)
// flops: rows * (20 + 6 * others)
//#include "lib/grid.wgsl"

const LANES: u32 = 64u;
const HARDER: bool = false;
// Below every logit, and finite: WGSL may assume that infinities never occur.
const LOWEST: f32 = -1e30;

struct Params {
  rows: u32,
  // P.
  others: u32,
  // M and t.
  negatives: f32,
  share: f32,
  inverse_temperature: f32,
  // 1 / (1 + beta).
  scale: f32,
}

@group(0) @binding(0) var<storage, read> positives: array<f32>;
@group(0) @binding(1) var<storage, read> hard: array<f32>;
@group(0) @binding(2) var<storage, read> soft: array<f32>;
@group(0) @binding(3) var<storage, read> largest: array<f32>;
@group(0) @binding(4) var<storage, read_write> results: array<f32>;
@group(0) @binding(5) var<storage, read_write> slopes: array<f32>;
@group(0) @binding(6) var<uniform> params: Params;

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
  let number = f32(params.others);
  var nearest = LOWEST;
  var total = 0.0;
  for (var k = 0u; k < params.others; k++) {
    nearest = max(nearest, positives[k * params.rows + row]);
    total += positives[k * params.rows + row];
  }
  results[params.rows + row] = select(0.0, 1.0, nearest > largest[row]);
  nearest *= params.scale;
  let mean = total / number * params.scale;
  var attracting = 0.0;
  for (var k = 0u; k < params.others; k++) {
    attracting += exp(positives[k * params.rows + row] * params.scale - nearest);
  }

  var all = hard[row];
  if (HARDER) {
    all += log(params.negatives) - soft[row];
  }
  // The part of R that is of the anchor's class. From 1 on, nothing is left; the exponential need not overflow for that.
  let of_class = params.share * params.negatives * attracting / number * exp(min(nearest - all, 60.0));
  let left = max(1.0 - of_class, 1e-30);
  let estimate = all + log(left) - log(1.0 - params.share);
  let least = log(params.negatives) - params.inverse_temperature;
  let is_clamped = estimate < least;
  let rest = max(estimate, least);

  let most = max(nearest, rest);
  let sum = attracting * exp(nearest - most) + exp(rest - most);
  let lse = most + log(sum);
  // The difference first: both are large at low temperatures, and the loss may be small.
  results[row] = log(sum) + (most - mean);
  results[2u * params.rows + row] = select(0.0, 1.0, is_clamped);

  let corrected = select(params.share * params.negatives / (number * (1.0 - params.share)), 0.0, is_clamped);
  for (var k = 0u; k < params.others; k++) {
    let at = k * params.rows + row;
    let probability = exp(positives[at] * params.scale - lse);
    // What a single positive lacks: a difference from 1 would be all rounding.
    let lacking = select(1.0 / number - probability, exp(rest - lse), params.others == 1u);
    slopes[at] = -params.scale * (lacking + corrected * probability);
  }
  let slope = select(exp(all - lse) / (1.0 - params.share), 0.0, is_clamped);
  slopes[params.others * params.rows + row] = slope;
  slopes[(params.others + 1u) * params.rows + row] = select(0.0, -slope, HARDER);
}
