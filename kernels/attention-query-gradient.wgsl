// Gradient of attention to its queries (see attention): with p[i, j] = exp(s[i, j] - lse[i]), computed again in tiles, and
// deltas[i] = sum_d dy[i, d] * y[i, d], dq[i] = scale * sum_j p[i, j] * (dy[i] . v[j] - deltas[i]) * k[j].
// `deltas` are kept for attention-key-gradient; of `dqkv`, the queries' part is written.
//
// A workgroup takes ROWS queries and goes through the keys, LANES * COLS at a time, as in attention.
//
// shape qkv: batch * tokens * 3 * heads * DEPTH
// shape y: batch * tokens * heads * DEPTH
// shape dy: batch * tokens * heads * DEPTH
// shape lse: batch * heads * tokens
// shape deltas: batch * heads * tokens
// shape dqkv: batch * tokens * 3 * heads * DEPTH
// workgroups: batch * heads * ceil(tokens / (ROWS * BLOCKS))
// flops: 6 * batch * heads * tokens * tokens * DEPTH
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
@group(0) @binding(1) var<storage, read> y: array<StoredElement>;
@group(0) @binding(2) var<storage, read> dy: array<StoredElement>;
@group(0) @binding(3) var<storage, read> lse: array<f32>;
@group(0) @binding(4) var<storage, read_write> deltas: array<f32>;
@group(0) @binding(5) var<storage, read_write> dqkv: array<StoredElement>;
@group(0) @binding(6) var<uniform> params: Params;
//#include "lib/heads.wgsl"
//#include "lib/heads-gradient.wgsl"

fn load_y(at: u32) -> vec4f {
  return vec4f(f32(y[at]), f32(y[at + 1u]), f32(y[at + 2u]), f32(y[at + 3u])); //#vec4 return vec4f(y[at / 4u]);
}

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
  var query_at: array<u32, OWN>;
  var gradient_at: array<u32, OWN>;
  var own_lse: array<f32, OWN>;
  var own_delta: array<f32, OWN>;
  //#unroll
  for (var i = 0u; i < OWN; i++) {
    let row = min(first_row + i * SHARE + own_lane % SHARE, last);
    query_at[i] = start + row * 3u * width;
    gradient_at[i] = out_start + row * width;
    own_lse[i] = lse[row_start + row];
  }
  for (var d = 0u; d < depth; d += 4u) {
    //#unroll
    for (var i = 0u; i < OWN; i++) {
      own_delta[i] += dot(load_dy(gradient_at[i] + d), load_y(gradient_at[i] + d));
    }
  }
  //#unroll
  for (var i = 0u; i < OWN; i++) {
    deltas[row_start + min(first_row + i * SHARE + own_lane % SHARE, last)] = own_delta[i];
  }

  var totals: array<array<vec4f, GROUPS>, ROWS>;
  for (var tile = 0u; tile < params.tokens; tile += LANES * COLS) {
    var key_at: array<u32, COLS>;
    //#unroll
    for (var c = 0u; c < COLS; c++) {
      key_at[c] = start + width + min(tile + c * LANES + own_lane, last) * 3u * width;
    }
    // Set to zero by hand: inside of a loop, Mesa 25.0 would leave the values of the round before.
    var scores: array<array<f32, COLS>, ROWS>;
    var slopes: array<array<f32, COLS>, ROWS>;
    //#unroll
    for (var r = 0u; r < ROWS; r++) {
      //#unroll
      for (var c = 0u; c < COLS; c++) {
        scores[r][c] = 0.0;
        slopes[r][c] = 0.0;
      }
    }
    for (var d = 0u; d < depth; d += 4u) {
      var keys: array<vec4f, COLS>;
      var values: array<vec4f, COLS>;
      //#unroll
      for (var c = 0u; c < COLS; c++) {
        keys[c] = load_qkv(key_at[c] + d);
        values[c] = load_qkv(key_at[c] + width + d);
      }
      var queries: array<vec4f, OWN>;
      var gradients: array<vec4f, OWN>;
      //#unroll
      for (var i = 0u; i < OWN; i++) {
        queries[i] = load_qkv(query_at[i] + d);
        gradients[i] = load_dy(gradient_at[i] + d);
      }
      //#unroll
      for (var r = 0u; r < ROWS; r++) {
        //#unroll
        for (var k = 0u; k < 4u; k++) {
          let query = from_lane(queries[r / SHARE][k], r % SHARE);
          let gradient = from_lane(gradients[r / SHARE][k], r % SHARE);
          //#unroll
          for (var c = 0u; c < COLS; c++) {
            scores[r][c] = fma(query, keys[c][k], scores[r][c]);
            slopes[r][c] = fma(gradient, values[c][k], slopes[r][c]);
          }
        }
      }
    }
    //#unroll
    for (var r = 0u; r < ROWS; r++) {
      let row_lse = from_lane(own_lse[r / SHARE], r % SHARE);
      let delta = from_lane(own_delta[r / SHARE], r % SHARE);
      //#unroll
      for (var c = 0u; c < COLS; c++) {
        let share = exp(fma(scores[r][c], params.scale, -row_lse));
        let is_key = tile + c * LANES + own_lane < params.tokens;
        slopes[r][c] = select(0.0, share * (slopes[r][c] - delta), is_key);
      }
    }
    for (var lane = 0u; lane < LANES; lane++) {
      //#unroll
      for (var c = 0u; c < COLS; c++) {
        // Past the last key the slopes are 0.
        let at = start + width + min(tile + c * LANES + lane, last) * 3u * width;
        var keys: array<vec4f, GROUPS>;
        //#unroll
        for (var g = 0u; g < GROUPS; g++) {
          keys[g] = load_qkv(at + min(4u * (g * LANES + own_lane), DEPTH - 4u));
        }
        //#unroll
        for (var r = 0u; r < ROWS; r++) {
          let slope = from_lane(slopes[r][c], lane);
          //#unroll
          for (var g = 0u; g < GROUPS; g++) {
            totals[r][g] = fma(vec4f(slope), keys[g], totals[r][g]);
          }
        }
      }
    }
  }

  //#unroll
  for (var r = 0u; r < ROWS; r++) {
    let row = first_row + r;
    if (row < params.tokens) {
      //#unroll
      for (var g = 0u; g < GROUPS; g++) {
        let d = 4u * (g * LANES + own_lane);
        if (d < DEPTH) {
          store_dqkv(start + row * 3u * width + d, totals[r][g] * params.scale);
        }
      }
    }
  }
}
