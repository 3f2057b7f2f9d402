import { parsePolicies } from "../augment/parse-policy.js";
import type { AugmentationPolicies } from "../augment/policy.js";
import { type ChoiceTable, isChoiceTable } from "../engine/choices.js";
import type { Device } from "../engine/device.js";
import { CheckpointError, ConfigError, NonFiniteLossError } from "../errors.js";
import { decodeSafetensors, encodeSafetensors, type TensorData } from "../io/safetensors.js";
import type { Optimizer } from "../optim/optimizer.js";
import { DEFAULT_CONFIG, type TrainingConfig } from "./config.js";
import type { SimclrModel } from "./model.js";

const FORMAT = "webgpu-simclr checkpoint 1";

/** A training at rest: all that is needed to go on as if it had never stopped. */
export interface Checkpoint {
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
  readonly tensors: ReadonlyMap<string, Float32Array<ArrayBuffer>>;
}

/**
 * Reads everything from the device and encodes it as safetensors: `model.*`, `optimizer.*`, and the rest as metadata.
 * @throws NonFiniteLossError where a value is NaN or infinite: the next loss would be, and nobody could go on from there.
 */
export async function encodeCheckpoint(
  device: Device,
  model: SimclrModel,
  optimizer: Optimizer,
  facts: Omit<Checkpoint, "tensors" | "imageSize">,
): Promise<Uint8Array<ArrayBuffer>> {
  const tensors = new Map<string, TensorData>();
  const weights = await model.tensors.read();
  for (const { name, shape } of model.tensors.specs) {
    tensors.set(`model.${name}`, { shape, data: weights.get(name) ?? new Float32Array() });
  }
  for (const [name, tensor] of optimizer.state) {
    tensors.set(`optimizer.${name}`, { shape: tensor.shape, data: await device.read(tensor) });
  }
  for (const [name, { data }] of tensors) {
    if (data instanceof Float32Array && !data.every(Number.isFinite)) {
      throw new NonFiniteLossError(
        `${name} is no longer finite after step ${facts.step}: lower the learning rate or lengthen the warm-up; the last checkpoint is from before`,
      );
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
  if (typeof value !== "object" || value === null) throw new CheckpointError("the configuration is not a JSON object");
  const config: Record<string, unknown> = { ...DEFAULT_CONFIG };
  for (const [key, found] of Object.entries(value)) {
    if (!(key in DEFAULT_CONFIG)) continue;
    const mixed =
      (key === "augmentation" && (typeof found === "string" || typeof found === "object")) ||
      (key === "microBatch" && (found === "auto" || typeof found === "number"));
    if (found === null || (!mixed && typeof found !== typeof config[key]))
      throw new CheckpointError(`the configuration's ${key} is ${JSON.stringify(found)}`);
    config[key] = mixed && typeof found === "object" ? storedPolicies(found) : found;
  }
  if (!isTrainingConfig(config)) throw new CheckpointError("the configuration is damaged");
  return config;
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
function isTrainingConfig(config: object): config is TrainingConfig {
  return Object.keys(DEFAULT_CONFIG).every((key) => key in config);
}

/** Decodes a checkpoint. @throws CheckpointError where it is cut short or no checkpoint of this library. */
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
  const floats = new Map<string, Float32Array<ArrayBuffer>>();
  for (const [name, { data }] of tensors) {
    if (data instanceof Float32Array) floats.set(name, new Float32Array(data));
  }
  return {
    config: parseConfig(config),
    imageSize: whole("imageSize"),
    step: whole("step"),
    images: whole("images"),
    classes,
    choices,
    tensors: floats,
  };
}

/** The tensors of one part of a checkpoint, without the part's name. */
function part(tensors: Checkpoint["tensors"], prefix: string): Map<string, Float32Array<ArrayBuffer>> {
  const found = new Map<string, Float32Array<ArrayBuffer>>();
  for (const [name, values] of tensors) if (name.startsWith(prefix)) found.set(name.slice(prefix.length), values);
  return found;
}

/** Overwrites a model's tensors with a checkpoint's. @throws CheckpointError where the architectures differ. */
export function restoreModel(model: SimclrModel, checkpoint: Checkpoint): void {
  model.tensors.write(part(checkpoint.tensors, "model."));
}

/** Overwrites an optimizer's state with a checkpoint's. @throws CheckpointError where it is another optimizer's. */
export function restoreOptimizer(device: Device, optimizer: Optimizer, checkpoint: Checkpoint): void {
  const values = part(checkpoint.tensors, "optimizer.");
  for (const [name, tensor] of optimizer.state) {
    const data = values.get(name);
    if (!data || data.length !== tensor.size) {
      throw new CheckpointError(
        `the checkpoint has no optimizer state ${name} of ${tensor.size} elements: it is of another optimizer or model`,
      );
    }
    device.write(tensor, data);
  }
}
