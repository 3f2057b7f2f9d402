// Random numbers from a counter: the same four words always give the same four words (PCG4D of Jarzynski and Olano 2020,
// "Hash functions for GPU rendering").
fn random_words(counter: vec4u) -> vec4u {
  var v = counter * 1664525u + 1013904223u;
  v.x += v.y * v.w;
  v.y += v.z * v.x;
  v.z += v.x * v.y;
  v.w += v.y * v.z;
  v ^= v >> vec4u(16u);
  v.x += v.y * v.w;
  v.y += v.z * v.x;
  v.z += v.x * v.y;
  v.w += v.y * v.z;
  return v;
}

// Four numbers in [0, 1), multiples of 2^-24.
fn random_uniform(counter: vec4u) -> vec4f {
  return vec4f(random_words(counter) >> vec4u(8u)) * (1.0 / 16777216.0);
}
