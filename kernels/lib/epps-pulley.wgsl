// The knots t_k = k SPACING, k = 0..KNOTS, of the integral over [0, 3], and their weights: twice phi_k = exp(-t_k^2 / 2) times the
// spacing, for the even integrand is taken on one side, and half of that at the last. At the first, t_0 = 0, everything is 0.
const KNOTS = 16u;
const SPACING = 0.1875;

fn knot(k: u32) -> f32 {
  return f32(k) * SPACING;
}

// exp(-t_k^2 / 2).
fn normal_at(k: u32) -> f32 {
  let t = knot(k);
  return exp(-0.5 * t * t);
}

fn knot_weight(k: u32) -> f32 {
  return normal_at(k) * select(2.0 * SPACING, SPACING, k == KNOTS);
}

// (cos, sin) of the angle after this one: turned on by a step.
fn next_angle(at: vec2f, step: vec2f) -> vec2f {
  return vec2f(at.x * step.x - at.y * step.y, at.y * step.x + at.x * step.y);
}
