import { kernels } from "../../kernels/generated.js";
import type { Device } from "../engine/device.js";
import { gaussianBlur } from "../reference/blur.js";
import { type ColorAdjustment, colorJitter, grayscale } from "../reference/color.js";
import { type CropBox, horizontalFlip, type ImageSize, resizedCrop } from "../reference/image.js";
import { type Check, checkOf, evaluate, type Outputs, type Subject } from "./check.js";
import { randomInputs } from "./random-inputs.js";
import { expRoundings, ROUNDINGS, relativeError, UNIT } from "./rounding.js";

/** One view of an image, in the terms of the reference. */
export interface View {
  readonly box: CropBox;
  readonly flip: boolean;
  readonly brightness: number;
  readonly contrast: number;
  readonly saturation: number;
  readonly hue: number;
  /** Which of the 24 orders of the four adjustments, or -1 for none of them. */
  readonly order: number;
  readonly grayscale: boolean;
  /** Standard deviation of the blur, 0 for none. */
  readonly sigma: number;
}

/** A view as the 12 numbers of kernels/lib/view.wgsl. */
export function viewRow({ box, ...view }: View): number[] {
  const colors = [view.brightness, view.contrast, view.saturation, view.hue, view.order];
  return [box.top, box.left, box.height, box.width, Number(view.flip), ...colors, Number(view.grayscale), view.sigma];
}

/** The order of adjustments with a number from 0 to 23: of those left, each digit picks one, and the last takes its place. */
export function adjustmentOrder(code: number): ColorAdjustment[] {
  const left: ColorAdjustment[] = ["brightness", "contrast", "saturation", "hue"];
  const order: ColorAdjustment[] = [];
  for (let rest = code; left.length > 0; ) {
    const choice = rest % left.length;
    rest = Math.floor(rest / left.length);
    order.push(left[choice]);
    left[choice] = left[left.length - 1];
    left.pop();
  }
  return order;
}

/** Images as RGBA bytes [batch, height, width, 4]; row v * batch + i of `views` is view v of image i. */
export interface AugmentInputs {
  readonly batch: number;
  readonly source: ImageSize;
  readonly output: ImageSize;
  readonly rgba: Uint8Array<ArrayBuffer>;
  readonly views: readonly View[];
}

function pixelsOf(rgba: Uint8Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  return new Uint32Array(rgba.slice().buffer);
}

/** Output y [views, out height, out width, 3]. */
export const augmentSubject: Subject<AugmentInputs> = {
  compute: (device, { batch, source, output, rgba, views }) =>
    evaluate(device, (tape, input) => {
      const y = tape.tensor([views.length, output.height, output.width, 3], "views");
      tape.launch(
        kernels.augment,
        {
          bytes: input(pixelsOf(rgba), [batch, source.height, source.width]),
          views: input(Float64Array.from(views.flatMap(viewRow)), [views.length, 12]),
          y,
        },
        {
          batch,
          views: views.length / batch,
          height: source.height,
          width: source.width,
          out_height: output.height,
          out_width: output.width,
        },
      );
      return { y };
    }),
  reference({ batch, source, output, rgba, views }) {
    const bytes = source.width * source.height * 4;
    const images = views.map((view, row) => {
      const image = rgba.subarray((row % batch) * bytes, ((row % batch) + 1) * bytes);
      const cropped = resizedCrop(image, source, view.box, output);
      const flipped = view.flip ? horizontalFlip(cropped, output) : cropped;
      const order = view.order < 0 ? [] : adjustmentOrder(view.order);
      const jittered = colorJitter(flipped, { ...view, order });
      return Array.from(view.grayscale ? grayscale(jittered) : jittered);
    });
    return { y: Float64Array.from(images.flat()) };
  },
  tolerance({ output, views }) {
    const pixels = output.width * output.height;
    return { y: Float64Array.from(views.flatMap((view) => new Array(pixels * 3).fill(viewError(view, output)))) };
  },
};

