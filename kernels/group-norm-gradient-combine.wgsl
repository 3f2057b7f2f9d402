// Second pass of the gradient of group norm: adds up the runs of each image, in their order, and takes the means over each group
// that the gradient of x needs. `sums` holds [image, channel] sums of g * normalised x, then as many of g: dgamma and dbeta are
// those of all images (batch-norm-gradient-combine). `means` holds, for every channel of a group, the group's mean of
// gamma * g * normalised x, then of gamma * g. One thread a group of an image.
//
// shape parts: 2 * batch * runs * channels
// shape gamma: channels
// shape sums: 2 * batch * channels
// shape means: 2 * batch * channels
// workgroups: ceil(batch * groups / LANES)
// flops: 2 * batch * (runs + 2) * channels
//#include "lib/grid.wgsl"

const LANES: u32 = 64u;

struct Params {
  batch: u32,
  pixels: u32,
  channels: u32,
  groups: u32,
  // Runs of an image.
  runs: u32,
}

@group(0) @binding(0) var<storage, read> parts: array<f32>;
@group(0) @binding(1) var<storage, read> gamma: array<f32>;
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;
@group(0) @binding(3) var<storage, read_write> means: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let i = workgroup_index(group, grid) * LANES + local.x;
  if (i >= params.batch * params.groups) {
    return;
  }
  let image = i / params.groups;
  let width = params.channels / params.groups;
  let first = i % params.groups * width;
  let half = params.batch * params.channels;
  var normalized_total = 0.0;
  var total = 0.0;
  for (var c = first; c < first + width; c++) {
    var normalized_sum = 0.0;
    var sum = 0.0;
    for (var run = 0u; run < params.runs; run++) {
      let part = (image * params.runs + run) * params.channels + c;
      normalized_sum += parts[part];
      sum += parts[half * params.runs + part];
    }
    sums[image * params.channels + c] = normalized_sum;
    sums[half + image * params.channels + c] = sum;
    normalized_total = fma(gamma[c], normalized_sum, normalized_total);
    total = fma(gamma[c], sum, total);
  }
  let count = f32(params.pixels * width);
  for (var c = first; c < first + width; c++) {
    means[image * params.channels + c] = normalized_total / count;
    means[half + image * params.channels + c] = total / count;
  }
}
