import { CheckpointError, SimclrError } from "../errors.js";
import { systemErrorCode } from "../io/atomic.js";
import { isRecord } from "../io/json.js";
import { type MetricsLine, RunFolder } from "./run-folder.js";

/** What became of a run: a process is at it, it was stopped, or it has trained and evaluated to its end. */
export type RunState = "running" | "interrupted" | "done";

/** A run in a few words and numbers. */
export interface RunOverview {
  readonly folder: string;
  readonly name: string;
  readonly method: string;
  readonly encoder: string;
  /** Epochs done, with the fraction of the current one. */
  readonly epochs: number;
  /** Epochs of the whole training. */
  readonly planned: number;
  readonly state: RunState;
  /** Mean over the steps of the last epoch; null before the first step, and where it was no number. */
  readonly loss: number | null;
  /** Of the last evaluation after a step, as shares of 1; null without one. */
  readonly knn: number | null;
  readonly knn20: number | null;
  readonly probe: number | null;
  readonly classifier: number | null;
  /** Images that these were measured on. */
  readonly testImages: number | null;
  /** When it began, as ISO 8601 has it; null where nobody knows. */
  readonly started: string | null;
}

/** A run as it is read from its folder. */
export interface ReadRun {
  readonly overview: RunOverview;
  /** What stands in config.json. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly lines: readonly MetricsLine[];
  /** Lines of metrics.jsonl that cannot be read. */
  readonly damagedLines: number;
}

/** A folder that is no run, or a broken one, and why. */
export interface OtherFolder {
  readonly folder: string;
  readonly reason: string;
}

/** Runs, and the folders that are none. */
export interface ReadRuns {
  readonly runs: readonly ReadRun[];
  readonly others: readonly OtherFolder[];
}

/** Folders that are read at once. */
const AT_ONCE = 8;

/** The runs in these folders, in the order given; folders that are none are named, with the reason. */
export async function readRuns(folders: readonly string[]): Promise<ReadRuns> {
  const runs: ReadRun[] = [];
  const others: OtherFolder[] = [];
  for (let start = 0; start < folders.length; start += AT_ONCE) {
    const read = await Promise.all(folders.slice(start, start + AT_ONCE).map(readOrReason));
    for (const one of read) {
      if ("reason" in one) others.push(one);
      else runs.push(one);
    }
  }
  return { runs, others };
}

/**
 * The runs in a folder, the oldest first; those of which nobody knows when they began come before.
 * @throws CheckpointError where there is no such folder.
 */
export async function listRuns(parent: string): Promise<ReadRuns> {
  const { readdir, stat } = await import("node:fs/promises");
  const { join } = await import("node:path");
  const names = await readdir(parent).catch((cause: unknown) => {
    if (systemErrorCode(cause) === null) throw cause;
    throw new CheckpointError(
      `${parent} cannot be read (${systemErrorCode(cause)}): name the folder that the run folders are in`,
      { cause },
    );
  });
  if (names.includes("config.json"))
    throw new CheckpointError(`${parent} is a run itself: name the folder that it is in, or compare it with others`);
  const folders: string[] = [];
  for (const name of names.sort()) {
    const found = await stat(join(parent, name)).catch(() => null);
    if (found?.isDirectory()) folders.push(join(parent, name));
  }
  const { runs, others } = await readRuns(folders);
  const time = ({ overview: { started } }: ReadRun) => (started === null ? 0 : Date.parse(started));
  return { runs: runs.toSorted((a, b) => time(a) - time(b)), others };
}

async function readOrReason(folder: string): Promise<ReadRun | OtherFolder> {
  try {
    return await readRun(folder);
  } catch (error) {
    if (error instanceof SimclrError) return { folder, reason: error.message };
    const code = systemErrorCode(error);
    if (code === null) throw error;
    return { folder, reason: `${folder} cannot be read: ${code}` };
  }
}

async function readRun(path: string): Promise<ReadRun> {
  const { basename, resolve } = await import("node:path");
  const folder = await RunFolder.open(path);
  const config = await folder.readConfig();
  const training = isRecord(config["training"]) ? config["training"] : {};
  const { method, encoder, width, epochs: planned } = training;
  if (typeof method !== "string" || typeof encoder !== "string" || typeof planned !== "number")
    throw new CheckpointError(`${folder.file("config")} is not that of a run: it has no method, encoder and epochs`);
  let damagedLines = 0;
  const lines = await folder.readMetrics(() => {
    damagedLines++;
  });
  const name = basename(resolve(path));
  const last = lines.findLast(({ kind }) => kind === "step");
  const evaluation = lines.findLast(({ kind, step }) => kind === "evaluation" && step > 0);
  const epochs = numberOf(last, "epoch") ?? 0;
  const share = (of: string) => numberOf(evaluation, of);
  const overview: RunOverview = {
    folder: path,
    name,
    method,
    encoder: typeof width === "number" && width !== 1 ? `${encoder} ${width}x` : encoder,
    epochs,
    planned,
    state: (await folder.isLocked()) ? "running" : (await isDone(folder, epochs, planned)) ? "done" : "interrupted",
    loss: lastEpochLoss(lines, epochs),
    knn: share("knn"),
    knn20: share("knn20"),
    probe: share("probe"),
    classifier: share("classifier"),
    testImages: share("testImages"),
    started: startedAt(config["started"], name),
  };
  return { overview, config, lines, damagedLines };
}

/** The encoder is the last file that every run writes; that of before more epochs were asked for does not count. */
async function isDone(folder: RunFolder, epochs: number, planned: number): Promise<boolean> {
  return epochs >= planned && (await folder.has("encoder"));
}

function numberOf(line: MetricsLine | undefined, name: string): number | null {
  const value = line?.[name];
  return typeof value === "number" ? value : null;
}

function lastEpochLoss(lines: readonly MetricsLine[], epochs: number): number | null {
  const losses = lines
    .filter((line) => line["kind"] === "step" && (numberOf(line, "epoch") ?? 0) > epochs - 1)
    .map((line) => numberOf(line, "loss"));
  if (losses.length === 0 || losses.includes(null)) return null;
  return losses.reduce<number>((sum, loss) => sum + (loss ?? 0), 0) / losses.length;
}

/** What the configuration says, or, of runs of versions that did not say it, the folder's name, in local time. */
function startedAt(said: unknown, name: string): string | null {
  if (typeof said === "string" && !Number.isNaN(Date.parse(said))) return said;
  const [, day, hours, minutes, seconds] = /^(\d{4}-\d{2}-\d{2})-(\d{2})(\d{2})(\d{2})-/.exec(name) ?? [];
  if (day === undefined) return null;
  const date = new Date(`${day}T${hours}:${minutes}:${seconds}`);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}
