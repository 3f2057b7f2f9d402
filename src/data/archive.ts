import { DataError } from "../errors.js";
import { reasonOf } from "./broken.js";
import { isWantedPath, memoryFile, type OpenProgress, type SourceFile } from "./source-file.js";

const BLOCK = 512;

/**
 * Reads the images and files of packed sets of a `.tar`, `.tar.gz` or `.tgz` into memory, unsorted and still encoded. Links and
 * other special entries are ignored; of two entries of one path the later one counts, as when unpacking.
 * @param budget bytes that the files may take.
 * @throws DataError for a damaged archive or one cut short (also before its end mark), for an entry with an absolute path
 *   or a `..` in it, and where the files exceed the budget.
 */
export async function readArchive(path: string, budget: number, onProgress?: OpenProgress): Promise<SourceFile[]> {
  const { createReadStream } = await import("node:fs");
  const { pipeline } = await import("node:stream/promises");
  const { PassThrough } = await import("node:stream");
  const { createGunzip } = await import("node:zlib");
  const { extract } = await import("../vendor/tar-stream.js");

  const files = new Map<string, Uint8Array>();
  let bytes = 0;
  const unpacking = extract();
  unpacking.on("entry", (header, content, next) => {
    // What fails an entry fails the pipeline as well, which reports it.
    content.on("error", () => {});
    const name = header.name
      .split("/")
      .filter((part) => part !== "" && part !== ".")
      .join("/");
    const wanted = (header.type === "file" || header.type === "contiguous-file") && isWantedPath(name);
    if (wanted) {
      bytes += header.size ?? 0;
    }
    const error =
      refuse(path, header.name) ?? (bytes > budget ? tooLarge(path, `at least ${bytes} bytes`, budget) : null);
    if (error !== null) {
      next(error);
      return;
    }
    const chunks: Uint8Array[] = [];
    content.on("data", (chunk) => {
      if (wanted && chunk instanceof Uint8Array) {
        chunks.push(chunk);
      }
    });
    content.on("end", () => {
      if (wanted) {
        files.set(name, concat(chunks));
        onProgress?.(files.size, null);
      }
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
  return Array.from(files, ([name, content]) => memoryFile(name, content));
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
