// The factors before the columns in the gradient of the contrastive losses (see contrast-gradient), in place of the cosine
// similarities of a run of `count` rows from first_row on and a panel of columns; for dimensions that are too many for that kernel.
//
// shape factors: count * width
// shape anchors: 3 * rows
// shape marks: (1 + TIMED) * rows
// shape column_anchors: 3 * column_rows
// shape column_marks: (1 + TIMED) * column_rows
// workgroups: ceil(count * width / LANES)
// flops: (3 + 5 * (ROW_ANCHORS + COLUMN_ANCHORS)) * count * width
//#include "lib/grid.wgsl"
//#include "lib/panels.wgsl"
//#include "lib/relations.wgsl"
//#include "lib/slope.wgsl"

const ROW_ANCHORS: bool = true;
const COLUMN_ANCHORS: bool = true;
const LANES: u32 = 64u;

struct Params {
  rows: u32,
  first_row: u32,
  count: u32,
  column_rows: u32,
  first_column: u32,
  width: u32,
  same_block: u32,
  inverse_temperature: f32,
}

@group(0) @binding(0) var<storage, read_write> factors: array<f32>;
@group(0) @binding(1) var<storage, read> anchors: array<f32>;
@group(0) @binding(2) var<storage, read> marks: array<u32>;
@group(0) @binding(3) var<storage, read> column_anchors: array<f32>;
@group(0) @binding(4) var<storage, read> column_marks: array<u32>;
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let i = workgroup_index(group, grid) * LANES + local.x;
  if (i >= params.count * params.width) {
    return;
  }
  let row = params.first_row + i / params.width;
  let column = i % params.width;
  let at = params.first_column + column;
  let kind = relation(mark_of(row), column_mark(at));
  let logit = factors[i] * params.inverse_temperature;
  var factor = 0.0;
  if (ROW_ANCHORS) {
    factor = slope(kind, exp(logit - anchors[params.rows + row]), anchors[2u * params.rows + row]);
  }
  if (COLUMN_ANCHORS) {
    let lse = column_anchors[params.column_rows + at];
    factor += slope(kind, exp(logit - lse), column_anchors[2u * params.column_rows + at]);
  }
  factors[i] = select(factor, 0.0, column == place_in_panel(row, params.first_column, params.same_block));
}
