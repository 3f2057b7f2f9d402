import { DataError } from "../errors.js";
import type { SkippedImage } from "./dataset.js";
import { imageFormat, isImagePath, judged, SIGNATURE_BYTES } from "./signature.js";
import { diskFile, isIgnoredPath, isPiecePath, type Listing, reasonOf, type SourceFile } from "./source-file.js";

/** Endings whose files are taken for images unseen: a look at each of 100,000 takes seconds. */
const CERTAIN = /\.(jpe?g|png|webp)$/i;

/** Lists one file on its own, where its first bytes are those of an image; null for anything else. */
export async function listFile(path: string, budget: number): Promise<Listing | null> {
  const { basename } = await import("node:path");
  const file = diskFile(basename(path), path, budget);
  const bytes = await file.slice(0, SIGNATURE_BYTES).catch(() => new Uint8Array(0));
  const what = imageFormat(bytes) === null ? null : judged(file.path, bytes);
  if (what === null) return null;
  if (what === "image") return { images: [file], pieces: [], unread: [] };
  return { images: [], pieces: [], unread: [{ name: file.path, ...what }] };
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
  const images: SourceFile[] = [];
  const pieces: SourceFile[] = [];
  const unread: SkippedImage[] = [];

  const add = async (path: string, full: string, isFile: boolean): Promise<void> => {
    const file = diskFile(path, full, budget);
    if (!isFile) {
      // A pipe would wait for ever, and a device may never end.
      if (isImagePath(path)) unread.push({ name: path, reason: "not a regular file" });
    } else if (isPiecePath(path)) {
      pieces.push(file);
    } else {
      const what = CERTAIN.test(path)
        ? "image"
        : judged(path, await file.slice(0, SIGNATURE_BYTES).catch(() => new Uint8Array(0)));
      if (what === "image") images.push(file);
      else if (what !== null) unread.push({ name: path, ...what });
    }
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
  return { images, pieces, unread };
}
