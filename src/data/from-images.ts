import { kindOf, kindText } from "../engine/host-data.js";
import { ConfigError, DataError, UsageError } from "../errors.js";
import { expectKeys, isRecord } from "../io/json.js";
import { counted } from "../wording.js";
import { closeGaps, reasonOf, withoutBroken } from "./broken.js";
import { forEachConcurrently } from "./concurrent.js";
import { checkImageSize, type Dataset } from "./dataset.js";
import { checkLabels, datasetFromStore, PixelStore } from "./pixels.js";
import { fitSquare, type PixelData } from "./resize.js";
import type { OpenProgress } from "./source-file.js";

/** What a page can draw; each of these is of one of its classes. Sizes in pixels. */
export type Drawable =
  /** An ImageBitmap. */
  | { readonly width: number; readonly height: number; close(): void }
  /** An HTMLCanvasElement or OffscreenCanvas, as it is now. */
  | { readonly width: number; readonly height: number; getContext(kind: string): unknown }
  /** A VideoFrame. */
  | { readonly displayWidth: number; readonly displayHeight: number; close(): void }
  /** An HTMLImageElement; it is waited for. */
  | { readonly naturalWidth: number; readonly naturalHeight: number; decode(): Promise<void> };

/** An image of a page: a file, something drawn, or pixels (an ImageData, or what has the same fields). */
export type PageImage = Blob | Drawable | PixelData;

/** How images of a page become a set. */
export interface DatasetFromImagesOptions {
  /** Side of the square images in pixels. */
  readonly imageSize: number;
  /** Class index of each image, a whole number from 0 up, in the order of the images; without it the set has no labels. */
  readonly labels?: ArrayLike<number>;
  /** Class names in label order; "0", "1", ... up to the largest label by default, which then is below 65,536. */
  readonly classes?: readonly string[];
  /** "images" by default. */
  readonly name?: string;
  /** What each image is called, in their order; by default the path or name of its file, or else its place, as "images[3]". */
  readonly names?: readonly string[];
  /** Share of the images that may be broken; 0.05 by default. */
  readonly maxBroken?: number;
  /** Called after each image, broken or not. */
  readonly onProgress?: OpenProgress;
  /** Stops before the next image; what is thrown is its reason. */
  readonly signal?: AbortSignal;
}

const NO_LIST = "datasetFromImages takes a list of images: for one, give [image]";

/** Images at a time: while one is scaled on this thread, the browser decodes the next one on another. */
const AT_ONCE = 2;

/**
 * A data set from what a page has: files that were dropped or picked, bitmaps, canvases, frames of a video, pixels. For pages and
 * workers; pixels are taken in Node, Bun and Deno too, which read files by `openImages`.
 *
 * Images are turned, laid on white, scaled and cut as `openImages` does it, by arithmetic of this library's own. Of 30 photographs of
 * 224 pixels in Chromium, at sides from 16 to 300, the bytes were 0.0 to 0.7 of 255 from those of `openImages` on average as JPEG and as
 * PNG files, and up to 3.4 as WebP files that were shrunk, which sharp has libwebp do in a way of its own. Files may be of any format that
 * the browser knows. What is no file stays as it is, and may be closed afterwards.
 *
 * Images that cannot be read, files cut short included, are left out and named in `skipped`. Images are called by the path or name of
 * their file, or else by their place, as `images[3]`.
 * @throws ConfigError for an image size that is no whole number from 1 up; DataError where there is no image, more than `maxBroken` are broken,
 * or labels do not fit; UsageError for what is no image, and files where nothing decodes them; the signal's reason.
 */
export async function datasetFromImages(
  images: ArrayLike<PageImage>,
  options: DatasetFromImagesOptions,
): Promise<Dataset> {
  if (!isRecord(options))
    throw new ConfigError("datasetFromImages needs a size: datasetFromImages(images, { imageSize: 64 })");
  expectKeys("datasetFromImages", options, [
    "imageSize",
    "labels",
    "classes",
    "name",
    "names",
    "maxBroken",
    "onProgress",
    "signal",
  ]);
  const { imageSize, labels, classes, name = "images", names, maxBroken, onProgress, signal } = options;
  if (!isRecord(images) && !Array.isArray(images)) throw new UsageError(NO_LIST);
  checkImageSize(imageSize);
  if (images.length === undefined) throw new UsageError(NO_LIST);
  const list = Array.from(images);
  if (list.length === 0) {
    throw new DataError(`${name}: there are no images.`);
  }
  if (names && names.length !== list.length)
    throw new DataError(`${name}: ${names.length} names for ${counted(list.length, "image")}; give one an image`);
  list.forEach((image, index) => {
    checkImage(`${name}[${index}]`, image);
  });
  const set = { name, length: list.length, ...checkLabels(name, list.length, labels, classes) };
  const store = new PixelStore(list.length, imageSize, imageSize);
  const reasons = new Map<number, string>();
  let done = 0;
  const read = async (index: number): Promise<void> => {
    signal?.throwIfAborted();
    try {
      const image = list[index];
      const isJpeg = isBlob(image) && (await startsAsJpeg(image));
      store.image(index).set(fitSquare(await pixelsOf(image), imageSize, isJpeg));
    } catch (error) {
      reasons.set(index, reasonOf(error));
    }
    onProgress?.(++done, list.length);
  };
  await forEachConcurrently(list.length, read, AT_ONCE);
  const nameOf = (index: number) => names?.[index] ?? fileName(list[index]) ?? `${name}[${index}]`;
  const { good, facts } = withoutBroken({ ...set, nameOf }, reasons, maxBroken);
  closeGaps(store, good);
  return datasetFromStore(store, facts);
}

