// First pass of the norms of LARS: for each block of 64 elements, sum p^2 and sum (g + weight_decay * p)^2.
// One thread a block; `elements` counts blocks.
//
// shape parameters: elements * 64
// shape gradients: elements * 64
// shape squares: elements * 2
// workgroups: ceil(elements / LANES)
// flops: 6 * 64 * elements
//#include "lib/grid.wgsl"

const LANES: u32 = 64u;

struct Params {
  elements: u32,
  weight_decay: f32,
}

@group(0) @binding(0) var<storage, read> parameters: array<f32>;
@group(0) @binding(1) var<storage, read> gradients: array<f32>;
@group(0) @binding(2) var<storage, read_write> squares: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let i = workgroup_index(group, grid) * LANES + local.x;
  if (i >= params.elements) {
    return;
  }
  var weights = 0.0;
  var updates = 0.0;
  for (var j = i * 64u; j < i * 64u + 64u; j++) {
    let p = parameters[j];
    let u = gradients[j] + params.weight_decay * p;
    weights += p * p;
    updates += u * u;
  }
  squares[2u * i] = weights;
  squares[2u * i + 1u] = updates;
}
