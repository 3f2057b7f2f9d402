// Gradient of the contrastive losses with tiles of the embeddings in workgroup memory: the equation and bindings of
// contrast-gradient, for GPUs.
//
// A workgroup takes ROW_THREADS * ROWS rows and DIMS of the dimensions. For each tile of COL_THREADS * COLS columns, it
// computes the logits, leaves the factors before z[j] in workgroup memory, and adds their product with that part of z to the
// gradient; a thread holds ROWS rows x DIMS / COL_THREADS dimensions of it in registers.
//
// shape z: rows * dim
// shape anchors: 3 * rows
// shape marks: (1 + TIMED) * rows
// shape columns: dim * 4 * ceil(width / 4)
// shape others: column_rows * dim
// shape column_anchors: 3 * column_rows
// shape column_marks: (1 + TIMED) * column_rows
// shape dz: splits * rows * dim
// workgroups: ceil(rows / (ROW_THREADS * ROWS)) * ceil(dim / DIMS) * splits
// flops: 2 * rows * width * dim * (1 + ceil(dim / DIMS))
// bytes: 4 * (ceil(rows / (ROW_THREADS * ROWS)) * ceil(dim / DIMS) * (ceil(width / (COL_THREADS * COLS)) * (ceil(dim / DEPTH) * DEPTH * (ROW_THREADS * ROWS + COL_THREADS * COLS) + COL_THREADS * COLS * (DIMS + 2 + TIMED + 2 * COLUMN_ANCHORS)) + (2 + TIMED + 2 * ROW_ANCHORS) * splits * ROW_THREADS * ROWS) + (1 + continues) * splits * rows * dim)
//#include "lib/grid.wgsl"
//#include "lib/panels.wgsl"
//#include "lib/relations.wgsl"
//#include "lib/slope.wgsl"

const ROW_ANCHORS: bool = true;
const COLUMN_ANCHORS: bool = true;
const ROW_THREADS: u32 = 16u;
const COL_THREADS: u32 = 8u;
const ROWS: u32 = 4u;
// COL_THREADS * COLS is a multiple of DEPTH.
const COLS: u32 = 4u;
const DEPTH: u32 = 8u;
// A multiple of 4 * COL_THREADS; DEPTH * DIMS / 4 is one of the number of threads.
const DIMS: u32 = 128u;
// Neighbouring elements that a thread loads and stores at once, 1 or 4; 4 needs a multiple of 4 dimensions.
const VECTOR: u32 = 1u;
const PIECES = 4u / VECTOR;
const LEFT_STRIDE = DEPTH / 4u;
// As many as either product needs.
const RIGHT_STRIDE = max(COL_THREADS * COLS, DIMS) / 4u;
//#include "lib/tile-product.wgsl"
const DIM_VECTORS = DIMS / 4u / COL_THREADS;
const TILE_DIM_VECTORS = DIMS / 4u;
const DIM_LOADS = DEPTH * TILE_DIM_VECTORS / THREADS;

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
@group(0) @binding(4) var<storage, read> others: array<f32>; //#vec4 @group(0) @binding(4) var<storage, read> others: array<vec4f>;
@group(0) @binding(5) var<storage, read> column_anchors: array<f32>;
@group(0) @binding(6) var<storage, read> column_marks: array<u32>;
@group(0) @binding(7) var<storage, read_write> dz: array<f32>; //#vec4 @group(0) @binding(7) var<storage, read_write> dz: array<vec4f>;
@group(0) @binding(8) var<uniform> params: Params;
//#include "lib/similarity-tiles.wgsl"

var<workgroup> factors: array<vec4f, TILE_ROWS * TILE_COL_VECTORS>;

