// First pass of NT-Xent (Chen et al. 2020, equation 1), on a panel of columns: the logits
// s[i, j] = z[i] . z[j] / (|z[i]| |z[j]| temperature) are computed in tiles and never stored. Of the negatives of each row i, that
// is all columns but i and its positive, in each of `splits` runs of the panel's columns, only the largest logit and the sum of
// exp(s[i, j] - largest) are kept, by a running maximum and a sum that is scaled when the maximum moves (Milakov and
// Gimelshein 2018). With `continues`, those of the panels before are in `largest` and `sums` already and go on from there.
//
// `columns` holds rows of length 1, transposed: see nt-xent-columns. A thread holds a tile of ROWS x COLS logits in registers;
// with SHARE above 1, the workgroup has to be one subgroup (SHARE = LANES).
//
// shape z: rows * dim
// shape anchors: 3 * rows
// shape columns: dim * 4 * ceil(width / 4)
// shape largest: splits * rows
// shape sums: splits * rows
// workgroups: ceil(rows / ROWS) * splits
// flops: 2 * rows * width * dim
// bytes: 4 * (ceil(rows / ROWS) * ceil(width / (COLS * LANES)) * (dim * (ROWS + COLS * LANES) + ROWS) + 2 * (1 + continues) * splits * rows)
//#include "lib/grid.wgsl"
//#include "lib/contrast.wgsl"
//#include "lib/share.wgsl"
//#include "lib/logits.wgsl"

const LANES: u32 = 8u;
// A multiple of SHARE.
const ROWS: u32 = 8u;
const COLS: u32 = 8u;
const SHARE: u32 = 1u;
const OWN = ROWS / SHARE;
// Neighbouring columns that a thread loads at once, 1 or 4.
const VECTOR: u32 = 1u;
const VECTORS = COLS / VECTOR;
// A tile is gone through ROWS_AT_ONCE rows a round, picked by comparing, to keep the code short.
const ROUNDS = min(ROWS, 16u);
const ROWS_AT_ONCE = ROWS / ROUNDS;
// Below every logit, and finite: WGSL may assume that infinities never occur.
const LOWEST: f32 = -1e30;

struct Params {
  rows: u32,
  dim: u32,
  first_column: u32,
  width: u32,
  same_block: u32,
  splits: u32,
  continues: u32,
  inverse_temperature: f32,
}

@group(0) @binding(0) var<storage, read> z: array<f32>;
@group(0) @binding(1) var<storage, read> anchors: array<f32>;
@group(0) @binding(2) var<storage, read> columns: array<f32>; //#vec4 @group(0) @binding(2) var<storage, read> columns: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> largest: array<f32>;
@group(0) @binding(4) var<storage, read_write> sums: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

// Every thread touches only its own elements until the end, and to the end where the workgroup is one subgroup.
var<workgroup> lane_largest: array<f32, ROWS * LANES>;
var<workgroup> lane_sums: array<f32, ROWS * LANES>;

fn largest_of(r: u32) -> f32 {
  var now = LOWEST;
  for (var lane = 0u; lane < LANES; lane++) {
    now = max(now, lane_largest[r * LANES + lane]);
  }
  return now;
}

fn sum_of(r: u32, now: f32) -> f32 {
  var sum = 0.0;
  for (var lane = 0u; lane < LANES; lane++) {
    sum += lane_sums[r * LANES + lane] * exp(lane_largest[r * LANES + lane] - now);
  }
  return sum;
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  //#subgroups @builtin(subgroup_invocation_id) subgroup_lane: u32,
) {
  // Where lanes share, all threads are one subgroup, and have its order, whatever that is.
  let own_lane = local.x; //#subgroups let own_lane = subgroup_lane;
  let row_blocks = (params.rows + ROWS - 1u) / ROWS;
  let index = workgroup_index(group, grid);
  let first_row = index % row_blocks * ROWS;
  let split = index / row_blocks;
  if (split >= params.splits) {
    return;
  }
  let tiles = (params.width + LANES * COLS - 1u) / (LANES * COLS);
  let tiles_per_split = (tiles + params.splits - 1u) / params.splits;
  let tile_end = min(tiles, (split + 1u) * tiles_per_split);

  for (var r = 0u; r < ROWS; r++) {
    lane_largest[r * LANES + own_lane] = LOWEST;
    lane_sums[r * LANES + own_lane] = 0.0;
  }
  for (var tile = split * tiles_per_split; tile < tile_end; tile++) {
    let tile_start = tile * LANES * COLS;
    let similarities = similarity_tile(first_row, tile_start, own_lane);
    for (var round = 0u; round < ROUNDS; round++) {
      //#unroll
      for (var i = 0u; i < ROWS_AT_ONCE; i++) {
        let r = round * ROWS_AT_ONCE + i;
        let row = min(first_row + r, params.rows - 1u);
        let scale = anchors[row] * params.inverse_temperature;
        let itself = place_in_panel(row, params.first_column, params.same_block);
        let positive = place_in_panel(positive_of(row, params.rows), params.first_column, params.same_block);
        let before = lane_largest[r * LANES + own_lane];
        var now = before;
        var logits: array<f32, COLS>;
        var negative: array<bool, COLS>;
        //#unroll
        for (var c = 0u; c < COLS; c++) {
          let column = column_of(tile_start, c, own_lane);
          var similarity = 0.0;
          //#unroll
          for (var q = 0u; q < ROUNDS; q++) {
            similarity = select(similarity, similarities[q * ROWS_AT_ONCE + i][c], q == round);
          }
          logits[c] = similarity * scale;
          negative[c] = column < params.width && column != itself && column != positive;
          now = select(now, max(now, logits[c]), negative[c]);
        }
        var sum = lane_sums[r * LANES + own_lane] * exp(before - now);
        //#unroll
        for (var c = 0u; c < COLS; c++) {
          sum += select(0.0, exp(min(logits[c] - now, 0.0)), negative[c]);
        }
        lane_largest[r * LANES + own_lane] = now;
        lane_sums[r * LANES + own_lane] = sum;
      }
    }
  }

  workgroupBarrier(); //#subgroups ;
  let row_count = min(ROWS, params.rows - first_row);
  for (var r = 0u; r < row_count; r++) {
    let own_largest = lane_largest[r * LANES + own_lane];
    let now = largest_of(r); //#subgroups let now = subgroupMax(own_largest);
    let own_sum = lane_sums[r * LANES + own_lane] * exp(own_largest - now);
    let sum = sum_of(r, now); //#subgroups let sum = subgroupAdd(own_sum);
    if (own_lane == 0u) {
      let at = split * params.rows + first_row + r;
      var most = now;
      var total = sum;
      if (params.continues == 1u) {
        let before = largest[at];
        most = max(now, before);
        total = sum * exp(now - most) + sums[at] * exp(before - most);
      }
      largest[at] = most;
      sums[at] = total;
    }
  }
}
