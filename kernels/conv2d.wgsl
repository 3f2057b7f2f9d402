// 2-D convolution as an implicit matrix product, images NHWC and weights [kernel_y, kernel_x, in, out]:
// y[n, oy, ox, o] = sum_{ky, kx, c} x[n, iy, ix, c] * weight[ky, kx, c, o], where
// iy = oy * STRIDE_Y + ky * DILATION_Y - PADDING_Y and ix = ox * STRIDE_X + kx * DILATION_X - PADDING_X.
//
// With TRANSPOSED, the gradient of that with respect to its input: `x` is the gradient of the output, `y` that of the
// input, IN_* and OUT_* change places, and `weight` comes as [kernel_y, kernel_x, out, in]:
// y[n, iy, ix, c] = sum_{ky, kx, o} x[n, oy, ox, o] * weight[ky, kx, o, c], where
// oy = (iy + PADDING_Y - ky * DILATION_Y) / STRIDE_Y and ox = (ix + PADDING_X - kx * DILATION_X) / STRIDE_X,
// over the taps for which both divisions come out even. Which taps those are depends only on iy and ix modulo the strides (the
// phase), so a workgroup takes pixels of one phase and skips the other taps as a whole.
//
// A thread holds ROWS pixels x COLS channels of y in registers. Neighbouring threads hold neighbouring output channels, so
// their loads of the weights lie side by side, and all LANES threads of a row of the workgroup need the same elements of x:
// each of SHARE threads loads a part of them and hands it on to the others. The elements of x under one row of the window
// lie one after another, so the sum runs over (kx, c) at once: with 3 channels a loop over c alone would be all overhead.
//
// shape x: batch * IN_HEIGHT * IN_WIDTH * IN_CHANNELS
// shape weight: KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS * OUT_CHANNELS
// shape y: batch * OUT_HEIGHT * OUT_WIDTH * OUT_CHANNELS
// workgroups: PHASES_Y * PHASES_X * ceil(batch * ceil(OUT_HEIGHT / PHASES_Y) * ceil(OUT_WIDTH / PHASES_X) / (ROWS * GROUPS)) * ceil(OUT_CHANNELS / (COLS * LANES))
// flops: 2 * batch * KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS * OUT_CHANNELS * (TRANSPOSED * IN_HEIGHT * IN_WIDTH + (1 - TRANSPOSED) * OUT_HEIGHT * OUT_WIDTH)
// bytes: ceil(batch * ceil(OUT_HEIGHT / PHASES_Y) * ceil(OUT_WIDTH / PHASES_X) / (ROWS * GROUPS)) * ceil(OUT_CHANNELS / (COLS * LANES)) * KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS * ((4 - 2 * HALF) * ROWS * GROUPS + 4 * COLS * LANES) + (4 - 2 * HALF) * batch * OUT_HEIGHT * OUT_WIDTH * OUT_CHANNELS
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
const TRANSPOSED: bool = false;
// 1, or the strides where TRANSPOSED.
const PHASES_Y: u32 = 1u;
const PHASES_X: u32 = 1u;
// Taps whose elements of x lie one after another: KERNEL_WIDTH, or 1 where TRANSPOSED or dilated.
const RUN_TAPS: u32 = 3u;
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
}

@group(0) @binding(0) var<storage, read> x: array<Stored>;
@group(0) @binding(1) var<storage, read> weight: array<f32>; //#vec4 @group(0) @binding(1) var<storage, read> weight: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<Stored>;
@group(0) @binding(3) var<uniform> params: Params;

struct Pixel {
  image: u32,
  row: u32,
  column: u32,
  inside: bool,
}

// The output pixel with this number among those of a phase.
fn output_pixel(number: u32, phase: u32) -> Pixel {
  let width = (OUT_WIDTH + PHASES_X - 1u) / PHASES_X;
  let height = (OUT_HEIGHT + PHASES_Y - 1u) / PHASES_Y;
  let row = number / width % height * PHASES_Y + phase / PHASES_X;
  let column = number % width * PHASES_X + phase % PHASES_X;
  let image = number / (width * height);
  return Pixel(image, row, column, image < params.batch && row < OUT_HEIGHT && column < OUT_WIDTH);
}

// The elements of x that a pixel needs from one run of taps: those from `start` on, of which `count` from the `first` on
// are inside of the image. `start` may wrap below zero; start + first does not.
struct Run {
  start: u32,
  first: u32,
  count: u32,
}

