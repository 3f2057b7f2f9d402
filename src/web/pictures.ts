import type { Dataset, ImageSet, SkippedImage } from "../data/dataset.js";
import { datasetFromImages } from "../data/from-images.js";
import { findSplits, type SplitLayout } from "../data/layout.js";
import { judged, SIGNATURE_BYTES } from "../data/signature.js";
import { DataError } from "../errors.js";
import { withTestSet } from "../evaluation/evaluation.js";
import { counted, listed } from "../wording.js";
import type { Unpacked } from "./archives.js";
import type { Atlas, NamedFile, PicturesText } from "./messages.js";

/** What was opened: images to train on, and to test on where there are labels. */
export interface Pictures extends ImageSet {
  readonly name: string;
  readonly skipped: readonly SkippedImage[];
  readonly notes: readonly string[];
}

type Report = (done: number, total: number) => void;

/**
 * Opens the images among what was dropped, unpacked. Folders name classes and parts as on the command line.
 * @throws DataError where fewer than two images can be read.
 */
export async function openPictures(
  dropped: readonly NamedFile[],
  { files, skipped: unread }: Unpacked,
  imageSize: number,
  report: Report,
  name = nameOf(dropped),
): Promise<Pictures> {
  const skipped = [...unread];
  const images: NamedFile[] = [];
  let others = 0;
  for (const file of files) {
    const start = new Uint8Array(await file.blob.slice(0, SIGNATURE_BYTES).arrayBuffer());
    const verdict = judged(file.path, start);
    if (verdict === "image") images.push(file);
    else if (verdict === null) others += 1;
    else skipped.push({ name: file.path, reason: verdict.reason });
  }
  if (images.length === 0) throw nothingIn(dropped.length, skipped, others);
  const layout = findSplits(images.map(({ path }) => path));
  const notes = [...layout.notes];
  if (others > 0) notes.push(`${counted(others, "file")} of other kinds left alone`);
  if (layout.unlabelled)
    notes.push(`left out, for they are in no folder of a class: ${counted(layout.unlabelled.members.length, "image")}`);
  const read = async ({ members, labels, classes }: SplitLayout, before: number): Promise<Dataset> => {
    const names = members.map((index) => images[index].path);
    try {
      return await datasetFromImages(
        members.map((index) => images[index].blob),
        {
          ...{ imageSize, name, names, maxBroken: 1 },
          ...(labels && { labels, classes }),
          onProgress: (done) => report(before + done, images.length),
        },
      );
    } catch (cause) {
      if (!(cause instanceof DataError)) throw cause;
      const what = `none of ${counted(names.length, "image")} can be read (${listed(names, 3)})`;
      throw new DataError(`${what}: they are damaged, or of a format that this browser does not know`, { cause });
    }
  };
  const train = await read(layout.train, 0);
  const test = layout.test && (await read(layout.test, layout.train.members.length));
  skipped.push(...train.skipped, ...(test?.skipped ?? []));
  if (train.length < 2) throw new DataError("there is one image, and nothing to compare it with: drop two or more");
  const { train: shown, test: tested } = withTestSet({ train, test });
  return { train: shown, test: tested, name, skipped, notes };
}

function nameOf(dropped: readonly NamedFile[]): string {
  const [top] = dropped[0]?.path.split("/") ?? [""];
  return dropped.length === 1 || dropped.every((file) => file.path.startsWith(`${top}/`)) ? top : "your pictures";
}

function nothingIn(dropped: number, skipped: readonly SkippedImage[], others: number): DataError {
  if (skipped.length > 0) {
    const [{ name, reason }] = skipped;
    return new DataError(`no image can be read: ${name}: ${reason}`);
  }
  return new DataError(
    dropped === 0
      ? "there is nothing in it"
      : `there are no images among ${counted(others, "file")}: drop JPEG, PNG, WebP, GIF, AVIF or BMP files, a folder or a zip of them`,
  );
}

/** What the page shows of them. */
export function picturesText({ train, test, name, skipped, notes }: Pictures): PicturesText {
  return {
    name,
    count: train.length,
    tested: test?.length ?? 0,
    imageSize: train.width,
    names: Array.from({ length: train.length }, (_, index) => train.nameOf(index)),
    labels: train.labels,
    classes: train.classes,
    skipped,
    notes,
  };
}

/** Sides of small images. */
const TILE = 64;
/** Pixels of a side that every browser draws. */
const MOST_SIDE = 8192;
const AT_ONCE = 256;

/** The images of a set, small, in one. */
export async function atlasOf(dataset: Dataset): Promise<Atlas> {
  const { length, width } = dataset;
  const columns = Math.ceil(Math.sqrt(length));
  const tile = Math.max(4, Math.min(width, TILE, Math.floor(MOST_SIDE / columns)));
  const atlas = new OffscreenCanvas(columns * tile, Math.ceil(length / columns) * tile);
  const one = new OffscreenCanvas(width, width);
  const [context, small] = [atlas, one].map((canvas) => canvas.getContext("2d", { alpha: false }));
  if (!context || !small) throw new DataError("this browser draws no pictures in a worker");
  const bytes = new Uint8ClampedArray(AT_ONCE * width * width * 4);
  for (let start = 0; start < length; start += AT_ONCE) {
    const indices = Uint32Array.from({ length: Math.min(AT_ONCE, length - start) }, (_, i) => start + i);
    await dataset.fetch(indices, new Uint8Array(bytes.buffer));
    indices.forEach((index, i) => {
      const pixels = new ImageData(bytes.slice(i * width * width * 4, (i + 1) * width * width * 4), width, width);
      const [x, y] = [(index % columns) * tile, Math.floor(index / columns) * tile];
      if (tile === width) context.putImageData(pixels, x, y);
      else {
        small.putImageData(pixels, 0, 0);
        context.drawImage(one, x, y, tile, tile);
      }
    });
  }
  return { bitmap: atlas.transferToImageBitmap(), columns, tile };
}
