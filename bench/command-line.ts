/** Benchmarks on the command line of Node, Bun and Deno. */
import { writeFile } from "node:fs/promises";
import { SimclrError } from "../src/errors.js";
import { Argument, Command, Option } from "../src/vendor/commander.js";
import type { Attendance, Benchmark, Outcome, Settings } from "./measure/benchmark.js";

/** Runs a benchmark somewhere. */
export type Runner = (
  benchmark: Benchmark,
  settings: Settings,
  progress: (line: string) => void,
  attendance: Attendance,
) => Promise<Outcome>;

/** Milliseconds between lines of progress where they cannot stand in place. */
const PAUSE = 10_000;

/** Progress on stderr: in place on a terminal, and a line every ten seconds elsewhere. */
class ProgressDisplay {
  #last = performance.now();

  show(line: string): void {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}`);
    else if (performance.now() - this.#last > PAUSE) this.note(line);
  }

  /** Shows a line that stays. */
  note(line: string): void {
    this.#last = performance.now();
    this.clear();
    process.stderr.write(`${line}\n`);
  }

  clear(): void {
    if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  }
}

/** A signal of the first Ctrl-C; the second one ends the process. */
function interruptSignal(display: ProgressDisplay): AbortSignal {
  const controller = new AbortController();
  process.on("SIGINT", () => {
    if (controller.signal.aborted) process.exit(130);
    display.note("interrupted: ending with what has been measured (Ctrl-C again to stop at once)");
    controller.abort();
  });
  return controller.signal;
}

/** The command of a benchmark; `run` says where it runs. Ends with exit code 130 where it was interrupted. */
export function commandOf(benchmark: Benchmark, run: Runner): Command {
  const command = new Command(benchmark.name).description(benchmark.description).showHelpAfterError("(see --help)");
  for (const { name, description, standard } of benchmark.arguments) {
    command.addArgument(new Argument(`[${name}]`, description).default(standard));
  }
  for (const { name, description, standard } of benchmark.options) {
    command.addOption(new Option(`--${name} <value>`, description).default(standard));
  }
  command.option("--json", "print the result as JSON");
  command.option("--save <file>", "write the result to a file as JSON, besides");
  return command.action(async () => {
    const words = Object.fromEntries(benchmark.arguments.map(({ name }, i) => [name, command.processedArgs[i]]));
    const { json, save, ...options } = command.opts();
    const display = new ProgressDisplay();
    const signal = benchmark.stoppable ? interruptSignal(display) : new AbortController().signal;
    const { text, data, failure } = await run(benchmark, { ...words, ...options }, (line) => display.show(line), {
      note: (line) => display.note(line),
      signal,
    });
    display.clear();
    console.log(json === true ? JSON.stringify(data, null, 2) : text);
    if (typeof save === "string") await writeFile(save, `${JSON.stringify(data, null, 2)}\n`);
    if (failure !== undefined) throw failure;
    if (signal.aborted) process.exitCode = 130;
  });
}

/** Parses the command line and does what it says; an error ends the process with 1. */
export async function runCommand(command: Command): Promise<void> {
  try {
    await command.parseAsync();
  } catch (error) {
    console.error(error instanceof SimclrError ? `error: ${error.message}` : error);
    process.exitCode = 1;
  }
}

/** Runs a benchmark in this process. */
export const inThisProcess: Runner = (benchmark, settings, progress, attendance) =>
  benchmark.run(settings, progress, attendance);

/** Runs a benchmark in this process, with its own command line. */
export function runHere(benchmark: Benchmark): Promise<void> {
  return runCommand(commandOf(benchmark, inThisProcess));
}
