// Gradient of a 2-D convolution with respect to its weights in workgroup memory, as partial sums over `splits` runs of output
// pixels: the equation and bindings of conv2d-weight-gradient, for GPUs. sum-splits adds the parts up.
//
// A matrix product patches^T dy: its rows are the taps times the channels of x, its columns the channels of dy, and the terms
// of its sums the output pixels. A workgroup computes ROW_THREADS * ROWS rows x COL_THREADS * COLS columns of one run. For
// DEPTH pixels at a time, its threads load a part of their patches and of dy, each element once, neighbouring threads
// neighbouring channels. A thread loads the same taps and channels in every round, from other pixels. The loads of a round are
// under way while the round before it is multiplied.
//
// A thread holds ROWS x COLS sums in registers: vectors of 4 rows that lie ROW_THREADS vectors apart, and vectors of 4 columns
// that lie COL_THREADS vectors apart, so that neighbouring threads read side by side and no two of them from one bank. ROWS
// and COLS are multiples of 4, the number of threads one of the vectors in a row and in a column of the tile, and DEPTH times
// either of them one of the number of threads.
//
// shape x: batch * IN_HEIGHT * IN_WIDTH * IN_CHANNELS
// shape dy: batch * OUT_HEIGHT * OUT_WIDTH * OUT_CHANNELS
// shape parts: splits * KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS * OUT_CHANNELS
// workgroups: splits * ceil(KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS / (ROW_THREADS * ROWS)) * ceil(OUT_CHANNELS / (COL_THREADS * COLS))
// flops: 2 * batch * KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS * OUT_CHANNELS * OUT_HEIGHT * OUT_WIDTH
// bytes: (4 - 2 * HALF) * ceil(KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS / (ROW_THREADS * ROWS)) * ceil(OUT_CHANNELS / (COL_THREADS * COLS)) * ceil(batch * OUT_HEIGHT * OUT_WIDTH / DEPTH) * DEPTH * (ROW_THREADS * ROWS + COL_THREADS * COLS) + 4 * splits * KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS * OUT_CHANNELS
//#include "lib/grid.wgsl"
//#include "lib/stored.wgsl"

const ROW_THREADS: u32 = 16u;
const COL_THREADS: u32 = 16u;
const ROWS: u32 = 4u;
const COLS: u32 = 4u;
const DEPTH: u32 = 16u;
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

const THREADS = ROW_THREADS * COL_THREADS;
const TILE_ROWS = ROW_THREADS * ROWS;
const TILE_COLS = COL_THREADS * COLS;
const ROW_VECTORS = ROWS / 4u;
const COL_VECTORS = COLS / 4u;
//#include "lib/pixel-runs.wgsl"

struct Params {
  batch: u32,
  splits: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Stored>; //#vec4 @group(0) @binding(0) var<storage, read> x: array<vec4<Stored>>;
@group(0) @binding(1) var<storage, read> dy: array<Stored>; //#vec4 @group(0) @binding(1) var<storage, read> dy: array<vec4<Stored>>;
@group(0) @binding(2) var<storage, read_write> parts: array<f32>; //#vec4 @group(0) @binding(2) var<storage, read_write> parts: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;

var<workgroup> x_tile: array<vec4f, DEPTH * TILE_ROW_VECTORS>;
var<workgroup> dy_tile: array<vec4f, DEPTH * TILE_COL_VECTORS>;

fn store_round(thread: u32, round: ptr<function, Round>) {
  //#unroll
  for (var i = 0u; i < X_LOADS; i++) {
    let counts = !TAP_A_VECTOR || ((*round).inside & (1u << i)) != 0u;
    x_tile[i * THREADS + thread] = select(vec4f(0.0), vec4f((*round).patches[i]), counts);
  }
  //#unroll
  for (var i = 0u; i < DY_LOADS; i++) {
    dy_tile[i * THREADS + thread] = vec4f((*round).gradients[i]);
  }
}

@compute @workgroup_size(COL_THREADS, ROW_THREADS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
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
  let pixel_end = min(pixels, (split + 1u) * pixels_per_split);
  let thread = local.y * COL_THREADS + local.x;

  let sources = sources_of(first_row, first_column, thread, pixels, pixel_end);
  // The remainders show the compiler that the indices into the tiles are in range, so that it leaves out checks.
  let tile_row = local.y % ROW_THREADS;
  let tile_column = local.x % COL_THREADS;
  let first_pixel = split * pixels_per_split;
  var sums: array<array<vec4f, COL_VECTORS>, ROWS>;
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
    for (var k = 0u; k < DEPTH; k++) {
      var left: array<vec4f, ROW_VECTORS>;
      //#unroll
      for (var r = 0u; r < ROW_VECTORS; r++) {
        left[r] = x_tile[k * TILE_ROW_VECTORS + r * ROW_THREADS + tile_row];
      }
      var right: array<vec4f, COL_VECTORS>;
      //#unroll
      for (var c = 0u; c < COL_VECTORS; c++) {
        right[c] = dy_tile[k * TILE_COL_VECTORS + c * COL_THREADS + tile_column];
      }
      //#unroll
      for (var r = 0u; r < ROWS; r++) {
        //#unroll
        for (var c = 0u; c < COL_VECTORS; c++) {
          sums[r][c] = fma(vec4f(left[r / 4u][r % 4u]), right[c], sums[r][c]);
        }
      }
    }
  }

  //#unroll
  for (var r = 0u; r < ROWS; r++) {
    let row = first_row + 4u * (r / 4u * ROW_THREADS + local.y) + r % 4u;
    //#unroll
    for (var c = 0u; c < COL_VECTORS; c++) {
      let column = first_column + 4u * (c * COL_THREADS + local.x);
      //#unroll
      for (var i = 0u; i < PIECES; i++) {
        if (row < WEIGHT_ROWS && column + select(i, 0u, OUT_CHANNELS % 4u == 0u) < OUT_CHANNELS) {
          let at = (split * WEIGHT_ROWS + row) * OUT_CHANNELS + column + i;
          parts[at] = sums[r][c][i]; //#vec4 parts[at / 4u] = sums[r][c];
        }
      }
    }
  }
}