/** Largest error of a channel of a view. */
function viewError(view: View, output: ImageSize): number {
  // Along an axis a weight is off by 8 roundings of positions up to the size of the crop, over the filter's reach, and by 11
  // of its own. A filter of reach r has at most 3 r taps, and its weights add up to r / 2 or more, even at an edge: sums of
  // weights are off by at most 6 times as much, both above and below the fraction line.
  const axis = (crop: number, size: number) => 6 * relativeError((8 * crop) / Math.max(crop / size, 1) + 11);
  const taps = (crop: number, size: number) => 3 * Math.max(crop / size, 1);
  const { box } = view;
  let error =
    2 * (axis(box.height, output.height) + axis(box.width, output.width)) +
    relativeError(
      2 * taps(box.height, output.height) * taps(box.width, output.width) + ROUNDINGS.unpack + ROUNDINGS.division,
    );
  const blend = (factor: number) => Math.abs(factor) + Math.abs(1 - factor);
  for (const adjustment of view.order < 0 ? [] : adjustmentOrder(view.order)) {
    if (adjustment === "brightness") {
      error = view.brightness * (error + UNIT);
    } else if (adjustment === "contrast") {
      // The mean luma is a sum over all pixels of three products each, and a division.
      const meanError = relativeError(output.width * output.height + 3 + ROUNDINGS.division);
      error = blend(view.contrast) * (error + 3 * UNIT) + Math.abs(1 - view.contrast) * meanError;
    } else if (adjustment === "saturation") {
      error = blend(view.saturation) * (error + 3 * UNIT) + Math.abs(1 - view.saturation) * relativeError(3);
    } else {
      // With the value, the chroma (2) and the hue times the chroma (4) a channel moves by up to 7 times the error. The hue
      // itself takes 20 roundings of numbers up to 1, which count six times.
      error = 7 * error + relativeError(6 * 20 + 10);
    }
  }
  return view.grayscale ? error + relativeError(3) : error;
}

/** An image [images, height, width, 3] and the standard deviation of the blur of each. */
export interface BlurInputs extends ImageSize {
  readonly kernelSize: number;
  readonly sigmas: readonly number[];
  readonly x: Float64Array;
}

/** Output y, blurred along rows and then columns. */
export const blurSubject: Subject<BlurInputs> = {
  compute: (device, { width, height, kernelSize, sigmas, x: data }) =>
    evaluate(device, (tape, input) => {
      const shape = [sigmas.length, height, width, 3];
      const rows = sigmas.flatMap((sigma) => [...new Array<number>(11).fill(0), sigma]);
      const views = input(Float64Array.from(rows), [sigmas.length, 12]);
      const [x, half, y] = [input(data, shape), tape.tensor(shape, "blurred rows"), tape.tensor(shape, "blurred")];
      const params = { images: sigmas.length, height, width };
      tape.launch(kernels.gaussianBlur, { x, views, y: half }, params, { KERNEL: kernelSize });
      tape.launch(kernels.gaussianBlur, { x: half, views, y }, params, { KERNEL: kernelSize, VERTICAL: true });
      return { y };
    }),
  reference: ({ kernelSize, sigmas, x, ...size }) => {
    const elements = size.width * size.height * 3;
    const images = sigmas.map((sigma, i) => {
      const image = x.slice(i * elements, (i + 1) * elements);
      return Array.from(sigma > 0 ? gaussianBlur(image, size, kernelSize, sigma) : image);
    });
    return { y: Float64Array.from(images.flat()) };
  },
  tolerance: ({ kernelSize, sigmas, width, height }) => {
    const errors = sigmas.map((sigma) => {
      if (sigma === 0) return 0;
      const radius = (kernelSize - 1) / 2;
      let total = 0;
      let roundings = 0;
      for (let t = -radius; t <= radius; t++) {
        const argument = -(t * t) / (2 * sigma * sigma);
        // The argument: two products, a division, and sigma itself, which f32 has only rounded, twice.
        roundings += Math.exp(argument) * (expRoundings(argument) + (4 + ROUNDINGS.division) * Math.abs(argument));
        total += Math.exp(argument);
      }
      // Weights above and below the fraction line, both sums, and the division; pixels are at most 1; two directions.
      return 2 * relativeError(2 * (roundings / total + kernelSize + 1) + ROUNDINGS.division);
    });
    return { y: Float64Array.from(errors.flatMap((error) => new Array(width * height * 3).fill(error))) };
  },
};

/** How the views of a batch are drawn. */
export interface DrawInputs extends ImageSize {
  readonly seed: number;
  readonly epoch: number;
  readonly views: number;
  readonly images: Uint32Array<ArrayBuffer>;
}

/** Draws the parameters of views with the kernel's own ranges: [views * images, 12]. */
export async function drawOnDevice(device: Device, inputs: DrawInputs): Promise<Float64Array> {
  const { seed, epoch, views, images, width, height } = inputs;
  const { table } = await evaluate(device, (tape, input) => {
    const rows = tape.tensor([views * images.length, 12], "view parameters");
    tape.launch(
      kernels.augmentParameters,
      { counter: input(Uint32Array.of(seed, epoch), [2]), images: input(images, [images.length]), views: rows },
      { batch: images.length, views, height, width },
    );
    return { table: rows };
  });
  return table;
}

