// Where the element [row, col] of a matrix is in an operand that may have one row or one column only, which then counts for all.
fn repeated(row: u32, col: u32, rows: u32, cols: u32) -> u32 {
  return select(0u, row, rows > 1u) * cols + select(0u, col, cols > 1u);
}
