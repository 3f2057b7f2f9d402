import { stat } from "node:fs/promises";
import type { Device } from "../engine/device.js";
import { ConfigError, UsageError } from "../errors.js";
import { checkConfig, completeConfig, isConfigKey, type TrainingConfig } from "../training/config.js";

/** Fields of the configuration that options are not called as. */
export const OPTION_NAMES: Readonly<Partial<Record<keyof TrainingConfig, string>>> = {
  memoryBudget: "memory",
  learningRate: "lr",
  learningRateScaling: "lrScaling",
  warmupEpochs: "warmup",
};

/** A message that names fields of the configuration, with the options in their place: "learningRate is -1" as "--lr is -1". */
export function inOptions(message: string): string {
  return message.replace(/\b([a-z][A-Za-z]*)(?= is | must )/g, (field) => {
    if (!isConfigKey(field)) return field;
    return `--${(OPTION_NAMES[field] ?? field).replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  });
}

/** Checks where run folders are to be made, before hours of training. @throws UsageError where that is a file. */
export async function checkOut(path: string): Promise<void> {
  const found = await stat(path).catch(() => null);
  if (found && !found.isDirectory()) throw new UsageError(`${path} is a file: name a folder with --out`);
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
