// Sum over the GROUPS strands of LANES threads that a workgroup is made of, lane by lane, a tree of fixed shape: the same bits
// every time. GROUPS is a power of two. A single strand has the sum already, and needs neither memory nor barriers.
var<workgroup> strands: array<Element, LANES * GROUPS>;

fn strand_sum(lane: u32, strand: u32, value: Element) -> Element {
  if (GROUPS == 1u) {
    return value;
  }
  workgroupBarrier();
  strands[strand * LANES + lane] = value;
  workgroupBarrier();
  for (var half = GROUPS / 2u; half > 0u; half /= 2u) {
    if (strand < half) {
      strands[strand * LANES + lane] += strands[(strand + half) * LANES + lane];
    }
    workgroupBarrier();
  }
  return strands[lane];
}
