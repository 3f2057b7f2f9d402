// Gradient of NT-Xent with tiles of the embeddings in workgroup memory: the equation and bindings of nt-xent-gradient, for GPUs.
//
// A workgroup takes ROW_THREADS * ROWS rows and DIMS of the dimensions. For each tile of COL_THREADS * COLS columns, it
// computes the logits, leaves the factors before z[j] in workgroup memory, and adds their product with that part of z to the
// gradient; a thread holds ROWS rows x DIMS / COL_THREADS dimensions of it in registers.
//
// shape z: rows * dim
// shape anchors: 3 * rows
// shape columns: dim * 4 * ceil(width / 4)
// shape others: column_rows * dim
// shape column_anchors: 3 * column_rows
// shape dz: rows * dim
// workgroups: ceil(rows / (ROW_THREADS * ROWS)) * ceil(dim / DIMS)
// flops: 2 * rows * width * dim * (1 + ceil(dim / DIMS))
// bytes: 4 * (ceil(rows / (ROW_THREADS * ROWS)) * ceil(dim / DIMS) * (ceil(width / (COL_THREADS * COLS)) * (ceil(dim / DEPTH) * DEPTH * (ROW_THREADS * ROWS + COL_THREADS * COLS) + COL_THREADS * COLS * (DIMS + 2)) + 3 * ROW_THREADS * ROWS) + (1 + continues) * rows * dim)
//#include "lib/grid.wgsl"
//#include "lib/contrast.wgsl"

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
  continues: u32,
  inverse_temperature: f32,
}

@group(0) @binding(0) var<storage, read> z: array<f32>; //#vec4 @group(0) @binding(0) var<storage, read> z: array<vec4f>;
@group(0) @binding(1) var<storage, read> anchors: array<f32>;
@group(0) @binding(2) var<storage, read> columns: array<f32>; //#vec4 @group(0) @binding(2) var<storage, read> columns: array<vec4f>;
@group(0) @binding(3) var<storage, read> others: array<f32>; //#vec4 @group(0) @binding(3) var<storage, read> others: array<vec4f>;
@group(0) @binding(4) var<storage, read> column_anchors: array<f32>;
@group(0) @binding(5) var<storage, read_write> dz: array<f32>; //#vec4 @group(0) @binding(5) var<storage, read_write> dz: array<vec4f>;
@group(0) @binding(6) var<uniform> params: Params;
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
  let first_dim = index / row_blocks * DIMS;
  if (first_dim >= params.dim) {
    return;
  }
  let last = params.rows - 1u;
  let thread = local.y * COL_THREADS + local.x;
  var row_scale: array<f32, ROWS>;
  var row_lse: array<f32, ROWS>;
  var row_lack: array<f32, ROWS>;
  //#unroll
  for (var r = 0u; r < ROWS; r++) {
    let row = min(first_row + r * ROW_THREADS + local.y, last);
    row_scale[r] = anchors[row] * params.inverse_temperature;
    row_lse[r] = anchors[params.rows + row];
    row_lack[r] = anchors[2u * params.rows + row];
  }

  var totals: array<array<vec4f, DIM_VECTORS>, ROWS>;
  for (var tile = 0u; tile < params.width; tile += TILE_COLS) {
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
      let at = vec4u(params.first_column) + min(place, vec4u(params.width - 1u));
      let column_inverse = vec4f(column_anchors[at.x], column_anchors[at.y], column_anchors[at.z], column_anchors[at.w]);
      let lse_at = at + vec4u(params.column_rows);
      let column_lse = vec4f(column_anchors[lse_at.x], column_anchors[lse_at.y], column_anchors[lse_at.z], column_anchors[lse_at.w]);
      //#unroll
      for (var r = 0u; r < ROWS; r++) {
        let row = first_row + r * ROW_THREADS + local.y;
        let itself = vec4u(place_in_panel(row, params.first_column, params.same_block));
        let positive = vec4u(place_in_panel(positive_of(row, params.rows), params.first_column, params.same_block));
        let logits = similarities[r][c] * row_scale[r];
        let probabilities = exp(logits - vec4f(row_lse[r])) + exp(logits - column_lse);
        let values = select(probabilities, vec4f(-row_lack[r]), place == positive) * column_inverse;
        let counts = (place < vec4u(params.width)) & (place != itself);
        factors[(r * ROW_THREADS + local.y) * TILE_COL_VECTORS + c * COL_THREADS + local.x] = select(vec4f(0.0), values, counts);
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
          let at = row * params.dim + dim + i;
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
