// Gradient of a 2-D convolution in groups of channels (grouped-conv2d) with respect to its weights, as partial sums over `splits`
// of the output rows:
// parts[s, ky, kx, c, o] = sum over the output rows (n, oy) of split s, and ox, of
// x[n, iy, ix, o / OUT_GROUP * IN_GROUP + c] * dy[n, oy, ox, o], where iy = oy * STRIDE_Y + ky * DILATION_Y - PADDING_Y and
// ix = ox * STRIDE_X + kx * DILATION_X - PADDING_X. sum-splits adds the parts up.
//
// A thread holds a row of the window for OWN channels of x and VECTOR of dy in registers, and neighbouring threads hold
// neighbouring channels. It loads PIXELS neighbouring pixels of dy at once, and what their windows see of x, each element once.
//
// shape x: batch * IN_HEIGHT * IN_WIDTH * IN_CHANNELS
// shape dy: batch * OUT_HEIGHT * OUT_WIDTH * OUT_CHANNELS
// shape parts: splits * KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS * OUT_CHANNELS / CHANNEL_GROUPS
// workgroups: ceil(splits * KERNEL_HEIGHT * IN_CHANNELS / CHANNEL_GROUPS / min(VECTOR, IN_CHANNELS / CHANNEL_GROUPS) * OUT_CHANNELS / VECTOR / LANES)
// flops: 2 * batch * KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS * OUT_CHANNELS / CHANNEL_GROUPS * OUT_HEIGHT * OUT_WIDTH
//#include "lib/grid.wgsl"
//#include "lib/element.wgsl"
//#include "lib/stored.wgsl"

const LANES: u32 = 64u;
// 1 where DILATION_X is above 1.
const PIXELS: u32 = 4u;
// As in grouped-conv2d.
const VECTOR: u32 = 1u;
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
// Places of a row of x that PIXELS windows see.
const PLACES = (PIXELS - 1u) * STRIDE_X + KERNEL_WIDTH;
// Channels of x that a thread has: VECTOR of a group, or the one that there is.
const OWN = min(VECTOR, IN_GROUP);
const DEPTHWISE = IN_GROUP * OUT_GROUP == 1u;

struct Params {
  batch: u32,
  splits: u32,
}

@group(0) @binding(0) var<storage, read> x: array<StoredElement>;
@group(0) @binding(1) var<storage, read> dy: array<StoredElement>;
@group(0) @binding(2) var<storage, read_write> parts: array<Element>;
@group(0) @binding(3) var<uniform> params: Params;

// What one of the channels that were loaded at once gives to all channels of dy; in depthwise form, each to its own.
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
  let thread = workgroup_index(group, grid) * LANES + local.x;
  let channel = thread % vectors * VECTOR;
  let row = thread / vectors;
  let c = row % (IN_GROUP / OWN) * OWN;
  let ky = row / (IN_GROUP / OWN) % KERNEL_HEIGHT;
  let split = row / (IN_GROUP / OWN) / KERNEL_HEIGHT;
  if (split >= params.splits) {
    return;
  }
  let source = channel / OUT_GROUP * IN_GROUP + c;

  let lines = params.batch * OUT_HEIGHT;
  let lines_per_split = (lines + params.splits - 1u) / params.splits;
  let line_end = min(lines, (split + 1u) * lines_per_split);
  var sums: array<array<Element, OWN>, KERNEL_WIDTH>;
  for (var line = split * lines_per_split; line < line_end; line++) {
    // Above x, this wraps round to what is outside, too; so does `ix`.
    let iy = line % OUT_HEIGHT * STRIDE_Y + ky * DILATION_Y - PADDING_Y;
    if (iy >= IN_HEIGHT) {
      continue;
    }
    let line_start = (line / OUT_HEIGHT * IN_HEIGHT + iy) * IN_WIDTH;
    for (var ox = 0u; ox < OUT_WIDTH; ox += PIXELS) {
      var gradients: array<Element, PIXELS>;
      //#unroll
      for (var p = 0u; p < PIXELS; p++) {
        let at = (line * OUT_WIDTH + ox + p) * OUT_CHANNELS + channel;
        gradients[p] = select(Element(), Element(dy[at / VECTOR]), ox + p < OUT_WIDTH);
      }
      var loaded: array<Element, PLACES>;
      //#unroll
      for (var i = 0u; i < PLACES; i++) {
        let ix = ox * STRIDE_X + i * DILATION_X - PADDING_X;
        let at = (line_start + ix) * IN_CHANNELS + source;
        loaded[i] = select(Element(), Element(x[at / VECTOR]), ix < IN_WIDTH);
      }
      //#unroll
      for (var kx = 0u; kx < KERNEL_WIDTH; kx++) {
        //#unroll
        for (var i = 0u; i < OWN; i++) {
          //#unroll
          for (var p = 0u; p < PIXELS; p++) {
            sums[kx][i] = fma(given(loaded[p * STRIDE_X + kx], i), gradients[p], sums[kx][i]);
          }
        }
      }
    }
  }

  //#unroll
  for (var kx = 0u; kx < KERNEL_WIDTH; kx++) {
    //#unroll
    for (var i = 0u; i < OWN; i++) {
      let at = (((split * KERNEL_HEIGHT + ky) * KERNEL_WIDTH + kx) * IN_GROUP + c + i) * OUT_CHANNELS + channel;
      parts[at / VECTOR] = sums[kx][i];
    }
  }
}
