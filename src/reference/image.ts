/** Size of an image in pixels. Images are RGB, [height, width, 3], values in [0, 1]. */
export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/** A rectangle of whole pixels in an image. */
export interface CropBox extends ImageSize {
  readonly left: number;
  readonly top: number;
}

/**
 * Cuts `box` out of an image of RGBA bytes and resizes it to `output`, bilinear with antialiasing, as torchvision's
 * `resized_crop` does on tensors: a triangle filter of half-width max(1, scale) source pixels around each output pixel's
 * centre, horizontal and vertical in turn, whose weights are taken over the pixels of the box alone. Alpha is left out.
 */
export function resizedCrop(rgba: Uint8Array, source: ImageSize, box: CropBox, output: ImageSize): Float64Array {
  const columns = triangleFilter(box.width, output.width);
  const rows = triangleFilter(box.height, output.height);
  const narrowed = new Float64Array(box.height * output.width * 3);
  for (let iy = 0; iy < box.height; iy++) {
    for (let ox = 0; ox < output.width; ox++) {
      for (let ix = 0; ix < box.width; ix++) {
        const from = ((box.top + iy) * source.width + box.left + ix) * 4;
        for (let c = 0; c < 3; c++) {
          narrowed[(iy * output.width + ox) * 3 + c] += columns[ox][ix] * (rgba[from + c] / 255);
        }
      }
    }
  }
  const y = new Float64Array(output.height * output.width * 3);
  for (let oy = 0; oy < output.height; oy++) {
    for (let iy = 0; iy < box.height; iy++) {
      for (let i = 0; i < output.width * 3; i++) {
        y[oy * output.width * 3 + i] += rows[oy][iy] * narrowed[iy * output.width * 3 + i];
      }
    }
  }
  return y;
}

/** For each of `to` output pixels the weights of all `from` input pixels, which add up to 1. */
function triangleFilter(from: number, to: number): Float64Array[] {
  const scale = from / to;
  const support = Math.max(1, scale);
  return Array.from({ length: to }, (_, out) => {
    const center = (out + 0.5) * scale;
    const weights = Float64Array.from({ length: from }, (_, i) =>
      Math.max(0, 1 - Math.abs(i + 0.5 - center) / support),
    );
    const sum = weights.reduce((a, b) => a + b);
    return weights.map((weight) => weight / sum);
  });
}

/** Mirrors left and right. */
export function horizontalFlip(image: Float64Array, { width, height }: ImageSize): Float64Array {
  const y = new Float64Array(image.length);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const from = (row * width + (width - 1 - column)) * 3;
      y.set(image.subarray(from, from + 3), (row * width + column) * 3);
    }
  }
  return y;
}

/** A square, its centre and side as shares of the sides of an image; side 0 for none. */
export interface Cutout {
  readonly row: number;
  readonly column: number;
  readonly side: number;
}

/**
 * Fills a square with mid-gray (DeVries and Taylor 2017). Its side is the nearest whole number of pixels; it may reach over
 * the border, and lies half a pixel up and left of its centre pixel where the side is even.
 */
export function cutout(image: Float64Array, { width, height }: ImageSize, { row, column, side }: Cutout): Float64Array {
  const pixels = Math.floor(side * height + 0.5);
  const top = Math.floor(row * height) - Math.floor(pixels / 2);
  const left = Math.floor(column * width) - Math.floor(pixels / 2);
  const inside = (place: number, start: number) => place >= start && place < start + pixels;
  return image.map((value, i) => {
    const [y, x] = [Math.floor(i / 3 / width), Math.floor(i / 3) % width];
    return inside(y, top) && inside(x, left) ? 0.5 : value;
  });
}

/** Turns a square image counterclockwise by quarters of a full turn. */
export function quarterTurns(image: Float64Array, { width, height }: ImageSize, turns: number): Float64Array {
  let turned = image;
  for (let turn = 0; turn < turns; turn++) {
    const before = turned;
    turned = new Float64Array(image.length);
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        const from = (column * width + width - 1 - row) * 3;
        turned.set(before.subarray(from, from + 3), (row * width + column) * 3);
      }
    }
  }
  return turned;
}
