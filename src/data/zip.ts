import { DataError } from "../errors.js";
import { crc32 } from "../io/crc32.js";
import type { Entry } from "../vendor/yauzl.js";
import { leadsOut, linked, type Memory, normal, refuse, takeMemory, targetOf } from "./archive-paths.js";
import type { SkippedImage } from "./dataset.js";
import { emptyListing, enlist, type Listing } from "./listing.js";
import {
  diskFile,
  isIgnoredPath,
  isPiecePath,
  memoryFile,
  type OpenProgress,
  readable,
  reasonOf,
  type SourceFile,
} from "./source-file.js";

const STORED = 0;
const DEFLATED = 8;
const METHODS: Readonly<Record<number, string>> = {
  9: "Deflate64",
  12: "bzip2",
  14: "LZMA",
  93: "Zstandard",
  95: "xz",
  99: "AES",
};

/** An image whose file is larger than this, and shrinks to less than a quarter, is none: it is there to fill the memory. */
const LARGE_BYTES = 2 ** 26;
const MOST_SHRUNK = 4;
/** Of a target of a link. */
const MOST_LINK_BYTES = 4096;
/** Packed bytes that unpack to the first bytes of any image. */
const START_BYTES = 2048;
const LOCAL_HEADER_BYTES = 30;
const LOCAL_HEADER = 0x04034b50;

/**
 * Lists the images of a `.zip`, which stay in it until they are read, and reads the pieces of packed sets into memory, unsorted. Symbolic
 * links stand for what they lead to, files or folders of the archive; one that leads elsewhere is not read, and named. Of two entries of
 * one path the later one counts, as when unpacking.
 * @param memory bytes that the pieces may take, and each image.
 * @throws DataError for a damaged archive or one cut short, an encrypted one, for an entry with an absolute path or a `..` in it, and
 *   where the pieces exceed the budget. A damaged image is noticed when it is read.
 */
export async function readZip(path: string, memory: Memory, onProgress?: OpenProgress): Promise<Listing> {
  const { budget } = memory;
  const { fromRandomAccessReaderPromise, getFileNameLowLevel } = await import("../vendor/yauzl.js");
  const { BlockReader } = await import("./block-reader.js");
  const archive = diskFile(path, path, budget);
  const files = new Map<string, SourceFile>();
  const links = new Map<string, string>();
  const unread: SkippedImage[] = [];
  try {
    const reader = new BlockReader(archive);
    const options = { lazyEntries: true, decodeStrings: false };
    const zip = await fromRandomAccessReaderPromise(reader, await archive.size(), options);
    for await (const entry of zip.eachEntry()) {
      const { generalPurposeBitFlag, fileNameRaw, extraFields } = entry;
      const written = getFileNameLowLevel(generalPurposeBitFlag, fileNameRaw, extraFields, false);
      const error = refuse(path, written);
      if (error !== null) throw error;
      const name = normal(written);
      if (written.endsWith("/") || isIgnoredPath(name)) continue;
      if (entry.isEncrypted()) throw encrypted(path, name);
      if (isLink(entry)) {
        const target = new TextDecoder().decode(await contentOf(archive, entry, MOST_LINK_BYTES));
        const inside = targetOf(name, target);
        if (inside !== null) links.set(name, inside);
        else unread.push({ name, reason: leadsOut(target) });
        continue;
      }
      files.set(name, entryFile(archive, name, entry, budget));
      onProgress?.(files.size, null);
    }
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    const reason = reasonOf(cause);
    if (/strong encryption/.test(reason)) throw encrypted(path, "");
    throw new DataError(`${path} is damaged or cut short (${reason}); fetch or pack it again.`, { cause });
  }

  const { found, unread: dangling } = linked(files, links);
  for (const [name, file] of found) files.set(name, file);
  const listing = emptyListing();
  listing.unread.push(...unread, ...dangling);
  for (const [name, file] of files) {
    if (!isPiecePath(name)) {
      await enlist(listing, file);
      continue;
    }
    takeMemory(memory, await file.size(), path);
    const content = await readable({ ...file, path: `${name} of ${path}` }, () => file.read());
    await enlist(listing, memoryFile(name, content, budget));
  }
  return listing;
}

function encrypted(path: string, name: string): DataError {
  const what = name === "" ? "its directory" : `"${name}" for one`;
  return new DataError(
    `${path} is encrypted (${what}), which is not read: unpack it with its password and open the folder.`,
  );
}

