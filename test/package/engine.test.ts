import { suite } from "uvu";
import * as assert from "uvu/assert";
// The engine's door alone, as it is built.
import {
  adamW,
  Linear,
  ModelTensors,
  normals,
  openDevice,
  relu,
  sfc32,
  softmaxCrossEntropy,
  Tape,
  warmupCosine,
} from "../../src/engine.js";

const engine = suite("the engine's entry");

/** Points of the plane, in turn from two classes: two spirals, one of which is the other turned by half a circle. */
function spirals(count: number, seed: number): { points: Float32Array<ArrayBuffer>; labels: Uint32Array<ArrayBuffer> } {
  const normal = normals(sfc32(seed, 0, 0));
  const points = new Float32Array(2 * count);
  const labels = Uint32Array.from({ length: count }, (_, i) => i % 2);
  labels.forEach((label, i) => {
    const along = 0.2 + i / count;
    const angle = 4 * along + Math.PI * label;
    points[2 * i] = along * Math.cos(angle) + 0.02 * normal();
    points[2 * i + 1] = along * Math.sin(angle) + 0.02 * normal();
  });
  return { points, labels };
}

engine("trains a net to tell two spirals apart", async () => {
  const [count, steps] = [128, 300];
  const device = await openDevice();
  const { points, labels } = spirals(count, 1);
  const x = device.tensor([count, 2], points, "points");
  const classes = device.tensor([count], labels, "classes");

  const layers = [
    new Linear("first", 2, 32, true),
    new Linear("second", 32, 32, true),
    new Linear("last", 32, 2, true),
  ];
  const model = new ModelTensors(
    device,
    layers.flatMap(({ tensors }) => tensors),
    1,
  );
  const optimizer = adamW(model, { weightDecay: 1e-3 });
  const tape = new Tape(device);
  const pass = model.pass(tape, { training: true });
  const [first, second, last] = layers;
  const hidden = relu(tape, second.forward(pass, relu(tape, first.forward(pass, x))));
  const { loss, accuracy } = softmaxCrossEntropy(tape, last.forward(pass, hidden), classes);
  tape.backward(loss);
  model.placeGradients(tape);
  optimizer.record(tape);
  const program = await tape.compile({ keep: [loss, accuracy] });

  // The step before the first one only looks: the learning rate is 0.
  const [start] = await program.runAndRead(loss);
  assert.ok(
    Math.abs(start - Math.log(2)) < 0.1,
    `the loss begins at ${start}: it should be near that of chance, log 2`,
  );
  for (let step = 0; step < steps; step++) {
    optimizer.setStep(step + 1, warmupCosine(0.02, step, steps, 10));
    program.run();
  }
  optimizer.setStep(steps + 1, 0);
  const [end] = await program.runAndRead(loss);
  assert.ok(end < 0.05, `the loss ends at ${end}`);
  assert.is((await device.read(accuracy))[0], 1);

  // Points of the same spirals that it has not seen.
  device.write(x, spirals(count, 2).points);
  const [unseen] = await program.runAndRead(accuracy);
  assert.ok(unseen > 0.95, `${unseen} of unseen points`);
  device.close();
});

engine.run();
