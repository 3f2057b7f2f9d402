import type { Access, Trace } from "./trace.js";

/** How the accesses of a launch suit the memories of a GPU. */
export interface Geometry {
  /** Bytes that loads of global memory ask for, a byte of the 64-byte pieces that they touch; at most 1. */
  readonly coalescing: number;
  /** Rounds that an access of workgroup memory takes on average, in the least that it could take; at least 1. */
  readonly bankConflicts: number;
}

/** Threads that access memory together: NVIDIA's, and half of an AMD GPU's wave of 64. */
const WAVE = 32;
const PIECE = 64;
const BANKS = 32;

/** Loads of four neighbours one after the other are one for a compiler, where they are that for every thread. */
function merged(threads: readonly (readonly Access[])[]): Access[][] {
  const steps = Math.min(...threads.map((accesses) => accesses.length));
  const result: Access[][] = threads.map(() => []);
  const four = (accesses: readonly Access[], step: number) => {
    const [first, ...others] = accesses.slice(step, step + 4);
    return (
      others.length === 3 &&
      first.at % 4 === 0 &&
      first.count === 1 &&
      others.every(
        ({ name, store, at, count }, i) =>
          name === first.name && store === first.store && at === first.at + i + 1 && count === 1,
      )
    );
  };
  for (let step = 0; step < steps; step++) {
    const together = threads.every((accesses) => four(accesses, step));
    threads.forEach((accesses, i) => {
      result[i].push(together ? { ...accesses[step], count: 4 } : accesses[step]);
    });
    if (together) step += 3;
  }
  return result;
}

/** The bytes that a wave asks for, and those of the pieces it touches. */
function coalescing(wave: readonly Access[]): { readonly asked: number; readonly touched: number } {
  const [{ width }] = wave;
  const elements = new Set<number>();
  for (const { at, count } of wave) for (let i = 0; i < count; i++) elements.add(at + i);
  const pieces = new Set([...elements].map((element) => Math.floor((width * element) / PIECE)));
  return { asked: width * elements.size, touched: PIECE * pieces.size };
}

/** Rounds of an access of workgroup memory: 32 words a round, of which no two are of one bank. */
function rounds(wave: readonly Access[]): { readonly taken: number; readonly least: number } {
  // Vectors go through in groups of as many threads as make 32 words.
  const group = BANKS / wave[0].count;
  let [taken, least] = [0, 0];
  for (let from = 0; from < wave.length; from += group) {
    const banks = new Map<number, Set<number>>();
    for (const { at, count } of wave.slice(from, from + group)) {
      for (let word = at; word < at + count; word++) {
        const bank = banks.get(word % BANKS) ?? new Set();
        banks.set(word % BANKS, bank.add(word));
      }
    }
    taken += Math.max(...[...banks.values()].map((words) => words.size));
    least += 1;
  }
  return { taken, least };
}

/** How the accesses of one workgroup suit the memories of a GPU. Threads are taken to access memory in step. */
export function geometryOf({ threads, threadsPerWorkgroup }: Trace): Geometry {
  const own = merged(threads.slice(0, threadsPerWorkgroup).map(({ accesses }) => accesses));
  let [asked, touched, taken, least] = [0, 0, 0, 0];
  for (let step = 0; step < own[0].length; step++) {
    for (let from = 0; from < own.length; from += WAVE) {
      const wave = own.slice(from, from + WAVE).map((accesses) => accesses[step]);
      // Threads that took another branch are out of step from there on.
      const together = wave.filter(
        ({ name, store, count }) => name === wave[0].name && store === wave[0].store && count === wave[0].count,
      );
      if (wave[0].memory === "workgroup") {
        const found = rounds(together);
        taken += found.taken;
        least += found.least;
      } else if (!wave[0].store) {
        const found = coalescing(together);
        asked += found.asked;
        touched += found.touched;
      }
    }
  }
  return { coalescing: touched === 0 ? 1 : asked / touched, bankConflicts: least === 0 ? 1 : taken / least };
}
