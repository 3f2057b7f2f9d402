// Reciprocals of the lengths of rows: inverse[row] = 1 / max(|x[row]|, EPSILON), with nothing but 1 / EPSILON for shorter ones. They
// are the first of the three values that a row of a contrastive loss has in `anchors`. A workgroup takes ROWS rows one after another,
// all threads each of them, and adds up what the threads found at the end, a thread a row.
//
// shape x: rows * cols
// shape anchors: 3 * rows
// workgroups: ceil(rows / ROWS)
// flops: 2 * rows * cols
//#include "lib/element.wgsl"
//#include "lib/grid.wgsl"

const LANES: u32 = 8u;
const ROWS: u32 = 16u;
// Neighbouring elements that a thread loads at once, 1 or 4; 4 needs a multiple of 4 columns.
const VECTOR: u32 = 1u;
const EPSILON: f32 = 0.000000000001;
const LARGEST: f32 = 1000000000000.0;

struct Params {
  rows: u32,
  cols: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Element>;
@group(0) @binding(1) var<storage, read_write> anchors: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

var<workgroup> squares: array<f32, ROWS * LANES>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let first = workgroup_index(group, grid) * ROWS;
  if (first >= params.rows) {
    return;
  }
  let count = min(ROWS, params.rows - first);
  let vectors = params.cols / VECTOR;
  for (var r = 0u; r < count; r++) {
    var own = Element();
    for (var c = local.x; c < vectors; c += LANES) {
      let value = x[(first + r) * vectors + c];
      own = fma(value, value, own);
    }
    squares[r * LANES + local.x] = own; //#vec4 squares[r * LANES + local.x] = dot(own, vec4f(1.0));
  }
  workgroupBarrier();
  for (var r = local.x; r < count; r += LANES) {
    var sum = 0.0;
    for (var lane = 0u; lane < LANES; lane++) {
      sum += squares[r * LANES + lane];
    }
    let norm = sqrt(sum);
    anchors[first + r] = select(1.0 / max(norm, EPSILON), LARGEST, norm < EPSILON);
  }
}
