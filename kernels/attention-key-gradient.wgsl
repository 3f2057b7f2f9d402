// Gradients of attention to its keys and values (see attention and attention-query-gradient): with
// p[i, j] = exp(s[i, j] - lse[i]), computed again in tiles, dv[j] = sum_i p[i, j] * dy[i] and
// dk[j] = scale * sum_i p[i, j] * (dy[i] . v[j] - deltas[i]) * q[i]. Of `dqkv`, the parts of keys and values are written.
//
// A workgroup takes ROWS keys and goes through the queries, LANES * COLS at a time, as attention does through the keys.
//
// shape qkv: batch * tokens * 3 * heads * DEPTH
// shape dy: batch * tokens * heads * DEPTH
// shape lse: batch * heads * tokens
// shape deltas: batch * heads * tokens
// shape dqkv: batch * tokens * 3 * heads * DEPTH
// workgroups: batch * heads * ceil(tokens / (ROWS * BLOCKS))
// flops: 8 * batch * heads * tokens * tokens * DEPTH
//#include "lib/grid.wgsl"
//#include "lib/stored.wgsl"
//#include "lib/share.wgsl"

const LANES: u32 = 1u;
// Blocks of rows side by side; 1 where lanes share.
const BLOCKS: u32 = 1u;
// A multiple of SHARE.
const ROWS: u32 = 4u;
const COLS: u32 = 4u;
const SHARE: u32 = 1u;
const VECTOR: u32 = 1u;
// A multiple of 4.
const DEPTH: u32 = 64u;
const OWN = ROWS / SHARE;
const GROUPS = (DEPTH / 4u + LANES - 1u) / LANES;

