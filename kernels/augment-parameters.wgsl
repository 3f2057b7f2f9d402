// Draws how every view of a batch is made (Chen et al. 2020, figure 4 and appendix A): crop box, flip, cutout, colour jitter,
// grayscale, Sobel filter, noise, blur, solarization, quarter turns. Everything depends only on (seed, epoch, image, view):
// `counter` holds seed and epoch, `images` the number of each image in its set. The table is of a group of an image's views,
// which are numbered from first_view: view v of the group, of image i of the batch, is row v * batch + i. Views begin to
// end - 1 of the group are drawn. One thread a view.
//
// A crop: up to ten tries of an area in a range of shares of what is cropped and a log-uniform aspect ratio in
// [MIN_ASPECT, MAX_ASPECT]; if none fits, the largest centred box within the aspect limits. A range of areas that begins at 1
// crops nothing. A first crop, its area in [MIN_SHARED_AREA, MAX_SHARED_AREA], is the same for all views of an image; the
// view's own, its area in [MIN_AREA, MAX_AREA], lies inside of that.
//
// Images have height x width pixels or, with SIZED, the height and width that `sizes` has for each; else nothing in it is read.
//
// shape counter: 2
// shape images: batch
// shape sizes: (1 + SIZED) * batch
// shape views: views * batch * VIEW_FIELDS
// workgroups: ceil((end - begin) * batch / LANES)
// flops: 100 * (end - begin) * batch
//#include "lib/grid.wgsl"
//#include "lib/random.wgsl"
//#include "lib/view.wgsl"

const LANES: u32 = 64u;
const SIZED: bool = false;
const MIN_SHARED_AREA: f32 = 1.0;
const MAX_SHARED_AREA: f32 = 1.0;
const MIN_AREA: f32 = 0.08;
const MAX_AREA: f32 = 1.0;
const MIN_ASPECT: f32 = 0.75;
const MAX_ASPECT: f32 = 1.3333334;
const FLIP_PROBABILITY: f32 = 0.5;
const CUTOUT_PROBABILITY: f32 = 1.0;
const CUTOUT_SIDE: f32 = 0.5;
const JITTER_PROBABILITY: f32 = 0.8;
const BRIGHTNESS: f32 = 0.8;
const CONTRAST: f32 = 0.8;
const SATURATION: f32 = 0.8;
const HUE: f32 = 0.2;
const GRAYSCALE_PROBABILITY: f32 = 0.2;
const SOBEL_PROBABILITY: f32 = 0.5;
const NOISE_PROBABILITY: f32 = 0.5;
const MIN_NOISE: f32 = 0.01;
const MAX_NOISE: f32 = 0.2;
const BLUR_PROBABILITY: f32 = 0.5;
const MIN_SIGMA: f32 = 0.1;
const MAX_SIGMA: f32 = 2.0;
const SOLARIZE_PROBABILITY: f32 = 0.2;
const ROTATION_PROBABILITY: f32 = 0.75;
const TRIES: u32 = 10u;
// The words that count the draws of the crop that views share: those of a view which no batch has.
const SHARED_DRAWS = 0xfffffff0u;

struct Params {
  batch: u32,
  views: u32,
  first_view: u32,
  begin: u32,
  end: u32,
  height: u32,
  width: u32,
}

@group(0) @binding(0) var<storage, read> counter: array<u32>;
@group(0) @binding(1) var<storage, read> images: array<u32>;
@group(0) @binding(2) var<storage, read> sizes: array<u32>;
@group(0) @binding(3) var<storage, read_write> views: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

