import { parsePolicies } from "../augment/parse-policy.js";
import type { AugmentationPolicies } from "../augment/policy.js";
import { type ChoiceTable, isChoiceTable } from "../engine/choices.js";
import type { Device } from "../engine/device.js";
import type { Tensor } from "../engine/tensor.js";
import { CheckpointError, ConfigError, NonFiniteLossError } from "../errors.js";
import { isRecord, shown } from "../io/json.js";
import { decodeSafetensors, encodeSafetensors, type TensorData } from "../io/safetensors.js";
import { isOptionValue, type OptionValue } from "../methods/options.js";
import type { Model } from "../nn/model.js";
import { isNormalization } from "../nn/normalized-input.js";
import { counted } from "../wording.js";
import { DEFAULT_CONFIG, type TrainingConfig } from "./config.js";
import type { StepParts } from "./model.js";

const FORMAT = "webgpu-simclr checkpoint 1";

/** A training at rest: all that is needed to go on as if it had never stopped. */
export interface Checkpoint {
  /** Of the training, with all options of its method. */
  readonly config: TrainingConfig;
  /** Pixels; images are square. */
  readonly imageSize: number;
  /** Steps done. */
  readonly step: number;
  /** Size of the training set: the order of the images depends on it. */
  readonly images: number;
  /** Names of the classes that supervised training tells apart, in label order; empty without a classifier. */
  readonly classes: readonly string[];
  /** The variants of kernels that the training uses; defaults where nothing is said. */
  readonly choices: ChoiceTable;
  /** Weights, running statistics, and what optimizer and method keep, by name: see `encodeCheckpoint`. */
  readonly tensors: ReadonlyMap<string, Float32Array | Uint32Array>;
}

/**
 * Reads everything from the device and encodes it as safetensors: `model.*`, `optimizer.*`, what the method keeps as `method.*`,
 * and the rest as metadata.
 * @param cause what made a value that is not finite, and what to do
 * @throws NonFiniteLossError where a value is NaN or infinite: the next loss would be, and nobody could go on from there.
 */
export async function encodeCheckpoint(
  { device, model, optimizer, learner }: Pick<StepParts, "device" | "model" | "optimizer" | "learner">,
  facts: Omit<Checkpoint, "tensors" | "imageSize">,
  cause = "lower the learning rate or lengthen the warm-up",
): Promise<Uint8Array<ArrayBuffer>> {
  const tensors = new Map<string, TensorData>();
  const weights = await model.tensors.read();
  for (const { name, shape } of model.tensors.specs) {
    tensors.set(`model.${name}`, { shape, data: weights.get(name) ?? new Float32Array() });
  }
  for (const [owner, { state }] of Object.entries({ optimizer, method: learner })) {
    for (const [name, tensor] of state) {
      const data = tensor.type === "u32" ? await device.readIndices(tensor) : await device.read(tensor);
      tensors.set(`${owner}.${name}`, { shape: tensor.shape, data });
    }
  }
  for (const [name, { data }] of tensors) {
    if (data instanceof Float32Array && !data.every(Number.isFinite)) {
      throw new NonFiniteLossError(`${name} is no longer finite after step ${facts.step}: ${cause}`, facts.step);
    }
  }
  return encodeSafetensors(tensors, {
    format: FORMAT,
    config: JSON.stringify(facts.config),
    imageSize: String(model.imageSize),
    step: String(facts.step),
    images: String(facts.images),
    classes: JSON.stringify(facts.classes),
    choices: JSON.stringify(facts.choices),
  });
}

/** A configuration from JSON: unknown keys are ignored, and every key must have the type of its default. */
export function parseConfig(value: unknown): TrainingConfig {
  if (!isRecord(value)) throw new CheckpointError("the configuration is not a JSON object");
  const config: Record<string, unknown> = { ...DEFAULT_CONFIG };
  for (const [key, found] of Object.entries({ ...methodOfEarlierVersions(value), ...value })) {
    if (!(key in DEFAULT_CONFIG)) continue;
    const mixed =
      (key === "augmentation" && (typeof found === "string" || typeof found === "object")) ||
      (key === "microBatch" && (found === "auto" || typeof found === "number"));
    if (found === null || (!mixed && typeof found !== typeof config[key]))
      throw new CheckpointError(`the configuration's ${key} is ${shown(found)}`);
    config[key] = key === "augmentation" && typeof found === "object" ? storedPolicies(found) : found;
  }
  if (!isTrainingConfig(config)) throw new CheckpointError("the configuration is damaged");
  return { ...config, options: currentOptions(config.options) };
}

/** What is "negatives" now was "mining" in earlier versions. */
function currentOptions({ mining, ...options }: TrainingConfig["options"]): TrainingConfig["options"] {
  return mining === "semi-hard" ? { ...options, negatives: "semi-hard" } : options;
}

/** Configurations had an objective and the settings of contrastive training before there were methods. */
function methodOfEarlierVersions(config: Readonly<Record<string, unknown>>): Partial<TrainingConfig> {
  if (!("objective" in config)) return {};
  if (config["objective"] === "supervised") return { method: "supervised", options: {} };
  const { loss, temperature, mining, margin, normalize, head } = config;
  const { layers, hidden, output, batchNorm } = isRecord(head) ? head : {};
  const options = {
    ...{ loss, temperature, mining, margin, normalize },
    ...{ headLayers: layers, headHidden: hidden, headOutput: output, headBatchNorm: batchNorm },
  };
  const isValue = (entry: [string, unknown]): entry is [string, OptionValue] => isOptionValue(entry[1]);
  return { method: "simclr", options: Object.fromEntries(Object.entries(options).filter(isValue)) };
}

