/** The same benchmarks in a headless Chromium: `node dist/bench/browser.js kernels|step|host|roofline|matmul-ladder [...]`. */

import { SimclrError } from "../src/errors.js";
import { Command } from "../src/vendor/commander.js";
import { openPage } from "../test/lib/browser.js";
import type { Task } from "./browser/page.js";
import { commandOf, type Runner, runCommand } from "./command-line.js";
import type { Outcome } from "./measure/benchmark.js";
import { benchmarks } from "./measure/benchmarks.js";

const runInChromium: Runner = async ({ name }, settings, progress) => {
  const task: Task = { benchmark: name, settings };
  let outcome: Outcome | undefined;
  let failure: string | undefined;
  const how = await openPage({
    script: "/dist/bench/browser/page.js",
    print: console.error,
    functions: (end) => ({
      benchmarkTask: () => task,
      benchmarkProgress: progress,
      benchmarkDone(result: Outcome) {
        outcome = result;
        end();
      },
      benchmarkFailed(message: string) {
        failure = message;
        end();
      },
    }),
  });
  if (outcome) return outcome;
  throw new SimclrError(failure ?? `the browser ${how}`);
};

const program = new Command("browser").description("benchmarks in a headless Chromium");
for (const benchmark of benchmarks) program.addCommand(commandOf(benchmark, runInChromium));
await runCommand(program);
