/**
 * How good the verbs over embeddings are on labelled photographs: `node dist/bench/verbs.js <run or encoder> <folder>`; see `--help`.
 * Planted copies found, beside a perceptual hash and beside random weights; labels from five a class; groups.
 */

import { openTrained } from "../src/cli/stored-run.js";
import { percentage, textTable } from "../src/cli/table.js";
import type { Dataset } from "../src/data/dataset.js";
import { openImages } from "../src/data/open-images.js";
import { cluster, clusterByRule } from "../src/embeddings/clusters.js";
import { findDuplicates, rowsOf } from "../src/embeddings/duplicates.js";
import { LOOKS_BYTES, looksOf } from "../src/embeddings/looks.js";
import { NO_LABEL, propagate } from "../src/embeddings/propagate.js";
import type { Device } from "../src/engine/device.js";
import { openDevice } from "../src/engine/device.js";
import { ConfigError } from "../src/errors.js";
import { Embedder, type Features } from "../src/evaluation/embed.js";
import { searchLogisticRegression } from "../src/evaluation/logistic-regression.js";
import { adjustedRandIndex } from "../src/evaluation/rand-index.js";
import type { Model } from "../src/nn/model.js";
import { createModel } from "../src/training/model.js";
import { Command } from "../src/vendor/commander.js";
import { runCommand } from "./command-line.js";
import {
  CHANGES,
  hammingDistance,
  type Likelihood,
  type Photo,
  perceptualHashes,
  photoSet,
  plant,
  type Recall,
  recallAt,
} from "./measure/planted.js";

interface VerbsOptions {
  readonly copies: string;
  readonly draws: string;
  readonly json?: true;
}

/** Labels a class that are passed on. */
const FEW = 5;
/** Penalties that the probe chooses from. */
const PENALTIES = [1e-4, 1e-3, 1e-2, 1e-1, 1, 10];

/** What an encoder is good for. */
interface Quality {
  /** Where one pair of different photographs for each hundred of them is taken for a copy. */
  readonly recall: Recall;
  /** What `dedupe` finds with its own threshold: copies by change, and pairs that are none. */
  readonly dedupe: { readonly found: Readonly<Record<string, number>>; readonly wrong: number };
  /** Accuracies on the test photographs. */
  readonly graph: number;
  readonly regression: number;
  readonly probe: number;
  /** With as many groups as classes, and with the number of the rule. */
  readonly randIndex: number;
  readonly chosenK: number;
  readonly chosenRandIndex: number;
}

/** Cosine similarity of two rows. */
function cosineOf({ values, rows, dimension }: Features): Likelihood {
  const norms = Float64Array.from({ length: rows }, (_, row) =>
    Math.hypot(...values.subarray(row * dimension, (row + 1) * dimension)),
  );
  return (a, b) => {
    let product = 0;
    for (let d = 0; d < dimension; d++) product += values[a * dimension + d] * values[b * dimension + d];
    return product / (norms[a] * norms[b]);
  };
}

async function looksOfAll(set: Dataset): Promise<Uint8Array> {
  const looks = new Uint8Array(set.length * LOOKS_BYTES);
  const pixels = new Uint8Array(4 * set.width * set.height);
  for (let i = 0; i < set.length; i++) {
    await set.fetch([i], pixels);
    looks.set(looksOf(pixels, set.width), i * LOOKS_BYTES);
  }
  return looks;
}

/** Labels of every photograph, and which of them are test images. */
interface Truth {
  readonly labels: Uint32Array;
  readonly classes: number;
  /** Rows before this one are training images. */
  readonly train: number;
}

async function measure(
  device: Device,
  model: Model,
  {
    photos,
    truth,
    set,
    looks,
    draws,
  }: { photos: readonly Photo[]; truth: Truth; set: Dataset; looks: Uint8Array; draws: number },
): Promise<Quality> {
  const embedder = await Embedder.create(device, model);
  const features = await embedder.embed(set);
  embedder.dispose();
  const { labels, classes, train } = truth;
  const originals = [...labels.keys()];
  const own = rowsOf(features, originals);

  const recall = recallAt(photos, cosineOf(features), Math.round(originals.length / 100));
  const found = await findDuplicates(
    device,
    features,
    photos.map(({ image }) => image),
    looks,
  );
  const pairs = found.groups.flatMap(({ others }) => others.map(({ row, of }) => [row, of] as const));
  const right = pairs.filter(([a, b]) => photos[a].original === photos[b].original);
  const counts = Object.keys(CHANGES).map((change) => {
    const all = photos.filter((photo) => photo.change === change).length;
    return [
      change,
      right.filter(([a, b]) => photos[a].change === change || photos[b].change === change).length / all,
    ] as const;
  });

  const tests = originals.filter((row) => row >= train);
  const accuracyOf = (predictions: Uint32Array) =>
    tests.filter((row) => predictions[row] === labels[row]).length / tests.length;
  const accuracies = { graph: 0, regression: 0 };
  for (let draw = 0; draw < draws; draw++) {
    const known = new Uint32Array(labels.length).fill(NO_LABEL);
    for (let c = 0; c < classes; c++) {
      const members = originals.filter((row) => row < train && labels[row] === c);
      for (let i = 0; i < FEW; i++) {
        const row = members[Math.floor(((i + draw / draws) * members.length) / FEW)];
        known[row] = c;
      }
    }
    for (const method of ["graph", "regression"] as const) {
      const { predictions } = await propagate(device, own, known, classes, { method });
      accuracies[method] += accuracyOf(predictions) / draws;
    }
  }
  const part = (rows: readonly number[]) => ({
    features: rowsOf(own, rows),
    labels: Uint32Array.from(rows, (row) => labels[row]),
  });
  const probe = await searchLogisticRegression(
    device,
    part(originals.filter((row) => row < train)),
    part(tests),
    classes,
    { l2s: PENALTIES, maxIterations: 200 },
  );
  const groups = await cluster(device, own, classes);
  const chosen = await clusterByRule(device, own);
  return {
    recall,
    dedupe: { found: Object.fromEntries(counts), wrong: pairs.length - right.length },
    ...accuracies,
    probe: probe.testAccuracy,
    randIndex: adjustedRandIndex(groups.assignments, labels),
    chosenK: chosen.k,
    chosenRandIndex: adjustedRandIndex(chosen.assignments, labels),
  };
}

