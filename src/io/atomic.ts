import { CheckpointError } from "../errors.js";

/** What a system error code means for the person who reads the message. */
const REASONS: ReadonlyMap<string, string> = new Map([
  ["ENOSPC", "the disk is full; free some space"],
  ["EDQUOT", "the disk quota is used up; free some space"],
  ["EROFS", "the file system is read-only"],
  ["EACCES", "permission denied"],
  ["EPERM", "permission denied"],
  ["ENOENT", "the folder does not exist"],
  ["EEXIST", "there is a file of that name"],
  ["ENOTDIR", "a part of the path is a file"],
  ["EISDIR", "there is a folder of that name"],
]);

/** Those that this process writes now: two writes to one path at once do not share one. */
const temporaries = new Set<string>();

/**
 * Writes a file so that at any moment, a kill or a power cut included, `path` holds either its previous content as a
 * whole or the new one: writes `<path>.tmp-<process id>`, forces it to the disk, renames it and forces the folder to the
 * disk. Of two writes
 * to one path at the same time, one comes last. Node, Bun and Deno.
 * @param content bytes, text (UTF-8), or pieces of text that are written one after the other
 * @throws CheckpointError with the path and the reason, e.g. a full disk; the previous file stays as it was and the
 *   temporary file is removed. What `content` throws while it makes its pieces is passed on as it is.
 */
export async function writeFileAtomic(path: string, content: Uint8Array | string | Iterable<string>): Promise<void> {
  const { open, rename, rm } = await import("node:fs/promises");
  const { pid } = await import("node:process");
  const pieces = typeof content === "string" || content instanceof Uint8Array ? [content] : content;
  let temporary = `${path}.tmp-${pid}`;
  while (temporaries.has(temporary)) temporary += "-";
  temporaries.add(temporary);
  try {
    const file = await open(temporary, "w");
    try {
      for (const piece of pieces) await file.writeFile(piece);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    // Where even that fails, as for a folder of that name, the first error is the one to tell.
    await rm(temporary, { force: true }).catch(() => {});
    throw systemErrorCode(error) === null ? error : writeError(path, error);
  } finally {
    temporaries.delete(temporary);
  }
  await syncFolderOf(path);
}

/** The error for a failed write of `path`, whose cause is a system error such as ENOSPC. */
export function writeError(path: string, cause: unknown): CheckpointError {
  const code = systemErrorCode(cause) ?? "unknown error";
  const reason = REASONS.get(code) ?? (cause instanceof Error ? cause.message : String(cause));
  return new CheckpointError(`Cannot write ${path}: ${reason} (${code}).`, { cause });
}

/** The code of a system error, such as "ENOENT", or null for any other value. */
export function systemErrorCode(error: unknown): string | null {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : null;
}

/** Makes a rename last through a power cut. Windows has no such call for folders. */
async function syncFolderOf(path: string): Promise<void> {
  const { open } = await import("node:fs/promises");
  const { dirname } = await import("node:path");
  const { platform } = await import("node:process");
  if (platform === "win32") return;
  try {
    const folder = await open(dirname(path), "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  } catch (error) {
    // Some network file systems do not offer this call; there the rename is as durable as it can be made.
    if (systemErrorCode(error) !== "EINVAL") throw writeError(path, error);
  }
}
