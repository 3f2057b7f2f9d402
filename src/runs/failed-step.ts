import { SimclrError } from "../errors.js";
import { writeFileAtomic } from "../io/atomic.js";
import { parseObject } from "../io/json.js";
import type { Trainer } from "../training/trainer.js";
import type { RunFolder } from "./run-folder.js";

/** A step that ended a run, as failed-step.json says it. The configuration stands in config.json, the weights in the checkpoint. */
export interface FailedStep {
  /** Counted from 1. */
  readonly step: number;
  /** What was wrong. */
  readonly error: string;
  readonly learningRate: number;
  /** Steps that the checkpoint is after: those from there on are run again first, to the bit on the same adapter. */
  readonly checkpoint: number;
  /** The images of the step: their numbers in the training set, and their names. */
  readonly images: readonly (readonly [number: number, name: string])[];
}

/**
 * Keeps what it takes to run a failed step again: which one it was, on which images, and from which checkpoint `resumeRun` comes to it.
 * The weights that it began with are gone when its failure is known; the steps from the checkpoint on make them again.
 * @returns whether it could be kept: that is no reason to hide why the step failed.
 */
export async function keepFailedStep(
  folder: RunFolder,
  trainer: Trainer,
  failed: Pick<FailedStep, "step" | "error" | "checkpoint">,
): Promise<boolean> {
  const { dataset } = trainer;
  const index = failed.step - 1;
  const facts: FailedStep = {
    ...failed,
    learningRate: trainer.learningRate(index),
    images: Array.from(trainer.imagesOf(index), (number): [number, string] => [number, dataset.nameOf(number)]),
  };
  try {
    await writeFileAtomic(folder.file("failedStep"), `${JSON.stringify(facts, null, 1)}\n`);
    return true;
  } catch (error) {
    if (error instanceof SimclrError) return false;
    throw error;
  }
}

/** The number of the step that ended a run before; null where none did. */
export async function readFailedStep(folder: RunFolder): Promise<number | null> {
  if (!(await folder.has("failedStep"))) return null;
  const { readFile } = await import("node:fs/promises");
  const { step } = parseObject(await readFile(folder.file("failedStep"), "utf8")) ?? {};
  return typeof step === "number" ? step : null;
}

/** Called when the step went well after all. */
export async function forgetFailedStep(folder: RunFolder): Promise<void> {
  const { rm } = await import("node:fs/promises");
  await rm(folder.file("failedStep"), { force: true });
}
