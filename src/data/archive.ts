import { DataError } from "../errors.js";
import type { Memory } from "./archive-paths.js";
import type { Listing } from "./listing.js";
import { diskFile, type OpenProgress } from "./source-file.js";
import { readTar } from "./tar.js";
import { readZip } from "./zip.js";

/** What archives begin with. Old tars begin with a name. */
const STARTS: readonly (readonly [start: string, kind: string])[] = [
  ["PK\x03\x04", "zip"],
  ["PK\x05\x06", "zip"],
  ["\x1f\x8b", "gzip"],
  ["\xfd7zXZ\0", "xz"],
  ["\x28\xb5\x2f\xfd", "Zstandard"],
  ["BZh", "bzip2"],
  ["7z\xbc\xaf\x27\x1c", "7-Zip"],
  ["Rar!\x1a\x07", "RAR"],
];
const START_BYTES = 8;

/**
 * Lists the images and the pieces of packed sets of a `.tar`, `.tar.gz`, `.tgz` or `.zip`, unsorted and still encoded; its first bytes tell
 * which. See `readTar` and `readZip`.
 * @param memory bytes that what is read into memory may take.
 * @throws DataError for an archive of another kind, and as those do.
 */
export async function readArchive(path: string, memory: Memory, onProgress?: OpenProgress): Promise<Listing> {
  const kind = await archiveKind(path);
  if (kind === "zip") return readZip(path, memory, onProgress);
  if (kind === null || kind === "gzip") return readTar(path, kind === "gzip", memory, onProgress);
  throw new DataError(
    `${path} is packed by ${kind}, which is not read: unpack it and open the folder, or pack it as .zip or .tar.gz.`,
  );
}

/** How an archive is packed, by its first bytes; null for a plain tar, and for anything else. */
export async function archiveKind(path: string): Promise<string | null> {
  const bytes = await diskFile(path, path, 0).slice(0, START_BYTES);
  const start = String.fromCharCode(...bytes);
  return STARTS.find(([text]) => start.startsWith(text))?.[1] ?? null;
}
