/** Feeds damaged inputs to every reader. */
import { existsSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memoryUsage, resourceUsage } from "node:process";
import { openDevice } from "../../src/engine/device.js";
import { SimclrError } from "../../src/errors.js";
import { type Draw, drawFrom } from "./draw.js";
import { mutated } from "./mutate.js";
import { makeReaders, type Reader, removeReaders } from "./readers.js";

/** An input that was not dealt with as it should be. */
export interface Finding {
  readonly reader: string;
  readonly problem: string;
  readonly input: Uint8Array;
}

/** What was counted. */
export interface Fuzzed {
  readonly inputs: number;
  /** Those that were refused, by an error of the library's own. */
  readonly refused: number;
  readonly findings: readonly Finding[];
}

const MEBIBYTE = 2 ** 20;
/** Bytes that a byte of input may take. */
const TIMES = 16;
/** Milliseconds from which on a reader is too slow for an input of these sizes, and from which on it hangs. */
const SLOW = 10_000;
const HANGING = 60_000;

/** Reads an input. @returns whether it was refused, or what is wrong with how it was dealt with */
export async function tryInput(
  reader: Reader,
  input: Uint8Array,
): Promise<"accepted" | "refused" | { problem: string }> {
  const before = { buffers: memoryUsage().arrayBuffers, most: resourceUsage().maxRSS * 1024, time: performance.now() };
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("it hangs")), HANGING);
  });
  let result: "accepted" | "refused" = "accepted";
  try {
    await Promise.race([late, (async () => reader.read(input))()]);
  } catch (error) {
    if (!(error instanceof SimclrError))
      return { problem: error instanceof Error ? String(error.stack) : String(error) };
    result = "refused";
  } finally {
    clearTimeout(timer);
  }
  const time = performance.now() - before.time;
  if (time > SLOW) return { problem: `it takes ${Math.round(time)} ms` };
  const most = reader.memory * MEBIBYTE + TIMES * input.length;
  const taken = Math.max(memoryUsage().arrayBuffers - before.buffers, resourceUsage().maxRSS * 1024 - before.most);
  return taken > most ? { problem: `it takes ${Math.round(taken / MEBIBYTE)} MiB` } : result;
}

/** A reader, by the shares. */
function chosen(readers: readonly Reader[], draw: Draw): Reader {
  return draw.of(readers.flatMap((reader) => Array.from({ length: reader.share }, () => reader)));
}

/** Does something with all readers, and removes what they left. */
export async function withReaders<Result>(work: (readers: readonly Reader[]) => Promise<Result>): Promise<Result> {
  const device = await openDevice();
  // In memory, where there is such a folder: a million files would wear a disk.
  const folder = await mkdtemp(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "simclr-fuzz-"));
  try {
    return await work(await makeReaders(folder, device));
  } finally {
    await removeReaders(folder);
    device.close();
  }
}

/** @param onInputs called after every thousand inputs */
export function fuzz(count: number, seed: number, onInputs?: (fuzzed: Fuzzed) => void): Promise<Fuzzed> {
  return withReaders(async (readers) => {
    // What is loaded and made once is no input's.
    for (const reader of readers) for (const input of reader.inputs) await reader.read(input);
    const draw = drawFrom(seed);
    const findings: Finding[] = [];
    let refused = 0;
    for (let inputs = 1; inputs <= count; inputs++) {
      const reader = chosen(readers, draw);
      const input = mutated(reader.inputs, draw);
      const result = await tryInput(reader, input);
      if (result === "refused") refused += 1;
      else if (result !== "accepted") findings.push({ reader: reader.name, input, ...result });
      if (inputs % 1000 === 0) onInputs?.({ inputs, refused, findings });
    }
    return { inputs: count, refused, findings };
  });
}
