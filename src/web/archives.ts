import { unzipSync } from "fflate";
import { isIgnoredPath } from "../data/signature.js";
import { DataError } from "../errors.js";
import { counted } from "../wording.js";
import type { NamedFile } from "./messages.js";

/** Bytes that an archive may unpack to. */
const MOST_BYTES = 2 ** 31 - 1;
/** Bytes of a file in an archive: photographs and checkpoints are smaller. */
const MOST_FILE_BYTES = 2 ** 30;

/** Files that were dropped, with those in archives in place of the archives, and what could not be unpacked. */
export interface Unpacked {
  readonly files: NamedFile[];
  readonly skipped: { readonly name: string; readonly reason: string }[];
}

async function startOf(blob: Blob, bytes: number): Promise<string> {
  return String.fromCharCode(...new Uint8Array(await blob.slice(0, bytes).arrayBuffer()));
}

/** Takes apart what is a zip, a tar or a gzipped tar by its first bytes. */
export async function unpack(dropped: readonly NamedFile[]): Promise<Unpacked> {
  const result: Unpacked = { files: [], skipped: [] };
  for (const file of dropped) {
    if (isIgnoredPath(file.path)) continue;
    const folder = dropped.length > 1 ? `${file.path.replace(/\.(zip|tar|tgz|tar\.gz)$/i, "")}/` : "";
    try {
      const start = await startOf(file.blob, 262);
      const inside = await filesOf(file, start);
      if (inside === null) result.files.push(file);
      else
        for (const { path, blob } of inside.files)
          if (!isIgnoredPath(path)) result.files.push({ path: folder + path, blob });
      if (inside) result.skipped.push(...inside.skipped);
    } catch (error) {
      // A browser's own error is of a file that is gone, or may not be read.
      if (!(error instanceof DataError || error instanceof DOMException)) throw error;
      result.skipped.push({ name: file.path, reason: error.message });
    }
  }
  return result;
}

/** The files of an archive; null for what is none. @throws DataError where it is damaged or too large. */
async function filesOf({ path, blob }: NamedFile, start: string): Promise<Unpacked | null> {
  const isZip = start.startsWith("PK\x03\x04") || start.startsWith("PK\x05\x06");
  const isGzip = start.startsWith("\x1f\x8b");
  const isTar = start.slice(257, 262) === "ustar";
  if (!isZip && !isGzip && !isTar) return null;
  if (blob.size > MOST_BYTES) throw new DataError("an archive of more than 2 GB: unpack it and drop its folder");
  // A bit of the first file's flags.
  if (isZip && start.charCodeAt(6) & 1)
    throw new DataError("it is encrypted: unpack it with its password, and drop its folder");
  if (isZip) return unzipped(new Uint8Array(await blob.arrayBuffer()));
  return isGzip ? untarred(await gunzipped(path, blob)) : untarred(new Uint8Array(await blob.arrayBuffer()));
}

function unzipped(bytes: Uint8Array): Unpacked {
  const skipped: { name: string; reason: string }[] = [];
  let total = 0;
  const wanted = ({ name, originalSize, compression }: { name: string; originalSize: number; compression: number }) => {
    if (name.endsWith("/") || isIgnoredPath(name)) return false;
    const reason =
      compression !== 0 && compression !== 8
        ? `it is packed by method ${compression}, which is not read`
        : originalSize > MOST_FILE_BYTES
          ? `it unpacks to ${originalSize.toLocaleString("en")} bytes, more than is read`
          : null;
    if (reason) skipped.push({ name, reason });
    else total += originalSize;
    if (total > MOST_BYTES) throw new DataError("it unpacks to more than 2 GB: unpack it and drop its folder");
    return reason === null;
  };
  try {
    const entries = Object.entries(unzipSync(bytes, { filter: wanted }));
    return { files: entries.map(([path, content]) => ({ path, blob: new Blob([new Uint8Array(content)]) })), skipped };
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw new DataError("the archive is damaged or cut short: fetch or pack it again", { cause });
  }
}

async function gunzipped(path: string, blob: Blob): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let total = 0;
  const reader = blob.stream().pipeThrough(new DecompressionStream("gzip")).getReader();
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      total += part.value.length;
      if (total > MOST_BYTES) throw new DataError("it unpacks to more than 2 GB: unpack it and drop its folder");
      parts.push(part.value);
    }
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw new DataError(`${path} is damaged or cut short: fetch or pack it again`, { cause });
  }
  const all = new Uint8Array(total);
  parts.reduce((at, part) => {
    all.set(part, at);
    return at + part.length;
  }, 0);
  return all;
}

const BLOCK = 512;

/** The files of a tar (POSIX.1-2001's, with its long names and GNU's). @throws DataError where it is damaged. */
function untarred(bytes: Uint8Array): Unpacked {
  const files: NamedFile[] = [];
  const skipped: { name: string; reason: string }[] = [];
  const decoder = new TextDecoder();
  const text = (from: number, length: number) =>
    decoder.decode(bytes.subarray(from, from + length)).replace(/\0.*$/s, "");
  let longName: string | null = null;
  for (let at = 0; at + BLOCK <= bytes.length && bytes[at] !== 0; ) {
    const size = Number.parseInt(text(at + 124, 12), 8);
    const begin = at + BLOCK;
    if (text(at + 257, 5) !== "ustar" || !(size >= 0) || begin + size > bytes.length)
      throw new DataError(
        files.length === 0
          ? "this is no archive of files: it unpacks to something else"
          : `the archive is damaged or cut short after ${counted(files.length, "file")}: fetch or pack it again`,
      );
    const type = String.fromCharCode(bytes[at + 156]);
    const content = bytes.subarray(begin, begin + size);
    if (type === "L") longName = text(begin, size);
    else if (type === "x") longName = /\d+ path=([^\n]*)\n/.exec(decoder.decode(content))?.[1] ?? longName;
    else {
      const prefix = text(at + 345, 155);
      const path = (longName ?? (prefix ? `${prefix}/` : "") + text(at, 100)).replace(/^\.\//, "");
      if (type === "0" || type === "\0") files.push({ path, blob: new Blob([new Uint8Array(content)]) });
      else if (type === "1" || type === "2")
        skipped.push({ name: path, reason: "it is a link in an archive, which is not followed" });
      longName = null;
    }
    at = begin + BLOCK * Math.ceil(size / BLOCK);
  }
  return { files, skipped };
}
