// First pass of the contrastive losses with tiles of the embeddings in workgroup memory: the equations and bindings of
// contrast-partials, for GPUs. A workgroup computes ROW_THREADS * ROWS rows x COL_THREADS * COLS columns of logits at a time. A
// thread keeps the parts of each of its rows; at the end, the threads of a row put theirs together.
//
// shape z: rows * dim
// shape anchors: 3 * rows
// shape marks: (1 + TIMED) * rows
// shape columns: dim * 4 * ceil(width / 4)
// shape column_marks: (1 + TIMED) * column_rows
// shape partials: PARTS * splits * rows
// workgroups: ceil(rows / (ROW_THREADS * ROWS)) * splits
// flops: 2 * rows * width * dim
// bytes: 4 * (ceil(rows / (ROW_THREADS * ROWS)) * (ceil(width / (COL_THREADS * COLS)) * (ceil(dim / DEPTH) * DEPTH * (ROW_THREADS * ROWS + COL_THREADS * COLS) + (1 + TIMED) * COL_THREADS * COLS) + (2 + TIMED) * splits * ROW_THREADS * ROWS) + (2 + 5 * max(SAME % 2, OTHER % 2, BEYOND % 2)) * (1 + continues) * splits * rows)
//#include "lib/grid.wgsl"
//#include "lib/panels.wgsl"
//#include "lib/relations.wgsl"
//#include "lib/partials.wgsl"
//#include "lib/keep.wgsl"

const ROW_THREADS: u32 = 16u;
const COL_THREADS: u32 = 16u;
const ROWS: u32 = 4u;
const COLS: u32 = 4u;
const DEPTH: u32 = 16u;
// Neighbouring elements that a thread loads at once, 1 or 4; 4 needs a multiple of 4 dimensions.
const VECTOR: u32 = 1u;
const LEFT_STRIDE = DEPTH / 4u;
const RIGHT_STRIDE = COL_THREADS * COLS / 4u;
const PARTS: u32 = 2u;
// Of the parts, those that change here.
const HELD = 2u + 5u * ATTRACTING;
//#include "lib/tile-product.wgsl"

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

@group(0) @binding(0) var<storage, read> z: array<f32>; //#vec4 @group(0) @binding(0) var<storage, read> z: array<vec4f>;
@group(0) @binding(1) var<storage, read> anchors: array<f32>;
@group(0) @binding(2) var<storage, read> marks: array<u32>;
@group(0) @binding(3) var<storage, read> columns: array<f32>; //#vec4 @group(0) @binding(3) var<storage, read> columns: array<vec4f>;
@group(0) @binding(4) var<storage, read> column_marks: array<u32>;
@group(0) @binding(5) var<storage, read_write> partials: array<f32>;
@group(0) @binding(6) var<uniform> params: Params;
//#include "lib/similarity-tiles.wgsl"

var<workgroup> thread_parts: array<f32, HELD * THREADS>;

// Where a part of a thread lies: the threads of a row of the workgroup side by side.
fn thread_place(part: u32, local: vec3u, thread: u32) -> u32 {
  return part * THREADS + local.y * COL_THREADS + thread;
}

// Over the threads of a row: the largest logit of a part, and the sum that the part behind it has relative to that.
fn pooled(part: u32, local: vec3u) -> vec2f {
  var now = LOWEST;
  for (var i = 0u; i < COL_THREADS; i++) {
    now = max(now, thread_parts[thread_place(part, local, i)]);
  }
  var sum = 0.0;
  for (var i = 0u; i < COL_THREADS; i++) {
    sum += thread_parts[thread_place(part + 1u, local, i)] * exp(thread_parts[thread_place(part, local, i)] - now);
  }
  return vec2f(now, sum);
}

