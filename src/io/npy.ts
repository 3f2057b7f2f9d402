import { fromHalfBits } from "../engine/half.js";
import { DataError, ShapeError } from "../errors.js";

/** NumPy asks that the data begin at a multiple of this many bytes. */
const ALIGNMENT = 64;
/** Magic string, two bytes of version, u16 length of the header. */
const PREFIX = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0] as const;
const PREFIX_BYTES = PREFIX.length + 2;

/**
 * Encodes a row-major array as a NumPy `.npy` file, format version 1.0: floats as `<f4`, 32-bit words as `<u4`, 16-bit words, which are
 * the bits of f16 (see `toHalfBits`), as `<f2`, and bytes as `|u1`.
 * Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 * @throws ShapeError where `shape` does not match the number of elements.
 */
export function encodeNpy(
  shape: readonly number[],
  data: Float32Array | Uint32Array | Uint16Array | Uint8Array,
): Uint8Array<ArrayBuffer> {
  const count = shape.reduce((product, size) => product * size, 1);
  if (count !== data.length) {
    throw new ShapeError(`Shape [${shape.join(", ")}] needs ${count} elements, the data has ${data.length}.`);
  }
  const descr = descrOf(data);
  // A Python tuple of one element ends in a comma.
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const dictionary = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const total = Math.ceil((PREFIX_BYTES + dictionary.length + 1) / ALIGNMENT) * ALIGNMENT;
  const header = `${dictionary.padEnd(total - PREFIX_BYTES - 1)}\n`;

  const bytes = new Uint8Array(total + data.byteLength);
  bytes.set(PREFIX);
  new DataView(bytes.buffer).setUint16(PREFIX.length, header.length, true);
  bytes.set(new TextEncoder().encode(header), PREFIX_BYTES);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), total);
  return bytes;
}

function descrOf(data: Float32Array | Uint32Array | Uint16Array | Uint8Array): string {
  if (data instanceof Float32Array) return "<f4";
  if (data instanceof Uint32Array) return "<u4";
  return data instanceof Uint16Array ? "<f2" : "|u1";
}

/** An array from a `.npy` file, row-major. */
export interface NpyArray {
  /** Empty for a single number. */
  readonly shape: readonly number[];
  /** Row by row, as many as the product of `shape`. */
  readonly data: Float32Array<ArrayBuffer>;
}

/** What a `.npy` file says of its array. */
export interface NpyHeader {
  /** NumPy's name of the element type: "<f4", "|u1". */
  readonly descr: string;
  /** Whether the first index changes fastest. */
  readonly fortran: boolean;
  /** Empty for a single number. */
  readonly shape: readonly number[];
  /** Number of elements. */
  readonly count: number;
  /** Bytes before the first element. */
  readonly start: number;
  /** As it stands in the file, for people. */
  readonly text: string;
}

/** NumPy reads no longer header either, unless it is told to: of an array of numbers it is far shorter. */
export const NPY_HEADER_BYTES = 10_000;

/**
 * Reads the header of a `.npy` file, of any version, from its first bytes (`NPY_HEADER_BYTES` are enough).
 * @throws DataError where it is none, or one of an array of records.
 */
export function readNpyHeader(bytes: Uint8Array): NpyHeader {
  if (bytes.length < PREFIX_BYTES || PREFIX.slice(0, 6).some((byte, i) => bytes[i] !== byte))
    throw new DataError("this is no .npy file: it does not begin as one");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // From version 2.0 on the header's length has 4 bytes.
  const wide = bytes[6] > 1 && bytes.length >= PREFIX_BYTES + 2;
  const start = wide ? 12 + view.getUint32(8, true) : PREFIX_BYTES + view.getUint16(8, true);
  if (start > NPY_HEADER_BYTES) {
    throw new DataError(`the header of this .npy file ends at byte ${start}, and those of arrays of numbers are short`);
  }
  const text = new TextDecoder().decode(bytes.subarray(wide ? 12 : PREFIX_BYTES, start)).trim();
  const [, descr] = text.match(/'descr':\s*'([^']*)'/) ?? [];
  const [, order] = text.match(/'fortran_order':\s*(True|False)/) ?? [];
  const [, sizes] = text.match(/'shape':\s*\(([^)]*)\)/) ?? [];
  if (descr === undefined || order === undefined || sizes === undefined || !/^[\d\s,]*$/.test(sizes)) {
    throw new DataError(`a .npy file of numbers is wanted, and this one says ${text.slice(0, 200)}`);
  }
  const shape = sizes.split(",").flatMap((size) => (size.trim() === "" ? [] : [Number(size)]));
  const count = shape.reduce((product, size) => product * size, 1);
  return { descr, fortran: order === "True", shape, count, start, text };
}

/** Element types that `decodeNpy` reads: their bytes, and what makes floats of the bytes of an array. */
const DECODED: Readonly<
  Record<string, { bytes: number; floats: (data: Uint8Array<ArrayBuffer>) => NpyArray["data"] }>
> = {
  "<f4": { bytes: 4, floats: (data) => new Float32Array(data.buffer) },
  "<f2": { bytes: 2, floats: (data) => fromHalfBits(new Uint16Array(data.buffer)) },
  "|u1": { bytes: 1, floats: (data) => Float32Array.from(data) },
};

/**
 * Decodes a NumPy `.npy` file of dtype `<f4`, `<f2` or `|u1` in C order, such as `simclr embed` and `np.save` write, as floats, which hold
 * all of them exactly. For `nearest`, the embeddings of one are `{ rows: shape[0], dimension: shape[1], values: data }`.
 * @throws DataError where it is none such, or has another length than its header says.
 */
export function decodeNpy(bytes: Uint8Array): NpyArray {
  const { descr, fortran, shape, count, start, text } = readNpyHeader(bytes);
  const type = Object.hasOwn(DECODED, descr) && !fortran ? DECODED[descr] : null;
  if (type === null) {
    throw new DataError(
      `a .npy file of dtype <f4, <f2 or |u1 in C order is wanted, and this one says ${text}: save np.ascontiguousarray(x, dtype="float32")`,
    );
  }
  if (bytes.length !== start + type.bytes * count) {
    throw new DataError(
      `a .npy file of shape [${shape.join(", ")}] has ${start + type.bytes * count} bytes, and this one ${bytes.length}: it is cut short or damaged`,
    );
  }
  // A copy: what follows the header need not begin at a multiple of 4 bytes. Of Node's own bytes, `slice` makes none.
  return { shape, data: type.floats(new Uint8Array(bytes.subarray(start))) };
}
