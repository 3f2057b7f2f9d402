// A tile of a matrix product left x right by fragments (lib/fragments.wgsl). The subgroups of a workgroup lie in a grid of
// ROW_SUBGROUPS x COL_SUBGROUPS, and each computes ROWS x COLS fragments. The operands pass through workgroup memory, DEPTH terms of
// the sums at a time: a multiple of UNIT_TERMS.
//
// Operands come in vectors of four elements that neighbour in a line, and vectors with neighbouring numbers lie side by side. The
// results go through workgroup memory as well, for nobody knows which thread holds which element of a fragment.
const ROW_SUBGROUPS: u32 = 2u;
const COL_SUBGROUPS: u32 = 2u;
const ROWS: u32 = 2u;
const COLS: u32 = 2u;
const DEPTH: u32 = 16u;

const THREADS = ROW_SUBGROUPS * COL_SUBGROUPS * LANES;
const SUBGROUP_ROWS = ROWS * UNIT_ROWS;
const SUBGROUP_COLS = COLS * UNIT_COLS;
const TILE_ROWS = ROW_SUBGROUPS * SUBGROUP_ROWS;
const TILE_COLS = COL_SUBGROUPS * SUBGROUP_COLS;

// The number of vectors in a line of a tile, and of those from line to line: with a few more, the lines of a fragment begin in
// different banks.
const LEFT_LINE = select(DEPTH, TILE_ROWS, LEFT_TURNED) / 4u;
const RIGHT_LINE = select(TILE_COLS, DEPTH, RIGHT_TURNED) / 4u;
const LEFT_STRIDE = LEFT_LINE + 2u;
const RIGHT_STRIDE = RIGHT_LINE + 2u;
const LEFT_VECTORS = TILE_ROWS * DEPTH / 4u;
const RIGHT_VECTORS = DEPTH * TILE_COLS / 4u;
// Vectors of a tile that a thread loads; what the last threads load beyond the tile is not stored.
const LEFT_LOADS = (LEFT_VECTORS + THREADS - 1u) / THREADS;
const RIGHT_LOADS = (RIGHT_VECTORS + THREADS - 1u) / THREADS;
const RESULT_LINE = UNIT_COLS / 4u;
const RESULT_VECTORS = UNIT_ROWS * RESULT_LINE;
const RESULT_STRIDE = RESULT_LINE + 1u;

var<workgroup> left_tile: array<vec4<Operand>, LEFT_VECTORS / LEFT_LINE * LEFT_STRIDE>;
var<workgroup> right_tile: array<vec4<Operand>, RIGHT_VECTORS / RIGHT_LINE * RIGHT_STRIDE>;
// A fragment of each subgroup.
var<workgroup> results: array<vec4f, ROW_SUBGROUPS * COL_SUBGROUPS * UNIT_ROWS * RESULT_STRIDE>;

alias Sums = array<array<Sum, COLS>, ROWS>;

// Where in a tile a vector lies: its line, and its first element there.
struct Place {
  line: u32,
  first: u32,
}

fn left_place(number: u32) -> Place {
  return Place(number / LEFT_LINE, 4u * (number % LEFT_LINE));
}

fn right_place(number: u32) -> Place {
  return Place(number / RIGHT_LINE, 4u * (number % RIGHT_LINE));
}

fn store_left(number: u32, values: vec4<Operand>) {
  if (LEFT_VECTORS % THREADS == 0u || number < LEFT_VECTORS) {
    left_tile[number / LEFT_LINE * LEFT_STRIDE + number % LEFT_LINE] = values;
  }
}

fn store_right(number: u32, values: vec4<Operand>) {
  if (RIGHT_VECTORS % THREADS == 0u || number < RIGHT_VECTORS) {
    right_tile[number / RIGHT_LINE * RIGHT_STRIDE + number % RIGHT_LINE] = values;
  }
}

// The first row and column that a subgroup computes, within the tile.
fn subgroup_start(subgroup: u32) -> vec2u {
  return vec2u(subgroup / COL_SUBGROUPS * SUBGROUP_ROWS, subgroup % COL_SUBGROUPS * SUBGROUP_COLS);
}

// Adds what the tiles in workgroup memory contribute to the sums of a subgroup.
fn multiply_tiles(sums: ptr<function, Sums>, subgroup: u32, lane: u32) {
  let start = subgroup_start(subgroup);
  for (var term = 0u; term < DEPTH; term += UNIT_TERMS) {
    var left: array<Left, ROWS>;
    //#unroll
    for (var r = 0u; r < ROWS; r++) {
      left[r] = load_left(start.x + r * UNIT_ROWS, term);
    }
    //#unroll
    for (var c = 0u; c < COLS; c++) {
      let right = load_right(term, start.y + c * UNIT_COLS);
      //#unroll
      for (var r = 0u; r < ROWS; r++) {
        (*sums)[r][c] = multiply_add(left[r], right, (*sums)[r][c], lane);
      }
    }
  }
}

// Where in `results` the fragment of a subgroup begins.
fn results_of(subgroup: u32) -> u32 {
  return subgroup * UNIT_ROWS * RESULT_STRIDE;
}

// Where in the tile four neighbouring results of a fragment belong: a thread takes every LANES-th of its vectors.
fn result_place(subgroup: u32, r: u32, c: u32, number: u32) -> vec2u {
  let fragment = vec2u(r * UNIT_ROWS, c * UNIT_COLS);
  return subgroup_start(subgroup) + fragment + vec2u(number / RESULT_LINE, 4u * (number % RESULT_LINE));
}

fn result_vector(subgroup: u32, number: u32) -> vec4f {
  return results[results_of(subgroup) + number / RESULT_LINE * RESULT_STRIDE + number % RESULT_LINE];
}
