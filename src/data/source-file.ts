/** A file of a folder or an archive. */
export interface SourceFile {
  /** "/" between the parts, relative to the opened folder or archive. */
  readonly path: string;
  read(): Promise<Uint8Array>;
}

/** Called as images are opened: how many are done, of how many (null while they are still being found or measured). */
export type OpenProgress = (done: number, total: number | null) => void;

/** Whether a path ends like a JPEG, PNG or WebP file. */
export function isImagePath(path: string): boolean {
  return /\.(jpe?g|png|webp)$/i.test(path);
}

/**
 * Whether opening images could need this file: an image, or a piece of a CIFAR set. Hidden files and what macOS leaves
 * behind (`._*`, `.DS_Store`, `__MACOSX`) are not.
 */
export function isWantedPath(path: string): boolean {
  const parts = path.split("/");
  return (
    !parts.some((part) => part.startsWith(".") || part === "__MACOSX") &&
    (isImagePath(path) || /\.bin(\.gz)?$|(^|\/)(batches\.meta|fine_label_names)\.txt$/.test(path))
  );
}

/** The message of whatever was thrown, on one line. */
export function reasonOf(thrown: unknown): string {
  return (thrown instanceof Error ? thrown.message : String(thrown)).replace(/\s+/g, " ").trim();
}
