// Column `c` of those that a thread has of a tile: VECTOR neighbours, then VECTOR on from where all lanes have theirs.
fn column_of(tile_start: u32, c: u32, lane: u32) -> u32 {
  return tile_start + c / VECTOR * VECTOR * LANES + lane * VECTOR + c % VECTOR;
}

// A tile of products z[i] . columns[j] for ROWS rows from first_row on and COLS columns: see column_of. `columns` is transposed,
// so that neighbouring threads read neighbouring elements; all of a workgroup need the same elements of z: each of SHARE threads
// loads a part of them and hands it on to the others. Rows past the end repeat the last one; columns past it hold anything.
fn similarity_tile(first_row: u32, tile_start: u32, lane: u32) -> array<array<f32, COLS>, ROWS> {
  let last = params.rows - 1u;
  let stride = panel_stride(params.width);
  var own_starts: array<u32, OWN>;
  //#unroll
  for (var i = 0u; i < OWN; i++) {
    own_starts[i] = min(first_row + i * SHARE + lane % SHARE, last) * params.dim;
  }
  // Set to zero by hand: inside of a loop, Mesa 25.0 would leave the values of the round before.
  var similarities: array<array<f32, COLS>, ROWS>;
  //#unroll
  for (var r = 0u; r < ROWS; r++) {
    //#unroll
    for (var c = 0u; c < COLS; c++) {
      similarities[r][c] = 0.0;
    }
  }
  for (var k = 0u; k < params.dim; k++) {
    var values: array<f32, COLS>;
    //#unroll
    for (var v = 0u; v < VECTORS; v++) {
      let at = k * stride + min(column_of(tile_start, v * VECTOR, lane), stride - VECTOR);
      let loaded = vec4f(columns[at]); //#vec4 let loaded = columns[at / 4u];
      //#unroll
      for (var i = 0u; i < VECTOR; i++) {
        values[v * VECTOR + i] = loaded[i];
      }
    }
    var own: array<f32, OWN>;
    //#unroll
    for (var i = 0u; i < OWN; i++) {
      own[i] = z[own_starts[i] + k];
    }
    //#unroll
    for (var r = 0u; r < ROWS; r++) {
      let value = from_lane(own[r / SHARE], r % SHARE);
      //#unroll
      for (var c = 0u; c < COLS; c++) {
        similarities[r][c] = fma(value, values[c], similarities[r][c]);
      }
    }
  }
  return similarities;
}
