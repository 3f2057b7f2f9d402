// Semi-hard triplets of each anchor (Schroff et al. 2015; of frames: Sermanet et al. 2018), of the similarities s of all pairs of
// embeddings of length 1, whose squared distances are 2 - 2 s. To anchor a, rows of its group that are at most `near` from it in
// time are positives; rows of other groups, and those that are further than `far`, are negatives. To positive p belongs the most
// similar negative n that is less similar than p, or where there is none the least similar one, and their loss is
// max(0, margin + 2 s[a, n] - 2 s[a, p]). `losses` and `pairs` are sums over the positives of an anchor that has negatives, of the
// losses and of 1; `correct` counts positives that are more similar than every negative; `chosen` holds n where the loss of p is
// above 0, and else 2^32 - 1, for the gradient. The similarities at hand are those of `count` anchors from `first_row` on with all
// rows. A workgroup an anchor, a thread for each LANES-th positive.
//
// shape similarities: count * rows
// shape groups: rows
// shape times: rows
// shape losses: rows
// shape pairs: rows
// shape correct: rows
// shape chosen: count * rows
// workgroups: count
// flops: 4 * count * rows
//#include "lib/grid.wgsl"
//#include "lib/reduce.wgsl"
//#include "lib/moments-in-time.wgsl"

const LANES: u32 = 64u;
const NOBODY = 0xffffffffu;
// Beyond every similarity, and finite: WGSL may assume that infinities never occur.
const HIGHEST = 3.4e38;

struct Params {
  rows: u32,
  first_row: u32,
  count: u32,
  near: u32,
  far: u32,
  margin: f32,
}

@group(0) @binding(0) var<storage, read> similarities: array<f32>;
@group(0) @binding(1) var<storage, read> groups: array<u32>;
@group(0) @binding(2) var<storage, read> times: array<u32>;
@group(0) @binding(3) var<storage, read_write> losses: array<f32>;
@group(0) @binding(4) var<storage, read_write> pairs: array<f32>;
@group(0) @binding(5) var<storage, read_write> correct: array<f32>;
@group(0) @binding(6) var<storage, read_write> chosen: array<u32>;
@group(0) @binding(7) var<uniform> params: Params;

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
  let place = workgroup_index(group, grid);
  if (place >= params.count) {
    return;
  }
  let start = place * params.rows;
  let anchor = params.first_row + place;
  var loss = 0.0;
  var count = 0.0;
  var right = 0.0;
  for (var p = local.x; p < params.rows; p += LANES) {
    var negative = NOBODY;
    if (p != anchor && is_positive(anchor, p)) {
      let positive = similarities[start + p];
      var semi_hard = NOBODY;
      var largest = -HIGHEST;
      var easiest = NOBODY;
      var smallest = HIGHEST;
      var nearest = -HIGHEST;
      for (var n = 0u; n < params.rows; n++) {
        if (!is_negative(anchor, n)) {
          continue;
        }
        let similarity = similarities[start + n];
        nearest = max(nearest, similarity);
        if (similarity < positive && similarity > largest) {
          semi_hard = n;
          largest = similarity;
        }
        if (similarity < smallest) {
          easiest = n;
          smallest = similarity;
        }
      }
      negative = select(semi_hard, easiest, semi_hard == NOBODY);
      if (negative != NOBODY) {
        let own = params.margin + 2.0 * (similarities[start + negative] - positive);
        loss += max(own, 0.0);
        count += 1.0;
        right += select(0.0, 1.0, positive > nearest);
        negative = select(NOBODY, negative, own > 0.0);
      }
    }
    chosen[start + p] = negative;
  }
  let all_losses = workgroup_sum(local.x, loss);
  let all_pairs = workgroup_sum(local.x, count);
  let all_right = workgroup_sum(local.x, right);
  if (local.x == 0u) {
    // Where a net has diverged, the loss has to tell.
    let own = similarities[start + anchor];
    losses[anchor] = select(own, all_losses, is_finite(own));
    pairs[anchor] = all_pairs;
    correct[anchor] = all_right;
  }
}
