import type { NamedFile } from "./messages.js";

function fileOf(entry: FileSystemFileEntry): Promise<File> {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}

/** All entries of a folder: a browser hands out a hundred at a time. */
async function entriesOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return all;
    all.push(...some);
  }
}

async function filesBelow(entry: FileSystemEntry): Promise<NamedFile[]> {
  if (entry instanceof FileSystemFileEntry)
    return [{ path: entry.fullPath.replace(/^\//, ""), blob: await fileOf(entry) }];
  if (!(entry instanceof FileSystemDirectoryEntry)) return [];
  const found: NamedFile[] = [];
  for (const inside of await entriesOf(entry)) found.push(...(await filesBelow(inside)));
  return found;
}

/** The files that were dropped, those in folders too. To be called at once: what was dropped is gone after the event. */
export async function droppedFiles(transfer: DataTransfer): Promise<NamedFile[]> {
  const files = [...transfer.items].filter(({ kind }) => kind === "file");
  const found = files.map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }));
  const lists = await Promise.all(
    found.map(async ({ entry, file }) => (entry ? filesBelow(entry) : file ? [{ path: file.name, blob: file }] : [])),
  );
  return lists.flat();
}

/** The files that were chosen, with their paths in the folder that was. */
export function chosenFiles(files: FileList | null): NamedFile[] {
  return [...(files ?? [])].map((file) => ({ path: file.webkitRelativePath || file.name, blob: file }));
}
