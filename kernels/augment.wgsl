// Makes the views of a batch from images kept as bytes (R, G, B, 255 a pixel in one u32), row by row, image i from pixel
// i * image_pixels on: crop and resize, flip, cutout, colour jitter, grayscale and, with SOLARIZE, solarization;
// y[view * batch + image] is an RGB image with values in [0, 1]. A workgroup a view.
//
// Resize: bilinear with antialiasing, that is a triangle filter as wide as a source pixel or, when shrinking, as an output
// pixel, cut off at the crop box. Colour operations as in Pillow and torchvision, on floats: brightness x * f, contrast
// f * x + (1 - f) * mean luma of the image as it is then, saturation f * x + (1 - f) * luma of the pixel, hue shifted in
// HSV; each followed by a clamp to [0, 1]. Contrast needs the mean over the image: pixels are first taken up to it.
//
// The cutout is a square of mid-gray, cut off at the borders of the view (DeVries and Taylor 2017). Quarter turns are the
// last thing that happens to a view, and what other kernels do before them does not care which way is up: they are made
// here, where they cost nothing, by taking each pixel from where it was. They need square views.
//
// shape bytes: batch * image_pixels
// shape views: views * batch * VIEW_FIELDS
// shape y: views * batch * out_height * out_width * 3
// workgroups: views * batch
// flops: 60 * views * batch * out_height * out_width
//#include "lib/grid.wgsl"
//#include "lib/luma.wgsl"
//#include "lib/reduce.wgsl"
//#include "lib/view.wgsl"

const LANES: u32 = 64u;
const SOLARIZE: bool = false;
const CUTOUT = vec3f(0.5);

struct Params {
  batch: u32,
  views: u32,
  image_pixels: u32,
  out_height: u32,
  out_width: u32,
}

@group(0) @binding(0) var<storage, read> bytes: array<u32>;
@group(0) @binding(1) var<storage, read> views: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

// The source pixels under the filter of one output pixel along one axis, [begin, end), and where the filter sits.
struct Taps {
  center: f32,
  reach: f32,
  begin: u32,
  end: u32,
}

fn taps(position: u32, crop: f32, size: u32) -> Taps {
  let scale = crop / f32(size);
  let reach = max(scale, 1.0);
  let center = (f32(position) + 0.5) * scale;
  return Taps(center, reach, u32(max(center - reach + 0.5, 0.0)), u32(min(center + reach + 0.5, crop)));
}

fn tap_weight(t: Taps, place: u32) -> f32 {
  return max(1.0 - abs((f32(place) + 0.5 - t.center) / t.reach), 0.0);
}

fn crop_and_resize(start: u32, image: u32, row: u32, column: u32) -> vec3f {
  let top = u32(views[start + VIEW_TOP]);
  let left = u32(views[start + VIEW_LEFT]);
  let stride = u32(views[start + VIEW_STRIDE]);
  let flip = views[start + VIEW_FLIP] > 0.0;
  let vertical = taps(row, views[start + VIEW_HEIGHT], params.out_height);
  let horizontal = taps(select(column, params.out_width - 1u - column, flip), views[start + VIEW_WIDTH], params.out_width);
  var color = vec3f();
  var total = 0.0;
  for (var sy = vertical.begin; sy < vertical.end; sy++) {
    let line = image * params.image_pixels + (top + sy) * stride + left;
    for (var sx = horizontal.begin; sx < horizontal.end; sx++) {
      let weight = tap_weight(vertical, sy) * tap_weight(horizontal, sx);
      color += weight * unpack4x8unorm(bytes[line + sx]).rgb;
      total += weight;
    }
  }
  return color / total;
}

// Row and column, before the quarter turns, of a pixel of the finished view.
fn before_turns(turns: u32, row: u32, column: u32) -> vec2u {
  var place = vec2u(row, column);
  for (var turn = 0u; turn < turns; turn++) {
    place = vec2u(place.y, params.out_width - 1u - place.x);
  }
  return place;
}

// Top, left and side of the square that is cut out.
fn cutout_square(start: u32) -> vec3f {
  let size = vec2f(f32(params.out_height), f32(params.out_width));
  let side = floor(views[start + VIEW_CUTOUT_SIDE] * size.x + 0.5);
  let center = floor(vec2f(views[start + VIEW_CUTOUT_ROW], views[start + VIEW_CUTOUT_COLUMN]) * size);
  return vec3f(center - floor(side / 2.0), side);
}

