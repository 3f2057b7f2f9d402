import { METHODS } from "../methods/catalogue.js";
import type { Method } from "../methods/method.js";
import { isOptionValue, type OptionValue } from "../methods/options.js";
import { DEFAULT_CONFIG, type TrainingConfig } from "../training/config.js";
import { PRESETS } from "../training/presets.js";
import { type Command, InvalidArgumentError, Option } from "../vendor/commander.js";
import { number } from "./numbers.js";

/** What the command line says of a method: its name, and its options among all others. */
export interface MethodOptions {
  readonly method: string;
  readonly [option: string]: unknown;
}

/** "headBatchNorm" as "head-batch-norm". */
function dashed(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** The text of an option as it stands in a command line, before anything is parsed. */
function textOf(option: string, commandLine: readonly string[]): string | undefined {
  const at = commandLine.findIndex((word) => word === option || word.startsWith(`${option}=`));
  if (at < 0) return undefined;
  const word = commandLine[at];
  return word === option ? commandLine[at + 1] : word.slice(option.length + 1);
}

/**
 * The method that a command line names, or its preset does; the usual one where it names none or one that there is not. Its
 * options are those that the command takes, and that its help shows.
 */
function methodOf(commandLine: readonly string[]): Method {
  const preset = PRESETS.find(({ name }) => name === textOf("--preset", commandLine));
  const name = textOf("--method", commandLine) ?? preset?.config.method;
  const usual = METHODS.filter((method) => method.name === DEFAULT_CONFIG.method);
  return METHODS.find((method) => method.name === name) ?? usual[0];
}

/** An option of a method as one of the command line; left out, the method's default counts. */
function commandOption(name: string, { default: value, description, choices }: Method["options"][string]): Option {
  if (typeof value === "boolean")
    return new Option(`--${value ? "no-" : ""}${dashed(name)}`, description).default(undefined);
  const placeholder = typeof value === "number" ? "number" : "name";
  const option = new Option(`--${dashed(name)} <${placeholder}>`, `${description} (default: ${JSON.stringify(value)})`);
  if (choices) return option.choices(choices);
  return typeof value === "number" ? option.argParser(number) : option;
}

/** Adds `--method` to a command, and the options of the method that this command line names. */
export function addMethodOptions(command: Command, commandLine: readonly string[] = process.argv): Command {
  const method = methodOf(commandLine);
  command.addOption(
    new Option("--method <name>", "what is learned: see below")
      .choices(METHODS.map(({ name }) => name))
      .default(DEFAULT_CONFIG.method),
  );
  command.optionsGroup(`Options of ${method.name}:`);
  for (const [name, option] of Object.entries(method.options)) command.addOption(commandOption(name, option));
  command.optionsGroup("Options:");
  const list = METHODS.map(({ name, summary }) => `  ${name.padEnd(16)}${summary}`).join("\n");
  return command.addHelpText("after", `\nMethods (--method <name> --help shows the options of one):\n${list}`);
}

/** What those options say about the training. @throws InvalidArgumentError */
export function methodConfig(options: MethodOptions): Pick<TrainingConfig, "method" | "options"> {
  const { method } = options;
  const table = METHODS.find(({ name }) => name === method)?.options;
  if (!table) throw new InvalidArgumentError(`There is no method ${method}.`);
  const given: Record<string, OptionValue> = {};
  for (const name of Object.keys(table)) {
    const value = options[name];
    if (isOptionValue(value)) given[name] = value;
  }
  return { method, options: given };
}
