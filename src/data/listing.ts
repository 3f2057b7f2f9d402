import type { SkippedImage } from "./dataset.js";
import { judged, SIGNATURE_BYTES } from "./signature.js";
import { isPiecePath, type SourceFile } from "./source-file.js";

/** What a folder or an archive holds. */
export interface Listing {
  readonly images: readonly SourceFile[];
  /** Pieces of CIFAR, STL-10 and IDX sets. */
  readonly pieces: readonly SourceFile[];
  /** Images that are not read, and why. */
  readonly unread: readonly SkippedImage[];
}

/** A listing while it is made. */
export interface OpenListing extends Listing {
  readonly images: SourceFile[];
  readonly pieces: SourceFile[];
  readonly unread: SkippedImage[];
}

export function emptyListing(): OpenListing {
  return { images: [], pieces: [], unread: [] };
}

/** Whether a file is of use, by its name and its first `SIGNATURE_BYTES` bytes. */
export function isOfUse(path: string, start: Uint8Array): boolean {
  return isPiecePath(path) || judged(path, start) !== null;
}

/**
 * Puts a file where it belongs; one of no use belongs nowhere.
 * @param certain whether the file is an image unseen
 */
export async function enlist(listing: OpenListing, file: SourceFile, certain = false): Promise<void> {
  const { path } = file;
  if (isPiecePath(path)) {
    listing.pieces.push(file);
    return;
  }
  const start = () => file.slice(0, SIGNATURE_BYTES).catch(() => new Uint8Array(0));
  const what = certain ? "image" : judged(path, await start());
  if (what === "image") listing.images.push(file);
  else if (what !== null) listing.unread.push({ name: path, ...what });
}
