import { DataError } from "../errors.js";
import { systemErrorCode } from "../io/atomic.js";
import { reasonOf } from "./broken.js";
import { isIgnoredPath } from "./signature.js";

export { isIgnoredPath, reasonOf };

/** A file of a folder or an archive. */
export interface SourceFile {
  /** "/" between the parts, relative to the opened folder or archive. */
  readonly path: string;
  /** Whether its bytes are in memory anyway, and not on disk. */
  readonly inMemory: boolean;
  /** Bytes that it may have once it is unpacked. */
  readonly budget: number;
  /** Bytes. */
  size(): Promise<number>;
  /** Bytes, and a text that is another one as soon as the file is. */
  state(): Promise<{ readonly size: number; readonly stamp: string }>;
  read(): Promise<Uint8Array>;
  /** The bytes from `start` to `end` (excluded); fewer where the file ends before. */
  slice(start: number, end: number): Promise<Uint8Array>;
}

/** A file whose bytes are here. */
export function memoryFile(path: string, bytes: Uint8Array, budget = bytes.length): SourceFile {
  return {
    path,
    budget,
    inMemory: true,
    size: async () => bytes.length,
    async state() {
      const { createHash } = await import("node:crypto");
      return { size: bytes.length, stamp: createHash("sha256").update(bytes).digest("hex") };
    },
    read: async () => bytes,
    slice: async (start, end) => bytes.subarray(start, end),
  };
}

/** A file on disk, which is opened anew for each call. */
export function diskFile(path: string, location: string, budget: number): SourceFile {
  const files = () => import("node:fs/promises");
  return {
    path,
    budget,
    inMemory: false,
    size: async () => (await (await files()).stat(location)).size,
    async state() {
      const { size, mtimeMs } = await (await files()).stat(location);
      return { size, stamp: `${size} ${mtimeMs}` };
    },
    read: async () => (await files()).readFile(location),
    async slice(start, end) {
      const file = await (await files()).open(location, "r");
      try {
        const bytes = new Uint8Array(end - start);
        let filled = 0;
        while (filled < bytes.length) {
          const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, start + filled);
          if (bytesRead === 0) {
            break;
          }
          filled += bytesRead;
        }
        return bytes.subarray(0, filled);
      } finally {
        await file.close();
      }
    },
  };
}

/**
 * A gzipped file unpacked in memory, without the `.gz` at the end of its path; another one as it is.
 * @throws DataError for a damaged file, and one larger than its budget.
 */
export async function unpacked(file: SourceFile): Promise<SourceFile> {
  if (!file.path.endsWith(".gz")) {
    return file;
  }
  const { gunzip } = await import("node:zlib");
  const { promisify } = await import("node:util");
  // Node's buffers end at 4 GiB or so.
  const maxOutputLength = Math.min(file.budget, 2 ** 32);
  const bytes = await readable(file, async () =>
    promisify(gunzip)(await file.read(), { maxOutputLength }).catch((cause: unknown) => {
      if (systemErrorCode(cause) !== "ERR_BUFFER_TOO_LARGE") throw cause;
      throw new DataError(
        `it has more than ${file.budget} bytes once unpacked, and that is the memory budget: unpack it`,
        {
          cause,
        },
      );
    }),
  );
  return memoryFile(file.path.replace(/\.gz$/, ""), bytes);
}

/** What `work` reads from a file. @throws DataError where it cannot be read. */
export async function readable<T>({ path }: SourceFile, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new DataError(`${path} cannot be read: ${reasonOf(cause)}.`, { cause });
  }
}

/** Called as images are opened: how many are done, of how many (null while they are still being found or measured). */
export type OpenProgress = (done: number, total: number | null) => void;

/** Whether a path is that of a piece of a CIFAR, STL-10, IDX or NumPy set. */
export function isPiecePath(path: string): boolean {
  return /\.bin(\.gz)?$|\.npy$|-ubyte(\.gz)?$|(^|\/)(batches\.meta|fine_label_names|class_names)\.txt$/.test(path);
}

/** Whether a path is that of a file that may say the label of an image of the same name, as WebDataset has them. */
export function isLabelPath(path: string): boolean {
  return /[^/]\.(cls|json)$/i.test(path);
}

/** The most bytes of a file that says a label. */
export const LABEL_BYTES = 2 ** 16;

/** Whether a path ends like an archive that is read. */
export function isArchivePath(path: string): boolean {
  return /\.(tar|tar\.gz|tgz|zip|npz)$/i.test(path);
}
