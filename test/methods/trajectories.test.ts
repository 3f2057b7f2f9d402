import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Tape } from "../../src/engine/tape.js";
import { recordOnViews, runForMetrics, stepMetrics } from "../../src/training/training-step.js";
import { CASES, goldenStep } from "./golden-case.js";

const trajectories = suite("trajectories of methods");

/** How often the largest of the 64 deviations that PyTorch's own float32 showed may be exceeded: see test/training/trajectory.node.test.ts. */
const SPREAD = 4;

for (const name of CASES) {
  trajectories(`steps of ${name} are PyTorch's`, async () => {
    const { golden, parts, steps, learningRate, views, batch, begin, dispose } = await goldenStep(name);
    const { device, model, learner, optimizer } = parts;
    const tape = new Tape(device);
    const slab = recordOnViews(tape, views, batch, parts);
    const program = await tape.compile();

    const compared = new Set<string>();
    const expectClose = (tensor: string, found: ArrayLike<number>) => {
      const [expected, deviations] = [golden.floats(tensor), golden.floats(`deviation.${tensor}`)];
      assert.is(found.length, expected.length, tensor);
      expected.forEach((value, i) => {
        // The golden value itself is rounded to float32.
        const tolerance = SPREAD * deviations[i % deviations.length] + 2 ** -24 * Math.abs(value);
        const close = Math.abs(found[i] - value) <= tolerance;
        assert.ok(close, `${tensor}[${i}] is ${found[i]}, PyTorch's is ${value} +- ${tolerance}`);
      });
      compared.add(tensor);
    };

    const metrics = [];
    for (let step = 0; step < steps; step++) {
      begin(step);
      optimizer.setStep(step + 1, learningRate);
      metrics.push(stepMetrics(slab, await runForMetrics(program, slab)));
      if (step > 0) continue;
      for (const { spec, gradient } of model.tensors.parameters)
        expectClose(`gradient.${spec.name}`, await device.read(gradient));
    }
    for (const measured of slab.names.filter((name) => name !== "lossScale"))
      expectClose(
        `measured.${measured}`,
        metrics.map((numbers) => numbers[measured]),
      );
    for (const [tensor, values] of await model.tensors.read()) expectClose(`final.${tensor}`, values);
    for (const [kept, tensor] of learner.state) {
      const after = `after.${kept}`;
      if (tensor.type === "f32") expectClose(after, await device.read(tensor));
      else assert.equal([...(await device.readIndices(tensor))], [...golden.integers(after)], after);
      compared.add(after);
    }
    const expected = ["measured", "gradient", "final", "after"].flatMap((part) => [...golden.under(part).values()]);
    assert.equal([...compared].sort(), expected.sort(), "nothing is left out");
    program.dispose();
    device.free(slab.slab.all);
    dispose();
  });
}

trajectories.run();
