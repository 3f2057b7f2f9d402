// The k largest of each row: their columns in ascending order, and their values; of equal values the first ones count.
// The k-th largest is found digit by digit (radix select over 8-bit digits of the order-preserving bit pattern), with
// integer counts only, so the result is always the same. A workgroup a row.
//
// shape x: rows * cols
// shape indices: rows * k
// shape values: rows * k
// workgroups: rows
// flops: 0
//#include "lib/grid.wgsl"

const LANES: u32 = 64u;

struct Params {
  rows: u32,
  cols: u32,
  k: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> indices: array<u32>;
@group(0) @binding(2) var<storage, read_write> values: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

var<workgroup> counts: array<atomic<u32>, 256>;
var<workgroup> above: array<u32, LANES>;
var<workgroup> equal: array<u32, LANES>;

// An integer that grows with the value.
fn sort_key(value: f32) -> u32 {
  let bits = bitcast<u32>(value);
  return select(bits | 0x80000000u, ~bits, (bits & 0x80000000u) != 0u);
}

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
  let start = row * params.cols;

  // After each digit: the leading digits of the k-th largest, and how many of those with the same digits are wanted.
  var prefix = 0u;
  var wanted = params.k;
  for (var digit = 0u; digit < 4u; digit++) {
    let shift = 24u - 8u * digit;
    for (var bin = local.x; bin < 256u; bin += LANES) {
      atomicStore(&counts[bin], 0u);
    }
    workgroupBarrier();
    for (var c = local.x; c < params.cols; c += LANES) {
      let key = sort_key(x[start + c]);
      // Shifts of 32 are undefined: the first digit has no prefix to compare.
      if (digit == 0u || (key >> (shift + 8u)) == prefix) {
        atomicAdd(&counts[(key >> shift) & 255u], 1u);
      }
    }
    workgroupBarrier();
    var bin = 255u;
    var count = atomicLoad(&counts[bin]);
    while (count < wanted && bin > 0u) {
      wanted -= count;
      bin--;
      count = atomicLoad(&counts[bin]);
    }
    prefix = (prefix << 8u) | bin;
    workgroupBarrier();
  }

  // Every thread takes a run of columns, so that places follow from counts of the runs before.
  let run = (params.cols + LANES - 1u) / LANES;
  let begin = min(local.x * run, params.cols);
  let end = min(begin + run, params.cols);
  var own_above = 0u;
  var own_equal = 0u;
  for (var c = begin; c < end; c++) {
    let key = sort_key(x[start + c]);
    own_above += select(0u, 1u, key > prefix);
    own_equal += select(0u, 1u, key == prefix);
  }
  above[local.x] = own_above;
  equal[local.x] = own_equal;
  workgroupBarrier();
  var place = row * params.k;
  var seen = 0u;
  for (var lane = 0u; lane < local.x; lane++) {
    place += above[lane] + min(equal[lane], wanted - min(seen, wanted));
    seen += equal[lane];
  }
  for (var c = begin; c < end; c++) {
    let value = x[start + c];
    let key = sort_key(value);
    let taken = key > prefix || (key == prefix && seen < wanted);
    seen += select(0u, 1u, key == prefix);
    if (taken) {
      indices[place] = c;
      values[place] = value;
      place++;
    }
  }
}
