import { writeFileAtomic } from "../io/atomic.js";
import { parseObject } from "../io/json.js";
import { forEachConcurrently } from "./concurrent.js";
import type { ImageSize } from "./dataset.js";

/** An image as it is kept. */
export interface DecodedImage {
  /** At the size of its set: RGBA bytes. */
  readonly image: Uint8Array;
  /** For views to be cut from; null where that is the same. */
  readonly original: (ImageSize & { readonly data: Uint8Array }) | null;
}

/** What a segment knows of an image: what it was decoded from, and the size of its original, 0 x 0 where it has none of its own. */
export interface SegmentEntry extends ImageSize {
  readonly path: string;
  /** Another one as soon as the file is. */
  readonly stamp: string;
}

/** Bytes of a segment that are wanted, and where they go. */
export interface WantedBytes {
  readonly start: number;
  readonly out: Uint8Array;
}

const MAGIC = new TextEncoder().encode("simclr images 1\n");

/**
 * A file of decoded images: `MAGIC`, the bytes of a list of entries (u32, little endian) and the list as JSON, all images at the size of the set,
 * and then all originals, both as RGBA bytes in the order of the list. It is written as a whole, and never again.
 */
export class ImageSegment {
  readonly #originals: number[] = [];

  private constructor(
    readonly path: string,
    readonly entries: readonly SegmentEntry[],
    readonly imageBytes: number,
    /** Of the whole file. */
    readonly bytes: number,
    readonly start: number,
  ) {
    let at = start + entries.length * imageBytes;
    for (const { width, height } of entries) {
      this.#originals.push(at);
      at += 4 * width * height;
    }
  }

  /** Where image `index` begins. */
  imageAt(index: number): number {
    return this.start + index * this.imageBytes;
  }

  /** Where the original of image `index` begins. */
  originalAt(index: number): number {
    return this.#originals[index];
  }

  /** Writes images to a new file. @throws CheckpointError where that cannot be. */
  static async write(
    path: string,
    images: readonly (DecodedImage & { readonly path: string; readonly stamp: string })[],
  ): Promise<ImageSegment> {
    const entries = images.map(({ path: name, stamp, original }) => ({
      path: name,
      stamp,
      width: original?.width ?? 0,
      height: original?.height ?? 0,
    }));
    const list = new TextEncoder().encode(
      JSON.stringify({ images: entries.map(({ path: name, stamp, width, height }) => [name, stamp, width, height]) }),
    );
    const start = MAGIC.length + 4 + list.length;
    const parts = [...images.map(({ image }) => image), ...images.flatMap(({ original }) => original?.data ?? [])];
    const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, start));
    bytes.set(MAGIC);
    new DataView(bytes.buffer).setUint32(MAGIC.length, list.length, true);
    bytes.set(list, MAGIC.length + 4);
    let at = start;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    await writeFileAtomic(path, bytes);
    return new ImageSegment(path, entries, images[0].image.length, bytes.length, start);
  }

  /** Reads what a file holds; null where it is no whole segment of images of so many bytes. */
  static async open(path: string, imageBytes: number): Promise<ImageSegment | null> {
    const { open } = await import("node:fs/promises");
    const file = await open(path, "r");
    try {
      const { size } = await file.stat();
      const head = new Uint8Array(MAGIC.length + 4);
      await file.read(head, 0, head.length, 0);
      const length = new DataView(head.buffer).getUint32(MAGIC.length, true);
      const start = head.length + length;
      if (!MAGIC.every((byte, i) => head[i] === byte) || start > size) return null;
      const list = new Uint8Array(length);
      await file.read(list, 0, length, head.length);
      const entries = entriesOf(new TextDecoder().decode(list));
      if (entries === null) return null;
      const segment = new ImageSegment(path, entries, imageBytes, size, start);
      const originals = entries.reduce((sum, { width, height }) => sum + 4 * width * height, 0);
      return start + entries.length * imageBytes + originals === size ? segment : null;
    } finally {
      await file.close();
    }
  }

  /** Reads parts of the file. @throws an error of the system's where it is not there any more. */
  async read(wanted: readonly WantedBytes[]): Promise<void> {
    const { open } = await import("node:fs/promises");
    const file = await open(this.path, "r");
    try {
      await forEachConcurrently(wanted.length, async (i) => {
        const { start, out } = wanted[i];
        for (let done = 0; done < out.length; ) {
          const { bytesRead } = await file.read(out, done, out.length - done, start + done);
          if (bytesRead === 0) throw new Error(`${this.path} ends too early`);
          done += bytesRead;
        }
      });
    } finally {
      await file.close();
    }
  }
}

function isWhole(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0;
}

/** The entries of a list; null where it is none. */
function entriesOf(text: string): SegmentEntry[] | null {
  const list = parseObject(text)?.["images"];
  if (!Array.isArray(list)) return null;
  const entries = list.flatMap((entry: unknown): SegmentEntry[] => {
    if (!Array.isArray(entry)) return [];
    const [path, stamp, width, height] = entry;
    const good = typeof path === "string" && typeof stamp === "string" && isWhole(width) && isWhole(height);
    return good ? [{ path, stamp, width, height }] : [];
  });
  return entries.length === list.length ? entries : null;
}
