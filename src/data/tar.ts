import { DataError } from "../errors.js";
import { leadsOut, linked, type Memory, normal, refuse, takeMemory, targetOf } from "./archive-paths.js";
import type { SkippedImage } from "./dataset.js";
import { emptyListing, enlist, isOfUse, type Listing } from "./listing.js";
import { isPythonCifar } from "./python-cifar.js";
import { SIGNATURE_BYTES } from "./signature.js";
import {
  isArchivePath,
  isIgnoredPath,
  isLabelPath,
  LABEL_BYTES,
  memoryFile,
  type OpenProgress,
  reasonOf,
  type SourceFile,
} from "./source-file.js";

const BLOCK = 512;

/**
 * Reads the images and the pieces of packed sets of a tar archive, gzipped or not, into memory, unsorted and still encoded. Hard and
 * symbolic links stand for what they lead to, files or folders of the archive; one that leads elsewhere is not read, and named. Of two
 * entries of one path the later one counts, as when unpacking.
 * @param memory bytes that the files may take.
 * @throws DataError for a damaged archive or one cut short (also before its end mark), for an entry with an absolute path
 *   or a `..` in it, and where the files exceed the budget.
 */
export async function readTar(
  path: string,
  gzipped: boolean,
  memory: Memory,
  onProgress?: OpenProgress,
): Promise<Listing> {
  const { createReadStream } = await import("node:fs");
  const { pipeline } = await import("node:stream/promises");
  const { PassThrough } = await import("node:stream");
  const { createGunzip } = await import("node:zlib");
  const { extract } = await import("../vendor/tar-stream.js");

  const files = new Map<string, SourceFile>();
  const links = new Map<string, string>();
  const unread: SkippedImage[] = [];
  const archives: string[] = [];
  const pickles: string[] = [];
  const unpacking = extract();
  unpacking.on("entry", (header, content, next) => {
    // What fails an entry fails the pipeline as well, which reports it.
    content.on("error", () => {});
    const name = normal(header.name);
    const { type, size = 0, linkname } = header;
    const isFile = (type === "file" || type === "contiguous-file") && !isIgnoredPath(name);
    if (linkname && (type === "link" || type === "symlink") && !isIgnoredPath(name)) {
      const inside = targetOf(type === "link" ? "" : name, linkname);
      if (inside !== null) links.set(name, inside);
      else unread.push({ name, reason: leadsOut(linkname) });
    }
    const error =
      refuse(path, header.name) ??
      // The reader would wait for ever for what neither has.
      (Number.isSafeInteger(size) && (type !== "directory" || size === 0)
        ? null
        : new DataError(`${path} is damaged: its entry "${name}" has a size that cannot be.`));
    if (error !== null) {
      next(error);
      return;
    }
    let chunks: Uint8Array[] = [];
    let length = 0;
    if (isFile && isArchivePath(name)) archives.push(name);
    let wanted = isFile && !(isLabelPath(name) && size > LABEL_BYTES);
    const judge = () => {
      const start = concat(chunks);
      if (isPythonCifar(name, start)) pickles.push(name);
      return isOfUse(name, start);
    };
    content.on("data", (chunk) => {
      if (!wanted || !(chunk instanceof Uint8Array)) return;
      chunks.push(chunk);
      const before = length;
      length += chunk.length;
      // Pieces are as long as it happens: what a file is, its first bytes tell once they are all there.
      if (before < SIGNATURE_BYTES && length >= SIGNATURE_BYTES) wanted = judge();
      if (!wanted) {
        chunks = [];
        return;
      }
      try {
        takeMemory(memory, chunk.length, path);
      } catch (error) {
        unpacking.destroy(error instanceof Error ? error : undefined);
      }
    });
    content.on("end", () => {
      if (wanted && (length >= SIGNATURE_BYTES || judge())) {
        files.set(name, memoryFile(name, concat(chunks), memory.budget));
        onProgress?.(files.size, null);
      }
      chunks = [];
      next();
    });
  });

  let tail: Uint8Array = new Uint8Array(0);
  const keepTail = async function* (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      tail = concat([tail, chunk.subarray(-BLOCK)]).slice(-BLOCK);
      yield chunk;
    }
  };
  try {
    await pipeline(createReadStream(path), gzipped ? createGunzip() : new PassThrough(), keepTail, unpacking);
  } catch (cause) {
    if (cause instanceof DataError) {
      throw cause;
    }
    throw new DataError(`${path} is damaged or cut short (${reasonOf(cause)}); fetch or pack it again.`, { cause });
  }
  // An archive that was cut between two files reads without an error; only the zero blocks at its end tell.
  if (tail.length < BLOCK || tail.some((byte) => byte !== 0)) {
    throw new DataError(`${path} is cut short: the mark at its end is missing; fetch or pack it again.`);
  }
  const { found, unread: dangling } = linked(files, links);
  for (const [name, file] of found) files.set(name, file);
  const listing = emptyListing();
  listing.unread.push(...unread, ...dangling);
  listing.archives.push(...archives);
  listing.pickles.push(...pickles);
  for (const file of files.values()) await enlist(listing, file);
  return listing;
}

function concat(chunks: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}
