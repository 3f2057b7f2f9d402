import { DataError } from "../errors.js";
import { counted, listed } from "../wording.js";
import { forEachConcurrently } from "./concurrent.js";
import type { SkippedImage } from "./dataset.js";
import type { SaidImage } from "./labelled.js";
import { type Split, splitNamed } from "./layout.js";
import { readTable } from "./list-columns.js";
import { judged, SIGNATURE_BYTES } from "./signature.js";
import { diskFile, reasonOf, type SourceFile } from "./source-file.js";

/** Of a list: one of a million images has a tenth of that. */
const MOST_BYTES = 2 ** 28;

/** The images of a list, and what it says of each. */
export interface ListedImages {
  readonly images: readonly SourceFile[];
  readonly said: readonly SaidImage[];
  readonly unread: readonly SkippedImage[];
  readonly notes: readonly string[];
}

/** Whether a path ends like a list of images. */
export function isListPath(path: string): boolean {
  return /\.(csv|tsv|txt)$/i.test(path);
}

interface Entry extends SaidImage {
  readonly line: number;
}

/**
 * Reads a list of images, one a line: see `readTable`. Paths are taken from the list's own folder; of images that are not there, or of
 * formats that are not read, it is said that they are. An image that is listed twice counts once.
 * @param maxBroken share of the images that may be missing
 * @throws DataError where the list cannot be read or names nothing, where one image has two labels or splits, where a split is none that is
 *   known, and where more images are missing.
 */
export async function readList(path: string, budget: number, maxBroken: number): Promise<ListedImages> {
  const { dirname, resolve } = await import("node:path");
  const { stat } = await import("node:fs/promises");
  const { entries, notes } = listEntries(path, await textOf(path));
  const folder = resolve(dirname(path));
  const files: (SourceFile | null)[] = entries.map(() => null);
  const unread: SkippedImage[] = [];
  const missing: number[] = [];
  await forEachConcurrently(entries.length, async (index) => {
    const { name } = entries[index];
    const location = resolve(folder, name);
    const found = await stat(location).catch(() => null);
    if (!found?.isFile()) {
      missing.push(index);
      return;
    }
    const file = diskFile(name, location, budget);
    const what = judged(name, await file.slice(0, SIGNATURE_BYTES).catch(() => new Uint8Array(0)));
    // What is no image at all is listed as one all the same, and found to be broken.
    if (what === "image" || what === null) files[index] = file;
    else unread.push({ name, ...what });
  });
  missing.sort((a, b) => a - b);
  if (missing.length > maxBroken * entries.length || missing.length === entries.length) {
    const names = missing.map((index) => `${entries[index].name} (line ${entries[index].line})`);
    throw new DataError(
      `${missing.length} of the ${counted(entries.length, "image")} that ${path} lists are not there, more than the ${maxBroken * 100} % that are skipped: ` +
        `${listed(names)}. Paths are taken from ${folder}.`,
    );
  }
  const gone = missing.map((index) => ({
    name: entries[index].name,
    reason: `line ${entries[index].line} of the list names it, and there is no such file`,
  }));
  const kept = entries.flatMap((entry, index) => {
    const file = files[index];
    return file ? [{ entry, file }] : [];
  });
  return {
    images: kept.map(({ file }) => file),
    said: kept.map(({ entry }) => entry),
    unread: [...gone, ...unread],
    notes,
  };
}

async function textOf(path: string): Promise<string> {
  const file = diskFile(path, path, MOST_BYTES);
  try {
    const size = await file.size();
    if (size > MOST_BYTES) throw new DataError(`it has ${size} bytes, and ${MOST_BYTES} are the most of a list`);
    return new TextDecoder("utf-8", { fatal: true }).decode(await file.read());
  } catch (cause) {
    const what = cause instanceof TypeError ? "it is no text in UTF-8" : reasonOf(cause);
    throw new DataError(`The list ${path} cannot be read: ${what}.`, { cause });
  }
}

/**
 * What the lines of a list say, each image once.
 * @throws DataError where it cannot be read or names nothing, or says two things of one image.
 */
export function listEntries(path: string, text: string): { entries: readonly Entry[]; notes: readonly string[] } {
  let table: ReturnType<typeof readTable>;
  try {
    table = readTable(path, text);
  } catch (cause) {
    throw new DataError(`The list ${path} cannot be read: ${reasonOf(cause)}.`, { cause });
  }
  const entries = new Map<string, Entry>();
  let twice = 0;
  for (const { line, fields } of table.rows) {
    const name = (fields[table.path] ?? "").replace(/^(\.\/)+/, "");
    if (name === "" || name.includes("\0")) throw new DataError(`Line ${line} of the list ${path} names no image.`);
    const label = (table.label === undefined ? "" : fields[table.label]) || null;
    const split = splitIn(path, line, table.split === undefined ? "" : (fields[table.split] ?? ""));
    const before = entries.get(name);
    if (before && (before.label !== label || before.split !== split)) {
      throw new DataError(
        `The list ${path} says two things of ${name}, in the lines ${before.line} and ${line}: an image has one label and one split.`,
      );
    }
    if (before) twice++;
    else entries.set(name, { name, line, label, split });
  }
  if (entries.size === 0) throw new DataError(`The list ${path} names no image.`);
  const notes = [`the list: ${table.note}`];
  if (twice > 0) notes.push(`${counted(twice, "line")} of the list name an image again, which counts once`);
  return { entries: [...entries.values()], notes };
}

function splitIn(path: string, line: number, text: string): Split | null {
  if (text === "") return null;
  const split = splitNamed(text);
  if (split) return split;
  throw new DataError(
    `Line ${line} of the list ${path} has the split "${text}": there are train, val, test, unlabelled and what they are also called.`,
  );
}
