// First pass of the contrastive losses (see src/losses/contrast.ts) for anchors and a panel of keys: the logits
// s[i, j] = z[i] . z[j] / (|z[i]| |z[j]| temperature) are computed in tiles and never stored. Of each anchor i, in each of `splits`
// runs of the panel's columns, only what lib/partials.wgsl lists is kept, by a running maximum and a sum that is scaled when the
// maximum moves (Milakov and Gimelshein 2018). With `continues`, what the panels before gave is in `partials` already and goes on
// from there. PARTS is 7, or 2 where no key of any panel attracts.
//
// `columns` holds keys of length 1, transposed: see contrast-columns. A thread holds a tile of ROWS x COLS logits in registers;
// with SHARE above 1, the workgroup has to be one subgroup (SHARE = LANES).
//
// shape z: rows * dim
// shape anchors: 3 * rows
// shape marks: (1 + TIMED) * rows
// shape columns: dim * 4 * ceil(width / 4)
// shape column_marks: (1 + TIMED) * column_rows
// shape partials: PARTS * splits * rows
// workgroups: ceil(rows / ROWS) * splits
// flops: 2 * rows * width * dim
// bytes: 4 * (ceil(rows / ROWS) * ceil(width / (COLS * LANES)) * (dim * (ROWS + COLS * LANES) + ROWS + (1 + TIMED) * (ROWS + COLS * LANES)) + (2 + 5 * max(SAME % 2, OTHER % 2, BEYOND % 2)) * (1 + continues) * splits * rows)
//#include "lib/grid.wgsl"
//#include "lib/panels.wgsl"
//#include "lib/relations.wgsl"
//#include "lib/partials.wgsl"
//#include "lib/keep.wgsl"
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
const PARTS: u32 = 2u;
// Of the parts, those that change here.
const HELD = 2u + 5u * ATTRACTING;

struct Params {
  rows: u32,
  dim: u32,
  column_rows: u32,
  first_column: u32,
  width: u32,
  same_block: u32,
  splits: u32,
  continues: u32,
  inverse_temperature: f32,
}

@group(0) @binding(0) var<storage, read> z: array<f32>;
@group(0) @binding(1) var<storage, read> anchors: array<f32>;
@group(0) @binding(2) var<storage, read> marks: array<u32>;
@group(0) @binding(3) var<storage, read> columns: array<f32>; //#vec4 @group(0) @binding(3) var<storage, read> columns: array<vec4f>;
@group(0) @binding(4) var<storage, read> column_marks: array<u32>;
@group(0) @binding(5) var<storage, read_write> partials: array<f32>;
@group(0) @binding(6) var<uniform> params: Params;

// Every thread touches only its own elements until the end, and to the end where the workgroup is one subgroup.
var<workgroup> lane_parts: array<f32, HELD * ROWS * LANES>;

fn lane_place(part: u32, r: u32, lane: u32) -> u32 {
  return (part * ROWS + r) * LANES + lane;
}

fn largest_of(part: u32, r: u32) -> f32 {
  var now = LOWEST;
  for (var lane = 0u; lane < LANES; lane++) {
    now = max(now, lane_parts[lane_place(part, r, lane)]);
  }
  return now;
}

// Of the part behind that of the largest logits.
fn sum_of(part: u32, r: u32, now: f32) -> f32 {
  var sum = 0.0;
  for (var lane = 0u; lane < LANES; lane++) {
    sum += lane_parts[lane_place(part + 1u, r, lane)] * exp(lane_parts[lane_place(part, r, lane)] - now);
  }
  return sum;
}

