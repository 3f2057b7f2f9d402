import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";

/** A piece of the work: a program of its own, so that whatever happens in it leaves the others alone. */
export interface Part {
  readonly name: string;
  /** For people. */
  readonly title: string;
  /** The words after `node`; null where it cannot be done, and then `title` says why. */
  readonly words: readonly string[] | null;
  /** It is stopped after so many; it is not begun with less than a quarter of them left. */
  readonly seconds: number;
  /** Where it writes its result as JSON, if it does. */
  readonly result?: string;
}

/** How a part went. */
export interface PartResult {
  readonly name: string;
  readonly title: string;
  /** `stopped`: by its time limit. */
  readonly end: "done" | "failed" | "stopped" | "left out";
  readonly seconds: number;
  /** What it printed. */
  readonly output: string;
  /** What it wrote as JSON; null without. */
  readonly data: unknown;
}

/** Between asking a part to end and ending it. */
const PATIENCE = 3000;

async function dataOf(file: string | undefined): Promise<unknown> {
  if (file === undefined) return null;
  const text = await readFile(file, "utf8").catch(() => "null");
  return JSON.parse(text);
}

/** Runs a part for so many seconds at most, and shows what it prints. */
async function runPart(part: Part, words: readonly string[], seconds: number, show: (text: string) => void) {
  const begin = performance.now();
  const child = spawn(process.execPath, words, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let stopped = false;
  const take = (data: unknown) => {
    output += String(data);
    show(String(data));
  };
  child.stdout.on("data", take);
  child.stderr.on("data", take);
  const timers = [
    setTimeout(() => {
      stopped = true;
      child.kill("SIGINT");
    }, 1000 * seconds),
    setTimeout(() => child.kill("SIGKILL"), 1000 * seconds + PATIENCE),
  ];
  const code = await new Promise<number | null>((resolve) => {
    child.on("error", (error) => {
      take(`${error.message}\n`);
      resolve(null);
    });
    child.on("close", resolve);
  });
  for (const timer of timers) clearTimeout(timer);
  const end = stopped ? "stopped" : code === 0 ? "done" : "failed";
  const { name, title, result } = part;
  const data = await dataOf(result);
  return { name, title, end, seconds: (performance.now() - begin) / 1000, output, data } satisfies PartResult;
}

/**
 * Runs parts one after the other until a moment in `performance.now()`, which it does not pass. Parts that are made late, by a
 * function, are made from what those before them gave; `null` for none.
 * @param note is told of each part before it begins, and of the time that is left
 * @param keep is given all results so far after each part
 */
export async function runParts(
  parts: readonly (Part | ((results: readonly PartResult[], secondsLeft: number) => Part))[],
  end: number,
  {
    show,
    note,
    keep,
  }: {
    readonly show: (text: string) => void;
    readonly note: (line: string) => void;
    readonly keep: (results: readonly PartResult[]) => Promise<void>;
  },
): Promise<PartResult[]> {
  const results: PartResult[] = [];
  for (const [i, entry] of parts.entries()) {
    const left = (end - performance.now() - PATIENCE) / 1000;
    const part = typeof entry === "function" ? entry(results, left) : entry;
    const { name, title, words, seconds } = part;
    const leaves = words === null || left < seconds / 4;
    note(`${i + 1} of ${parts.length}, ${Math.max(0, left).toFixed(0)} s left: ${title}${leaves ? " (left out)" : ""}`);
    results.push(
      words === null || leaves
        ? { name, title, end: "left out", seconds: 0, output: "", data: null }
        : await runPart(part, words, Math.min(seconds, left), show),
    );
    await keep(results);
  }
  return results;
}
