// First pass of NT-Xent with tiles of the embeddings in workgroup memory: the equations and bindings of nt-xent-partials, for
// GPUs. A workgroup computes ROW_THREADS * ROWS rows x COL_THREADS * COLS columns of logits at a time. A thread keeps the
// largest logit and the sum of each of its rows; at the end, the threads of a row put theirs together.
//
// shape z: rows * dim
// shape anchors: 3 * rows
// shape columns: dim * 4 * ceil(width / 4)
// shape largest: splits * rows
// shape sums: splits * rows
// workgroups: ceil(rows / (ROW_THREADS * ROWS)) * splits
// flops: 2 * rows * width * dim
// bytes: 4 * (ceil(rows / (ROW_THREADS * ROWS)) * (ceil(width / (COL_THREADS * COLS)) * ceil(dim / DEPTH) * DEPTH * (ROW_THREADS * ROWS + COL_THREADS * COLS) + splits * ROW_THREADS * ROWS) + 2 * (1 + continues) * splits * rows)
//#include "lib/grid.wgsl"
//#include "lib/contrast.wgsl"

const ROW_THREADS: u32 = 16u;
const COL_THREADS: u32 = 16u;
const ROWS: u32 = 4u;
const COLS: u32 = 4u;
const DEPTH: u32 = 16u;
// Neighbouring elements that a thread loads at once, 1 or 4; 4 needs a multiple of 4 dimensions.
const VECTOR: u32 = 1u;
const LEFT_STRIDE = DEPTH / 4u;
const RIGHT_STRIDE = COL_THREADS * COLS / 4u;
// Below every logit, and finite: WGSL may assume that infinities never occur.
const LOWEST: f32 = -1e30;
//#include "lib/tile-product.wgsl"

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

@group(0) @binding(0) var<storage, read> z: array<f32>; //#vec4 @group(0) @binding(0) var<storage, read> z: array<vec4f>;
@group(0) @binding(1) var<storage, read> anchors: array<f32>;
@group(0) @binding(2) var<storage, read> columns: array<f32>; //#vec4 @group(0) @binding(2) var<storage, read> columns: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> largest: array<f32>;
@group(0) @binding(4) var<storage, read_write> sums: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;
//#include "lib/similarity-tiles.wgsl"

var<workgroup> thread_largest: array<f32, THREADS>;
var<workgroup> thread_sums: array<f32, THREADS>;

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

  var row_largest: array<f32, ROWS>;
  var row_sums: array<f32, ROWS>;
  var row_scale: array<f32, ROWS>;
  //#unroll
  for (var r = 0u; r < ROWS; r++) {
    row_largest[r] = LOWEST;
    row_sums[r] = 0.0;
    row_scale[r] = anchors[min(first_row + r * ROW_THREADS + local.y, params.rows - 1u)] * params.inverse_temperature;
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
    //#unroll
    for (var r = 0u; r < ROWS; r++) {
      let row = first_row + r * ROW_THREADS + local.y;
      let itself = place_in_panel(row, params.first_column, params.same_block);
      let positive = place_in_panel(positive_of(row, params.rows), params.first_column, params.same_block);
      var now = row_largest[r];
      //#unroll
      for (var c = 0u; c < COL_VECTORS; c++) {
        let place = vec4u(first_column + 4u * c * COL_THREADS) + vec4u(0u, 1u, 2u, 3u);
        let negative = (place < vec4u(params.width)) & (place != vec4u(itself)) & (place != vec4u(positive));
        let logits = select(vec4f(LOWEST), similarities[r][c] * row_scale[r], negative);
        now = max(max(now, max(logits.x, logits.y)), max(logits.z, logits.w));
      }
      var sum = row_sums[r] * exp(row_largest[r] - now);
      //#unroll
      for (var c = 0u; c < COL_VECTORS; c++) {
        let place = vec4u(first_column + 4u * c * COL_THREADS) + vec4u(0u, 1u, 2u, 3u);
        let negative = (place < vec4u(params.width)) & (place != vec4u(itself)) & (place != vec4u(positive));
        let logits = similarities[r][c] * row_scale[r];
        let shares = select(vec4f(0.0), exp(min(logits - vec4f(now), vec4f(0.0))), negative);
        sum += (shares.x + shares.y) + (shares.z + shares.w);
      }
      row_sums[r] = sum;
      row_largest[r] = now;
    }
  }

  let thread = local.y * COL_THREADS + local.x;
  //#unroll
  for (var r = 0u; r < ROWS; r++) {
    workgroupBarrier();
    thread_largest[thread] = row_largest[r];
    thread_sums[thread] = row_sums[r];
    workgroupBarrier();
    let row = first_row + r * ROW_THREADS + local.y;
    if (local.x == 0u && row < params.rows) {
      var now = LOWEST;
      for (var i = 0u; i < COL_THREADS; i++) {
        now = max(now, thread_largest[local.y * COL_THREADS + i]);
      }
      var sum = 0.0;
      for (var i = 0u; i < COL_THREADS; i++) {
        sum += thread_sums[local.y * COL_THREADS + i] * exp(thread_largest[local.y * COL_THREADS + i] - now);
      }
      let at = split * params.rows + row;
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
