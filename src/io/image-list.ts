import { DataError } from "../errors.js";

/**
 * Names of images as text, one a line, after the lines of `comment`, none by default, which get a "#". A name that would not read back as it
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
