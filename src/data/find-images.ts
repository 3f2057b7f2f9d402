import { DataError } from "../errors.js";
import { counted, listed } from "../wording.js";
import { archiveKind, readArchive } from "./archive.js";
import { cifarFromFile, findCifar } from "./cifar.js";
import type { SkippedImage } from "./dataset.js";
import { listFile, listFolder } from "./folder.js";
import { findIdx, idxFromFile, isIdxPath } from "./idx.js";
import { labelledLayout } from "./labelled.js";
import { commonFolder, findSplits, type Layout, splitNamed } from "./layout.js";
import { isListPath, readList } from "./listed-images.js";
import type { Listing } from "./listing.js";
import { findNpy, type NpySet, npyFromFile } from "./npy-images.js";
import { filesNamed, type PackedSet, readClassNames } from "./packed-images.js";
import { isPythonCifar, pythonCifarError } from "./python-cifar.js";
import { sampleLabels } from "./sample-labels.js";
import { type Place, readShards } from "./shards.js";
import { READ_FORMATS, SIGNATURE_BYTES } from "./signature.js";
import { diskFile, isArchivePath, type OpenProgress, reasonOf, type SourceFile } from "./source-file.js";
import { findStl10, isStl10Path, stl10FromFile } from "./stl10.js";

/** Files beside the images say the labels where at most this share has none, or folders say none. */
const MOST_BARE = 0.1;

/** Images that are files of their own. */
export interface FoundFiles {
  readonly kind: "files";
  readonly images: readonly SourceFile[];
  /** Of the images, by their numbers; with what there is to say. */
  readonly layout: Layout;
  /** Images that are not read, and why. */
  readonly unread: readonly SkippedImage[];
}

/** Images that lie in few files. */
export interface FoundPacked {
  readonly kind: "packed";
  readonly set: PackedSet;
  readonly notes: readonly string[];
}

/**
 * Finds what images there are at a path, without decoding any: see `openImages`.
 * @param budget bytes that what is read into memory may take
 * @param maxBroken share of the images of a list that may be missing
 * @throws DataError where there is nothing, and where it cannot be read.
 */
export async function findImages(
  path: string,
  budget: number,
  maxBroken: number,
  onProgress?: OpenProgress,
): Promise<FoundFiles | FoundPacked> {
  const { stat } = await import("node:fs/promises");
  const { basename } = await import("node:path");
  const info = await stat(path).catch((cause: unknown) => {
    throw new DataError(`There are no images at ${path}: ${reasonOf(cause)}.`, { cause });
  });
  if (info.isDirectory()) {
    const listing = await listFolder(path, budget);
    const found = await inListing(listing);
    const { archives } = listing;
    if (found === null && archives.length > 0) {
      const { listing: shards, places } = await readShards(path, archives, { budget, used: 0 }, onProgress);
      const all = { ...shards, pieces: [...listing.pieces, ...shards.pieces] };
      return (await inListing(all, places)) ?? noImages(path, all);
    }
    return found ? withNotes(found, archives) : noImages(path, listing);
  }
  // A pipe would wait for ever, and a device may never end.
  if (!info.isFile()) throw new DataError(`${path} is neither a folder nor a regular file.`);
  if (/\.bin(\.gz)?$|\.npy$/.test(path) || isIdxPath(path)) {
    return { kind: "packed", ...(await packedFromFile(path, budget)) };
  }
  if (isListPath(path)) {
    const { images, said, unread, notes } = await readList(path, budget, maxBroken);
    const layout = labelledLayout(said);
    return { kind: "files", images, layout: { ...layout, notes: [...notes, ...layout.notes] }, unread };
  }
  if (isArchivePath(path) || (await archiveKind(path)) !== null) {
    const listing = await readArchive(path, { budget, used: 0 }, onProgress);
    return (await inListing(listing)) ?? noImages(path, listing);
  }
  const single = await listFile(path, budget);
  if (single) return (await inListing(single)) ?? noImages(path, single);
  const start = await diskFile(path, path, budget).slice(0, SIGNATURE_BYTES);
  if (isPythonCifar(path, start)) throw pythonCifarError(path, basename(path));
  throw new DataError(
    `${path} is neither an image nor a folder of images, nor an archive (.zip, .tar, .tar.gz, .tgz), nor a list (.csv, .tsv, .txt), nor arrays (.npy, .npz), nor a file of a CIFAR, STL-10 (.bin, .bin.gz) or IDX set (-ubyte, -ubyte.gz).`,
  );
}

