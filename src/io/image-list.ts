import { DataError } from "../errors.js";
import { writeFileAtomic } from "./atomic.js";

/**
 * Names of images as text, one a line, after the lines of `comment`, which get a "#". A name that would not read back as it
 * is, because it begins with "#" or is blank at its start, gets "./" before it.
 * @throws DataError for a name with a line break in it.
 */
export function encodeImageList(names: readonly string[], comment = ""): string {
  const broken = names.find((name) => /[\r\n]/.test(name));
  if (broken !== undefined) {
    throw new DataError(`The image ${JSON.stringify(broken)} has a line break in its name; a list cannot hold it.`);
  }
  const head = comment === "" ? [] : comment.split("\n").map((line) => `# ${line}`.trimEnd());
  const lines = names.map((name) => (/^(#|\s|\.\/|$)/.test(name) ? `./${name}` : name));
  return [...head, ...lines].map((line) => `${line}\n`).join("");
}

/** The names in such a text. Empty lines and those that begin with "#" are left out, as is a "./" before a name. */
export function decodeImageList(text: string): string[] {
  return text
    .replace(/^\ufeff/, "")
    .split(/\r?\n/)
    .filter((line) => line.trim() !== "" && !line.startsWith("#"))
    .map((line) => line.replace(/^\.\//, ""));
}

/** Writes names of images to a file: see `encodeImageList`. Node, Bun and Deno. @throws CheckpointError where it cannot be written. */
export async function writeImageList(path: string, names: readonly string[], comment = ""): Promise<void> {
  await writeFileAtomic(path, encodeImageList(names, comment));
}

/** Reads names of images from a file: see `decodeImageList`. Node, Bun and Deno. @throws DataError where it cannot be read. */
export async function readImageList(path: string): Promise<string[]> {
  const { readFile } = await import("node:fs/promises");
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DataError(`The image list ${path} cannot be read: ${reason}.`, { cause });
  });
  return decodeImageList(text);
}
