/** Inputs that readers once did not deal with as they should: each has to be refused, by an error of the library's own. */

/** An input of a reader in `readers.ts`. */
export interface Seed {
  readonly reader: string;
  /** What came of it. */
  readonly was: string;
  readonly input: Uint8Array;
}

const text = new TextEncoder();

/** A safetensors file of this header, and so many zeros. */
function safetensors(header: string, dataBytes: number): Uint8Array {
  const json = text.encode(header);
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

/** A .npy file of version 2.0 of this header, and so many zeros. */
function npy(header: string, dataBytes: number): Uint8Array {
  const json = text.encode(header);
  const bytes = new Uint8Array(12 + json.length + dataBytes);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 2, 0]);
  new DataView(bytes.buffer).setUint32(8, json.length, true);
  bytes.set(json, 12);
  return bytes;
}

const DEEP = "[".repeat(50_000) + "]".repeat(50_000);
const OVERLAPPING = Array.from(
  { length: 2000 },
  (_, i) => `"${i}":{"dtype":"U8","shape":[262144],"data_offsets":[0,262144]}`,
);

export const SEEDS: readonly Seed[] = [
  {
    reader: "safetensors",
    was: "half a gigabyte of copies of the same 256 KiB",
    input: safetensors(`{${OVERLAPPING.join()}}`, 262144),
  },
  {
    reader: "safetensors",
    was: "a RangeError while the message was made",
    input: safetensors(`{"a":{"dtype":"U8","shape":${DEEP},"data_offsets":[0,1]}}`, 1),
  },
  {
    reader: "safetensors",
    was: "a RangeError while the message was made",
    input: safetensors(`{"a":{"dtype":${DEEP},"shape":[1],"data_offsets":[0,1]}}`, 1),
  },
  {
    reader: "augmentation",
    was: "a RangeError while the message was made",
    input: text.encode(`{"cropArea":${DEEP}}`),
  },
  {
    reader: "npy",
    was: "two minutes of looking for the end of each shape",
    input: npy("'shape':(".repeat(100_000), 0),
  },
  {
    reader: "npy",
    was: "taken for an array of -2 x -3",
    input: npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-2, -3), }\n", 24),
  },
];
