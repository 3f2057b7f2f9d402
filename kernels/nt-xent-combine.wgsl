// Second pass of NT-Xent with two views of each image: puts the runs of negatives of each row of a block and its positive together.
// Of each anchor, `anchors` holds the reciprocal of its norm, and gets
// - the log-sum-exp lse[i] = log sum_{j != i} exp(s[i, j]),
// - its pull (see lib/slope.wgsl): what its positive lacks, 1 - p[i, positive] with p[i, j] = exp(s[i, j] - lse[i]), from the negatives
//   alone, for where the loss is small, a difference from 1 would be all rounding.
// losses[first + i] = lse[i] - s[i, positive of i], and correct[first + i] says whether the positive's logit is larger than every
// negative's (contrastive top-1 accuracy; a tie does not count, so that a collapse scores 0). One thread a pair.
//
// shape partials: 2 * splits * rows
// shape z: rows * dim
// shape anchors: 3 * rows
// shape losses: total
// shape correct: total
// workgroups: ceil(rows / 2 / LANES)
// flops: rows * (4 * splits + 2 * dim)
//#include "lib/grid.wgsl"
//#include "lib/partials.wgsl"

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

@group(0) @binding(0) var<storage, read> partials: array<f32>;
@group(0) @binding(1) var<storage, read> z: array<f32>;
@group(0) @binding(2) var<storage, read_write> anchors: array<f32>;
@group(0) @binding(3) var<storage, read_write> losses: array<f32>;
@group(0) @binding(4) var<storage, read_write> correct: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

fn combine(row: u32, positive: f32) {
  let sums = params.splits * params.rows;
  var negative = partials[row];
  for (var s = 1u; s < params.splits; s++) {
    negative = max(negative, partials[s * params.rows + row]);
  }
  let now = max(negative, positive);
  var rest = 0.0;
  for (var s = 0u; s < params.splits; s++) {
    let at = s * params.rows + row;
    rest += partials[sums + at] * exp(partials[at] - now);
  }
  let sum = rest + exp(positive - now);
  anchors[params.rows + row] = now + log(sum);
  anchors[2u * params.rows + row] = rest / sum;
  // The difference first: both are large at low temperatures, and the loss is small.
  losses[params.first + row] = log(sum) + (now - positive);
  correct[params.first + row] = select(0.0, 1.0, positive > negative);
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
  combine(row, row_similarity * (row_inverse * params.inverse_temperature));
  combine(other, other_similarity * (other_inverse * params.inverse_temperature));
}
