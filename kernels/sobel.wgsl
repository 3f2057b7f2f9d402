// Sobel filtering of RGB images whose view asks for it; others are copied. With the luma l of a pixel, its borders repeated,
// gx = ([1 2 1]^T [-1 0 1] / 4) * l and gy its transpose, all three channels become sqrt((gx^2 + gy^2) / 2), which lies in
// [0, 1] as l does (the scaling and borders of scikit-image's `sobel`). With SOLARIZE, views that ask for it are solarized.
// One thread a pixel.
//
// shape x: images * height * width * 3
// shape views: images * VIEW_FIELDS
// shape y: images * height * width * 3
// workgroups: ceil(images * height * width / LANES)
// flops: 60 * images * height * width
//#include "lib/grid.wgsl"
//#include "lib/luma.wgsl"
//#include "lib/view.wgsl"

const LANES: u32 = 64u;
const SOLARIZE: bool = false;

struct Params {
  images: u32,
  height: u32,
  width: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> views: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

fn color_at(pixel: u32) -> vec3f {
  return vec3f(x[3u * pixel], x[3u * pixel + 1u], x[3u * pixel + 2u]);
}

// Luma of the pixels above, at and below the middle of a column, given the first pixel of each row.
fn column_luma(rows: vec3u, column: u32) -> vec3f {
  let colors = mat3x3f(color_at(rows.x + column), color_at(rows.y + column), color_at(rows.z + column));
  return LUMA * colors;
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let i = workgroup_index(group, grid) * LANES + local.x;
  let pixels = params.height * params.width;
  if (i >= params.images * pixels) {
    return;
  }
  var color = color_at(i);
  let start = i / pixels * VIEW_FIELDS;
  if (views[start + VIEW_SOBEL] > 0.0) {
    let row = i % pixels / params.width;
    let column = i % params.width;
    let rows = vec3u(max(row, 1u) - 1u, row, min(row + 1u, params.height - 1u)) * params.width + i - i % pixels;
    let left = column_luma(rows, max(column, 1u) - 1u);
    let middle = column_luma(rows, column);
    let right = column_luma(rows, min(column + 1u, params.width - 1u));
    let smooth_across = vec3f(1.0, 2.0, 1.0) / 4.0;
    let gx = dot(right - left, smooth_across);
    let gy = dot(vec3f(left.z - left.x, middle.z - middle.x, right.z - right.x), smooth_across);
    color = vec3f(sqrt((gx * gx + gy * gy) / 2.0));
  }
  if (SOLARIZE && views[start + VIEW_SOLARIZE] > 0.0) {
    color = min(color, 1.0 - color);
  }
  y[3u * i] = color.r;
  y[3u * i + 1u] = color.g;
  y[3u * i + 2u] = color.b;
}
