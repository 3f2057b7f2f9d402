// Adds Gaussian noise, in place, to RGB images whose view asks for it: y = clamp(y + sigma * g, 0, 1), where sigma is the
// view's and g is drawn for every channel of every pixel from the view's two seeds and the number of the pixel (Box and
// Muller 1958; numbers from a counter). |g| is at most 5.8. With SOLARIZE, views that ask for it are solarized. One thread a
// pixel.
//
// shape views: images * VIEW_FIELDS
// shape y: images * height * width * 3
// workgroups: ceil(images * height * width / LANES)
// flops: 30 * images * height * width
//#include "lib/grid.wgsl"
//#include "lib/random.wgsl"
//#include "lib/view.wgsl"

const LANES: u32 = 64u;
const SOLARIZE: bool = false;

struct Params {
  images: u32,
  height: u32,
  width: u32,
}

@group(0) @binding(0) var<storage, read> views: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

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
  let start = i / pixels * VIEW_FIELDS;
  let sigma = views[start + VIEW_NOISE];
  let solarize = SOLARIZE && views[start + VIEW_SOLARIZE] > 0.0;
  if (sigma <= 0.0 && !solarize) {
    return;
  }
  let seeds = vec2u(u32(views[start + VIEW_NOISE_SEED]), u32(views[start + VIEW_NOISE_SEED + 1u]));
  let u = random_uniform(vec4u(seeds, 0u, i % pixels));
  // 1 - u is in (0, 1]. A logarithm of 1 may come out a little above 0, and angles must not leave [-pi, pi].
  let radius = sqrt(max(-2.0 * log(1.0 - u.xy), vec2f()));
  let angle = 6.2831855 * (u.zw - 0.5);
  let g = vec3f(radius.x * cos(angle.x), radius.x * sin(angle.x), radius.y * cos(angle.y));
  for (var c = 0u; c < 3u; c++) {
    let noisy = clamp(y[3u * i + c] + sigma * g[c], 0.0, 1.0);
    y[3u * i + c] = select(noisy, min(noisy, 1.0 - noisy), solarize);
  }
}
