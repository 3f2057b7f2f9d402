import * as assert from "uvu/assert";
import { decodeSafetensors, type TensorElements } from "../../src/io/safetensors.js";
import type { PerAxis } from "../../src/reference/window.js";
import { loadGoldenBytes } from "../lib/golden.js";

/** One case of a file in `test/golden/`: its tensors and its settings. */
export class GoldenCase {
  readonly #file: ReturnType<typeof decodeSafetensors>;

  constructor(
    readonly name: string,
    file: ReturnType<typeof decodeSafetensors>,
  ) {
    this.#file = file;
  }

  /** Names of the tensors of this case. */
  get tensors(): string[] {
    const prefix = `${this.name}.`;
    return [...this.#file.tensors.keys()]
      .filter((key) => key.startsWith(prefix))
      .map((key) => key.slice(prefix.length));
  }

  /** The tensors whose names begin with `<part>.`, by the rest of their names. */
  under(part: string): ReadonlyMap<string, string> {
    const own = this.tensors.filter((tensor) => tensor.startsWith(`${part}.`));
    return new Map(own.map((tensor) => [tensor.slice(part.length + 1), tensor]));
  }

  shape(tensor: string): readonly number[] {
    return this.#tensor(tensor).shape;
  }

  /** A tensor of float32 values. */
  floats(tensor: string): Float64Array {
    const data = this.#data(tensor);
    if (!(data instanceof Float32Array)) throw new TypeError(`${this.name}.${tensor} is not of float32`);
    return Float64Array.from(data);
  }

  /** A tensor of labels or indices. */
  integers(tensor: string): Uint32Array {
    const data = this.#data(tensor);
    if (!(data instanceof Uint32Array)) throw new TypeError(`${this.name}.${tensor} is not of uint32`);
    return data;
  }

  /** A tensor of image bytes. */
  bytes(tensor: string): Uint8Array {
    const data = this.#data(tensor);
    if (!(data instanceof Uint8Array)) throw new TypeError(`${this.name}.${tensor} is not of uint8`);
    return data;
  }

  number(setting: string): number {
    return Number(this.text(setting));
  }

  /** A setting that is a list. */
  numbers(setting: string): readonly number[] {
    return JSON.parse(this.text(setting));
  }

  flag(setting: string): boolean {
    return this.number(setting) === 1;
  }

  /** A setting of a window: one number, or "(vertical, horizontal)". */
  perAxis(setting: string): PerAxis {
    const [vertical, horizontal = vertical] = (this.text(setting).match(/\d+/g) ?? []).map(Number);
    return vertical === horizontal ? vertical : [vertical, horizontal];
  }

  text(setting: string): string {
    const value = this.#file.metadata[`${this.name}.${setting}`];
    if (value === undefined) throw new RangeError(`the golden case "${this.name}" has no setting ${setting}`);
    return value;
  }

  #tensor(tensor: string) {
    const found = this.#file.tensors.get(`${this.name}.${tensor}`);
    if (!found) throw new RangeError(`the golden case "${this.name}" has no tensor ${tensor}`);
    return found;
  }

  #data(tensor: string): TensorElements {
    return this.#tensor(tensor).data;
  }
}

/** Reads case `name` of `test/golden/<file>.safetensors`. */
export async function loadCase(file: string, name: string): Promise<GoldenCase> {
  return new GoldenCase(name, decodeSafetensors(await loadGoldenBytes(`${file}.safetensors`)));
}

/** What a golden case is put through. */
export type GoldenCheck = (golden: GoldenCase) => void;

/**
 * Adds to a suite one test for each case of `test/golden/<file>.safetensors`, and one that no case is left out.
 * @param checks names of cases, with the check that they share
 */
export function testGoldens(
  test: (name: string, run: () => Promise<void>) => void,
  file: string,
  ...checks: readonly { cases: readonly string[]; check: GoldenCheck }[]
): void {
  for (const { cases, check } of checks) {
    for (const name of cases) test(name, async () => check(await loadCase(file, name)));
  }
  test("no golden case is left out", async () => {
    const { metadata } = decodeSafetensors(await loadGoldenBytes(`${file}.safetensors`));
    assert.equal(
      JSON.parse(metadata["cases"]),
      checks.flatMap(({ cases }) => cases),
    );
  });
}

/**
 * Compares values computed in float64 with golden ones that were computed in float64 and rounded to float32:
 * |actual - golden| <= 2^-24 |golden| (that rounding) + 1e-12 scale (float64 rounding on both sides, thousands of times
 * 2^-53 of the largest term).
 * @param scale magnitude of the terms that the values are sums of; default the largest golden value
 */
export function assertGolden(
  actual: Float64Array | number,
  golden: Float64Array,
  what: string,
  scale = golden.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0),
): void {
  const values = typeof actual === "number" ? [actual] : actual;
  assert.is(values.length, golden.length, `number of values of ${what}`);
  for (let i = 0; i < golden.length; i++) {
    const tolerance = 2 ** -24 * Math.abs(golden[i]) + 1e-12 * scale;
    const close = Math.abs(values[i] - golden[i]) <= tolerance;
    if (!close) assert.unreachable(`${what}[${i}] is ${values[i]}, golden ${golden[i]} +- ${tolerance}`);
  }
}
