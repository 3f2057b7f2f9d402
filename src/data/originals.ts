import { DataError } from "../errors.js";
import { checkIndices, type Dataset, type ImageSize, type Originals } from "./dataset.js";

/**
 * The size at which an image is kept for views to be cut from: its own where that has at most so many pixels, else the largest of the
 * same proportions, in whole pixels, that has no more.
 * @param pixels from 1 up
 */
export function sizeWithin({ width, height }: ImageSize, pixels: number): ImageSize {
  if (width * height <= pixels) return { width, height };
  const scale = Math.sqrt(pixels / (width * height));
  // The shorter side of a thin one may be below a pixel; then the longer one has fewer.
  const shorter = Math.max(1, Math.floor(Math.min(width, height) * scale));
  const longer = Math.min(Math.floor(pixels / shorter), Math.floor(Math.max(width, height) * scale));
  return width >= height ? { width: longer, height: shorter } : { width: shorter, height: longer };
}

/**
 * Checks the arguments of `Originals.fetch`, and gives the bytes of each part.
 * @throws DataError where an index is outside the set, or a part is too short.
 */
export function checkParts(
  dataset: Pick<Dataset, "name" | "length">,
  pixels: number,
  indices: ArrayLike<number>,
  out: Uint8Array,
): number {
  checkIndices(dataset, indices);
  const room = indices.length === 0 ? 0 : out.length / indices.length;
  if (indices.length > 0 && (!Number.isInteger(room) || room < 4 * pixels)) {
    throw new DataError(
      `${indices.length} images of up to ${pixels} pixels need ${indices.length} equal parts of ${4 * pixels} bytes or more; the output array has ${out.length} bytes.`,
    );
  }
  return room;
}

/** What views of a set are cut from: its originals, or the images of its size, which then are the originals. */
export function originalsOf(dataset: Dataset): Originals {
  if (dataset.originals) return dataset.originals;
  const { width, height } = dataset;
  const pixels = width * height;
  return {
    pixels,
    async fetch(indices, out, sizes) {
      const room = checkParts(dataset, pixels, indices, out);
      for (let i = 0; i < indices.length; i++) sizes.set([height, width], 2 * i);
      if (room === 4 * pixels) return dataset.fetch(indices, out);
      const images = new Uint8Array(4 * pixels * indices.length);
      await dataset.fetch(indices, images);
      for (let i = 0; i < indices.length; i++) out.set(images.subarray(4 * pixels * i, 4 * pixels * (i + 1)), i * room);
    },
  };
}
