import type { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { MovingAverage } from "../nn/moving-average.js";
import { cosine } from "../optim/schedule.js";
import type { LearnerParts } from "./method.js";
import { number, type OptionValues } from "./options.js";

/**
 * The options of a teacher's momentum.
 * @param finalMomentum what it rises to by default; 0 for a momentum that stays
 */
export function teacherOptions(finalMomentum: number) {
  return {
    momentum: number(
      0,
      { from: 0, below: 1 },
      "of the teacher's moving average; 0: 0.95 in a training below 1,000 steps, 0.99 below 50,000, 0.996 beyond",
    ),
    finalMomentum: number(
      finalMomentum,
      { from: 0, to: 1 },
      "what the momentum rises to by half a cosine over the training; 0: it stays",
    ),
  };
}

/** The values of `teacherOptions`. */
export type TeacherOptions = OptionValues<ReturnType<typeof teacherOptions>>;

/**
 * The momentum that fits the length of a training: of an average with the published 0.996, half of what it holds is 173 steps old,
 * and in a short training it would never leave the initial weights.
 */
function fittingMomentum(steps: number): number {
  if (steps < 1000) return 0.95;
  return steps < 50000 ? 0.99 : 0.996;
}

/**
 * Encoder and head whose weights follow those of the model as a moving average, updated after the optimizer's step. It sees its
 * views as the model does in training, normalised by statistics of their own.
 */
export class Teacher {
  readonly #average: MovingAverage;

  constructor(
    /** What it is a teacher of. */
    readonly parts: LearnerParts,
    /** Its momentum. */
    readonly options: TeacherOptions,
  ) {
    const { encoder, head, tensors } = parts.model;
    this.#average = new MovingAverage(tensors, [...encoder.tensors, ...head.tensors]);
  }

  /** What its head makes of views; no gradient. */
  outputs(tape: Tape, views: Tensor): Tensor {
    const { encoder, head } = this.parts.model;
    const pass = this.#average.pass(tape, { training: true });
    return head.forward(pass, encoder.forward(pass, views));
  }

  /** Its own tensor of this name. @throws CheckpointError where it has none. */
  tensor(name: string): Tensor {
    return this.#average.tensor(name);
  }

  /** Records the update: one dispatch for each buffer of parameters. */
  record(tape: Tape): void {
    this.#average.record(tape);
  }

  /** Sets the momentum of a step, counted from 0. */
  setStep(step: number, steps: number): void {
    const momentum = this.options.momentum === 0 ? fittingMomentum(steps) : this.options.momentum;
    const { finalMomentum } = this.options;
    this.#average.setMomentum(finalMomentum === 0 ? momentum : cosine(momentum, finalMomentum, step, steps));
  }

  /** What a checkpoint holds of it: its tensors by name, which begin with "teacher.". */
  get state(): ReadonlyMap<string, Tensor> {
    return new Map([...this.#average.state].map(([name, tensor]) => [`teacher.${name}`, tensor]));
  }

  /** Makes it a copy of the model again. */
  restart(): void {
    this.#average.copy();
  }

  /** Frees its tensors. */
  dispose(): void {
    this.#average.dispose();
  }
}

/** The momentum in words. */
export function momentumText({ momentum, finalMomentum }: TeacherOptions): string {
  const first = momentum === 0 ? "by the number of steps" : String(momentum);
  return finalMomentum === 0 ? first : `${first}, rising to ${finalMomentum}`;
}
