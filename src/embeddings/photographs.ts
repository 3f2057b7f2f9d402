import { reasonOf } from "../data/broken.js";
import { findImages } from "../data/find-images.js";
import { loadSharp } from "../data/load-sharp.js";
import { openImages } from "../data/open-images.js";
import { DataError, UsageError } from "../errors.js";
import { systemErrorCode, writeError } from "../io/atomic.js";

/** Bytes that an archive of photographs may have, unpacked. */
const BUDGET = 2 * 2 ** 30;

/** The files of photographs by their names: of a folder, an archive, or any other set that `openImages` takes. */
export class Photographs {
  #listed: Promise<ReadonlyMap<string, () => Promise<Uint8Array>>> | null = null;

  constructor(
    /** Where they are. */
    readonly source: string,
  ) {}

  /** The bytes of an image file. @throws DataError where there is no such photograph any more. */
  async read(name: string): Promise<Uint8Array> {
    const direct = await this.#fromFolder(name);
    if (direct) return direct;
    this.#listed ??= this.#list();
    const read = (await this.#listed).get(name);
    if (!read) throw new DataError(`there is no ${name} in ${this.source} any more`);
    return read().catch((cause: unknown) => {
      throw new DataError(`${name} of ${this.source} cannot be read: ${reasonOf(cause)}`, { cause });
    });
  }

  /** A file of that name below a folder; null where there is none. */
  async #fromFolder(name: string): Promise<Uint8Array | null> {
    const { readFile } = await import("node:fs/promises");
    const { join } = await import("node:path");
    if (!isInside(name)) return null;
    return readFile(join(this.source, name)).catch((error: unknown) => {
      // Of an archive or a list, the source is no folder.
      if (["ENOENT", "ENOTDIR", "EISDIR"].includes(systemErrorCode(error) ?? "")) return null;
      throw new DataError(`${name} of ${this.source} cannot be read: ${reasonOf(error)}`, { cause: error });
    });
  }

  /** What is not simply a file of a folder. */
  async #list(): Promise<ReadonlyMap<string, () => Promise<Uint8Array>>> {
    const found = await findImages(this.source, BUDGET, 1);
    if (found.kind === "files") return new Map(found.images.map(({ path, read }) => [path, read]));
    const { train, test, unlabelled } = await openImages(this.source, { maxBroken: 1 });
    const sharp = await loadSharp();
    return new Map(
      [train, test, unlabelled].flatMap((set) => {
        if (!set) return [];
        const { width, height } = set;
        return Array.from({ length: set.length }, (_, index): [string, () => Promise<Uint8Array>] => [
          set.nameOf(index),
          async () => {
            const pixels = new Uint8Array(4 * width * height);
            await set.fetch([index], pixels);
            return sharp(pixels, { raw: { width, height, channels: 4 } })
              .png()
              .toBuffer();
          },
        ]);
      }),
    );
  }
}

/** Whether a path leads to no place outside of the folder that it is taken from. */
function isInside(path: string): boolean {
  return path !== "" && !/^[\\/]|^[A-Za-z]:|\0/.test(path) && !path.split(/[\\/]/).includes("..");
}

/** A photograph, and where its copy goes. */
export interface Copy {
  /** As in the set. */
  readonly name: string;
  /** The path of the copy below the folder. */
  readonly to: string;
}

/** @throws UsageError where a folder is there already and not empty; CheckpointError where it is none */
export async function expectEmpty(folder: string): Promise<void> {
  const { readdir } = await import("node:fs/promises");
  const there = await readdir(folder).catch((error: unknown) => {
    if (systemErrorCode(error) === "ENOENT") return [];
    throw writeError(folder, error);
  });
  if (there.length > 0) throw new UsageError(`${folder} is not empty: name a new folder to copy to`);
}

/**
 * Copies photographs into a new folder; nothing is ever overwritten.
 * @throws UsageError where the folder is there already and not empty; DataError for a name that leads out of it, and a photograph that is
 *   gone; CheckpointError where it cannot be written
 */
export async function copyPhotographs(
  photographs: Photographs,
  copies: readonly Copy[],
  folder: string,
): Promise<void> {
  const { mkdir, writeFile } = await import("node:fs/promises");
  const { dirname, join } = await import("node:path");
  await expectEmpty(folder);
  for (const { name, to } of copies) {
    if (!isInside(to)) throw new DataError(`${to} leads out of ${folder}: it is not copied, nor what comes after it`);
    const bytes = await photographs.read(name);
    const path = join(folder, to);
    try {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, bytes, { flag: "wx" });
    } catch (error) {
      throw writeError(path, error);
    }
  }
}
