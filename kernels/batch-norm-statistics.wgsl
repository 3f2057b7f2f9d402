// First pass of the statistics of batch norm: mean and sum of squared differences from it, of each run of ROWS rows and
// each channel. The GROUPS strands of a workgroup take turns with the rows, BLOCK at a time: mean and squares of a block are
// exact enough to be put together (Chan, Golub and LeVeque 1979), where a sum of squares would cancel. `parts` holds
// [chunk, channel] means, then as many sums of squares.
//
// shape x: rows * channels
// shape parts: 2 * ceil(rows / ROWS) * channels
// workgroups: ceil(rows / ROWS) * ceil(channels / (LANES * VECTOR))
// flops: 5 * rows * channels
//#include "lib/grid.wgsl"
//#include "lib/channels.wgsl"
//#include "lib/element.wgsl"
//#include "lib/stored.wgsl"

const LANES: u32 = 64u;
const GROUPS: u32 = 1u;
const VECTOR: u32 = 1u;
// Rows a workgroup goes through.
const ROWS: u32 = 64u;
const BLOCK = 8u;
//#include "lib/strands.wgsl"

struct Params {
  rows: u32,
  channels: u32,
}

@group(0) @binding(0) var<storage, read> x: array<StoredElement>;
@group(0) @binding(1) var<storage, read_write> parts: array<Element>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(LANES, GROUPS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let channels = params.channels / VECTOR;
  let tile = channel_tile(workgroup_index(group, grid), local.x, LANES, params.rows, channels, ROWS);
  // Past the last channel, that one again: every thread has to come to the barriers.
  let channel = min(tile.channel, channels - 1u);
  var count = 0.0;
  var mean = Element();
  var squares = Element();
  for (var row = tile.begin + local.y * BLOCK; row < tile.end; row += GROUPS * BLOCK) {
    var values: array<Element, BLOCK>;
    var sum = Element();
    //#unroll
    for (var r = 0u; r < BLOCK; r++) {
      // Past the end, the row before the end again, with no weight.
      values[r] = Element(x[min(row + r, tile.end - 1u) * channels + channel]);
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
  let all = strand_sum(local.x, local.y, count * mean) / f32(tile.end - tile.begin);
  let apart = mean - all;
  let total_squares = strand_sum(local.x, local.y, fma(count * apart, apart, squares));
  if (local.y > 0u || tile.begin >= params.rows || tile.channel >= channels) {
    return;
  }
  let chunks = (params.rows + ROWS - 1u) / ROWS;
  parts[tile.chunk * channels + channel] = all;
  parts[(chunks + tile.chunk) * channels + channel] = total_squares;
}