function isBlob(image: PageImage): image is Blob {
  return ["Blob", "File"].includes(kindOf(image));
}

async function startsAsJpeg(file: Blob): Promise<boolean> {
  const start = new Uint8Array(await file.slice(0, 3).arrayBuffer());
  return String(start) === "255,216,255";
}

function isPixels(image: PageImage): image is PixelData {
  return typeof image === "object" && image !== null && "data" in image;
}

const DRAWN = ["ImageBitmap", "HTMLCanvasElement", "OffscreenCanvas", "VideoFrame", "HTMLImageElement"];

/** @throws UsageError for what is no image at all, and for one that this runtime cannot read. */
function checkImage(place: string, image: PageImage): void {
  if (isPixels(image)) return;
  if (!isBlob(image) && !DRAWN.includes(kindOf(image))) {
    throw new UsageError(
      `${place} is ${kindText(image)}, and no image: give files, blobs, or objects of ImageData, ${DRAWN.join(", ")}`,
    );
  }
  // Deno has canvases that nothing can be drawn on.
  if (typeof OffscreenCanvas === "undefined" || contextOf(1, 1) === null) {
    throw new UsageError(
      `${place} is ${kindText(image)}, which only a page or a worker can read: here, openImages of webgpu-simclr/node opens files`,
    );
  }
}

/** The path that a file has in the folder that was picked, or else its name; null for what has neither. */
function fileName(image: unknown): string | null {
  for (const key of ["webkitRelativePath", "name"]) {
    const text = isRecord(image) && image[key];
    if (typeof text === "string" && text !== "") return text;
  }
  return null;
}

/** The little of a page that is used here; its types belong to a browser's library. */
interface Bitmap {
  readonly width: number;
  readonly height: number;
  close(): void;
}
interface Context {
  fillStyle: string;
  fillRect(x: number, y: number, width: number, height: number): void;
  drawImage(image: unknown, x: number, y: number, width: number, height: number): void;
  getImageData(x: number, y: number, width: number, height: number): PixelData;
}
declare const createImageBitmap: (image: Blob) => Promise<Bitmap>;
declare const OffscreenCanvas: new (
  width: number,
  height: number,
) => { getContext(kind: "2d", options: { alpha: boolean; willReadFrequently: boolean }): Context | null };

/** @throws the browser's error where the image cannot be read; DataError where it has no pixels, or another number than it says. */
async function pixelsOf(image: PageImage): Promise<PixelData> {
  if (isPixels(image)) return checkPixels(image);
  if (isBlob(image)) {
    const bitmap = await createImageBitmap(image);
    try {
      return drawn(bitmap, bitmap.width, bitmap.height);
    } finally {
      bitmap.close();
    }
  }
  if ("naturalWidth" in image) {
    await image.decode();
    return drawn(image, image.naturalWidth, image.naturalHeight);
  }
  return "displayWidth" in image
    ? drawn(image, image.displayWidth, image.displayHeight)
    : drawn(image, image.width, image.height);
}

function checkPixels({ data, width, height }: PixelData): PixelData {
  if (!/^Uint8(Clamped)?Array$/.test(kindOf(data)) || data.length !== 4 * width * height || data.length === 0) {
    throw new DataError(
      `${width} x ${height} pixels take ${4 * width * height} bytes of RGBA, not ${kindText(data)} of ${data?.length}`,
    );
  }
  return { data, width, height };
}

function contextOf(width: number, height: number): Context | null {
  return new OffscreenCanvas(width, height).getContext("2d", { alpha: false, willReadFrequently: true });
}

/** Pixels that a canvas has in every browser: Safari's on phones have the fewest. */
const CANVAS_PIXELS = 2 ** 24;

/** The pixels of what is drawn on white, in as many strips as a canvas asks for. */
function drawn(image: unknown, width: number, height: number): PixelData {
  const rows = Math.min(height, Math.floor(CANVAS_PIXELS / width));
  const context = rows > 0 ? contextOf(width, rows) : null;
  if (!context) throw new DataError(`an image of ${width} x ${height} pixels cannot be drawn`);
  const data = new Uint8ClampedArray(4 * width * height);
  context.fillStyle = "white";
  for (let top = 0; top < height; top += rows) {
    const count = Math.min(rows, height - top);
    context.fillRect(0, 0, width, rows);
    context.drawImage(image, 0, -top, width, height);
    data.set(context.getImageData(0, 0, width, count).data, 4 * width * top);
  }
  return { data, width, height };
}
