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
 * Of images beyond 33 megapixels one is decoded at a time; beyond 268, or with a side beyond 65,535 pixels, large ones are refused. The
 * cache of sharp, which a process has once, is switched off.
 *
 * `measure` and `decode` reject with a plain Error or DataError where the file is broken: cut short, corrupt, or not an image.
 */
export async function loadDecoder(bitDepth = MOST_BITS): Promise<Decoder> {
  const sharp = await loadSharp();
  // It would keep what decoding a large image took, for the next time that somebody decodes the same bytes: nobody does.
  sharp.cache(false);
  // "error" refuses what cannot be decoded faithfully, a file cut short included, but not harmless oddities in metadata.
  const open = (file: Uint8Array, limitInputPixels = MOST_PIXELS): Sharp => {
    checkSignature(file);
    if (imageFormat(file) !== "BMP") return sharp(file, { failOn: "error", autoOrient: true, limitInputPixels });
    const { data, width, height } = decodeBmp(file);
    return sharp(data, { raw: { width, height, channels: 4 }, limitInputPixels });
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
  /**
   * Decodes an image; a large one when no other large one is: those that cannot be decoded line by line, as progressive JPEG and WebP,
   * take 3 to 6 bytes a pixel, however small the file is and what becomes of it.
   */
  const withRoom = async <Result>(file: Uint8Array, decodeUpTo: (mostPixels: number) => Promise<Result>) => {
    try {
      return await decodeUpTo(USUAL_PIXELS);
    } catch (error) {
      if (!(error instanceof Error && error.message.includes("exceeds pixel limit"))) throw error;
      const { width, height } = await measure(file);
      if (Math.max(width, height) > LONGEST_SIDE)
        throw new DataError(`it has ${width} x ${height} pixels, and sides of up to ${LONGEST_SIDE} are read`);
      return alone(() => decodeUpTo(MOST_PIXELS));
    }
  };
  return {
    version: `sharp ${sharp.versions.sharp}, libvips ${sharp.versions.vips}${bitDepth === MOST_BITS ? "" : `, ${bitDepth} bits`}`,
    measure,
    async decodeWithin(file, pixels) {
      const size = sizeWithin(await measure(file), pixels);
      return {
        ...size,
        data: await withRoom(file, async (most) => fitted(await bright(open(file, most)), size, "fill")),
      };
    },
    decode: (file, size) => withRoom(file, async (most) => fitted(await bright(open(file, most)), size)),
    async largest(file) {
      if (!(await isDeep(open(file)))) return null;
      return withRoom(file, async (most) => {
        const image = open(file, most);
        const { channels } = await image.stats();
        const { hasAlpha } = await image.metadata();
        return Math.max(...(hasAlpha ? channels.slice(0, -1) : channels).map(({ max }) => max));
      });
    },
    resize: (rgba, { width, height }, to) => fitted(sharp(rgba, { raw: { width, height, channels: 4 } }), to),
  };
}

/** Larger images are refused: 16,383 pixels squared, the default of sharp. */
const MOST_PIXELS = 0x3fff ** 2;
/** Of images beyond this, no two are decoded at once. */
const USUAL_PIXELS = 2 ** 25;
/** Sides of large images: no JPEG has longer ones, and of longer ones each line takes as much memory as an image. */
const LONGEST_SIDE = 65535;

let largeOnes: Promise<unknown> = Promise.resolve();

/** Waits until no other large image is decoded. */
function alone<Result>(decode: () => Promise<Result>): Promise<Result> {
  const decoding = largeOnes.then(decode);
  largeOnes = decoding.catch(() => {});
  return decoding;
}

/** sharp reads more formats, SVG and PDF among them, whatever the file is called. */
function checkSignature(file: Uint8Array): void {
  const reason = unreadReason(file);
  if (reason !== null) {
    throw new DataError(reason);
  }
}