async function run(path: string, folder: string, options: VerbsOptions): Promise<void> {
  const [copies, draws] = [Number(options.copies), Number(options.draws)];
  if (!Number.isInteger(copies) || copies < 1 || !Number.isInteger(draws) || draws < 1)
    throw new ConfigError("--copies and --draws are whole numbers from 1 up");
  const device = await openDevice();
  try {
    const trained = await openTrained(path, device);
    const images = await openImages(folder, { imageSize: trained.imageSize });
    const { train, test } = images;
    if (!train.labels || !test?.labels) throw new ConfigError(`${folder} has to have labels, and a part to test on`);
    const photos = await plant([train, test], copies);
    const truth = {
      labels: Uint32Array.from([...train.labels, ...test.labels]),
      classes: train.classes.length,
      train: train.length,
    };
    const set = await photoSet(photos, trained.imageSize);
    const looks = await looksOfAll(set);
    const hashes = await perceptualHashes(photos);
    const hashed = recallAt(
      photos,
      (a, b) => -hammingDistance(hashes[a], hashes[b]),
      Math.round(truth.labels.length / 100),
    );
    const inputs = { photos, truth, set, looks, draws };
    const random = createModel(device, trained.config, trained.imageSize);
    const found = {
      "random weights": await measure(device, random, inputs),
      trained: await measure(device, trained.load(device), inputs),
    };
    const data = { adapter: device.adapter.name, photographs: truth.labels.length, copies, hashed, ...found };
    console.log(options.json ? JSON.stringify(data, null, 2) : text(data.adapter, truth, copies, hashed, found));
  } finally {
    device.close();
  }
}

function text(
  adapter: string,
  { labels, train }: Truth,
  copies: number,
  hashed: Recall,
  found: Readonly<Record<string, Quality>>,
): string {
  const columns = Object.entries(found);
  const cells = (share: (quality: Quality) => string) => columns.map(([, quality]) => share(quality));
  const plantedRows = Object.keys(CHANGES).map((change) => [
    change,
    percentage(hashed.found[change]),
    ...cells(({ recall }) => percentage(recall.found[change])),
    ...cells(({ dedupe }) => percentage(dedupe.found[change])),
  ]);
  const falseRow = [
    "false pairs",
    String(hashed.falsePairs),
    ...cells(({ recall }) => String(recall.falsePairs)),
    ...cells(({ dedupe }) => String(dedupe.wrong)),
  ];
  const names = columns.map(([name]) => name);
  const qualities: readonly (readonly [string, (quality: Quality) => string])[] = [
    [`${FEW} labels a class, graph`, ({ graph }) => percentage(graph)],
    [`${FEW} labels a class, regression`, ({ regression }) => percentage(regression)],
    [`logistic regression on all ${train} labels`, ({ probe }) => percentage(probe)],
    ["adjusted Rand index, as many groups as classes", ({ randIndex }) => randIndex.toFixed(3)],
    [
      "the same, of the number of groups that the rule chose",
      ({ chosenRandIndex, chosenK }) => `${chosenRandIndex.toFixed(3)} (${chosenK})`,
    ],
  ];
  return `${adapter}: ${labels.length} photographs, ${copies} copies of each kind

planted copies found
${textTable([["copies", "perceptual hash", ...names, ...names.map((name) => `dedupe, ${name}`)], ...plantedRows, falseRow])}

${textTable([["", ...names], ...qualities.map(([name, share]) => [name, ...cells(share)])])}`;
}

const command = new Command("verbs")
  .description("planted copies found, labels from a few, and groups, by an encoder and by random weights")
  .argument("<encoder>", "a run's folder, or an encoder.safetensors")
  .argument("<folder>", "photographs with labels, in a part to train on and one to test on")
  .option("--copies <number>", "planted copies of each kind", "60")
  .option("--draws <number>", "of the few labels", "3")
  .option("--json", "print the result as JSON")
  .action(run);
await runCommand(command);
