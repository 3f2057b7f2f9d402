// Gradient of the mean NT-Xent with respect to the normalised embeddings. The matrix of logits is symmetric, so
// dz[i] = gradient / (rows * temperature) * sum_{j != i} (exp(s[i, j] - lse[i]) + exp(s[i, j] - lse[j]) - 2 [j = positive of i]) * z[j].
// The logits are computed again, tile by tile, and never stored.
//
// A workgroup takes ROWS rows and DEPTH of the dimensions. For each tile of columns, the factors before z[j] go to
// workgroup memory, or, where the workgroup is one subgroup (SHARE = LANES), stay in registers and are handed on; then
// neighbouring threads take neighbouring dimensions and add the tile's share to the gradient.
// `columns` is z transposed.
//
// shape z: rows * dim
// shape columns: rows * dim
// shape lse: rows
// shape gradient: 1
// shape dz: rows * dim
// workgroups: ceil(rows / ROWS) * ceil(dim / DEPTH)
// flops: 2 * rows * rows * dim * (1 + ceil(dim / DEPTH))
// bytes: 4 * (ceil(rows / ROWS) * ceil(dim / DEPTH) * (ceil(rows / (COLS * LANES)) * (dim * (ROWS + COLS * LANES) + ROWS * (1 + COLS * LANES) + COLS * LANES * ceil(min(dim, DEPTH) / (COLS * LANES)) * COLS * LANES) + 1) + rows * dim)
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
// Neighbouring columns that a thread loads at once, 1 or 4; 4 needs a multiple of 4 rows.
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
  inverse_temperature: f32,
}

@group(0) @binding(0) var<storage, read> z: array<f32>;
@group(0) @binding(1) var<storage, read> columns: array<f32>; //#vec4 @group(0) @binding(1) var<storage, read> columns: array<vec4f>;
@group(0) @binding(2) var<storage, read> lse: array<f32>;
@group(0) @binding(3) var<storage, read> gradient: array<f32>;
@group(0) @binding(4) var<storage, read_write> dz: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

var<workgroup> factors: array<f32, ROWS * LANES * COLS>;
// Every thread touches only the dimensions that it owns: no barrier needed between tiles.
var<workgroup> totals: array<f32, ROWS * DEPTH>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let row_blocks = (params.rows + ROWS - 1u) / ROWS;
  let index = workgroup_index(group, grid);
  let first_row = index % row_blocks * ROWS;
  let first_dim = index / row_blocks * DEPTH;
  if (first_dim >= params.dim) {
    return;
  }
  let last = params.rows - 1u;
  let dims = min(DEPTH, params.dim - first_dim);

  for (var tile = 0u; tile < params.rows; tile += LANES * COLS) {
    var tile_factors = similarity_tile(first_row, tile, local.x);
    for (var round = 0u; round < ROUNDS; round++) {
      //#unroll
      for (var i = 0u; i < ROWS_AT_ONCE; i++) {
        let r = round * ROWS_AT_ONCE + i;
        let row = min(first_row + r, last);
        let row_lse = lse[row];
        let positive = positive_of(row, params.rows);
        //#unroll
        for (var c = 0u; c < COLS; c++) {
          let column = column_of(tile, c, local.x);
          var similarity = 0.0;
          //#unroll
          for (var q = 0u; q < ROUNDS; q++) {
            similarity = select(similarity, tile_factors[q * ROWS_AT_ONCE + i][c], q == round);
          }
          let logit = similarity * params.inverse_temperature;
          let probabilities = exp(logit - row_lse) + exp(logit - lse[min(column, last)]);
          let factor = probabilities - select(0.0, 2.0, column == positive);
          let kept = select(0.0, factor, column < params.rows && column != row);
          factors[r * LANES * COLS + column - tile] = kept; //#subgroups ;
          //#unroll
          for (var q = 0u; q < ROUNDS; q++) {
            tile_factors[q * ROWS_AT_ONCE + i][c] = select(tile_factors[q * ROWS_AT_ONCE + i][c], kept, q == round);
          }
        }
      }
    }
    workgroupBarrier(); //#subgroups ;

    for (var d = 0u; d < dims; d += LANES * COLS) {
      let own_dim = first_dim + d + local.x;
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
          let z_start = min(column, last) * params.dim;
          var values: array<f32, COLS>;
          //#unroll
          for (var c = 0u; c < COLS; c++) {
            values[c] = z[z_start + min(own_dim + c * LANES, params.dim - 1u)];
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
            totals[(round * ROWS_AT_ONCE + i) * DEPTH + d + local.x + c * LANES] += sum;
          }
        }
      }
    }
    workgroupBarrier(); //#subgroups ;
  }

  let scale = gradient[0] * params.inverse_temperature / f32(params.rows);
  for (var r = 0u; r < ROWS; r++) {
    for (var d = local.x; d < dims; d += LANES) {
      if (first_row + r < params.rows) {
        dz[(first_row + r) * params.dim + first_dim + d] = totals[r * DEPTH + d] * scale;
      }
    }
  }
}
