import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DataError, ShapeError } from "../../src/errors.js";
import { embeddingsToCsv } from "../../src/io/csv.js";

const csv = suite("csv");

csv("writes labels, class names and features, quoting what needs it", () => {
  const text = [
    ...embeddingsToCsv(
      ["a.jpg", 'b,"c".jpg', "d\ne.jpg"],
      Uint32Array.of(1, 0, 1),
      ["cat", "dog, big"],
      Float32Array.of(0.5, -1, 0, 1e-20, 3, 16777216),
      2,
    ),
  ].join("");
  assert.is(
    text,
    "name,label,class,f0,f1\r\n" +
      'a.jpg,1,"dog, big",0.5,-1\r\n' +
      '"b,""c"".jpg",0,cat,0,9.99999968e-21\r\n' +
      '"d\ne.jpg",1,"dog, big",3,16777216\r\n',
  );
});

csv("leaves the label columns out without labels", () => {
  assert.is([...embeddingsToCsv(["a"], null, [], Float32Array.of(2), 1)].join(""), "name,f0\r\na,2\r\n");
  assert.is([...embeddingsToCsv([], null, [], new Float32Array(0), 2)].join(""), "name,f0,f1\r\n");
});

csv("writes float32 values that read back as the same bits", () => {
  // A multiplicative walk over all exponents and mantissas (odd multiplier, so every pattern is different).
  const bits = Uint32Array.from({ length: 4000 }, (_, index) => Math.imul(index, 2654435761));
  const values = new Float32Array(bits.buffer).map((value) => (Number.isFinite(value) ? value : 0));
  const lines = [...embeddingsToCsv(Array(1000).fill("x"), null, [], values, 4)].join("").split("\r\n");
  const read = lines.slice(1, -1).flatMap((line) => line.split(",").slice(1).map(Number));
  assert.equal([...new Float32Array(read)], [...values.map((value) => value + 0)]);
});

csv("hands out chunks of about a megabyte", () => {
  const names = Array.from({ length: 2000 }, (_, row) => `image-${row}`);
  const features = Float32Array.from({ length: 2000 * 128 }, (_, index) => Math.sin(index));
  let rows = 0;
  let chunks = 0;
  for (const chunk of embeddingsToCsv(names, null, [], features, 128)) {
    // A chunk ends with the row that takes it past 2^20 characters; a row here has at most 128 x 16 + 12.
    assert.ok(chunk.length <= 2 ** 20 + 128 * 16 + 12);
    assert.ok(chunk.endsWith("\r\n"));
    rows += chunk.split("\r\n").length - 1;
    chunks++;
  }
  assert.is(rows, 2001);
  assert.ok(chunks > 1);
});

csv("refuses lengths that do not match and labels without a class", () => {
  const refuses = (kind: typeof ShapeError | typeof DataError, ...args: Parameters<typeof embeddingsToCsv>) =>
    assert.throws(
      () => [...embeddingsToCsv(...args)],
      (error: unknown) => error instanceof kind,
    );
  refuses(ShapeError, ["a", "b"], null, [], new Float32Array(3), 2);
  refuses(ShapeError, ["a"], Uint32Array.of(0, 0), ["x"], new Float32Array(2), 2);
  refuses(DataError, ["a"], Uint32Array.of(1), ["x"], new Float32Array(2), 2);
});

csv.run();