/** With a word of the archives beside the images. */
function withNotes(found: FoundFiles | FoundPacked, archives: readonly string[]): FoundFiles | FoundPacked {
  if (archives.length === 0) return found;
  const note = `left out: ${counted(archives.length, "archive")} beside the images: ${listed(archives)}`;
  return found.kind === "packed"
    ? { ...found, notes: [...found.notes, note] }
    : { ...found, layout: { ...found.layout, notes: [...found.layout.notes, note] } };
}

/** The images of a listing; null where there are none. @throws DataError where pieces of a set do not fit together. */
async function inListing(
  listing: Listing,
  places?: ReadonlyMap<string, Place>,
): Promise<FoundFiles | FoundPacked | null> {
  const { images, pieces } = listing;
  if (images.length > 0) return filesOf(listing, places);
  const set = (await findCifar(pieces)) ?? (await findStl10(pieces)) ?? (await findIdx(pieces));
  if (set) return { kind: "packed", set, notes: [] };
  const arrays = await findNpy(pieces);
  return arrays && { kind: "packed", ...arrays };
}

async function filesOf(
  { images, labels: labelFiles, pieces, unread }: Listing,
  places?: ReadonlyMap<string, Place>,
): Promise<FoundFiles> {
  const place = ({ path }: SourceFile): Place => places?.get(path) ?? { inner: path, split: null };
  const splits = new Set(images.flatMap((image) => place(image).split ?? []));
  const inner = images.map((image) => {
    const { inner: path, split } = place(image);
    return splits.size > 1 && split !== null ? `${split}/${path}` : path;
  });
  const said = await sampleLabels(images, labelFiles);
  const layout = findSplits(inner);
  const bare = said?.labels.filter((label, index) => label === null && !said.beside[index]).length ?? 0;
  const few = layout.train.labels !== null && bare > MOST_BARE * images.length;
  if (said === null || few) {
    const note = `labels come from the folders: ${counted(bare, "image")} of ${images.length.toLocaleString("en")} without a .cls or .json file that says one`;
    return { kind: "files", images, layout: few ? { ...layout, notes: [note, ...layout.notes] } : layout, unread };
  }

  const root = commonFolder(inner);
  const kept = images
    .map(({ path: name }, index) => {
      const [top] = inner[index].slice(root.length).split("/");
      return { index, name, label: said.labels[index], split: splitNamed(top) ?? null };
    })
    .filter(({ index }) => !said.beside[index])
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const names = filesNamed(pieces, /^class_names\.txt$/).at(0);
  const own = labelledLayout(kept, names && (await readClassNames(names)));
  return {
    kind: "files",
    images: kept.map(({ index }) => images[index]),
    layout: { ...own, notes: [...said.notes, ...own.notes] },
    unread,
  };
}

function noImages(path: string, { unread, archives, pickles }: Listing): never {
  if (pickles.length > 0) throw pythonCifarError(path, pickles[0]);
  if (unread.length > 0) {
    const [{ name, reason }] = unread;
    throw new DataError(`None of the ${unread.length} images in ${path} is read, ${name} for one: ${reason}.`);
  }
  const nested =
    archives.length === 0 ? "" : ` There are archives in it (${listed(archives)}): unpack it and open the folder.`;
  throw new DataError(
    `There are no images in ${path}: no file of these formats (${READ_FORMATS.join(", ")}), and no data_batch_1.bin (CIFAR-10), train.bin (CIFAR-100), train_X.bin (STL-10), train-images-idx3-ubyte (MNIST, Fashion-MNIST) or .npy.${nested}`,
  );
}

/** The set that one file on its own is, with what lies beside it. */
async function packedFromFile(path: string, budget: number): Promise<NpySet> {
  const { readdir } = await import("node:fs/promises");
  const { basename, dirname, join } = await import("node:path");
  const folder = dirname(path);
  const siblings = (await readdir(folder)).map((name) => diskFile(name, join(folder, name), budget));
  const file = diskFile(basename(path), path, budget);
  if (/\.npy$/.test(path)) return npyFromFile(file, siblings);
  const reader = isIdxPath(path) ? idxFromFile : isStl10Path(path) ? stl10FromFile : cifarFromFile;
  return { set: await reader(file, siblings), notes: [] };
}
