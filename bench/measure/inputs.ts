import type { Device } from "../../src/engine/device.js";
import { elementsOf, type Tensor } from "../../src/engine/tensor.js";
import { normals, sfc32 } from "../../src/random.js";

/** Random numbers that are repeated; a prime, so that rows differ. */
const PERIOD = 65521;

let drawn: Float32Array | null = null;

/** Standard normal numbers, the same ones every time; repeated after a while, for drawing millions takes seconds. */
export function noise(length: number): Float32Array<ArrayBuffer> {
  if (!drawn) {
    const next = normals(sfc32(7, 0, 0));
    drawn = Float32Array.from({ length: PERIOD }, next);
  }
  const values = new Float32Array(length);
  for (let start = 0; start < length; start += PERIOD) {
    values.set(drawn.subarray(0, Math.min(PERIOD, length - start)), start);
  }
  return values;
}

/** Random bytes, the same ones every time: pixels whose content does not matter. */
export function noiseBytes(length: number): Uint8Array<ArrayBuffer> {
  const next = sfc32(9, 0, 0);
  return new Uint8Array(Uint32Array.from({ length: Math.ceil(length / 4) }, next).buffer, 0, length);
}

/** What a measurement has on a device, freed together. */
export class Inputs {
  readonly #undo: (() => void)[] = [];

  constructor(readonly device: Device) {}

  /** A tensor of standard normal numbers. */
  normal(shape: readonly number[], label = "input"): Tensor {
    return this.keep(this.device.tensor(shape, noise(elementsOf(shape)), label));
  }

  /** A tensor of u32 with random bits. */
  words(shape: readonly number[], label = "input"): Tensor {
    const bytes = noiseBytes(4 * elementsOf(shape));
    return this.keep(this.device.tensor(shape, new Uint32Array(bytes.buffer), label));
  }

  /** Frees the tensor with the others. */
  keep(tensor: Tensor): Tensor {
    this.later(() => this.device.free(tensor));
    return tensor;
  }

  /** To be done when the inputs are freed. */
  later(undo: () => void): void {
    this.#undo.push(undo);
  }

  dispose(): void {
    for (const undo of this.#undo.splice(0).reverse()) undo();
  }
}
