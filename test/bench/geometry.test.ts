import { suite } from "uvu";
import * as assert from "uvu/assert";
import { geometryOf } from "../../bench/gpu-compile/geometry.js";
import type { Access } from "../../bench/gpu-compile/trace.js";

const geometry = suite("coalescing and bank conflicts");

/** 32 threads that access one place each, a few times. */
function threads(memory: Access["memory"], steps: readonly ((thread: number) => number)[], count = 1) {
  return {
    threadsPerWorkgroup: 32,
    threads: Array.from({ length: 32 }, (_, thread) => ({
      fma: 0,
      accesses: steps.map((place): Access => ({ name: "a", memory, store: false, at: place(thread), count, width: 4 })),
    })),
  };
}

geometry("loads side by side ask for whole pieces of 64 bytes, loads apart for a word of each", () => {
  assert.is(geometryOf(threads("global", [(i) => i])).coalescing, 1);
  assert.is(geometryOf(threads("global", [(i) => 16 * i])).coalescing, 1 / 16);
  // A word of one piece, for all threads.
  assert.is(geometryOf(threads("global", [() => 5])).coalescing, 1 / 16);
});

geometry("four loads of neighbours are one", () => {
  const apart = [0, 1, 2, 3].map((step) => (i: number) => 4 * i + step);
  assert.is(geometryOf(threads("global", apart)).coalescing, 1);
});

geometry("words of one bank take rounds, the same word does not", () => {
  assert.is(geometryOf(threads("workgroup", [(i) => i])).bankConflicts, 1);
  assert.is(geometryOf(threads("workgroup", [() => 7])).bankConflicts, 1);
  assert.is(geometryOf(threads("workgroup", [(i) => 2 * i])).bankConflicts, 2);
  assert.is(geometryOf(threads("workgroup", [(i) => 32 * i])).bankConflicts, 32);
});

geometry("vectors go through in groups of 8 threads", () => {
  assert.is(geometryOf(threads("workgroup", [(i) => 4 * i], 4)).bankConflicts, 1);
  assert.is(geometryOf(threads("workgroup", [(i) => 8 * i], 4)).bankConflicts, 2);
});

geometry.run();
