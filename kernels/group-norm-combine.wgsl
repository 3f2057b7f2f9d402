// Second pass of the statistics of group norm: puts the runs and the channels of each group of an image together (Chan, Golub
// and LeVeque 1979). `statistics` holds [image, channel] means, then as many 1 / sqrt(variance + EPSILON), with the biased
// variance: every channel has the values of its group, so that the passes over the map need not know the groups.
// One thread a group of an image.
//
// shape parts: 2 * batch * ceil(pixels / ROWS) * channels
// shape statistics: 2 * batch * channels
// workgroups: ceil(batch * groups / LANES)
// flops: 8 * batch * ceil(pixels / ROWS) * channels
//#include "lib/grid.wgsl"

const LANES: u32 = 64u;
// Pixels of a run, as in group-norm-statistics.
const ROWS: u32 = 64u;
const EPSILON: f32 = 0.00001;

struct Params {
  batch: u32,
  pixels: u32,
  channels: u32,
  groups: u32,
}

@group(0) @binding(0) var<storage, read> parts: array<f32>;
@group(0) @binding(1) var<storage, read_write> statistics: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

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
  let runs = (params.pixels + ROWS - 1u) / ROWS;
  let squares_at = params.batch * runs * params.channels;
  var count = 0.0;
  var mean = 0.0;
  var squares = 0.0;
  for (var run = 0u; run < runs; run++) {
    let more = f32(min(params.pixels - run * ROWS, ROWS));
    let part = (image * runs + run) * params.channels + first;
    for (var c = 0u; c < width; c++) {
      let difference = parts[part + c] - mean;
      let total = count + more;
      mean += difference * (more / total);
      squares += parts[squares_at + part + c] + difference * difference * (count * more / total);
      count = total;
    }
  }
  let inverse = inverseSqrt(squares / count + EPSILON);
  for (var c = 0u; c < width; c++) {
    let place = image * params.channels + first + c;
    statistics[place] = mean;
    statistics[params.batch * params.channels + place] = inverse;
  }
}
