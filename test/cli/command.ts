import { type ChildProcess, spawn } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { repository } from "../lib/repository.js";

/** A hanging process is ended after this many milliseconds; a run of these tests takes seconds. */
const TIME_LIMIT = 300_000;

/** How a process ended and what it said. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Where and how a process runs. */
export interface CommandOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Mesa keeps its compiled shaders where the user's cache is, unless it is told. */
const { XDG_CACHE_HOME, MESA_SHADER_CACHE_DIR = XDG_CACHE_HOME ?? join(homedir(), ".cache") } = process.env;

/** Tests of decoded images on disk say where these are to be. */
const OURS = { NO_COLOR: "1", SIMCLR_IMAGE_CACHE: "none" };

/** Starts `simclr` with these arguments. What the user has tuned does not count: choices are kept below the folder. */
export function start(
  args: readonly string[],
  { cwd, env = {} }: CommandOptions,
): { child: ChildProcess; ended: Promise<Ended> } {
  return startProcess(process.execPath, [`${repository}dist/src/cli/simclr.cjs`, ...args], { cwd, env });
}

/** Starts any program, as `start` does. */
export function startProcess(
  program: string,
  args: readonly string[],
  { cwd, env = {} }: CommandOptions,
): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, ...OURS, XDG_CACHE_HOME: join(cwd, "cache"), MESA_SHADER_CACHE_DIR, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: TIME_LIMIT,
    killSignal: "SIGKILL",
  });
  const output = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].setEncoding("utf8").on("data", (text: string) => {
      output[stream] += text;
    });
  }
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, ...output }));
  });
  return { child, ended };
}

/** Runs `simclr` to its end. */
export function simclr(args: readonly string[], options: CommandOptions): Promise<Ended> {
  return start(args, options).ended;
}

/** Fails unless the process ended well. */
export function succeeded(ended: Ended): Ended {
  assert.is(ended.code, 0, `exit code ${ended.code}, signal ${ended.signal}:\n${ended.stdout}\n${ended.stderr}`);
  assert.not.match(ended.stderr, /^error/m);
  return ended;
}

/** Fails unless the process ended with exit code 1 and an error message that matches, and without a stack. */
export function failed(ended: Ended, ...patterns: readonly RegExp[]): void {
  const { code, stdout, stderr } = ended;
  assert.is(code, 1, `exit code ${code}, signal ${ended.signal}:\n${stdout}\n${stderr}`);
  const message = /^error: .*/ms.exec(stderr)?.[0] ?? `no message in ${stderr}`;
  for (const pattern of patterns) assert.match(message, pattern);
  assert.not.match(stderr + stdout, /\.js:\d+/, "a stack");
}

/** What `train` needs to make a run of seconds: the smallest net and a few steps. */
export const SMALL = ["--width", "0.25", "--batch", "16", "--out", "runs"];

/** The only run folder below `runs`. */
export async function onlyRun(cwd: string, runs = "runs"): Promise<string> {
  const names = await readdir(join(cwd, runs));
  assert.is(names.length, 1, `the folders are ${names.join(", ")}`);
  return join(runs, names[0]);
}

/** The lines of a run's metrics; a last line that is not written in full does not count. */
export async function metricsOf(run: string): Promise<Record<string, unknown>[]> {
  const text = await readFile(join(run, "metrics.jsonl"), "utf8").catch(() => "");
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

/** Resolves once the only run below `runs` has done so many steps. */
export async function stepsDone(cwd: string, steps: number, ended: Promise<Ended>): Promise<void> {
  let over: Ended | null = null;
  ended.then((result) => {
    over = result;
  });
  for (;;) {
    const [name] = await readdir(join(cwd, "runs")).catch(() => []);
    const lines = name ? await metricsOf(join(cwd, "runs", name)) : [];
    if (lines.some(({ kind, step }) => kind === "step" && Number(step) >= steps)) return;
    assert.is(over, null, `the run was over before it was to be interrupted: ${JSON.stringify(over)}`);
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
}
