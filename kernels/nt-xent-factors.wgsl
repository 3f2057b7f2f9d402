// The factors before the columns in NT-Xent's gradient (see nt-xent-gradient), in place of the cosine similarities of a run of
// `count` rows from first_row on and a panel of columns; for dimensions that are too many for that kernel.
//
// shape factors: count * width
// shape anchors: 3 * rows
// shape column_anchors: 3 * column_rows
// workgroups: ceil(count * width / LANES)
// flops: 8 * count * width
//#include "lib/grid.wgsl"
//#include "lib/contrast.wgsl"

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
@group(0) @binding(2) var<storage, read> column_anchors: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

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
  let row_lse = anchors[params.rows + row];
  let lack = anchors[2u * params.rows + row];
  let column_lse = column_anchors[params.column_rows + params.first_column + column];
  let logit = factors[i] * params.inverse_temperature;
  let probabilities = exp(logit - row_lse) + exp(logit - column_lse);
  let positive = place_in_panel(positive_of(row, params.rows), params.first_column, params.same_block);
  let factor = select(probabilities, -lack, column == positive);
  factors[i] = select(factor, 0.0, column == place_in_panel(row, params.first_column, params.same_block));
}
