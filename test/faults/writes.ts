/** Stands in the way of what this process writes to disk. */
import files, { type FileHandle } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

/** A step of writing: "open", "writeFile", "sync", "rename", "appendFile", ... */
export type Step = (typeof FUNCTIONS)[number] | "sync";

/** What changes the disk, of the functions that take a path. */
const FUNCTIONS = ["open", "writeFile", "appendFile", "rename", "link", "mkdir", "rm"] as const;

/** What is to become of a step: it is done; half of its bytes are written, then `end` is called; or nothing is, then `end` is. */
export type Verdict = "done" | "half" | "nothing";

/** Steps that carry bytes. */
const WRITES: readonly Step[] = ["writeFile", "appendFile"];

function halfOf(content: unknown): unknown {
  if (typeof content === "string" || content instanceof Uint8Array) return content.slice(0, content.length / 2);
  return content;
}

/**
 * Asks before every step of writing what is to become of it.
 * @param end called where a step is not done: throws, or ends the process
 * @returns how to end that
 */
export function interceptWrites(
  judge: (step: Step, path: string) => Verdict,
  end: (path: string) => never,
): () => void {
  /** Does a step with its first argument, or as much of it as it is to be. */
  const guarded = async (step: Step, path: string, act: (half: boolean) => Promise<unknown>): Promise<unknown> => {
    const verdict = judge(step, path);
    if (verdict === "done") return act(false);
    if (verdict === "half" && WRITES.includes(step)) await act(true);
    return end(path);
  };
  const undo = FUNCTIONS.map((name) => {
    const original = files[name];
    const value = async (path: unknown, content: unknown, ...rest: unknown[]) => {
      const isReading = name === "open" && content !== "w";
      const call = (half: boolean) => Reflect.apply(original, files, [path, half ? halfOf(content) : content, ...rest]);
      const result = await (isReading ? call(false) : guarded(name, String(path), call));
      return name === "open" && !isReading ? guardHandle(result, String(path), guarded) : result;
    };
    Object.defineProperty(files, name, { value, configurable: true, writable: true });
    return () => Object.defineProperty(files, name, { value: original, configurable: true, writable: true });
  });
  syncBuiltinESMExports();
  return () => {
    for (const step of undo) step();
    syncBuiltinESMExports();
  };
}

/** A handle whose writes are asked about as well. */
function guardHandle(
  handle: FileHandle,
  path: string,
  guarded: (step: Step, path: string, act: (half: boolean) => Promise<unknown>) => Promise<unknown>,
): FileHandle {
  const { writeFile, sync } = handle;
  Object.defineProperty(handle, "writeFile", {
    value: (content: unknown) =>
      guarded("writeFile", path, (half) => Reflect.apply(writeFile, handle, [half ? halfOf(content) : content])),
  });
  Object.defineProperty(handle, "sync", { value: () => guarded("sync", path, () => sync.call(handle)) });
  return handle;
}
