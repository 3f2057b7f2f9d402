import { reasonOf } from "../data/broken.js";
import { type Decoder, loadDecoder } from "../data/decode.js";
import { loadSharp } from "../data/load-sharp.js";

/** Sides of a thumbnail, in pixels, on a page that shows it at half of that on a dense screen. */
const PIXELS = 192;

/** Makes small pictures of photographs for a page, and counts those that cannot be shown. */
export class Thumbnails {
  #decoder: Promise<Decoder> | null = null;
  readonly #made = new Map<string, Promise<string | null>>();
  readonly #missing = new Map<string, string>();

  /**
   * @param read gives the bytes of a photograph's file by its name
   * @param bitDepth bits that images of 16 bits hold; all of them by default
   */
  constructor(
    readonly read: (name: string) => Promise<Uint8Array>,
    readonly bitDepth?: number,
  ) {}

  /** Those that could not be shown. */
  get missing(): readonly { readonly name: string; readonly reason: string }[] {
    return Array.from(this.#missing, ([name, reason]) => ({ name, reason }));
  }

  /** A photograph as a JPEG in a data URI, within 192 x 192 pixels; null where it cannot be read any more. */
  uri(name: string): Promise<string | null> {
    const made = this.#made.get(name) ?? this.#make(name);
    this.#made.set(name, made);
    return made;
  }

  async #make(name: string): Promise<string | null> {
    try {
      this.#decoder ??= loadDecoder(this.bitDepth);
      const decoder = await this.#decoder;
      const { width, height, data } = await decoder.decodeWithin(await this.read(name), 4 * PIXELS ** 2);
      const sharp = await loadSharp();
      const jpeg = await sharp(data, { raw: { width, height, channels: 4 } })
        .resize({ width: PIXELS, height: PIXELS, fit: "inside", withoutEnlargement: true })
        .jpeg({ quality: 78 })
        .toBuffer();
      return `data:image/jpeg;base64,${jpeg.toString("base64")}`;
    } catch (error) {
      this.#missing.set(name, reasonOf(error));
      return null;
    }
  }

  /** A photograph as RGB bytes of a square of `side` pixels, cut around its centre; null where it cannot be read any more. */
  async square(name: string, side: number): Promise<Uint8Array | null> {
    try {
      this.#decoder ??= loadDecoder(this.bitDepth);
      return await (await this.#decoder).decode(await this.read(name), { width: side, height: side });
    } catch (error) {
      this.#missing.set(name, reasonOf(error));
      return null;
    }
  }
}
