import type { Sharp } from "sharp";
import { DataError } from "../errors.js";
import { decodeBmp } from "./bmp.js";
import type { ImageSize } from "./dataset.js";
import { loadSharp } from "./load-sharp.js";
import { sizeWithin } from "./originals.js";
import { imageFormat, unreadReason } from "./signature.js";

/** Bits that a value of a pixel has at most. */
export const MOST_BITS = 16;

/** Decodes image files: see `READ_FORMATS`. */
export interface Decoder {
  /** The size as shown, after the EXIF orientation, from the header alone. */
  measure(file: Uint8Array): Promise<ImageSize>;
  /** RGBA bytes at the given size. */
  decode(file: Uint8Array, size: ImageSize): Promise<Uint8Array>;
  /** RGBA bytes of the whole image, at the size that `sizeWithin` gives for so many pixels. */
  decodeWithin(file: Uint8Array, pixels: number): Promise<ImageSize & { readonly data: Uint8Array }>;
  /** The largest value of an image of 16 bits, alpha aside; null for images of fewer. */
  largest(file: Uint8Array): Promise<number | null>;
  /** RGBA bytes of one size, opaque, at another one. */
  resize(rgba: Uint8Array, from: ImageSize, to: ImageSize): Promise<Uint8Array>;
  /** What decodes, with its version: another one may give other bytes. */
  readonly version: string;
}

/**
 * Loads sharp (libvips), which decodes on its own threads.
 *
 * An image is turned as its EXIF orientation says; what is transparent is laid on white; grayscale, CMYK, palettes and 16
 * bits become 8-bit sRGB; of an animation the first frame is taken. An image of another size is scaled, up or down
 * (Lanczos), until it covers the wanted size, and cut to it around its centre.
 *
 * @param bitDepth bits that images of 16 bits make use of: the largest number of so many is white
 *
 * `measure` and `decode` reject with a plain Error or DataError where the file is broken: cut short, corrupt, or not an image.
 */
export async function loadDecoder(bitDepth = MOST_BITS): Promise<Decoder> {
  const sharp = await loadSharp();
  // "error" refuses what cannot be decoded faithfully, a file cut short included, but not harmless oddities in metadata.
  const open = (file: Uint8Array): Sharp => {
    checkSignature(file);
    if (imageFormat(file) !== "BMP") return sharp(file, { failOn: "error", autoOrient: true });
    const { data, width, height } = decodeBmp(file);
    return sharp(data, { raw: { width, height, channels: 4 } });
  };
  const isDeep = async (image: Sharp) => (await image.metadata()).depth === "ushort";
  // sharp lays an image on white before it multiplies: only a second pass does so after that.
  const bright = async (image: Sharp): Promise<Sharp> => {
    if (bitDepth === MOST_BITS || !(await isDeep(image))) return image;
    const stretched = image.linear((2 ** MOST_BITS - 1) / (2 ** bitDepth - 1), 0).toColourspace("rgb16");
    return sharp(await stretched.png({ compressionLevel: 0 }).toBuffer());
  };
  const fitted = (image: Sharp, { width, height }: ImageSize, fit: "cover" | "fill" = "cover") =>
    image
      .flatten({ background: "white" })
      .resize({ width, height, fit, position: "centre" })
      .toColourspace("srgb")
      .ensureAlpha()
      .raw()
      .toBuffer();
  const measure = async (file: Uint8Array): Promise<ImageSize> => {
    const { autoOrient } = await open(file).metadata();
    return { width: autoOrient.width, height: autoOrient.height };
  };
  return {
    version: `sharp ${sharp.versions.sharp}, libvips ${sharp.versions.vips}${bitDepth === MOST_BITS ? "" : `, ${bitDepth} bits`}`,
    measure,
    async decodeWithin(file, pixels) {
      const size = sizeWithin(await measure(file), pixels);
      return { ...size, data: await fitted(await bright(open(file)), size, "fill") };
    },
    decode: async (file, size) => fitted(await bright(open(file)), size),
    async largest(file) {
      const image = open(file);
      if (!(await isDeep(image))) return null;
      const { channels } = await image.stats();
      const { hasAlpha } = await image.metadata();
      return Math.max(...(hasAlpha ? channels.slice(0, -1) : channels).map(({ max }) => max));
    },
    resize: (rgba, { width, height }, to) => fitted(sharp(rgba, { raw: { width, height, channels: 4 } }), to),
  };
}

/** sharp reads more formats, SVG and PDF among them, whatever the file is called. */
function checkSignature(file: Uint8Array): void {
  const reason = unreadReason(file);
  if (reason !== null) {
    throw new DataError(reason);
  }
}
