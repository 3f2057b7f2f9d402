import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as kernels from "../../kernels/generated.js";
import { adjustmentOrder, type DrawInputs, drawOnDevice } from "../../src/doctor/augment-checks.js";
import { testDevice } from "../lib/device.js";

const drawing = suite("drawing views");

const fields = kernels.augmentParameters.constants.VIEW_FIELDS.value;
const [top, left, cropHeight, cropWidth, flip, brightness, , saturation, hue, order, gray, sigma, ...added] =
  Array(fields).keys();
const [cutRow, cutColumn, cutSide, sobel, noise, seed, otherSeed, turns, solarized] = added;
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

drawing("of cutout, Sobel filter, noise, rotation and solarization has the probabilities and ranges too", async () => {
  const probabilities = {
    CUTOUT_PROBABILITY: 0.4,
    SOBEL_PROBABILITY: 0.3,
    NOISE_PROBABILITY: 0.6,
    ROTATION_PROBABILITY: 0.6,
    SOLARIZE_PROBABILITY: 0.35,
  };
  const table = await draw({ constants: { ...probabilities, CUTOUT_SIDE: 0.25 } });
  assertShare(column(table, cutSide), (value) => value > 0, 0.4, "cut out");
  assertShare(column(table, sobel), (value) => value === 1, 0.3, "filtered");
  assertShare(column(table, noise), (value) => value > 0, 0.6, "noisy");
  assertShare(column(table, solarized), (value) => value === 1, 0.35, "solarized");
  for (const quarters of [1, 2, 3]) {
    assertShare(column(table, turns), (value) => value === quarters, 0.2, `turned by ${quarters} quarters`);
  }
  assert.equal([...new Set(column(table, cutSide))].sort(), [0, 0.25]);
  for (const field of [sobel, solarized]) assert.equal([...new Set(column(table, field))].sort(), [0, 1]);
  assert.equal([...new Set(column(table, turns))].sort(), [0, 1, 2, 3]);
  for (const field of [cutRow, cutColumn]) assertEven(column(table, field), 0, 1, `centre ${field}`);
  const { MIN_NOISE, MAX_NOISE } = kernels.augmentParameters.constants;
  const noises = column(table, noise).filter((value) => value > 0);
  assertEven(noises, MIN_NOISE.value, MAX_NOISE.value, "noise");
  for (const field of [seed, otherSeed]) {
    const seeds = column(table, field);
    assert.ok(seeds.every(Number.isInteger), "seeds are whole numbers");
    assertEven(seeds, 0, 2 ** 24, `seed ${field}`);
    // Two of 1,000 numbers below 2^24 are the same for one of 30 seeds of the training, and not for this one.
    assert.is(new Set(seeds).size, seeds.length, `seeds ${field}`);
  }
});

drawing("decides about each operation by itself", async () => {
  const half = Object.fromEntries(
    ["FLIP", "CUTOUT", "JITTER", "GRAYSCALE", "SOBEL", "NOISE", "BLUR", "ROTATION", "SOLARIZE"].map((name) => [
      `${name}_PROBABILITY`,
      0.5,
    ]),
  );
  const table = await draw({ constants: half });
  const happens = [flip, cutSide, order, gray, sobel, noise, sigma, turns, solarized].map((field) =>
    column(table, field).map((value) => Number(field === order ? value >= 0 : value > 0)),
  );
  happens.forEach((one, i) => {
    for (const [j, other] of happens.slice(0, i).entries()) {
      const both = one.map((value, view) => value * other[view]);
      assertShare(both, (value) => value === 1, 0.25, `${j} and ${i}`);
    }
  });
});

