// Fragments of a matrix product: UNIT_ROWS x UNIT_TERMS of the left operand, UNIT_TERMS x UNIT_COLS of the right one and
// UNIT_ROWS x UNIT_COLS of their product, each held by the LANES threads of a subgroup together.
//
// With UNITS they are the subgroup matrices of chromium-experimental-subgroup-matrix, which the matrix units of a GPU multiply; their
// extents and types are then one of the device's configurations. Without, they are emulated: a fragment of an operand is the place
// where it begins in workgroup memory, and a thread holds every LANES-th vector of a product. Any device runs that, slowly: what
// surrounds the fragments is so tested everywhere.
//
// Operands lie in left_tile and right_tile, in vectors of four; their lines are LEFT_STRIDE and RIGHT_STRIDE vectors apart. A line is
// a row of the operand, or with LEFT_TURNED and RIGHT_TURNED a column. All extents of a fragment are multiples of 4.
const UNITS: bool = false;
const LANES: u32 = 32u;
const UNIT_ROWS: u32 = 16u;
const UNIT_COLS: u32 = 16u;
const UNIT_TERMS: u32 = 16u;
// Pins the size of a subgroup to LANES, for devices on which it varies.
const PINNED: bool = false;
// What is multiplied: f32, or with ROUNDED f16, to which operands are rounded on the way into workgroup memory. Sums are f32.
const ROUNDED: bool = false;
alias Operand = f32; //#rounded alias Operand = f16;

// A thread's share of a fragment of the product, where it is emulated.
const OWN_VECTORS = (UNIT_ROWS * UNIT_COLS / 4u + LANES - 1u) / LANES;
alias EmulatedSum = array<vec4f, OWN_VECTORS>;
alias Left = vec2u; //#units alias Left = subgroup_matrix_left<Operand, UNIT_TERMS, UNIT_ROWS>;
alias Right = vec2u; //#units alias Right = subgroup_matrix_right<Operand, UNIT_COLS, UNIT_TERMS>;
alias Sum = EmulatedSum; //#units alias Sum = subgroup_matrix_result<f32, UNIT_COLS, UNIT_ROWS>;

// The vector of left_tile that this element is in, or begins; the same for right_tile.
fn left_vector(row: u32, term: u32) -> u32 {
  return select(row * LEFT_STRIDE + term / 4u, term * LEFT_STRIDE + row / 4u, LEFT_TURNED);
}

fn right_vector(term: u32, column: u32) -> u32 {
  return select(term * RIGHT_STRIDE + column / 4u, column * RIGHT_STRIDE + term / 4u, RIGHT_TURNED);
}

fn load_left(row: u32, term: u32) -> Left {
  let at = left_vector(row, term);
  //#units if (LEFT_TURNED) { return subgroupMatrixLoad<Left, col_major>(&left_tile, at, LEFT_STRIDE); }
  return vec2u(row, term); //#units return subgroupMatrixLoad<Left, row_major>(&left_tile, at, LEFT_STRIDE);
}

fn load_right(term: u32, column: u32) -> Right {
  let at = right_vector(term, column);
  //#units if (RIGHT_TURNED) { return subgroupMatrixLoad<Right, col_major>(&right_tile, at, RIGHT_STRIDE); }
  return vec2u(term, column); //#units return subgroupMatrixLoad<Right, row_major>(&right_tile, at, RIGHT_STRIDE);
}

// sum + left x right.
fn multiply_add(left: Left, right: Right, sum: Sum, lane: u32) -> Sum {
  return emulated_multiply_add(left, right, sum, lane); //#units return subgroupMatrixMultiplyAccumulate(left, right, sum);
}

// Writes a fragment of the product to `results`, from this vector on, row by row and RESULT_STRIDE vectors apart.
fn store_sum(sum: Sum, at: u32, lane: u32) {
  emulated_store(sum, at, lane); //#units subgroupMatrixStore<row_major>(&results, at, sum, RESULT_STRIDE);
}

fn left_element(row: u32, term: u32) -> f32 {
  return f32(left_tile[left_vector(row, term)][select(term, row, LEFT_TURNED) % 4u]);
}

fn right_element(term: u32, column: u32) -> f32 {
  return f32(right_tile[right_vector(term, column)][select(column, term, RIGHT_TURNED) % 4u]);
}

fn emulated_multiply_add(left: vec2u, right: vec2u, sum: EmulatedSum, lane: u32) -> EmulatedSum {
  var more = sum;
  for (var i = 0u; i < OWN_VECTORS; i++) {
    let row = left.x + 4u * (i * LANES + lane) / UNIT_COLS;
    let column = right.y + 4u * (i * LANES + lane) % UNIT_COLS;
    // The quotient is 0, which compilers do not see: written out, a software adapter's would take seconds over the loop.
    for (var t = 0u; t < UNIT_TERMS + lane / LANES; t++) {
      let term = right.x + t;
      let values = vec4f(
        right_element(term, column),
        right_element(term, column + 1u),
        right_element(term, column + 2u),
        right_element(term, column + 3u),
      );
      more[i] = fma(vec4f(left_element(row, left.y + t)), values, more[i]);
    }
  }
  return more;
}

fn emulated_store(sum: EmulatedSum, at: u32, lane: u32) {
  var own = sum;
  for (var i = 0u; i < OWN_VECTORS; i++) {
    let number = i * LANES + lane;
    if (number < RESULT_VECTORS) {
      results[at + number / RESULT_LINE * RESULT_STRIDE + number % RESULT_LINE] = own[i];
    }
  }
}
