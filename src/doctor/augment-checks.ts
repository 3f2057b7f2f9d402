import * as kernels from "../../kernels/generated.js";
import type { Device } from "../engine/device.js";
import type { ConstantValues } from "../engine/pipelines.js";
import { gaussianBlur } from "../reference/blur.js";
import { type ColorAdjustment, colorJitter, grayscale, solarize } from "../reference/color.js";
import {
  type CropBox,
  type Cutout,
  cutout,
  horizontalFlip,
  type ImageSize,
  quarterTurns,
  resizedCrop,
} from "../reference/image.js";
import { randomUniform } from "../reference/random.js";
import { type Check, checkOf, evaluate, type Outputs, type Subject } from "./check.js";
import { randomInputs } from "./random-inputs.js";
import { expRoundings, ROUNDINGS, relativeError, UNIT } from "./rounding.js";

/** One view of an image, in the terms of the reference. */
export interface View {
  readonly box: CropBox;
  readonly flip: boolean;
  readonly cutout: Cutout;
  readonly brightness: number;
  readonly contrast: number;
  readonly saturation: number;
  readonly hue: number;
  /** Which of the 24 orders of the four adjustments, or -1 for none of them. */
  readonly order: number;
  readonly grayscale: boolean;
  /** Standard deviation of the blur, 0 for none. */
  readonly sigma: number;
  readonly sobel: boolean;
  /** Standard deviation of the noise, 0 for none, and what it is drawn from. */
  readonly noise: { readonly sigma: number; readonly seed: readonly [number, number] };
  /** Quarters of a full turn counterclockwise. */
  readonly turns: number;
  readonly solarize: boolean;
}

/** A view that changes nothing of what is in a box. */
export const plainView: Omit<View, "box"> = {
  flip: false,
  cutout: { row: 0, column: 0, side: 0 },
  brightness: 1,
  contrast: 1,
  saturation: 1,
  hue: 0,
  order: -1,
  grayscale: false,
  sigma: 0,
  sobel: false,
  noise: { sigma: 0, seed: [0, 0] },
  turns: 0,
  solarize: false,
};

const FIELDS = kernels.augmentParameters.constants.VIEW_FIELDS.value;

/** A view of an image with rows of so many pixels, as the numbers of kernels/lib/view.wgsl. */
export function viewRow({ box, cutout: cut, noise, ...view }: View, stride: number): number[] {
  return [
    ...[box.top, box.left, box.height, box.width, Number(view.flip)],
    ...[view.brightness, view.contrast, view.saturation, view.hue, view.order, Number(view.grayscale), view.sigma],
    ...[cut.row, cut.column, cut.side, Number(view.sobel), noise.sigma, ...noise.seed],
    ...[view.turns, Number(view.solarize), stride],
  ];
}

/** The table of views that differ from plain ones of no crop; `strideOf` says how wide the image of each is. */
export function viewTable(views: readonly Partial<View>[], strideOf: (row: number) => number = () => 0): Float64Array {
  const box = { top: 0, left: 0, height: 0, width: 0 };
  return Float64Array.from(views.flatMap((view, row) => viewRow({ box, ...plainView, ...view }, strideOf(row))));
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
  /** Of each image, where they differ: what is left of the room that `source` is, nothing reads. */
  readonly sizes?: readonly ImageSize[];
  readonly output: ImageSize;
  readonly rgba: Uint8Array<ArrayBuffer>;
  readonly views: readonly View[];
}

function pixelsOf(rgba: Uint8Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  return new Uint32Array(rgba.slice().buffer);
}

