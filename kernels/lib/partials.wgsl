// What `partials` holds of an anchor and a run of keys: of the negatives, the largest logit and the sum of exp(logit - largest); of
// the positives, the same; of the keys that attract and do not contrast, the largest logit; of all that attract, the sum of their
// logits and their number. The last five are there only where some key attracts.
const LARGEST = 0u;
const SUM = 1u;
const POSITIVE_LARGEST = 2u;
const POSITIVE_SUM = 3u;
const ATTRACTED_LARGEST = 4u;
const TOTAL = 5u;
const COUNT = 6u;
// Below every logit, and finite: WGSL may assume that infinities never occur.
const LOWEST: f32 = -1e30;

// Two largest logits and sums of exponentials relative to them, put together.
fn merged(a: vec2f, b: vec2f) -> vec2f {
  let most = max(a.x, b.x);
  return vec2f(most, a.y * exp(a.x - most) + b.y * exp(b.x - most));
}

fn is_largest(part: u32) -> bool {
  return part == LARGEST || part == POSITIVE_LARGEST || part == ATTRACTED_LARGEST;
}
