import { appendFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { systemErrorCode, writeError } from "../io/atomic.js";
import { firstRecord, scalarRecord } from "../io/event-file.js";
import type { RunHooks, RunSummary } from "./hooks.js";

/** Writes what a run measures to a file of events, which TensorBoard shows while it goes on. Node, Bun and Deno. */
export class TensorBoard {
  /** Of the last step. */
  #step = 0;

  private constructor(
    /** Path of the file. */
    readonly file: string,
  ) {}

  /** Begins a new file in a folder, beside those that are there. @throws CheckpointError where it cannot be written. */
  static async create(folder: string): Promise<TensorBoard> {
    const seconds = Date.now() / 1000;
    const name = `events.out.tfevents.${Math.floor(seconds)}.${hostname()}.${process.pid}`;
    const board = new TensorBoard(join(folder, name));
    try {
      await mkdir(folder, { recursive: true });
      await writeFile(board.file, firstRecord(seconds), { flag: "wx" });
    } catch (error) {
      throw systemErrorCode(error) === null ? error : writeError(board.file, error);
    }
    return board;
  }

  /** Hooks of a run that write what they are told, and go on to those given. */
  beside(hooks: RunHooks): RunHooks {
    return {
      ...hooks,
      onStep: (event, steps) => {
        const { step, loss, learningRate, imagesPerSecond } = event;
        this.#step = step;
        const values = { loss, learning_rate: learningRate, images_per_second: imagesPerSecond };
        this.#append("train", values);
        hooks.onStep?.(event, steps);
      },
      onEvaluation: (epoch, accuracies) => {
        const { knn, classifier } = accuracies;
        this.#append("test", { knn, classifier });
        hooks.onEvaluation?.(epoch, accuracies);
      },
    };
  }

  /** Writes what a finished run was evaluated by. */
  end({ after, steps }: RunSummary): void {
    this.#step = steps;
    if (after)
      this.#append("test", { knn: after.knn, knn20: after.knn20, probe: after.probe, classifier: after.classifier });
  }

  /** Synchronously: a step's hundred bytes are not worth an order of their own. */
  #append(group: string, values: Readonly<Record<string, number | null>>): void {
    const known = Object.entries(values).flatMap(([name, value]) =>
      value === null ? [] : [[`${group}/${name}`, value] as const],
    );
    try {
      appendFileSync(this.file, scalarRecord(Date.now() / 1000, this.#step, Object.fromEntries(known)));
    } catch (error) {
      throw systemErrorCode(error) === null ? error : writeError(this.file, error);
    }
  }
}
