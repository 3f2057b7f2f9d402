import * as assert from "uvu/assert";
import type { Dataset } from "../../src/data/dataset.js";

/** Fails unless `promise` rejects with an error of this very class whose message matches every pattern, or has every text in it. */
export async function rejects(
  promise: Promise<unknown>,
  kind: new (message: string) => Error,
  ...patterns: readonly (RegExp | string)[]
): Promise<void> {
  let thrown: unknown = null;
  try {
    await promise;
  } catch (error) {
    thrown = error;
  }
  assertError(thrown, kind, patterns);
}

/** Fails unless `body` throws an error of this very class whose message matches every pattern, or has every text in it. */
export function throws(
  body: () => unknown,
  kind: new (message: string) => Error,
  ...patterns: readonly (RegExp | string)[]
): void {
  let thrown: unknown = null;
  try {
    body();
  } catch (error) {
    thrown = error;
  }
  assertError(thrown, kind, patterns);
}

function assertError(
  thrown: unknown,
  kind: new (message: string) => Error,
  patterns: readonly (RegExp | string)[],
): void {
  assert.instance(thrown, kind);
  for (const pattern of patterns) {
    const message = thrown instanceof Error ? thrown.message : "";
    if (typeof pattern === "string") assert.match(message, pattern);
    else assert.match(message, pattern);
  }
}

/** The pixels of some images of a set, of all by default. */
export async function pixelsOf(dataset: Dataset, indices?: readonly number[]): Promise<Uint8Array> {
  const wanted = indices ?? Array.from({ length: dataset.length }, (_, i) => i);
  const out = new Uint8Array(wanted.length * dataset.width * dataset.height * 4);
  await dataset.fetch(wanted, out);
  return out;
}

/** Fails at the first byte that differs; unlike `assert.equal`, which compares long arrays for minutes to show how. */
export function sameBytes(actual: Uint8Array, expected: Uint8Array, what = "bytes"): void {
  assert.is(actual.length, expected.length, `length of ${what}`);
  const at = actual.findIndex((byte, i) => byte !== expected[i]);
  assert.is(actual[at], expected[at], `byte ${at} of ${what}`);
}
