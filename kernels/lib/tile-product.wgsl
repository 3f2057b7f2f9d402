// A tile of a matrix product left x right whose operands pass through workgroup memory, DEPTH terms of the sums at a time.
// A thread holds ROWS x COLS sums in registers: rows that lie ROW_THREADS apart, and vectors of 4 columns that lie
// COL_THREADS vectors apart. So the threads of a row of the workgroup read side by side from the right operand, no two of
// them from one bank, and all of them the same vector of the left one.
//
// A vector of left_tile holds 4 terms of a row, a vector of right_tile 4 columns of a term. COLS and DEPTH are multiples of 4, and
// the number of threads one of DEPTH / 4.
const THREADS = ROW_THREADS * COL_THREADS;
const TILE_ROWS = ROW_THREADS * ROWS;
const TILE_COLS = COL_THREADS * COLS;
const TERM_VECTORS = DEPTH / 4u;
const COL_VECTORS = COLS / 4u;
const TILE_COL_VECTORS = TILE_COLS / 4u;
const LEFT_VECTORS = TILE_ROWS * TERM_VECTORS;
const RIGHT_VECTORS = DEPTH * TILE_COL_VECTORS;
// Vectors of a tile that a thread loads; what the last threads load beyond the tile is not stored.
const LEFT_LOADS = (LEFT_VECTORS + THREADS - 1u) / THREADS;
const RIGHT_LOADS = (RIGHT_VECTORS + THREADS - 1u) / THREADS;

var<workgroup> left_tile: array<vec4f, TILE_ROWS * LEFT_STRIDE>;
var<workgroup> right_tile: array<vec4f, DEPTH * RIGHT_STRIDE>;

alias Sums = array<array<vec4f, COL_VECTORS>, ROWS>;

// Adds what the tiles in workgroup memory contribute to the sums of a thread.
fn multiply_tiles(sums: ptr<function, Sums>, thread: vec3u) {
  // The remainders show the compiler that the indices below are in range, so that it leaves out checks.
  let x = thread.x % COL_THREADS;
  let y = thread.y % ROW_THREADS;
  for (var t = 0u; t < TERM_VECTORS; t++) {
    var left: array<vec4f, ROWS>;
    //#unroll
    for (var r = 0u; r < ROWS; r++) {
      left[r] = left_tile[(r * ROW_THREADS + y) * LEFT_STRIDE + t];
    }
    //#unroll
    for (var k = 0u; k < 4u; k++) {
      var right: array<vec4f, COL_VECTORS>;
      //#unroll
      for (var c = 0u; c < COL_VECTORS; c++) {
        right[c] = right_tile[(4u * t + k) * RIGHT_STRIDE + c * COL_THREADS + x];
      }
      //#unroll
      for (var r = 0u; r < ROWS; r++) {
        //#unroll
        for (var c = 0u; c < COL_VECTORS; c++) {
          (*sums)[r][c] = fma(vec4f(left[r][k]), right[c], (*sums)[r][c]);
        }
      }
    }
  }
}
