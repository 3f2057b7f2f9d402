/** What the page and its worker say to each other. */
import type { AugmentationPolicy } from "../augment/policy.js";
import type { OptionValue } from "../methods/options.js";

/** A file by its path in what was dropped, "/" between the parts. */
export interface NamedFile {
  readonly path: string;
  readonly blob: Blob;
}

/** What was dropped or chosen. */
export interface Dropped {
  readonly files: readonly NamedFile[];
  /** What the browser does not give. */
  readonly unread: readonly { readonly name: string; readonly reason: string }[];
}

/** Files that can be taken away. */
export type Takeaway = "encoder" | "onnx" | "npy" | "csv" | "project";

/** What the page lets one choose of a training; fields are those of `TrainingConfig`. */
export interface Settings {
  readonly method: string;
  /** Those of the method that differ from its defaults. */
  readonly options: Readonly<Record<string, OptionValue>>;
  readonly encoder: string;
  readonly width: number;
  readonly batch: number;
  readonly microBatch: number | "auto";
  readonly epochs: number;
  readonly learningRate: number;
  /** For all views. */
  readonly augmentation: AugmentationPolicy;
}

export type ToWorker =
  | ({ readonly kind: "open"; readonly imageSize: number } & Dropped)
  /** The images that come with the page, which is at this address. */
  | { readonly kind: "samples"; readonly imageSize: number; readonly at: string }
  | { readonly kind: "settings"; readonly settings: Settings }
  | { readonly kind: "play" | "pause" | "step" | "restart" }
  /** A training that is done goes on for the epochs of the settings. */
  | { readonly kind: "longer" }
  /** The page may be gone soon: what was learned is to be kept. */
  | { readonly kind: "keep" }
  | { readonly kind: "take"; readonly what: Takeaway }
  /** Two views each of some images. */
  | {
      readonly kind: "views";
      readonly images: readonly number[];
      readonly policy: AugmentationPolicy;
      readonly draw: number;
    }
  | { readonly kind: "neighbours"; readonly image: number };

/** An option of a method, for a form. */
export interface OptionText {
  readonly name: string;
  readonly default: OptionValue;
  readonly description: string;
  /** What it must be. */
  readonly wants: string;
  readonly choices?: readonly string[];
}

/** A method, for a form. */
export interface MethodText {
  readonly name: string;
  readonly summary: string;
  readonly labels: boolean;
  readonly options: readonly OptionText[];
}

/** Small images side by side in one. */
export interface Atlas {
  readonly bitmap: ImageBitmap;
  readonly columns: number;
  /** Pixels of an image's side. */
  readonly tile: number;
}

/** Images that were opened. */
export interface PicturesText {
  readonly name: string;
  /** Images to train on. */
  readonly count: number;
  /** Images to test on. */
  readonly tested: number;
  readonly imageSize: number;
  readonly names: readonly string[];
  /** Null without labels. */
  readonly labels: Uint32Array | null;
  readonly classes: readonly string[];
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
  readonly notes: readonly string[];
}

/** A step, as the page draws it. */
export interface StepText {
  readonly step: number;
  readonly loss: number;
  readonly imagesPerSecond: number;
  readonly learningRate: number;
  /** The standard deviation of the outputs as a share of a healthy one; null where the method measures none. */
  readonly spread: number | null;
}

/** Accuracies of kNN, as shares of 1. */
export interface Accuracy {
  readonly step: number;
  readonly knn: number;
}

export interface Neighbour {
  readonly image: number;
  /** Of the cosine, from -1 to 1. */
  readonly similarity: number;
}

/** What a training with some settings takes, or why it cannot be. */
export type PlanText =
  | {
      readonly fits: true;
      readonly bytes: number;
      readonly flops: number;
      readonly parameters: number;
      readonly microBatch: number;
    }
  | { readonly fits: false; readonly reason: string };

/** What the training is about. */
export interface TrainingText {
  readonly state: "none" | "compiling" | "training" | "paused" | "done";
  readonly step: number;
  readonly steps: number;
  readonly stepsPerEpoch: number;
  /** "NT-Xent in nats" */
  readonly loss: string;
  readonly chance: { readonly formula: string; readonly value: number } | null;
  /** What it was begun with; null where nothing is begun. */
  readonly settings: Settings | null;
  /** Whether there is something to be forgotten: a training, or one at rest that could not be gone on with. */
  readonly begun: boolean;
}

/** What went wrong: with "no-gpu" and "gpu-lost", the worker can do no more. */
export type Trouble = "no-gpu" | "gpu-lost" | "not-kept" | "failed";

export type FromWorker =
  | {
      readonly kind: "ready";
      readonly adapter: string;
      readonly software: boolean;
      readonly methods: readonly MethodText[];
      readonly encoders: readonly string[];
      readonly settings: Settings;
    }
  /** `done` of `total` (null while they are counted) of what is named, for people. */
  | { readonly kind: "progress"; readonly what: string; readonly done: number; readonly total: number | null }
  /** With what was learned from them before, where they come out of a project. */
  | {
      readonly kind: "opened";
      readonly pictures: PicturesText;
      readonly atlas: Atlas;
      readonly settings: Settings;
      readonly losses: readonly { readonly step: number; readonly value: number }[];
      readonly accuracies: readonly Accuracy[];
    }
  /** What was learned is gone, as was asked for. */
  | { readonly kind: "forgotten" }
  /** Nothing was kept from an earlier visit. */
  | { readonly kind: "empty" }
  | { readonly kind: "file"; readonly name: string; readonly blob: Blob }
  /** What was learned up to this step is kept in the browser. */
  | { readonly kind: "kept"; readonly step: number }
  | { readonly kind: "plan"; readonly plan: PlanText }
  | { readonly kind: "training"; readonly training: TrainingText }
  | { readonly kind: "step"; readonly step: StepText }
  | { readonly kind: "warning"; readonly text: string; readonly step: number }
  /** Cosines of the first views of images of a batch, a row each, and of their second views: [side, side]. */
  | { readonly kind: "similarities"; readonly side: number; readonly values: Float32Array }
  /** Where the images are on the map: [2 * images], from -1 to 1. */
  | { readonly kind: "map"; readonly step: number; readonly positions: Float32Array }
  | { readonly kind: "accuracy"; readonly accuracy: Accuracy }
  | {
      readonly kind: "neighbours";
      readonly image: number;
      readonly now: readonly Neighbour[];
      readonly before: readonly Neighbour[];
    }
  /** RGBA bytes of views, size x size each: the first views of all images, then the second ones. */
  | {
      readonly kind: "views";
      readonly size: number;
      readonly count: number;
      readonly pixels: Uint8ClampedArray<ArrayBuffer>;
    }
  | { readonly kind: "trouble"; readonly what: Trouble; readonly text: string };
