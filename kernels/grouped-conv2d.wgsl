// 2-D convolution in CHANNEL_GROUPS groups of channels, depthwise where a group has one channel on either side: images NHWC and
// weights [kernel_y, kernel_x, in of a group, out], the groups one after another on both sides:
// y[n, oy, ox, o] = sum_{ky, kx, c} x[n, iy, ix, o / OUT_GROUP * IN_GROUP + c] * weight[ky, kx, c, o], where
// iy = oy * STRIDE_Y + ky * DILATION_Y - PADDING_Y and ix = ox * STRIDE_X + kx * DILATION_X - PADDING_X.
//
// With TRANSPOSED, the gradient of that with respect to its input: `x` is the gradient of the output, `y` that of the input,
// IN_* and OUT_* change places, and the weight stays as it is, [kernel_y, kernel_x, out of a group, in]:
// y[n, iy, ix, c] = sum_{ky, kx, o} x[n, oy, ox, s] * weight[ky, kx, c % OUT_GROUP, s] with s = c / OUT_GROUP * IN_GROUP + o,
// oy = (iy + PADDING_Y - ky * DILATION_Y) / STRIDE_Y and ox = (ix + PADDING_X - kx * DILATION_X) / STRIDE_X, over the taps for
// which both divisions come out even. Without dilation, those are the same for all pixels that agree modulo the strides (a
// phase): a thread takes pixels of one phase and only their taps. With it, every pixel goes through all taps.
//
// A thread holds PIXELS pixels of a row x VECTOR channels of y in registers, and neighbouring threads hold neighbouring channels.
// For one row of the window it loads what all of its pixels see of x, each element once, and its weights, each once.
//
// shape x: batch * IN_HEIGHT * IN_WIDTH * IN_CHANNELS
// shape weight: KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS * OUT_CHANNELS / CHANNEL_GROUPS
// shape y: batch * OUT_HEIGHT * OUT_WIDTH * OUT_CHANNELS
// workgroups: ceil(PHASES_Y * PHASES_X * batch * ceil(OUT_HEIGHT / PHASES_Y) * ceil(ceil(OUT_WIDTH / PHASES_X) / PIXELS) * OUT_CHANNELS / VECTOR / LANES)
// flops: 2 * batch * KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS * OUT_CHANNELS / CHANNEL_GROUPS * (TRANSPOSED * IN_HEIGHT * IN_WIDTH + (1 - TRANSPOSED) * OUT_HEIGHT * OUT_WIDTH)
//#include "lib/grid.wgsl"
//#include "lib/element.wgsl"
//#include "lib/stored.wgsl"

const LANES: u32 = 64u;
// 1 where DILATION_X is above 1.
const PIXELS: u32 = 4u;
// Neighbouring channels of y that a thread has, 1 or 4; 4 needs groups of one channel on both sides, a multiple of 4 of them, or
// of multiples of 4 channels on both sides.
const VECTOR: u32 = 1u;
const TRANSPOSED: bool = false;
// 1, or the strides where TRANSPOSED and not dilated.
const PHASES_Y: u32 = 1u;
const PHASES_X: u32 = 1u;
const STRIDE_Y: u32 = 1u;
const STRIDE_X: u32 = 1u;
const PADDING_Y: u32 = 1u;
const PADDING_X: u32 = 1u;
const DILATION_Y: u32 = 1u;
const DILATION_X: u32 = 1u;
const KERNEL_HEIGHT: u32 = 3u;
const KERNEL_WIDTH: u32 = 3u;
const CHANNEL_GROUPS: u32 = 8u;
const IN_HEIGHT: u32 = 8u;
const IN_WIDTH: u32 = 8u;
const IN_CHANNELS: u32 = 8u;
const OUT_HEIGHT: u32 = 8u;
const OUT_WIDTH: u32 = 8u;
const OUT_CHANNELS: u32 = 8u;

const IN_GROUP = IN_CHANNELS / CHANNEL_GROUPS;
const OUT_GROUP = OUT_CHANNELS / CHANNEL_GROUPS;
// Of a phase.
const TAPS_DOWN = (KERNEL_HEIGHT + PHASES_Y - 1u) / PHASES_Y;
const TAPS_ACROSS = (KERNEL_WIDTH + PHASES_X - 1u) / PHASES_X;
// Forward, how far apart neighbouring pixels of y read; with TRANSPOSED, how far apart pixels of x are among what taps can read.
const STEP_Y = STRIDE_Y / PHASES_Y;
const STEP_X = STRIDE_X / PHASES_X;
// Places of a row of x that the pixels of a thread see, from the first tap of the first one to the last tap of the last one.
const PLACES = (PIXELS - 1u) * STEP_X + TAPS_ACROSS;
// Channels of x that a thread goes through at once: VECTOR of a group, or the one that there is.
const OWN = min(VECTOR, IN_GROUP);
const DEPTHWISE = IN_GROUP * OUT_GROUP == 1u;
const OUTSIDE = 0xffffffffu;

struct Params {
  batch: u32,
}

@group(0) @binding(0) var<storage, read> x: array<StoredElement>;
@group(0) @binding(1) var<storage, read> weight: array<Element>;
@group(0) @binding(2) var<storage, read_write> y: array<StoredElement>;
@group(0) @binding(3) var<uniform> params: Params;

