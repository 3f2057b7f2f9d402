// A row of samples at other places: y[o, i, c] = sum_j w[i, j] * x[o, j, c], by cubic convolution (Keys 1981, with a = -0.75, as
// PyTorch's bicubic interpolation has it without aligned corners). With GRADIENT, its transpose: y[o, j, c] = sum_i w[i, j] * x[o, i, c].
//
// shape x: outer * from_samples * channels
// shape y: outer * to_samples * channels
// workgroups: ceil(outer * to_samples * channels / LANES)
// flops: 2 * outer * to_samples * from_samples * channels
//#include "lib/grid.wgsl"

const LANES: u32 = 64u;
const GRADIENT: bool = false;

struct Params {
  outer: u32,
  from_samples: u32,
  to_samples: u32,
  channels: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

// The cubic at this distance from a sample.
fn cubic(distance: f32) -> f32 {
  let d = abs(distance);
  let near = fma(fma(1.25, d, -2.25), d * d, 1.0);
  let far = fma(fma(fma(-0.75, d, 3.75), d, -6.0), d, 3.0);
  return select(0.0, select(far, near, d <= 1.0), d < 2.0);
}

// What a sample of `samples` counts for sample `to` of so many others. Samples past the ends repeat the last ones.
fn weight(to: u32, others: u32, sample: u32, samples: u32) -> f32 {
  let place = (f32(to) + 0.5) * (f32(samples) / f32(others)) - 0.5;
  let first = i32(floor(place)) - 1;
  var sum = 0.0;
  for (var tap = 0; tap < 4; tap++) {
    let at = first + tap;
    if (u32(clamp(at, 0, i32(samples) - 1)) == sample) {
      sum += cubic(place - f32(at));
    }
  }
  return sum;
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let i = workgroup_index(group, grid) * LANES + local.x;
  if (i >= params.outer * params.to_samples * params.channels) {
    return;
  }
  let channel = i % params.channels;
  let to = i / params.channels % params.to_samples;
  let begin = i / params.channels / params.to_samples * params.from_samples;
  var sum = 0.0;
  for (var sample = 0u; sample < params.from_samples; sample++) {
    var share: f32;
    if (GRADIENT) {
      share = weight(sample, params.from_samples, to, params.to_samples);
    } else {
      share = weight(to, params.to_samples, sample, params.from_samples);
    }
    sum = fma(share, x[(begin + sample) * params.channels + channel], sum);
  }
  y[i] = sum;
}
