import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CONTRASTIVE_LOSSES } from "../../src/losses/contrast-rows.js";
import type { TrainingConfig } from "../../src/training/config.js";
import { Trainer } from "../../src/training/trainer.js";
import { testDevice } from "../lib/device.js";
import { SMALL_CONFIG, stripes } from "../training/small-set.js";

const losses = suite("training with each loss");

const images = stripes(32);

/** The losses of sixteen steps. */
async function lossesOf(changes: TrainingConfig["options"]): Promise<number[]> {
  const config = { ...SMALL_CONFIG, batch: 16, epochs: 8, options: changes };
  const trainer = await Trainer.create(await testDevice(), images, config);
  const found: number[] = [];
  await trainer.train({ onStep: ({ loss }) => void found.push(loss) });
  trainer.dispose();
  return found;
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value / values.length, 0);

const variants: TrainingConfig["options"][] = [
  ...CONTRASTIVE_LOSSES.flatMap((loss) => (["all", "semi-hard"] as const).map((negatives) => ({ loss, negatives }))),
  ...(["decoupled", "decoupled-weighted", "debiased", "hard"] as const).map((negatives) => ({
    negatives,
    temperature: 0.2,
  })),
  // Rows of table 5: without normalisation, the temperature has to make up for the lengths.
  { loss: "nt-xent", normalize: false, temperature: 10 },
];

for (const options of variants) {
  losses(`${Object.values(options).join(", ")}: the loss falls`, async () => {
    const found = await lossesOf(options);
    assert.is(found.length, 16);
    // Noise from batch to batch is a few per cent; it falls by 5 to 28 %.
    const [before, after] = [mean(found.slice(0, 4)), mean(found.slice(-4))];
    assert.ok(after < 0.97 * before, `from ${before} to ${after}`);
  });
}

losses.run();
