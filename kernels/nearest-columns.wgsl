// The largest of each row and its column, of a matrix that comes in panels of columns: of `count` rows, the first of which is row
// first_row, and of a panel that begins with column first_column. With `continues`, what the panels before gave is there, and goes on
// from there. Of equal ones the first column counts; where nothing can be compared (NaN), the column is 2^32 - 1. A workgroup a row.
//
// shape x: count * width
// shape values: rows
// shape columns: rows
// workgroups: count
// flops: 0
//#include "lib/grid.wgsl"

const LANES: u32 = 8u;
// Below every value, and finite: WGSL may assume that infinities never occur.
const LOWEST: f32 = -3.4e38;
const NO_COLUMN: u32 = 4294967295u;

struct Params {
  rows: u32,
  first_row: u32,
  count: u32,
  first_column: u32,
  width: u32,
  continues: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> values: array<f32>;
@group(0) @binding(2) var<storage, read_write> columns: array<u32>;
@group(0) @binding(3) var<uniform> params: Params;

var<workgroup> lane_values: array<f32, LANES>;
var<workgroup> lane_columns: array<u32, LANES>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let row = workgroup_index(group, grid);
  if (row >= params.count) {
    return;
  }
  let start = row * params.width;
  var largest = LOWEST;
  var nearest = NO_COLUMN;
  for (var c = local.x; c < params.width; c += LANES) {
    let value = x[start + c];
    if (value > largest) {
      largest = value;
      nearest = params.first_column + c;
    }
  }
  lane_values[local.x] = largest;
  lane_columns[local.x] = nearest;
  workgroupBarrier();
  if (local.x > 0u) {
    return;
  }
  let at = params.first_row + row;
  if (params.continues == 1u) {
    largest = values[at];
    nearest = columns[at];
  } else {
    largest = LOWEST;
    nearest = NO_COLUMN;
  }
  for (var lane = 0u; lane < LANES; lane++) {
    let value = lane_values[lane];
    // Lanes go through the columns side by side: of equal ones, the first can be anyone's.
    if (value > largest || (value == largest && lane_columns[lane] < nearest)) {
      largest = value;
      nearest = lane_columns[lane];
    }
  }
  values[at] = largest;
  columns[at] = nearest;
}