fn shift_hue(color: vec3f, shift: f32) -> vec3f {
  let largest = max(max(color.r, color.g), color.b);
  let chroma = largest - min(min(color.r, color.g), color.b);
  if (chroma <= 0.0) {
    return color;
  }
  var sector = (color.r - color.g) / chroma + 4.0;
  if (color.g == largest) {
    sector = (color.b - color.r) / chroma + 2.0;
  }
  if (color.r == largest) {
    sector = (color.g - color.b) / chroma;
  }
  let hue = fract(sector / 6.0 + 1.0 + shift);
  // Distance around the colour wheel from each primary, in sixths.
  let wheel = fract(vec3f(hue) + vec3f(1.0, 2.0 / 3.0, 1.0 / 3.0)) * 6.0 - 3.0;
  return largest - chroma * (1.0 - clamp(abs(wheel) - 1.0, vec3f(), vec3f(1.0)));
}

// The colour operations in one of their 24 orders, four bits each, the first one lowest: 0 brightness, 1 contrast,
// 2 saturation, 3 hue.
fn operations(order: u32) -> u32 {
  var left = 0x3210u;
  var code = order;
  var packed = 0u;
  for (var turn = 0u; turn < 4u; turn++) {
    let remaining = 4u - turn;
    let choice = code % remaining * 4u;
    code /= remaining;
    packed |= ((left >> choice) & 15u) << (turn * 4u);
    // The last one left takes the place of the one chosen.
    let last = (left >> (remaining * 4u - 4u)) & 15u;
    left = (left & ~(15u << choice)) | (last << choice);
  }
  return packed;
}

struct Jitter {
  brightness: f32,
  contrast: f32,
  saturation: f32,
  hue: f32,
}

fn apply(operation: u32, jitter: Jitter, color: vec3f, mean_luma: f32) -> vec3f {
  var changed = color;
  if (operation == 0u) {
    changed = color * jitter.brightness;
  } else if (operation == 1u) {
    changed = mix(vec3f(mean_luma), color, jitter.contrast);
  } else if (operation == 2u) {
    changed = mix(vec3f(dot(color, LUMA)), color, jitter.saturation);
  } else {
    changed = shift_hue(color, jitter.hue);
  }
  return clamp(changed, vec3f(), vec3f(1.0));
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let row = workgroup_index(group, grid);
  if (row >= params.views * params.batch) {
    return;
  }
  let start = row * VIEW_FIELDS;
  let jitters = views[start + VIEW_ORDER] >= 0.0;
  let packed = operations(u32(max(views[start + VIEW_ORDER], 0.0)));
  let jitter = Jitter(
    views[start + VIEW_BRIGHTNESS],
    views[start + VIEW_CONTRAST],
    views[start + VIEW_SATURATION],
    views[start + VIEW_HUE],
  );
  let gray = views[start + VIEW_GRAYSCALE] > 0.0;
  let solarize = SOLARIZE && views[start + VIEW_SOLARIZE] > 0.0;
  let turns = u32(views[start + VIEW_TURNS]);
  let square = cutout_square(start);
  let pixels = params.out_height * params.out_width;
  var contrast_turn = 0u;
  while (((packed >> (contrast_turn * 4u)) & 15u) != 1u) {
    contrast_turn++;
  }

  var luma = 0.0;
  for (var p = local.x; p < pixels; p += LANES) {
    let place = before_turns(turns, p / params.out_width, p % params.out_width);
    let inside = vec2f(place) - square.xy;
    var color = CUTOUT;
    if (any(inside < vec2f()) || any(inside >= square.zz)) {
      color = crop_and_resize(start, row % params.batch, place.x, place.y);
    }
    if (jitters) {
      for (var turn = 0u; turn < contrast_turn; turn++) {
        color = apply((packed >> (turn * 4u)) & 15u, jitter, color, 0.0);
      }
    }
    luma += dot(color, LUMA);
    let at = (row * pixels + p) * 3u;
    y[at] = color.r;
    y[at + 1u] = color.g;
    y[at + 2u] = color.b;
  }
  let mean_luma = workgroup_sum(local.x, luma) / f32(pixels);

  // Every thread reads back only what it wrote itself.
  for (var p = local.x; p < pixels; p += LANES) {
    let at = (row * pixels + p) * 3u;
    var color = vec3f(y[at], y[at + 1u], y[at + 2u]);
    if (jitters) {
      for (var turn = contrast_turn; turn < 4u; turn++) {
        color = apply((packed >> (turn * 4u)) & 15u, jitter, color, mean_luma);
      }
    }
    if (gray) {
      color = vec3f(dot(color, LUMA));
    }
    if (solarize) {
      color = min(color, 1.0 - color);
    }
    y[at] = color.r;
    y[at + 1u] = color.g;
    y[at + 2u] = color.b;
  }
}
