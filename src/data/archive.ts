import { DataError } from "../errors.js";
import type { SkippedImage } from "./dataset.js";
import { isImagePath, judged, SIGNATURE_BYTES } from "./signature.js";
import {
  isIgnoredPath,
  isPiecePath,
  type Listing,
  memoryFile,
  type OpenProgress,
  reasonOf,
  type SourceFile,
} from "./source-file.js";

const BLOCK = 512;
/** Links that lead to links: more than any archive has, and fewer than a circle. */
const MOST_LINKS = 32;

/**
 * Reads the images and the pieces of packed sets of a `.tar`, `.tar.gz` or `.tgz` into memory, unsorted and still encoded. Hard and
 * symbolic links stand for what they lead to, files or folders of the archive; one that leads elsewhere is not read, and named. Of two
 * entries of one path the later one counts, as when unpacking.
 * @param budget bytes that the files may take.
 * @throws DataError for a damaged archive or one cut short (also before its end mark), for an entry with an absolute path
 *   or a `..` in it, and where the files exceed the budget.
 */
export async function readArchive(path: string, budget: number, onProgress?: OpenProgress): Promise<Listing> {
  const { createReadStream } = await import("node:fs");
  const { pipeline } = await import("node:stream/promises");
  const { PassThrough } = await import("node:stream");
  const { createGunzip } = await import("node:zlib");
  const { extract } = await import("../vendor/tar-stream.js");

  const files = new Map<string, Uint8Array>();
  const links = new Map<string, string>();
  const unread: SkippedImage[] = [];
  let bytes = 0;
  const unpacking = extract();
  unpacking.on("entry", (header, content, next) => {
    // What fails an entry fails the pipeline as well, which reports it.
    content.on("error", () => {});
    const name = normal(header.name);
    const { type, size = 0, linkname } = header;
    const isFile = (type === "file" || type === "contiguous-file") && !isIgnoredPath(name);
    if (linkname && (type === "link" || type === "symlink") && !isIgnoredPath(name)) {
      const target = type === "link" ? linkname : `${name.split("/").slice(0, -1).join("/")}/${linkname}`;
      const inside = linkname.startsWith("/") ? null : insideOf(target);
      if (inside !== null) links.set(name, inside);
      else unread.push({ name, reason: `a link that leads out of the archive, to ${linkname}` });
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
    let wanted = isFile;
    const judge = () => isPiecePath(name) || judged(name, concat(chunks)) !== null;
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
      bytes += chunk.length;
      if (bytes > budget) unpacking.destroy(tooLarge(path, `more than ${budget} bytes`, budget));
    });
    content.on("end", () => {
      if (wanted && (length >= SIGNATURE_BYTES || judge())) {
        files.set(name, concat(chunks));
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
    await pipeline(
      createReadStream(path),
      /\.t?gz$/i.test(path) ? createGunzip() : new PassThrough(),
      keepTail,
      unpacking,
    );
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
  for (const [name, content] of found) files.set(name, content);
  return { ...sorted(files, budget), unread: [...unread, ...dangling, ...unreadOf(files)] };
}

/** A path without empty parts and ".". */
function normal(path: string): string {
  return path
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/");
}

/** A path without ".."; null where it leads outside. */
function insideOf(path: string): string | null {
  const parts: string[] = [];
  for (const part of normal(path).split("/")) {
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) return null;
  }
  return parts.join("/");
}

/** What links lead to, by the paths that the links make, and images that lead to nothing. */
function linked(
  files: ReadonlyMap<string, Uint8Array>,
  links: ReadonlyMap<string, string>,
): { found: ReadonlyMap<string, Uint8Array>; unread: readonly SkippedImage[] } {
  const found = new Map<string, Uint8Array>();
  const unread: SkippedImage[] = [];
  for (const [name, first] of links) {
    let target = first;
    for (let i = 0; i < MOST_LINKS && links.has(target); i++) target = links.get(target) ?? target;
    const file = files.get(target);
    if (file) found.set(name, file);
    else {
      const inside = [...files].filter(([path]) => path.startsWith(`${target}/`));
      for (const [path, content] of inside) found.set(`${name}/${path.slice(target.length + 1)}`, content);
      if (inside.length === 0 && isImagePath(name)) unread.push({ name, reason: `a link to nothing, ${first}` });
    }
  }
  return { found, unread };
}

function sorted(
  files: ReadonlyMap<string, Uint8Array>,
  budget: number,
): { images: SourceFile[]; pieces: SourceFile[] } {
  const all = Array.from(files, ([name, content]) => memoryFile(name, content, budget));
  return {
    images: all.filter(
      ({ path }) => !isPiecePath(path) && judged(path, files.get(path) ?? new Uint8Array(0)) === "image",
    ),
    pieces: all.filter(({ path }) => isPiecePath(path)),
  };
}

function unreadOf(files: ReadonlyMap<string, Uint8Array>): SkippedImage[] {
  return Array.from(files).flatMap(([name, content]) => {
    const what = isPiecePath(name) ? "image" : judged(name, content);
    return what === null || what === "image" ? [] : [{ name, ...what }];
  });
}

/** The error for an archive whose images do not fit the memory budget. */
export function tooLarge(path: string, needed: string, budget: number): DataError {
  return new DataError(
    `The images of ${path} take ${needed} of memory; the budget is ${budget} bytes. Unpack it and open the folder, or raise the budget.`,
  );
}

/** An error where a path would lead outside the archive when unpacked, on any system; null for a harmless one. */
function refuse(archive: string, name: string): DataError | null {
  const outside = /^[\\/]|^[A-Za-z]:[\\/]/.test(name) || name.split(/[\\/]/).includes("..");
  return outside ? new DataError(`${archive} holds the entry "${name}", which leads outside of it: refused.`) : null;
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
