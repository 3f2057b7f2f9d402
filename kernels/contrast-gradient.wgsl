// Gradient of the contrastive losses, from a panel of columns, with respect to the normalised rows of a block and but for a constant
// factor. Where rows are anchors of the columns as keys (ROW_ANCHORS), columns anchors of the rows (COLUMN_ANCHORS), or both,
// dz[i] = sum_j (d loss[i] / d s[i, j] + d loss[j] / d s[j, i]) * z[j] / |z[j]|,
// of which lib/slope.wgsl tells the derivatives: as the logits s (see contrast-partials) are symmetric, they serve both. They are
// computed again, tile by tile, and never stored. Each of `splits` runs of the panel's columns has a sum of its own in dz; with
// `continues`, those over the panels before are there and go on from there.
//
// A workgroup takes ROWS rows and all dimensions, DEPTH at most. For each tile of columns, the factors before z[j] go to
// workgroup memory, or, where the workgroup is one subgroup (SHARE = LANES), stay in registers and are handed on; then
// neighbouring threads take neighbouring dimensions and add the tile's share to the gradient.
// `columns` is the panel of `others` as contrast-columns makes it; `others` has a block's `column_rows` rows.
//
// shape z: rows * dim
// shape anchors: 3 * rows
// shape marks: (1 + TIMED) * rows
// shape columns: dim * 4 * ceil(width / 4)
// shape others: column_rows * dim
// shape column_anchors: 3 * column_rows
// shape column_marks: (1 + TIMED) * column_rows
// shape dz: splits * rows * dim
// workgroups: ceil(rows / ROWS) * splits
// flops: 4 * rows * width * dim
// bytes: 4 * (ceil(rows / ROWS) * ceil(width / (COLS * LANES)) * (dim * (ROWS + COLS * LANES) + (2 + TIMED + 2 * ROW_ANCHORS) * ROWS + (2 + TIMED + 2 * COLUMN_ANCHORS) * COLS * LANES + COLS * LANES * ceil(dim / (COLS * LANES)) * COLS * LANES) + (1 + continues) * splits * rows * dim)
//#include "lib/grid.wgsl"
//#include "lib/panels.wgsl"
//#include "lib/relations.wgsl"
//#include "lib/slope.wgsl"
//#include "lib/share.wgsl"
//#include "lib/logits.wgsl"

const ROW_ANCHORS: bool = true;
const COLUMN_ANCHORS: bool = true;
const LANES: u32 = 8u;
// A multiple of SHARE.
const ROWS: u32 = 8u;
const COLS: u32 = 8u;
const SHARE: u32 = 1u;
const OWN = ROWS / SHARE;
// Neighbouring elements that a thread loads at once, 1 or 4; 4 needs a multiple of 4 dimensions.
const VECTOR: u32 = 1u;
const VECTORS = COLS / VECTOR;
// A tile is gone through ROWS_AT_ONCE rows a round, picked by comparing, to keep the code short.
const ROUNDS = min(ROWS, 16u);
const ROWS_AT_ONCE = ROWS / ROUNDS;
// A multiple of LANES * COLS.
const DEPTH: u32 = 128u;

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
@group(0) @binding(4) var<storage, read> others: array<f32>; //#vec4 @group(0) @binding(4) var<storage, read> others: array<vec4f>;
@group(0) @binding(5) var<storage, read> column_anchors: array<f32>;
@group(0) @binding(6) var<storage, read> column_marks: array<u32>;
@group(0) @binding(7) var<storage, read_write> dz: array<f32>;
@group(0) @binding(8) var<uniform> params: Params;

