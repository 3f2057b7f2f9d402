// Second pass of the contrastive losses: puts the runs of keys of each anchor of a block together. With P the keys that attract it,
// A its candidates, which are the positives and the negatives, and p[j] = exp(s[j] - lse), an anchor has the loss
// lse - mean_{j in P} s[j] with lse = log sum_{j in A} exp(s[j]),
// and counts where neither is empty. Of each anchor, `anchors` holds the reciprocal of its norm, and gets
// - its lse,
// - its pull (see lib/slope.wgsl): where P is one positive, what that one lacks, the sum of p over the negatives; elsewhere -1 / |P|.
// correct[first + i] says whether the largest logit of P is larger than every negative's; a tie does not count. Anchors that do not
// count have the loss 0, a pull of 0, and an lse that makes all p 0. One thread an anchor.
//
// shape partials: 7 * splits * rows
// shape anchors: 3 * rows
// shape losses: total
// shape correct: total
// shape counted: total
// workgroups: ceil(rows / LANES)
// flops: rows * (9 * splits + 10)
//#include "lib/grid.wgsl"
//#include "lib/partials.wgsl"

const LANES: u32 = 64u;
// Above every logit.
const HIGHEST: f32 = 1e30;

struct Params {
  rows: u32,
  splits: u32,
  // Rows of the blocks before, and of all.
  first: u32,
  total: u32,
}

@group(0) @binding(0) var<storage, read> partials: array<f32>;
@group(0) @binding(1) var<storage, read_write> anchors: array<f32>;
@group(0) @binding(2) var<storage, read_write> losses: array<f32>;
@group(0) @binding(3) var<storage, read_write> correct: array<f32>;
@group(0) @binding(4) var<storage, read_write> counted: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

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
  let next = params.splits * params.rows;
  var largest = LOWEST;
  var positive_largest = LOWEST;
  var attracted_largest = LOWEST;
  var total = 0.0;
  var count = 0.0;
  for (var s = 0u; s < params.splits; s++) {
    let at = s * params.rows + row;
    largest = max(largest, partials[at]);
    positive_largest = max(positive_largest, partials[POSITIVE_LARGEST * next + at]);
    attracted_largest = max(attracted_largest, partials[ATTRACTED_LARGEST * next + at]);
    total += partials[TOTAL * next + at];
    count += partials[COUNT * next + at];
  }
  let now = max(largest, positive_largest);
  var negatives = 0.0;
  var positives = 0.0;
  for (var s = 0u; s < params.splits; s++) {
    let at = s * params.rows + row;
    negatives += partials[SUM * next + at] * exp(partials[at] - now);
    positives += partials[POSITIVE_SUM * next + at] * exp(partials[POSITIVE_LARGEST * next + at] - now);
  }
  let sum = negatives + positives;
  // An embedding that is not a number counts, for the loss has to tell.
  let counts = count > 0.0 && sum != 0.0;
  let some = select(1.0, sum, counts);
  let number = max(count, 1.0);
  // A mean of one is that one, to the bit, which a quotient need not be.
  let mean = select(total / number, total, count == 1.0);
  let alone = count == 1.0 && positives != 0.0;
  anchors[params.rows + row] = select(HIGHEST, now + log(some), counts);
  anchors[2u * params.rows + row] = select(0.0, select(-1.0 / number, negatives / some, alone), counts);
  // The difference first: both are large at low temperatures, and the loss may be small.
  losses[params.first + row] = select(0.0, log(some) + (now - mean), counts);
  let nearest = max(positive_largest, attracted_largest);
  correct[params.first + row] = select(0.0, 1.0, counts && nearest > largest);
  counted[params.first + row] = select(0.0, 1.0, counts);
}
