// 2-D convolution, and the gradient with respect to its input, in workgroup memory: the equation, bindings and constants of
// conv2d, for GPUs; conv2d is the form for software adapters and small maps.
//
// An implicit matrix product: its rows are the pixels of y, its columns the channels of y, and the terms of its sums the taps
// times the channels of x. A workgroup computes ROW_THREADS * ROWS pixels x COL_THREADS * COLS channels. For DEPTH terms at a
// time, its threads load patches of x and a part of the weights, each element once, neighbouring threads neighbouring
// channels. A thread loads the same pixels in every round: where their patches begin and which taps lie inside of the image
// is worked out once, as a bit for each row and each column of the window. The loads of a round are under way while the round
// before it is multiplied.
//
// shape x: batch * IN_HEIGHT * IN_WIDTH * IN_CHANNELS
// shape weight: KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS * OUT_CHANNELS
// shape y: batch * OUT_HEIGHT * OUT_WIDTH * OUT_CHANNELS
// workgroups: PHASES_Y * PHASES_X * ceil(batch * ceil(OUT_HEIGHT / PHASES_Y) * ceil(OUT_WIDTH / PHASES_X) / (ROW_THREADS * ROWS)) * ceil(OUT_CHANNELS / (COL_THREADS * COLS))
// flops: 2 * batch * KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS * OUT_CHANNELS * (TRANSPOSED * IN_HEIGHT * IN_WIDTH + (1 - TRANSPOSED) * OUT_HEIGHT * OUT_WIDTH)
// bytes: (1 + min(1, IN_CHANNELS % DEPTH) * (PHASES_Y * PHASES_X - 1)) * ceil(batch * ceil(OUT_HEIGHT / PHASES_Y) * ceil(OUT_WIDTH / PHASES_X) / (ROW_THREADS * ROWS)) * ceil(OUT_CHANNELS / (COL_THREADS * COLS)) * ceil(KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS / DEPTH) * DEPTH * ((4 - 2 * HALF) * ROW_THREADS * ROWS + 4 * COL_THREADS * COLS) + (4 - 2 * HALF) * batch * OUT_HEIGHT * OUT_WIDTH * OUT_CHANNELS
//#include "lib/grid.wgsl"
//#include "lib/stored.wgsl"

const ROW_THREADS: u32 = 16u;
const COL_THREADS: u32 = 16u;
const ROWS: u32 = 4u;
const COLS: u32 = 4u;
const DEPTH: u32 = 16u;
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
const LEFT_STRIDE = DEPTH / 4u;
const RIGHT_STRIDE = COL_THREADS * COLS / 4u;
//#include "lib/tile-product.wgsl"
//#include "lib/patches.wgsl"

struct Params {
  batch: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Stored>; //#vec4 @group(0) @binding(0) var<storage, read> x: array<vec4<Stored>>;
@group(0) @binding(1) var<storage, read> weight: array<f32>; //#vec4 @group(0) @binding(1) var<storage, read> weight: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<Stored>; //#vec4 @group(0) @binding(2) var<storage, read_write> y: array<vec4<Stored>>;
@group(0) @binding(3) var<uniform> params: Params;

// The first of the four terms of every patch that a thread loads: the number of threads is a multiple of TERM_VECTORS.
fn first_term_of(thread: u32) -> u32 {
  return 4u * (thread % TERM_VECTORS);
}

// Where a thread loads from, the same in every round: the starts of its patches, which taps of each lie inside of the image, and
// its weights.
struct Sources {
  x_at: array<u32, LEFT_LOADS>,
  inside: array<u32, LEFT_LOADS>,
  weight_at: array<vec4u, RIGHT_LOADS>,
}

// What a thread has loaded for the round that begins with term k, and the bits of inside_bits that its terms need.
struct Round {
  k: u32,
  needs: u32,
  left: array<vec4<Stored>, LEFT_LOADS>,
  right: array<vec4f, RIGHT_LOADS>,
}

// Begins the loads of a round. Nothing here waits for whole vectors: what of them does not count is made zero in store_round.
fn load_round(k: u32, phase: vec2u, thread: u32, sources: ptr<function, Sources>, round: ptr<function, Round>) {
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
    let at = (*sources).weight_at[i] + k * OUT_CHANNELS;
    (*round).right[i] = vec4f(weight[at.x], weight[at.y], weight[at.z], weight[at.w]); //#vec4 (*round).right[i] = weight[at.x / 4u];
  }
}

