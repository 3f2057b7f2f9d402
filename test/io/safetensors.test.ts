import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CheckpointError, ShapeError } from "../../src/errors.js";
import { decodeSafetensors, encodeSafetensors, type TensorData } from "../../src/io/safetensors.js";

const safetensors = suite("safetensors");

/** A file of this header and this many zero bytes of data. */
function file(header: string, dataBytes: number): Uint8Array {
  const json = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  bytes[0] = json.length;
  bytes.set(json, 8);
  return bytes;
}

function refuses(bytes: Uint8Array, message: RegExp): void {
  assert.throws(
    () => decodeSafetensors(bytes),
    (error: unknown) => error instanceof CheckpointError && message.test(error.message),
  );
}

const everyType: ReadonlyMap<string, TensorData> = new Map<string, TensorData>([
  ["bytes", { shape: [3], data: Uint8Array.of(1, 2, 255) }],
  ["weight", { shape: [2, 2], data: Float32Array.of(-0, 0.1, Number.NaN, Number.NEGATIVE_INFINITY) }],
  ["batches", { shape: [], data: BigInt64Array.of(-9007199254740993n) }],
  ["labels", { shape: [2, 1], data: Uint32Array.of(0, 4294967295) }],
  ["offsets", { shape: [1], data: Int32Array.of(-2147483648) }],
  ["nothing", { shape: [0, 5], data: new Float32Array(0) }],
  ["größe", { shape: [1], data: Float32Array.of(1) }],
]);

safetensors("writes the bytes of the published format", () => {
  const bytes = encodeSafetensors(new Map([["a", { shape: [2], data: Float32Array.of(1, -2) }]]));
  const json = '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}';
  const padding = "  ";
  assert.equal(
    [...bytes],
    [
      ...[56, 0, 0, 0, 0, 0, 0, 0],
      ...new TextEncoder().encode(json + padding),
      ...[0x00, 0x00, 0x80, 0x3f],
      ...[0x00, 0x00, 0x00, 0xc0],
    ],
  );
});

safetensors("gives every type, shape and name back, and the metadata", () => {
  const metadata = { step: "12", ["__proto__"]: "own", 名: 'quotes " and \n' };
  const decoded = decodeSafetensors(encodeSafetensors(everyType, metadata));
  assert.is(decoded.tensors.size, everyType.size);
  for (const [name, { shape, data }] of everyType) {
    const tensor = decoded.tensors.get(name);
    assert.equal(tensor?.shape, shape);
    assert.is(tensor?.data.constructor, data.constructor);
    assert.equal([...(tensor?.data ?? [])], [...data]);
  }
  assert.equal(Object.entries(decoded.metadata), Object.entries(metadata));
});

safetensors("aligns every tensor to its element size", () => {
  const bytes = encodeSafetensors(everyType);
  const headerBytes = bytes[0] ?? 0;
  const highBytes = (bytes[1] ?? 0) * 256;
  const begin = 8 + headerBytes + highBytes;
  assert.is(begin % 8, 0);
  const header: Record<string, { dtype: string; data_offsets: number[] }> = JSON.parse(
    new TextDecoder().decode(bytes.subarray(8, begin)),
  );
  const size: Record<string, number> = { F32: 4, I64: 8, U32: 4, I32: 4, U8: 1 };
  for (const { dtype, data_offsets } of Object.values(header)) {
    assert.is((data_offsets[0] ?? Number.NaN) % (size[dtype] ?? 0), 0);
  }
});

safetensors("decodes bytes that lie unaligned in a larger buffer, as a copy", () => {
  const encoded = encodeSafetensors(everyType);
  const buffer = new Uint8Array(encoded.length + 9).fill(0xff);
  buffer.set(encoded, 3);
  const { tensors } = decodeSafetensors(buffer.subarray(3, 3 + encoded.length));
  buffer.fill(0);
  assert.equal([...(tensors.get("labels")?.data ?? [])], [0, 4294967295]);
});