// Where the first place of a window lies along an axis. Left of x or above it, this wraps.
fn first_place(position: u32, first_tap: u32, taps: u32, phases: u32, stride: u32, padding: u32, dilation: u32) -> u32 {
  if (TRANSPOSED) {
    // Taps read from the last place to the first.
    return (position + padding - first_tap) / phases - (taps - 1u) * dilation;
  }
  return position * stride - padding;
}

// The pixel of x at a place; what wrapped is outside even when it is divided.
fn pixel_at(place: u32, step: u32) -> u32 {
  if (TRANSPOSED) {
    return select(OUTSIDE, place / step, place % step == 0u);
  }
  return place;
}

// The weights of a tap from OWN channels of x, from `c` of the group that begins with `source` on, to the channels of y.
fn tap_weights(tap: u32, c: u32, source: u32, channel: u32) -> array<Element, OWN> {
  var weights: array<Element, OWN>;
  if (TRANSPOSED && !DEPTHWISE) {
    //#unroll
    for (var o = 0u; o < VECTOR; o++) {
      let at = (tap * OUT_GROUP + channel % OUT_GROUP + o) * IN_CHANNELS + source + c;
      let row = weight[at / VECTOR];
      //#unroll
      for (var i = 0u; i < OWN; i++) {
        weights[i] = row; //#vec4 weights[i][o] = row[i];
      }
    }
  } else {
    //#unroll
    for (var i = 0u; i < OWN; i++) {
      weights[i] = weight[((tap * IN_GROUP + c + i) * OUT_CHANNELS + channel) / VECTOR];
    }
  }
  return weights;
}

// What one of the channels that were loaded at once gives to all channels of y; in depthwise form, each to its own.
fn given(loaded: Element, i: u32) -> Element {
  return loaded; //#vec4 return select(vec4f(loaded[i]), loaded, DEPTHWISE);
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let vectors = OUT_CHANNELS / VECTOR;
  let phase_height = (OUT_HEIGHT + PHASES_Y - 1u) / PHASES_Y;
  let phase_width = (OUT_WIDTH + PHASES_X - 1u) / PHASES_X;
  let runs = (phase_width + PIXELS - 1u) / PIXELS;
  let thread = workgroup_index(group, grid) * LANES + local.x;
  let channel = thread % vectors * VECTOR;
  let run = thread / vectors;
  let line = run / runs;
  let image = line / phase_height % params.batch;
  let phase = line / phase_height / params.batch;
  let row = line % phase_height * PHASES_Y + phase / PHASES_X;
  let column = run % runs * PIXELS * PHASES_X + phase % PHASES_X;
  if (phase >= PHASES_Y * PHASES_X || row >= OUT_HEIGHT) {
    return;
  }
  let source = channel / OUT_GROUP * IN_GROUP;
  let first_ky = (row + PADDING_Y) % PHASES_Y;
  let first_kx = (column + PADDING_X) % PHASES_X;
  let top = first_place(row, first_ky, TAPS_DOWN, PHASES_Y, STRIDE_Y, PADDING_Y, DILATION_Y);
  let left = first_place(column, first_kx, TAPS_ACROSS, PHASES_X, STRIDE_X, PADDING_X, DILATION_X);

  var sums: array<Element, PIXELS>;
  for (var down = 0u; down < TAPS_DOWN; down++) {
    let ky = first_ky + down * PHASES_Y;
    let iy = pixel_at(top + select(down, TAPS_DOWN - 1u - down, TRANSPOSED) * DILATION_Y, STEP_Y);
    if (ky >= KERNEL_HEIGHT || iy >= IN_HEIGHT) {
      continue;
    }
    let line_start = (image * IN_HEIGHT + iy) * IN_WIDTH;
    for (var c = 0u; c < IN_GROUP; c += OWN) {
      var loaded: array<Element, PLACES>;
      //#unroll
      for (var i = 0u; i < PLACES; i++) {
        let ix = pixel_at(left + i * DILATION_X, STEP_X);
        let at = (line_start + ix) * IN_CHANNELS + source + c;
        loaded[i] = select(Element(), Element(x[at / VECTOR]), ix < IN_WIDTH);
      }
      //#unroll
      for (var across = 0u; across < TAPS_ACROSS; across++) {
        let kx = first_kx + across * PHASES_X;
        if (kx < KERNEL_WIDTH) {
          let weights = tap_weights(ky * KERNEL_WIDTH + kx, c, source, channel);
          //#unroll
          for (var p = 0u; p < PIXELS; p++) {
            let seen = loaded[p * STEP_X + select(across, TAPS_ACROSS - 1u - across, TRANSPOSED)];
            //#unroll
            for (var i = 0u; i < OWN; i++) {
              sums[p] = fma(given(seen, i), weights[i], sums[p]);
            }
          }
        }
      }
    }
  }

  //#unroll
  for (var p = 0u; p < PIXELS; p++) {
    let own_column = column + p * PHASES_X;
    if (own_column < OUT_WIDTH) {
      let at = ((image * OUT_HEIGHT + row) * OUT_WIDTH + own_column) * OUT_CHANNELS + channel;
      y[at / VECTOR] = StoredElement(sums[p]);
    }
  }
}
