// 2-D convolution, and the gradient with respect to its input, by matrix units: the equation of conv2d, for GPUs that have them.
// Operands are rounded to f16 with ROUNDED, and sums are f32. The weight is in the type of x, and the same in both directions: [kernel
// height, kernel width, in, out] of the convolution, so that with TRANSPOSED it is [KERNEL_HEIGHT, KERNEL_WIDTH, OUT_CHANNELS, IN_CHANNELS].
//
// The implicit matrix product of conv2d-tiled, cut into fragments. The weight passes through workgroup memory as it lies in memory:
// a line of its tile is a term, or with TRANSPOSED a channel of y.
//
// shape x: batch * IN_HEIGHT * IN_WIDTH * IN_CHANNELS
// shape weight: KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS * OUT_CHANNELS
// shape y: batch * OUT_HEIGHT * OUT_WIDTH * OUT_CHANNELS
// workgroups: PHASES_Y * PHASES_X * ceil(batch * ceil(OUT_HEIGHT / PHASES_Y) * ceil(OUT_WIDTH / PHASES_X) / (ROW_SUBGROUPS * ROWS * UNIT_ROWS)) * ceil(OUT_CHANNELS / (COL_SUBGROUPS * COLS * UNIT_COLS))
// flops: 2 * batch * KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS * OUT_CHANNELS * (TRANSPOSED * IN_HEIGHT * IN_WIDTH + (1 - TRANSPOSED) * OUT_HEIGHT * OUT_WIDTH)
// bytes: (4 - 2 * HALF) * ((1 + min(1, IN_CHANNELS % DEPTH) * (PHASES_Y * PHASES_X - 1)) * ceil(batch * ceil(OUT_HEIGHT / PHASES_Y) * ceil(OUT_WIDTH / PHASES_X) / (ROW_SUBGROUPS * ROWS * UNIT_ROWS)) * ceil(OUT_CHANNELS / (COL_SUBGROUPS * COLS * UNIT_COLS)) * ceil(KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS / DEPTH) * DEPTH * (ROW_SUBGROUPS * ROWS * UNIT_ROWS + COL_SUBGROUPS * COLS * UNIT_COLS) + batch * OUT_HEIGHT * OUT_WIDTH * OUT_CHANNELS)
//#include "lib/grid.wgsl"
//#include "lib/stored.wgsl"

// Neighbouring elements that a thread loads and stores at once, 1 or 4; 4 needs multiples of 4 channels on both sides.
const VECTOR: u32 = 1u;
const PIECES = 4u / VECTOR;
const TRANSPOSED: bool = false;
// 1, or the strides where TRANSPOSED.
const PHASES_Y: u32 = 1u;
const PHASES_X: u32 = 1u;
const STRIDE_Y: u32 = 1u;
const STRIDE_X: u32 = 1u;
const PADDING_Y: u32 = 1u;
const PADDING_X: u32 = 1u;
const DILATION_Y: u32 = 1u;
const DILATION_X: u32 = 1u;
// Up to 15 each.
const KERNEL_HEIGHT: u32 = 3u;
const KERNEL_WIDTH: u32 = 3u;
const IN_HEIGHT: u32 = 8u;
const IN_WIDTH: u32 = 8u;
const IN_CHANNELS: u32 = 8u;
const OUT_HEIGHT: u32 = 8u;
const OUT_WIDTH: u32 = 8u;
const OUT_CHANNELS: u32 = 8u;
const LEFT_TURNED = false;
const RIGHT_TURNED = TRANSPOSED;
//#include "lib/fragments.wgsl"
//#include "lib/matrix-tiles.wgsl"
//#include "lib/patches.wgsl"

