import { DataError } from "../errors.js";
import { emptyListing, enlist, type Listing } from "./listing.js";
import { imageFormat, isImagePath, SIGNATURE_BYTES } from "./signature.js";
import { diskFile, isIgnoredPath, reasonOf } from "./source-file.js";

/** Lists one file on its own, where its first bytes are those of an image; null for anything else. */
export async function listFile(path: string, budget: number): Promise<Listing | null> {
  const { basename } = await import("node:path");
  const file = diskFile(basename(path), path, budget);
  const start = await file.slice(0, SIGNATURE_BYTES).catch(() => new Uint8Array(0));
  if (imageFormat(start) === null) return null;
  const listing = emptyListing();
  await enlist(listing, file);
  return listing;
}

/**
 * Lists the images and the pieces of packed sets below a folder, unsorted; what is no image by its name is one by its first bytes.
 * Follows symbolic links, save those that lead back to a folder they lie in; a link to nothing is listed and fails when read.
 * @param budget bytes that a gzipped file may have, unpacked
 * @throws DataError where a folder cannot be read.
 */
export async function listFolder(root: string, budget: number): Promise<Listing> {
  const { readdir, realpath, stat } = await import("node:fs/promises");
  const { join } = await import("node:path");
  const listing = emptyListing();

  const add = async (path: string, full: string, isFile: boolean): Promise<void> => {
    if (isFile) await enlist(listing, diskFile(path, full, budget));
    // A pipe would wait for ever, and a device may never end.
    else if (isImagePath(path)) listing.unread.push({ name: path, reason: "not a regular file" });
  };
  const walk = async (folder: string, prefix: string, ancestors: readonly string[]): Promise<void> => {
    const real = await realpath(folder);
    if (ancestors.includes(real)) {
      return;
    }
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const full = join(folder, entry.name);
      const path = prefix + entry.name;
      if (isIgnoredPath(entry.name)) {
        continue;
      }
      const target = entry.isSymbolicLink() ? await stat(full).catch(() => null) : entry;
      if (target?.isDirectory()) {
        await walk(full, `${path}/`, [...ancestors, real]);
      } else {
        await add(path, full, target?.isFile() ?? true);
      }
    }
  };

  try {
    await walk(root, "", []);
  } catch (cause) {
    throw new DataError(`The folder ${root} cannot be listed: ${reasonOf(cause)}.`, { cause });
  }
  return listing;
}
