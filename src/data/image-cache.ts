import { DataError } from "../errors.js";
import { reasonOf } from "./broken.js";
import type { ImageSize } from "./dataset.js";
import { type DecodedImage, ImageSegment, type WantedBytes } from "./image-segment.js";

/** Where decoded images are kept on disk. */
export interface CachePlace {
  /** A folder of its own: folders in it may be deleted. */
  readonly folder: string;
  /** Bytes; 50 GB by default. Never more than half of what is free on the disk is taken. */
  readonly limit?: number;
}

/** What decoded images depend on besides their files. */
export interface CacheKey extends ImageSize {
  /** Whole path of the folder or archive that they are from. */
  readonly root: string;
  /** The most pixels of an original; 0 where there are none. */
  readonly pixels: number;
  /** What decodes, with its version. */
  readonly decoder: string;
}

/** A decoded image that is kept, with the size of its original, 0 x 0 where it has none of its own. */
export interface KeptImage extends ImageSize {
  readonly group: Group;
  readonly index: number;
}

/** Images that are kept together. */
interface Group {
  /** Those that are in memory. */
  images: (DecodedImage & { readonly path: string; readonly stamp: string })[];
  /** The file that they are in. */
  segment: ImageSegment | null;
}

/** Bytes of a segment, more or less: enough to make few files, few enough to lose little when a run is killed. */
const SEGMENT_BYTES = 2 ** 26;
/** Bytes of all that is kept, unless a place says otherwise. */
const LIMIT = 50e9;
const ENDING = ".images";
/** Milliseconds after which what a killed process began to write is deleted. */
const ABANDONED = 3600_000;

function keyOf(path: string, stamp: string): string {
  return `${stamp} ${path}`;
}

/** The folder of one kind of images, and how much may be in all such folders. */
interface Pack {
  readonly folder: string;
  readonly all: string;
  /** Bytes that all packs may have. */
  readonly limit: number;
  /** Bytes that all packs have. */
  bytes: number;
}

/**
 * Keeps decoded images: in files, so that they are decoded once and need not fit the memory, or else in memory. In files, images are
 * known by their path and stamp. A pack, a folder of segments, holds the images of one folder or archive at one size; where
 * a new one has no room, those used longest ago go. Several processes may use a pack: each adds segments of its own.
 */
export class ImageCache {
  /** Why images are not kept in files any more, for people; null while they are, and where they never were to be. */
  trouble: string | null = null;
  readonly #known = new Map<string, KeptImage>();
  #group: Group = { images: [], segment: null };
  #groupBytes = 0;
  #writing: Promise<void> = Promise.resolve();
  #segments = 0;

  private constructor(
    private pack: Pack | null,
    /** Whether what is in no file stays in memory. */
    readonly inMemory: boolean,
  ) {}

  /** Keeps images in memory, if at all. */
  static withoutFiles(inMemory: boolean): ImageCache {
    return new ImageCache(null, inMemory);
  }

  /** Opens the pack of such images, or begins one. Never throws: where there can be no file, `trouble` says why. */
  static async open(place: CachePlace, key: CacheKey, inMemory: boolean): Promise<ImageCache> {
    const { mkdir, readdir, rm, stat, statfs, utimes } = await import("node:fs/promises");
    const { createHash } = await import("node:crypto");
    const { join } = await import("node:path");
    const name = createHash("sha256").update(
      JSON.stringify([key.root, key.width, key.height, key.pixels, key.decoder]),
    );
    const folder = join(place.folder, name.digest("hex").slice(0, 16));
    try {
      await mkdir(folder, { recursive: true });
      const now = new Date();
      await utimes(folder, now, now);
      const bytes = (await packsIn(place.folder)).reduce((sum, pack) => sum + pack.bytes, 0);
      const disk = await statfs(place.folder);
      const limit = Math.min(place.limit ?? LIMIT, bytes + (disk.bavail * disk.bsize) / 2);
      const cache = new ImageCache({ folder, all: place.folder, limit, bytes }, inMemory);
      for (const file of (await readdir(folder)).sort()) {
        const path = join(folder, file);
        if (file.endsWith(ENDING)) {
          const segment = await ImageSegment.open(path, 4 * key.width * key.height);
          if (segment) cache.#know(segment);
          else await rm(path, { force: true });
        } else if ((await stat(path)).mtimeMs < Date.now() - ABANDONED) {
          await rm(path, { force: true });
        }
      }
      return cache;
    } catch (error) {
      const cache = new ImageCache(null, inMemory);
      cache.trouble = reasonOf(error);
      return cache;
    }
  }