@compute @workgroup_size(COL_THREADS, ROW_THREADS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let row_blocks = (params.rows + TILE_ROWS - 1u) / TILE_ROWS;
  let index = workgroup_index(group, grid);
  let first_row = index % row_blocks * TILE_ROWS;
  let dim_blocks = (params.dim + DIMS - 1u) / DIMS;
  let first_dim = index / row_blocks % dim_blocks * DIMS;
  let split = index / (row_blocks * dim_blocks);
  if (split >= params.splits) {
    return;
  }
  let tiles = (params.width + TILE_COLS - 1u) / TILE_COLS;
  let tiles_per_split = (tiles + params.splits - 1u) / params.splits;
  let tile_end = min(tiles, (split + 1u) * tiles_per_split) * TILE_COLS;
  let last = params.rows - 1u;
  let thread = local.y * COL_THREADS + local.x;
  var row_scale: array<f32, ROWS>;
  var row_mark: array<vec2u, ROWS>;
  var row_lse: array<f32, ROWS>;
  var row_pull: array<f32, ROWS>;
  //#unroll
  for (var r = 0u; r < ROWS; r++) {
    let row = min(first_row + r * ROW_THREADS + local.y, last);
    row_scale[r] = anchors[row] * params.inverse_temperature;
    row_mark[r] = mark_of(row);
    if (ROW_ANCHORS) {
      row_lse[r] = anchors[params.rows + row];
      row_pull[r] = anchors[2u * params.rows + row];
    }
  }

  var totals: array<array<vec4f, DIM_VECTORS>, ROWS>;
  for (var tile = split * tiles_per_split * TILE_COLS; tile < tile_end; tile += TILE_COLS) {
    // Set to zero by hand: inside of a loop, Mesa 25.0 would leave the values of the round before.
    var similarities: Sums;
    //#unroll
    for (var r = 0u; r < ROWS; r++) {
      //#unroll
      for (var c = 0u; c < COL_VECTORS; c++) {
        similarities[r][c] = vec4f(0.0);
      }
    }
    add_similarities(&similarities, first_row, tile, local);
    // The barriers before and after the next tile of z keep the factors apart from their use.
    //#unroll
    for (var c = 0u; c < COL_VECTORS; c++) {
      let place = vec4u(tile + 4u * (c * COL_THREADS + local.x)) + vec4u(0u, 1u, 2u, 3u);
      var column_inverse: array<f32, 4>;
      var column_lse: array<f32, 4>;
      var column_pull: array<f32, 4>;
      var key_marks: array<vec2u, 4>;
      //#unroll
      for (var i = 0u; i < 4u; i++) {
        let at = params.first_column + min(place[i], params.width - 1u);
        column_inverse[i] = column_anchors[at];
        key_marks[i] = column_mark(at);
        if (COLUMN_ANCHORS) {
          column_lse[i] = column_anchors[params.column_rows + at];
          column_pull[i] = column_anchors[2u * params.column_rows + at];
        }
      }
      //#unroll
      for (var r = 0u; r < ROWS; r++) {
        let itself = place_in_panel(first_row + r * ROW_THREADS + local.y, params.first_column, params.same_block);
        let logits = similarities[r][c] * row_scale[r];
        var values: vec4f;
        //#unroll
        for (var i = 0u; i < 4u; i++) {
          let kind = relation(row_mark[r], key_marks[i]);
          var factor = 0.0;
          if (ROW_ANCHORS) {
            factor = slope(kind, exp(logits[i] - row_lse[r]), row_pull[r]);
          }
          if (COLUMN_ANCHORS) {
            factor += slope(kind, exp(logits[i] - column_lse[i]), column_pull[i]);
          }
          values[i] = select(0.0, factor * column_inverse[i], place[i] < params.width && place[i] != itself);
        }
        factors[(r * ROW_THREADS + local.y) * TILE_COL_VECTORS + c * COL_THREADS + local.x] = values;
      }
    }
    for (var j = 0u; j < TILE_COLS; j += DEPTH) {
      // Columns past the end have the factor 0; dimensions past the end are not stored.
      var right: array<vec4f, DIM_LOADS>;
      //#unroll
      for (var i = 0u; i < DIM_LOADS; i++) {
        let number = i * THREADS + thread;
        let dim = first_dim + 4u * (number % TILE_DIM_VECTORS);
        let dims = select(
          min(vec4u(dim) + vec4u(0u, 1u, 2u, 3u), vec4u(params.dim - 1u)),
          vec4u(min(dim, max(params.dim, 4u) - 4u)) + vec4u(0u, 1u, 2u, 3u),
          VECTOR == 4u,
        );
        let column = params.first_column + min(tile + j + number / TILE_DIM_VECTORS, params.width - 1u);
        let at = vec4u(column * params.dim) + dims;
        right[i] = vec4f(others[at.x], others[at.y], others[at.z], others[at.w]); //#vec4 right[i] = others[at.x / 4u];
      }
      workgroupBarrier();
      //#unroll
      for (var i = 0u; i < DIM_LOADS; i++) {
        right_tile[i * THREADS + thread] = right[i];
      }
      workgroupBarrier();
      for (var t = 0u; t < TERM_VECTORS; t++) {
        var left: array<vec4f, ROWS>;
        //#unroll
        for (var r = 0u; r < ROWS; r++) {
          left[r] = factors[(r * ROW_THREADS + local.y) * TILE_COL_VECTORS + j / 4u + t];
        }
        //#unroll
        for (var k = 0u; k < 4u; k++) {
          var values: array<vec4f, DIM_VECTORS>;
          //#unroll
          for (var d = 0u; d < DIM_VECTORS; d++) {
            values[d] = right_tile[(4u * t + k) * TILE_DIM_VECTORS + d * COL_THREADS + local.x];
          }
          //#unroll
          for (var r = 0u; r < ROWS; r++) {
            //#unroll
            for (var d = 0u; d < DIM_VECTORS; d++) {
              totals[r][d] = fma(vec4f(left[r][k]), values[d], totals[r][d]);
            }
          }
        }
      }
    }
  }

  //#unroll
  for (var r = 0u; r < ROWS; r++) {
    let row = first_row + r * ROW_THREADS + local.y;
    //#unroll
    for (var d = 0u; d < DIM_VECTORS; d++) {
      let dim = first_dim + 4u * (d * COL_THREADS + local.x);
      //#unroll
      for (var i = 0u; i < PIECES; i++) {
        if (row < params.rows && dim + i < params.dim) {
          let at = (split * params.rows + row) * params.dim + dim + i;
          var total = totals[r][d][i]; //#vec4 var total = totals[r][d];
          if (params.continues == 1u) {
            total += dz[at]; //#vec4 total += dz[at / 4u];
          }
          dz[at] = total; //#vec4 dz[at / 4u] = total;
        }
      }
    }
  }
}
