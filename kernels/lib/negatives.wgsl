// What LOSS stands for.
const NT_XENT = 0u;
const NT_LOGISTIC = 1u;
const MARGIN_TRIPLET = 2u;

// Whether a negative counts: with SEMI_HARD, where it is less similar to the anchor than the positive, by less than the
// margin (Schroff et al. 2015, section 3.2).
fn counts(similarity: f32, positive: f32) -> bool {
  return !SEMI_HARD || (similarity < positive && similarity > positive - params.margin);
}

// 1 / (1 + exp(-x)) without an exponential that overflows.
fn sigmoid(x: f32) -> f32 {
  let small = exp(-abs(x));
  return select(small, 1.0, x >= 0.0) / (1.0 + small);
}
