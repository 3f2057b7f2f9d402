import type { Dropped, NamedFile } from "./messages.js";

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

/** Adds what is in an entry; what cannot be read, as without the right to, is said and does not stop the rest. */
async function addBelow(entry: FileSystemEntry, files: NamedFile[], unread: { name: string; reason: string }[]) {
  const path = entry.fullPath.replace(/^\//, "");
  try {
    if (entry instanceof FileSystemFileEntry) files.push({ path, blob: await fileOf(entry) });
    else if (entry instanceof FileSystemDirectoryEntry)
      for (const inside of await entriesOf(entry)) await addBelow(inside, files, unread);
  } catch (error) {
    unread.push({
      name: path,
      reason: `the browser cannot read it (${error instanceof Error ? error.message : error})`,
    });
  }
}

/** The files that were dropped, those in folders too. To be called at once: what was dropped is gone after the event. */
export async function droppedFiles(transfer: DataTransfer): Promise<Dropped> {
  const items = [...transfer.items].filter(({ kind }) => kind === "file");
  const found = items.map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }));
  const files: NamedFile[] = [];
  const unread: { name: string; reason: string }[] = [];
  for (const { entry, file } of found) {
    if (entry) await addBelow(entry, files, unread);
    else if (file) files.push({ path: file.name, blob: file });
  }
  return { files, unread };
}

/** The files that were chosen, with their paths in the folder that was. */
export function chosenFiles(list: FileList | null): Dropped {
  const files = [...(list ?? [])].map((file) => ({ path: file.webkitRelativePath || file.name, blob: file }));
  return { files, unread: [] };
}
