import { DataError } from "../errors.js";
import { writeFileAtomic } from "./atomic.js";
import { decodeImageList, encodeImageList } from "./image-list.js";

/** Writes names of images to a file, and a comment where one is given: see `encodeImageList`. @throws CheckpointError where it cannot be written. */
export async function writeImageList(path: string, names: readonly string[], comment = ""): Promise<void> {
  await writeFileAtomic(path, encodeImageList(names, comment));
}

/** Reads names of images from a file: see `decodeImageList`. @throws DataError where it cannot be read. */
export async function readImageList(path: string): Promise<string[]> {
  const { readFile } = await import("node:fs/promises");
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DataError(`The image list ${path} cannot be read: ${reason}.`, { cause });
  });
  return decodeImageList(text);
}
