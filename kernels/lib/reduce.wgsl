// Sum over the threads of a workgroup, a tree of fixed shape: the same bits every time. LANES is a power of two.
var<workgroup> reduced: array<f32, LANES>;

fn workgroup_sum(lane: u32, value: f32) -> f32 {
  workgroupBarrier();
  reduced[lane] = value;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (lane < half) {
      reduced[lane] += reduced[lane + half];
    }
    workgroupBarrier();
  }
  return reduced[0];
}
