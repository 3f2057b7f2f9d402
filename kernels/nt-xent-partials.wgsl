// First pass of NT-Xent (Chen et al. 2020, equation 1) on normalised embeddings z: the logits
// s[i, j] = z[i] . z[j] / temperature are computed in tiles and never stored. Of the negatives of each row i, that is all
// columns but i and its positive, in each of `splits` runs of columns, only the largest logit and the sum of
// exp(s[i, j] - largest) are kept, by a running maximum and a sum that is scaled when the maximum moves (Milakov and
// Gimelshein 2018); and the logit of the positive.
//
// A thread holds a tile of ROWS x COLS logits in registers. `columns` is z transposed, so that neighbouring threads read
// neighbouring elements; all of a workgroup read the same elements of z.
//
// shape z: rows * dim
// shape columns: rows * dim
// shape largest: splits * rows
// shape sums: splits * rows
// shape positives: rows
// workgroups: ceil(rows / ROWS) * splits
// flops: 2 * rows * rows * dim
//#include "lib/grid.wgsl"
//#include "lib/contrast.wgsl"
//#include "lib/logits.wgsl"

const LANES: u32 = 8u;
const ROWS: u32 = 8u;
const COLS: u32 = 8u;
// Below every logit, and finite: WGSL may assume that infinities never occur.
const LOWEST: f32 = -1e30;

struct Params {
  rows: u32,
  dim: u32,
  splits: u32,
  inverse_temperature: f32,
}

@group(0) @binding(0) var<storage, read> z: array<f32>;
@group(0) @binding(1) var<storage, read> columns: array<f32>;
@group(0) @binding(2) var<storage, read_write> largest: array<f32>;
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;
@group(0) @binding(4) var<storage, read_write> positives: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

var<workgroup> lane_largest: array<f32, ROWS * LANES>;
var<workgroup> lane_sums: array<f32, ROWS * LANES>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let row_blocks = (params.rows + ROWS - 1u) / ROWS;
  let index = workgroup_index(group, grid);
  let first_row = index % row_blocks * ROWS;
  let split = index / row_blocks;
  if (split >= params.splits) {
    return;
  }
  let tiles = (params.rows + LANES * COLS - 1u) / (LANES * COLS);
  let tiles_per_split = (tiles + params.splits - 1u) / params.splits;
  let tile_end = min(tiles, (split + 1u) * tiles_per_split);

  var row_largest: array<f32, ROWS>;
  var row_sums: array<f32, ROWS>;
  for (var r = 0u; r < ROWS; r++) {
    row_largest[r] = LOWEST;
    row_sums[r] = 0.0;
  }
  for (var tile = split * tiles_per_split; tile < tile_end; tile++) {
    let first_column = tile * LANES * COLS + local.x;
    let logits = logit_tile(first_row, first_column);
    for (var r = 0u; r < ROWS; r++) {
      let row = first_row + r;
      let positive = positive_of(row, params.rows);
      var now = row_largest[r];
      for (var c = 0u; c < COLS; c++) {
        let column = first_column + c * LANES;
        let logit = logits[r][c];
        now = select(now, max(now, logit), column < params.rows && column != row && column != positive);
        if (column == positive && row < params.rows) {
          positives[row] = logit;
        }
      }
      var sum = row_sums[r] * exp(row_largest[r] - now);
      for (var c = 0u; c < COLS; c++) {
        let column = first_column + c * LANES;
        let negative = column < params.rows && column != row && column != positive;
        sum += select(0.0, exp(min(logits[r][c] - now, 0.0)), negative);
      }
      row_sums[r] = sum;
      row_largest[r] = now;
    }
  }

  for (var r = 0u; r < ROWS; r++) {
    lane_largest[r * LANES + local.x] = row_largest[r];
    lane_sums[r * LANES + local.x] = row_sums[r];
  }
  workgroupBarrier();
  for (var r = local.x; r < ROWS; r += LANES) {
    var now = LOWEST;
    for (var lane = 0u; lane < LANES; lane++) {
      now = max(now, lane_largest[r * LANES + lane]);
    }
    var sum = 0.0;
    for (var lane = 0u; lane < LANES; lane++) {
      sum += lane_sums[r * LANES + lane] * exp(lane_largest[r * LANES + lane] - now);
    }
    if (first_row + r < params.rows) {
      largest[split * params.rows + first_row + r] = now;
      sums[split * params.rows + first_row + r] = sum;
    }
  }
}
