import { suite } from "uvu";
import * as assert from "uvu/assert";
import { kernels } from "../../kernels/generated.js";
import { adjustmentOrder, type DrawInputs, drawOnDevice } from "../../src/doctor/augment-checks.js";
import { testDevice } from "../lib/device.js";

const drawing = suite("drawing views");

const fields = kernels.augmentParameters.constants.VIEW_FIELDS.value;
const [top, left, cropHeight, cropWidth, flip, brightness, , saturation, hue, order, gray, sigma] =
  Array(fields).keys();
const batch: DrawInputs = {
  seed: 1,
  epoch: 2,
  views: 2,
  images: Uint32Array.from({ length: 500 }, (_, i) => i),
  width: 32,
  height: 32,
};

async function draw(changes: Partial<DrawInputs> = {}): Promise<Float64Array> {
  return drawOnDevice(await testDevice(), { ...batch, ...changes });
}

function column(table: Float64Array, field: number): Float64Array {
  return table.filter((_, i) => i % fields === field);
}

function row(table: Float64Array, index: number): number[] {
  return Array.from(table.subarray(index * fields, (index + 1) * fields));
}

/** Of n draws with probability p, the share is within 5 standard deviations but once in two million times. */
function assertShare(values: Float64Array, hit: (value: number) => boolean, probability: number, what: string): void {
  const share = values.filter(hit).length / values.length;
  const allowed = 5 * Math.sqrt((probability * (1 - probability)) / values.length);
  assert.ok(Math.abs(share - probability) <= allowed, `${what}: ${share}, expected ${probability} +- ${allowed}`);
}

/** A mean of evenly distributed values is within 5 standard deviations of the middle of their range. */
function assertEven(values: Float64Array, low: number, high: number, what: string): void {
  const mean = values.reduce((sum, value) => sum + value / values.length, 0);
  const allowed = (5 * (high - low)) / Math.sqrt(12 * values.length);
  assert.ok(Math.abs(mean - (low + high) / 2) <= allowed, `mean ${what}: ${mean}`);
  assert.ok(
    values.every((value) => value >= low - 1e-6 && value <= high + 1e-6),
    `${what} from ${Math.min(...values)} to ${Math.max(...values)}`,
  );
}

drawing("has the probabilities and ranges of the kernel's constants", async () => {
  const table = await draw();
  const { constants } = kernels.augmentParameters;
  const isOne = (value: number) => value === 1;
  assertShare(column(table, flip), isOne, constants.FLIP_PROBABILITY.value, "flipped");
  assertShare(column(table, gray), isOne, constants.GRAYSCALE_PROBABILITY.value, "gray");
  assertShare(column(table, order), (value) => value >= 0, constants.JITTER_PROBABILITY.value, "jittered");
  assertShare(column(table, sigma), (value) => value > 0, constants.BLUR_PROBABILITY.value, "blurred");
  const wide = 1 + constants.BRIGHTNESS.value;
  for (const field of [brightness, brightness + 1, saturation]) {
    assertEven(column(table, field), 2 - wide, wide, `factor ${field}`);
  }
  assertEven(column(table, hue), -constants.HUE.value, constants.HUE.value, "hue");
  const sigmas = column(table, sigma).filter((value) => value > 0);
  assertEven(sigmas, constants.MIN_SIGMA.value, constants.MAX_SIGMA.value, "sigma");
});

drawing("uses every order of the colour operations", async () => {
  const orders = new Set(column(await draw(), order));
  assert.equal(
    [...orders].sort((a, b) => a - b),
    Array.from({ length: 25 }, (_, i) => i - 1),
  );
  assert.is(new Set(Array.from({ length: 24 }, (_, code) => adjustmentOrder(code).join())).size, 24);
});

drawing("crops whole pixels inside of the image, within the ranges of area and aspect", async () => {
  const { MIN_AREA, MAX_ASPECT } = kernels.augmentParameters.constants;
  const table = await draw();
  for (let i = 0; i < table.length / fields; i++) {
    const view = row(table, i);
    const [y, x, h, w] = [top, left, cropHeight, cropWidth].map((field) => view[field]);
    assert.ok([y, x, h, w].every(Number.isInteger), `crop ${i}: ${view}`);
    assert.ok(y >= 0 && x >= 0 && h >= 1 && w >= 1 && y + h <= 32 && x + w <= 32, `crop ${i}: ${view}`);
    // Sides are rounded to whole pixels: half a pixel each way.
    assert.ok((h + 0.5) * (w + 0.5) >= MIN_AREA.value * 32 * 32, `area ${i}: ${h} x ${w}`);
    assert.ok(Math.max(w, h) - 0.5 <= MAX_ASPECT.value * (Math.min(w, h) + 0.5) + 1e-3, `aspect ${i}: ${h} x ${w}`);
  }
});

drawing("gives the same view for the same seed, epoch, image and view, wherever in the batch it is", async () => {
  const table = await draw();
  assert.equal(await draw(), table);
  const alone = await draw({ images: Uint32Array.of(321) });
  assert.equal([row(alone, 0), row(alone, 1)], [row(table, 321), row(table, 821)]);
});

drawing("gives other views for another seed, epoch, image or view", async () => {
  const table = await draw({ images: Uint32Array.of(5, 6) });
  const others = await Promise.all([
    draw({ images: Uint32Array.of(5), seed: 3 }),
    draw({ images: Uint32Array.of(5), epoch: 3 }),
  ]);
  const rows = [0, 1, 2, 3].map((i) => row(table, i)).concat(others.flatMap((other) => [row(other, 0), row(other, 1)]));
  assert.is(new Set(rows.map(String)).size, 8);
  // No number of one view is one of another's: not only some of them are drawn anew.
  const hues = rows.map((view) => view[hue]);
  assert.is(new Set(hues).size, 8);
});

drawing.run();
