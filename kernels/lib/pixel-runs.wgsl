// The matrices of a convolution's weight gradient, patches^T dy, by runs of output pixels: what a thread loads of both, four
// neighbouring taps and channels of x, and four channels of dy. For TILE_ROWS of the ones and TILE_COLS of the others, a thread has the
// same in every round of DEPTH pixels, from other pixels: the number of threads is a multiple of the vectors in a line of either.
const WEIGHT_ROWS = KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS;
// All rows of a vector are of one tap.
const TAP_A_VECTOR = IN_CHANNELS % 4u == 0u;
// Output pixels are input pixels.
const POINTWISE = KERNEL_HEIGHT * KERNEL_WIDTH * STRIDE_Y * STRIDE_X == 1u && PADDING_Y + PADDING_X == 0u;

const TILE_ROW_VECTORS = TILE_ROWS / 4u;
const TILE_COL_VECTORS = TILE_COLS / 4u;
// Vectors of a tile that a thread loads, each of another pixel.
const X_LOADS = (DEPTH * TILE_ROW_VECTORS + THREADS - 1u) / THREADS;
const DY_LOADS = (DEPTH * TILE_COL_VECTORS + THREADS - 1u) / THREADS;

// What a thread loads, the same in every round: four rows of patches, as the rows and columns of their taps and their distance
// from the start of a patch, and four columns of dy; of `pixels`, those before pixel_end.
struct Sources {
  tap_y: vec4u,
  tap_x: vec4u,
  tap_at: vec4u,
  columns: vec4u,
  pixels: u32,
  pixel_end: u32,
}

// What a thread has loaded for a round; `inside` has a bit for each patch that lies inside of the image.
struct Round {
  inside: u32,
  patches: array<vec4<Stored>, X_LOADS>,
  gradients: array<vec4<Stored>, DY_LOADS>,
}

// Begins the loads of a round. Nothing here waits for whole vectors: what of them does not count is made zero in store_round.
fn load_round(p: u32, thread: u32, sources: Sources, round: ptr<function, Round>) {
  (*round).inside = 0u;
  //#unroll
  for (var i = 0u; i < X_LOADS; i++) {
    let pixel = p + (i * THREADS + thread) / TILE_ROW_VECTORS;
    let oy = pixel / OUT_WIDTH % OUT_HEIGHT;
    let ox = pixel % OUT_WIDTH;
    let row = pixel / (OUT_HEIGHT * OUT_WIDTH) * IN_HEIGHT + oy * STRIDE_Y;
    let start = select((row * IN_WIDTH + ox * STRIDE_X) * IN_CHANNELS, pixel * IN_CHANNELS, POINTWISE);
    if (TAP_A_VECTOR) {
      let at = start + sources.tap_at.x;
      let inside = oy * STRIDE_Y + sources.tap_y.x < IN_HEIGHT && ox * STRIDE_X + sources.tap_x.x < IN_WIDTH;
      let counts = pixel < sources.pixel_end && (POINTWISE || inside);
      (*round).patches[i] = vec4<Stored>(x[at], x[at + 1u], x[at + 2u], x[at + 3u]); //#vec4 (*round).patches[i] = x[at / 4u];
      (*round).inside |= select(0u, 1u << i, counts);
    } else {
      let at = vec4u(start) + sources.tap_at;
      let rows_inside = vec4u(oy * STRIDE_Y) + sources.tap_y < vec4u(IN_HEIGHT);
      let columns_inside = vec4u(ox * STRIDE_X) + sources.tap_x < vec4u(IN_WIDTH);
      let counts = vec4<bool>(pixel < sources.pixel_end) & rows_inside & columns_inside;
      let values = vec4<Stored>(x[at.x], x[at.y], x[at.z], x[at.w]); //#vec4 let values = vec4<Stored>();
      (*round).patches[i] = select(vec4<Stored>(), values, counts);
    }
  }
  // Of a pixel past the end of the run, the patch is zero, and dy does not count.
  //#unroll
  for (var i = 0u; i < DY_LOADS; i++) {
    let pixel = min(p + (i * THREADS + thread) / TILE_COL_VECTORS, sources.pixels - 1u);
    let at = vec4u(pixel * OUT_CHANNELS) + sources.columns;
    (*round).gradients[i] = vec4<Stored>(dy[at.x], dy[at.y], dy[at.z], dy[at.w]); //#vec4 (*round).gradients[i] = dy[at.x / 4u];
  }
}

// What a thread loads for the tile that begins at this row and column, of so many pixels those before pixel_end.
fn sources_of(first_row: u32, first_column: u32, thread: u32, pixels: u32, pixel_end: u32) -> Sources {
  // Rows and columns past the end repeat the last ones: what comes of them is not stored.
  let own_row = first_row + 4u * (thread % TILE_ROW_VECTORS);
  var sources: Sources;
  sources.pixels = pixels;
  sources.pixel_end = pixel_end;
  //#unroll
  for (var t = 0u; t < 4u; t++) {
    let row = min(own_row + t, WEIGHT_ROWS - 1u);
    let tap = row / IN_CHANNELS;
    // Below the first pixel, these wrap to numbers far past the last one.
    sources.tap_y[t] = tap / KERNEL_WIDTH * DILATION_Y - PADDING_Y;
    sources.tap_x[t] = tap % KERNEL_WIDTH * DILATION_X - PADDING_X;
    sources.tap_at[t] = (sources.tap_y[t] * IN_WIDTH + sources.tap_x[t]) * IN_CHANNELS + row % IN_CHANNELS;
  }
  let own_column = first_column + 4u * (thread % TILE_COL_VECTORS);
  sources.columns = select(
    min(vec4u(own_column) + vec4u(0u, 1u, 2u, 3u), vec4u(OUT_CHANNELS - 1u)),
    vec4u(min(own_column, max(OUT_CHANNELS, 4u) - 4u)) + vec4u(0u, 1u, 2u, 3u),
    OUT_CHANNELS % 4u == 0u,
  );
  return sources;
}

// Pixels of a run.
fn run_length(pixels: u32, splits: u32) -> u32 {
  let rounds = (pixels + DEPTH - 1u) / DEPTH;
  return (rounds + splits - 1u) / splits * DEPTH;
}
