// Two operands, element by element: y[r, c] = a[r, c] op b[r, c]. Each has all rows or one that counts for all, and so for the
// columns. OPERATION: 0 a + b, 1 a - b, 2 a b, 3 a / b, 4 -a b.
//
// shape a: a_rows * a_cols
// shape b: b_rows * b_cols
// shape y: max(a_rows, b_rows) * max(a_cols, b_cols)
// workgroups: ceil(max(a_rows, b_rows) * max(a_cols, b_cols) / (LANES * ELEMENTS))
// flops: max(a_rows, b_rows) * max(a_cols, b_cols)
//#include "lib/grid.wgsl"
//#include "lib/repeated.wgsl"
//#include "lib/stored.wgsl"

const LANES: u32 = 64u;
// Elements a thread goes through.
const ELEMENTS: u32 = 8u;
const OPERATION: u32 = 0u;

struct Params {
  a_rows: u32,
  a_cols: u32,
  b_rows: u32,
  b_cols: u32,
}

@group(0) @binding(0) var<storage, read> a: array<Stored>;
@group(0) @binding(1) var<storage, read> b: array<Stored>;
@group(0) @binding(2) var<storage, read_write> y: array<Stored>;
@group(0) @binding(3) var<uniform> params: Params;

fn operation(a: f32, b: f32) -> f32 {
  switch OPERATION {
    case 0u: {
      return a + b;
    }
    case 1u: {
      return a - b;
    }
    case 2u: {
      return a * b;
    }
    case 3u: {
      return a / b;
    }
    default: {
      return -a * b;
    }
  }
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let cols = max(params.a_cols, params.b_cols);
  let first = workgroup_index(group, grid) * LANES * ELEMENTS;
  let end = min(first + LANES * ELEMENTS, max(params.a_rows, params.b_rows) * cols);
  for (var i = first + local.x; i < end; i += LANES) {
    let row = i / cols;
    let col = i % cols;
    let left = a[repeated(row, col, params.a_rows, params.a_cols)];
    let right = b[repeated(row, col, params.b_rows, params.b_cols)];
    y[i] = Stored(operation(f32(left), f32(right)));
  }
}
