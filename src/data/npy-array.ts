import { DataError } from "../errors.js";
import { NPY_HEADER_BYTES, type NpyHeader, readNpyHeader } from "../io/npy.js";
import { readable, type SourceFile } from "./source-file.js";

/** An array in a file, whose elements are read when they are wanted. */
export interface NpyFile extends NpyHeader {
  readonly source: SourceFile;
  /** "train_images" of "data/train_images.npy" */
  readonly name: string;
  readonly type: ElementType;
}

/** Elements of an array. */
interface ElementType {
  /** Bytes. */
  readonly size: number;
  readonly kind: "integer" | "float" | "text" | "other";
  /** The element at a byte; not of text and others. */
  readonly at: (view: DataView, byte: number) => number;
}

const NUMBERS: Readonly<Record<string, ElementType>> = {
  u1: { size: 1, kind: "integer", at: (view, byte) => view.getUint8(byte) },
  i1: { size: 1, kind: "integer", at: (view, byte) => view.getInt8(byte) },
  u2: { size: 2, kind: "integer", at: (view, byte) => view.getUint16(byte, true) },
  i2: { size: 2, kind: "integer", at: (view, byte) => view.getInt16(byte, true) },
  u4: { size: 4, kind: "integer", at: (view, byte) => view.getUint32(byte, true) },
  i4: { size: 4, kind: "integer", at: (view, byte) => view.getInt32(byte, true) },
  u8: { size: 8, kind: "integer", at: (view, byte) => Number(view.getBigUint64(byte, true)) },
  i8: { size: 8, kind: "integer", at: (view, byte) => Number(view.getBigInt64(byte, true)) },
  f4: { size: 4, kind: "float", at: (view, byte) => view.getFloat32(byte, true) },
  f8: { size: 8, kind: "float", at: (view, byte) => view.getFloat64(byte, true) },
};

function typeOf(descr: string): ElementType {
  const [, order, letters] = /^([<|>=]?)([a-zA-Z]\d+)$/.exec(descr) ?? [];
  if (letters !== undefined && (order !== ">" || /1$/.test(letters)) && Object.hasOwn(NUMBERS, letters)) {
    return NUMBERS[letters];
  }
  const none = () => Number.NaN;
  const [, characters] = /^<U([1-9]\d*)$/.exec(descr) ?? [];
  return characters === undefined
    ? { size: Number.NaN, kind: "other", at: none }
    : { size: 4 * Number(characters), kind: "text", at: none };
}

/** "uint8 [60000, 28, 28]", for people. */
export function arrayText({ name, descr, shape }: NpyFile): string {
  return `${name} (${descr.replace(/^[|<=]/, "")} [${shape.join(", ")}])`;
}

/**
 * Opens an array.
 * @throws DataError where a file is no `.npy`, or has another length than its header says.
 */
export async function openNpy(source: SourceFile): Promise<NpyFile> {
  const { path } = source;
  const [, name] = /([^/]*?)(?:\.npy)?$/.exec(path) ?? [];
  const header = await readable(source, async () => readNpyHeader(await source.slice(0, NPY_HEADER_BYTES)));
  const type = typeOf(header.descr);
  const wanted = header.start + type.size * header.count;
  const found = await readable(source, () => source.size());
  if (Number.isFinite(wanted) && wanted !== found) {
    throw new DataError(
      `${path} has ${found} bytes; its header, which says ${header.descr} [${header.shape.join(", ")}], asks for ${wanted}: it is cut short, or something else.`,
    );
  }
  return { ...header, source, name: name ?? path, type };
}

/** Bytes that are read at once. */
const CHUNK_BYTES = 2 ** 22;

/** The smallest and the largest element, and whether all are whole; NaN where one is. */
export async function rangeOf({ source, start, count, type }: NpyFile) {
  let [low, high, whole] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, true];
  const atOnce = CHUNK_BYTES / type.size;
  for (let first = 0; first < count; first += atOnce) {
    const [from, to] = [first, Math.min(first + atOnce, count)].map((index) => start + index * type.size);
    const bytes = await readable(source, () => source.slice(from, to));
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let byte = 0; byte < bytes.length; byte += type.size) {
      const value = type.at(view, byte);
      // Comparisons with NaN are false: Math.min and Math.max keep it.
      low = Math.min(low, value);
      high = Math.max(high, value);
      whole = whole && Number.isInteger(value);
    }
  }
  return { low, high, whole };
}

/** All elements of a small array: numbers, or texts. */
export async function elementsOf({ source, start, count, type }: NpyFile): Promise<(number | string)[]> {
  const bytes = await readable(source, () => source.slice(start, start + type.size * count));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: count }, (_, index) => {
    const at = index * type.size;
    if (type.kind !== "text") return type.at(view, at);
    const codes = Array.from({ length: type.size / 4 }, (_, letter) => view.getUint32(at + 4 * letter, true));
    return codes.flatMap((code) => (code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : [])).join("");
  });
}
