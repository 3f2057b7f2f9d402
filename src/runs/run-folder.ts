import { CheckpointError } from "../errors.js";
import { systemErrorCode, writeError, writeFileAtomic } from "../io/atomic.js";
import { parseObject } from "../io/json.js";
import { isLocked, takeLock } from "../io/lock.js";

/** The names of the files in a run folder. */
export const RUN_FILES = {
  config: "config.json",
  metrics: "metrics.jsonl",
  checkpoint: "checkpoint.safetensors",
  encoder: "encoder.safetensors",
  report: "report.html",
  /** Names of the images to train and to test on, with the sizes of their files. */
  images: "images.json",
  /** The step that ended the run, with its images; gone once it goes well. */
  failedStep: "failed-step.json",
  /** Names of the images whose labels are used, where a run takes only some of them: for another training on the same ones. */
  chosen: "training-images.txt",
} as const;

/** One line of the metrics; NaN and infinities become null on disk. */
export type MetricsLine = { readonly step: number } & Readonly<Record<string, number | string | null>>;

const MAX_NAME_CHARACTERS = 64;

/** The folder of one training run. Node, Bun and Deno. */
export class RunFolder {
  /** Path of the folder. */
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /**
   * Creates a new folder `<parent>/<date>-<time>-<name>` in local time, with a number at the end where that exists
   * already; an existing run is never touched. Characters of `name` that are no letters, digits, `.`, `_` or `-` become `-`.
   * @throws CheckpointError where the folder cannot be made.
   */
  static async create(parent: string, name: string, now: Date = new Date()): Promise<RunFolder> {
    const { mkdir } = await import("node:fs/promises");
    const { join } = await import("node:path");
    const base = join(parent, `${timestamp(now)}-${folderName(name)}`);
    for (let attempt = 1; ; attempt++) {
      const path = attempt === 1 ? base : `${base}-${attempt}`;
      try {
        await mkdir(parent, { recursive: true });
        await mkdir(path);
        return new RunFolder(path);
      } catch (error) {
        if (systemErrorCode(error) !== "EEXIST" || !(await isFolder(parent))) throw writeError(path, error);
      }
    }
  }

  /**
   * Makes exactly this folder for a new run; the files of an earlier run in it are removed, and nothing else is.
   * @throws CheckpointError where the folder cannot be made; UsageError while a process is at a run in it.
   */
  static async replace(path: string): Promise<RunFolder> {
    const { mkdir, rm } = await import("node:fs/promises");
    try {
      await mkdir(path, { recursive: true });
      const folder = new RunFolder(path);
      const unlock = await folder.lock();
      for (const name of Object.values(RUN_FILES)) await rm(`${path}/${name}`, { force: true });
      await folder.#removeTemporaries();
      await unlock();
      return folder;
    } catch (error) {
      throw systemErrorCode(error) === null ? error : writeError(path, error);
    }
  }

  /**
   * Opens the folder of an earlier run.
   * @throws CheckpointError where there is no such folder, or it is not a run.
   */
  static async open(path: string): Promise<RunFolder> {
    const { readdir } = await import("node:fs/promises");
    if (!(await isFolder(path))) throw new CheckpointError(`There is no run folder ${path}.`);
    const names = await readdir(path);
    if (!names.includes(RUN_FILES.config)) {
      throw new CheckpointError(`${path} is not a run folder: it has no ${RUN_FILES.config}.`);
    }
    return new RunFolder(path);
  }

