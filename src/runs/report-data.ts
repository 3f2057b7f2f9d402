import { AUGMENTATION_POLICY_NAMES, augmentationPolicies } from "../augment/policy.js";
import type { Dataset, ImageSet } from "../data/dataset.js";
import type { Device } from "../engine/device.js";
import { Embedder, type Features } from "../evaluation/embed.js";
import { type Evaluation, evenly } from "../evaluation/evaluation.js";
import { knn } from "../evaluation/knn.js";
import { REPORTED } from "../evaluation/reported.js";
import { sameData } from "../io/json.js";
import type { LabelledImage, ReportData, ReportImage } from "../report/report-data.js";
import { policyOf, type TrainingConfig } from "../training/config.js";
import type { Trainer } from "../training/trainer.js";
import { readViewed, recordPictures, writeViewed } from "../training/training-step.js";
import type { MetricsLine } from "./run-folder.js";
import { viewIndicators } from "./view-indicators.js";
import { warningsAmong } from "./warnings.js";

/** A number of a metrics line. */
function figure(line: MetricsLine, key: string): number {
  return optionalFigure(line, key) ?? Number.NaN;
}

/** A number of a metrics line, or null where it has none of this name. */
function optionalFigure(line: MetricsLine, key: string): number | null {
  const value = line[key];
  return typeof value === "number" ? value : null;
}

async function pictures(dataset: Dataset, indices: readonly number[]): Promise<ReportImage[]> {
  const { width, height } = dataset;
  const size = width * height * 4;
  const bytes = new Uint8Array(indices.length * size);
  await dataset.fetch(indices, bytes);
  return indices.map((_, i) => ({ width, height, pixels: bytes.subarray(i * size, (i + 1) * size) }));
}

/** Some images and the views of each that a step sees, made as in the first epoch of training. */
async function augmented(device: Device, { config, dataset, parts }: Trainer): Promise<ReportData["augmented"]> {
  const count = Math.min(REPORTED.views, dataset.length);
  const indices = Array.from({ length: count }, (_, i) => Math.floor((i * dataset.length) / count));
  const originals = await pictures(dataset, indices);
  const { inputs, groups, tape } = recordPictures(parts, count);
  writeViewed(device, inputs, await readViewed(dataset, Uint32Array.from(indices)), config.seed, 0);
  const program = await tape.compile({ keep: groups });
  program.run();
  const shown: ReportImage[][] = originals.map(() => []);
  for (const group of groups) {
    const [rows, side] = group.shape;
    const values = await device.read(group);
    for (let row = 0; row < rows; row++) shown[row % count].push(pictureOf(values, row, side));
  }
  program.dispose();
  for (const tensor of Object.values(inputs)) device.free(tensor);
  return originals.map((original, i) => ({ original, views: shown[i] }));
}

/** A row of views [rows, size, size, 3] as RGBA bytes. */
function pictureOf(values: Float32Array, row: number, size: number): ReportImage {
  const rgba = new Uint8Array(size * size * 4).fill(255);
  for (let p = 0; p < size * size; p++) {
    for (let c = 0; c < 3; c++) rgba[4 * p + c] = Math.round(values[(row * size * size + p) * 3 + c] * 255);
  }
  return { width: size, height: size, pixels: rgba };
}

function rowsOf({ values, dimension }: Features, rows: readonly number[]): Features {
  const picked = new Float32Array(rows.length * dimension);
  rows.forEach((row, i) => {
    picked.set(values.subarray(row * dimension, (row + 1) * dimension), i * dimension);
  });
  return { values: picked, rows: rows.length, dimension };
}

