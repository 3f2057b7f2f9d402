import { suite } from "uvu";
import * as assert from "uvu/assert";
import { METHODS } from "../../src/methods/catalogue.js";
import { collapseOf, collapseOfScale } from "../../src/methods/collapse.js";
import type { TrainingConfig } from "../../src/training/config.js";
import { Trainer } from "../../src/training/trainer.js";
import { testDevice } from "../lib/device.js";
import { SMALL_CONFIG, stripes } from "../training/small-set.js";

const collapses = suite("collapses without negatives");
const images = stripes(64);
const HEAD = { headHidden: 32, headOutput: 16 };

/** What the last steps of a training measured, and the steps at which it warned. */
async function train(method: string, options: TrainingConfig["options"], changes: Partial<TrainingConfig> = {}) {
  const config = { ...SMALL_CONFIG, batch: 32, epochs: 40, method, options: { ...HEAD, ...options }, ...changes };
  const trainer = await Trainer.create(await testDevice(), images, config);
  let last: Readonly<Record<string, number>> = {};
  const warnings: string[] = [];
  await trainer.train({
    onStep: (step) => {
      last = { ...step };
    },
    onWarning: (message) => void warnings.push(message),
  });
  trainer.dispose();
  return { last, warnings };
}

collapses("SimSiam needs the stop-gradient", async () => {
  const options = { headBatchNorm: false, predictorHidden: 8 };
  const changes = { optimizer: "sgd", learningRate: 0.2 } as const;
  const { last, warnings } = await train("simsiam", { ...options, stopGradient: false }, changes);
  assert.ok(last["loss"] < -0.99, `the loss is ${last["loss"]}`);
  assert.is(warnings.length, 1);
  assert.match(warnings[0], /^the embeddings have collapsed to a (line|point): /);
  const healthy = await train("simsiam", options, changes);
  assert.equal(healthy.warnings, []);
  assert.ok(healthy.last["outputStd"] > 0.5 / 4);
});

collapses("VICReg needs its variance", async () => {
  const { last, warnings } = await train("vicreg", { variance: 0 }, { learningRate: 0.02 });
  assert.ok(last["variance"] > 0.95, `the variance is ${last["variance"]}`);
  assert.is(warnings.length, 1);
  assert.match(warnings[0], /collapsed to a point: their standard deviation is 0\.0\d+, and the loss asks for 1/);
  const healthy = await train("vicreg", {}, { learningRate: 5e-3 });
  assert.ok(healthy.last["variance"] < 0.75, `the variance is ${healthy.last["variance"]}`);
  assert.equal(healthy.warnings, []);
});

collapses("LeJEPA needs SIGReg", async () => {
  const { last, warnings } = await train("lejepa", { lambda: 0, slices: 16 }, { learningRate: 0.02 });
  // Of points at 0: 0.402 for each of 32 images.
  assert.ok(last["sigreg"] > 0.97 * 0.402 * 32, `SIGReg is ${last["sigreg"]}`);
  assert.is(warnings.length, 1);
  assert.match(warnings[0], /collapsed to a point: their standard deviation is 0\.0\d+, and the loss asks for 1/);
  const healthy = await train("lejepa", { slices: 16 });
  assert.ok(healthy.last["sigreg"] < 5, `SIGReg is ${healthy.last["sigreg"]}`);
  assert.equal(healthy.warnings, []);
});

collapses("Barlow Twins need the correlations of different dimensions", async () => {
  const { last, warnings } = await train("barlow", { lambda: 0 }, { learningRate: 0.01 });
  assert.ok(last["outputRank"] < 1.1, `the rank is ${last["outputRank"]}`);
  assert.is(warnings.length, 1);
  assert.match(warnings[0], /^the embeddings have collapsed to a line: they vary along 1\.\d+ of 16 directions/);
});

collapses("are told by what was measured", () => {
  const at = (outputStd: number, outputRank: number, dimension: number, images: number) =>
    collapseOf({ loss: 1, outputStd, outputRank }, dimension, images);
  assert.is(at(0.08, 3, 128, 64), null);
  assert.match(at(0.004, 3, 128, 64) ?? "", /to a point/);
  assert.match(at(0.08, 1.05, 1024, 2000) ?? "", /to a line: they vary along 1\.05 of 1,024 directions/);
  // Two images, and two dimensions, have one or two directions at most.
  assert.is(at(0.08, 1, 128, 2), null);
  assert.is(at(0.5, 1, 2, 64), null);
  assert.is(collapseOfScale(0.06), null);
  assert.match(collapseOfScale(0.04) ?? "", /standard deviation is 0\.040, and the loss asks for 1/);
});

collapses("learning rates of predictors stay, unless they are not to", async () => {
  const device = await testDevice();
  const method = METHODS.find(({ name }) => name === "simsiam");
  assert.ok(method);
  for (const predictorConstantRate of [true, false]) {
    const config = { ...SMALL_CONFIG, method: "simsiam", options: { ...HEAD, predictorConstantRate } };
    const trainer = await Trainer.create(device, images, config);
    const constant = trainer.model.tensors.specs.filter(({ rate }) => rate === "constant").map(({ name }) => name);
    assert.is(
      constant.every((name) => name.startsWith("predictor.")),
      true,
    );
    assert.is(constant.length > 0, predictorConstantRate);
    trainer.dispose();
  }
});

collapses.run();
