// First pass of the sums of columns: of each run of ROWS rows, with which the GROUPS strands of a workgroup take turns.
// sum-splits adds the runs up.
//
// shape x: rows * channels
// shape parts: ceil(rows / ROWS) * channels
// workgroups: ceil(rows / ROWS) * ceil(channels / (LANES * VECTOR))
// flops: rows * channels
//#include "lib/grid.wgsl"
//#include "lib/channels.wgsl"
//#include "lib/element.wgsl"
//#include "lib/stored.wgsl"

const LANES: u32 = 64u;
const GROUPS: u32 = 1u;
const VECTOR: u32 = 1u;
// Rows a workgroup goes through.
const ROWS: u32 = 64u;
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
  var sum = Element();
  for (var row = tile.begin + local.y; row < tile.end; row += GROUPS) {
    sum += Element(x[row * channels + channel]);
  }
  let total = strand_sum(local.x, local.y, sum);
  if (local.y == 0u && tile.begin < params.rows && tile.channel < channels) {
    parts[tile.chunk * channels + channel] = total;
  }
}
