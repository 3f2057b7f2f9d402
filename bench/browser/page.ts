/** The page that benchmarks run in; `bench/browser.ts` opens it and puts the global functions there. */
import type { Outcome, Settings } from "../measure/benchmark.js";
import { benchmarks } from "../measure/benchmarks.js";

/** What the page is to do. */
export interface Task {
  readonly benchmark: string;
  readonly settings: Settings;
}

declare global {
  var benchmarkTask: () => Promise<Task>;
  var benchmarkProgress: (line: string) => Promise<void>;
  var benchmarkDone: (outcome: Outcome) => Promise<void>;
  var benchmarkFailed: (message: string) => Promise<void>;
}

const { benchmark, settings } = await benchmarkTask();
try {
  const found = benchmarks.find(({ name }) => name === benchmark);
  if (!found) throw new Error(`there is no benchmark ${benchmark}`);
  const progress = (line: string) => void benchmarkProgress(line);
  const outcome = await found.run(settings, progress, { note: progress, signal: new AbortController().signal });
  const { failure } = outcome;
  await benchmarkDone({ ...outcome, failure: failure instanceof Error ? failure.message : failure });
} catch (error) {
  await benchmarkFailed(error instanceof Error ? error.message : String(error));
}