/** Four words from four words (PCG4D of Jarzynski and Olano 2020), as numbers from 0 to 1 in steps of 2^-24. */
function randomUniform(counter: readonly number[]): number[] {
  const v = counter.map((word) => Math.imul(word, 1664525) + 1013904223);
  const mix = () => {
    v[0] += Math.imul(v[1], v[3]);
    v[1] += Math.imul(v[2], v[0]);
    v[2] += Math.imul(v[0], v[1]);
    v[3] += Math.imul(v[1], v[2]);
  };
  mix();
  v.forEach((word, i) => {
    v[i] = word ^ (word >>> 16);
  });
  mix();
  return v.map((word) => (word >>> 8) / 2 ** 24);
}

/** The parameters of a view, and how far each may be off. */
function drawView({ seed, epoch, width, height }: DrawInputs, image: number, view: number) {
  const { MIN_AREA, MAX_AREA, MIN_ASPECT, MAX_ASPECT, ...rest } = kernels.augmentParameters.constants;
  const draw = (number: number) => randomUniform([seed, epoch, image, view * 16 + number]);
  const between = (low: number, high: number, share: number) => low * (1 - share) + high * share;
  // Of 40 roundings of a size, 28 are those of the exponential of the aspect (of at most 0.3) and the roots. Where they may
  // decide which whole number comes out, every crop is accepted.
  let undecided = false;
  const whole = (value: number, round: (x: number) => number) => {
    const slack = relativeError(40) * (value + 1);
    if (round(value - slack) !== round(value + slack)) undecided = true;
    return round(value);
  };
  let box: number[] | null = null;
  for (let attempt = 0; attempt < 10 && !box; attempt++) {
    const [x, y, z, w] = draw(attempt);
    const area = between(MIN_AREA.value, MAX_AREA.value, x) * height * width;
    const aspect = Math.exp(between(Math.log(MIN_ASPECT.value), Math.log(MAX_ASPECT.value), y));
    const [cropHeight, cropWidth] = [
      whole(Math.sqrt(area / aspect), Math.round),
      whole(Math.sqrt(area * aspect), Math.round),
    ];
    if (cropHeight < 1 || cropWidth < 1 || cropHeight > height || cropWidth > width) continue;
    const place = (share: number, room: number) => Math.min(whole(share * (room + 1), Math.floor), room);
    box = [place(z, height - cropHeight), place(w, width - cropWidth), cropHeight, cropWidth];
  }
  if (!box) {
    const cropWidth = Math.min(width, whole(height * MAX_ASPECT.value, Math.round));
    const cropHeight = Math.min(height, whole(width / MIN_ASPECT.value, Math.round));
    box = [Math.floor((height - cropHeight) / 2), Math.floor((width - cropWidth) / 2), cropHeight, cropWidth];
  }
  const [chances, amounts, others] = [draw(10), draw(11), draw(12)];
  const factors = [rest.BRIGHTNESS, rest.CONTRAST, rest.SATURATION].map(({ value }, i) =>
    between(Math.max(1 - value, 0), 1 + value, amounts[i]),
  );
  const hue = between(-rest.HUE.value, rest.HUE.value, amounts[3]);
  const order = chances[1] < rest.JITTER_PROBABILITY.value ? Math.floor(others[0] * 24) : -1;
  const blurred = chances[3] < rest.BLUR_PROBABILITY.value;
  const sigma = blurred ? between(rest.MIN_SIGMA.value, rest.MAX_SIGMA.value, others[1]) : 0;
  const [flip, gray] = [chances[0] < rest.FLIP_PROBABILITY.value, chances[2] < rest.GRAYSCALE_PROBABILITY.value];
  // An interpolation rounds its ends, 1 - share, two products and a sum.
  const rounding = (largest: number) => largest * relativeError(5);
  return {
    values: [...box, Number(flip), ...factors, hue, order, Number(gray), sigma],
    tolerance: [
      ...new Array<number>(4).fill(undecided ? Math.max(width, height) : 0),
      0,
      ...[rest.BRIGHTNESS, rest.CONTRAST, rest.SATURATION].map(({ value }) => rounding(1 + value)),
      rounding(rest.HUE.value),
      0,
      0,
      blurred ? rounding(rest.MAX_SIGMA.value) : 0,
    ],
  };
}

