import type { SkippedImage } from "../data/dataset.js";
import type { QualityIndicators } from "../evaluation/indicators.js";

/** An image as RGBA bytes, row by row. */
export interface ReportImage {
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
  /** `width * height * 4` bytes. */
  readonly pixels: Uint8Array;
}

/** An image with its class index, or null without labels. */
export interface LabelledImage {
  readonly image: ReportImage;
  /** Of its file. */
  readonly name: string;
  readonly label: number | null;
}

/** Accuracies on the test images, as fractions of 1. */
export interface ReportAccuracy {
  /** Of the vote of 200 neighbours. */
  readonly knn: number;
  /** Of the vote of 20. */
  readonly knn20: number;
  readonly probe: number;
  /** Of the classifier that was trained; null where none was. */
  readonly classifier: number | null;
}

/** What one training step logged. */
export interface ReportMetrics {
  readonly step: number;
  /** Mean over the 2N anchors, or over the images of a supervised step. */
  readonly loss: number;
  readonly learningRate: number;
  /** Standard deviation of the normalised projections over the batch, mean over their dimensions; null without them. */
  readonly outputStd: number | null;
  /** Of the classifier on the images of the step; null without one. */
  readonly accuracy: number | null;
  readonly imagesPerSecond: number;
}

/** Everything a report shows. What a run does not have is null or empty, and its section is left out. */
export interface ReportData {
  readonly title: string;
  /** The adapter's name, for people. */
  readonly adapter: string;
  readonly softwareAdapter: boolean;
  /** The command that began the run; null where it was begun by a program. */
  readonly command: string | null;
  /** Epochs trained. */
  readonly epochs: number;
  /** Wall-clock time of the training in seconds. */
  readonly seconds: number;
  /** Whether what was trained is a classifier. */
  readonly supervised: boolean;
  /** Whether labels took part in the training. */
  readonly labelled: boolean;
  /** What the encoder started from. */
  readonly start: "random weights" | "a pre-trained encoder";
  /** Name of the loss, with its unit, and what it is at chance level, where that can be told. */
  readonly loss: {
    readonly name: string;
    readonly chance: { readonly formula: string; readonly value: number } | null;
  };
  /** Images a step, N of the loss. */
  readonly batchSize: number;
  /** Dimension of the projections that the loss compares; null where it compares none. */
  readonly projectionDimension: number | null;
  /** Class names in label order; empty without labels. */
  readonly classes: readonly string[];
  /** Accuracies before training, with what it started from, and after it; null where not measured. */
  readonly accuracy: {
    readonly before: ReportAccuracy | null;
    readonly after: ReportAccuracy | null;
    /** Images that they were measured on. */
    readonly images: number;
  };
  /** What tells without labels whether the representations h of views are of use; null where labels do, or there are no two views. */
  readonly indicators: (QualityIndicators & { readonly dimension: number; readonly images: number }) | null;
  /** Settings in the order in which they are shown. */
  readonly config: readonly (readonly [name: string, value: string])[];
  /** In the order of the steps. */
  readonly metrics: readonly ReportMetrics[];
  /** kNN accuracy (fraction of 1) measured during training; epoch 0 is before the first step. */
  readonly knn: readonly { readonly epoch: number; readonly accuracy: number }[];
  /** Images and the augmented views of each that a step sees. */
  readonly augmented: readonly { readonly original: ReportImage; readonly views: readonly ReportImage[] }[];
  /** Test images and the training images nearest to them, the nearest first, by cosine similarity. */
  readonly neighbours: readonly {
    readonly query: LabelledImage;
    readonly nearest: readonly (LabelledImage & { readonly similarity: number })[];
  }[];
  /** Representations h of the test images, row-major, their class indices, and the images; null where there are none. */
  readonly embedding: {
    readonly features: Float32Array;
    readonly dimension: number;
    readonly labels: Uint32Array | null;
    /** The names of the images' files. */
    readonly nameOf: (row: number) => string;
    /** The images of some rows; all are of one size. */
    readonly images: (rows: readonly number[]) => Promise<readonly ReportImage[]>;
  } | null;
  readonly skipped: readonly SkippedImage[];
  /** What was warned of, in the order of the steps that were done then. */
  readonly warnings: readonly { readonly step: number; readonly message: string }[];
}
