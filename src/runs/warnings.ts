import type { RunHooks, RunWarning } from "./hooks.js";
import type { MetricsLine, RunFolder } from "./run-folder.js";

/** The warnings among the lines of a run's metrics. */
export function warningsAmong(lines: readonly MetricsLine[]): RunWarning[] {
  return lines.flatMap(({ step, kind, message }) =>
    kind === "warning" && typeof message === "string" ? { step, message } : [],
  );
}

/** What a run warns of: told once, and kept in its metrics, for its report and for a resume. */
export class RunWarnings {
  readonly #told: RunWarning[];

  /** @param lines of the metrics so far */
  constructor(
    readonly folder: RunFolder,
    lines: readonly MetricsLine[],
    readonly hooks: Pick<RunHooks, "onWarning">,
  ) {
    this.#told = warningsAmong(lines);
  }

  /** All so far. */
  get all(): readonly RunWarning[] {
    return this.#told;
  }

  /** Tells and keeps a warning, unless it was told after the same step before an interruption. */
  async tell(message: string, step: number): Promise<void> {
    if (this.#told.some((told) => told.step === step && told.message === message)) return;
    this.#told.push({ step, message });
    await this.folder.appendMetrics({ step, kind: "warning", message });
    this.hooks.onWarning?.(message, step);
  }
}
