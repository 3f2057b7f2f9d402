/** What a runtime tells the runner: the file it begins, what became of it, and that it has got through all of them. */
export type Report = { kind: "start"; file: string } | ({ kind: "done" } & FileResult) | { kind: "end" };

/** The outcome of one test file; `errors` holds one text per suite that failed, with messages and differences. */
export interface FileResult {
  file: string;
  passed: number;
  failed: number;
  errors: string[];
  seconds: number;
}

/** What begins a report, as JSON, on the standard output of a test process. */
export const reportMark = "\u001e";

/** One uvu suite: the texts of its failures (or true), tests passed, tests skipped, tests in all. */
type Suite = () => Promise<[errors: string | true, passed: number, skipped: number, total: number]>;

declare global {
  /** Keeps uvu from running suites by itself. */
  var UVU_DEFER: number | undefined;
  /** The group of `UVU_QUEUE` that a suite is put into. */
  var UVU_INDEX: number | undefined;
  var UVU_QUEUE: (Suite | null)[][] | undefined;
}

// Before uvu is imported, which looks at it then.
globalThis.UVU_DEFER = 1;

/**
 * Imports test files one after the other in this runtime and runs their uvu suites, so that what one of them sets up
 * for the process (a GPU device) serves all.
 * @param files compiled test files, relative to `dist/test/`
 */
export async function runSuites(files: readonly string[], report: (report: Report) => unknown): Promise<void> {
  for (const file of files) {
    await report({ kind: "start", file });
    const begin = performance.now();
    const result = await runFile(file);
    await report({ kind: "done", ...result, seconds: (performance.now() - begin) / 1000 });
  }
  await report({ kind: "end" });
}

async function runFile(file: string): Promise<Omit<FileResult, "seconds">> {
  const errors: string[] = [];
  const result = { file, passed: 0, failed: 0, errors };
  const fail = (count: number, message: string) => {
    result.failed += count;
    result.errors.push(message);
  };
  const group: Suite[] = [];
  globalThis.UVU_QUEUE = [group];
  globalThis.UVU_INDEX = 0;
  try {
    await import(new URL(`../${file}`, import.meta.url).href);
  } catch (error) {
    fail(1, `the file could not be imported: ${describe(error)}`);
    return result;
  }
  for (const suite of group) {
    try {
      const [errors, passed, skipped, total] = await suite();
      result.passed += passed;
      if (errors !== true) fail(total - passed, errors.trimEnd());
      // uvu drops what a hook throws, and the tests after it.
      else if (passed < total) fail(total - passed, `a hook threw, so ${total - passed} of ${total} tests did not run`);
      if (skipped > 0) fail(skipped, `${skipped} tests were left out by .skip or .only`);
    } catch (error) {
      fail(1, `a hook after the tests threw: ${describe(error)}`);
    }
  }
  if (result.passed + result.failed === 0) fail(1, "the file ran no test; does each suite end with .run()?");
  return result;
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
