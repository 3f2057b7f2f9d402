import type { Sharp } from "sharp";
import { loadSharp } from "../data/load-sharp.js";
import { DataError } from "../errors.js";
import type { ReportImage } from "./report-data.js";

/** Larger images are shrunk to this many pixels, about what the report's tiles have on a dense screen. */
const MAX_PIXELS = 128;

/** @throws DataError where the number of bytes does not match the size. */
async function open({ width, height, pixels }: ReportImage): Promise<Sharp> {
  if (pixels.length !== width * height * 4) {
    throw new DataError(
      `An image of ${width} x ${height} pixels needs ${width * height * 4} RGBA bytes, it has ${pixels.length}.`,
    );
  }
  const sharp = await loadSharp();
  return sharp(pixels, { raw: { width, height, channels: 4 } });
}

/**
 * Encodes an image as PNG in a data URI, shrunk to fit 128 x 128 pixels where it is larger.
 * @throws DataError where the number of bytes does not match the size.
 */
export async function pngDataUri(image: ReportImage): Promise<string> {
  const png = await (await open(image))
    .resize({ width: MAX_PIXELS, height: MAX_PIXELS, fit: "inside", withoutEnlargement: true })
    .png({ compressionLevel: 9 })
    .toBuffer();
  return `data:image/png;base64,${png.toString("base64")}`;
}

/** Many small images in one, in rows of `columns`. */
export interface ContactSheet {
  readonly uri: string;
  readonly columns: number;
  /** Pixels of an image's width and height. */
  readonly tile: { readonly width: number; readonly height: number };
}

/** Larger images are shrunk to this many pixels. */
const TILE_PIXELS = 48;
/** Images that are in memory at once. */
const AT_ONCE = 64;

/**
 * Encodes images of one size as one JPEG in a data URI; null where there are none.
 * @param images gives those of some rows
 * @throws DataError where the number of bytes does not match the size.
 */
export async function contactSheet(
  rows: readonly number[],
  images: (rows: readonly number[]) => Promise<readonly ReportImage[]>,
): Promise<ContactSheet | null> {
  const [first] = await images(rows.slice(0, 1));
  if (!first) return null;
  const scale = Math.min(1, TILE_PIXELS / Math.max(first.width, first.height));
  const [width, height] = [first.width, first.height].map((pixels) => Math.max(1, Math.round(pixels * scale)));
  const columns = Math.ceil(Math.sqrt(rows.length));
  const lines = Math.ceil(rows.length / columns);
  const sheet = new Uint8Array(4 * columns * width * lines * height);
  for (let start = 0; start < rows.length; start += AT_ONCE) {
    const some = await images(rows.slice(start, start + AT_ONCE));
    for (const [i, image] of some.entries()) {
      const pixels = await (await open(image)).resize({ width, height, fit: "fill" }).raw().toBuffer();
      const [left, top] = [((start + i) % columns) * width, Math.floor((start + i) / columns) * height];
      for (let y = 0; y < height; y++) {
        sheet.set(pixels.subarray(4 * y * width, 4 * (y + 1) * width), 4 * ((top + y) * columns * width + left));
      }
    }
  }
  const jpeg = await (await open({ width: columns * width, height: lines * height, pixels: sheet }))
    .jpeg({ quality: 80 })
    .toBuffer();
  const uri = `data:image/jpeg;base64,${jpeg.toString("base64")}`;
  return { uri, columns, tile: { width, height } };
}
