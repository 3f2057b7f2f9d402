import { suite } from "uvu";
import * as assert from "uvu/assert";
import { augment, blurWindow, drawViews, renderViews, toFloatImages, VIEW_FIELDS } from "../../src/augment/augment.js";
import { AUGMENTATION_PART_NAMES, ablationPolicies, composePolicy } from "../../src/augment/parts.js";
import {
  type AugmentationPolicies,
  type AugmentationPolicy,
  augmentationPolicies,
  noAugmentation,
} from "../../src/augment/policy.js";
import { augmentSubject, blurSubject, type View, viewTable } from "../../src/doctor/augment-checks.js";
import { evaluate, passes, worstDeviation } from "../../src/doctor/check.js";
import { randomInputs } from "../../src/doctor/random-inputs.js";
import { ROUNDINGS, UNIT } from "../../src/doctor/rounding.js";
import { Tape } from "../../src/engine/tape.js";
import { ConfigError } from "../../src/errors.js";
import { solarize } from "../../src/reference/color.js";
import { quarterTurns } from "../../src/reference/image.js";
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
  readonly policy?: AugmentationPolicies;
  readonly count?: number;
  readonly firstView?: number;
}

/** The views of some images: `view(v, i)` is view v of the i-th. */
async function viewsOf({
  images,
  seed = 1,
  epoch = 0,
  policy = augmentationPolicies.imagenet,
  count = 2,
  firstView = 0,
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
    return { made: augment(tape, inputs, policy, size, { views: count, firstView }) };
  });
  assert.is(made.length, count * batch * pixels * 3);
  return (view, i) => made.subarray((view * batch + i) * pixels * 3, (view * batch + i + 1) * pixels * 3);
}

/** Every operation, on every view. */
const everything: AugmentationPolicy = {
  ...composePolicy(...AUGMENTATION_PART_NAMES),
  sharedCropArea: [0.5, 1],
  jitterProbability: 1,
  grayscaleProbability: 1,
  sobelProbability: 1,
  noiseProbability: 1,
  blurProbability: 1,
  solarizeProbability: 1,
  rotationProbability: 1,
};

views("of the same seed, epoch, image and view are the same to the bit, whatever else is in the batch", async () => {
  for (const policy of [augmentationPolicies.imagenet, everything]) {
    const together = await viewsOf({ images: [7, 3, 250, 0], policy });
    const other = await viewsOf({ images: [0, 11, 7], policy });
    const alone = await viewsOf({ images: [7], count: 3, policy });
    for (const view of [0, 1]) {
      assert.equal(other(view, 2), together(view, 0), `view ${view} of image 7`);
      assert.equal(other(view, 0), together(view, 3), `view ${view} of image 0`);
      assert.equal(alone(view, 0), together(view, 0), `view ${view} of image 7 alone`);
    }
  }
});

views("by two policies are the first view by one and the second by the other, to the bit", async () => {
  const images = [7, 3, 250, 0, 12];
  const policies = [augmentationPolicies.cifar, { ...everything, sharedCropArea: [1, 1] }] as const;
  const pair = await viewsOf({ images, policy: policies });
  const again = await viewsOf({ images: images.slice(2, 4), policy: policies });
  const [first, second] = await Promise.all(policies.map((policy) => viewsOf({ images, policy })));
  images.forEach((number, i) => {
    assert.equal(pair(0, i), first(0, i), `first view of image ${number}`);
    assert.equal(pair(1, i), second(1, i), `second view of image ${number}`);
    assert.not.equal(first(1, i), second(1, i));
  });
  for (const view of [0, 1]) assert.equal(again(view, 1), pair(view, 3), `view ${view} in another batch`);
});