const drawSubject: Subject<DrawInputs> = {
  compute: async (device, inputs): Promise<Outputs> => ({ table: await drawOnDevice(device, inputs) }),
  reference: (inputs) => ({ table: Float64Array.from(drawTable(inputs).flatMap(({ values }) => values)) }),
  tolerance: (inputs) => ({ table: Float64Array.from(drawTable(inputs).flatMap(({ tolerance }) => tolerance)) }),
};

function drawTable(inputs: DrawInputs) {
  return Array.from({ length: inputs.views }, (_, view) =>
    Array.from(inputs.images, (image) => drawView(inputs, image, view)),
  ).flat();
}

function randomBytes(pixels: number): Uint8Array<ArrayBuffer> {
  const rgba = Uint8Array.from(randomInputs(13).below(pixels * 4, 256));
  return rgba.map((value, i) => (i % 4 === 3 ? 255 : value));
}

const plain = { flip: false, brightness: 1, contrast: 1, saturation: 1, hue: 0, order: -1, grayscale: false, sigma: 0 };

function checkCrops(text: string, output: ImageSize): Check {
  return checkOf(["augment"], text, augmentSubject, (): AugmentInputs => {
    const [source, batch] = [{ width: 11, height: 13 }, 2];
    const boxes = [
      { top: 0, left: 0, height: 13, width: 11 },
      { top: 2, left: 3, height: 5, width: 7 },
      { top: 12, left: 10, height: 1, width: 1 },
      { top: 1, left: 0, height: 12, width: 3 },
    ];
    const views = boxes.map((box, i) => ({ ...plain, box, flip: i % 2 === 1, grayscale: i === 3 }));
    return { batch, source, output, rgba: randomBytes(batch * 13 * 11), views };
  });
}

/** Checks of the augmentations with parameters given, and of how those are drawn. */
export const augmentChecks: readonly Check[] = [
  checkOf(
    ["bytesToImages"],
    "77 pixels from bytes",
    {
      compute: (device, rgba: Uint8Array<ArrayBuffer>) =>
        evaluate(device, (tape, input) => {
          const [bytes, y] = [input(pixelsOf(rgba), [77]), tape.tensor([77, 3], "images")];
          tape.launch(kernels.bytesToImages, { bytes, y }, { pixels: 77 });
          return { y };
        }),
      reference: (rgba) => ({ y: Float64Array.from(rgba.filter((_, i) => i % 4 < 3)).map((value) => value / 255) }),
      tolerance: (rgba) => ({
        y: Float64Array.from(rgba.filter((_, i) => i % 4 < 3)).map(
          (value) => (value / 255) * relativeError(ROUNDINGS.unpack),
        ),
      }),
    },
    () => randomBytes(77),
  ),
  checkCrops("2 views of 2 images, crops of up to 13 x 11 to 5 x 7", { width: 7, height: 5 }),
  checkCrops("2 views of 2 images, crops of up to 13 x 11 to 17 x 1", { width: 1, height: 17 }),
  checkOf(["augment"], "24 views of one image, colour jitter in every order", augmentSubject, (): AugmentInputs => {
    const [source, output] = [
      { width: 7, height: 6 },
      { width: 5, height: 5 },
    ];
    const random = randomInputs(14);
    const factors = random.uniform(72, 0.4, 1.7);
    const hues = random.uniform(24, -0.2, 0.2);
    const views = Array.from({ length: 24 }, (_, order): View => {
      const [brightness, contrast, saturation] = factors.subarray(3 * order);
      const box = { top: 1, left: 2, height: 5, width: 5 };
      return { ...plain, box, brightness, contrast, saturation, hue: hues[order], order, grayscale: order % 5 === 4 };
    });
    return { batch: 1, source, output, rgba: randomBytes(42), views };
  }),
  checkOf(["gaussianBlur"], "4 images of 9 x 7, window 5, different standard deviations", blurSubject, () => ({
    width: 7,
    height: 9,
    kernelSize: 5,
    sigmas: [0.1, 0, 1.3, 2].map(Math.fround),
    x: randomInputs(15).uniform(4 * 9 * 7 * 3, 0, 1),
  })),
  checkOf(["augmentParameters"], "3 views of 37 images", drawSubject, () => ({
    seed: 7,
    epoch: 3,
    views: 3,
    images: Uint32Array.from({ length: 37 }, (_, i) => 5 * i + 1),
    width: 31,
    height: 33,
  })),
  checkOf(["augmentParameters"], "2 views of 5 images, so wide that most crops do not fit", drawSubject, () => ({
    seed: 0xffffffff,
    epoch: 0,
    views: 2,
    images: Uint32Array.of(0, 1, 2, 3, 49999),
    width: 131,
    height: 9,
  })),
];
