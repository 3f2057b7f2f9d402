import { readArchive } from "./archive.js";
import type { Memory } from "./archive-paths.js";
import { type Split, splitNamed } from "./layout.js";
import { emptyListing, type Listing } from "./listing.js";
import type { OpenProgress, SourceFile } from "./source-file.js";

/** Where an image lies in its archive, and what the archive's name says that it is for. */
export interface Place {
  readonly inner: string;
  readonly split: Split | null;
}

/** Several archives as one set. */
export interface Shards {
  /** With the path of the archive before each path in it. */
  readonly listing: Listing;
  /** Of the images, by their paths. */
  readonly places: ReadonlyMap<string, Place>;
}

/** "imagenet-train-000123.tar" -> "train" */
function splitOf(path: string): Split | null {
  const words = path.split(/[^A-Za-z]+/);
  return words.map(splitNamed).find((split) => split !== undefined) ?? null;
}

/**
 * Reads archives that hold one set between them, as WebDataset's shards do, in the order of their paths.
 * @param memory bytes that what is read into memory may take, of all together.
 * @throws DataError as `readArchive` does.
 */
export async function readShards(
  root: string,
  archives: readonly string[],
  memory: Memory,
  onProgress?: OpenProgress,
): Promise<Shards> {
  const { join } = await import("node:path");
  const listing = emptyListing();
  const places = new Map<string, Place>();
  let done = 0;
  for (const archive of archives.toSorted()) {
    const shard = await readArchive(join(root, archive), memory, (count) => onProgress?.(done + count, null));
    const split = splitOf(archive);
    const inside = (file: SourceFile): SourceFile => ({ ...file, path: `${archive}/${file.path}` });
    done += shard.images.length;
    for (const image of shard.images) {
      const file = inside(image);
      listing.images.push(file);
      places.set(file.path, { inner: image.path, split });
    }
    // Of one archive, pieces belong to what lies beside it.
    listing.pieces.push(...(archives.length === 1 ? shard.pieces : shard.pieces.map(inside)));
    listing.labels.push(...shard.labels.map(inside));
    listing.unread.push(...shard.unread.map(({ name, reason }) => ({ name: `${archive}/${name}`, reason })));
  }
  return { listing, places };
}
