import { UsageError } from "../errors.js";
import { hashOf } from "../random.js";
import { systemErrorCode, writeError } from "./atomic.js";
import { parseObject } from "./json.js";

/** What systems say of links where there are none, as on memory cards. */
const NO_LINKS = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"];

/** Who holds a lock. */
interface Holder {
  readonly pid: number;
  readonly host: string;
  /** When the process started, which tells it from a later one of the same number; null where systems do not say. */
  readonly started: string | null;
}

/** When a process started, in ticks since the system did (proc(5)); null where it is not there, or the system is no Linux. */
async function startOf(pid: number): Promise<string | null> {
  const { readFile } = await import("node:fs/promises");
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  // The name of the program stands in brackets, and may hold anything.
  return text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? null;
}

/** What this machine is called; "" where a program may not know (Deno without `--allow-sys`). */
async function hostName(): Promise<string> {
  const { hostname } = await import("node:os");
  try {
    return hostname();
  } catch {
    return "";
  }
}

async function isAlive({ pid, host, started }: Holder): Promise<boolean> {
  const { kill } = await import("node:process");
  // Of a process of another machine nothing is known.
  if (host !== (await hostName())) return true;
  try {
    kill(pid, 0);
  } catch (error) {
    if (systemErrorCode(error) === "ESRCH") return false;
  }
  return started === null || (await startOf(pid)) === started;
}

async function readHolder(path: string): Promise<Holder | null> {
  const { readFile } = await import("node:fs/promises");
  const { pid, host, started } = parseObject(await readFile(path, "utf8").catch(() => "")) ?? {};
  if (typeof pid !== "number" || typeof host !== "string") return null;
  return { pid, host, started: typeof started === "string" ? started : null };
}

/** Whether a process that is there, or one of another machine, holds the lock at a path. */
export async function isLocked(path: string): Promise<boolean> {
  const holder = await readHolder(path);
  return holder !== null && isAlive(holder);
}

/** A host's name as part of a file's. */
const mark = (host: string) => hashOf(host, 0).toString(36);

/** Removes the files of processes of this machine that were killed while they took or found the lock. */
async function removeLeftovers(path: string, host: string): Promise<void> {
  const { readdir, rm } = await import("node:fs/promises");
  const { basename, dirname, join } = await import("node:path");
  const start = `${basename(path)}.${mark(host)}-`;
  for (const name of await readdir(dirname(path))) {
    const pid = name.startsWith(start) ? Number.parseInt(name.slice(start.length), 10) : Number.NaN;
    if (pid > 0 && !(await isAlive({ pid, host, started: null }))) await rm(join(dirname(path), name), { force: true });
  }
}

/**
 * Takes a file as a sign that something is in use, and gives the function that lets go of it. A sign that a process left behind which is
 * not there any more counts for nothing. Node, Bun and Deno.
 * @param what is in use, for people: "the run runs/a"
 * @throws UsageError where a process that is there holds it; CheckpointError where the file cannot be made.
 */
export async function takeLock(path: string, what: string): Promise<() => Promise<void>> {
  const { link, rm, writeFile } = await import("node:fs/promises");
  const { pid } = await import("node:process");
  const host = await hostName();
  const own = `${path}.${mark(host)}-${pid}-${Math.random().toString(36).slice(2)}`;
  const holder: Holder = { pid, host, started: await startOf(pid) };
  try {
    await writeFile(own, JSON.stringify(holder));
    for (;;) {
      try {
        // A link appears with its content, and only where there is none. Some file systems have none.
        await link(own, path).catch((error: unknown) => {
          if (!NO_LINKS.includes(systemErrorCode(error) ?? "")) throw error;
          return writeFile(path, JSON.stringify(holder), { flag: "wx" });
        });
        await removeLeftovers(path, host);
        return () => rm(path, { force: true });
      } catch (error) {
        if (systemErrorCode(error) !== "EEXIST") throw error;
      }
      const other = await readHolder(path);
      if (other && (await isAlive(other))) {
        const where = other.host === holder.host ? "" : ` on ${other.host}: delete ${path} where that is over`;
        throw new UsageError(`${what} is in use by the process ${other.pid}${where}`);
      }
      await rm(path, { force: true });
    }
  } catch (error) {
    throw systemErrorCode(error) === null ? error : writeError(path, error);
  } finally {
    await rm(own, { force: true });
  }
}
