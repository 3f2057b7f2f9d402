import type { SkippedImage } from "./dataset.js";
import { isPythonCifar } from "./python-cifar.js";
import { judged, SIGNATURE_BYTES } from "./signature.js";
import { isArchivePath, isLabelPath, isPiecePath, type SourceFile } from "./source-file.js";

/** What a folder or an archive holds. */
export interface Listing {
  readonly images: readonly SourceFile[];
  /** Pieces of data sets that are few files: CIFAR, STL-10, IDX, NumPy. */
  readonly pieces: readonly SourceFile[];
  /** Files that may say the label of the image beside them. */
  readonly labels: readonly SourceFile[];
  /** Paths of archives. */
  readonly archives: readonly string[];
  /** Paths of files of CIFAR for Python. */
  readonly pickles: readonly string[];
  /** Images that are not read, and why. */
  readonly unread: readonly SkippedImage[];
}

/** A listing while it is made. */
export interface OpenListing extends Listing {
  readonly images: SourceFile[];
  readonly pieces: SourceFile[];
  readonly labels: SourceFile[];
  readonly archives: string[];
  readonly pickles: string[];
  readonly unread: SkippedImage[];
}

export function emptyListing(): OpenListing {
  return { images: [], pieces: [], labels: [], archives: [], pickles: [], unread: [] };
}

/** Whether the bytes of a file are of use, by its name and its first `SIGNATURE_BYTES` bytes. */
export function isOfUse(path: string, start: Uint8Array): boolean {
  return isPiecePath(path) || isLabelPath(path) || judged(path, start) !== null;
}

/** Endings whose files are taken for images unseen where a look at each of 100,000 takes seconds. */
const CERTAIN = /\.(jpe?g|png|webp)$/i;

/** Puts a file where it belongs; one of no use belongs nowhere. */
export async function enlist(listing: OpenListing, file: SourceFile): Promise<void> {
  const { path } = file;
  if (isPiecePath(path)) listing.pieces.push(file);
  else if (isLabelPath(path)) listing.labels.push(file);
  else if (isArchivePath(path)) listing.archives.push(path);
  else {
    const certain = !file.inMemory && CERTAIN.test(path);
    const start = certain ? null : await file.slice(0, SIGNATURE_BYTES).catch(() => new Uint8Array(0));
    const what = start === null ? "image" : judged(path, start);
    if (what === "image") listing.images.push(file);
    else if (what !== null) listing.unread.push({ name: path, ...what });
    else if (start !== null && isPythonCifar(path, start)) listing.pickles.push(path);
  }
}
