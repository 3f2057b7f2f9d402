// Second pass of NT-Xent: puts the runs of negatives of each row and its positive together.
// lse[i] = log sum_{j != i} exp(s[i, j]), losses[i] = lse[i] - s[i, positive of i], and whether the positive's logit is
// larger than every negative's (contrastive top-1 accuracy; a tie does not count, so that a collapse scores 0).
// One thread a row.
//
// shape largest: splits * rows
// shape sums: splits * rows
// shape z: rows * dim
// shape lse: rows
// shape losses: rows
// shape correct: rows
// workgroups: ceil(rows / LANES)
// flops: rows * (4 * splits + 2 * dim)
//#include "lib/grid.wgsl"
//#include "lib/contrast.wgsl"

const LANES: u32 = 64u;

struct Params {
  rows: u32,
  splits: u32,
  dim: u32,
  inverse_temperature: f32,
}

@group(0) @binding(0) var<storage, read> largest: array<f32>;
@group(0) @binding(1) var<storage, read> sums: array<f32>;
@group(0) @binding(2) var<storage, read> z: array<f32>;
@group(0) @binding(3) var<storage, read_write> lse: array<f32>;
@group(0) @binding(4) var<storage, read_write> losses: array<f32>;
@group(0) @binding(5) var<storage, read_write> correct: array<f32>;
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
  var negative = largest[row];
  for (var s = 1u; s < params.splits; s++) {
    negative = max(negative, largest[s * params.rows + row]);
  }
  // In the order of the other logits: where all embeddings are equal, all logits are.
  let other = positive_of(row, params.rows);
  var similarity = 0.0;
  for (var k = 0u; k < params.dim; k++) {
    similarity = fma(z[row * params.dim + k], z[other * params.dim + k], similarity);
  }
  let positive = similarity * params.inverse_temperature;
  let now = max(negative, positive);
  var sum = exp(positive - now);
  for (var s = 0u; s < params.splits; s++) {
    sum += sums[s * params.rows + row] * exp(largest[s * params.rows + row] - now);
  }
  lse[row] = now + log(sum);
  // The difference first: both are large at low temperatures, and the loss is small.
  losses[row] = log(sum) + (now - positive);
  correct[row] = select(0.0, 1.0, positive > negative);
}
