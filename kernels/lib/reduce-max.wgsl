// Largest value of the threads of a workgroup; needs lib/reduce.wgsl.
fn workgroup_max(lane: u32, value: f32) -> f32 {
  workgroupBarrier();
  reduced[lane] = value;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (lane < half) {
      reduced[lane] = max(reduced[lane], reduced[lane + half]);
    }
    workgroupBarrier();
  }
  return reduced[0];
}