drawing("of the first operations does not change with those that came later", async () => {
  const before = (table: Float64Array) => table.filter((_, i) => i % fields < cutRow);
  const none = Object.fromEntries(
    ["CUTOUT", "SOBEL", "NOISE", "ROTATION", "SOLARIZE"].map((name) => [`${name}_PROBABILITY`, 0]),
  );
  const without = await draw({ constants: none });
  assert.equal(before(await draw()), before(without));
  for (const field of [cutSide, sobel, noise, turns, solarized]) {
    assert.ok(
      column(without, field).every((value) => value === 0),
      `field ${field} where it is off`,
    );
  }
  // Decisions, which no rounding can change, as they were before there were more than the paper's three augmentations.
  const first = without.slice(0, 24 * fields);
  assert.is(column(first, flip).join(""), "101100110101001110100011");
  assert.is(column(first, gray).join(""), "000000001000100000000100");
  assert.is(column(first, order).join(), "-1,21,8,10,0,20,-1,-1,23,-1,13,15,-1,0,-1,11,13,11,-1,17,9,0,21,-1");
});

drawing("gives all views of an image the first crop, and crops each inside of it", async () => {
  const { images } = batch;
  const box = (view: number[]) => [top, left, cropHeight, cropWidth].map((field) => view[field]);
  const boxes = (table: Float64Array) => Array.from({ length: 2 * images.length }, (_, i) => box(row(table, i)));
  const shared = boxes(await draw({ constants: { MIN_SHARED_AREA: 0.3, MAX_SHARED_AREA: 0.6, MIN_AREA: 1 } }));
  const within = boxes(await draw({ constants: { MIN_SHARED_AREA: 0.3, MAX_SHARED_AREA: 0.6, MAX_AREA: 0.5 } }));
  let apart = 0;
  images.forEach((_, i) => {
    assert.equal(shared[i], shared[i + images.length], `the crop that views of image ${i} share`);
    const [y, x, h, w] = shared[i];
    // Sides are rounded to whole pixels: half a pixel each way.
    assert.ok((h + 0.5) * (w + 0.5) >= 0.3 * 32 * 32 && (h - 0.5) * (w - 0.5) <= 0.6 * 32 * 32, `area of ${shared[i]}`);
    for (const own of [within[i], within[i + images.length]]) {
      const [top, left, height, width] = own;
      const inside = top >= y && left >= x && top + height <= y + h && left + width <= x + w;
      assert.ok(inside, `${own} in ${shared[i]}`);
      assert.ok((height - 0.5) * (width - 0.5) <= 0.5 * h * w, `area of ${own} in ${shared[i]}`);
    }
    if (String(within[i]) !== String(within[i + images.length])) apart++;
  });
  assert.ok(apart > 0.9 * images.length, `own crops of ${apart} images differ`);
  assert.ok(new Set(shared.map(String)).size > 0.5 * images.length, "images have crops of their own");
});

drawing("takes the whole image where the crop's area is 1, whatever its shape", async () => {
  for (const size of [
    { width: 32, height: 32 },
    { width: 131, height: 9 },
    { width: 1, height: 2 },
  ]) {
    const table = await draw({ ...size, constants: { MIN_AREA: 1 } });
    const whole = [top, left, cropHeight, cropWidth].map((field) => [...new Set(column(table, field))]);
    assert.equal(whole, [[0], [0], [size.height], [size.width]]);
  }
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

drawing("of a group of views gives those of their numbers, wherever the group begins", async () => {
  const { images } = batch;
  const view = (table: Float64Array, number: number) =>
    table.subarray(number * images.length * fields, (number + 1) * images.length * fields);
  const whole = await draw({ views: 6 });
  for (const [firstView, views] of [
    [0, 2],
    [2, 4],
    [5, 1],
  ]) {
    const group = await draw({ views, firstView });
    for (let v = 0; v < views; v++) {
      const expected = view(whole, firstView + v);
      const same = view(group, v).every((value, i) => value === expected[i]);
      assert.ok(same, `view ${v} of the group that begins at ${firstView}`);
    }
  }
  // As before there were groups: decisions, which no rounding can change.
  assert.is(column(view(whole, 4), flip).slice(0, 24).join(""), "100110000010001000101000");
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