  #know(segment: ImageSegment): void {
    const group = { images: [], segment };
    segment.entries.forEach(({ path, stamp, width, height }, index) => {
      this.#known.set(keyOf(path, stamp), { group, index, width, height });
    });
  }

  /** The image of a file as it is now; null where it is not kept. */
  find(path: string, stamp: string): KeptImage | null {
    return this.#known.get(keyOf(path, stamp)) ?? null;
  }

  /** Keeps an image, if it can: `read` tells. */
  async add(path: string, stamp: string, image: DecodedImage): Promise<KeptImage> {
    const group = this.#group;
    const { width = 0, height = 0, data } = image.original ?? {};
    const index = group.images.push({ ...image, path, stamp }) - 1;
    this.#groupBytes += image.image.length + (data?.length ?? 0);
    if (this.#groupBytes >= SEGMENT_BYTES) await this.finish();
    return { group, index, width, height };
  }

  /** Writes what is not in a file yet. */
  async finish(): Promise<void> {
    const [group, bytes] = [this.#group, this.#groupBytes];
    this.#group = { images: [], segment: null };
    this.#groupBytes = 0;
    if (group.images.length > 0) this.#writing = this.#writing.then(() => this.#write(group, bytes));
    await this.#writing;
  }

  async #write(group: Group, bytes: number): Promise<void> {
    if (this.pack) group.segment = await this.#written(this.pack, group, bytes);
    if (group.segment || !this.inMemory) group.images = [];
  }

  /** The file that a group is in; null, and no more files are written, where that cannot be. */
  async #written(pack: Pack, { images }: Group, bytes: number): Promise<ImageSegment | null> {
    const { join } = await import("node:path");
    const { pid } = await import("node:process");
    try {
      if (!(await makeRoom(pack, bytes)))
        throw new DataError(`the ${(pack.limit / 1e9).toFixed(1)} GB that may be in ${pack.all} are full`);
      const name = `${Date.now().toString(36)}-${pid}-${this.#segments++}${ENDING}`;
      const segment = await ImageSegment.write(join(pack.folder, name), images);
      pack.bytes += segment.bytes;
      return segment;
    } catch (error) {
      this.trouble = reasonOf(error);
      this.pack = null;
      return null;
    }
  }

  /**
   * Reads images, or their originals: `out[i]` gets the bytes of image i. What is not kept any more is left as it is.
   * @returns whether each was read
   */
  async read(images: readonly KeptImage[], part: "image" | "original", out: readonly Uint8Array[]): Promise<boolean[]> {
    const good = images.map(() => false);
    const bySegment = new Map<ImageSegment, (WantedBytes & { readonly i: number })[]>();
    images.forEach(({ group, index, width }, i) => {
      const held = group.images[index];
      const { segment } = group;
      const original = part === "original" && width > 0;
      if (held) {
        out[i].set(original && held.original ? held.original.data : held.image);
        good[i] = true;
      } else if (segment) {
        const wanted = bySegment.get(segment) ?? [];
        bySegment.set(segment, wanted);
        const start = original ? segment.originalAt(index) : segment.imageAt(index);
        wanted.push({ start, out: out[i], i });
      }
    });
    for (const [segment, wanted] of bySegment) {
      const read = await segment.read(wanted).then(
        () => true,
        () => false,
      );
      for (const { i } of wanted) good[i] = read;
    }
    return good;
  }
}

/** Deletes the packs that were used longest ago until so many bytes fit; false where they do not. */
async function makeRoom(pack: Pack, bytes: number): Promise<boolean> {
  if (pack.bytes + bytes <= pack.limit) return true;
  const { rm } = await import("node:fs/promises");
  const others = (await packsIn(pack.all)).filter(({ path }) => path !== pack.folder);
  for (const other of others.sort((a, b) => a.used - b.used)) {
    await rm(other.path, { recursive: true, force: true });
    pack.bytes -= other.bytes;
    if (pack.bytes + bytes <= pack.limit) return true;
  }
  return false;
}

/** A pack of a cache. */
export interface CachePack {
  readonly path: string;
  /** On disk. */
  readonly bytes: number;
  /** When it was used last, in milliseconds. */
  readonly used: number;
}

/** The packs in a cache's folder; none where there is no such folder. */
export async function packsIn(folder: string): Promise<CachePack[]> {
  const { readdir, stat } = await import("node:fs/promises");
  const { join } = await import("node:path");
  const names = await readdir(folder).catch(() => []);
  const packs = names.map(async (name): Promise<CachePack[]> => {
    const path = join(folder, name);
    try {
      const { mtimeMs } = await stat(path);
      const files = await Promise.all((await readdir(path)).map((file) => stat(join(path, file))));
      return [{ path, bytes: files.reduce((sum, { size }) => sum + size, 0), used: mtimeMs }];
    } catch {
      // Gone meanwhile, or no folder.
      return [];
    }
  });
  return (await Promise.all(packs)).flat();
}