safetensors("refuses a file cut at any byte", () => {
  const encoded = encodeSafetensors(everyType, { step: "1" });
  for (let length = 0; length < encoded.length; length++) refuses(encoded.subarray(0, length), /cut short/);
});

safetensors("names the defect of a damaged file", () => {
  refuses(new Uint8Array(5), /has 5 bytes/);
  const huge = file("{}", 0).fill(0xff, 0, 8);
  refuses(huge, /header has 18446744073709551615 bytes, the file has 10/);
  refuses(file("{nonsense", 0), /not JSON/);
  refuses(file("{}", 0).fill(0xff, 8), /not JSON in UTF-8/);
  refuses(file("[1]", 0), /not a JSON object/);
  refuses(file('{"a":7}', 0), /"a" has no valid shape/);
  refuses(file('{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}', 4), /"a" has no valid shape/);
  refuses(file('{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,6]}}', 6), /"a" has no valid shape/);
  refuses(file('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}', 4), /"a" has no valid shape/);
  refuses(
    file('{"a":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]}}', 2),
    /dtype "F8_E4M3"; this library reads F32/,
  );
  refuses(Uint8Array.of(0x50, 0x4b, 3, 4, 0, 0, 0, 0, 0), /a zip archive, as torch.save writes/);
  refuses(file('{"a":{"dtype":"toString","shape":[],"data_offsets":[0,4]}}', 4), /dtype "toString"/);
  refuses(file('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}', 4), /needs 8 bytes.*give 4/);
  refuses(file('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', 4), /cut short: tensor "a" ends at byte 8/);
  refuses(file('{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}', 5), /3 bytes follow the last tensor/);
  refuses(
    file(
      '{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}',
      3,
    ),
    /"b" begins at byte 1 .* instead of 2, so it overlaps/,
  );
  refuses(
    file(
      '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}',
      3,
    ),
    /"b" begins at byte 2 .* instead of 1, so it leaves a gap/,
  );
  refuses(file('{"__metadata__":{"step":3}}', 0), /metadata "step" is not text/);
  refuses(file('{"__metadata__":[]}', 0), /__metadata__ is not a JSON object/);
});

safetensors("refuses to write what no reader could read", () => {
  assert.throws(
    () => encodeSafetensors(new Map([["a", { shape: [2, 3], data: new Float32Array(5) }]])),
    (error: unknown) =>
      error instanceof ShapeError && /"a" of shape \[2, 3\] needs 6 elements.* has 5/.test(error.message),
  );
  assert.throws(
    () => encodeSafetensors(new Map([["__metadata__", { shape: [], data: new Float32Array(1) }]])),
    (error: unknown) => error instanceof CheckpointError,
  );
});

safetensors("floats of other widths become f32", () => {
  const read = (dtype: string, elements: ArrayBufferView<ArrayBuffer>, count: number) => {
    const bytes = elements.byteLength;
    const encoded = file(`{"a":{"dtype":"${dtype}","shape":[${count}],"data_offsets":[0,${bytes}]}}`, bytes);
    encoded.set(new Uint8Array(elements.buffer), encoded.length - bytes);
    return decodeSafetensors(encoded).tensors.get("a")?.data;
  };
  // Bit patterns of IEEE 754: 1, -2, the least f16 above 0, infinity; and of bfloat16: 1, -3, 2^-133.
  assert.equal(
    read("F16", Uint16Array.of(0x3c00, 0xc000, 1, 0x7c00), 4),
    Float32Array.of(1, -2, 2 ** -24, Number.POSITIVE_INFINITY),
  );
  assert.equal(read("BF16", Uint16Array.of(0x3f80, 0xc040, 1), 3), Float32Array.of(1, -3, 2 ** -133));
  assert.equal(read("F64", Float64Array.of(0.1, -7), 2), Float32Array.of(0.1, -7));
});

safetensors.run();
