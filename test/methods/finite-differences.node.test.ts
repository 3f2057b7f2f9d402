import { suite } from "uvu";
import * as assert from "uvu/assert";
import { randomInputs } from "../../src/doctor/random-inputs.js";
import { relativeError } from "../../src/doctor/rounding.js";
import { Tape } from "../../src/engine/tape.js";
import type { TrainingConfig } from "../../src/training/config.js";
import {
  recordBackward,
  recordLoss,
  recordTargets,
  runForMetrics,
  trainingPass,
} from "../../src/training/training-step.js";
import { CASES, goldenStep } from "./golden-case.js";

const differences = suite("finite differences through whole steps");

/** Share of a difference that the rounding of the loss may be: the shorter a step, the fewer rectifiers switch on it. */
const ROUNDED = 0.005;
/** The longest step; where there is no gradient but for rounding, it must not change the loss. */
const LONGEST = 0.1;

/** What is taken as given moves with the weights as well: the slope is that of the loss without. */
const WITHOUT: TrainingConfig["options"] = { stopGradient: false };

/** The same for SwAV: assignments that are alike for all, whatever the weights. */
const ALIKE: TrainingConfig["options"] = { epsilon: 1e6 };

/** The same for DINO: prototypes that move, and a student whose loss has slopes. */
const SHARP: TrainingConfig["options"] = { frozenEpochs: 0, temperature: 0.02 };

function optionsOf(name: string): TrainingConfig["options"] {
  if (name.startsWith("dino")) return SHARP;
  if (name.startsWith("simsiam")) return WITHOUT;
  return name.startsWith("swav") ? ALIKE : {};
}

for (const name of CASES) {
  differences(`the gradient of ${name} is the slope of its loss`, async () => {
    const { parts, views, batch, begin, dispose } = await goldenStep(name, optionsOf(name));
    const { device, model, learner } = parts;
    // All of a step but its updates, so that it can be run with other weights.
    const tape = new Tape(device);
    const pass = trainingPass(tape, parts, false);
    const outputs = { ...learner.embed(pass, views), ...recordTargets(tape, views, parts) };
    const slab = recordBackward(tape, recordLoss(pass, outputs, batch, parts), parts);
    model.tensors.placeGradients(tape);
    const program = await tape.compile();
    begin(0);
    const runLoss = async () => (await runForMetrics(program, slab))[slab.names.indexOf("loss")];

    // Of the hundred roundings or so between the weights and the loss, about the square root of their number is left; a loss near 0
    // is a mean of terms that are not.
    const error = relativeError(10) * Math.max(Math.abs(await runLoss()), 1);
    const random = randomInputs(3);
    const parameters = [];
    for (const { value, gradient } of model.tensors.parameters)
      parameters.push({ value, weight: await device.read(value), gradient: await device.read(gradient) });
    for (const { value, weight, gradient } of parameters) {
      // Along the gradient, where the slope is known, and as far along a random direction, where it might be another.
      const noise = random.normal(gradient.length);
      const [length, noiseLength] = [Math.hypot(...gradient), Math.hypot(...noise)];
      const step = Math.min(error / (ROUNDED * length), LONGEST);
      const at = async (by: number) => {
        const moved = weight.map((w, i) => w + by * (gradient[i] / length + noise[i] / noiseLength));
        device.write(value, moved);
        return { moved, loss: await runLoss() };
      };
      const [ahead, behind] = [await at(step), await at(-step)];
      device.write(value, weight);
      const expected = gradient.reduce((sum, g, i) => sum + g * (ahead.moved[i] - behind.moved[i]), 0);
      const found = ahead.loss - behind.loss;
      assert.ok(
        Math.abs(found - expected) <= 2 * error,
        `${value.label}: the loss changes by ${found}, by its gradient ${expected} +- ${2 * error}`,
      );
    }
    program.dispose();
    device.free(slab.slab.all);
    dispose();
  });
}

differences.run();
