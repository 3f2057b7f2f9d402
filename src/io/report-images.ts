import { DataError } from "../errors.js";
import type { ReportImage } from "./report-data.js";

/** Larger images are shrunk to this many pixels, about what the report's tiles have on a dense screen. */
const MAX_PIXELS = 128;

/**
 * Encodes an image as PNG in a data URI, shrunk to fit 128 x 128 pixels where it is larger.
 * @throws DataError where the number of bytes does not match the size.
 */
export async function pngDataUri({ width, height, pixels }: ReportImage): Promise<string> {
  if (pixels.length !== width * height * 4) {
    throw new DataError(
      `An image of ${width} x ${height} pixels needs ${width * height * 4} RGBA bytes, it has ${pixels.length}.`,
    );
  }
  const { default: sharp } = await import("sharp");
  const png = await sharp(pixels, { raw: { width, height, channels: 4 } })
    .resize({ width: MAX_PIXELS, height: MAX_PIXELS, fit: "inside", withoutEnlargement: true })
    .png({ compressionLevel: 9 })
    .toBuffer();
  return `data:image/png;base64,${png.toString("base64")}`;
}
