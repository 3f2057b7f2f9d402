/**
 * Runs the checks and all tests: `node dist/test/run.js [--runtime node|bun|deno|chromium] [name ...]`.
 * With a runtime or parts of file names given, only those tests run, and no checks. The last line is
 * "N passed, N failed"; the exit code is 1 when anything failed.
 *
 * `x.test.ts` runs in every runtime, `x.host.test.ts` needs files (Node, Bun, Deno), `x.node.test.ts` needs Node, or is slow and the
 * same everywhere. Tests in `faults/` have long forms: see `faults/long.ts`.
 */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { parseArgs } from "node:util";
import { repository } from "./lib/repository.js";
import { type RuntimeName, runtimeNames, runtimes } from "./lib/runtimes.js";
import { type Outcome, runSession } from "./lib/session.js";

/** For one session; a software adapter on two slow cores needs half of it. */
const timeLimit = 30 * 60 * 1000;
/** Runtimes side by side: on a software adapter, most of the time goes into compiling kernels, which takes one core. */
const AT_ONCE = 2;
/** Processes of a runtime, one after the other or side by side: what is tested in Node alone is half of all. */
const SESSIONS: Partial<Record<RuntimeName, number>> = { node: 4 };
/** What is computed by the same WebGPU in Bun as in Node, by more than the kernels, which are checked in both. */
const SAME_IN_BUN = /^(losses|methods|nn|ops)\//;
/** Files of a session that are named with the time they took. */
const SLOWEST = 5;

const checks: Record<string, string[]> = {
  "formatting and lint": ["biome", "check"],
  types: ["tsc", "--noEmit"],
  "types of the page": ["tsc", "-p", "src/web"],
};

const { values, positionals: names } = parseArgs({
  allowPositionals: true,
  options: { runtime: { type: "string" } },
});
if (values.runtime !== undefined && !runtimeNames.some((name) => name === values.runtime)) {
  throw new Error(`there is no runtime ${values.runtime}; there are ${runtimeNames.join(", ")}`);
}

const outcomes = new Map<string, Outcome>();
if (values.runtime === undefined && names.length === 0) outcomes.set("checks", runChecks());
const waiting = runtimeNames
  .filter((name) => values.runtime === undefined || values.runtime === name)
  .flatMap((runtime) => sessionsOf(runtime).map((files) => ({ runtime, files })));
await Promise.all(Array.from({ length: AT_ONCE }, runWaiting));
summarise();

/** Runs one session after the other, for as long as there is one that nobody has begun. */
async function runWaiting(): Promise<void> {
  for (let session = waiting.shift(); session !== undefined; session = waiting.shift()) {
    const { runtime, files } = session;
    // Parts of names may well match no file of a runtime; that no file matches at all is a failure, below.
    if (files.length === 0 && names.length > 0) continue;
    const print = (line: string) => console.log(line === "" ? "" : `${`${runtime}:`.padEnd(10)}${line}`);
    print(`${files.length} files`);
    const outcome = await runSession(runtimes[runtime], files, timeLimit, print);
    const before = outcomes.get(runtime);
    outcomes.set(runtime, before ? together(before, outcome) : outcome);
    print(`${outcome.passed} passed, ${outcome.failed} failed, ${outcome.seconds.toFixed(1)} s`);
    print(`the slowest: ${slowest(outcome)}\n`);
  }
}

function together(a: Outcome, b: Outcome): Outcome {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    seconds: a.seconds + b.seconds,
    failedFiles: [...a.failedFiles, ...b.failedFiles],
    times: [...a.times, ...b.times],
  };
}

/** The test files of each process of a runtime. */
function sessionsOf(runtime: RuntimeName): string[][] {
  const files = testFiles(runtime);
  const count = SESSIONS[runtime] ?? 1;
  return Array.from({ length: count }, (_, session) => files.filter((_, i) => i % count === session));
}

function slowest({ times }: Outcome): string {
  return times
    .toSorted((a, b) => b.seconds - a.seconds)
    .slice(0, SLOWEST)
    .map(({ file, seconds }) => `${file.replace(/\.js$/, "")} ${seconds.toFixed(1)} s`)
    .join(", ");
}

function runChecks(): Outcome {
  const begin = performance.now();
  const outcome: Outcome = { passed: 0, failed: 0, seconds: 0, failedFiles: [], times: [] };
  for (const [name, [program, ...options]] of Object.entries(checks)) {
    const start = performance.now();
    const { status, stdout, stderr } = spawnSync(`${repository}node_modules/.bin/${program}`, options, {
      cwd: repository,
      encoding: "utf8",
      env: { ...process.env, NO_COLOR: "1" },
    });
    console.log(`${name}: ${status === 0 ? "passed" : "failed"}, ${((performance.now() - start) / 1000).toFixed(1)} s`);
    if (status === 0) outcome.passed++;
    else {
      outcome.failed++;
      outcome.failedFiles.push(name);
      console.log(`FAIL ${name}\n${stdout}${stderr}`);
    }
  }
  console.log();
  return { ...outcome, seconds: (performance.now() - begin) / 1000 };
}

/** The tests of a runtime, compiled, relative to dist/test/; named by their sources, for dist/ may hold older ones. */
function testFiles(runtime: RuntimeName): string[] {
  return readdirSync(`${repository}test`, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".test.ts") && runsIn(file, runtime))
    .filter((file) => names.length === 0 || names.some((name) => file.includes(name)))
    .map((file) => file.replace(/\.ts$/, ".js"))
    .sort();
}

function runsIn(file: string, runtime: RuntimeName): boolean {
  if (runtime === "bun" && SAME_IN_BUN.test(file)) return false;
  if (file.endsWith(".node.test.ts")) return runtime === "node";
  if (file.endsWith(".host.test.ts")) return runtime !== "chromium";
  return true;
}

function summarise(): void {
  let passed = 0;
  let failed = 0;
  for (const [name, outcome] of outcomes) {
    passed += outcome.passed;
    failed += outcome.failed;
    for (const file of outcome.failedFiles) console.log(`failed in ${name}: ${file}`);
  }
  if (outcomes.size === 0) {
    console.log(`failed: no test file has ${names.join(" or ")} in its name`);
    failed++;
  }
  console.log(`\n${"runtime".padEnd(10)}${"passed".padStart(8)}${"failed".padStart(8)}${"seconds".padStart(9)}`);
  for (const [name, { passed, failed, seconds }] of outcomes) {
    console.log(
      `${name.padEnd(10)}${`${passed}`.padStart(8)}${`${failed}`.padStart(8)}${seconds.toFixed(1).padStart(9)}`,
    );
  }
  console.log(`\n${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 ? 1 : 0;
}
