import { CheckpointError } from "../errors.js";
import { systemErrorCode, writeFileAtomic } from "../io/atomic.js";
import { isRecord, parseObject, sameData, shown } from "../io/json.js";
import { differences } from "../runs/comparison.js";
import { parseConfig } from "../training/checkpoint.js";
import { type Json, json, type Measured } from "./measured.js";

/** The file in a run's folder that says what the run is and how far it came. */
const RECORD = "run.json";

/** A run of an experiment as it stands on disk. */
export interface RunRecord {
  readonly settings: Json;
  /** The name of the adapter. */
  readonly adapter: string;
  /** Wall-clock time so far. */
  readonly seconds: number;
  /** Null until the run is done. */
  readonly measured: Measured | null;
}

/** Writes the record of a run, whose folder is made where there is none. @throws CheckpointError */
export async function writeRecord(folder: string, record: RunRecord): Promise<void> {
  const { mkdir } = await import("node:fs/promises");
  await mkdir(folder, { recursive: true });
  await writeFileAtomic(`${folder}/${RECORD}`, `${JSON.stringify(record, null, 2)}\n`);
}

/** The record in a folder, with its settings as this version writes them; null where there is none. @throws CheckpointError */
export async function readRecord(folder: string): Promise<RunRecord | null> {
  const { readFile } = await import("node:fs/promises");
  const path = `${folder}/${RECORD}`;
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    if (systemErrorCode(cause) === "ENOENT") return null;
    throw new CheckpointError(`${path} cannot be read: ${String(cause)}`, { cause });
  });
  if (text === null) return null;
  const record = parseObject(text);
  if (!record || !isRunRecord(record))
    throw new CheckpointError(`${path} is damaged: remove its folder to do the run again`);
  return { ...record, settings: ofThisVersion(record.settings) };
}

/** Settings that an earlier version wrote: a configuration in them has the defaults of what it could not say yet. */
function ofThisVersion(settings: Json): Json {
  if (!isRecord(settings)) return settings;
  const current = Object.entries(settings).map(([key, value]) => {
    if (key === "from") return [key, ofThisVersion(value)];
    return [key, (key === "training" || key === "model") && isRecord(value) ? json(parseConfig(value)) : value];
  });
  return json(Object.fromEntries(current));
}

/** What a run that is planned does otherwise than one that is on record, for people; null where it is the same run. */
export function otherSettings(recorded: Json, planned: Json): string | null {
  if (sameData(recorded, planned)) return null;
  if (!isRecord(recorded) || !isRecord(planned)) return `${shown(recorded)}, not ${shown(planned)}`;
  return differences([recorded, planned])
    .map(({ name, values: [theirs, ours] }) => `${name} ${shown(theirs)}, not ${shown(ours)}`)
    .join("; ");
}

function isRunRecord(value: Record<string, unknown>): value is Record<string, unknown> & RunRecord {
  const { settings, adapter, seconds, measured } = value;
  const done = isRecord(measured) && isRecord(measured["values"]);
  return (
    settings !== undefined && typeof adapter === "string" && typeof seconds === "number" && (measured === null || done)
  );
}