views("by a list of policies are one by each, to the bit, wherever the views are numbered from", async () => {
  const images = [7, 3, 250];
  const policies = [augmentationPolicies.cifar, { ...everything, sharedCropArea: [1, 1] }, noAugmentation] as const;
  for (const firstView of [0, 2]) {
    const list = await viewsOf({ images, policy: policies, count: 3, firstView });
    for (const [view, policy] of policies.entries()) {
      const same = await viewsOf({ images, policy, count: 3, firstView });
      for (const i of images.keys())
        assert.equal(list(view, i), same(view, i), `view ${firstView + view} of image ${i}`);
    }
  }
});

views("of two groups are those of one, and no two are alike", async () => {
  const images = [7, 3];
  const together = await viewsOf({ images, count: 6 });
  const groups = [await viewsOf({ images }), await viewsOf({ images, count: 4, firstView: 2 })] as const;
  const grouped = (view: number, i: number) => (view < 2 ? groups[0](view, i) : groups[1](view - 2, i));
  for (const i of images.keys()) {
    for (let view = 0; view < 6; view++) {
      assert.equal(grouped(view, i), together(view, i), `view ${view} of image ${i}`);
      for (let other = 0; other < view; other++) assert.not.equal(grouped(view, i), grouped(other, i));
    }
  }
});

views("of the ablation are the same crop of the image, and one of them is left at that", async () => {
  const images = [1, 2, 3];
  const cropped = await viewsOf({ images, policy: ablationPolicies([]) });
  const whole = await viewsOf({ images, policy: noAugmentation });
  for (const part of AUGMENTATION_PART_NAMES) {
    const [made, plain] = [await viewsOf({ images, policy: ablationPolicies([part]) }), cropped];
    const uncropped = await viewsOf({ images, policy: ablationPolicies([part], [1, 1]) });
    images.forEach((number, i) => {
      assert.equal(made(1, i), plain(1, i), `${part}: the second view of image ${number}`);
      assert.equal(uncropped(1, i), whole(1, i), `${part}: the second view of image ${number}, not cropped`);
    });
    assert.ok(
      images.some((_, i) => String(made(0, i)) !== String(made(1, i))),
      `${part} does something`,
    );
  }
  images.forEach((_, i) => {
    assert.equal(cropped(0, i), cropped(1, i));
    assert.not.equal(cropped(0, i), whole(0, i));
  });
});

views("that no operation fell to keep their bits while its kernel runs", async () => {
  const images = [1, 2, 3, 4];
  const policy = augmentationPolicies.imagenet;
  const rarely = {
    sobelProbability: 1e-9,
    noiseProbability: 1e-9,
    cutoutProbability: 1e-9,
    solarizeProbability: 1e-9,
    rotationProbability: 1e-9,
  };
  const [plain, passed] = await Promise.all(
    [policy, { ...policy, ...rarely }].map((each) => viewsOf({ images, policy: each })),
  );
  for (const i of images.keys()) for (const view of [0, 1]) assert.equal(passed(view, i), plain(view, i));
});

views("are turned by quarters", async () => {
  const images = [1, 2, 3, 4, 5, 6, 7, 8];
  const policy = { ...noAugmentation, rotationProbability: 1 };
  const [plain, turned] = await Promise.all([noAugmentation, policy].map((each) => viewsOf({ images, policy: each })));
  const seen = new Set<number>();
  for (const i of images.keys()) {
    for (const view of [0, 1]) {
      const quarters = [1, 2, 3].find((count) => {
        const expected = quarterTurns(plain(view, i), { width: size, height: size }, count);
        return expected.every((value, at) => value === turned(view, i)[at]);
      });
      assert.ok(quarters !== undefined, `view ${view} of image ${images[i]}`);
      seen.add(quarters ?? 0);
    }
  }
  assert.equal([...seen].sort(), [1, 2, 3]);
});

