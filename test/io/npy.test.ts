import { suite } from "uvu";
import * as assert from "uvu/assert";
import { toHalfBits } from "../../src/engine/half.js";
import { DataError, ShapeError } from "../../src/errors.js";
import { decodeNpy, encodeNpy } from "../../src/io/npy.js";
import { throws } from "../data/expect.js";

const npy = suite("npy");

function parts(bytes: Uint8Array) {
  const headerBytes = (bytes[8] ?? 0) + 256 * (bytes[9] ?? 0);
  return {
    magic: [...bytes.subarray(0, 8)],
    header: new TextDecoder().decode(bytes.subarray(10, 10 + headerBytes)),
    data: bytes.slice(10 + headerBytes),
    dataBegin: 10 + headerBytes,
  };
}

npy("writes version 1.0 with float32 data in C order", () => {
  const bytes = encodeNpy([2, 3], Float32Array.of(1, 2, 3, 4, 5, 0.1));
  const { magic, header, data, dataBegin } = parts(bytes);
  assert.equal(magic, [0x93, ...new TextEncoder().encode("NUMPY"), 1, 0]);
  assert.is(header.trimEnd(), "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }");
  assert.is(header.at(-1), "\n");
  assert.is(dataBegin % 64, 0);
  assert.equal([...new Float32Array(data.buffer)], [1, 2, 3, 4, 5, Math.fround(0.1)]);
});

npy("writes uint32 data, and a shape of one dimension as a Python tuple", () => {
  const { header, data } = parts(encodeNpy([2], Uint32Array.of(7, 4294967295)));
  assert.is(header.trimEnd(), "{'descr': '<u4', 'fortran_order': False, 'shape': (2,), }");
  assert.equal([...new Uint32Array(data.buffer)], [7, 4294967295]);
});

npy("writes a scalar, an empty array, and a view into a larger buffer", () => {
  assert.match(parts(encodeNpy([], Float32Array.of(5))).header, "'shape': ()");
  assert.is(parts(encodeNpy([0, 4], new Float32Array(0))).data.length, 0);
  const view = Float32Array.of(1, 2, 3, 4).subarray(1, 3);
  assert.equal([...new Float32Array(parts(encodeNpy([2], view)).data.buffer)], [2, 3]);
});

npy("keeps the data aligned whatever the header's length", () => {
  for (let rank = 0; rank < 40; rank++) {
    const { header, dataBegin } = parts(encodeNpy(Array(rank).fill(1), Float32Array.of(1)));
    assert.is(dataBegin % 64, 0);
    assert.is(header.at(-1), "\n");
  }
});

npy("writes f16 by its bits and bytes, and reads both as floats", () => {
  const values = Float32Array.of(1, -0.5, 65504, 2 ** -24, 0, 0.333251953125);
  const half = encodeNpy([2, 3], toHalfBits(values));
  assert.match(parts(half).header, "'descr': '<f2'");
  assert.is(parts(half).data.length, 12);
  assert.equal(decodeNpy(half), { shape: [2, 3], data: values });
  const bytes = encodeNpy([3], Uint8Array.of(0, 127, 255));
  assert.match(parts(bytes).header, "'descr': '|u1'");
  assert.equal(decodeNpy(bytes), { shape: [3], data: Float32Array.of(0, 127, 255) });
});

npy("refuses a shape that does not match the data", () => {
  assert.throws(
    () => encodeNpy([2, 3], new Float32Array(5)),
    (error: unknown) => error instanceof ShapeError && /needs 6 elements, the data has 5/.test(error.message),
  );
});

npy("reads what it writes, and what NumPy writes in other versions and dictionaries", () => {
  for (const shape of [[], [0, 4], [3], [2, 3], [1, 1, 5]]) {
    const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i - 1.5);
    assert.equal(decodeNpy(encodeNpy(shape, data)), { shape, data });
  }
  // At an odd place in a larger buffer, as a part of a file may be.
  const encoded = encodeNpy([2], Float32Array.of(1, 2));
  const larger = new Uint8Array(encoded.length + 5);
  larger.set(encoded, 3);
  assert.equal(decodeNpy(larger.subarray(3, 3 + encoded.length)).data, Float32Array.of(1, 2));
  // Version 2.0, whose length has 4 bytes, without padding, and with the keys the other way round.
  const header = "{'shape': (2,), 'fortran_order': False, 'descr': '<f4'}\n";
  const bytes = new Uint8Array(12 + header.length + 8);
  bytes.set([0x93, ...new TextEncoder().encode("NUMPY"), 2, 0, header.length, 0, 0, 0]);
  bytes.set(new TextEncoder().encode(header), 12);
  bytes.set(encoded.subarray(-8), 12 + header.length);
  assert.equal(decodeNpy(bytes), { shape: [2], data: Float32Array.of(1, 2) });
});

npy("refuses to read what is no array of float32, and what is cut short", () => {
  const encoded = encodeNpy([2, 3], Float32Array.of(1, 2, 3, 4, 5, 6));
  throws(() => decodeNpy(new Uint8Array(4)), DataError, "no .npy file");
  throws(() => decodeNpy(new TextEncoder().encode("name,h0,h1\na.jpg,0.5,0.25\n")), DataError, "no .npy file");
  throws(() => decodeNpy(encodeNpy([1], Uint32Array.of(1))), DataError, "'<u4'", 'dtype="float32"');
  const fortran = encoded.slice();
  const at = new TextDecoder().decode(encoded.subarray(10)).indexOf("False");
  fortran.set(new TextEncoder().encode("True "), 10 + at);
  throws(() => decodeNpy(fortran), DataError, "C order is wanted");
  for (const end of [encoded.length - 1, 130, 100, 10]) throws(() => decodeNpy(encoded.subarray(0, end)), DataError);
  throws(() => decodeNpy(encoded.subarray(0, -4)), DataError, "shape [2, 3] has 152 bytes, and this one 148");
});

npy.run();