fn total_of(part: u32, r: u32) -> f32 {
  var sum = 0.0;
  for (var lane = 0u; lane < LANES; lane++) {
    sum += lane_parts[lane_place(part, r, lane)];
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

  for (var i = 0u; i < HELD * ROWS; i++) {
    lane_parts[i * LANES + own_lane] = select(0.0, LOWEST, is_largest(i / ROWS));
  }
  for (var tile = split * tiles_per_split; tile < tile_end; tile++) {
    let tile_start = tile * LANES * COLS;
    let similarities = similarity_tile(first_row, tile_start, own_lane);
    var key_marks: array<vec2u, COLS>;
    //#unroll
    for (var c = 0u; c < COLS; c++) {
      key_marks[c] = column_mark(params.first_column + min(column_of(tile_start, c, own_lane), params.width - 1u));
    }
    for (var round = 0u; round < ROUNDS; round++) {
      //#unroll
      for (var i = 0u; i < ROWS_AT_ONCE; i++) {
        let r = round * ROWS_AT_ONCE + i;
        let row = min(first_row + r, params.rows - 1u);
        let scale = anchors[row] * params.inverse_temperature;
        let mark = mark_of(row);
        let itself = place_in_panel(row, params.first_column, params.same_block);
        let before = lane_parts[lane_place(LARGEST, r, own_lane)];
        var now = before;
        var logits: array<f32, COLS>;
        var kinds: array<u32, COLS>;
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
          let kind = relation(mark, key_marks[c]);
          // Where keys of the same group are ignored, so is the anchor itself.
          let is_key = column < params.width && (SAME == 0u || column != itself);
          negative[c] = is_key && kind == CONTRASTS;
          kinds[c] = select(0u, kind, is_key);
          now = select(now, max(now, logits[c]), negative[c]);
        }
        var positive_now = LOWEST;
        if (ATTRACTING == 1u) {
          positive_now = lane_parts[lane_place(POSITIVE_LARGEST, r, own_lane)];
          var attracted = lane_parts[lane_place(ATTRACTED_LARGEST, r, own_lane)];
          var total = lane_parts[lane_place(TOTAL, r, own_lane)];
          var count = lane_parts[lane_place(COUNT, r, own_lane)];
          //#unroll
          for (var c = 0u; c < COLS; c++) {
            positive_now = select(positive_now, max(positive_now, logits[c]), kinds[c] == POSITIVE);
            attracted = select(attracted, max(attracted, logits[c]), kinds[c] == ATTRACTS);
            total += select(0.0, logits[c], (kinds[c] & ATTRACTS) != 0u);
            count += f32(kinds[c] & ATTRACTS);
          }
          lane_parts[lane_place(ATTRACTED_LARGEST, r, own_lane)] = attracted;
          lane_parts[lane_place(TOTAL, r, own_lane)] = total;
          lane_parts[lane_place(COUNT, r, own_lane)] = count;
        }
        var sum = lane_parts[lane_place(SUM, r, own_lane)] * exp(before - now);
        var positive_sum = 0.0;
        //#unroll
        for (var c = 0u; c < COLS; c++) {
          let positive = ATTRACTING == 1u && kinds[c] == POSITIVE;
          // The exponential serves either sum.
          let share = exp(min(logits[c] - select(now, positive_now, positive), 0.0));
          sum += select(0.0, share, negative[c]);
          positive_sum += select(0.0, share, positive);
        }
        lane_parts[lane_place(LARGEST, r, own_lane)] = now;
        lane_parts[lane_place(SUM, r, own_lane)] = sum;
        if (ATTRACTING == 1u) {
          let positive_before = lane_parts[lane_place(POSITIVE_LARGEST, r, own_lane)];
          positive_sum += lane_parts[lane_place(POSITIVE_SUM, r, own_lane)] * exp(positive_before - positive_now);
          lane_parts[lane_place(POSITIVE_LARGEST, r, own_lane)] = positive_now;
          lane_parts[lane_place(POSITIVE_SUM, r, own_lane)] = positive_sum;
        }
      }
    }
  }

  workgroupBarrier(); //#subgroups ;
  let row_count = min(ROWS, params.rows - first_row);
  for (var r = 0u; r < row_count; r++) {
    let own_largest = lane_parts[lane_place(LARGEST, r, own_lane)];
    let now = largest_of(LARGEST, r); //#subgroups let now = subgroupMax(own_largest);
    let own_sum = lane_parts[lane_place(SUM, r, own_lane)] * exp(own_largest - now);
    let sum = sum_of(LARGEST, r, now); //#subgroups let sum = subgroupAdd(own_sum);
    var positives = vec2f(LOWEST, 0.0);
    var attracted = LOWEST;
    var attracting = vec2f(0.0);
    if (ATTRACTING == 1u) {
      let own_positive = lane_parts[lane_place(POSITIVE_LARGEST, r, own_lane)];
      positives.x = largest_of(POSITIVE_LARGEST, r); //#subgroups positives.x = subgroupMax(own_positive);
      let own_positive_sum = lane_parts[lane_place(POSITIVE_SUM, r, own_lane)] * exp(own_positive - positives.x);
      positives.y = sum_of(POSITIVE_LARGEST, r, positives.x); //#subgroups positives.y = subgroupAdd(own_positive_sum);
      attracted = largest_of(ATTRACTED_LARGEST, r); //#subgroups attracted = subgroupMax(lane_parts[lane_place(ATTRACTED_LARGEST, r, own_lane)]);
      attracting.x = total_of(TOTAL, r); //#subgroups attracting.x = subgroupAdd(lane_parts[lane_place(TOTAL, r, own_lane)]);
      attracting.y = total_of(COUNT, r); //#subgroups attracting.y = subgroupAdd(lane_parts[lane_place(COUNT, r, own_lane)]);
    }
    if (own_lane == 0u) {
      keep(split, first_row + r, vec2f(now, sum), positives, attracted, attracting);
    }
  }
}