/** Whether an entry is a symbolic link: systems of Unix (3, and macOS's 19) note what kind of file it was. */
function isLink({ versionMadeBy, externalFileAttributes }: Entry): boolean {
  const fileType = externalFileAttributes >>> 28;
  return [3, 19].includes(versionMadeBy >>> 8) && fileType === 0xa;
}

function entryFile(archive: SourceFile, name: string, entry: Entry, budget: number): SourceFile {
  const { compressedSize, uncompressedSize, compressionMethod } = entry;
  const shrunk = uncompressedSize / Math.max(1, compressedSize);
  const limit = shrunk > MOST_SHRUNK && !isPiecePath(name) ? Math.min(budget, LARGE_BYTES) : budget;
  const read = () => contentOf(archive, entry, limit);
  return {
    path: name,
    inMemory: false,
    budget,
    size: async () => uncompressedSize,
    state: async () => ({ size: uncompressedSize, stamp: `${entry.crc32} ${uncompressedSize}` }),
    read,
    async slice(start, end) {
      if (compressionMethod === STORED) {
        const from = await dataStart(archive, entry);
        return archive.slice(from + Math.min(start, compressedSize), from + Math.min(end, compressedSize));
      }
      const whole = start === 0 && end <= START_BYTES / 8 ? await startOf(archive, entry) : await read();
      return whole.subarray(start, end);
    },
  };
}

/** Where the bytes of an entry begin. @throws DataError where there is no such entry. */
async function dataStart(archive: SourceFile, { relativeOffsetOfLocalHeader: at }: Entry): Promise<number> {
  const header = await archive.slice(at, at + LOCAL_HEADER_BYTES);
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  if (header.length < LOCAL_HEADER_BYTES || view.getUint32(0, true) !== LOCAL_HEADER) {
    throw new DataError("the archive is damaged: its directory says where there is nothing");
  }
  return at + LOCAL_HEADER_BYTES + view.getUint16(26, true) + view.getUint16(28, true);
}

/** The first bytes of a deflated entry, as many as `START_BYTES` unpack to. */
async function startOf(archive: SourceFile, entry: Entry): Promise<Uint8Array> {
  checkMethod(entry);
  const { constants, inflateRaw } = await import("node:zlib");
  const { promisify } = await import("node:util");
  const from = await dataStart(archive, entry);
  const packed = await archive.slice(from, from + Math.min(START_BYTES, entry.compressedSize));
  return promisify(inflateRaw)(packed, { finishFlush: constants.Z_SYNC_FLUSH });
}

/** All bytes of an entry. @throws DataError where they are damaged, or more than `limit`. */
async function contentOf(archive: SourceFile, entry: Entry, limit: number): Promise<Uint8Array> {
  checkMethod(entry);
  const { compressedSize, uncompressedSize, compressionMethod } = entry;
  if (uncompressedSize > limit) {
    throw new DataError(
      `it unpacks from ${compressedSize} to ${uncompressedSize} bytes, and ${limit} are the most that it may have: refused`,
    );
  }
  const from = await dataStart(archive, entry);
  // What a directory claims is not to be allocated: the archive has to have it.
  if (from + compressedSize > (await archive.size())) throw new DataError("the archive ends inside of it");
  const packed = await archive.slice(from, from + compressedSize);
  const bytes = compressionMethod === STORED ? packed : await inflated(packed, uncompressedSize);
  if (bytes.length !== uncompressedSize || crc32(bytes) !== entry.crc32) {
    throw new DataError("it is damaged in the archive: its length or its checksum is another");
  }
  return bytes;
}

async function inflated(packed: Uint8Array, length: number): Promise<Uint8Array> {
  const { inflateRaw } = await import("node:zlib");
  const { promisify } = await import("node:util");
  try {
    return await promisify(inflateRaw)(packed, { maxOutputLength: Math.max(1, length) });
  } catch (cause) {
    throw new DataError(`it is damaged in the archive: ${reasonOf(cause)}`, { cause });
  }
}

function checkMethod({ compressionMethod: method }: Entry): void {
  if (method === STORED || method === DEFLATED) return;
  throw new DataError(
    `it is packed by method ${method}${METHODS[method] ? ` (${METHODS[method]})` : ""}, which is not read: unpack the archive and open the folder`,
  );
}
