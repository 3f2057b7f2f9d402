// Gradient of a 2-D convolution with respect to its weights, as partial sums over SPLITS of the output rows:
// parts[s, ky, kx, c, o] = sum over the output rows (n, oy) of split s, and ox, of
// x[n, oy * STRIDE + ky - PADDING, ox * STRIDE + kx - PADDING, c] * dy[n, oy, ox, o]. sum-splits adds the parts up.
//
// A thread holds ROWS input channels x COLS output channels of one tap in registers. Neighbouring threads hold
// neighbouring output channels; all of a workgroup need the same elements of x: each of SHARE threads loads a part of them
// and hands it on to the others. Output pixels whose input pixel is outside of the image are never visited.
//
// shape x: batch * IN_HEIGHT * IN_WIDTH * IN_CHANNELS
// shape dy: batch * OUT_HEIGHT * OUT_WIDTH * OUT_CHANNELS
// shape parts: splits * KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS * OUT_CHANNELS
// workgroups: splits * KERNEL_HEIGHT * KERNEL_WIDTH * ceil(IN_CHANNELS / ROWS) * ceil(OUT_CHANNELS / (COLS * LANES))
// flops: 2 * batch * KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS * OUT_CHANNELS * OUT_HEIGHT * OUT_WIDTH
//#include "lib/grid.wgsl"
//#include "lib/share.wgsl"

const LANES: u32 = 8u;
// A multiple of SHARE.
const ROWS: u32 = 8u;
const COLS: u32 = 4u;
const SHARE: u32 = 1u;
const OWN = ROWS / SHARE;
const STRIDE: u32 = 1u;
const PADDING: u32 = 1u;
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

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> parts: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let column_blocks = (OUT_CHANNELS + COLS * LANES - 1u) / (COLS * LANES);
  let row_blocks = (IN_CHANNELS + ROWS - 1u) / ROWS;
  let taps = KERNEL_HEIGHT * KERNEL_WIDTH;
  let index = workgroup_index(group, grid);
  let first_column = index % column_blocks * COLS * LANES + local.x;
  let first_row = index / column_blocks % row_blocks * ROWS;
  let tap = index / (column_blocks * row_blocks) % taps;
  let split = index / (column_blocks * row_blocks * taps);
  if (split >= params.splits) {
    return;
  }
  let ky = tap / KERNEL_WIDTH;
  let kx = tap % KERNEL_WIDTH;

  var own_rows: array<u32, OWN>;
  for (var i = 0u; i < OWN; i++) {
    own_rows[i] = min(first_row + i * SHARE + local.x % SHARE, IN_CHANNELS - 1u);
  }
  var columns: array<u32, COLS>;
  for (var c = 0u; c < COLS; c++) {
    columns[c] = min(first_column + c * LANES, OUT_CHANNELS - 1u);
  }

  // The output columns whose input column ox * STRIDE + kx - PADDING is inside of the image.
  let ox_begin = select(0u, (PADDING - kx + STRIDE - 1u) / STRIDE, kx < PADDING);
  let ox_reach = IN_WIDTH + PADDING - kx;
  let ox_end = min(OUT_WIDTH, select((ox_reach + STRIDE - 1u) / STRIDE, 0u, kx >= IN_WIDTH + PADDING));

  let lines = params.batch * OUT_HEIGHT;
  let lines_per_split = (lines + params.splits - 1u) / params.splits;
  let line_end = min(lines, (split + 1u) * lines_per_split);
  var sums: array<array<f32, COLS>, ROWS>;
  for (var line = split * lines_per_split; line < line_end; line++) {
    let iy = line % OUT_HEIGHT * STRIDE + ky - PADDING;
    if (iy >= IN_HEIGHT) {
      continue;
    }
    let x_line = (line / OUT_HEIGHT * IN_HEIGHT + iy) * IN_WIDTH;
    for (var ox = ox_begin; ox < ox_end; ox++) {
      let dy_start = (line * OUT_WIDTH + ox) * OUT_CHANNELS;
      let x_start = (x_line + ox * STRIDE + kx - PADDING) * IN_CHANNELS;
      var gradients: array<f32, COLS>;
      for (var c = 0u; c < COLS; c++) {
        gradients[c] = dy[dy_start + columns[c]];
      }
      var own: array<f32, OWN>;
      for (var i = 0u; i < OWN; i++) {
        own[i] = x[x_start + own_rows[i]];
      }
      for (var r = 0u; r < ROWS; r++) {
        let value = from_lane(own[r / SHARE], r % SHARE);
        for (var c = 0u; c < COLS; c++) {
          sums[r][c] = fma(value, gradients[c], sums[r][c]);
        }
      }
    }
  }

  let start = (split * taps + tap) * IN_CHANNELS * OUT_CHANNELS;
  for (var r = 0u; r < ROWS; r++) {
    for (var c = 0u; c < COLS; c++) {
      let row = first_row + r;
      let column = first_column + c * LANES;
      if (row < IN_CHANNELS && column < OUT_CHANNELS) {
        parts[start + row * OUT_CHANNELS + column] = sums[r][c];
      }
    }
  }
}
