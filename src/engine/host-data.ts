import { ShapeError } from "../errors.js";
import { toHalfBits } from "./half.js";
import type { ElementType, Tensor } from "./tensor.js";

/**
 * What tensors are filled with: a `Float32Array` for f32 and f16, a `Uint32Array` for u32, an array of numbers for any of them.
 * For f16 numbers are rounded; for u32 they have to be whole, from 0 up.
 */
export type HostData = Float32Array | Uint32Array | readonly number[];

/** The kind of a value by its own account: `instanceof` fails for what was made in another frame or context. */
export function kindOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice("[object ".length, -1);
}

function isFloats(data: HostData): data is Float32Array {
  return kindOf(data) === "Float32Array";
}

function isWords(data: HostData): data is Uint32Array {
  return kindOf(data) === "Uint32Array";
}

/** The type of a tensor that is made from data where nobody names one. */
export function typeOf(data: HostData | undefined): ElementType {
  return data !== undefined && isWords(data) ? "u32" : "f32";
}

/** Checks that an array has numbers and nothing else: a Float32Array would make NaN of everything that is none. */
function checkNumbers(tensor: Tensor, data: readonly unknown[]): void {
  for (let i = 0; i < data.length; i++) {
    const value = data[i];
    if (typeof value !== "number" || Number.isNaN(value)) {
      const shown = typeof value === "string" ? JSON.stringify(value) : String(value);
      throw new ShapeError(`element ${i} for ${tensor} is ${shown}, which is no number (a Float32Array may hold NaN)`);
    }
    if (tensor.type === "u32" && !(Number.isInteger(value) && value >= 0 && value < 2 ** 32))
      throw new ShapeError(
        `element ${i} for ${tensor}, which holds u32, is ${value}: give whole numbers from 0 to 2^32 - 1`,
      );
  }
}

const GIVE: Readonly<Record<ElementType, string>> = {
  f32: "a Float32Array or an array of numbers",
  f16: "a Float32Array or an array of numbers",
  u32: "a Uint32Array or an array of whole numbers",
};

/**
 * Data in the bytes that a tensor has on the device, whole words of 4.
 * @throws ShapeError for another number of elements than the tensor's, for data of a kind that does not go with its type, and for
 * arrays with anything in them but numbers.
 */
export function deviceBytes(tensor: Tensor, data: HostData): ArrayBufferView<ArrayBuffer> {
  const { type, size } = tensor;
  const isArray = Array.isArray(data);
  if (!(isArray || (type === "u32" ? isWords(data) : isFloats(data)))) {
    throw new ShapeError(`${tensor} holds ${type} elements and takes ${GIVE[type]}, not ${kindText(data)}`);
  }
  if (data.length !== size) throw new ShapeError(`${tensor} takes ${size} elements, not ${data.length}`);
  if (isArray) checkNumbers(tensor, data);
  if (type === "f16") {
    const words = new Uint16Array(tensor.bytes / 2);
    words.set(toHalfBits(data));
    return words;
  }
  if (isFloats(data) || isWords(data)) return isUnshared(data) ? data : data.slice();
  return type === "u32" ? Uint32Array.from(data) : Float32Array.from(data);
}

/** Not every runtime writes from memory that threads share. */
function isUnshared(data: Float32Array | Uint32Array): data is Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> {
  return kindOf(data.buffer) === "ArrayBuffer";
}

/** What a value is, for messages: "a Float64Array", or the value itself where it is no object. */
export function kindText(data: unknown): string {
  if (typeof data !== "object" || data === null) return String(data);
  const kind = kindOf(data);
  return `${/^[AEIOU]/.test(kind) && !kind.startsWith("Ui") ? "an" : "a"} ${kind}`;
}
