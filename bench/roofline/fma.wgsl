// What the adapter's arithmetic gives at most: every thread runs ACCUMULATORS independent chains of fused multiply-adds,
// s = m * s + c, with nothing but registers in the loop. The chains are scalar ones, four to a vec4f: a GPU and a SIMD
// processor take a vec4f apart. `factors` holds m and c, which the compiler does not know; with m = 1/2 and c = 1 all sums
// stay near 2.
//
// shape factors: 2
// shape y: threads
// workgroups: ceil(threads / LANES)
// flops: 2 * 4 * ACCUMULATORS * iterations * threads
//#include "lib/grid.wgsl"

const LANES: u32 = 64u;
// 8, 16 or 32.
const ACCUMULATORS: u32 = 16u;

struct Params {
  threads: u32,
  iterations: u32,
}

@group(0) @binding(0) var<storage, read> factors: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

// Four links of four chains: the loop's own counting costs little beside them.
fn links(s: vec4f, m: vec4f, c: vec4f) -> vec4f {
  return fma(fma(fma(fma(s, m, c), m, c), m, c), m, c);
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let i = workgroup_index(group, grid) * LANES + local.x;
  if (i >= params.threads) {
    return;
  }
  let m = vec4f(factors[0]);
  let c = vec4f(factors[1]);
  var s0 = vec4f(1.0, 1.1, 1.2, 1.3);
  var s1 = s0 + 0.4;
  var s2 = s0 + 0.8;
  var s3 = s0 + 1.2;
  var s4 = s0 + 1.6;
  var s5 = s0 + 2.0;
  var s6 = s0 + 2.4;
  var s7 = s0 + 2.8;
  for (var n = 0u; n < params.iterations; n++) {
    s0 = links(s0, m, c);
    s1 = links(s1, m, c);
    if (ACCUMULATORS > 8u) {
      s2 = links(s2, m, c);
      s3 = links(s3, m, c);
    }
    if (ACCUMULATORS > 16u) {
      s4 = links(s4, m, c);
      s5 = links(s5, m, c);
      s6 = links(s6, m, c);
      s7 = links(s7, m, c);
    }
  }
  // All of them, so that none is left out.
  let sum = s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7;
  y[i] = sum.x + sum.y + sum.z + sum.w;
}