var<workgroup> factors: array<f32, ROWS * LANES * COLS>;
// Every thread touches only the dimensions that it owns until the end: no barrier needed between tiles.
var<workgroup> totals: array<f32, ROWS * DEPTH>;

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
  let last = params.rows - 1u;
  let tiles = (params.width + LANES * COLS - 1u) / (LANES * COLS);
  let tiles_per_split = (tiles + params.splits - 1u) / params.splits;
  let tile_end = min(tiles, (split + 1u) * tiles_per_split) * LANES * COLS;

  for (var tile = split * tiles_per_split * LANES * COLS; tile < tile_end; tile += LANES * COLS) {
    var tile_factors = similarity_tile(first_row, tile, own_lane);
    var column_inverse: array<f32, COLS>;
    var column_lse: array<f32, COLS>;
    var column_pull: array<f32, COLS>;
    var key_marks: array<vec2u, COLS>;
    //#unroll
    for (var c = 0u; c < COLS; c++) {
      let at = params.first_column + min(column_of(tile, c, own_lane), params.width - 1u);
      column_inverse[c] = column_anchors[at];
      key_marks[c] = column_mark(at);
      if (COLUMN_ANCHORS) {
        column_lse[c] = column_anchors[params.column_rows + at];
        column_pull[c] = column_anchors[2u * params.column_rows + at];
      }
    }
    for (var round = 0u; round < ROUNDS; round++) {
      //#unroll
      for (var i = 0u; i < ROWS_AT_ONCE; i++) {
        let r = round * ROWS_AT_ONCE + i;
        let row = min(first_row + r, last);
        let scale = anchors[row] * params.inverse_temperature;
        let mark = mark_of(row);
        let itself = place_in_panel(row, params.first_column, params.same_block);
        var row_lse: f32;
        var row_pull: f32;
        if (ROW_ANCHORS) {
          row_lse = anchors[params.rows + row];
          row_pull = anchors[2u * params.rows + row];
        }
        //#unroll
        for (var c = 0u; c < COLS; c++) {
          let column = column_of(tile, c, own_lane);
          var similarity = 0.0;
          //#unroll
          for (var q = 0u; q < ROUNDS; q++) {
            similarity = select(similarity, tile_factors[q * ROWS_AT_ONCE + i][c], q == round);
          }
          let logit = similarity * scale;
          let kind = relation(mark, key_marks[c]);
          var factor = 0.0;
          if (ROW_ANCHORS) {
            factor = slope(kind, exp(logit - row_lse), row_pull);
          }
          if (COLUMN_ANCHORS) {
            factor += slope(kind, exp(logit - column_lse[c]), column_pull[c]);
          }
          let kept = select(0.0, factor * column_inverse[c], column < params.width && column != itself);
          factors[r * LANES * COLS + column - tile] = kept; //#subgroups ;
          //#unroll
          for (var q = 0u; q < ROUNDS; q++) {
            tile_factors[q * ROWS_AT_ONCE + i][c] = select(tile_factors[q * ROWS_AT_ONCE + i][c], kept, q == round);
          }
        }
      }
    }
    workgroupBarrier(); //#subgroups ;

    for (var d = 0u; d < params.dim; d += LANES * COLS) {
      // By hand, for the same reason as in similarity_tile.
      var sums: array<array<f32, COLS>, ROWS>;
      //#unroll
      for (var r = 0u; r < ROWS; r++) {
        //#unroll
        for (var c = 0u; c < COLS; c++) {
          sums[r][c] = 0.0;
        }
      }
      for (var chunk = 0u; chunk < COLS; chunk++) {
        var own: array<f32, ROWS>;
        //#unroll
        for (var r = 0u; r < ROWS; r++) {
          own[r] = 0.0;
          //#unroll
          for (var c = 0u; c < COLS; c++) {
            own[r] = select(own[r], tile_factors[r][c], c == chunk);
          }
        }
        for (var lane = 0u; lane < LANES; lane++) {
          // Past the last column the factors are 0.
          let column = column_of(tile, chunk, lane);
          let start = (params.first_column + min(column, params.width - 1u)) * params.dim;
          var values: array<f32, COLS>;
          //#unroll
          for (var v = 0u; v < VECTORS; v++) {
            let at = start + min(column_of(d, v * VECTOR, own_lane), params.dim - VECTOR);
            let loaded = vec4f(others[at]); //#vec4 let loaded = others[at / 4u];
            //#unroll
            for (var i = 0u; i < VECTOR; i++) {
              values[v * VECTOR + i] = loaded[i];
            }
          }
          //#unroll
          for (var r = 0u; r < ROWS; r++) {
            let factor = factors[r * LANES * COLS + column - tile]; //#subgroups let factor = subgroupShuffle(own[r], lane);
            //#unroll
            for (var c = 0u; c < COLS; c++) {
              sums[r][c] = fma(factor, values[c], sums[r][c]);
            }
          }
        }
      }
      for (var round = 0u; round < ROUNDS; round++) {
        //#unroll
        for (var i = 0u; i < ROWS_AT_ONCE; i++) {
          //#unroll
          for (var c = 0u; c < COLS; c++) {
            var sum = 0.0;
            //#unroll
            for (var q = 0u; q < ROUNDS; q++) {
              sum = select(sum, sums[q * ROWS_AT_ONCE + i][c], q == round);
            }
            totals[(round * ROWS_AT_ONCE + i) * DEPTH + column_of(d, c, own_lane)] += sum;
          }
        }
      }
    }
    workgroupBarrier(); //#subgroups ;
  }

  workgroupBarrier();
  for (var r = 0u; r < ROWS; r++) {
    for (var d = own_lane; d < params.dim; d += LANES) {
      if (first_row + r < params.rows) {
        let at = (split * params.rows + first_row + r) * params.dim + d;
        var total = totals[r * DEPTH + d];
        if (params.continues == 1u) {
          total += dz[at];
        }
        dz[at] = total;
      }
    }
  }
}
