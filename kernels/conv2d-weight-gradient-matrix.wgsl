// Gradient of a 2-D convolution with respect to its weights by matrix units, as partial sums over `splits` runs of output pixels: the
// equation and bindings of conv2d-weight-gradient, for GPUs that have them. Operands are rounded to f16 with ROUNDED, and sums are
// f32. sum-splits adds the parts up.
//
// The matrix product patches^T dy of conv2d-weight-gradient-tiled, cut into fragments: a line of either tile is an output pixel. A
// thread loads the same taps and channels in every round, from other pixels: the number of threads is a multiple of the vectors of a
// line of either.
//
// shape x: batch * IN_HEIGHT * IN_WIDTH * IN_CHANNELS
// shape dy: batch * OUT_HEIGHT * OUT_WIDTH * OUT_CHANNELS
// shape parts: splits * KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS * OUT_CHANNELS
// workgroups: splits * ceil(KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS / (ROW_SUBGROUPS * ROWS * UNIT_ROWS)) * ceil(OUT_CHANNELS / (COL_SUBGROUPS * COLS * UNIT_COLS))
// flops: 2 * batch * KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS * OUT_CHANNELS * OUT_HEIGHT * OUT_WIDTH
// bytes: (4 - 2 * HALF) * ceil(KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS / (ROW_SUBGROUPS * ROWS * UNIT_ROWS)) * ceil(OUT_CHANNELS / (COL_SUBGROUPS * COLS * UNIT_COLS)) * ceil(batch * OUT_HEIGHT * OUT_WIDTH / DEPTH) * DEPTH * (ROW_SUBGROUPS * ROWS * UNIT_ROWS + COL_SUBGROUPS * COLS * UNIT_COLS) + 4 * splits * KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS * OUT_CHANNELS
//#include "lib/grid.wgsl"
//#include "lib/stored.wgsl"

// Neighbouring elements that a thread loads and stores at once, 1 or 4; 4 needs multiples of 4 channels on both sides.
const VECTOR: u32 = 1u;
const PIECES = 4u / VECTOR;
const STRIDE_Y: u32 = 1u;
const STRIDE_X: u32 = 1u;
const PADDING_Y: u32 = 1u;
const PADDING_X: u32 = 1u;
const DILATION_Y: u32 = 1u;
const DILATION_X: u32 = 1u;
const KERNEL_HEIGHT: u32 = 3u;
const KERNEL_WIDTH: u32 = 3u;
const IN_HEIGHT: u32 = 8u;
const IN_WIDTH: u32 = 8u;
const IN_CHANNELS: u32 = 8u;
const OUT_HEIGHT: u32 = 8u;
const OUT_WIDTH: u32 = 8u;
const OUT_CHANNELS: u32 = 8u;
const LEFT_TURNED = true;
const RIGHT_TURNED = false;
//#include "lib/fragments.wgsl"
//#include "lib/matrix-tiles.wgsl"
//#include "lib/pixel-runs.wgsl"

struct Params {
  batch: u32,
  splits: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Stored>; //#vec4 @group(0) @binding(0) var<storage, read> x: array<vec4<Stored>>;
@group(0) @binding(1) var<storage, read> dy: array<Stored>; //#vec4 @group(0) @binding(1) var<storage, read> dy: array<vec4<Stored>>;
@group(0) @binding(2) var<storage, read_write> parts: array<f32>; //#vec4 @group(0) @binding(2) var<storage, read_write> parts: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;

fn store_round(thread: u32, round: ptr<function, Round>) {
  //#unroll
  for (var i = 0u; i < X_LOADS; i++) {
    let counts = !TAP_A_VECTOR || ((*round).inside & (1u << i)) != 0u;
    store_left(i * THREADS + thread, select(vec4<Operand>(), vec4<Operand>((*round).patches[i]), counts));
  }
  //#unroll
  for (var i = 0u; i < DY_LOADS; i++) {
    store_right(i * THREADS + thread, vec4<Operand>((*round).gradients[i]));
  }
}

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
  let column_blocks = (OUT_CHANNELS + TILE_COLS - 1u) / TILE_COLS;
  let row_blocks = (WEIGHT_ROWS + TILE_ROWS - 1u) / TILE_ROWS;
  let index = workgroup_index(group, grid);
  let first_column = index % column_blocks * TILE_COLS;
  let first_row = index / column_blocks % row_blocks * TILE_ROWS;
  let split = index / (column_blocks * row_blocks);
  if (split >= params.splits) {
    return;
  }
  let pixels = params.batch * OUT_HEIGHT * OUT_WIDTH;
  let pixels_per_split = run_length(pixels, params.splits);
  let first_pixel = split * pixels_per_split;
  let pixel_end = min(pixels, first_pixel + pixels_per_split);
  let sources = sources_of(first_row, first_column, thread, pixels, pixel_end);

  var sums: Sums;
  var round: Round;
  if (first_pixel < pixel_end) {
    load_round(first_pixel, thread, sources, &round);
  }
  for (var p = first_pixel; p < pixel_end; p += DEPTH) {
    workgroupBarrier();
    store_round(thread, &round);
    workgroupBarrier();
    if (p + DEPTH < pixel_end) {
      load_round(p + DEPTH, thread, sources, &round);
    }
    multiply_tiles(&sums, subgroup, lane);
  }

  // Whichever threads a subgroup has, LANES of them write its results.
  let part = thread / LANES;
  //#unroll
  for (var r = 0u; r < ROWS; r++) {
    //#unroll
    for (var c = 0u; c < COLS; c++) {
      workgroupBarrier();
      store_sum(sums[r][c], results_of(subgroup), lane);
      workgroupBarrier();
      for (var v = lane; v < RESULT_VECTORS; v += LANES) {
        let place = vec2u(first_row, first_column) + result_place(part, r, c, v);
        let values = result_vector(part, v);
        //#unroll
        for (var i = 0u; i < PIECES; i++) {
          if (place.x < WEIGHT_ROWS && place.y + i < OUT_CHANNELS) {
            let at = (split * WEIGHT_ROWS + place.x) * OUT_CHANNELS + place.y + i;
            parts[at] = values[i]; //#vec4 parts[at / 4u] = values;
          }
        }
      }
    }
  }
}
