import type { Device } from "../engine/device.js";
import { ConfigError } from "../errors.js";
import { checkConfig, completeConfig, DEFAULT_CONFIG, type TrainingConfig } from "../training/config.js";

/** Fields of the configuration that options are not called as. */
export const OPTION_NAMES: Readonly<Partial<Record<keyof TrainingConfig, string>>> = {
  memoryBudget: "memory",
  learningRate: "lr",
  learningRateScaling: "lrScaling",
  warmupEpochs: "warmup",
};

function isField(name: string): name is keyof TrainingConfig {
  return Object.hasOwn(DEFAULT_CONFIG, name);
}

/** A message that names fields of the configuration, with the options in their place: "learningRate is -1" as "--lr is -1". */
export function inOptions(message: string): string {
  return message.replace(/\b([a-z][A-Za-z]*)(?= is | must )/g, (field) => {
    if (!isField(field)) return field;
    return `--${(OPTION_NAMES[field] ?? field).replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  });
}

/**
 * Checks what options say of a training before anything is read for it.
 * @throws ConfigError, which names the options.
 */
export function checkOptions(device: Device, config: Partial<TrainingConfig>): void {
  try {
    checkConfig(completeConfig(config), Number.POSITIVE_INFINITY, device);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(inOptions(error.message), { cause: error });
  }
}
