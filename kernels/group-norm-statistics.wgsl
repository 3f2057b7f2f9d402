// First pass of the statistics of group norm: mean and sum of squared differences from it, of each run of ROWS pixels of an
// image and each channel, in blocks that are put together as in batch-norm-statistics. `parts` holds [run, channel] means, then
// as many sums of squares.
//
// shape x: batch * pixels * channels
// shape parts: 2 * batch * ceil(pixels / ROWS) * channels
// workgroups: batch * ceil(pixels / ROWS) * ceil(channels / (LANES * VECTOR))
// flops: 5 * batch * pixels * channels
//#include "lib/grid.wgsl"
//#include "lib/images.wgsl"
//#include "lib/element.wgsl"

const LANES: u32 = 64u;
const VECTOR: u32 = 1u;
// Pixels a thread goes through.
const ROWS: u32 = 64u;
const BLOCK = 8u;

struct Params {
  batch: u32,
  pixels: u32,
  channels: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Element>;
@group(0) @binding(1) var<storage, read_write> parts: array<Element>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let channels = params.channels / VECTOR;
  let tile = image_tile(workgroup_index(group, grid), local.x, LANES, params.pixels, channels, ROWS);
  if (tile.image >= params.batch || tile.channel >= channels) {
    return;
  }
  var count = 0.0;
  var mean = Element();
  var squares = Element();
  for (var row = tile.begin; row < tile.end; row += BLOCK) {
    var values: array<Element, BLOCK>;
    var sum = Element();
    //#unroll
    for (var r = 0u; r < BLOCK; r++) {
      // Past the end, the row before the end again, with no weight.
      values[r] = x[min(row + r, tile.end - 1u) * channels + tile.channel];
      sum += select(Element(), values[r], row + r < tile.end);
    }
    let more = f32(min(BLOCK, tile.end - row));
    let block_mean = sum / more;
    //#unroll
    for (var r = 0u; r < BLOCK; r++) {
      let difference = select(Element(), values[r] - block_mean, row + r < tile.end);
      squares = fma(difference, difference, squares);
    }
    let total = count + more;
    let step = block_mean - mean;
    mean += step * (more / total);
    squares += step * step * (count * more / total);
    count = total;
  }
  let runs = (params.pixels + ROWS - 1u) / ROWS;
  parts[tile.run * channels + tile.channel] = mean;
  parts[(params.batch * runs + tile.run) * channels + tile.channel] = squares;
}
