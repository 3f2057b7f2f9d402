import type { Command } from "../vendor/commander.js";

/** What `--json` and `--quiet` say. */
export interface OutputOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Of the command that this process runs. */
let mode = { json: false, quiet: false };

/** Heeds the options of the command that is about to run. */
export function setOutput({ json = false, quiet = false }: OutputOptions): void {
  mode = { json, quiet };
}

/** Gives a command the options that say what it prints. */
export function addOutputOptions(command: Command): Command {
  return command
    .option("--json", "print the result as one JSON document, and everything else to the standard error output")
    .option("--quiet", "print no progress and no tables, only errors, warnings, and where the results are");
}

/** Prints what is done and found, for people to read along: to the standard error output with `--json`, and not at all with `--quiet`. */
export function say(line: string): void {
  if (mode.quiet) return;
  if (mode.json) console.error(line);
  else console.log(line);
}

/** Prints what everybody wants to know at the end, such as where the results are; with `--json` as `say` does. */
export function tell(line: string): void {
  if (mode.json) say(line);
  else console.log(line);
}

/** Prints what should not be missed: with `--json` or `--quiet` to the standard error output. */
export function warn(line: string): void {
  if (mode.json || mode.quiet) console.error(line);
  else console.log(line);
}

/**
 * Prints a result: with `--json` as that, else as a text.
 * @param text what stays with `--quiet`, for there is nothing else; null for a result that was said or is told otherwise
 */
export function answer(value: unknown, text: string | null = null): void {
  if (mode.json) console.log(JSON.stringify(value, null, 1));
  else if (text !== null) console.log(text);
}

/** Whether progress is to be shown. */
export function showsProgress(): boolean {
  return !mode.quiet;
}

/** The terminal, for lines that change in place; null where there is none, or the output is for programs. */
export function terminal(): NodeJS.WriteStream | null {
  return process.stdout.isTTY && !mode.json && !mode.quiet ? process.stdout : null;
}
