// NaN in place of a value that was computed from an index out of range, so that nothing made of it passes for a result. Made of its
// bits: WGSL has no literal for NaN, and a compiler may take it that none occurs.
fn poisoned(value: f32, is_wrong: bool) -> f32 {
  return bitcast<f32>(select(bitcast<u32>(value), 0x7fc00000u, is_wrong));
}
