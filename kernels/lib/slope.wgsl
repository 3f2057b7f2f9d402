// True where each anchor has one key that attracts it, a positive, and all others are negatives.
const ONE_POSITIVE: bool = false;
// True where what anchors have is the log-sum-exp of their negatives alone, of which each counts as much as its pull says.
const WEIGHTED: bool = false;

// Derivative of an anchor's loss, or weighted log-sum-exp, by the logit of a key of this kind, from the key's probability among the candidates of the anchor
// and the anchor's pull, as contrast-combine and nt-xent-combine leave it: where all that attracts it is one positive, what the
// probability of that one lacks, which takes the place of a difference from 1 that would be all rounding; elsewhere the negated
// reciprocal of the number of keys that attract; and of a log-sum-exp its weight.
fn slope(kind: u32, probability: f32, pull: f32) -> f32 {
  if (ONE_POSITIVE) {
    return select(probability, -pull, kind == POSITIVE);
  }
  if (WEIGHTED) {
    return select(0.0, probability * pull, kind == CONTRASTS);
  }
  let counts = (kind & CONTRASTS) != 0u && !(kind == POSITIVE && pull >= 0.0);
  return select(0.0, probability, counts) - select(0.0, abs(pull), (kind & ATTRACTS) != 0u);
}
