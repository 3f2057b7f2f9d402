// Gradient of NT-Xent, from a panel of columns, with respect to normalised embeddings and but for a constant factor: the
// matrix of logits s (see nt-xent-partials) is symmetric, so
// dz[i] = sum_{j != i} (exp(s[i, j] - lse[i]) + exp(s[i, j] - lse[j]) - 2 [j = positive of i]) * z[j] / |z[j]|.
// For the positive, the factor is what `anchors` says that the pair lacks (see nt-xent-combine), negated. The logits are computed
// again, tile by tile, and never stored. With `continues`, the sum over the panels before is in dz and goes on from there.
//
// A workgroup takes ROWS rows and all dimensions, DEPTH at most. For each tile of columns, the factors before z[j] go to
// workgroup memory, or, where the workgroup is one subgroup (SHARE = LANES), stay in registers and are handed on; then
// neighbouring threads take neighbouring dimensions and add the tile's share to the gradient.
// `columns` is the panel of `others` as nt-xent-columns makes it; `others` has a block's `column_rows` rows.
//
// shape z: rows * dim
// shape anchors: 3 * rows
// shape columns: dim * 4 * ceil(width / 4)
// shape others: column_rows * dim
// shape column_anchors: 3 * column_rows
// shape dz: rows * dim
// workgroups: ceil(rows / ROWS)
// flops: 4 * rows * width * dim
// bytes: 4 * (ceil(rows / ROWS) * ceil(width / (COLS * LANES)) * (dim * (ROWS + COLS * LANES) + 3 * ROWS + 2 * COLS * LANES + COLS * LANES * ceil(dim / (COLS * LANES)) * COLS * LANES) + (1 + continues) * rows * dim)
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
  continues: u32,
  inverse_temperature: f32,
}

@group(0) @binding(0) var<storage, read> z: array<f32>;
@group(0) @binding(1) var<storage, read> anchors: array<f32>;
@group(0) @binding(2) var<storage, read> columns: array<f32>; //#vec4 @group(0) @binding(2) var<storage, read> columns: array<vec4f>;
@group(0) @binding(3) var<storage, read> others: array<f32>; //#vec4 @group(0) @binding(3) var<storage, read> others: array<vec4f>;
@group(0) @binding(4) var<storage, read> column_anchors: array<f32>;
@group(0) @binding(5) var<storage, read_write> dz: array<f32>;
@group(0) @binding(6) var<uniform> params: Params;

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
  let first_row = workgroup_index(group, grid) * ROWS;
  if (first_row >= params.rows) {
    return;
  }
  let last = params.rows - 1u;

  for (var tile = 0u; tile < params.width; tile += LANES * COLS) {
    var tile_factors = similarity_tile(first_row, tile, own_lane);
    var column_inverse: array<f32, COLS>;
    var column_lse: array<f32, COLS>;
    //#unroll
    for (var c = 0u; c < COLS; c++) {
      let at = params.first_column + min(column_of(tile, c, own_lane), params.width - 1u);
      column_inverse[c] = column_anchors[at];
      column_lse[c] = column_anchors[params.column_rows + at];
    }
    for (var round = 0u; round < ROUNDS; round++) {
      //#unroll
      for (var i = 0u; i < ROWS_AT_ONCE; i++) {
        let r = round * ROWS_AT_ONCE + i;
        let row = min(first_row + r, last);
        let scale = anchors[row] * params.inverse_temperature;
        let row_lse = anchors[params.rows + row];
        let lack = anchors[2u * params.rows + row];
        let itself = place_in_panel(row, params.first_column, params.same_block);
        let positive = place_in_panel(positive_of(row, params.rows), params.first_column, params.same_block);
        //#unroll
        for (var c = 0u; c < COLS; c++) {
          let column = column_of(tile, c, own_lane);
          var similarity = 0.0;
          //#unroll
          for (var q = 0u; q < ROUNDS; q++) {
            similarity = select(similarity, tile_factors[q * ROWS_AT_ONCE + i][c], q == round);
          }
          let logit = similarity * scale;
          let probabilities = exp(logit - row_lse) + exp(logit - column_lse[c]);
          let factor = select(probabilities, -lack, column == positive) * column_inverse[c];
          let kept = select(0.0, factor, column < params.width && column != itself);
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
        let at = (first_row + r) * params.dim + d;
        var total = totals[r * DEPTH + d];
        if (params.continues == 1u) {
          total += dz[at];
        }
        dz[at] = total;
      }
    }
  }
}
