// Second pass of NT-Xent: puts the runs of negatives of each row of a block and its positive together. Of each anchor, `anchors`
// holds the reciprocal of its norm, and gets
// - the log-sum-exp lse[i] = log sum_{j != i} exp(s[i, j]),
// - what its pair lacks, (1 - p[i, positive]) + (1 - p[positive, i]) with p[i, j] = exp(s[i, j] - lse[i]), from the negatives alone, for
//   where the loss is small, a difference from 1 would be all rounding.
// losses[first + i] = lse[i] - s[i, positive of i], and correct[first + i] says whether the positive's logit is larger than every
// negative's (contrastive top-1 accuracy; a tie does not count, so that a collapse scores 0). One thread a pair.
//
// shape largest: splits * rows
// shape sums: splits * rows
// shape z: rows * dim
// shape anchors: 3 * rows
// shape losses: total
// shape correct: total
// workgroups: ceil(rows / 2 / LANES)
// flops: rows * (4 * splits + 2 * dim)
//#include "lib/grid.wgsl"

const LANES: u32 = 64u;

struct Params {
  rows: u32,
  splits: u32,
  dim: u32,
  // Rows of the blocks before, and of all.
  first: u32,
  total: u32,
  inverse_temperature: f32,
}

@group(0) @binding(0) var<storage, read> largest: array<f32>;
@group(0) @binding(1) var<storage, read> sums: array<f32>;
@group(0) @binding(2) var<storage, read> z: array<f32>;
@group(0) @binding(3) var<storage, read_write> anchors: array<f32>;
@group(0) @binding(4) var<storage, read_write> losses: array<f32>;
@group(0) @binding(5) var<storage, read_write> correct: array<f32>;
@group(0) @binding(6) var<uniform> params: Params;

// Stores what is known of a row, and returns 1 - p[row, positive].
fn combine(row: u32, positive: f32) -> f32 {
  var negative = largest[row];
  for (var s = 1u; s < params.splits; s++) {
    negative = max(negative, largest[s * params.rows + row]);
  }
  let now = max(negative, positive);
  var rest = 0.0;
  for (var s = 0u; s < params.splits; s++) {
    rest += sums[s * params.rows + row] * exp(largest[s * params.rows + row] - now);
  }
  let sum = rest + exp(positive - now);
  anchors[params.rows + row] = now + log(sum);
  // The difference first: both are large at low temperatures, and the loss is small.
  losses[params.first + row] = log(sum) + (now - positive);
  correct[params.first + row] = select(0.0, 1.0, positive > negative);
  return rest / sum;
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let pairs = params.rows / 2u;
  let row = workgroup_index(group, grid) * LANES + local.x;
  if (row >= pairs) {
    return;
  }
  let other = row + pairs;
  let row_inverse = anchors[row];
  let other_inverse = anchors[other];
  // Each row's as the other logits of that row are computed: where embeddings are equal, logits are.
  var row_similarity = 0.0;
  var other_similarity = 0.0;
  for (var k = 0u; k < params.dim; k++) {
    let row_value = z[row * params.dim + k];
    let other_value = z[other * params.dim + k];
    row_similarity = fma(row_value, other_value * other_inverse, row_similarity);
    other_similarity = fma(other_value, row_value * row_inverse, other_similarity);
  }
  let row_rest = combine(row, row_similarity * (row_inverse * params.inverse_temperature));
  let other_rest = combine(other, other_similarity * (other_inverse * params.inverse_temperature));
  anchors[2u * params.rows + row] = row_rest + other_rest;
  anchors[2u * params.rows + other] = row_rest + other_rest;
}
