// A tile of logits of NT-Xent: z[i] . z[j] / temperature for ROWS rows from first_row on and COLS columns from
// first_column on, LANES apart. `columns` is z transposed, so that neighbouring threads read neighbouring elements; all of
// a workgroup read the same elements of z. Rows and columns past the end repeat the last one.
fn logit_tile(first_row: u32, first_column: u32) -> array<array<f32, COLS>, ROWS> {
  let last = params.rows - 1u;
  // Set to zero by hand: inside of a loop, Mesa 25.0 would leave the values of the round before.
  var logits: array<array<f32, COLS>, ROWS>;
  for (var r = 0u; r < ROWS; r++) {
    for (var c = 0u; c < COLS; c++) {
      logits[r][c] = 0.0;
    }
  }
  for (var k = 0u; k < params.dim; k++) {
    var values: array<f32, COLS>;
    for (var c = 0u; c < COLS; c++) {
      values[c] = columns[k * params.rows + min(first_column + c * LANES, last)];
    }
    for (var r = 0u; r < ROWS; r++) {
      let value = z[min(first_row + r, last) * params.dim + k];
      for (var c = 0u; c < COLS; c++) {
        logits[r][c] = fma(value, values[c], logits[r][c]);
      }
    }
  }
  for (var r = 0u; r < ROWS; r++) {
    for (var c = 0u; c < COLS; c++) {
      logits[r][c] *= params.inverse_temperature;
    }
  }
  return logits;
}
