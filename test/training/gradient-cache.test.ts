import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UNIT } from "../../src/doctor/rounding.js";
import { microBatches } from "../../src/training/batch-outputs.js";
import { DEFAULT_CONFIG, type OwnParts, type TrainingConfig } from "../../src/training/config.js";

import { expectNear, largest, type Outcome, plainNet, runSteps } from "./run-steps.js";
import { SMALL_CONFIG, stripes } from "./small-set.js";

const caching = suite("gradient cache");

const BATCH = 10;
const images = stripes(BATCH);

/** A net whose images do not depend on each other, with a small head. */
const PLAIN = { own: { encoder: plainNet() }, options: { headLayers: 2, headOutput: 12 } };
const CONVNET = { own: {}, options: {} };

/** Two steps on the same images. */
function steps(
  changes: Partial<TrainingConfig> & { readonly microBatch: number },
  { own, options }: { readonly own: OwnParts; readonly options: TrainingConfig["options"] },
): Promise<Outcome> {
  const config = {
    ...DEFAULT_CONFIG,
    ...SMALL_CONFIG,
    batch: BATCH,
    options: { temperature: 0.1, ...options },
    ...changes,
  };
  return runSteps(config, images, { own });
}

caching("cuts a batch into micro-batches of nearly equal size", () => {
  const sizes = (batch: number, most: number) => microBatches(batch, most).map(({ images: count }) => count);
  assert.equal(sizes(4096, 256), new Array(16).fill(256));
  assert.equal(sizes(10, 4), [3, 3, 4]);
  assert.equal(sizes(7, 7), [7]);
  assert.equal(sizes(5, 1), [1, 1, 1, 1, 1]);
  for (const most of [1, 2, 3, 4, 9]) {
    const parts = microBatches(10, most);
    let next = 0;
    for (const { first, images: count } of parts) {
      assert.is(first, next);
      next += count;
    }
    assert.is(next, 10);
  }
});

for (const optimizer of ["adamw", "lars"] as const) {
  caching(`gives the loss and the gradients of the undivided batch (${optimizer})`, async () => {
    const whole = await steps({ microBatch: BATCH, optimizer }, PLAIN);
    for (const microBatch of [1, 3, 4, 5]) {
      const cached = await steps({ microBatch, optimizer }, PLAIN);
      whole.metrics.forEach(({ loss, contrastiveAccuracy, outputStd }, i) => {
        const found = cached.metrics[i];
        // A logit of up to 10 is off by roundings of sums of up to 12 * 9 terms, and its exponential by ten times that.
        const tolerance = 10 * 120 * UNIT;
        assert.ok(Math.abs(found.loss - loss) <= tolerance * loss, `loss of step ${i + 1}`);
        assert.is(found.contrastiveAccuracy, contrastiveAccuracy);
        assert.ok(Math.abs(found.outputStd - outputStd) <= tolerance, `spread of step ${i + 1}`);
      });
      for (const [name, gradient] of whole.gradients) {
        // Sums over 20 views of maps of 64 pixels, of products of what is off as the loss is, that cancel in part.
        const tolerance = largest(gradient) * 20 * 64 * UNIT * 10;
        expectNear(cached.gradients.get(name), gradient, tolerance, `${microBatch}: ${name}`);
      }
    }
  });
}

caching("gives the gradients of the undivided batch with group norm, and not with batch norm", async () => {
  /** The largest distance of a gradient from that of the undivided batch, in largest gradients of its tensor. */
  const distance = async (norm: TrainingConfig["norm"]) => {
    const whole = await steps({ microBatch: BATCH, norm }, CONVNET);
    const cached = await steps({ microBatch: 4, norm }, CONVNET);
    const distances = [...whole.gradients].map(([name, gradient]) => {
      const found = cached.gradients.get(name) ?? new Float32Array();
      return largest(found.map((value, i) => value - gradient[i])) / largest(gradient);
    });
    return Math.max(...distances);
  };
  // Four layers of sums of up to 64 * 9 terms and their norms, forward and back, and the sums over 20 views of 64 places.
  const tolerance = 4 * 2 * 576 * UNIT + 1280 * UNIT;
  const [group, batch] = [await distance("group"), await distance("batch")];
  assert.ok(group <= tolerance, `group norm: ${group} of the largest, and ${tolerance} is allowed`);
  assert.ok(batch > 0.01, `batch norm takes its statistics from each micro-batch, and is only ${batch} off`);
});

caching("computes the same bits each time, and with recomputation", async () => {
  const parts = { microBatch: 4, encoder: "convnet" } as const;
  const first = await steps(parts, CONVNET);
  assert.equal(await steps(parts, CONVNET), first);
  assert.equal(await steps({ ...parts, recompute: true }, CONVNET), first);
});

caching("moves the running statistics once for each micro-batch", async () => {
  const whole = await steps({ microBatch: BATCH }, CONVNET);
  const cached = await steps({ microBatch: 5 }, CONVNET);
  const name = "layers.0.bn.running_mean";
  const [once, twice] = [whole, cached].map(({ values }) => values.get(name) ?? new Float32Array());
  // Means of halves whose mean is that of the whole, and weights that hardly move: after 2 steps, 1 - 0.9^2 of it and 1 - 0.9^4.
  const ratio = twice.reduce((sum, value) => sum + Math.abs(value), 0) / once.reduce((sum, v) => sum + Math.abs(v), 0);
  assert.ok(Math.abs(ratio - (1 - 0.9 ** 4) / (1 - 0.9 ** 2)) < 0.05, `${ratio}`);
});

caching.run();
