// What matrix units give at most: every subgroup multiplies ROWS + COLS fragments with each other again and again, and adds up the
// ROWS x COLS products, with nothing but registers in the loop. All elements of the operands are the first factor, which the compiler
// does not know; all sums are UNIT_TERMS * iterations times its square.
//
// shape factors: 2
// shape y: threads
// workgroups: ceil(threads / (ROW_SUBGROUPS * COL_SUBGROUPS * LANES))
// flops: 2 * UNIT_ROWS * UNIT_COLS * UNIT_TERMS * ROWS * COLS * iterations * ceil(threads / LANES)
//#include "lib/grid.wgsl"

const LEFT_TURNED = false;
const RIGHT_TURNED = false;
//#include "lib/fragments.wgsl"
//#include "lib/matrix-tiles.wgsl"

struct Params {
  threads: u32,
  iterations: u32,
}

@group(0) @binding(0) var<storage, read> factors: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(THREADS) //#pinned @compute @workgroup_size(THREADS) @subgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  //#units @builtin(subgroup_id) own_subgroup: u32,
) {
  let thread = local.x;
  let subgroup = thread / LANES; //#units let subgroup = own_subgroup;
  let lane = thread % LANES;
  for (var i = thread; i < LEFT_VECTORS; i += THREADS) {
    store_left(i, vec4<Operand>(Operand(factors[0])));
  }
  for (var i = thread; i < RIGHT_VECTORS; i += THREADS) {
    store_right(i, vec4<Operand>(Operand(factors[0])));
  }
  workgroupBarrier();
  let start = subgroup_start(subgroup);
  var left: array<Left, ROWS>;
  //#unroll
  for (var r = 0u; r < ROWS; r++) {
    left[r] = load_left(start.x + r * UNIT_ROWS, 0u);
  }
  var right: array<Right, COLS>;
  //#unroll
  for (var c = 0u; c < COLS; c++) {
    right[c] = load_right(0u, start.y + c * UNIT_COLS);
  }
  var sums: Sums;
  for (var n = 0u; n < params.iterations; n++) {
    //#unroll
    for (var r = 0u; r < ROWS; r++) {
      //#unroll
      for (var c = 0u; c < COLS; c++) {
        sums[r][c] = multiply_add(left[r], right[c], sums[r][c], lane);
      }
    }
  }
  // All of them, so that none is left out.
  var total = 0.0;
  //#unroll
  for (var r = 0u; r < ROWS; r++) {
    //#unroll
    for (var c = 0u; c < COLS; c++) {
      workgroupBarrier();
      store_sum(sums[r][c], results_of(subgroup), lane);
      workgroupBarrier();
      total += result_vector(thread / LANES, lane % RESULT_VECTORS).x;
    }
  }
  let i = workgroup_index(group, grid) * THREADS + thread;
  if (i < params.threads) {
    y[i] = total;
  }
}