/** Policies of a configuration; what later versions added to them is switched off in those of earlier ones. */
function storedPolicies(value: unknown): AugmentationPolicies {
  try {
    return parsePolicies(value);
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause;
    throw new CheckpointError(`the configuration's augmentation cannot be used: ${cause.message}`, { cause });
  }
}

/** Every key was checked against its default's type above; values are checked by `checkConfig` before they are used. */
function isTrainingConfig(
  config: Readonly<Record<string, unknown>>,
): config is Record<string, unknown> & TrainingConfig {
  const { options } = config;
  return (
    Object.keys(DEFAULT_CONFIG).every((key) => key in config) &&
    isNormalization(config["normalization"]) &&
    isRecord(options) &&
    Object.values(options).every(isOptionValue)
  );
}

/** Decodes a checkpoint. @throws CheckpointError where it is cut short, has values that are not finite, or is none of this library. */
export function decodeCheckpoint(bytes: Uint8Array): Checkpoint {
  const { tensors, metadata } = decodeSafetensors(bytes);
  if (metadata["format"] !== FORMAT) {
    throw new CheckpointError(
      `this is no checkpoint of a training: its format is "${metadata["format"] ?? "none"}", not "${FORMAT}"`,
    );
  }
  const json = (key: string, text: string | undefined): unknown => {
    try {
      return JSON.parse(text ?? "");
    } catch (cause) {
      throw new CheckpointError(`the checkpoint's ${key} is not JSON`, { cause });
    }
  };
  const config = json("configuration", metadata["config"]);
  // A checkpoint of a version without choices has the defaults.
  const choices = json("choices", metadata["choices"] ?? "{}");
  if (!isChoiceTable(choices)) throw new CheckpointError("the checkpoint's choices are damaged");
  // A checkpoint of a version without classifiers has no classes.
  const classes = json("classes", metadata["classes"] ?? "[]");
  if (!Array.isArray(classes) || !classes.every((name) => typeof name === "string"))
    throw new CheckpointError("the checkpoint's classes are damaged");
  const whole = (key: string): number => {
    const value = Number(metadata[key]);
    if (!Number.isInteger(value) || value < 0)
      throw new CheckpointError(`the checkpoint's ${key} is "${metadata[key] ?? "missing"}"`);
    return value;
  };
  const values = new Map<string, Float32Array | Uint32Array>();
  for (const [name, { data }] of tensors) {
    if (data instanceof Float32Array) {
      const wrong = data.findIndex((value) => !Number.isFinite(value));
      if (wrong >= 0)
        throw new CheckpointError(
          `the checkpoint is damaged: value ${wrong} of ${name} is ${data[wrong]}, and none was when it was written`,
        );
      values.set(name, new Float32Array(data));
    }
    if (data instanceof Uint32Array) values.set(name, new Uint32Array(data));
  }
  const [parsed, images] = [parseConfig(config), whole("images")];
  if (images < parsed.batch)
    throw new CheckpointError(`the checkpoint is of a training on ${images} images with batches of ${parsed.batch}`);
  return {
    config: parsed,
    imageSize: whole("imageSize"),
    step: whole("step"),
    images,
    classes,
    choices,
    tensors: values,
  };
}

/** Steps of an epoch of a checkpoint's training. */
export function stepsPerEpoch({ config, images }: Pick<Checkpoint, "config" | "images">): number {
  return Math.floor(images / config.batch);
}

/** The fewest epochs of a checkpoint's training that are not over before its step. */
export function leastEpochs(checkpoint: Checkpoint): number {
  return Math.max(1, Math.ceil(checkpoint.step / stepsPerEpoch(checkpoint)));
}

/** @throws CheckpointError where its training would be over before its step with so many epochs, by default its own. */
export function expectEpochs(checkpoint: Checkpoint, epochs = checkpoint.config.epochs): void {
  const [least, each] = [leastEpochs(checkpoint), stepsPerEpoch(checkpoint)];
  if (epochs >= least) return;
  throw new CheckpointError(
    `the checkpoint is of step ${checkpoint.step}, and ${counted(epochs, "epoch")} of ${counted(each, "step")} would be over before it: go on with ${least} epochs or more`,
  );
}

/** The tensors of one part of a checkpoint, without the part's name. */
function part(tensors: Checkpoint["tensors"], owner: string): Map<string, Float32Array | Uint32Array> {
  const own = [...tensors].filter(([name]) => name.startsWith(`${owner}.`));
  return new Map(own.map(([name, values]) => [name.slice(owner.length + 1), values]));
}

/** Overwrites a model's tensors with a checkpoint's. @throws CheckpointError where the architectures differ. */
export function restoreModel(model: Model, { tensors }: Checkpoint): void {
  const weights = new Map<string, Float32Array>();
  for (const [name, values] of part(tensors, "model")) if (values instanceof Float32Array) weights.set(name, values);
  model.tensors.write(weights);
}

/**
 * Overwrites what an optimizer or a method keeps between steps with a checkpoint's.
 * @throws CheckpointError where it is another one's.
 */
export function restoreState(
  device: Device,
  owner: "optimizer" | "method",
  state: ReadonlyMap<string, Tensor>,
  checkpoint: Checkpoint,
): void {
  const values = part(checkpoint.tensors, owner);
  for (const [name, tensor] of state) {
    const data = values.get(name);
    if (!data || data.length !== tensor.size) {
      throw new CheckpointError(
        `the checkpoint has no ${owner} state ${name} of ${tensor.size} elements: it is of another ${owner} or model`,
      );
    }
    device.write(tensor, data);
  }
}
