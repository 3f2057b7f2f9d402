import { suite } from "uvu";
import * as assert from "uvu/assert";
import { evaluate, gradientOf, type Outputs } from "../../src/doctor/check.js";
import { randomInputs } from "../../src/doctor/random-inputs.js";
import { groupNorm } from "../../src/ops/group-norm.js";
import { testDevice } from "../lib/device.js";

const groupNorms = suite("group norm");

interface Maps {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly groups: number;
  readonly x: Float64Array;
  readonly residual: Float64Array;
  readonly dy: Float64Array;
  readonly gamma: Float64Array;
  readonly beta: Float64Array;
}

/** Output and gradients of the images [begin, end). */
async function run(maps: Maps, withResidual: boolean, begin: number, end: number): Promise<Outputs> {
  const { height, width, channels, groups } = maps;
  const image = height * width * channels;
  return evaluate(await testDevice(), (tape, input) => {
    const part = (values: Float64Array) =>
      input(values.slice(begin * image, end * image), [end - begin, height, width, channels]);
    const [x, gamma, beta] = [part(maps.x), input(maps.gamma, [channels]), input(maps.beta, [channels])];
    const residual = withResidual ? part(maps.residual) : undefined;
    tape.watch(x, gamma, beta);
    const y = groupNorm(tape, x, { gamma, beta }, { groups, relu: true, residual });
    tape.backward(y, part(maps.dy));
    return { y, dx: gradientOf(tape, x) };
  });
}

for (const [height, width, channels, groups] of [
  [9, 15, 12, 3],
  [5, 7, 10, 5],
  [1, 1, 6, 1],
]) {
  for (const residual of [false, true]) {
    const text = `${height} x ${width} x ${channels}, ${groups} groups${residual ? ", residual" : ""}`;
    groupNorms(`what becomes of an image does not depend on its batch, to the bit: ${text}`, async () => {
      const batch = 70;
      const random = randomInputs(31);
      const elements = batch * height * width * channels;
      const [x, added, dy] = [random.normal(elements, 1.5, 3), random.normal(elements), random.normal(elements)];
      const maps = { height, width, channels, groups, x, residual: added, dy };
      const inputs = { ...maps, gamma: random.normal(channels), beta: random.normal(channels) };
      const whole = await run(inputs, residual, 0, batch);
      assert.ok(whole.y.some((value) => value > 0) && whole.dx.some((value) => value !== 0));
      const image = elements / batch;
      for (const [begin, end] of [
        [0, 1],
        [34, 37],
        [69, 70],
      ]) {
        const alone = await run(inputs, residual, begin, end);
        for (const name of ["y", "dx"]) {
          assert.equal(alone[name], whole[name].slice(begin * image, end * image), `${name} of ${begin} to ${end}`);
        }
      }
    });
  }
}

groupNorms.run();