/** Output y [views, out height, out width, 3]. */
export const augmentSubject: Subject<AugmentInputs> = {
  compute: (device, { batch, source, sizes, output, rgba, views }) =>
    evaluate(device, (tape, input) => {
      const strideOf = (row: number) => (sizes?.[row % batch] ?? source).width;
      const y = tape.tensor([views.length, output.height, output.width, 3], "views");
      tape.launch(
        kernels.augment,
        {
          bytes: input(pixelsOf(rgba), [batch, source.height, source.width]),
          views: input(viewTable(views, strideOf), [views.length, FIELDS]),
          y,
        },
        {
          batch,
          views: views.length / batch,
          image_pixels: source.height * source.width,
          out_height: output.height,
          out_width: output.width,
        },
        { SOLARIZE: views.some((view) => view.solarize) },
      );
      return { y };
    }),
  reference({ batch, source, sizes, output, rgba, views }) {
    const bytes = source.width * source.height * 4;
    const images = views.map((view, row) => {
      const image = rgba.subarray((row % batch) * bytes, ((row % batch) + 1) * bytes);
      const cropped = resizedCrop(image, sizes?.[row % batch] ?? source, view.box, output);
      const flipped = view.flip ? horizontalFlip(cropped, output) : cropped;
      const cut = cutout(flipped, output, view.cutout);
      const order = view.order < 0 ? [] : adjustmentOrder(view.order);
      const jittered = colorJitter(cut, { ...view, order });
      const gray = view.grayscale ? grayscale(jittered) : jittered;
      return Array.from(quarterTurns(view.solarize ? solarize(gray) : gray, output, view.turns));
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
  // Solarization has a slope of 1 or -1, and f32 has 1 - x, where x is at least a half.
  return view.grayscale ? error + relativeError(3) : error;
}

/** Images [images, height, width, 3], the standard deviation of the blur of each, and whether it is solarized after that. */
export interface BlurInputs extends ImageSize {
  readonly kernelSize: number;
  readonly sigmas: readonly number[];
  readonly solarized: readonly boolean[];
  readonly x: Float64Array;
}

/** Output y, blurred along rows and then columns. */
export const blurSubject: Subject<BlurInputs> = {
  compute: (device, { width, height, kernelSize, sigmas, solarized, x: data }) =>
    evaluate(device, (tape, input) => {
      const shape = [sigmas.length, height, width, 3];
      const table = viewTable(sigmas.map((sigma, i) => ({ sigma, solarize: solarized[i] })));
      const views = input(table, [sigmas.length, FIELDS]);
      const [x, half, y] = [input(data, shape), tape.tensor(shape, "blurred rows"), tape.tensor(shape, "blurred")];
      const params = { images: sigmas.length, height, width };
      tape.launch(kernels.gaussianBlur, { x, views, y: half }, params, { KERNEL: kernelSize });
      const last = { KERNEL: kernelSize, VERTICAL: true, SOLARIZE: solarized.includes(true) };
      tape.launch(kernels.gaussianBlur, { x: half, views, y }, params, last);
      return { y };
    }),
  reference: ({ kernelSize, sigmas, solarized, x, ...size }) => {
    const elements = size.width * size.height * 3;
    const images = sigmas.map((sigma, i) => {
      const image = x.slice(i * elements, (i + 1) * elements);
      const blurred = sigma > 0 ? gaussianBlur(image, size, kernelSize, sigma) : image;
      return Array.from(solarized[i] ? solarize(blurred) : blurred);
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

type DrawConstants = typeof kernels.augmentParameters.constants;

/** How the views of a batch are drawn. */
export interface DrawInputs extends ImageSize {
  readonly seed: number;
  readonly epoch: number;
  readonly views: number;
  /** Number of the first view; 0 unless given. */
  readonly firstView?: number;
  readonly images: Uint32Array<ArrayBuffer>;
  /** Of each image, where they differ. */
  readonly sizes?: readonly ImageSize[];
  /** Probabilities and ranges that differ from the kernel's own. */
  readonly constants?: ConstantValues<keyof DrawConstants>;
}

/** Draws the parameters of views: [views * images, fields of a view]. */
export async function drawOnDevice(device: Device, inputs: DrawInputs): Promise<Float64Array> {
  const { seed, epoch, views, firstView = 0, images, sizes, width, height, constants } = inputs;
  const { table } = await evaluate(device, (tape, input) => {
    const rows = tape.tensor([views * images.length, FIELDS], "view parameters");
    const numbers = input(images, [images.length]);
    const extents = sizes && Uint32Array.from(sizes.flatMap((size) => [size.height, size.width]));
    tape.launch(
      kernels.augmentParameters,
      {
        counter: input(Uint32Array.of(seed, epoch), [2]),
        images: numbers,
        sizes: extents ? input(extents, [images.length, 2]) : numbers,
        views: rows,
      },
      { batch: images.length, views, first_view: firstView, begin: 0, end: views, height, width },
      { ...constants, SIZED: sizes !== undefined },
    );
    return { table: rows };
  });
  return table;
}

/** The parameters of a view, and how far each may be off. */
function drawView({ seed, epoch, width, height, constants }: DrawInputs, image: number, view: number) {
  const own = kernels.augmentParameters.constants;
  const value = (name: keyof DrawConstants) => Number(constants?.[name] ?? own[name].value);
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
  const crop = (
    from: CropBox,
    [least, most]: readonly [number, number],
    draws: (attempt: number) => number[],
  ): CropBox => {
    if (least >= 1) return from;
    for (let attempt = 0; attempt < 10; attempt++) {
      const [x, y, z, w] = draws(attempt);
      const area = between(least, most, x) * from.height * from.width;
      const aspect = Math.exp(between(Math.log(value("MIN_ASPECT")), Math.log(value("MAX_ASPECT")), y));
      const cropHeight = whole(Math.sqrt(area / aspect), Math.round);
      const cropWidth = whole(Math.sqrt(area * aspect), Math.round);
      if (cropHeight < 1 || cropWidth < 1 || cropHeight > from.height || cropWidth > from.width) continue;
      const place = (share: number, room: number) => Math.min(whole(share * (room + 1), Math.floor), room);
      const top = from.top + place(z, from.height - cropHeight);
      return { top, left: from.left + place(w, from.width - cropWidth), height: cropHeight, width: cropWidth };
    }
    const cropWidth = Math.min(from.width, whole(from.height * value("MAX_ASPECT"), Math.round));
    const cropHeight = Math.min(from.height, whole(from.width / value("MIN_ASPECT"), Math.round));
    const top = from.top + Math.floor((from.height - cropHeight) / 2);
    return { top, left: from.left + Math.floor((from.width - cropWidth) / 2), height: cropHeight, width: cropWidth };
  };
  const base = crop(
    { top: 0, left: 0, height, width },
    [value("MIN_SHARED_AREA"), value("MAX_SHARED_AREA")],
    (attempt) => randomUniform([seed, epoch, image, 0xfffffff0 + attempt]),
  );
  const box = crop(base, [value("MIN_AREA"), value("MAX_AREA")], draw);
  const [chances, amounts, others, more, places, last] = [10, 11, 12, 13, 14, 15].map(draw);
  const strengths = [value("BRIGHTNESS"), value("CONTRAST"), value("SATURATION")];
  const factors = strengths.map((strength, i) => between(Math.max(1 - strength, 0), 1 + strength, amounts[i]));
  const blurred = chances[3] < value("BLUR_PROBABILITY");
  const noisy = more[2] < value("NOISE_PROBABILITY");
  const drawn: View = {
    box,
    flip: chances[0] < value("FLIP_PROBABILITY"),
    cutout: {
      row: places[0],
      column: places[1],
      side: more[0] < value("CUTOUT_PROBABILITY") ? value("CUTOUT_SIDE") : 0,
    },
    brightness: factors[0],
    contrast: factors[1],
    saturation: factors[2],
    hue: between(-value("HUE"), value("HUE"), amounts[3]),
    order: chances[1] < value("JITTER_PROBABILITY") ? Math.floor(others[0] * 24) : -1,
    grayscale: chances[2] < value("GRAYSCALE_PROBABILITY"),
    sigma: blurred ? between(value("MIN_SIGMA"), value("MAX_SIGMA"), others[1]) : 0,
    sobel: more[1] < value("SOBEL_PROBABILITY"),
    noise: {
      sigma: noisy ? between(value("MIN_NOISE"), value("MAX_NOISE"), others[2]) : 0,
      seed: [places[2] * 2 ** 24, places[3] * 2 ** 24],
    },
    turns: more[3] < value("ROTATION_PROBABILITY") ? 1 + Math.floor(others[3] * 3) : 0,
    solarize: last[0] < value("SOLARIZE_PROBABILITY"),
  };
  // An interpolation rounds its ends, 1 - share, two products and a sum.
  const rounding = (largest: number) => largest * relativeError(5);
  return {
    values: viewRow(drawn, width),
    tolerance: [
      ...new Array<number>(4).fill(undecided ? Math.max(width, height) : 0),
      0,
      ...strengths.map((strength) => rounding(1 + strength)),
      rounding(value("HUE")),
      0,
      0,
      blurred ? rounding(value("MAX_SIGMA")) : 0,
      0,
      0,
      // The side is a constant, which f32 has only rounded.
      UNIT * value("CUTOUT_SIDE"),
      0,
      noisy ? rounding(value("MAX_NOISE")) : 0,
      0,
      0,
      0,
      0,
      0,
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
    Array.from(inputs.images, (image, i) =>
      drawView({ ...inputs, ...inputs.sizes?.[i] }, image, (inputs.firstView ?? 0) + view),
    ),
  ).flat();
}

function randomBytes(pixels: number): Uint8Array<ArrayBuffer> {
  const rgba = Uint8Array.from(randomInputs(13).below(pixels * 4, 256));
  return rgba.map((value, i) => (i % 4 === 3 ? 255 : value));
}

function checkCrops(text: string, output: ImageSize): Check {
  return checkOf(["augment"], text, augmentSubject, (): AugmentInputs => {
    const [source, batch] = [{ width: 11, height: 13 }, 2];
    const boxes = [
      { top: 0, left: 0, height: 13, width: 11 },
      { top: 2, left: 3, height: 5, width: 7 },
      { top: 12, left: 10, height: 1, width: 1 },
      { top: 1, left: 0, height: 12, width: 3 },
    ];
    const views = boxes.map((box, i) => ({ ...plainView, box, flip: i % 2 === 1, grayscale: i === 3 }));
    return { batch, source, output, rgba: randomBytes(batch * 13 * 11), views };
  });
}

/** Cutouts in the middle, over edges and larger than the view, before a colour jitter, solarization and quarter turns. */
function checkTurns(size: string, output: ImageSize): Check {
  return checkOf(
    ["augment"],
    `5 views of ${size}, cutouts, solarization and quarter turns`,
    augmentSubject,
    (): AugmentInputs => {
      const source = { width: 9, height: 9 };
      const cutouts = [
        { row: 0.5, column: 0.5, side: 0.45 },
        { row: 0, column: 0.99, side: 0.6 },
        { row: 0.85, column: 0.2, side: 0.3 },
        { row: 0.3, column: 0.6, side: 3.1 },
        { row: 0.3, column: 0.6, side: 0 },
      ];
      const views = cutouts.map((cut, i) => ({
        ...plainView,
        box: { top: i, left: 1, height: 4, width: 8 },
        flip: i === 1,
        cutout: cut,
        brightness: 1.5,
        contrast: 0.5,
        order: i === 4 ? -1 : i,
        turns: i % 4,
        solarize: i % 2 === 0,
      }));
      return { batch: 1, source, output, rgba: randomBytes(81), views };
    },
  );
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
  checkOf(
    ["augment"],
    "2 views of 3 images of different sizes, shrunk by up to 5",
    augmentSubject,
    (): AugmentInputs => {
      const sizes = [
        { width: 40, height: 25 },
        { width: 17, height: 58 },
        { width: 3, height: 1 },
      ];
      const whole = sizes.map((size) => ({ top: 0, left: 0, ...size }));
      const parts = [
        { top: 6, left: 13, height: 19, width: 27 },
        { top: 41, left: 2, height: 16, width: 9 },
        { top: 0, left: 1, height: 1, width: 2 },
      ];
      const views = [...whole, ...parts].map((box) => ({ ...plainView, box }));
      return {
        batch: 3,
        source: { width: 25, height: 40 },
        sizes,
        output: { width: 8, height: 12 },
        rgba: randomBytes(3 * 1000),
        views,
      };
    },
  ),
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
      return {
        ...plainView,
        box,
        brightness,
        contrast,
        saturation,
        hue: hues[order],
        order,
        grayscale: order % 5 === 4,
      };
    });
    return { batch: 1, source, output, rgba: randomBytes(42), views };
  }),
  checkTurns("1 x 1", { width: 1, height: 1 }),
  checkTurns("7 x 7", { width: 7, height: 7 }),
  checkOf(["gaussianBlur"], "4 images of 9 x 7, window 5, different standard deviations", blurSubject, () => ({
    width: 7,
    height: 9,
    kernelSize: 5,
    sigmas: [0.1, 0, 1.3, 2].map(Math.fround),
    solarized: [false, false, false, false],
    x: randomInputs(15).uniform(4 * 9 * 7 * 3, 0, 1),
  })),
  checkOf(
    ["gaussianBlur"],
    "4 images of 7 x 9, window 3, some of them blurred and some solarized",
    blurSubject,
    () => ({
      width: 9,
      height: 7,
      kernelSize: 3,
      sigmas: [0, 0, 1.3, 2].map(Math.fround),
      solarized: [true, false, true, false],
      x: randomInputs(18).uniform(4 * 9 * 7 * 3, 0, 1),
    }),
  ),
  checkOf(["augmentParameters"], "3 views of 37 images", drawSubject, () => ({
    seed: 7,
    epoch: 3,
    views: 3,
    images: Uint32Array.from({ length: 37 }, (_, i) => 5 * i + 1),
    width: 31,
    height: 33,
  })),
  checkOf(["augmentParameters"], "views 2 to 5 of 37 images", drawSubject, () => ({
    seed: 7,
    epoch: 3,
    views: 4,
    firstView: 2,
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
  checkOf(["augmentParameters"], "2 views of 40 images of different sizes", drawSubject, () => ({
    seed: 11,
    epoch: 2,
    views: 2,
    images: Uint32Array.from({ length: 40 }, (_, i) => 3 * i),
    sizes: Array.from({ length: 40 }, (_, i) => ({ width: 20 + 7 * i, height: 5 + ((i * 83) % 97) })),
    width: 0,
    height: 0,
  })),
  checkOf(["augmentParameters"], "2 views of 37 images, both inside of one crop", drawSubject, () => ({
    seed: 3,
    epoch: 1,
    views: 2,
    images: Uint32Array.from({ length: 37 }, (_, i) => i),
    width: 32,
    height: 32,
    constants: { MIN_SHARED_AREA: 0.08, CUTOUT_PROBABILITY: 0.25, CUTOUT_SIDE: 0.3, ROTATION_PROBABILITY: 0.5 },
  })),
];
