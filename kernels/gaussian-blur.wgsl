// One direction of a separable Gaussian blur of RGB images, KERNEL taps, reflected at the borders, with a standard deviation
// for each image (0: the image is copied): y[n, p] = sum_t w[t] * x[n, p + t - KERNEL / 2] along rows, or columns with
// VERTICAL, where w[t] is exp(-(t - KERNEL / 2)^2 / (2 sigma^2)) and the weights add up to 1. With SOLARIZE, views that ask for
// it are solarized.
//
// shape x: images * height * width * 3
// shape views: images * VIEW_FIELDS
// shape y: images * height * width * 3
// workgroups: ceil(images * height * width * 3 / LANES)
// flops: 2 * KERNEL * images * height * width * 3
//#include "lib/grid.wgsl"
//#include "lib/view.wgsl"

const LANES: u32 = 64u;
const KERNEL: u32 = 3u;
const VERTICAL: bool = false;
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

fn blur(i: u32, sigma: f32) -> f32 {
  if (sigma <= 0.0) {
    return x[i];
  }
  let size = params.height * params.width * 3u;
  let step = select(3u, params.width * 3u, VERTICAL);
  let length = i32(select(params.width, params.height, VERTICAL));
  let here = i32(select(i / 3u % params.width, i % size / (params.width * 3u), VERTICAL));
  let line = i - u32(here) * step;
  let radius = i32(KERNEL / 2u);
  var sum = 0.0;
  var total = 0.0;
  for (var t = -radius; t <= radius; t++) {
    let weight = exp(-0.5 * f32(t * t) / (sigma * sigma));
    let reflected = abs(here + t);
    let place = select(reflected, 2 * (length - 1) - reflected, reflected >= length);
    sum += weight * x[line + u32(place) * step];
    total += weight;
  }
  return sum / total;
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let i = workgroup_index(group, grid) * LANES + local.x;
  let size = params.height * params.width * 3u;
  if (i >= params.images * size) {
    return;
  }
  let start = i / size * VIEW_FIELDS;
  let blurred = blur(i, views[start + VIEW_SIGMA]);
  let solarize = SOLARIZE && views[start + VIEW_SOLARIZE] > 0.0;
  y[i] = select(blurred, min(blurred, 1.0 - blurred), solarize);
}
