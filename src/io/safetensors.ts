import { fromHalfBits } from "../engine/half.js";
import { CheckpointError, ShapeError } from "../errors.js";
import { shown } from "./json.js";

/** The elements of a tensor; the type of the array gives the dtype F32, I64, U32, I32 or U8. */
export type TensorElements = Float32Array | BigInt64Array | Uint32Array | Int32Array | Uint8Array;

/** A tensor in memory, row-major. An empty shape is a scalar of one element. */
export interface TensorData {
  /** Extents, the last one the fastest. */
  readonly shape: readonly number[];
  /** As many elements as the product of `shape`. */
  readonly data: TensorElements;
}

const ELEMENT_BYTES = { F32: 4, F16: 2, BF16: 2, F64: 8, I64: 8, U32: 4, I32: 4, U8: 1 } as const;
type Dtype = keyof typeof ELEMENT_BYTES;

/** What a zip archive begins with: such are the files of torch.save, which hold a program for Python's unpickler. */
const ZIP = [0x50, 0x4b, 0x03, 0x04];

/** Bytes of the little-endian u64 in front of the header, and the alignment of the data behind it. */
const PREFIX_BYTES = 8;
const METADATA_KEY = "__metadata__";

/**
 * Encodes tensors in the safetensors format: u64 length of the header, the header as JSON padded with spaces to a
 * multiple of 8 bytes, then the tensors one after the other without gaps. Tensors of wide elements come first, so that
 * each begins at a multiple of its element size; apart from that they keep their order.
 * Elements are written in the byte order of the machine, little-endian wherever WebGPU runs, as the format demands.
 * Source: https://github.com/huggingface/safetensors, "Format".
 * @throws ShapeError where a tensor's shape does not match its number of elements.
 * @throws CheckpointError where a tensor has the reserved name `__metadata__`.
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, TensorData>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const entries = [...tensors].sort(([, a], [, b]) => b.data.BYTES_PER_ELEMENT - a.data.BYTES_PER_ELEMENT);
  const header: [string, unknown][] = Object.keys(metadata).length === 0 ? [] : [[METADATA_KEY, metadata]];
  let end = 0;
  for (const [name, { shape, data }] of entries) {
    if (name === METADATA_KEY) {
      throw new CheckpointError(`A tensor cannot be named "${METADATA_KEY}": safetensors reserves the name.`);
    }
    if (elementCount(shape) !== data.length) {
      throw new ShapeError(
        `Tensor "${name}" of shape [${shape.join(", ")}] needs ${elementCount(shape)} elements, its data has ${data.length}.`,
      );
    }
    const begin = end;
    end += data.byteLength;
    header.push([name, { dtype: dtypeOf(data), shape, data_offsets: [begin, end] }]);
  }

  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const headerBytes = Math.ceil(json.length / PREFIX_BYTES) * PREFIX_BYTES;
  const bytes = new Uint8Array(PREFIX_BYTES + headerBytes + end);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.set(json, PREFIX_BYTES);
  bytes.fill(0x20, PREFIX_BYTES + json.length, PREFIX_BYTES + headerBytes);
  let position = PREFIX_BYTES + headerBytes;
  for (const [, { data }] of entries) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), position);
    position += data.byteLength;
  }
  return bytes;
}

/**
 * Decodes a safetensors file; the tensors are copies in the order in which the header names them. F16, BF16 and F64 become
 * Float32Arrays, the last of them rounded.
 * @throws CheckpointError naming the defect: a file cut short, a header that is not as the format demands, data that
 *   overlaps, leaves gaps or does not match shape and dtype, or a dtype other than F32, F16, BF16, F64, I64, U32, I32
 *   and U8.
 */
export function decodeSafetensors(bytes: Uint8Array): {
  /** By name, in the order of the header. */
  tensors: Map<string, TensorData>;
  /** What the header says besides; empty where it says nothing. */
  metadata: Record<string, string>;
} {
  const { header, data } = splitHeader(bytes);
  const entries: ({ readonly name: string } & Entry)[] = [];
  let metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(header)) {
    if (name === METADATA_KEY) {
      metadata = parseMetadata(value);
      continue;
    }
    const entry = parseEntry(name, value);
    if (entry.end > data.length) {
      throw new CheckpointError(
        `Safetensors file cut short: tensor "${name}" ends at byte ${entry.end} of the data, the file has ${data.length}.`,
      );
    }
    entries.push({ name, ...entry });
  }
  // Before anything is copied: of tensors that lie in each other, there may be far more than the file has bytes for.
  checkCoverage(entries, data.length);
  const tensors = new Map<string, TensorData>();
  for (const { name, dtype, shape, begin, end } of entries)
    tensors.set(name, { shape, data: copyElements(dtype, data.subarray(begin, end)) });
  return { tensors, metadata };
}

