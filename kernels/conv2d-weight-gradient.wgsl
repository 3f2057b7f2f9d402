// Gradient of a 2-D convolution with respect to its weights, as partial sums over SPLITS of the output rows:
// parts[s, ky, kx, c, o] = sum over the output rows (n, oy) of split s, and ox, of
// x[n, iy, ix, c] * dy[n, oy, ox, o], where iy = oy * STRIDE_Y + ky * DILATION_Y - PADDING_Y and
// ix = ox * STRIDE_X + kx * DILATION_X - PADDING_X. sum-splits adds the parts up.
//
// The elements (ky, kx, c) of one output channel are rows of a matrix. A thread holds ROWS of them x COLS output channels in
// registers. Neighbouring threads hold neighbouring output channels; all of a workgroup need the same elements of x: each of
// SHARE threads loads a part of them and hands it on to the others.
//
// shape x: batch * IN_HEIGHT * IN_WIDTH * IN_CHANNELS
// shape dy: batch * OUT_HEIGHT * OUT_WIDTH * OUT_CHANNELS
// shape parts: splits * KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS * OUT_CHANNELS
// workgroups: splits * ceil(KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS / (ROWS * GROUPS)) * ceil(OUT_CHANNELS / (COLS * LANES))
// flops: 2 * batch * KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS * OUT_CHANNELS * OUT_HEIGHT * OUT_WIDTH
// bytes: (4 - 2 * HALF) * ceil(KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS / (ROWS * GROUPS)) * ceil(OUT_CHANNELS / (COLS * LANES)) * batch * OUT_HEIGHT * OUT_WIDTH * (ROWS * GROUPS + COLS * LANES) + 4 * splits * KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS * OUT_CHANNELS
//#include "lib/grid.wgsl"
//#include "lib/share.wgsl"
//#include "lib/stored.wgsl"

const LANES: u32 = 8u;
const GROUPS: u32 = 1u;
// A multiple of SHARE.
const ROWS: u32 = 8u;
const COLS: u32 = 4u;
const SHARE: u32 = 1u;
// Neighbouring output channels that a thread loads at once, 1 or 4; 4 needs a multiple of 4 output channels.
const VECTOR: u32 = 1u;
const OWN = ROWS / SHARE;
const VECTORS = COLS / VECTOR;
// Results are written in 8 rounds, or, where ROWS is no multiple of 8, a row a round.
const ROUNDS = min(ROWS, 8u + ROWS * (ROWS % 8u));
const ROWS_AT_ONCE = ROWS / ROUNDS;
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

struct Params {
  batch: u32,
  splits: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Stored>;
@group(0) @binding(1) var<storage, read> dy: array<Stored>; //#vec4 @group(0) @binding(1) var<storage, read> dy: array<vec4<Stored>>;
@group(0) @binding(2) var<storage, read_write> parts: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(LANES, GROUPS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  //#subgroups @builtin(subgroup_invocation_id) subgroup_lane: u32,
) {
  // Where lanes share, all threads are one subgroup, and have its order, whatever that is.
  let own_lane = local.x; //#subgroups let own_lane = subgroup_lane;
  let column_blocks = (OUT_CHANNELS + COLS * LANES - 1u) / (COLS * LANES);
  let rows = KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS;
  let row_blocks = (rows + ROWS * GROUPS - 1u) / (ROWS * GROUPS);
  let index = workgroup_index(group, grid);
  let first_column = index % column_blocks * COLS * LANES + own_lane * VECTOR;
  // GROUPS is 1 where lanes share: the remainder tells the compiler that the row is the same for all threads.
  let first_row = (index / column_blocks % row_blocks * GROUPS + local.y % GROUPS) * ROWS;
  let split = index / (column_blocks * row_blocks);
  if (split >= params.splits) {
    return;
  }

  var own_taps: array<vec2u, OWN>;
  var own_starts: array<u32, OWN>;
  //#unroll
  for (var i = 0u; i < OWN; i++) {
    let row = min(first_row + i * SHARE + own_lane % SHARE, rows - 1u);
    let tap = row / IN_CHANNELS;
    own_taps[i] = vec2u(tap % KERNEL_WIDTH * DILATION_X, tap / KERNEL_WIDTH * DILATION_Y);
    // From the window's first pixel, which may lie before the start of x: the sum of the two wraps back.
    own_starts[i] = (own_taps[i].y * IN_WIDTH + own_taps[i].x) * IN_CHANNELS + row % IN_CHANNELS;
  }
  var columns: array<u32, VECTORS>;
  //#unroll
  for (var v = 0u; v < VECTORS; v++) {
    columns[v] = min(first_column + v * VECTOR * LANES, OUT_CHANNELS - VECTOR);
  }

  let lines = params.batch * OUT_HEIGHT;
  let lines_per_split = (lines + params.splits - 1u) / params.splits;
  let line_end = min(lines, (split + 1u) * lines_per_split);
  var sums: array<array<f32, COLS>, ROWS>;
  for (var line = split * lines_per_split; line < line_end; line++) {
    let top = line % OUT_HEIGHT * STRIDE_Y - PADDING_Y;
    let line_start = (line / OUT_HEIGHT * IN_HEIGHT + top) * IN_WIDTH;
    var own_columns: array<u32, OWN>;
    //#unroll
    for (var i = 0u; i < OWN; i++) {
      // Far outside, where the whole line is.
      own_columns[i] = select(0x80000000u, own_taps[i].x, top + own_taps[i].y < IN_HEIGHT);
    }
    for (var ox = 0u; ox < OUT_WIDTH; ox++) {
      let left = ox * STRIDE_X - PADDING_X;
      let x_start = (line_start + left) * IN_CHANNELS;
      let dy_start = (line * OUT_WIDTH + ox) * OUT_CHANNELS;
      var gradients: array<f32, COLS>;
      //#unroll
      for (var v = 0u; v < VECTORS; v++) {
        let at = dy_start + columns[v];
        let loaded = vec4f(f32(dy[at])); //#vec4 let loaded = vec4f(dy[at / 4u]);
        //#unroll
        for (var i = 0u; i < VECTOR; i++) {
          gradients[v * VECTOR + i] = loaded[i];
        }
      }
      var own: array<f32, OWN>;
      //#unroll
      for (var i = 0u; i < OWN; i++) {
        own[i] = select(0.0, f32(x[x_start + own_starts[i]]), left + own_columns[i] < IN_WIDTH);
      }
      //#unroll
      for (var r = 0u; r < ROWS; r++) {
        let value = from_lane(own[r / SHARE], r % SHARE);
        //#unroll
        for (var c = 0u; c < COLS; c++) {
          sums[r][c] = fma(value, gradients[c], sums[r][c]);
        }
      }
    }
  }

  // A few rows a round, picked by comparing: written out in full, a software adapter's compiler would take longer over the
  // stores than over all the rest.
  for (var round = 0u; round < ROUNDS; round++) {
    //#unroll
    for (var i = 0u; i < ROWS_AT_ONCE; i++) {
      let row = first_row + round * ROWS_AT_ONCE + i;
      //#unroll
      for (var c = 0u; c < COLS; c++) {
        let column = first_column + c / VECTOR * VECTOR * LANES + c % VECTOR;
        var value = 0.0;
        //#unroll
        for (var r = 0u; r < ROUNDS; r++) {
          value = select(value, sums[r * ROWS_AT_ONCE + i][c], r == round);
        }
        if (row < rows && column < OUT_CHANNELS) {
          parts[(split * rows + row) * OUT_CHANNELS + column] = value;
        }
      }
    }
  }
}
