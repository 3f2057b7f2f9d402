import { ShapeError } from "../errors.js";

/** NumPy asks that the data begin at a multiple of this many bytes. */
const ALIGNMENT = 64;
/** Magic string, two bytes of version, u16 length of the header. */
const PREFIX = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0] as const;
const PREFIX_BYTES = PREFIX.length + 2;

/**
 * Encodes a row-major array as a NumPy `.npy` file, format version 1.0, dtype `<f4` or `<u4`.
 * Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 * @throws ShapeError where `shape` does not match the number of elements.
 */
export function encodeNpy(shape: readonly number[], data: Float32Array | Uint32Array): Uint8Array<ArrayBuffer> {
  const count = shape.reduce((product, size) => product * size, 1);
  if (count !== data.length) {
    throw new ShapeError(`Shape [${shape.join(", ")}] needs ${count} elements, the data has ${data.length}.`);
  }
  const descr = data instanceof Float32Array ? "<f4" : "<u4";
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
