// Four neighbouring elements of the gradient of what attention gave.
fn load_dy(at: u32) -> vec4f {
  return vec4f(f32(dy[at]), f32(dy[at + 1u]), f32(dy[at + 2u]), f32(dy[at + 3u])); //#vec4 return vec4f(dy[at / 4u]);
}

fn store_dqkv(at: u32, value: vec4f) {
  dqkv[at] = Stored(value.x); //#vec4 dqkv[at / 4u] = StoredElement(value);
  dqkv[at + 1u] = Stored(value.y); //#vec4 ;
  dqkv[at + 2u] = Stored(value.z); //#vec4 ;
  dqkv[at + 3u] = Stored(value.w); //#vec4 ;
}
