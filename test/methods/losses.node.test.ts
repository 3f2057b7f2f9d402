import { suite } from "uvu";
import * as assert from "uvu/assert";
import { noAugmentation } from "../../src/augment/policy.js";
import { datasetFromPixels } from "../../src/data/pixels.js";
import { CONTRASTIVE_LOSSES } from "../../src/losses/contrast-rows.js";
import { NEGATIVES } from "../../src/methods/negatives.js";
import type { TrainingConfig } from "../../src/training/config.js";
import { Trainer } from "../../src/training/trainer.js";
import { testDevice } from "../lib/device.js";
import { IMAGE_SIZE, SMALL_CONFIG, stripes } from "../training/small-set.js";

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

for (const negatives of NEGATIVES) {
  losses(`negatives that are ${negatives} warn of a collapse`, async () => {
    const side = { width: IMAGE_SIZE, height: IMAGE_SIZE };
    const pixels = new Uint8Array(4 * IMAGE_SIZE * IMAGE_SIZE * 3).fill(100);
    const alike = datasetFromPixels({ name: "alike", pixels, channels: 3, ...side });
    const changes = { augmentation: noAugmentation, batch: 2, epochs: 12, options: { negatives, headOutput: 12 } };
    const trainer = await Trainer.create(await testDevice(), alike, { ...SMALL_CONFIG, ...changes });
    const warnings: string[] = [];
    await trainer.train({ onWarning: (message, step) => void warnings.push(`${step}: ${message}`) });
    trainer.dispose();
    assert.is(warnings.length, 1, warnings.join("\n"));
    assert.match(warnings[0], /^20: .*collapsed/);
  });
}

losses.run();
