/** Runs test files in one runtime and counts, whatever becomes of the runtime. */
import type { Runtime } from "./runtime.js";
import type { FileResult } from "./suites.js";

/** What one runtime (or the checks) adds to the table. */
export interface Outcome {
  passed: number;
  failed: number;
  seconds: number;
  /** The files with failures, in the order they ran. */
  failedFiles: string[];
  /** The seconds that each file took. */
  times: { file: string; seconds: number }[];
}

/**
 * Runs the files in the runtime and prints what the tests print, and every failure in full. A runtime that does not
 * start, that ends before its last file, that exceeds the time limit or that runs no test adds a failed test.
 * @param timeLimit milliseconds for all files together
 */
export async function runSession(
  runtime: Runtime,
  files: readonly string[],
  timeLimit: number,
  print: (line: string) => void,
): Promise<Outcome> {
  const outcome: Outcome = { passed: 0, failed: 0, seconds: 0, failedFiles: [], times: [] };
  const add = ({ file, passed, failed, errors }: Omit<FileResult, "seconds">) => {
    outcome.passed += passed;
    outcome.failed += failed;
    if (failed === 0) return;
    outcome.failedFiles.push(file);
    print(`FAIL ${file}\n${errors.join("\n")}\n`);
  };
  const begin = performance.now();
  const left = new Set(files);
  const signal = AbortSignal.timeout(timeLimit);
  let current: string | undefined;
  let complete = false;
  const how = await runtime({
    files,
    print,
    signal,
    onReport: (report) => {
      if (report.kind === "start") current = report.file;
      if (report.kind === "end") complete = true;
      if (report.kind !== "done") return;
      current = undefined;
      left.delete(report.file);
      outcome.times.push({ file: report.file, seconds: report.seconds });
      add(report);
    },
  });
  if (!complete) {
    const reason = signal.aborted ? `exceeded the time limit of ${timeLimit / 1000} s` : how;
    const errors = [
      `the runtime ${reason}; ${left.size} of ${files.length} files are not done: ${[...left].join(", ")}`,
    ];
    add({ file: current ?? "(between files)", passed: 0, failed: 1, errors });
  } else if (outcome.passed + outcome.failed === 0) {
    add({ file: "(no file)", passed: 0, failed: 1, errors: ["the runtime ran no test"] });
  }
  outcome.seconds = (performance.now() - begin) / 1000;
  return outcome;
}
