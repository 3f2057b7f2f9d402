import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type ContrastSettings, contrast, contrastRows } from "../../src/reference/contrast.js";
import { ntXent } from "../../src/reference/nt-xent.js";
import { type ContrastGolden, contrastCases, contrastGolden } from "./contrast-goldens.js";
import { assertGolden, type GoldenCase, testGoldens } from "./goldens.js";

const contrasts = suite("reference: contrastive losses");

function check(golden: GoldenCase): void {
  const { z, dimension, settings }: ContrastGolden = contrastGolden(golden);
  const { loss, accuracy, dz } = contrast(z, dimension, settings);
  // A loss is of the size of its terms, the largest of which is that of opposite rows.
  assertGolden(loss, golden.floats("value"), "loss", 1 + 1 / settings.temperature);
  assertGolden(accuracy, golden.floats("accuracy"), "accuracy");
  // A gradient is a sum of unit vectors over the temperature, divided by norms that are about 1 and more.
  assertGolden(dz, golden.floats("dz"), "dz", 10 / settings.temperature);
}

testGoldens(contrasts, "contrast", { cases: contrastCases, check });

contrasts("NT-Xent with all negatives of normalised embeddings is that of the other reference", () => {
  const z = Float64Array.from({ length: 8 * 3 }, (_, i) => Math.sin(i * i));
  const settings = { loss: "nt-xent", temperature: 0.3, mining: "none", margin: 0, normalize: true } as const;
  const [found, expected] = [contrast(z, 3, settings), ntXent(z, 3, 0.3)];
  assert.ok(Math.abs(found.loss - expected.loss) < 1e-14);
  assert.is(found.accuracy, expected.accuracy);
  found.dz.forEach((value, i) => {
    assert.ok(Math.abs(value - expected.dz[i]) < 1e-14);
  });
});

contrasts("negatives as similar as the positive, and those just at the margin, are not semi-hard", () => {
  // Positives at 0.5; of the two negatives of each anchor, one at 0.5 and one at 0.5 - 0.25.
  const similarities = Float64Array.of(1, 0.5, 0.5, 0.25, 0.5, 1, 0.25, 0.5, 0.5, 0.25, 1, 0.5, 0.25, 0.5, 0.5, 1);
  const settings: ContrastSettings = { loss: "margin-triplet", temperature: 1, mining: "semi-hard", margin: 0.25 };
  const { losses, accuracy, dSimilarities } = contrastRows(similarities, settings);
  assert.equal([...losses, ...dSimilarities], new Array(4 + 16).fill(0));
  assert.is(accuracy, 0);
  // With a little more margin, the second of them is, by that little.
  const wider = contrastRows(similarities, { ...settings, margin: 0.3125 });
  assert.equal([...wider.losses], [0.0625, 0.0625, 0.0625, 0.0625]);
});

contrasts.run();
