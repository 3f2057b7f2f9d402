import { suite } from "uvu";
import * as assert from "uvu/assert";
import { randomInputs } from "../../src/doctor/random-inputs.js";
import { TrainingWatch } from "../../src/training/watch.js";

const watch = suite("the watch over a training");

const CHANCE = Math.log(255);
const learner = {
  collapse: ({ spread }: Readonly<Record<string, number>>) => (spread < 0.01 ? "collapsed" : null),
  description: { loss: "loss", chance: { formula: "ln(2N − 1)", value: CHANCE }, rows: [] },
};

/** What is said of losses, each with the step. */
function said(
  losses: readonly number[],
  options: { spread?: number; steps?: number; warmupSteps?: number; after?: number } = {},
) {
  const { spread = 0.08, steps = losses.length, warmupSteps = 0, after } = options;
  const chance = { ...learner.description.chance, after };
  const watched = { ...learner, description: { ...learner.description, chance } };
  const watching = new TrainingWatch({ learner: watched, steps, warmupSteps });
  return losses.flatMap((loss, i) =>
    watching.see({ loss, spread, lossScale: 1 }).map((message) => ({ step: i + 1, message })),
  );
}

/** Losses of a healthy training: they fall as losses do, with the noise of batches. */
function falling(steps: number, noise: number): number[] {
  const random = randomInputs(3).uniform(steps, -1, 1);
  return Array.from(random, (value, i) => 3.2 + 1.8 * Math.exp((-4 * i) / steps) + noise * value);
}

watch("says nothing of a loss that falls, whatever its noise", () => {
  for (const noise of [0, 0.05, 0.2])
    for (const steps of [60, 1000, 4000]) assert.equal(said(falling(steps, noise)), []);
});

watch("sees a loss that stays where it is while there is time, once, and none at the end", () => {
  const still = falling(1000, 0.05).map((loss, i) => (i < 150 ? loss : 4 + (loss % 0.05)));
  const [first, ...others] = said(still);
  assert.equal(others, []);
  assert.ok(first.step >= 400 && first.step <= 600, `${first.step}`);
  assert.match(
    first.message,
    /the loss has not fallen for 200 steps: 4\.\d+ in the mean, .*% of the training is still/,
  );
  const late = falling(1000, 0.02).map((loss, i, all) => (i < 650 ? loss : all[650]));
  assert.equal(said(late), []);
});

watch("sees a loss at chance once the warm-up is over, and again when it comes back", () => {
  const [first, ...others] = said(Array(400).fill(CHANCE), { warmupSteps: 30 });
  assert.equal([first.step, others], [80, []]);
  assert.match(
    first.message,
    /nothing is learned: the loss is 5\.541 in the mean of 50 steps, and ln\(2N − 1\) = 5\.541/,
  );
  const back = [...Array(60).fill(CHANCE), ...Array(60).fill(3), ...Array(60).fill(CHANCE)];
  assert.equal(
    said(back).map(({ step }) => step),
    [50, 169],
  );
});

watch("leaves a method the steps in which what it keeps fills up", () => {
  const losses = [...Array(100).fill(2 * CHANCE), ...Array(300).fill(CHANCE / 2)];
  assert.equal(
    said(losses).map(({ step }) => step),
    [50],
  );
  assert.equal(said(losses, { after: 100 }), []);
  assert.equal(
    said(Array(400).fill(CHANCE), { after: 100, warmupSteps: 30 }).map(({ step }) => step),
    [150],
  );
});

watch("takes a collapse for the reason of a loss at chance", () => {
  const found = said(Array(300).fill(CHANCE), { spread: 0 });
  assert.equal(found, [{ step: 20, message: "collapsed" }]);
});

watch.run();
