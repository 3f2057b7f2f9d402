// Attention (Vaswani et al. 2017, section 3.2), each head of each image by itself: with queries q, keys k and values v of
// [tokens, DEPTH], s[i, j] = scale * q[i] . k[j], lse[i] = log sum_j exp(s[i, j]) and y[i] = sum_j exp(s[i, j] - lse[i]) * v[j].
//
// Scores are computed in tiles and never stored: of each query there are a running maximum and sum, and y is scaled when the
// maximum moves (Milakov and Gimelshein 2018, Dao et al. 2022). A row of `qkv` is a token: the queries of all heads one after
// the other, then the keys, then the values; a row of y has what the heads made of it.
//
// A workgroup takes ROWS queries and goes through the keys, LANES * COLS at a time. First a thread has the scores of COLS keys,
// then sums of GROUPS times four dimensions, to which each lane in turn hands its shares. The lanes are one subgroup
// (SHARE = LANES), and the workgroup; or there is one, and the workgroup has BLOCKS threads that take ROWS queries each, alone.
//
// shape qkv: batch * tokens * 3 * heads * DEPTH
// shape y: batch * tokens * heads * DEPTH
// shape lse: batch * heads * tokens
// workgroups: batch * heads * ceil(tokens / (ROWS * BLOCKS))
// flops: 4 * batch * heads * tokens * tokens * DEPTH
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
@group(0) @binding(1) var<storage, read_write> y: array<StoredElement>;
@group(0) @binding(2) var<storage, read_write> lse: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;
//#include "lib/heads.wgsl"

fn store_y(at: u32, value: vec4f) {
  y[at] = Stored(value.x); //#vec4 y[at / 4u] = StoredElement(value);
  y[at + 1u] = Stored(value.y); //#vec4 ;
  y[at + 2u] = Stored(value.z); //#vec4 ;
  y[at + 3u] = Stored(value.w); //#vec4 ;
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
  var own_at: array<u32, OWN>;
  //#unroll
  for (var i = 0u; i < OWN; i++) {
    own_at[i] = start + min(first_row + i * SHARE + own_lane % SHARE, last) * 3u * width;
  }

  var largest: array<f32, ROWS>;
  // Of the thread's own keys.
  var sums: array<f32, ROWS>;
  var totals: array<array<vec4f, GROUPS>, ROWS>;
  //#unroll
  for (var r = 0u; r < ROWS; r++) {
    largest[r] = LOWEST;
  }
  for (var tile = 0u; tile < params.tokens; tile += LANES * COLS) {
    var key_at: array<u32, COLS>;
    //#unroll
    for (var c = 0u; c < COLS; c++) {
      key_at[c] = start + width + min(tile + c * LANES + own_lane, last) * 3u * width;
    }
    // Set to zero by hand: inside of a loop, Mesa 25.0 would leave the values of the round before.
    var scores: array<array<f32, COLS>, ROWS>;
    //#unroll
    for (var r = 0u; r < ROWS; r++) {
      //#unroll
      for (var c = 0u; c < COLS; c++) {
        scores[r][c] = 0.0;
      }
    }
    for (var d = 0u; d < depth; d += 4u) {
      var keys: array<vec4f, COLS>;
      //#unroll
      for (var c = 0u; c < COLS; c++) {
        keys[c] = load_qkv(key_at[c] + d);
      }
      var own: array<vec4f, OWN>;
      //#unroll
      for (var i = 0u; i < OWN; i++) {
        own[i] = load_qkv(own_at[i] + d);
      }
      //#unroll
      for (var r = 0u; r < ROWS; r++) {
        //#unroll
        for (var k = 0u; k < 4u; k++) {
          let value = from_lane(own[r / SHARE][k], r % SHARE);
          //#unroll
          for (var c = 0u; c < COLS; c++) {
            scores[r][c] = fma(value, keys[c][k], scores[r][c]);
          }
        }
      }
    }
    //#unroll
    for (var r = 0u; r < ROWS; r++) {
      var now = largest[r];
      //#unroll
      for (var c = 0u; c < COLS; c++) {
        scores[r][c] = select(LOWEST, scores[r][c] * params.scale, tile + c * LANES + own_lane < params.tokens);
        now = max(now, scores[r][c]);
      }
      now = largest_of_lanes(now);
      let factor = exp(largest[r] - now);
      largest[r] = now;
      sums[r] *= factor;
      //#unroll
      for (var c = 0u; c < COLS; c++) {
        scores[r][c] = exp(scores[r][c] - now);
        sums[r] += scores[r][c];
      }
      //#unroll
      for (var g = 0u; g < GROUPS; g++) {
        totals[r][g] *= factor;
      }
    }
    for (var lane = 0u; lane < LANES; lane++) {
      //#unroll
      for (var c = 0u; c < COLS; c++) {
        // Past the last key the shares are 0.
        let value_at = start + 2u * width + min(tile + c * LANES + lane, last) * 3u * width;
        var values: array<vec4f, GROUPS>;
        //#unroll
        for (var g = 0u; g < GROUPS; g++) {
          values[g] = load_qkv(value_at + min(4u * (g * LANES + own_lane), DEPTH - 4u));
        }
        //#unroll
        for (var r = 0u; r < ROWS; r++) {
          let share = from_lane(scores[r][c], lane);
          //#unroll
          for (var g = 0u; g < GROUPS; g++) {
            totals[r][g] = fma(vec4f(share), values[g], totals[r][g]);
          }
        }
      }
    }
  }

  //#unroll
  for (var r = 0u; r < ROWS; r++) {
    let row = first_row + r;
    let sum = sum_of_lanes(sums[r]);
    if (row < params.tokens) {
      let at = (image * params.tokens + row) * width + head * DEPTH;
      //#unroll
      for (var g = 0u; g < GROUPS; g++) {
        let d = 4u * (g * LANES + own_lane);
        if (d < DEPTH) {
          store_y(at + d, totals[r][g] / sum);
        }
      }
      if (own_lane == 0u) {
        lse[(image * params.heads + head) * params.tokens + row] = largest[r] + log(sum);
      }
    }
  }
}