fn source_run(pixel: Pixel, ky: u32, kx: u32) -> Run {
  if (TRANSPOSED) {
    let down = ky * DILATION_Y;
    let across = kx * DILATION_X;
    let row = (pixel.row + PADDING_Y - down) / STRIDE_Y;
    let column = (pixel.column + PADDING_X - across) / STRIDE_X;
    // The divisions would bring differences that wrapped back into the input.
    let wrapped = pixel.row + PADDING_Y < down || pixel.column + PADDING_X < across;
    let inside = pixel.inside && !wrapped && row < IN_HEIGHT && column < IN_WIDTH;
    return Run(((pixel.image * IN_HEIGHT + row) * IN_WIDTH + column) * IN_CHANNELS, 0u, select(0u, IN_CHANNELS, inside));
  }
  let row = pixel.row * STRIDE_Y + ky * DILATION_Y - PADDING_Y;
  let column = pixel.column * STRIDE_X + kx * DILATION_X;
  let first = max(PADDING_X, column) - column;
  let end = min(RUN_TAPS, max(IN_WIDTH + PADDING_X, column) - column);
  let inside = pixel.inside && row < IN_HEIGHT && first < end;
  return Run(
    ((pixel.image * IN_HEIGHT + row) * IN_WIDTH + column - PADDING_X) * IN_CHANNELS,
    first * IN_CHANNELS,
    select(0u, (end - first) * IN_CHANNELS, inside),
  );
}

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
  let pixels = params.batch * ((OUT_HEIGHT + PHASES_Y - 1u) / PHASES_Y) * ((OUT_WIDTH + PHASES_X - 1u) / PHASES_X);
  let pixel_blocks = (pixels + ROWS * GROUPS - 1u) / (ROWS * GROUPS);
  let index = workgroup_index(group, grid);
  let phase = index / (column_blocks * pixel_blocks);
  if (phase >= PHASES_Y * PHASES_X) {
    return;
  }
  // GROUPS is 1 on software adapters: the remainder tells the compiler that the pixels are the same for all threads.
  let first_pixel = (index / column_blocks % pixel_blocks * GROUPS + local.y % GROUPS) * ROWS;
  let first_column = index % column_blocks * COLS * LANES + own_lane * VECTOR;

  var own_pixels: array<Pixel, OWN>;
  //#unroll
  for (var i = 0u; i < OWN; i++) {
    own_pixels[i] = output_pixel(first_pixel + i * SHARE + own_lane % SHARE, phase);
  }
  var columns: array<u32, VECTORS>;
  //#unroll
  for (var v = 0u; v < VECTORS; v++) {
    columns[v] = min(first_column + v * VECTOR * LANES, OUT_CHANNELS - VECTOR);
  }

  var sums: array<array<f32, COLS>, ROWS>;
  for (var ky = 0u; ky < KERNEL_HEIGHT; ky++) {
    if (TRANSPOSED && (phase / PHASES_X + PADDING_Y + (STRIDE_Y * KERNEL_HEIGHT - ky) * DILATION_Y) % STRIDE_Y != 0u) {
      continue;
    }
    for (var kx = 0u; kx < KERNEL_WIDTH; kx += RUN_TAPS) {
      if (TRANSPOSED && (phase % PHASES_X + PADDING_X + (STRIDE_X * KERNEL_WIDTH - kx) * DILATION_X) % STRIDE_X != 0u) {
        continue;
      }
      var runs: array<Run, OWN>;
      //#unroll
      for (var i = 0u; i < OWN; i++) {
        runs[i] = source_run(own_pixels[i], ky, kx);
      }
      let weight_start = (ky * KERNEL_WIDTH + kx) * IN_CHANNELS * OUT_CHANNELS;
      for (var k = 0u; k < RUN_TAPS * IN_CHANNELS; k++) {
        var weights: array<f32, COLS>;
        //#unroll
        for (var v = 0u; v < VECTORS; v++) {
          let at = weight_start + k * OUT_CHANNELS + columns[v];
          let loaded = vec4f(weight[at]); //#vec4 let loaded = weight[at / 4u];
          //#unroll
          for (var i = 0u; i < VECTOR; i++) {
            weights[v * VECTOR + i] = loaded[i];
          }
        }
        var own: array<f32, OWN>;
        //#unroll
        for (var i = 0u; i < OWN; i++) {
          let inside = select((k - runs[i].first) < runs[i].count, (runs[i].count > 0u), RUN_TAPS == 1u);
          own[i] = select(0.0, f32(x[runs[i].start + k]), inside);
        }
        //#unroll
        for (var p = 0u; p < ROWS; p++) {
          let value = from_lane(own[p / SHARE], p % SHARE);
          //#unroll
          for (var c = 0u; c < COLS; c++) {
            sums[p][c] = fma(value, weights[c], sums[p][c]);
          }
        }
      }
    }
  }

  // A few rows a round, picked by comparing: written out in full, a software adapter's compiler would take longer over the
  // stores than over all the rest.
  for (var round = 0u; round < ROUNDS; round++) {
    //#unroll
    for (var p = 0u; p < ROWS_AT_ONCE; p++) {
      let pixel = output_pixel(first_pixel + round * ROWS_AT_ONCE + p, phase);
      let start = ((pixel.image * OUT_HEIGHT + pixel.row) * OUT_WIDTH + pixel.column) * OUT_CHANNELS;
      //#unroll
      for (var c = 0u; c < COLS; c++) {
        let column = first_column + c / VECTOR * VECTOR * LANES + c % VECTOR;
        var value = 0.0;
        //#unroll
        for (var r = 0u; r < ROUNDS; r++) {
          value = select(value, sums[r * ROWS_AT_ONCE + p][c], r == round);
        }
        if (pixel.inside && column < OUT_CHANNELS) {
          y[start + column] = Stored(value);
        }
      }
    }
  }
}
