// Histogram of the cosine distances x = 1 - s of each row of similarities s, on a scale of logarithms: a bin is what the exponent and the
// first 4 bits of the mantissa of f32 say, 16 an octave from 2^-24 up, and smaller distances are in the first. Integers only, so that
// the result is always the same. Row r leaves out column own[r], and counts nothing where that is 2^32 - 1. A workgroup a row.
//
// shape similarities: rows * cols
// shape own: rows
// shape counts: rows * BINS
// workgroups: rows
// flops: 0
//#include "lib/grid.wgsl"

const LANES: u32 = 64u;
const BINS: u32 = 416u;
// Of 2^-24, shifted as below.
const FIRST: u32 = 1648u;
const NO_COLUMN: u32 = 4294967295u;

struct Params {
  rows: u32,
  cols: u32,
}

@group(0) @binding(0) var<storage, read> similarities: array<f32>;
@group(0) @binding(1) var<storage, read> own: array<u32>;
@group(0) @binding(2) var<storage, read_write> counts: array<u32>;
@group(0) @binding(3) var<uniform> params: Params;

var<workgroup> bins: array<atomic<u32>, BINS>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let row = workgroup_index(group, grid);
  if (row >= params.rows) {
    return;
  }
  for (var bin = local.x; bin < BINS; bin += LANES) {
    atomicStore(&bins[bin], 0u);
  }
  workgroupBarrier();
  let left_out = own[row];
  let end = select(params.cols, 0u, left_out == NO_COLUMN);
  for (var c = local.x; c < end; c += LANES) {
    // Not below 2^-24: rounding takes products of equal rows to 1 and beyond.
    let distance = max(1.0 - similarities[row * params.cols + c], 5.9604645e-8);
    let bin = min((bitcast<u32>(distance) >> 19u) - FIRST, BINS - 1u);
    if (c != left_out) {
      atomicAdd(&bins[bin], 1u);
    }
  }
  workgroupBarrier();
  for (var bin = local.x; bin < BINS; bin += LANES) {
    counts[row * BINS + bin] = atomicLoad(&bins[bin]);
  }
}