/** @throws CheckpointError unless tensors lie one behind the other, and fill the data. */
function checkCoverage(entries: readonly ({ readonly name: string } & Entry)[], dataBytes: number): void {
  let covered = 0;
  const spans = entries.toSorted((a, b) => a.begin - b.begin || a.end - b.end);
  for (const { name, begin, end } of spans) {
    if (begin !== covered) {
      const defect = begin < covered ? "overlaps the tensor before it" : "leaves a gap after the tensor before it";
      throw new CheckpointError(
        `Safetensors file damaged: tensor "${name}" begins at byte ${begin} of the data instead of ${covered}, so it ${defect}.`,
      );
    }
    covered = end;
  }
  if (covered !== dataBytes) {
    throw new CheckpointError(
      `Safetensors file damaged: ${dataBytes - covered} bytes follow the last tensor and belong to none.`,
    );
  }
}

function splitHeader(bytes: Uint8Array): { header: object; data: Uint8Array } {
  if (bytes.length < PREFIX_BYTES) {
    throw new CheckpointError(
      `Safetensors file cut short: it has ${bytes.length} bytes, the length of the header alone takes ${PREFIX_BYTES}.`,
    );
  }
  if (ZIP.every((byte, i) => bytes[i] === byte)) {
    throw new CheckpointError(
      "This is a zip archive, as torch.save writes them, and no safetensors file: convert it in Python by safetensors.torch.save_file(state_dict, path).",
    );
  }
  const headerBytes = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (headerBytes > bytes.length - PREFIX_BYTES) {
    throw new CheckpointError(
      `Safetensors file cut short: it says that its header has ${headerBytes} bytes, the file has ${bytes.length}.`,
    );
  }
  const dataBegin = PREFIX_BYTES + Number(headerBytes);
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(PREFIX_BYTES, dataBegin)));
  } catch (cause) {
    throw new CheckpointError("Safetensors file damaged: its header is not JSON in UTF-8.", { cause });
  }
  if (!isObject(header)) {
    throw new CheckpointError("Safetensors file damaged: its header is not a JSON object.");
  }
  return { header, data: bytes.subarray(dataBegin) };
}

function parseMetadata(value: unknown): Record<string, string> {
  if (!isObject(value)) {
    throw new CheckpointError(`Safetensors file damaged: ${METADATA_KEY} is not a JSON object.`);
  }
  const texts: [string, string][] = [];
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== "string") {
      throw new CheckpointError(`Safetensors file damaged: the metadata "${key}" is not text.`);
    }
    texts.push([key, text]);
  }
  return Object.fromEntries(texts);
}

/** What the header says of a tensor. */
interface Entry {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

function parseEntry(name: string, value: unknown): Entry {
  const entry: { dtype?: unknown; shape?: unknown; data_offsets?: unknown } = isObject(value) ? value : {};
  const { dtype, shape, data_offsets: offsets } = entry;
  if (!isSizes(shape) || !isSizes(offsets) || offsets.length !== 2) {
    throw new CheckpointError(
      `Safetensors file damaged: tensor "${name}" has no valid shape and data_offsets: ${shown(value)}.`,
    );
  }
  if (!isDtype(dtype)) {
    throw new CheckpointError(
      `Tensor "${name}" has the dtype ${shown(dtype)}; this library reads ${Object.keys(ELEMENT_BYTES).join(", ")}.`,
    );
  }
  const [begin = 0, end = 0] = offsets;
  const needed = elementCount(shape) * ELEMENT_BYTES[dtype];
  if (end - begin !== needed) {
    throw new CheckpointError(
      `Safetensors file damaged: tensor "${name}" (${dtype}, shape [${shape.join(", ")}]) needs ${needed} bytes, its data_offsets [${begin}, ${end}] give ${end - begin}.`,
    );
  }
  return { dtype, shape, begin, end };
}

/** Copies, because the bytes in the file need not be aligned to the element size. */
function copyElements(dtype: Dtype, source: Uint8Array): TensorElements {
  const bytes = Uint8Array.from(source);
  switch (dtype) {
    case "F32":
      return new Float32Array(bytes.buffer);
    case "F16":
      return fromHalfBits(new Uint16Array(bytes.buffer));
    case "BF16":
      // The upper half of an f32.
      return new Float32Array(Uint32Array.from(new Uint16Array(bytes.buffer), (bits) => bits << 16).buffer);
    case "F64":
      return Float32Array.from(new Float64Array(bytes.buffer));
    case "I64":
      return new BigInt64Array(bytes.buffer);
    case "U32":
      return new Uint32Array(bytes.buffer);
    case "I32":
      return new Int32Array(bytes.buffer);
    case "U8":
      return bytes;
  }
}

function dtypeOf(data: TensorElements): Dtype {
  if (data instanceof Float32Array) return "F32";
  if (data instanceof BigInt64Array) return "I64";
  if (data instanceof Uint32Array) return "U32";
  if (data instanceof Int32Array) return "I32";
  return "U8";
}

function elementCount(shape: readonly number[]): number {
  return shape.reduce((count, size) => count * size, 1);
}

function isDtype(value: unknown): value is Dtype {
  return typeof value === "string" && Object.hasOwn(ELEMENT_BYTES, value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
