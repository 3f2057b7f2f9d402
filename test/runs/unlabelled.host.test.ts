import { readFile } from "node:fs/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Dataset } from "../../src/data/dataset.js";
import { datasetFromPixels } from "../../src/data/pixels.js";
import { resumeRun, startRun } from "../../src/runs/run.js";
import { inTemporaryFolder, picture } from "../data/make-files.js";
import { testDevice } from "../lib/device.js";

const runs = suite("runs on images some of which have no labels");

function photos(name: string, count: number, labels?: readonly number[]): Dataset {
  const pixels = Uint8Array.from({ length: count }, (_, i) => i).reduce<number[]>(
    (all, i) => all.concat(...picture(16, 16, i + name.length)),
    [],
  );
  const classes = labels && ["ants", "bees"];
  return datasetFromPixels({
    ...{ name, pixels: Uint8Array.from(pixels), channels: 3, width: 16, height: 16 },
    ...(labels && { labels, classes }),
  });
}

runs("train on all of them, are evaluated and reported by those with labels, and go on", () =>
  inTemporaryFolder(async (parent) => {
    const device = await testDevice();
    const set = {
      train: photos("labelled", 8, [0, 1, 0, 1, 0, 1, 0, 1]),
      test: photos("held", 4, [0, 1, 0, 1]),
      unlabelled: { ...photos("wild", 6), skipped: [{ name: "wild.heic", reason: "HEIC is not read" }] },
    };
    const { folder, finished, after, report, skipped, steps } = await startRun(
      device,
      set,
      { width: 0.25, batch: 7, epochs: 1, warmupEpochs: 0 },
      { parent },
    );
    assert.equal([finished, steps, skipped], [true, 2, set.unlabelled.skipped]);
    assert.ok(after && after.knn >= 0);
    const page = await readFile(report ?? "", "utf8");
    for (const text of ["14 to train, 4 to test", "ants", "bees", "wild.heic"]) assert.ok(page.includes(text), text);
    assert.ok((await resumeRun(device, folder, set)).finished);

    // Labels are what supervised training is about.
    const supervised = { method: "supervised", width: 0.25, batch: 4, epochs: 1, warmupEpochs: 0 };
    assert.is((await startRun(device, set, supervised, { parent })).steps, 2);
  }),
);

runs("without any labels are reported by what can be told without them", () =>
  inTemporaryFolder(async (parent) => {
    const device = await testDevice();
    const set = { train: photos("wild", 26), test: null };
    const config = { width: 0.25, batch: 13, epochs: 1, warmupEpochs: 0 };
    const { report } = await startRun(device, set, config, { parent });
    const page = await readFile(report ?? "", "utf8");
    const rank = Number(/Effective rank<\/th><td>([\d.]+)</.exec(page)?.[1]);
    assert.ok(rank >= 1 && rank <= 24, `${rank} dimensions of 24 rows`);
    const alignment = Number(/Alignment<\/th><td>([\d.]+)</.exec(page)?.[1]);
    assert.ok(alignment > 0 && alignment < 4);
    assert.match(page, /two views of 24 training images/);
    assert.not.match(page, /test image/i);
  }),
);

runs.run();
