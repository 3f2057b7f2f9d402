// One step of laying points out in the plane so that neighbours come together (UMAP, McInnes et al. 2018, with the curve 1 / (1 + d^2), and
// all points at once): edges pull, samples of all points push. For point i at p, its edges e (weights w, to q_e), and samples j at q_j:
//   pull = sum_e w_e 2 (q_e - p) / (1 + d_e^2) / sum_e w_e
//   push = sum_j clamp(2 (p - q_j) / ((0.001 + d_j^2) (1 + d_j^2)), -4, 4) / SAMPLES
//   next = p + rate (pull + repulsion push)
// Samples are drawn from (counter, LAYOUT + i, sample / 4); one that is the point itself counts for nothing. The edges of i are those from
// starts[i] to starts[i + 1]. A thread a point.
//
// shape positions: 2 * rows
// shape starts: rows + 1
// shape columns: edges
// shape weights: edges
// shape counter: 2
// shape rate: 1
// shape next: 2 * rows
// workgroups: ceil(rows / LANES)
// flops: 20 * (rows * SAMPLES + edges)
//#include "lib/grid.wgsl"
//#include "lib/random.wgsl"

const LANES: u32 = 64u;
// A multiple of 4.
const SAMPLES: u32 = 16u;
// Keeps these draws apart from those of others.
const LAYOUT = 0xa0000000u;

struct Params {
  rows: u32,
  edges: u32,
  repulsion: f32,
}

@group(0) @binding(0) var<storage, read> positions: array<f32>;
@group(0) @binding(1) var<storage, read> starts: array<u32>;
@group(0) @binding(2) var<storage, read> columns: array<u32>;
@group(0) @binding(3) var<storage, read> weights: array<f32>;
@group(0) @binding(4) var<storage, read> counter: array<u32>;
@group(0) @binding(5) var<storage, read> rate: array<f32>;
@group(0) @binding(6) var<storage, read_write> next: array<f32>;
@group(0) @binding(7) var<uniform> params: Params;

fn position_of(point: u32) -> vec2f {
  return vec2f(positions[2u * point], positions[2u * point + 1u]);
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let point = workgroup_index(group, grid) * LANES + local.x;
  if (point >= params.rows) {
    return;
  }
  let own = position_of(point);
  var pull = vec2f(0.0);
  var weight = 0.0;
  let end = min(starts[point + 1u], params.edges);
  for (var e = starts[point]; e < end; e++) {
    let away = position_of(min(columns[e], params.rows - 1u)) - own;
    pull += weights[e] * 2.0 * away / (1.0 + dot(away, away));
    weight += weights[e];
  }
  var push = vec2f(0.0);
  for (var four = 0u; four < SAMPLES / 4u; four++) {
    let words = random_words(vec4u(counter[0], counter[1], LAYOUT + point, four));
    for (var i = 0u; i < 4u; i++) {
      // The point itself is no distance away, and is not pushed by itself.
      let apart = own - position_of(words[i] % params.rows);
      let square = dot(apart, apart);
      push += clamp(2.0 * apart / ((0.001 + square) * (1.0 + square)), vec2f(-4.0), vec2f(4.0));
    }
  }
  let pulled = pull / max(weight, 1e-12);
  let moved = own + rate[0] * (pulled + params.repulsion * push / f32(SAMPLES));
  next[2u * point] = moved.x;
  next[2u * point + 1u] = moved.y;
}
