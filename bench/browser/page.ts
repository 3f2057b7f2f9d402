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
  await benchmarkDone(await found.run(settings, (line) => void benchmarkProgress(line)));
} catch (error) {
  await benchmarkFailed(error instanceof Error ? error.message : String(error));
}