/** Some images of `queries` and the images of `candidates` nearest to them; an image is not its own neighbour. */
async function nearestNeighbours(
  device: Device,
  candidates: { dataset: Dataset; features: Features },
  queries: { dataset: Dataset; features: Features },
): Promise<ReportData["neighbours"]> {
  const count = Math.min(REPORTED.queries, queries.dataset.length);
  // Spread over the set, so that a set sorted by class shows several classes.
  const rows = Array.from({ length: count }, (_, i) => Math.floor(((i + 0.5) * queries.dataset.length) / count));
  const same = candidates.dataset === queries.dataset;
  const k = Math.min(REPORTED.nearest + (same ? 1 : 0), candidates.dataset.length);
  const found = await knn(device, candidates.features, null, 1, rowsOf(queries.features, rows), { k });
  const labelOf = (dataset: Dataset, index: number) => dataset.labels?.[index] ?? null;
  const images = await pictures(queries.dataset, rows);
  return Promise.all(
    rows.map(async (row, q) => {
      const order = Array.from({ length: k }, (_, i) => q * k + i)
        .filter((at) => !(same && found.neighbours[at] === row))
        .slice(0, REPORTED.nearest);
      const tiles = await pictures(
        candidates.dataset,
        order.map((at) => found.neighbours[at]),
      );
      const nearest = order.map((at, i): LabelledImage & { similarity: number } => ({
        image: tiles[i],
        name: candidates.dataset.nameOf(found.neighbours[at]),
        label: labelOf(candidates.dataset, found.neighbours[at]),
        similarity: found.similarities[at],
      }));
      const query = { image: images[q], name: queries.dataset.nameOf(row), label: labelOf(queries.dataset, row) };
      return { query, nearest };
    }),
  );
}

function augmentationText(config: TrainingConfig, imageSize: number): string {
  const { augmentation } = config;
  if (augmentation === "auto") {
    const taken = policyOf(config, imageSize);
    const name = AUGMENTATION_POLICY_NAMES.find((known) => sameData(augmentationPolicies[known], taken));
    return `auto: ${name ?? "the method's own"}`;
  }
  if (typeof augmentation === "string") return augmentation;
  return "cropArea" in augmentation ? "custom" : `custom, another for each of ${augmentation.length} views`;
}

/** The views of a step in words. */
function viewsText({ config, parts }: Trainer): string {
  const groups = parts.learner.views.map(
    ({ views, size }) => `${views * config.batch} ${views * config.batch === 1 ? "view" : "views"} of ${size} pixels`,
  );
  return groups.join(", ");
}

/** The epochs, and those that there were to be before. */
function epochsText({ epochs }: TrainingConfig, lines: readonly MetricsLine[]): string {
  const changes = lines.flatMap(({ step, kind, from }) =>
    kind === "epochs" && typeof from === "number" ? `${from} until step ${step}` : [],
  );
  return changes.length === 0 ? String(epochs) : `${epochs} (${changes.join(", ")})`;
}

function configRows(
  trainer: Trainer,
  images: ImageSet,
  start: ReportData["start"],
  lines: readonly MetricsLine[],
): [string, string][] {
  const { config, dataset, model, parts } = trainer;
  return [
    ["method", config.method],
    ["encoder", `${model.encoder.name}, ${model.encoder.features} features`],
    ["parameters", model.tensors.parameterCount.toLocaleString("en")],
    ["starts from", start],
    [
      "images",
      `${dataset.length.toLocaleString("en")} to train, ${(images.test?.length ?? 0).toLocaleString("en")} to test`,
    ],
    ["image size", `${model.imageSize} x ${model.imageSize} pixels`],
    ["augmentation", augmentationText(config, model.imageSize)],
    [
      "batch",
      `${config.batch} images, ${viewsText(trainer)}${config.microBatch < config.batch ? `, in micro-batches of at most ${config.microBatch} images` : ""}`,
    ],
    ["precision", config.precision],
    ["epochs", epochsText(config, lines)],
    ...parts.learner.description.rows.map(([name, value]): [string, string] => [name, value]),
    ["optimizer", `${config.optimizer}, weight decay ${config.weightDecay}`],
    [
      "learning rate",
      `${config.learningRate} (scaling: ${config.learningRateScaling}), ${config.warmupEpochs} epochs of warm-up, then cosine`,
    ],
    ["seed", String(config.seed)],
  ];
}

