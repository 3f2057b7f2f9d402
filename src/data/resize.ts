import type { ImageSize } from "./dataset.js";

// Images in another size without a library, for pages: what `loadDecoder` has libvips (8.18) do, step by step, up to its roundings.
// Where an image is shrunk by four or more, means of blocks of pixels come first, and leave a factor of two or more to the filter.

/** Pixels as an `ImageData` has them: RGBA bytes, row by row, alpha not multiplied in. */
export interface PixelData extends ImageSize {
  /** Four bytes a pixel. */
  readonly data: Uint8Array | Uint8ClampedArray;
}

/** RGB bytes. */
interface Rgb extends ImageSize {
  readonly data: Uint8ClampedArray;
}

/** Where a pixel of a scaled line comes from: a run of source pixels, and the weight of each. */
interface Mix {
  readonly first: number;
  readonly weights: readonly number[];
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

/** Lanczos' filter of three lobes, for shrinking. */
function lanczos(x: number): number {
  return Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0;
}

/** Catmull and Rom's cubic, for enlarging. */
function cubic(x: number): number {
  const a = Math.abs(x);
  if (a < 1) return (1.5 * a - 2.5) * a * a + 1;
  return a < 2 ? ((2.5 - 0.5 * a) * a - 4) * a + 2 : 0;
}

/** Pixels `from` to `from + count` of a line that is shrunk by `shrink`, below 1 for enlarged. */
function mixes(shrink: number, from: number, count: number): Mix[] {
  const enlarges = shrink < 1;
  const [filter, reach] = enlarges ? [cubic, 2] : [lanczos, 3 * shrink];
  return Array.from({ length: count }, (_, i) => {
    // libvips has enlarged pixels half of one further on than centres would be.
    const centre = (from + i + (enlarges ? 0 : 0.5)) * shrink - 0.5;
    const first = Math.ceil(centre - reach);
    const weights = Array.from({ length: Math.floor(centre + reach) - first + 1 }, (_, j) =>
      filter((first + j - centre) / Math.max(shrink, 1)),
    );
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return { first, weights: weights.map((weight) => weight / sum) };
  });
}

/**
 * Laid on white; then means of blocks of `shrink` x `shrink` pixels, down and then across, each rounded. Where a block reaches beyond the
 * edge, the pixels at the edge are there again.
 */
function blockMeans({ data, width, height }: PixelData, shrink: number): Rgb {
  const small = { width: Math.ceil(width / shrink), height: Math.ceil(height / shrink) };
  const means = new Uint8ClampedArray(small.width * small.height * 3);
  const sums = new Uint32Array(width * 3);
  const mean = (sum: number) => Math.floor(sum / shrink + 0.5);
  for (let y = 0; y < small.height; y++) {
    sums.fill(0);
    for (let inner = 0; inner < shrink; inner++) {
      let from = 4 * width * Math.min(y * shrink + inner, height - 1);
      for (let to = 0; to < sums.length; to += 3, from += 4) {
        const alpha = data[from + 3];
        const white = 255 * (255 - alpha) + 0.5;
        sums[to] += (data[from] * alpha + white) / 255;
        sums[to + 1] += (data[from + 1] * alpha + white) / 255;
        sums[to + 2] += (data[from + 2] * alpha + white) / 255;
      }
    }
    for (let x = 0; x < small.width; x++) {
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (let inner = 0; inner < shrink; inner++) sum += mean(sums[3 * Math.min(x * shrink + inner, width - 1) + c]);
        means[3 * (y * small.width + x) + c] = mean(sum);
      }
    }
  }
  return { ...small, data: means };
}

/** An image of rows that are mixes of another one's, and turned: its rows are columns then. */
function mixRows({ data, width, height }: Rgb, rows: readonly Mix[]): Rgb {
  const mixed = new Uint8ClampedArray(rows.length * width * 3);
  const sums = new Float64Array(width * 3);
  rows.forEach(({ first, weights }, y) => {
    sums.fill(0);
    weights.forEach((weight, i) => {
      const from = Math.max(0, Math.min(first + i, height - 1)) * sums.length;
      for (let at = 0; at < sums.length; at++) sums[at] += weight * data[from + at];
    });
    for (let at = 0; at < sums.length; at++) mixed[3 * (Math.floor(at / 3) * rows.length + y) + (at % 3)] = sums[at];
  });
  return { width: rows.length, height: width, data: mixed };
}

/** How much libvips leaves to libjpeg, which decodes to a half, a quarter or an eighth in less time; fractions of a pixel are lost then. */
function shrunkByDecoder(shrink: number): number {
  const most = [8, 4, 2].find((factor) => shrink >= factor) ?? 1;
  return Math.floor(shrink) === most && most > 1 ? most / 2 : most;
}

/**
 * RGBA bytes of a square of `side` pixels: what is transparent is laid on white, the image is scaled until its shorter side fits, and
 * cut around its centre.
 * @param isJpeg whether it was decoded from a JPEG file, and whole
 */
export function fitSquare(image: PixelData, side: number, isJpeg = false): Uint8Array<ArrayBuffer> {
  const shorter = Math.min(image.width, image.height);
  const decoded = isJpeg ? shrunkByDecoder(shorter / side) : 1;
  const [width, height] = [image.width, image.height].map((extent) => Math.floor(extent / decoded));
  const block = Math.max(1, Math.floor(Math.min(width, height) / side / 2));
  const small = blockMeans(image, decoded * block);
  const mixesOf = (extent: number) => {
    const target = Math.round((extent * side) / Math.min(width, height));
    return mixes(extent / block / target, Math.floor((target - side + 1) / 2), side);
  };
  const { data } = mixRows(mixRows(small, mixesOf(height)), mixesOf(width));
  const rgba = new Uint8Array(side * side * 4).fill(255);
  for (let pixel = 0; pixel < side * side; pixel++) rgba.set(data.subarray(3 * pixel, 3 * pixel + 3), 4 * pixel);
  return rgba;
}