views("lose a square of half their side, as far as it lies inside of them", async () => {
  const images = Array.from({ length: 40 }, (_, i) => i);
  const made = await viewsOf({ images, policy: composePolicy("cutout") });
  const areas = images.flatMap((_, i) =>
    [0, 1].map((view) => {
      // No byte is 0.5.
      const gray = Array.from({ length: pixels }, (_, p) => p).filter((p) =>
        [0, 1, 2].every((c) => made(view, i)[3 * p + c] === 0.5),
      );
      const rows = new Set(gray.map((p) => Math.floor(p / size))).size;
      const columns = new Set(gray.map((p) => p % size)).size;
      assert.is(gray.length, rows * columns, "a rectangle");
      assert.ok(Math.min(rows, columns) >= size / 4 && Math.max(rows, columns) <= size / 2, `${rows} x ${columns}`);
      return gray.length;
    }),
  );
  // Along an axis, squares around each pixel cover this much of the view, and its square; the area varies as that does.
  const lengths = Array.from({ length: size }, (_, c) => Math.min(c + size / 4, size) - Math.max(c - size / 4, 0));
  const moment = (power: number) => lengths.reduce((sum, length) => sum + length ** power / size, 0) ** 2;
  const mean = areas.reduce((sum, area) => sum + area / areas.length, 0);
  const allowed = 5 * Math.sqrt((moment(2) - moment(1) ** 2) / areas.length);
  assert.ok(Math.abs(mean - moment(1)) <= allowed, `mean area ${mean}, expected ${moment(1)} +- ${allowed}`);
});

views("have noise that is normal, and the same nowhere", async () => {
  const sigma = 0.05;
  const images = [1, 2, 3, 4];
  const policy: AugmentationPolicy = { ...noAugmentation, noiseProbability: 1, noiseSigma: [sigma, sigma] };
  const gray = new Uint32Array(images.length * pixels).fill(0xff808080);
  const { made, other } = await evaluate(await testDevice(), (tape, input) => {
    const [bytes, numbers] = [
      input(gray, [images.length, size, size]),
      input(Uint32Array.from(images), [images.length]),
    ];
    const [counter, later] = [0, 1].map((epoch) => input(Uint32Array.of(1, epoch), [2]));
    return {
      made: augment(tape, { bytes, images: numbers, counter }, policy, size),
      other: augment(tape, { bytes, images: numbers, counter: later }, policy, size),
    };
  });
  const [g, h] = [made, other].map((values) => values.map((value) => (value - 128 / 255) / sigma));
  const average = (values: Float64Array) => values.reduce((sum, value) => sum + value / values.length, 0);
  // Moments of a normal distribution vary by 1, 2, 15 and 96 over the number of values; 5 standard deviations. Cosine and
  // sine may be off by 2^-11, and the radius (up to 5.8) with them.
  const near = (values: Float64Array, expected: number, variance: number, what: string) => {
    const allowed = 5 * Math.sqrt(variance / values.length) + 4 * 5.8 * 2 ** -11;
    const found = average(values);
    assert.ok(Math.abs(found - expected) <= allowed, `${what}: ${found}, expected ${expected} +- ${allowed}`);
  };
  [0, 1, 0, 3].forEach((expected, i) => {
    const variance = [1, 2, 15, 96][i];
    near(
      g.map((value) => value ** (i + 1)),
      expected,
      variance,
      `moment ${i + 1}`,
    );
  });
  // What lies so far apart in memory: channels, neighbours in a row and in a column, images, views.
  for (const distance of [1, 2, 3, 6, 3 * size, 3 * size + 3, 3 * pixels, images.length * 3 * pixels]) {
    const products = g.slice(distance).map((value, i) => value * g[i]);
    near(products, 0, 1, `correlation at a distance of ${distance}`);
  }
  near(
    g.map((value, i) => value * h[i]),
    0,
    1,
    "correlation of two epochs",
  );
});

