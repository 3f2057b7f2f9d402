/** The engine alone: a small net learns to tell two spirals apart, and the page shows what it says of every point of the plane. */
import {
  adamW,
  Linear,
  ModelTensors,
  openDevice,
  relu,
  softmax,
  softmaxCrossEntropy,
  Tape,
  warmupCosine,
} from "webgpu-simclr/engine";

const [count, side, steps] = [256, 96, 400];

/** Points of the two spirals by turns, and the points of a grid; all in [-1, 1]. */
const points = Array.from({ length: count }, (_, i) => {
  const along = 0.1 + (0.85 * i) / count;
  const angle = 9 * along + Math.PI * (i % 2);
  return [along * Math.cos(angle), along * Math.sin(angle)];
});
const grid = Array.from({ length: side * side }, (_, i) =>
  [i % side, Math.floor(i / side)].map((place) => (2 * place) / (side - 1) - 1),
);
const spirals = Uint32Array.from(points, (_, i) => i % 2);

const device = await openDevice();
const layers = [new Linear("first", 2, 32, true), new Linear("second", 32, 32, true), new Linear("last", 32, 2, true)];
const model = new ModelTensors(
  device,
  layers.flatMap(({ tensors }) => tensors),
  1,
);
const forward = (pass, x) => layers.reduce((h, layer, i) => layer.forward(pass, i > 0 ? relu(pass.tape, h) : h), x);

// A step of training, and a look at the grid: each is recorded once, and runs as often as it is asked for.
const training = new Tape(device);
const logits = forward(model.pass(training, { training: true }), device.tensor([count, 2], points.flat(), "points"));
const { loss, accuracy } = softmaxCrossEntropy(training, logits, device.tensor([count], spirals, "spirals"));
training.backward(loss);
model.placeGradients(training);
const optimizer = adamW(model);
optimizer.record(training);
const step = await training.compile({ keep: [loss, accuracy] });

const looking = new Tape(device);
const seen = forward(model.pass(looking, { training: false }), device.tensor([side * side, 2], grid.flat(), "grid"));
const shares = softmax(looking, seen);
const look = await looking.compile({ keep: [shares] });

const picture = new ImageData(side, side);
for (let done = 1; done <= steps; done++) {
  optimizer.setStep(done, warmupCosine(0.02, done - 1, steps, 20));
  step.run();
  if (done % 20 > 0) continue;

  const [[error], [right], values] = [
    await device.read(loss),
    await device.read(accuracy),
    await look.runAndRead(shares),
  ];
  for (let i = 0; i < side * side; i++)
    picture.data.set([255 * values[2 * i], 90, 255 * values[2 * i + 1], 255], 4 * i);
  document.querySelector("canvas").getContext("2d").putImageData(picture, 0, 0);
  const status = `step ${done} of ${steps}: loss ${error.toFixed(4)}, ${(100 * right).toFixed(1)} % right`;
  document.querySelector("#status").textContent = status;
}
device.close();
