import { suite } from "uvu";
import * as assert from "uvu/assert";
import { LOOKS_BYTES, looksDistance, looksOf } from "../../src/embeddings/looks.js";

const looks = suite("looks of pictures");

/** The mean luma of a part, from samples so close that each pixel has as many as its share. */
function sampled(rgba: Uint8Array, side: number, row: number, column: number): number {
  let sum = 0;
  // A multiple of the side samples each of its pixels evenly.
  const samples = side;
  for (let i = 0; i < samples; i++) {
    for (let j = 0; j < samples; j++) {
      const [y, x] = [
        Math.floor(((row * samples + i + 0.5) * side) / (16 * samples)),
        Math.floor(((column * samples + j + 0.5) * side) / (16 * samples)),
      ];
      const at = 4 * (y * side + x);
      sum += 0.299 * rgba[at] + 0.587 * rgba[at + 1] + 0.114 * rgba[at + 2];
    }
  }
  return sum / samples ** 2;
}

looks("are the means of 16 x 16 parts, of sides that are no multiple of 16 and smaller ones too", () => {
  for (const side of [1, 13, 16, 37, 64]) {
    const rgba = Uint8Array.from({ length: 4 * side * side }, (_, i) => (i * 7919 + (i >> 2) * 31) % 256);
    const found = looksOf(rgba, side);
    assert.is(found.length, LOOKS_BYTES);
    for (let part = 0; part < LOOKS_BYTES; part++) {
      const expected = sampled(rgba, side, Math.floor(part / 16), part % 16);
      assert.ok(
        Math.abs(found[part] - expected) <= 0.5 + 1e-9,
        `${side}: part ${part} is ${found[part]}, not ${expected}`,
      );
    }
  }
});

looks("differ by the root of the mean squared difference", () => {
  const both = new Uint8Array(2 * LOOKS_BYTES);
  both.fill(3, LOOKS_BYTES);
  both[LOOKS_BYTES] = 19;
  assert.ok(Math.abs(looksDistance(both, 0, 1) - Math.sqrt((9 * 255 + 19 ** 2) / 256)) < 1e-12);
  assert.is(looksDistance(both, 1, 1), 0);
});

looks.run();
