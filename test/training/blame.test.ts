import { suite } from "uvu";
import * as assert from "uvu/assert";
import { temperatureStrain } from "../../src/methods/temperature.js";
import { blame, strains } from "../../src/training/blame.js";
import { DEFAULT_CONFIG } from "../../src/training/config.js";

const blaming = suite("what is to blame for numbers that are not finite");

const config = { ...DEFAULT_CONFIG, learningRate: 0.5, optimizer: "sgd" };
const plain = { config, learner: {} };
const cold = { config, learner: { strain: temperatureStrain(1e-9) } };
const fast = { config: { ...config, learningRate: 1e6 }, learner: {} };

blaming("is what is out of all proportion, and else the learning rate", () => {
  assert.match(blame(cold, 2, "loss", 0.1), /^a temperature of 1e-9 .*take one from 0\.05 to 1$/);
  assert.match(blame(fast, 2, "loss", 0.1), /^a learning rate of 1000000 is beyond all that sgd/);
  assert.match(blame(plain, 2, "loss", 0.1), /^lower the learning rate \(0\.1 in this step\) or lengthen the warm-up$/);
  const half = { ...plain, config: { ...config, precision: "mixed" as const } };
  assert.match(blame(half, 2, "loss", 0.1), /or train in f32$/);
});

blaming("is no learning rate where none was used", () => {
  assert.match(blame(fast, 1, "loss", 0.1), /^it is the first step, so no learning rate is to blame/);
  assert.match(blame(fast, 1, "weights", 0.1), /^a learning rate of 1000000/);
});

blaming("is told of before it happens", () => {
  assert.equal(strains(plain), []);
  assert.is(strains(cold).length, 1);
  const scaled = { ...fast.config, learningRate: 10, learningRateScaling: "sqrt", batch: 4096 } as const;
  assert.match(strains({ config: scaled, learner: {} })[0], /a learning rate of 640, scaled with the batch,/);
  assert.equal(strains({ config: { ...fast.config, optimizer: "own" }, learner: {} }), []);
  for (const temperature of [0.005, 0.5, 100]) assert.is(temperatureStrain(temperature), null);
});

blaming.run();