  /** Keeps others from this run until the function given is called. @throws UsageError while another process is at it. */
  lock(): Promise<() => Promise<void>> {
    return takeLock(this.#lockFile, `the run ${this.path}`);
  }

  /** Whether a process is at this run. */
  isLocked(): Promise<boolean> {
    return isLocked(this.#lockFile);
  }

  get #lockFile(): string {
    return `${this.path}/run.lock`;
  }

  /** Path of one of the run's files. */
  file(which: keyof typeof RUN_FILES): string {
    return `${this.path}/${RUN_FILES[which]}`;
  }

  /** Whether one of the run's files is there. */
  async has(which: keyof typeof RUN_FILES): Promise<boolean> {
    const { readdir } = await import("node:fs/promises");
    return (await readdir(this.path)).includes(RUN_FILES[which]);
  }

  /**
   * Writes config.json.
   * @throws CheckpointError where it cannot be written.
   */
  async writeConfig(config: object): Promise<void> {
    await writeFileAtomic(this.file("config"), `${JSON.stringify(config, null, 2)}\n`);
  }

  /**
   * Reads config.json; what stands in it is for the caller to check.
   * @throws CheckpointError where it is missing, not JSON or not an object.
   */
  async readConfig(): Promise<Record<string, unknown>> {
    const path = this.file("config");
    const text = await readText(path);
    if (text === null) throw new CheckpointError(`${path} is missing.`);
    const config = parseObject(text);
    if (config === null) throw new CheckpointError(`${path} is damaged: it is not a JSON object.`);
    return config;
  }

  /**
   * Appends a line to metrics.jsonl. Wait for one line before you append the next.
   * @throws CheckpointError where it cannot be written, e.g. on a full disk.
   */
  async appendMetrics(line: MetricsLine): Promise<void> {
    const { appendFile } = await import("node:fs/promises");
    const path = this.file("metrics");
    try {
      await appendFile(path, `${JSON.stringify(line)}\n`);
    } catch (error) {
      throw writeError(path, error);
    }
  }

  /**
   * The lines of metrics.jsonl; none where the file does not exist yet. A last line that a kill left half-written is
   * dropped, and so is every other one that is not a JSON object with a step, and values of numbers, text or null.
   * @param onDamaged called with the number of each such line, from 1
   * @throws CheckpointError where the file cannot be read.
   */
  async readMetrics(onDamaged?: (line: number) => void): Promise<MetricsLine[]> {
    const path = this.file("metrics");
    const text = (await readText(path)) ?? "";
    // A line counts once its newline is there; behind the last newline stands nothing or half a line.
    return text
      .split("\n")
      .slice(0, -1)
      .flatMap((line, index) => {
        const values = parseObject(line);
        if (values !== null && isMetricsLine(values)) return values;
        onDamaged?.(index + 1);
        return [];
      });
  }

  /**
   * Makes the folder ready to go on after the checkpoint of `step`: cuts the metrics of later steps off, so that no step
   * ever stands in the file twice, and removes temporary files that a killed run left behind.
   * @param onDamaged called with the number of each line of the metrics that cannot be read, and is left out from now on
   * @throws CheckpointError where the metrics cannot be read or written.
   */
  async prepareResume(step: number, onDamaged?: (line: number) => void): Promise<void> {
    const kept = (await this.readMetrics(onDamaged)).filter((line) => line.step <= step);
    await writeFileAtomic(this.file("metrics"), kept.map((line) => `${JSON.stringify(line)}\n`).join(""));
    await this.#removeTemporaries();
  }

  /** Removes what writes have left that were cut short by a kill. */
  async #removeTemporaries(): Promise<void> {
    const { readdir, rm } = await import("node:fs/promises");
    const files: readonly string[] = Object.values(RUN_FILES);
    for (const name of await readdir(this.path)) {
      if (files.includes(name.replace(/\.tmp-[\d-]+$/, "")) && !files.includes(name)) await rm(`${this.path}/${name}`);
    }
  }
}

function timestamp(date: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day}-${two(date.getHours())}${two(date.getMinutes())}${two(date.getSeconds())}`;
}

function folderName(name: string): string {
  const cleaned = name.replace(/[^\p{L}\p{N}._-]+/gu, "-").replace(/^[-.]+|[-.]+$/g, "");
  return cleaned.slice(0, MAX_NAME_CHARACTERS) || "run";
}

async function isFolder(path: string): Promise<boolean> {
  const { stat } = await import("node:fs/promises");
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (systemErrorCode(error) === null) throw error;
    return false;
  }
}

/** The text of a file, or null where there is none. */
async function readText(path: string): Promise<string | null> {
  const { readFile } = await import("node:fs/promises");
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    if (systemErrorCode(cause) === "ENOENT") return null;
    throw new CheckpointError(`Cannot read ${path}: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

function isMetricsLine(values: Record<string, unknown>): values is MetricsLine {
  return (
    typeof values["step"] === "number" &&
    Object.values(values).every((value) => value === null || typeof value === "number" || typeof value === "string")
  );
}
