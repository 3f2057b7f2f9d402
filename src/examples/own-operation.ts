/**
 * An operation of your own: a WGSL kernel with its launch and its gradient. It is y = sin(frequency x), the rectifier's place in nets
 * that draw curves and pictures (Sitzmann et al. 2020, SIREN); two layers with it then learn a curve.
 *
 *     npm install webgpu-simclr
 *     node node_modules/webgpu-simclr/dist/src/examples/own-operation.js
 *
 * All rules for kernels stand in `kernels/README.md`, which comes with the package.
 */
import {
  adamW,
  cosine,
  kernelFrom,
  Linear,
  ModelTensors,
  mean,
  openDevice,
  square,
  subtract,
  Tape,
  type Tensor,
} from "webgpu-simclr/engine";

const kernel = kernelFrom(
  `// y = sin(frequency x); with GRADIENT, y = dy frequency cos(frequency x).
// shape x: elements
// shape dy: elements
// shape y: elements
// workgroups: ceil(elements / 64)
// flops: 3 * elements
//#include "lib/grid.wgsl"
const GRADIENT: bool = false;
struct Params { elements: u32, frequency: f32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let i = workgroup_index(group, grid) * 64u + local.x;
  if (i >= params.elements) { return; }
  let angle = params.frequency * x[i];
  if (GRADIENT) {
    y[i] = dy[i] * params.frequency * cos(angle);
  } else {
    y[i] = sin(angle);
  }
}`,
  { name: "sine" },
);

/** sin(frequency x), element by element. */
function sine(tape: Tape, x: Tensor, frequency: number): Tensor {
  const y = tape.tensor(x.shape, `sine of ${x.label}`);
  tape.launch(kernel, { x, dy: x, y }, { elements: x.size, frequency });
  tape.differentiate([x], y, (dy) => {
    const dx = tape.tensor(x.shape, `gradient of ${x.label}`);
    tape.launch(kernel, { x, dy, y: dx }, { elements: x.size, frequency }, { GRADIENT: true });
    return [dx];
  });
  return y;
}

const device = await openDevice();
const points = Array.from({ length: 256 }, (_, i) => i / 128 - 1);
const x = device.tensor([256, 1], points, "x");
const curve = device.tensor(
  [256, 1],
  points.map((at) => Math.exp(-3 * at * at) * Math.cos(12 * at)),
  "curve",
);

const [first, last] = [new Linear("first", 1, 32, true), new Linear("last", 32, 1, true)];
const model = new ModelTensors(device, [...first.tensors, ...last.tensors], 1);
const optimizer = adamW(model);

// One step, recorded once: forward, backward, optimizer.
const tape = new Tape(device);
const pass = model.pass(tape, { training: true });
const drawn = last.forward(pass, sine(tape, first.forward(pass, x), 10));
const loss = mean(tape, square(tape, subtract(tape, drawn, curve)));
tape.backward(loss);
model.placeGradients(tape);
optimizer.record(tape);
const program = await tape.compile({ keep: [loss] });

const steps = 200;
for (let step = 0; step <= steps; step++) {
  optimizer.setStep(step + 1, cosine(0.01, 0, step, steps));
  if (step % 20 > 0) program.run();
  else console.log(`step ${step}: mean squared error ${(await program.runAndRead(loss))[0].toExponential(2)}`);
}
device.close();
