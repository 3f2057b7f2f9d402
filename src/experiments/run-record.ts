import { CheckpointError } from "../errors.js";
import { systemErrorCode, writeFileAtomic } from "../io/atomic.js";
import { isRecord, parseObject } from "../io/json.js";
import type { Json, Measured } from "./measured.js";

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

/** The record in a folder, if it is of a run with these settings; null for another run, or none. @throws CheckpointError */
export async function readRecord(folder: string, settings: Json): Promise<RunRecord | null> {
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
  return JSON.stringify(record.settings) === JSON.stringify(settings) ? record : null;
}

function isRunRecord(value: Record<string, unknown>): value is Record<string, unknown> & RunRecord {
  const { settings, adapter, seconds, measured } = value;
  const done = isRecord(measured) && isRecord(measured["values"]);
  return (
    settings !== undefined && typeof adapter === "string" && typeof seconds === "number" && (measured === null || done)
  );
}