/** Gathers what report.html shows of a finished training. `after` is null for sets without labels. */
export async function reportData(
  device: Device,
  trainer: Trainer,
  images: ImageSet,
  start: ReportData["start"],
  after: (Evaluation & { readonly probe: number }) | null,
  lines: readonly MetricsLine[],
  command: string | null,
): Promise<ReportData> {
  const { config, model, parts } = trainer;
  // Without the images that have no labels, where others have some: what is shown goes by the labels.
  const dataset = images.train;
  const shown = images.test ?? dataset;
  const steps = lines.filter((line) => line["kind"] === "step");
  const evaluations = lines.filter((line) => line["kind"] === "evaluation");
  const untrained = evaluations.find((line) => line["epoch"] === 0);
  let indicators: ReportData["indicators"] = null;
  let features: { dataset: Dataset; features: Features }[];
  if (after && images.test) {
    features = [
      { dataset, features: after.train },
      { dataset: images.test, features: after.test },
    ];
  } else {
    const embedder = await Embedder.create(device, model, { memoryBudget: config.memoryBudget });
    const sets = images.test ? [evenly(dataset, REPORTED.mapped), shown] : [evenly(dataset, REPORTED.mapped)];
    features = [];
    for (const set of sets) features.push({ dataset: set, features: await embedder.embed(set) });
    if (!after) indicators = await viewIndicators(device, trainer, embedder);
    embedder.dispose();
  }
  const candidates = features[0];
  const queries = features[features.length - 1];
  const points = evenly(queries.dataset, REPORTED.mapped);
  const rows = Array.from({ length: points.length }, (_, i) =>
    Math.floor((i * queries.dataset.length) / points.length),
  );
  const seconds = steps.reduce((sum, line) => sum + config.batch / figure(line, "imagesPerSecond"), 0);
  return {
    // Without the folders that lead there: a report is for showing around.
    title: `${model.encoder.name} on ${dataset.name.replace(/^.*[\\/](?=[^\\/])/, "")}`,
    adapter: device.adapter.name,
    softwareAdapter: device.adapter.software,
    command,
    epochs: config.epochs,
    seconds,
    supervised: model.classes > 0,
    labelled: parts.method.labels,
    start,
    loss: { name: parts.learner.description.loss, chance: parts.learner.description.chance },
    batchSize: config.batch,
    projectionDimension: model.classes > 0 ? null : model.head.output,
    classes: dataset.classes,
    accuracy: {
      images: images.test?.length ?? 0,
      before: untrained
        ? {
            knn: figure(untrained, "knn"),
            knn20: figure(untrained, "knn20"),
            probe: figure(untrained, "probe"),
            classifier: optionalFigure(untrained, "classifier"),
          }
        : null,
      after,
    },
    indicators,
    config: configRows(trainer, images, start, lines),
    metrics: steps.map((line) => ({
      step: line.step,
      loss: figure(line, "loss"),
      learningRate: figure(line, "learningRate"),
      outputStd: optionalFigure(line, "outputStd"),
      accuracy: optionalFigure(line, "accuracy"),
      imagesPerSecond: figure(line, "imagesPerSecond"),
    })),
    knn: evaluations.map((line) => ({ epoch: figure(line, "epoch"), accuracy: figure(line, "knn") })),
    augmented: await augmented(device, trainer),
    neighbours: await nearestNeighbours(device, candidates, queries),
    embedding: {
      features: rowsOf(queries.features, rows).values,
      dimension: queries.features.dimension,
      labels: points.labels,
      nameOf: (row) => points.nameOf(row),
      images: (some) => pictures(points, some),
    },
    warnings: warningsAmong(lines),
    skipped: [dataset, images.test, images.unlabelled].flatMap((part) => part?.skipped ?? []),
  };
}
