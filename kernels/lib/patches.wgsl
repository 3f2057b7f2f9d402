// Patches of images as the rows of a matrix: row after row of them the pixels of a convolution's output, and in a row the taps of the
// window times the channels, as terms of sums. With TRANSPOSED, the pixels of its input and what each reads of the output's gradient,
// for pixels of one phase at a time: see conv2d.
//
// A round is DEPTH terms from a multiple of DEPTH on.
const TERMS = KERNEL_HEIGHT * KERNEL_WIDTH * IN_CHANNELS;
// All terms of a round are of one tap; all terms of a vector are.
const TAP_A_ROUND = IN_CHANNELS % DEPTH == 0u;
const TAP_A_VECTOR = IN_CHANNELS % 4u == 0u;
// A matrix product as it stands: pixels are rows.
const POINTWISE = KERNEL_HEIGHT * KERNEL_WIDTH * STRIDE_Y * STRIDE_X == 1u && PADDING_Y + PADDING_X == 0u;
const COLUMN_BITS = 16u;

struct Pixel {
  image: u32,
  row: u32,
  column: u32,
  inside: bool,
}

// The output pixel with this number among those of a phase.
fn output_pixel(number: u32, phase: vec2u) -> Pixel {
  let width = (OUT_WIDTH + PHASES_X - 1u) / PHASES_X;
  let height = (OUT_HEIGHT + PHASES_Y - 1u) / PHASES_Y;
  let row = number / width % height * PHASES_Y + phase.y;
  let column = number % width * PHASES_X + phase.x;
  let image = number / (width * height);
  return Pixel(image, row, column, image < params.batch && row < OUT_HEIGHT && column < OUT_WIDTH);
}

// Where along one axis the first tap reads, which, before the first pixel, wraps; with TRANSPOSED, the first tap of the phase,
// and other taps read before it.
fn patch_start(position: u32, phase: u32, stride: u32, padding: u32) -> u32 {
  if (TRANSPOSED) {
    return position / stride + (phase + padding) / stride;
  }
  return position * stride - padding;
}

// Whether along one axis a tap this far into the window reads inside of the image.
fn reads_inside(position: u32, tap: u32, stride: u32, padding: u32, extent: u32) -> bool {
  if (TRANSPOSED) {
    let distance = position + padding - tap;
    return position + padding >= tap && distance % stride == 0u && distance / stride < extent;
  }
  return position * stride + tap - padding < extent;
}

// A bit for each row of the window that reads inside of the image, and, higher up, for each column.
fn inside_bits(pixel: Pixel) -> u32 {
  var bits = 0u;
  //#unroll
  for (var ky = 0u; ky < KERNEL_HEIGHT; ky++) {
    let inside = reads_inside(pixel.row, ky * DILATION_Y, STRIDE_Y, PADDING_Y, IN_HEIGHT);
    bits |= select(0u, 1u << ky, inside);
  }
  //#unroll
  for (var kx = 0u; kx < KERNEL_WIDTH; kx++) {
    let inside = reads_inside(pixel.column, kx * DILATION_X, STRIDE_X, PADDING_X, IN_WIDTH);
    bits |= select(0u, 1u << (COLUMN_BITS + kx), inside);
  }
  return select(0u, bits, pixel.inside);
}

// A term of the sums: the bits of inside_bits that it needs, and where it stands behind the start of a patch.
struct Term {
  needs: u32,
  offset: u32,
}

fn term_at(k: u32, phase: vec2u) -> Term {
  let tap = k / IN_CHANNELS;
  let ky = tap / KERNEL_WIDTH;
  let kx = tap % KERNEL_WIDTH;
  // No pixel has all bits.
  let needs = select(0xffffffffu, (1u << ky) | (1u << (COLUMN_BITS + kx)), TAP_A_ROUND || k < TERMS);
  if (TRANSPOSED) {
    // So far the tap reads before the first one of its phase; both divisions come out even where the tap counts.
    let rows_back = (ky * DILATION_Y + STRIDE_Y - 1u - (phase.y + PADDING_Y) % STRIDE_Y) / STRIDE_Y;
    let columns_back = (kx * DILATION_X + STRIDE_X - 1u - (phase.x + PADDING_X) % STRIDE_X) / STRIDE_X;
    return Term(needs, k % IN_CHANNELS - (rows_back * IN_WIDTH + columns_back) * IN_CHANNELS);
  }
  return Term(needs, k % IN_CHANNELS + (ky * DILATION_Y * IN_WIDTH + kx * DILATION_X) * IN_CHANNELS);
}

// The first terms from k on that a pixel of the phase reads.
fn next_terms(k: u32, phase: vec2u) -> u32 {
  var next = k;
  if (TRANSPOSED && TAP_A_ROUND) {
    while (next < TERMS) {
      let tap = next / IN_CHANNELS;
      let ky = tap / KERNEL_WIDTH;
      let kx = tap % KERNEL_WIDTH;
      let reads_row = (phase.y + PADDING_Y + (STRIDE_Y * KERNEL_HEIGHT - ky) * DILATION_Y) % STRIDE_Y == 0u;
      let reads_column = (phase.x + PADDING_X + (STRIDE_X * KERNEL_WIDTH - kx) * DILATION_X) % STRIDE_X == 0u;
      if (reads_row && reads_column) {
        break;
      }
      next = (tap + 1u) * IN_CHANNELS;
    }
  }
  return next;
}
