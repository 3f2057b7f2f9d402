import { DataError } from "../errors.js";
import { reasonOf } from "./broken.js";
import { diskFile, isWantedPath, type SourceFile } from "./source-file.js";

/**
 * Lists the images and files of packed sets below a folder, unsorted. Follows symbolic links, save those that lead back to a folder
 * they lie in; a link to nothing is listed and fails when read.
 * @throws DataError where a folder cannot be read.
 */
export async function listFolder(root: string): Promise<SourceFile[]> {
  const { readdir, realpath, stat } = await import("node:fs/promises");
  const { join } = await import("node:path");
  const files: SourceFile[] = [];

  const isFolderLink = async (path: string): Promise<boolean> => {
    try {
      return (await stat(path)).isDirectory();
    } catch {
      return false;
    }
  };
  const walk = async (folder: string, prefix: string, ancestors: readonly string[]): Promise<void> => {
    const real = await realpath(folder);
    if (ancestors.includes(real)) {
      return;
    }
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const full = join(folder, entry.name);
      const path = prefix + entry.name;
      const link = entry.isSymbolicLink();
      if (entry.name.startsWith(".")) {
        continue;
      }
      if (entry.isDirectory() || (link && (await isFolderLink(full)))) {
        await walk(full, `${path}/`, [...ancestors, real]);
      } else if ((entry.isFile() || link) && isWantedPath(path)) {
        files.push(diskFile(path, full));
      }
    }
  };

  try {
    await walk(root, "", []);
  } catch (cause) {
    throw new DataError(`The folder ${root} cannot be listed: ${reasonOf(cause)}.`, { cause });
  }
  return files;
}