// Top, left, height and width of a random box inside of the box `whole`, from the draws that follow `key`.
fn draw_crop(key: vec4u, whole: vec4f, min_area: f32, max_area: f32) -> vec4f {
  if (min_area >= 1.0) {
    return whole;
  }
  let height = whole.z;
  let width = whole.w;
  var crop = vec4f();
  var found = false;
  for (var attempt = 0u; attempt < TRIES; attempt++) {
    let u = random_uniform(key + vec4u(0u, 0u, 0u, attempt));
    let area = mix(min_area, max_area, u.x) * height * width;
    let aspect = exp(mix(log(MIN_ASPECT), log(MAX_ASPECT), u.y));
    let crop_height = round(sqrt(area / aspect));
    let crop_width = round(sqrt(area * aspect));
    if (!found && crop_height >= 1.0 && crop_width >= 1.0 && crop_height <= height && crop_width <= width) {
      found = true;
      let top = min(floor(u.z * (height - crop_height + 1.0)), height - crop_height);
      let left = min(floor(u.w * (width - crop_width + 1.0)), width - crop_width);
      crop = vec4f(top, left, crop_height, crop_width);
    }
  }
  if (!found) {
    let crop_width = min(width, round(height * MAX_ASPECT));
    let crop_height = min(height, round(width / MIN_ASPECT));
    crop = vec4f(floor((height - crop_height) / 2.0), floor((width - crop_width) / 2.0), crop_height, crop_width);
  }
  return crop + vec4f(whole.xy, 0.0, 0.0);
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let row = params.begin * params.batch + workgroup_index(group, grid) * LANES + local.x;
  if (row >= params.end * params.batch) {
    return;
  }
  // The last word counts the draws of this view: 16 are set aside for each.
  let view = params.first_view + row / params.batch;
  let member = row % params.batch;
  let key = vec4u(counter[0], counter[1], images[member], view * 16u);
  var size = vec2u(params.height, params.width);
  if (SIZED) {
    size = vec2u(sizes[2u * member], sizes[2u * member + 1u]);
  }
  let image = vec4f(0.0, 0.0, vec2f(size));
  let base = draw_crop(vec4u(key.xyz, SHARED_DRAWS), image, MIN_SHARED_AREA, MAX_SHARED_AREA);
  let crop = draw_crop(key, base, MIN_AREA, MAX_AREA);

  let chances = random_uniform(key + vec4u(0u, 0u, 0u, TRIES));
  let amounts = random_uniform(key + vec4u(0u, 0u, 0u, TRIES + 1u));
  let rest = random_uniform(key + vec4u(0u, 0u, 0u, TRIES + 2u));
  let more_chances = random_uniform(key + vec4u(0u, 0u, 0u, TRIES + 3u));
  let places = random_uniform(key + vec4u(0u, 0u, 0u, TRIES + 4u));
  let last_chances = random_uniform(key + vec4u(0u, 0u, 0u, TRIES + 5u));
  let strengths = vec3f(BRIGHTNESS, CONTRAST, SATURATION);
  let factors = mix(max(1.0 - strengths, vec3f()), 1.0 + strengths, amounts.xyz);
  let start = row * VIEW_FIELDS;
  views[start + VIEW_TOP] = crop.x;
  views[start + VIEW_LEFT] = crop.y;
  views[start + VIEW_HEIGHT] = crop.z;
  views[start + VIEW_WIDTH] = crop.w;
  views[start + VIEW_FLIP] = select(0.0, 1.0, chances.x < FLIP_PROBABILITY);
  views[start + VIEW_BRIGHTNESS] = factors.x;
  views[start + VIEW_CONTRAST] = factors.y;
  views[start + VIEW_SATURATION] = factors.z;
  views[start + VIEW_HUE] = mix(-HUE, HUE, amounts.w);
  views[start + VIEW_ORDER] = select(-1.0, floor(rest.x * 24.0), chances.y < JITTER_PROBABILITY);
  views[start + VIEW_GRAYSCALE] = select(0.0, 1.0, chances.z < GRAYSCALE_PROBABILITY);
  views[start + VIEW_SIGMA] = select(0.0, mix(MIN_SIGMA, MAX_SIGMA, rest.y), chances.w < BLUR_PROBABILITY);
  views[start + VIEW_CUTOUT_ROW] = places.x;
  views[start + VIEW_CUTOUT_COLUMN] = places.y;
  views[start + VIEW_CUTOUT_SIDE] = select(0.0, CUTOUT_SIDE, more_chances.x < CUTOUT_PROBABILITY);
  views[start + VIEW_SOBEL] = select(0.0, 1.0, more_chances.y < SOBEL_PROBABILITY);
  views[start + VIEW_NOISE] = select(0.0, mix(MIN_NOISE, MAX_NOISE, rest.z), more_chances.z < NOISE_PROBABILITY);
  views[start + VIEW_NOISE_SEED] = places.z * 16777216.0;
  views[start + VIEW_NOISE_SEED + 1u] = places.w * 16777216.0;
  views[start + VIEW_TURNS] = select(0.0, 1.0 + floor(rest.w * 3.0), more_chances.w < ROTATION_PROBABILITY);
  views[start + VIEW_SOLARIZE] = select(0.0, 1.0, last_chances.x < SOLARIZE_PROBABILITY);
  views[start + VIEW_STRIDE] = f32(size.y);
}
