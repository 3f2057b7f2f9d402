// (cos x, sin x) to about 2^-22 for |x| up to a few thousand; WGSL promises 2^-11 for its own, in [-pi, pi] alone. The angle less a
// multiple of pi / 2, which is taken off in three parts (Cody and Waite 1980), then the polynomials of Cephes (Moshier) for
// [-pi / 4, pi / 4].
fn cosine_sine(x: f32) -> vec2f {
  let quarters = round(x * 0.63661977);
  let r = ((x - quarters * 1.5703125) - quarters * 4.837513e-4) - quarters * 7.54979e-8;
  let square = r * r;
  let sine = r + r * square * (-1.6666654611e-1 + square * (8.3321608736e-3 - square * 1.9515295891e-4));
  let fourth = square * square;
  let cosine = 1.0 - 0.5 * square + fourth * (4.1666645683e-2 + square * (-1.3887316255e-3 + square * 2.443315711e-5));
  let turned = i32(quarters) & 3;
  let both = select(vec2f(cosine, sine), vec2f(-sine, cosine), (turned & 1) == 1);
  return select(both, -both, turned >= 2);
}