fn store_round(thread: u32, sources: ptr<function, Sources>, round: ptr<function, Round>) {
  //#unroll
  for (var i = 0u; i < LEFT_LOADS; i++) {
    if (LEFT_VECTORS % THREADS == 0u || i * THREADS + thread < LEFT_VECTORS) {
      let counts = !TAP_A_VECTOR || ((*sources).inside[i] & (*round).needs) == (*round).needs;
      left_tile[i * THREADS + thread] = select(vec4f(0.0), vec4f((*round).left[i]), counts);
    }
  }
  //#unroll
  for (var i = 0u; i < RIGHT_LOADS; i++) {
    if (RIGHT_VECTORS % THREADS == 0u || i * THREADS + thread < RIGHT_VECTORS) {
      let counts = TAP_A_ROUND || (*round).k + (i * THREADS + thread) / TILE_COL_VECTORS < TERMS;
      right_tile[i * THREADS + thread] = select(vec4f(0.0), (*round).right[i], counts);
    }
  }
}

@compute @workgroup_size(COL_THREADS, ROW_THREADS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
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
  let thread = local.y * COL_THREADS + local.x;
  let own_terms = first_term_of(thread);

  var sources: Sources;
  //#unroll
  for (var i = 0u; i < LEFT_LOADS; i++) {
    let number = first_pixel + (i * THREADS + thread) / TERM_VECTORS;
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
    sources.x_at[i] += select(0u, own_terms, TAP_A_ROUND);
  }
  // Channels past the end repeat the last ones: what comes of them is not stored.
  //#unroll
  for (var i = 0u; i < RIGHT_LOADS; i++) {
    let number = i * THREADS + thread;
    let column = first_column + 4u * (number % TILE_COL_VECTORS);
    let columns = select(
      min(vec4u(column) + vec4u(0u, 1u, 2u, 3u), vec4u(OUT_CHANNELS - 1u)),
      vec4u(min(column, max(OUT_CHANNELS, 4u) - 4u)) + vec4u(0u, 1u, 2u, 3u),
      OUT_CHANNELS % 4u == 0u,
    );
    sources.weight_at[i] = vec4u(number / TILE_COL_VECTORS * OUT_CHANNELS) + columns;
  }

  var sums: Sums;
  var round: Round;
  var k = next_terms(0u, phase);
  if (k < TERMS) {
    load_round(k, phase, thread, &sources, &round);
  }
  while (k < TERMS) {
    workgroupBarrier();
    store_round(thread, &sources, &round);
    workgroupBarrier();
    k = next_terms(k + DEPTH, phase);
    if (k < TERMS) {
      load_round(k, phase, thread, &sources, &round);
    }
    multiply_tiles(&sums, local);
  }

  //#unroll
  for (var r = 0u; r < ROWS; r++) {
    let number = first_pixel + r * ROW_THREADS + local.y;
    var start = number * OUT_CHANNELS;
    var stored = number < pixels;
    if (PHASES_Y * PHASES_X > 1u) {
      let pixel = output_pixel(number, phase);
      start = ((pixel.image * OUT_HEIGHT + pixel.row) * OUT_WIDTH + pixel.column) * OUT_CHANNELS;
      stored = pixel.inside;
    }
    //#unroll
    for (var c = 0u; c < COL_VECTORS; c++) {
      let column = first_column + 4u * (c * COL_THREADS + local.x);
      //#unroll
      for (var i = 0u; i < PIECES; i++) {
        if (stored && column + select(i, 0u, OUT_CHANNELS % 4u == 0u) < OUT_CHANNELS) {
          let at = start + column + i;
          y[at] = Stored(sums[r][c][i]); //#vec4 y[at / 4u] = vec4<Stored>(sums[r][c]);
        }
      }
    }
  }
}
