import { type Dataset, expectImageSet, type ImageSet } from "../data/dataset.js";
import { splitHoldOut, subset } from "../data/views.js";
import type { Device } from "../engine/device.js";
import type { Model } from "../nn/model.js";
import { classifyFeatures } from "./classify.js";
import { Embedder, type EmbedderOptions, type Features } from "./embed.js";
import { accuracy, type KnnResult, knn, voteOfNearest } from "./knn.js";
import { linearProbe } from "./linear-probe.js";
import { type LogisticSearchResult, searchLogisticRegression } from "./logistic-regression.js";

/** How good representations are, as shares of 1 on the test images. */
export interface Accuracies {
  /** Of the vote of the 200 nearest neighbours, temperature 0.1 (Wu et al. 2018): see `knn`. */
  readonly knn: number;
  /** Of the vote of the 20 nearest neighbours, temperature 0.07 (Caron et al. 2021, DINO, section 4.1). */
  readonly knn20: number;
  /** Of the linear probe: see `linearProbe`. */
  readonly probe: number;
  /** Of the model's own classifier; null where it has none. */
  readonly classifier: number | null;
}

/** A set with labels. */
export interface LabelledDataset extends Dataset {
  /** Class index of each image. */
  readonly labels: Uint32Array;
}

/** A set with labels and at least two classes, in two parts. */
export interface LabelledImageSet {
  /** What representations are compared with, and the probe is trained on. */
  readonly train: LabelledDataset;
  /** What they are tested on. */
  readonly test: LabelledDataset;
}

function isLabelled(dataset: Dataset | null): dataset is LabelledDataset {
  return dataset?.labels !== null && dataset !== null && dataset.classes.length > 1;
}

/** The set as labelled, or null where either part has no labels. @throws UsageError for a `Dataset` in place of an `ImageSet`. */
export function labelled(images: ImageSet): LabelledImageSet | null {
  expectImageSet(images);
  const { train, test } = images;
  return isLabelled(train) && isLabelled(test) ? { train, test } : null;
}

/** The size from which on a tenth of a class is at least one image, when rounded. */
const LEAST_TO_HOLD_OUT = 5;

/**
 * A labelled set without a test part gives a tenth of each class to one. Every other set, and one whose classes have fewer
 * than five images each, stays as it is.
 * @param seed of the choice; 1 by default
 * @throws UsageError for a `Dataset` in place of an `ImageSet`.
 */
export function withTestSet(images: ImageSet, seed?: number): ImageSet {
  expectImageSet(images);
  const { train, test } = images;
  if (test || !isLabelled(train)) return images;
  const counts = new Uint32Array(train.classes.length);
  for (const label of train.labels) counts[label] += 1;
  return Math.max(...counts) < LEAST_TO_HOLD_OUT ? images : { ...images, ...splitHoldOut(train, 0.1, seed) };
}

/** At most `most` images of a set, evenly spread over it. */
export function evenly(dataset: Dataset, most: number): Dataset {
  if (dataset.length <= most) return dataset;
  return subset(
    dataset,
    Uint32Array.from({ length: most }, (_, i) => Math.floor((i * dataset.length) / most)),
  );
}

/** The vote that is quoted beside that of 200 neighbours. */
const FEW = { k: 20, temperature: 0.07 };

/** Representations of both parts and the neighbours of the test images. */
export interface Evaluation {
  /** Representations of the training images. */
  readonly train: Features;
  /** Representations of the test images. */
  readonly test: Features;
  /** Those of the test images among the training images. */
  readonly neighbours: KnnResult;
  /** Accuracy of their vote. */
  readonly knn: number;
  /** Accuracy of the vote of 20 of them, temperature 0.07. */
  readonly knn20: number;
  /** Accuracy of the model's own classifier; null where it has none. */
  readonly classifier: number | null;
}

/** Evaluates a model, whose weights may change between calls, on one labelled set. */
export class Evaluator {
  private constructor(
    /** Where it computes. */
    readonly device: Device,
    /** What makes the representations. */
    readonly embedder: Embedder,
    /** What it evaluates on. */
    readonly images: LabelledImageSet,
  ) {}

  /** @throws UsageError for a `Dataset` in place of a set in two parts; what `Embedder.create` throws. */
  static async create(
    device: Device,
    model: Model,
    images: LabelledImageSet,
    options: EmbedderOptions = {},
  ): Promise<Evaluator> {
    expectImageSet(images);
    return new Evaluator(device, await Embedder.create(device, model, options), images);
  }

  /**
   * Weighted kNN (k = 200, temperature 0.1, and k = 20, temperature 0.07) of the test images among `train`, which are the
   * training images by default, and the model's classifier on them where it has one.
   * @throws the reason of the signal, where that is aborted.
   */
  async knn(
    train: Dataset = this.images.train,
    test: Dataset = this.images.test,
    signal?: AbortSignal,
  ): Promise<Evaluation> {
    const { device, embedder, images } = this;
    const bank = await embedder.embed(train, undefined, signal);
    const queries = await embedder.embed(test, undefined, signal);
    const classes = images.train.classes.length;
    const neighbours = await knn(device, bank, train.labels, classes, queries, { signal });
    const right = (predictions: Uint32Array) => (test.labels ? accuracy(predictions, test.labels) : 0);
    const { model } = embedder;
    const classified = model.classes > 0 ? await classifyFeatures(device, model, queries) : null;
    return {
      train: bank,
      test: queries,
      neighbours,
      knn: right(neighbours.predictions),
      knn20: train.labels ? right(voteOfNearest(neighbours, train.labels, classes, FEW)) : 0,
      classifier: classified && right(classified.predictions),
    };
  }

  /**
   * Weighted kNN, the linear probe, and the classifier where there is one, on all images.
   * @throws the reason of the signal, where that is aborted.
   */
  async accuracies(signal?: AbortSignal): Promise<Evaluation & Accuracies> {
    const evaluation = await this.knn(undefined, undefined, signal);
    const { train, test } = this.images;
    const { testAccuracy } = await linearProbe(
      this.device,
      { features: evaluation.train, labels: train.labels },
      { features: evaluation.test, labels: test.labels },
      train.classes.length,
      { signal },
    );
    return { ...evaluation, probe: testAccuracy };
  }

  /** Logistic regression on all images that were embedded, its penalty chosen on a tenth of the training images. */
  async logisticRegression({ train: bank, test: queries }: Evaluation): Promise<LogisticSearchResult> {
    const { train, test } = this.images;
    return searchLogisticRegression(
      this.device,
      { features: bank, labels: train.labels },
      { features: queries, labels: test.labels },
      train.classes.length,
    );
  }

  /** Frees what it made on the device; the model stays. */
  dispose(): void {
    this.embedder.dispose();
  }
}
