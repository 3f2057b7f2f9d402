import { suite } from "uvu";
import * as assert from "uvu/assert";
import { augment, drawViews, renderViews, toFloatImages, VIEW_FIELDS } from "../../src/augment/augment.js";
import { type AugmentationPolicy, augmentationPolicies } from "../../src/augment/policy.js";
import { evaluate } from "../../src/doctor/check.js";
import { randomInputs } from "../../src/doctor/random-inputs.js";
import { ROUNDINGS, UNIT } from "../../src/doctor/rounding.js";
import { Tape } from "../../src/engine/tape.js";
import { ConfigError } from "../../src/errors.js";
import { throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";

const views = suite("views");

const size = 24;
const pixels = size * size;

/** RGB, 255: pixels of image `number` of a set. */
function image(number: number): Uint32Array<ArrayBuffer> {
  return randomInputs(number)
    .below(pixels, 2 ** 24)
    .map((color) => (color | 0xff000000) >>> 0);
}

interface Draw {
  readonly images: readonly number[];
  readonly seed?: number;
  readonly epoch?: number;
  readonly policy?: AugmentationPolicy;
  readonly count?: number;
}

/** The views of some images: `view(v, i)` is view v of the i-th. */
async function viewsOf({
  images,
  seed = 1,
  epoch = 0,
  policy = augmentationPolicies.imagenet,
  count = 2,
}: Draw): Promise<(view: number, i: number) => Float64Array> {
  const batch = images.length;
  const bytes = new Uint32Array(batch * pixels);
  images.forEach((number, i) => {
    bytes.set(image(number), i * pixels);
  });
  const { made } = await evaluate(await testDevice(), (tape, input) => {
    const inputs = {
      bytes: input(bytes, [batch, size, size]),
      images: input(Uint32Array.from(images), [batch]),
      counter: input(Uint32Array.of(seed, epoch), [2]),
    };
    return { made: augment(tape, inputs, policy, size, count) };
  });
  assert.is(made.length, count * batch * pixels * 3);
  return (view, i) => made.subarray((view * batch + i) * pixels * 3, (view * batch + i + 1) * pixels * 3);
}

views("of the same seed, epoch, image and view are the same to the bit, whatever else is in the batch", async () => {
  const together = await viewsOf({ images: [7, 3, 250, 0] });
  const other = await viewsOf({ images: [0, 11, 7] });
  const alone = await viewsOf({ images: [7], count: 3 });
  for (const view of [0, 1]) {
    assert.equal(other(view, 2), together(view, 0), `view ${view} of image 7`);
    assert.equal(other(view, 0), together(view, 3), `view ${view} of image 0`);
    assert.equal(alone(view, 0), together(view, 0), `view ${view} of image 7 alone`);
  }
});

views("of another seed, epoch, image or view are others", async () => {
  const images = [1, 2, 3, 4, 5, 6, 7, 8];
  const reference = await viewsOf({ images });
  const others = {
    seed: await viewsOf({ images, seed: 2 }),
    epoch: await viewsOf({ images, epoch: 1 }),
  };
  images.forEach((number, i) => {
    for (const view of [0, 1]) {
      for (const [what, other] of Object.entries(others)) {
        assert.not.equal(other(view, i), reference(view, i), `another ${what}, view ${view} of image ${number}`);
      }
    }
    assert.not.equal(reference(0, i), reference(1, i), `the two views of image ${number}`);
  });
});

views("of two images of the same pixels are drawn apart", async () => {
  const device = await testDevice();
  const tables = await evaluate(device, (tape, input) => {
    const inputs = {
      bytes: tape.tensor([2, size, size], "bytes", "u32"),
      images: input(Uint32Array.of(4, 5), [2]),
      counter: input(Uint32Array.of(1, 0), [2]),
    };
    return { table: drawViews(tape, inputs, augmentationPolicies.imagenet) };
  });
  const row = (i: number) => tables.table.subarray(i * VIEW_FIELDS, (i + 1) * VIEW_FIELDS);
  for (const [a, b] of [
    [0, 1],
    [0, 2],
    [1, 3],
    [2, 3],
  ]) {
    assert.not.equal(row(a), row(b), `rows ${a} and ${b}`);
  }
});

views("without any augmentation are the image itself", async () => {
  const off: AugmentationPolicy = {
    ...augmentationPolicies.imagenet,
    cropArea: [1, 1],
    cropAspect: [1, 1],
    flipProbability: 0,
    jitterProbability: 0,
    grayscaleProbability: 0,
    blurProbability: 0,
  };
  const made = await viewsOf({ images: [1, 2], policy: off });
  for (const [i, number] of [1, 2].entries()) {
    for (const view of [0, 1]) {
      made(view, i).forEach((value, at) => {
        const expected = ((image(number)[Math.floor(at / 3)] >>> (8 * (at % 3))) & 255) / 255;
        // Unpacking, the weight of the only tap that counts, its product and the division by the sum of weights.
        const tolerance = (ROUNDINGS.unpack + ROUNDINGS.division + 4) * UNIT;
        assert.ok(Math.abs(value - expected) <= tolerance, `view ${view} of image ${number} at ${at}: ${value}`);
      });
    }
  }
  const flipped = await viewsOf({ images: [1], policy: { ...off, flipProbability: 1 } });
  for (let at = 0; at < made(0, 0).length; at++) {
    const [pixel, channel] = [Math.floor(at / 3), at % 3];
    const mirrored = pixel - (pixel % size) + size - 1 - (pixel % size);
    const difference = flipped(0, 0)[at] - made(0, 0)[mirrored * 3 + channel];
    assert.ok(Math.abs(difference) <= 20 * UNIT, `mirrored at ${at}: off by ${difference}`);
  }
});

views("images as they are", async () => {
  const { y } = await evaluate(await testDevice(), (tape, input) => ({
    y: toFloatImages(tape, input(Uint32Array.of(0xff0000ff, 0xff00ff00, 0xff804020, 0xffffffff), [1, 2, 2])),
  }));
  const expected = [255, 0, 0, 0, 255, 0, 32, 64, 128, 255, 255, 255];
  expected.forEach((value, i) => {
    assert.ok(Math.abs(y[i] - value / 255) <= ROUNDINGS.unpack * UNIT, `${y[i]} for ${value}`);
  });
});

views("are blurred where the policy says so", async () => {
  const sharp = { ...augmentationPolicies.imagenet, blurProbability: 0 };
  const always = await viewsOf({ images: [1], policy: { ...sharp, blurProbability: 1, blurSigma: [1, 1] } });
  const never = await viewsOf({ images: [1], policy: sharp });
  const roughness = (view: Float64Array) =>
    view.reduce((sum, value, i) => sum + Math.abs(value - (view[i + 3] ?? value)), 0);
  assert.ok(roughness(always(0, 0)) < 0.8 * roughness(never(0, 0)), "differences of neighbours shrink");
});

views("of another policy than can be are refused while recording", async () => {
  const tape = new Tape(await testDevice());
  const inputs = {
    bytes: tape.tensor([1, 8, 8], "bytes", "u32"),
    images: tape.tensor([1], "images", "u32"),
    counter: tape.tensor([2], "counter", "u32"),
  };
  throws(() => drawViews(tape, inputs, { ...augmentationPolicies.cifar, hue: 1 }), ConfigError, /hue is 1/);
  assert.is(tape.launches.length, 0);
});

views("can be of another size than the image", async () => {
  const policy = augmentationPolicies.cifar;
  const { y } = await evaluate(await testDevice(), (tape, input) => {
    const bytes = input(image(1), [1, size, size]);
    const inputs = { bytes, images: input(Uint32Array.of(0), [1]), counter: input(Uint32Array.of(1, 0), [2]) };
    return { y: renderViews(tape, bytes, drawViews(tape, inputs, policy), 5, policy) };
  });
  assert.is(y.length, 2 * 5 * 5 * 3);
  assert.ok(y.every((value) => value >= 0 && value <= 1));
  assert.ok(new Set(y).size > 50, "the views are not of one colour");
});

views.run();
