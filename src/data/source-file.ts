import { DataError } from "../errors.js";
import { reasonOf } from "./broken.js";

/** A file of a folder or an archive. */
export interface SourceFile {
  /** "/" between the parts, relative to the opened folder or archive. */
  readonly path: string;
  /** Whether its bytes are in memory anyway, and not on disk. */
  readonly inMemory: boolean;
  /** Bytes. */
  size(): Promise<number>;
  read(): Promise<Uint8Array>;
  /** The bytes from `start` to `end` (excluded); fewer where the file ends before. */
  slice(start: number, end: number): Promise<Uint8Array>;
}

/** A file whose bytes are here. */
export function memoryFile(path: string, bytes: Uint8Array): SourceFile {
  return {
    path,
    inMemory: true,
    size: async () => bytes.length,
    read: async () => bytes,
    slice: async (start, end) => bytes.subarray(start, end),
  };
}

/** A file on disk, which is opened anew for each call. */
export function diskFile(path: string, location: string): SourceFile {
  const files = () => import("node:fs/promises");
  return {
    path,
    inMemory: false,
    size: async () => (await (await files()).stat(location)).size,
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

/** A gzipped file unpacked in memory, without the `.gz` at the end of its path; another one as it is. @throws DataError */
export async function unpacked(file: SourceFile): Promise<SourceFile> {
  if (!file.path.endsWith(".gz")) {
    return file;
  }
  const { gunzip } = await import("node:zlib");
  const { promisify } = await import("node:util");
  const bytes = await readable(file, async () => promisify(gunzip)(await file.read()));
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

/** Whether a path ends like a JPEG, PNG or WebP file. */
export function isImagePath(path: string): boolean {
  return /\.(jpe?g|png|webp)$/i.test(path);
}

/**
 * Whether opening images could need this file: an image, or a piece of a CIFAR, STL-10 or IDX set. Hidden files and what
 * macOS leaves behind (`._*`, `.DS_Store`, `__MACOSX`) are not.
 */
export function isWantedPath(path: string): boolean {
  const parts = path.split("/");
  return (
    !parts.some((part) => part.startsWith(".") || part === "__MACOSX") &&
    (isImagePath(path) ||
      /\.bin(\.gz)?$|-ubyte(\.gz)?$|(^|\/)(batches\.meta|fine_label_names|class_names)\.txt$/.test(path))
  );
}