struct Params {
  batch: u32,
  tokens: u32,
  heads: u32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> qkv: array<StoredElement>;
@group(0) @binding(1) var<storage, read> dy: array<StoredElement>;
@group(0) @binding(2) var<storage, read> lse: array<f32>;
@group(0) @binding(3) var<storage, read> deltas: array<f32>;
@group(0) @binding(4) var<storage, read_write> dqkv: array<StoredElement>;
@group(0) @binding(5) var<uniform> params: Params;
//#include "lib/heads.wgsl"
//#include "lib/heads-gradient.wgsl"

@compute @workgroup_size(LANES, BLOCKS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  //#subgroups @builtin(subgroup_invocation_id) subgroup_lane: u32,
) {
  let own_lane = local.x; //#subgroups let own_lane = subgroup_lane;
  let row_blocks = (params.tokens + ROWS * BLOCKS - 1u) / (ROWS * BLOCKS);
  let index = workgroup_index(group, grid);
  let own_block = local.y; //#subgroups let own_block = 0u;
  let first_row = index % row_blocks * BLOCKS * ROWS + own_block * ROWS;
  let head = index / row_blocks % params.heads;
  let image = index / row_blocks / params.heads;
  if (image >= params.batch || first_row >= params.tokens) {
    return;
  }
  // Tokens past the end repeat the last one.
  let last = params.tokens - 1u;
  let width = params.heads * DEPTH;
  // DEPTH, but no constant: Mesa would write out short loops of so many rounds, and take seconds to compile them.
  let depth = width / params.heads;
  let start = image * params.tokens * 3u * width + head * DEPTH;
  let out_start = image * params.tokens * width + head * DEPTH;
  let row_start = (image * params.heads + head) * params.tokens;
  var key_at: array<u32, OWN>;
  //#unroll
  for (var i = 0u; i < OWN; i++) {
    key_at[i] = start + width + min(first_row + i * SHARE + own_lane % SHARE, last) * 3u * width;
  }

  var key_totals: array<array<vec4f, GROUPS>, ROWS>;
  var value_totals: array<array<vec4f, GROUPS>, ROWS>;
  for (var tile = 0u; tile < params.tokens; tile += LANES * COLS) {
    var query_at: array<u32, COLS>;
    var gradient_at: array<u32, COLS>;
    //#unroll
    for (var c = 0u; c < COLS; c++) {
      let row = min(tile + c * LANES + own_lane, last);
      query_at[c] = start + row * 3u * width;
      gradient_at[c] = out_start + row * width;
    }
    // Set to zero by hand: inside of a loop, Mesa 25.0 would leave the values of the round before.
    var shares: array<array<f32, COLS>, ROWS>;
    var slopes: array<array<f32, COLS>, ROWS>;
    //#unroll
    for (var r = 0u; r < ROWS; r++) {
      //#unroll
      for (var c = 0u; c < COLS; c++) {
        shares[r][c] = 0.0;
        slopes[r][c] = 0.0;
      }
    }
    for (var d = 0u; d < depth; d += 4u) {
      var queries: array<vec4f, COLS>;
      var gradients: array<vec4f, COLS>;
      //#unroll
      for (var c = 0u; c < COLS; c++) {
        queries[c] = load_qkv(query_at[c] + d);
        gradients[c] = load_dy(gradient_at[c] + d);
      }
      var keys: array<vec4f, OWN>;
      var values: array<vec4f, OWN>;
      //#unroll
      for (var i = 0u; i < OWN; i++) {
        keys[i] = load_qkv(key_at[i] + d);
        values[i] = load_qkv(key_at[i] + width + d);
      }
      //#unroll
      for (var r = 0u; r < ROWS; r++) {
        //#unroll
        for (var k = 0u; k < 4u; k++) {
          let key = from_lane(keys[r / SHARE][k], r % SHARE);
          let value = from_lane(values[r / SHARE][k], r % SHARE);
          //#unroll
          for (var c = 0u; c < COLS; c++) {
            shares[r][c] = fma(key, queries[c][k], shares[r][c]);
            slopes[r][c] = fma(value, gradients[c][k], slopes[r][c]);
          }
        }
      }
    }
    //#unroll
    for (var c = 0u; c < COLS; c++) {
      let row = tile + c * LANES + own_lane;
      let row_lse = lse[row_start + min(row, last)];
      let delta = deltas[row_start + min(row, last)];
      //#unroll
      for (var r = 0u; r < ROWS; r++) {
        shares[r][c] = select(0.0, exp(fma(shares[r][c], params.scale, -row_lse)), row < params.tokens);
        slopes[r][c] = shares[r][c] * (slopes[r][c] - delta);
      }
    }
    for (var lane = 0u; lane < LANES; lane++) {
      //#unroll
      for (var c = 0u; c < COLS; c++) {
        // Past the last query shares and slopes are 0.
        let row = min(tile + c * LANES + lane, last);
        var queries: array<vec4f, GROUPS>;
        var gradients: array<vec4f, GROUPS>;
        //#unroll
        for (var g = 0u; g < GROUPS; g++) {
          let d = min(4u * (g * LANES + own_lane), DEPTH - 4u);
          queries[g] = load_qkv(start + row * 3u * width + d);
          gradients[g] = load_dy(out_start + row * width + d);
        }
        //#unroll
        for (var r = 0u; r < ROWS; r++) {
          let share = from_lane(shares[r][c], lane);
          let slope = from_lane(slopes[r][c], lane);
          //#unroll
          for (var g = 0u; g < GROUPS; g++) {
            value_totals[r][g] = fma(vec4f(share), gradients[g], value_totals[r][g]);
            key_totals[r][g] = fma(vec4f(slope), queries[g], key_totals[r][g]);
          }
        }
      }
    }
  }

  //#unroll
  for (var r = 0u; r < ROWS; r++) {
    let row = first_row + r;
    if (row < params.tokens) {
      let at = start + width + row * 3u * width;
      //#unroll
      for (var g = 0u; g < GROUPS; g++) {
        let d = 4u * (g * LANES + own_lane);
        if (d < DEPTH) {
          store_dqkv(at + d, key_totals[r][g] * params.scale);
          store_dqkv(at + width + d, value_totals[r][g]);
        }
      }
    }
  }
}
