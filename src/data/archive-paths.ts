import { DataError } from "../errors.js";
import type { SkippedImage } from "./dataset.js";
import { isImagePath } from "./signature.js";
import type { SourceFile } from "./source-file.js";

/** Links that lead to links: more than any archive has, and fewer than a circle. */
const MOST_LINKS = 32;

/** A path without empty parts and ".". */
export function normal(path: string): string {
  return path
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/");
}

/** A path without ".."; null where it leads outside. */
function insideOf(path: string): string | null {
  const parts: string[] = [];
  for (const part of normal(path).split("/")) {
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) return null;
  }
  return parts.join("/");
}

/** What a symbolic link at `name` leads to inside of its archive; null where that is outside. */
export function targetOf(name: string, link: string): string | null {
  return link.startsWith("/") ? null : insideOf(`${name.split("/").slice(0, -1).join("/")}/${link}`);
}

/** An error where a path would lead outside the archive when unpacked, on any system; null for a harmless one. */
export function refuse(archive: string, name: string): DataError | null {
  const outside = /^[\\/]|^[A-Za-z]:[\\/]/.test(name) || name.split(/[\\/]/).includes("..");
  return outside ? new DataError(`${archive} holds the entry "${name}", which leads outside of it: refused.`) : null;
}

/** Why a link is not read that leads out of its archive. */
export function leadsOut(link: string): string {
  return `a link that leads out of the archive, to ${link}`;
}

/** What links lead to, files or folders, by the paths that the links make; and images that lead to nothing. */
export function linked(
  files: ReadonlyMap<string, SourceFile>,
  links: ReadonlyMap<string, string>,
): { found: ReadonlyMap<string, SourceFile>; unread: readonly SkippedImage[] } {
  const found = new Map<string, SourceFile>();
  const unread: SkippedImage[] = [];
  for (const [name, first] of links) {
    let target = first;
    for (let i = 0; i < MOST_LINKS && links.has(target); i++) target = links.get(target) ?? target;
    const file = files.get(target);
    if (file) found.set(name, { ...file, path: name });
    else {
      const inside = [...files].filter(([path]) => path.startsWith(`${target}/`));
      for (const [path, content] of inside) {
        const alias = `${name}/${path.slice(target.length + 1)}`;
        found.set(alias, { ...content, path: alias });
      }
      if (inside.length === 0 && isImagePath(name)) unread.push({ name, reason: `a link to nothing, ${first}` });
    }
  }
  return { found, unread };
}

/** What may be read into memory, and what was. */
export interface Memory {
  /** Bytes. */
  readonly budget: number;
  used: number;
}

/** Counts bytes that are read into memory. @throws DataError beyond the budget. */
export function takeMemory(memory: Memory, bytes: number, path: string): void {
  memory.used += bytes;
  if (memory.used > memory.budget) {
    throw new DataError(
      `The images of ${path} take more than ${memory.budget} bytes of memory, which is the budget. Unpack it and open the folder, whose images are read one by one (in a program, memoryBudget raises it).`,
    );
  }
}
