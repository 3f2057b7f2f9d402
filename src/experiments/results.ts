import { ConfigError } from "../errors.js";
import type { Estimate } from "../report/experiment-report-data.js";
import type { Factors, Measured } from "./measured.js";
import type { Setting } from "./setting.js";

/** A run that is done. */
export interface RunResult extends Measured {
  readonly key: string;
  readonly label: string;
  readonly factors: Factors;
  /** Wall-clock time that it took. */
  readonly seconds: number;
  /** The adapter that it ran on. */
  readonly adapter: string;
}

/** All runs of an experiment, to be looked up by their factors. */
export class Results {
  constructor(
    readonly setting: Setting,
    readonly runs: readonly RunResult[],
  ) {}

  /** The runs with these factors; the others may be anything. @throws ConfigError where there is none. */
  of(factors: Factors): readonly RunResult[] {
    const found = this.runs.filter((run) =>
      Object.entries(factors).every(([name, value]) => run.factors[name] === value),
    );
    if (found.length === 0) throw new ConfigError(`there is no run with ${JSON.stringify(factors)}`);
    return found;
  }

  /** A value over the runs with these factors, which differ in their seeds. @throws ConfigError where they lack it. */
  estimate(factors: Factors, value: string): Estimate {
    return estimateOf(
      this.of(factors).map((run) => {
        const found = run.values[value];
        if (found === undefined) throw new ConfigError(`the run ${run.label} has no value called ${value}`);
        return found;
      }),
    );
  }
}

/** Mean and sample standard deviation, which one value alone does not have. */
export function estimateOf(values: readonly number[]): Estimate {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  if (values.length < 2) return { mean, deviation: null };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / (values.length - 1)) };
}
