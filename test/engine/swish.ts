import { kernelFrom, type Tape, type Tensor } from "webgpu-simclr/engine";

const kernel = kernelFrom(
  `// With s = sigmoid(x): y = x s, and with GRADIENT, y = dy (s + x s (1 - s)).
// shape x: elements
// shape dy: elements
// shape y: elements
// workgroups: ceil(elements / 64)
// flops: 6 * elements
//#include "lib/grid.wgsl"
const GRADIENT: bool = false;
struct Params { elements: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let i = workgroup_index(group, grid) * 64u + local.x;
  if (i < params.elements) {
    let s = 1.0 / (1.0 + exp(-x[i]));
    y[i] = select(x[i] * s, dy[i] * (s + x[i] * s * (1.0 - s)), GRADIENT);
  }
}`,
  { name: "swish" },
);

/** x sigmoid(x) (Ramachandran et al. 2017). */
export function swish(tape: Tape, x: Tensor): Tensor {
  const y = tape.tensor(x.shape, `swish of ${x.label}`);
  tape.launch(kernel, { x, dy: x, y }, { elements: x.size });
  tape.differentiate([x], y, (dy) => {
    const dx = tape.tensor(x.shape, `gradient of ${x.label}`);
    tape.launch(kernel, { x, dy, y: dx }, { elements: x.size }, { GRADIENT: true });
    return [dx];
  });
  return y;
}
