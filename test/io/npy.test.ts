import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ShapeError } from "../../src/errors.js";
import { encodeNpy } from "../../src/io/npy.js";

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

npy("refuses a shape that does not match the data", () => {
  assert.throws(
    () => encodeNpy([2, 3], new Float32Array(5)),
    (error: unknown) => error instanceof ShapeError && /needs 6 elements, the data has 5/.test(error.message),
  );
});

npy.run();
