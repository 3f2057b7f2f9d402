// The row of the other view of the same image: rows i and i + rows / 2 are a pair.
fn positive_of(row: u32, rows: u32) -> u32 {
  let half_rows = rows / 2u;
  return select(row - half_rows, row + half_rows, row < half_rows);
}