views("of one pixel or an odd size, by every operation, hold colours", async () => {
  for (const [from, to] of [
    [1, 1],
    [1, 5],
    [9, 1],
    [24, 33],
  ]) {
    const { y } = await evaluate(await testDevice(), (tape, input) => {
      const bytes = input(image(1).slice(0, from * from), [1, from, from]);
      const inputs = { bytes, images: input(Uint32Array.of(0), [1]), counter: input(Uint32Array.of(1, 0), [2]) };
      return { y: augment(tape, inputs, everything, to) };
    });
    assert.is(y.length, 2 * to * to * 3);
    assert.ok(
      y.every((value) => value >= 0 && value <= 1),
      `${from} to ${to}: ${y.find((value) => !(value >= 0 && value <= 1))}`,
    );
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
  const off = noAugmentation;
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
  const { cifar } = augmentationPolicies;
  throws(() => drawViews(tape, inputs, { ...cifar, hue: 1 }), ConfigError, /hue is 1/);
  throws(() => drawViews(tape, inputs, [cifar, { ...cifar, hue: 1 }]), ConfigError, /hue is 1/);
  throws(
    () => augment(tape, inputs, [cifar, cifar], 8, { views: 3 }),
    ConfigError,
    /2 augmentation policies; give one, or a list with one for each of 3 views/,
  );
  throws(
    () => augment(tape, inputs, [cifar, cifar, cifar], 8),
    ConfigError,
    /3 augmentation policies.* each of 2 views/,
  );
  throws(() => augment(tape, inputs, [cifar], 8, { views: 1 }), ConfigError, /1 policies in a list/);
  for (const firstView of [-1, 0.5, Number.NaN, 2 ** 28 - 2])
    throws(() => drawViews(tape, inputs, cifar, { firstView }), ConfigError, new RegExp(`firstView is ${firstView};`));
  assert.is(tape.launches.length, 0);
});

/** A row of the table of views, in the terms of the reference. */
function viewOf(row: Float64Array): View {
  const [top, left, height, width, flip, brightness, contrast, saturation, hue, order, gray, sigma, ...rest] = row;
  const [cutRow, cutColumn, side, sobel, noise, seed, otherSeed, turns, solarize] = rest;
  return {
    box: { top, left, height, width },
    ...{ flip: flip > 0, brightness, contrast, saturation, hue, order, grayscale: gray > 0, sigma },
    cutout: { row: cutRow, column: cutColumn, side },
    ...{ sobel: sobel > 0, noise: { sigma: noise, seed: [seed, otherSeed] }, turns, solarize: solarize > 0 },
  };
}

views("of another size than the image are those of the references, one after the other", async () => {
  const { byol } = augmentationPolicies;
  // Every view is blurred, at any size: most are of a window of more than one pixel.
  const often = { ...byol[1], blurProbability: 0.5, solarizeProbability: 0.5 };
  for (const [from, to, policy] of [
    [32, 16, augmentationPolicies["byol-cifar"]],
    [32, 16, often],
    [37, 20, [often, byol[0]]],
    [21, 42, often],
    [224, 96, { ...often, cropArea: [0.05, 0.14] }],
    [224, 96, byol],
  ] as const) {
    const count = from > 100 ? 1 : 4;
    const rgba = Uint8Array.from(randomInputs(19).below(count * from * from * 4, 256));
    const { y, table } = await evaluate(await testDevice(), (tape, input) => {
      const inputs = {
        bytes: input(new Uint32Array(rgba.slice().buffer), [count, from, from]),
        images: input(
          Uint32Array.from({ length: count }, (_, i) => i),
          [count],
        ),
        counter: input(Uint32Array.of(1, 0), [2]),
      };
      const drawn = drawViews(tape, inputs, policy);
      return { y: renderViews(tape, inputs.bytes, drawn, to, policy), table: drawn };
    });
    const drawn = Array.from({ length: 2 * count }, (_, i) =>
      viewOf(table.subarray(i * VIEW_FIELDS, (i + 1) * VIEW_FIELDS)),
    );
    const output = { width: to, height: to };
    const cropped = {
      batch: count,
      source: { width: from, height: from },
      output,
      rgba,
      views: drawn.map((view) => ({ ...view, solarize: false })),
    };
    const before = augmentSubject.reference(cropped, {});
    const filtered = {
      ...output,
      kernelSize: blurWindow(to),
      sigmas: drawn.map(({ sigma }) => sigma),
      solarized: drawn.map(({ solarize }) => solarize),
      x: before.y,
    };
    const [own, added] = [augmentSubject.tolerance(cropped), blurSubject.tolerance(filtered)];
    // A blur is a mean: it enlarges no error, but is itself off.
    const tolerance = { y: own.y.map((error, i) => error + added.y[i]) };
    const deviation = worstDeviation({ y }, blurSubject.reference(filtered, {}), tolerance);
    assert.ok(passes(deviation), `${from} to ${to}: off by ${deviation.error}, allowed ${deviation.tolerance}`);
  }
});

views("of half the size of an image do not alias: stripes of a pixel become gray", async () => {
  const [from, to] = [32, 16];
  const stripes = Uint32Array.from({ length: from * from }, (_, p) => (p % 2 === 0 ? 0xff000000 : 0xffffffff));
  const { y } = await evaluate(await testDevice(), (tape, input) => {
    const bytes = input(stripes, [1, from, from]);
    const inputs = { bytes, images: input(Uint32Array.of(0), [1]), counter: input(Uint32Array.of(1, 0), [2]) };
    return { y: augment(tape, inputs, noAugmentation, to) };
  });
  const inner = y.filter((_, i) => Math.floor(i / 3) % to > 0 && Math.floor(i / 3) % to < to - 1);
  // Weights of four stripes, sums of up to 16 of them, and a division.
  assert.ok(
    inner.every((value) => Math.abs(value - 0.5) <= 64 * UNIT),
    `from ${Math.min(...inner)} to ${Math.max(...inner)}`,
  );
});

views("are solarized by the last kernel that works on them, at no further cost", async () => {
  // Noise, and a white bar on black, whose edges stay above a half through a Sobel filter and a blur.
  const bytes = image(1).map((noise, p) => (p % size < 16 ? (p % size < 8 ? 0xff000000 : 0xffffffff) : noise));
  const box = { top: 0, left: 0, width: size, height: size };
  const done = { box, sobel: true, noise: { sigma: 0.1, seed: [1, 2] }, sigma: 1, order: 5, brightness: 1.4 } as const;
  // One view that gets everything there is a kernel for, and one that does not; both as they are, and solarized.
  const drawn = viewTable([done, { box }].flatMap((view) => [view, { ...view, solarize: true }]));
  const later = ["sobel", "noise", "blur"] as const;
  for (let bits = 0; bits < 8; bits++) {
    const parts = later.filter((_, i) => bits & (1 << i));
    const on = Object.fromEntries(parts.map((part) => [`${part}Probability`, 1]));
    for (const solarizeProbability of [0, 0.2]) {
      const policy: AugmentationPolicy = { ...noAugmentation, ...on, solarizeProbability };
      const what = `${parts.join(", ")}, solarized with a probability of ${solarizeProbability}`;
      const { y } = await evaluate(await testDevice(), (tape, input) => {
        const table = input(drawn, [4, VIEW_FIELDS]);
        const made = renderViews(tape, input(bytes, [1, size, size]), table, size, policy);
        assert.is(tape.launches.length, 1 + parts.length + (parts.includes("blur") ? 1 : 0), what);
        return { y: made };
      });
      const view = (row: number) => y.slice(row * pixels * 3, (row + 1) * pixels * 3);
      for (const row of [0, 2]) {
        const plain = view(row);
        assert.ok(
          plain.some((value) => value > 0.5),
          `${what}: values of view ${row}`,
        );
        assert.equal(view(row + 1), solarizeProbability > 0 ? solarize(plain) : plain, `${what}: view ${row + 1}`);
      }
    }
  }
});

views.run();
