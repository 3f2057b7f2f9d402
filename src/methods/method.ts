import type { AugmentationPolicies } from "../augment/policy.js";
import type { Clips } from "../data/clips.js";
import type { Device } from "../engine/device.js";
import type { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import type { Model } from "../nn/model.js";
import type { Encoder, ForwardPass, Head, Module } from "../nn/module.js";
import { type OptionTable, type OptionValue, type OptionValues, optionValues } from "./options.js";

/** Views of an image that go through the encoder together: their number, size and policies are the same in every step. */
export interface ViewSpec {
  /** Views of each image. */
  readonly views: number;
  /** Pixels; views are square. */
  readonly size: number;
  /** One for all views, or one for each. */
  readonly policies: AugmentationPolicies;
}

/** Rows by name, [views * images, dimension] each: the first views of all images, then the second ones. */
export type Outputs = Readonly<Record<string, Tensor>>;

/** What a step measures, each a tensor of one; the loss, which is trained, and what is looked at beside it. */
export type Measured = {
  /** What is trained: the mean over the images. */
  readonly loss: Tensor;
} & Readonly<Record<string, Tensor>>;

/** Images of which a loss gets the outputs. */
export interface LossBatch {
  /** How many there are. */
  readonly size: number;
  /** u32 [size]: number of each image in its set. */
  readonly images: Tensor;
  /** u32 [size]: class of each image; null where the method does not ask for them. */
  readonly labels: Tensor | null;
}

/** What a run says of a method, for people. */
export interface Description {
  /** "NT-Xent in nats". */
  readonly loss: string;
  /** What the loss is where nothing was learned; null where that is not known. */
  readonly chance: {
    /** "ln(2N − 1)". */
    readonly formula: string;
    /** Of the batch at hand. */
    readonly value: number;
    /** Steps in which the loss may be above that, while what a method keeps fills up; none by default. */
    readonly after?: number;
  } | null;
  /** Rows for the table of the settings. */
  readonly rows: readonly (readonly [string, string])[];
}

/** The numbers of a step by name: the loss and what was measured beside it. */
export type Numbers = {
  /** What is trained. */
  readonly loss: number;
} & Readonly<Record<string, number>>;

/**
 * A method at work on one model: how a step comes from images to a loss. It is recorded for a whole batch, and for micro-batches
 * where a batch does not fit: everything must follow from the tensors that are given.
 */
export interface Learner {
  /** What it makes of each image: groups of views, in the order in which `embed` takes them. */
  readonly views: readonly ViewSpec[];
  /**
   * Whether the loss of an image depends on the other images of its batch. With micro-batches, the outputs of the whole batch are
   * then gathered before the loss (gradient caching), and otherwise the gradients of the micro-batches' losses are added up.
   */
  readonly coupled: boolean;
  /** What is trained, from the tensors of the view groups [views * images, size, size, 3]. Recorded a second time with gradient caching. */
  embed(pass: ForwardPass, views: readonly Tensor[]): Outputs;
  /** What is predicted or compared with, without gradient: a teacher's outputs. */
  readonly targets?: (tape: Tape, views: readonly Tensor[]) => Outputs;
  /** The loss, the mean over the images, and what is measured beside it, from `embed` and `targets`. */
  loss(pass: ForwardPass, outputs: Outputs, batch: LossBatch): Measured;
  /** Recorded after the optimizer's step: what changes from step to step beside the weights. It gets the outputs named in `keeps`. */
  readonly afterUpdate?: (tape: Tape, outputs: Outputs, batch: LossBatch) => void;
  /** Outputs that `afterUpdate` takes. */
  readonly keeps?: readonly string[];
  /**
   * The order in which an epoch (counted from 0) visits the images: the batches of its steps, one after the other. By default each image
   * comes once, in an order that is drawn.
   */
  readonly order?: (epoch: number) => Uint32Array;
  /** Called before each step, counted from 0, of `steps`: for schedules. */
  readonly beforeStep?: (step: number, steps: number) => void;
  /** What a checkpoint holds beside model and optimizer, by name. */
  readonly state: ReadonlyMap<string, Tensor>;
  /** Called when the weights were replaced after the learner was made: a teacher begins as a copy of them. */
  readonly restart?: () => void;
  /** The sign of a collapse in the means of what the last steps measured, as a sentence for people; null where there is none. */
  collapse(means: Numbers): string | null;
  /** An option that by its value alone can make the loss NaN or infinite, as a sentence that says what to take; none by default. */
  readonly strain?: string | null;
  /** What a run says of it. */
  readonly description: Description;
  /** Frees what it made on the device. */
  dispose?(): void;
}

/** What is known of a training before a model is made. */
export interface Facts {
  /** What is trained. */
  readonly encoder: Encoder;
  /** Pixels; images are square. */
  readonly imageSize: number;
  /** Images of the training set; infinite where that is not known. */
  readonly images: number;
  /** Images a step. */
  readonly batch: number;
  /** Classes of the set; 0 where it has no labels. */
  readonly classes: number;
  /** Which images are frames of one clip, and when; null where that is not known. */
  readonly clips: Clips | null;
  /** Whether activations are f16 (mixed precision). */
  readonly half: boolean;
  /** Of the training; 0 to 2^32 - 1. */
  readonly seed: number;
}

/** What a learner is made on. */
export interface LearnerParts extends Facts {
  /** Where it is trained. */
  readonly device: Device;
  /** Encoder, head and what the design trains besides, with their tensors. */
  readonly model: Model;
  /** Of all views of full size: what the configuration says, or the method's own. One, or one for each view. */
  readonly policies: AugmentationPolicies;
  /** Compute the encoder's blocks again in the backward pass. */
  readonly recompute: boolean;
}

/** What a method trains beside the encoder, and how it goes about it. */
export interface Design {
  /** What follows the encoder. */
  readonly head: Head;
  /** Classes that the head tells apart; 0 where it is no classifier. */
  readonly classes: number;
  /** What is trained beside encoder and head. */
  readonly others?: readonly Pick<Module, "tensors">[];
  /** Makes the learner, once the model is made. @throws ConfigError for what cannot be trained with these parts. */
  start(parts: LearnerParts): Learner;
}

/** A way to learn: all that makes it what it is. The trainer knows none by name. */
export interface Method {
  /** As on the command line. */
  readonly name: string;
  /** One line for people, with the paper. */
  readonly summary: string;
  /** Its options by name, with their defaults. */
  readonly options: OptionTable;
  /** Whether the loss takes the labels of the images. */
  readonly labels: boolean;
  /** Whether it takes images as frames of clips. */
  readonly clips: boolean;
  /** The values of all options. @throws ConfigError for unknown names and values that cannot be. */
  values(given: Readonly<Record<string, unknown>>): Readonly<Record<string, OptionValue>>;
  /** Augmentations for images of this size where the configuration leaves them to the method. */
  policies(imageSize: number): AugmentationPolicies;
  /**
   * Designs it for an encoder and images.
   * @param given options that differ from their defaults
   * @throws ConfigError for options that cannot be, and for what it cannot be combined with.
   */
  design(given: Readonly<Record<string, unknown>>, facts: Facts): Design;
}

/** What a method's file says. */
export interface MethodText<Table extends OptionTable> {
  /** As on the command line. */
  readonly name: string;
  /** One line for people, with the paper. */
  readonly summary: string;
  /** Its options by name, with their defaults: made by `number`, `whole`, `flag` and `choice`. */
  readonly options: Table;
  /** Whether the loss takes the labels of the images; false by default. */
  readonly labels?: boolean;
  /** Whether it takes images as frames of clips (see `Dataset.clips`); false by default. */
  readonly clips?: boolean;
  /** Augmentations for images of this size where the configuration leaves them to the method. */
  policies(imageSize: number): AugmentationPolicies;
  /**
   * Designs it for an encoder and images, with a value for each option. @throws ConfigError for options that exclude each
   * other.
   */
  design(options: OptionValues<Table>, facts: Facts): Design;
}

/** Makes a method of what its file says: from there on, nobody needs to know its options. */
export function defineMethod<Table extends OptionTable>(text: MethodText<Table>): Method {
  const { name, summary, options, labels = false, clips = false } = text;
  const values = (given: Readonly<Record<string, unknown>>) => optionValues(name, options, given);
  return {
    name,
    summary,
    options,
    labels,
    clips,
    values,
    policies: text.policies,
    design: (given, facts) => text.design(values(given), facts),
  };
}
