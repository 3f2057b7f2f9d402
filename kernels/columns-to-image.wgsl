// Second half of the gradient of a convolution with respect to its input: each element of the input adds up what the taps
// that read it have for it, columns[n, oy, ox, ky, kx, c] = sum_o dy[n, oy, ox, o] * weight[ky, kx, c, o]:
// dx[n, iy, ix, c] = sum_{ky, kx} columns[n, (iy + PADDING_Y - ky) / STRIDE_Y, (ix + PADDING_X - kx) / STRIDE_X, ky, kx, c],
// over the taps for which both divisions come out even and give a place inside of the output.
//
// Along an axis those taps are every STRIDE_Y-th one, from (iy + PADDING_Y) % STRIDE_Y on. All threads go through equally many,
// and add nothing where a tap or its place is outside: on a software adapter, loops whose ends differ take longer than that.
//
// shape columns: batch * OUT_HEIGHT * OUT_WIDTH * KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS
// shape dx: batch * IN_HEIGHT * IN_WIDTH * IN_CHANNELS
// workgroups: ceil(batch * IN_HEIGHT * IN_WIDTH * IN_CHANNELS / (LANES * ELEMENTS))
// flops: batch * OUT_HEIGHT * OUT_WIDTH * KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS
//#include "lib/grid.wgsl"

const LANES: u32 = 64u;
// Elements a thread goes through.
const ELEMENTS: u32 = 8u;
const STRIDE_Y: u32 = 1u;
const STRIDE_X: u32 = 1u;
const PADDING_Y: u32 = 1u;
const PADDING_X: u32 = 1u;
const KERNEL_HEIGHT: u32 = 3u;
const KERNEL_WIDTH: u32 = 3u;
const IN_HEIGHT: u32 = 8u;
const IN_WIDTH: u32 = 8u;
const IN_CHANNELS: u32 = 3u;
const OUT_HEIGHT: u32 = 8u;
const OUT_WIDTH: u32 = 8u;
const TAPS_DOWN = (KERNEL_HEIGHT + STRIDE_Y - 1u) / STRIDE_Y;
const TAPS_ACROSS = (KERNEL_WIDTH + STRIDE_X - 1u) / STRIDE_X;

struct Params {
  batch: u32,
}

@group(0) @binding(0) var<storage, read> columns: array<f32>;
@group(0) @binding(1) var<storage, read_write> dx: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let first = workgroup_index(group, grid) * LANES * ELEMENTS;
  let end = min(first + LANES * ELEMENTS, params.batch * IN_HEIGHT * IN_WIDTH * IN_CHANNELS);
  for (var i = first + local.x; i < end; i += LANES) {
    let pixel = i / IN_CHANNELS;
    let row = pixel / IN_WIDTH % IN_HEIGHT + PADDING_Y;
    let column = pixel % IN_WIDTH + PADDING_X;
    let image = pixel / (IN_WIDTH * IN_HEIGHT);
    var sum = 0.0;
    for (var down = 0u; down < TAPS_DOWN; down++) {
      let ky = row % STRIDE_Y + down * STRIDE_Y;
      // Left of or above the first place, this wraps round to one that is outside, too.
      let oy = row / STRIDE_Y - down;
      for (var across = 0u; across < TAPS_ACROSS; across++) {
        let kx = column % STRIDE_X + across * STRIDE_X;
        let ox = column / STRIDE_X - across;
        let inside = ky < KERNEL_HEIGHT && oy < OUT_HEIGHT && kx < KERNEL_WIDTH && ox < OUT_WIDTH;
        let source = (image * OUT_HEIGHT + oy) * OUT_WIDTH + ox;
        let at = ((source * KERNEL_HEIGHT + ky) * KERNEL_WIDTH + kx) * IN_CHANNELS + i % IN_CHANNELS;
        sum += select(0.0, columns[at], inside);
      }
    }
    dx[i] = sum;
  }
}
