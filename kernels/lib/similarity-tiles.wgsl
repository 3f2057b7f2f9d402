// A tile of products z[i] . columns[j] in workgroup memory: TILE_ROWS rows from first_row on and TILE_COLS columns from
// first_column on, the dimensions in ascending order. `columns` is transposed: neighbouring threads load neighbouring
// elements of both. Rows past the end repeat the last one; columns past it hold anything. Has to be called by all threads.
fn add_similarities(sums: ptr<function, Sums>, first_row: u32, first_column: u32, local: vec3u) {
  let thread = local.y * COL_THREADS + local.x;
  var z_at: array<u32, LEFT_LOADS>;
  //#unroll
  for (var i = 0u; i < LEFT_LOADS; i++) {
    let row = min(first_row + (i * THREADS + thread) / TERM_VECTORS, params.rows - 1u);
    z_at[i] = row * params.dim + 4u * (thread % TERM_VECTORS);
  }
  let stride = panel_stride(params.width);
  var columns_at: array<u32, RIGHT_LOADS>;
  //#unroll
  for (var i = 0u; i < RIGHT_LOADS; i++) {
    let number = i * THREADS + thread;
    let column = min(first_column + 4u * (number % TILE_COL_VECTORS), stride - 4u);
    columns_at[i] = number / TILE_COL_VECTORS * stride + column;
  }
  for (var k = 0u; k < params.dim; k += DEPTH) {
    // Dimensions past the end are zero; what stands there in memory does not count.
    let terms = vec4u(k + 4u * (thread % TERM_VECTORS)) + select(vec4u(0u, 1u, 2u, 3u), vec4u(0u), VECTOR == 4u);
    var left: array<vec4f, LEFT_LOADS>;
    //#unroll
    for (var i = 0u; i < LEFT_LOADS; i++) {
      let at = z_at[i] + k;
      let values = vec4f(z[at], z[at + 1u], z[at + 2u], z[at + 3u]); //#vec4 let values = z[at / 4u];
      left[i] = select(vec4f(0.0), values, terms < vec4u(params.dim));
    }
    var right: array<vec4f, RIGHT_LOADS>;
    //#unroll
    for (var i = 0u; i < RIGHT_LOADS; i++) {
      let at = columns_at[i] + k * stride;
      let counts = k + (i * THREADS + thread) / TILE_COL_VECTORS < params.dim;
      let values = vec4f(columns[at], columns[at + 1u], columns[at + 2u], columns[at + 3u]); //#vec4 let values = columns[at / 4u];
      right[i] = select(vec4f(0.0), values, counts);
    }
    workgroupBarrier();
    //#unroll
    for (var i = 0u; i < LEFT_LOADS; i++) {
      let number = i * THREADS + thread;
      if (LEFT_VECTORS % THREADS == 0u || number < LEFT_VECTORS) {
        left_tile[number] = left[i];
      }
    }
    //#unroll
    for (var i = 0u; i < RIGHT_LOADS; i++) {
      let number = i * THREADS + thread;
      if (RIGHT_VECTORS % THREADS == 0u || number < RIGHT_VECTORS) {
        right_tile[number / TILE_COL_VECTORS * RIGHT_STRIDE + number % TILE_COL_VECTORS] = right[i];
      }
    }
    workgroupBarrier();
    multiply_tiles(sums, local);
  }
}