@compute @workgroup_size(COL_THREADS, ROW_THREADS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let row_blocks = (params.rows + TILE_ROWS - 1u) / TILE_ROWS;
  let index = workgroup_index(group, grid);
  let first_row = index % row_blocks * TILE_ROWS;
  let split = index / row_blocks;
  if (split >= params.splits) {
    return;
  }
  let tiles = (params.width + TILE_COLS - 1u) / TILE_COLS;
  let tiles_per_split = (tiles + params.splits - 1u) / params.splits;
  let tile_end = min(tiles, (split + 1u) * tiles_per_split);

  var row_scale: array<f32, ROWS>;
  var row_mark: array<vec2u, ROWS>;
  var row_largest: array<f32, ROWS>;
  var row_sums: array<f32, ROWS>;
  var positive_largest: array<f32, ROWS>;
  var positive_sums: array<f32, ROWS>;
  var attracted: array<f32, ROWS>;
  var attracting: array<vec2f, ROWS>;
  //#unroll
  for (var r = 0u; r < ROWS; r++) {
    let row = min(first_row + r * ROW_THREADS + local.y, params.rows - 1u);
    row_scale[r] = anchors[row] * params.inverse_temperature;
    row_mark[r] = mark_of(row);
    row_largest[r] = LOWEST;
    row_sums[r] = 0.0;
    positive_largest[r] = LOWEST;
    positive_sums[r] = 0.0;
    attracted[r] = LOWEST;
    attracting[r] = vec2f(0.0);
  }
  for (var tile = split * tiles_per_split; tile < tile_end; tile++) {
    let first_column = tile * TILE_COLS + 4u * local.x;
    // Set to zero by hand: inside of a loop, Mesa 25.0 would leave the values of the round before.
    var similarities: Sums;
    //#unroll
    for (var r = 0u; r < ROWS; r++) {
      //#unroll
      for (var c = 0u; c < COL_VECTORS; c++) {
        similarities[r][c] = vec4f(0.0);
      }
    }
    add_similarities(&similarities, first_row, tile * TILE_COLS, local);
    var key_marks: array<array<vec2u, 4>, COL_VECTORS>;
    //#unroll
    for (var c = 0u; c < COL_VECTORS; c++) {
      //#unroll
      for (var i = 0u; i < 4u; i++) {
        key_marks[c][i] = column_mark(params.first_column + min(first_column + 4u * c * COL_THREADS + i, params.width - 1u));
      }
    }
    //#unroll
    for (var r = 0u; r < ROWS; r++) {
      let row = first_row + r * ROW_THREADS + local.y;
      let itself = place_in_panel(row, params.first_column, params.same_block);
      var kinds: array<vec4u, COL_VECTORS>;
      var negative: array<vec4<bool>, COL_VECTORS>;
      var now = row_largest[r];
      //#unroll
      for (var c = 0u; c < COL_VECTORS; c++) {
        let place = vec4u(first_column + 4u * c * COL_THREADS) + vec4u(0u, 1u, 2u, 3u);
        var kind: vec4u;
        //#unroll
        for (var i = 0u; i < 4u; i++) {
          kind[i] = relation(row_mark[r], key_marks[c][i]);
        }
        // Where keys of the same group are ignored, so is the anchor itself.
        let is_key = (place < vec4u(params.width)) & ((place != vec4u(itself)) | vec4<bool>(SAME == 0u));
        negative[c] = is_key & (kind == vec4u(CONTRASTS));
        kinds[c] = select(vec4u(0u), kind, is_key);
        let logits = select(vec4f(LOWEST), similarities[r][c] * row_scale[r], negative[c]);
        now = max(max(now, max(logits.x, logits.y)), max(logits.z, logits.w));
      }
      var positive_now = positive_largest[r];
      if (ATTRACTING == 1u) {
        //#unroll
        for (var c = 0u; c < COL_VECTORS; c++) {
          let logits = similarities[r][c] * row_scale[r];
          let positives = select(vec4f(LOWEST), logits, kinds[c] == vec4u(POSITIVE));
          positive_now = max(max(positive_now, max(positives.x, positives.y)), max(positives.z, positives.w));
          let others = select(vec4f(LOWEST), logits, kinds[c] == vec4u(ATTRACTS));
          attracted[r] = max(max(attracted[r], max(others.x, others.y)), max(others.z, others.w));
          let attracts = kinds[c] & vec4u(ATTRACTS);
          let terms = select(vec4f(0.0), logits, attracts == vec4u(ATTRACTS));
          let number = (attracts.x + attracts.y) + (attracts.z + attracts.w);
          attracting[r] += vec2f((terms.x + terms.y) + (terms.z + terms.w), f32(number));
        }
      }
      var sum = row_sums[r] * exp(row_largest[r] - now);
      var positive_sum = positive_sums[r] * exp(positive_largest[r] - positive_now);
      //#unroll
      for (var c = 0u; c < COL_VECTORS; c++) {
        let positive = (kinds[c] == vec4u(POSITIVE)) & vec4<bool>(ATTRACTING == 1u);
        // The exponential serves either sum.
        let reference = select(vec4f(now), vec4f(positive_now), positive);
        let all = exp(min(similarities[r][c] * row_scale[r] - reference, vec4f(0.0)));
        let shares = select(vec4f(0.0), all, negative[c]);
        sum += (shares.x + shares.y) + (shares.z + shares.w);
        let own = select(vec4f(0.0), all, positive);
        positive_sum += (own.x + own.y) + (own.z + own.w);
      }
      row_sums[r] = sum;
      row_largest[r] = now;
      positive_sums[r] = positive_sum;
      positive_largest[r] = positive_now;
    }
  }

  //#unroll
  for (var r = 0u; r < ROWS; r++) {
    workgroupBarrier();
    thread_parts[thread_place(LARGEST, local, local.x)] = row_largest[r];
    thread_parts[thread_place(SUM, local, local.x)] = row_sums[r];
    if (ATTRACTING == 1u) {
      thread_parts[thread_place(POSITIVE_LARGEST, local, local.x)] = positive_largest[r];
      thread_parts[thread_place(POSITIVE_SUM, local, local.x)] = positive_sums[r];
      thread_parts[thread_place(ATTRACTED_LARGEST, local, local.x)] = attracted[r];
      thread_parts[thread_place(TOTAL, local, local.x)] = attracting[r].x;
      thread_parts[thread_place(COUNT, local, local.x)] = attracting[r].y;
    }
    workgroupBarrier();
    let row = first_row + r * ROW_THREADS + local.y;
    if (local.x == 0u && row < params.rows) {
      var positives = vec2f(LOWEST, 0.0);
      var attracted_most = LOWEST;
      var all_attracting = vec2f(0.0);
      if (ATTRACTING == 1u) {
        positives = pooled(POSITIVE_LARGEST, local);
        for (var i = 0u; i < COL_THREADS; i++) {
          attracted_most = max(attracted_most, thread_parts[thread_place(ATTRACTED_LARGEST, local, i)]);
          all_attracting.x += thread_parts[thread_place(TOTAL, local, i)];
          all_attracting.y += thread_parts[thread_place(COUNT, local, i)];
        }
      }
      keep(split, row, pooled(LARGEST, local), positives, attracted_most, all_attracting);
    }
  }
}
