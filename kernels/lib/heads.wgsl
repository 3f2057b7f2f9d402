// Below every score, and finite: WGSL may assume that infinities never occur.
const LOWEST: f32 = -1e30;

// Four neighbouring elements of the queries, keys and values.
fn load_qkv(at: u32) -> vec4f {
  return vec4f(f32(qkv[at]), f32(qkv[at + 1u]), f32(qkv[at + 2u]), f32(qkv[at + 3u])); //#vec4 return vec4f(qkv[at / 4u]);
}

// Over the lanes of a workgroup that is one subgroup, or one thread.
fn largest_of_lanes(value: f32) -> f32 {
  return value; //#subgroups return subgroupMax(value);
}

fn sum_of_lanes(value: f32) -> f32 {
  return value; //#subgroups return subgroupAdd(value);
}