struct Params {
  batch: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Stored>; //#vec4 @group(0) @binding(0) var<storage, read> x: array<vec4<Stored>>;
@group(0) @binding(1) var<storage, read> weight: array<Stored>; //#vec4 @group(0) @binding(1) var<storage, read> weight: array<vec4<Stored>>;
@group(0) @binding(2) var<storage, read_write> y: array<Stored>; //#vec4 @group(0) @binding(2) var<storage, read_write> y: array<vec4<Stored>>;
@group(0) @binding(3) var<uniform> params: Params;

// The first of the four terms of every patch that a thread loads: the number of threads is a multiple of the vectors of a line.
fn first_term_of(thread: u32) -> u32 {
  return 4u * (thread % LEFT_LINE);
}

// The terms, from term k on, that a vector of the weight is of.
fn weight_terms(k: u32, place: Place) -> vec4u {
  return k + select(vec4u(place.line), vec4u(place.first) + vec4u(0u, 1u, 2u, 3u), RIGHT_TURNED);
}

fn weight_at(k: u32, first_column: u32, place: Place) -> vec4u {
  let terms = weight_terms(k, place);
  if (TRANSPOSED) {
    return (terms / IN_CHANNELS * OUT_CHANNELS + first_column + place.line) * IN_CHANNELS + terms % IN_CHANNELS;
  }
  return terms * OUT_CHANNELS + first_column + place.first + vec4u(0u, 1u, 2u, 3u);
}

// Where a thread loads from, the same in every round: the starts of its patches, and which taps of each lie inside of the image.
struct Sources {
  x_at: array<u32, LEFT_LOADS>,
  inside: array<u32, LEFT_LOADS>,
}

// What a thread has loaded for the round that begins with term k, and the bits of inside_bits that its terms need.
struct Round {
  k: u32,
  needs: u32,
  left: array<vec4<Stored>, LEFT_LOADS>,
  right: array<vec4<Stored>, RIGHT_LOADS>,
}

// Begins the loads of a round. Nothing here waits for whole vectors: what of them does not count is made zero in store_round.
fn load_round(k: u32, phase: vec2u, first_column: u32, thread: u32, sources: ptr<function, Sources>, round: ptr<function, Round>) {
  let own_terms = first_term_of(thread);
  (*round).k = k;
  if (TAP_A_VECTOR) {
    let term = term_at(select(k + own_terms, k, TAP_A_ROUND), phase);
    (*round).needs = term.needs;
    //#unroll
    for (var i = 0u; i < LEFT_LOADS; i++) {
      let at = (*sources).x_at[i] + term.offset;
      (*round).left[i] = vec4<Stored>(x[at], x[at + 1u], x[at + 2u], x[at + 3u]); //#vec4 (*round).left[i] = x[at / 4u];
    }
  } else {
    //#unroll
    for (var t = 0u; t < 4u; t++) {
      let term = term_at(k + own_terms + t, phase);
      //#unroll
      for (var i = 0u; i < LEFT_LOADS; i++) {
        let value = x[(*sources).x_at[i] + term.offset]; //#vec4 let value = Stored(0.0);
        (*round).left[i][t] = select(Stored(0.0), value, ((*sources).inside[i] & term.needs) == term.needs);
      }
    }
  }
  //#unroll
  for (var i = 0u; i < RIGHT_LOADS; i++) {
    let at = weight_at(k, first_column, right_place(i * THREADS + thread));
    (*round).right[i] = vec4<Stored>(weight[at.x], weight[at.y], weight[at.z], weight[at.w]); //#vec4 (*round).right[i] = weight[at.x / 4u];
  }
}

fn store_round(thread: u32, sources: ptr<function, Sources>, round: ptr<function, Round>) {
  //#unroll
  for (var i = 0u; i < LEFT_LOADS; i++) {
    let counts = !TAP_A_VECTOR || ((*sources).inside[i] & (*round).needs) == (*round).needs;
    store_left(i * THREADS + thread, select(vec4<Operand>(), vec4<Operand>((*round).left[i]), counts));
  }
  //#unroll
  for (var i = 0u; i < RIGHT_LOADS; i++) {
    let number = i * THREADS + thread;
    let counts = weight_terms((*round).k, right_place(number)) < vec4u(TERMS);
    store_right(number, select(vec4<Operand>(), vec4<Operand>((*round).right[i]), counts | vec4<bool>(TAP_A_ROUND)));
  }
}

@compute @workgroup_size(THREADS) //#pinned @compute @workgroup_size(THREADS) @subgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  //#units @builtin(subgroup_id) own_subgroup: u32,
) {
  let thread = local.x;
  let subgroup = thread / LANES; //#units let subgroup = own_subgroup;
  let lane = thread % LANES;
  let column_blocks = (OUT_CHANNELS + TILE_COLS - 1u) / TILE_COLS;
  let pixels = params.batch * ((OUT_HEIGHT + PHASES_Y - 1u) / PHASES_Y) * ((OUT_WIDTH + PHASES_X - 1u) / PHASES_X);
  let pixel_blocks = (pixels + TILE_ROWS - 1u) / TILE_ROWS;
  let index = workgroup_index(group, grid);
  let phase_number = index / (column_blocks * pixel_blocks);
  if (phase_number >= PHASES_Y * PHASES_X) {
    return;
  }
  let phase = vec2u(phase_number % PHASES_X, phase_number / PHASES_X);
  let first_pixel = index / column_blocks % pixel_blocks * TILE_ROWS;
  let first_column = index % column_blocks * TILE_COLS;

  var sources: Sources;
  //#unroll
  for (var i = 0u; i < LEFT_LOADS; i++) {
    let number = first_pixel + (i * THREADS + thread) / LEFT_LINE;
    if (POINTWISE) {
      sources.x_at[i] = number * IN_CHANNELS;
      sources.inside[i] = select(0u, 0x7fffffffu, number < pixels);
    } else {
      let pixel = output_pixel(number, phase);
      let row = pixel.image * IN_HEIGHT + patch_start(pixel.row, phase.y, STRIDE_Y, PADDING_Y);
      let column = patch_start(pixel.column, phase.x, STRIDE_X, PADDING_X);
      sources.x_at[i] = (row * IN_WIDTH + column) * IN_CHANNELS;
      sources.inside[i] = inside_bits(pixel);
    }
    sources.x_at[i] += select(0u, first_term_of(thread), TAP_A_ROUND);
  }

  var sums: Sums;
  var round: Round;
  var k = next_terms(0u, phase);
  if (k < TERMS) {
    load_round(k, phase, first_column, thread, &sources, &round);
  }
  while (k < TERMS) {
    workgroupBarrier();
    store_round(thread, &sources, &round);
    workgroupBarrier();
    k = next_terms(k + DEPTH, phase);
    if (k < TERMS) {
      load_round(k, phase, first_column, thread, &sources, &round);
    }
    multiply_tiles(&sums, subgroup, lane);
  }

  // Whichever threads a subgroup has, LANES of them write its results.
  let part = thread / LANES;
  //#unroll
  for (var r = 0u; r < ROWS; r++) {
    //#unroll
    for (var c = 0u; c < COLS; c++) {
      workgroupBarrier();
      store_sum(sums[r][c], results_of(subgroup), lane);
      workgroupBarrier();
      for (var v = lane; v < RESULT_VECTORS; v += LANES) {
        let place = result_place(part, r, c, v);
        let number = first_pixel + place.x;
        let column = first_column + place.y;
        var start = number * OUT_CHANNELS;
        var stored = number < pixels;
        if (PHASES_Y * PHASES_X > 1u) {
          let pixel = output_pixel(number, phase);
          start = ((pixel.image * OUT_HEIGHT + pixel.row) * OUT_WIDTH + pixel.column) * OUT_CHANNELS;
          stored = pixel.inside;
        }
        let values = vec4<Stored>(result_vector(part, v));
        //#unroll
        for (var i = 0u; i < PIECES; i++) {
          if (stored && column + i < OUT_CHANNELS) {
            let at = start + column + i;
            y[at] = values[i]; //#vec4 y[at / 4u] = values;
          }
        }
      }
    }
  }
}
