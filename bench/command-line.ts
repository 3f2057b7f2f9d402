/** Benchmarks on the command line of Node, Bun and Deno. */
import { Argument, Command, Option } from "commander";
import { SimclrError } from "../src/errors.js";
import type { Benchmark, Outcome, Settings } from "./measure/benchmark.js";

/** Runs a benchmark somewhere. */
export type Runner = (benchmark: Benchmark, settings: Settings, progress: (line: string) => void) => Promise<Outcome>;

/** Progress in place on a terminal, and nowhere else: the result is what is kept. */
function showProgress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}`);
}

/** The command of a benchmark; `run` says where it runs. */
export function commandOf(benchmark: Benchmark, run: Runner): Command {
  const command = new Command(benchmark.name).description(benchmark.description).showHelpAfterError("(see --help)");
  for (const { name, description, standard } of benchmark.arguments) {
    command.addArgument(new Argument(`[${name}]`, description).default(standard));
  }
  for (const { name, description, standard } of benchmark.options) {
    command.addOption(new Option(`--${name} <value>`, description).default(standard));
  }
  command.option("--json", "print the result as JSON");
  return command.action(async () => {
    const words = Object.fromEntries(benchmark.arguments.map(({ name }, i) => [name, command.processedArgs[i]]));
    const { json, ...options } = command.opts();
    const outcome = await run(benchmark, { ...words, ...options }, showProgress);
    showProgress("");
    console.log(json === true ? JSON.stringify(outcome.data, null, 2) : outcome.text);
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
export function runHere(benchmark: Benchmark): Promise<void> {
  return runCommand(commandOf(benchmark, (chosen, settings, progress) => chosen.run(settings, progress)));
}
