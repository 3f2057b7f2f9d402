import { type ChoiceTable, isChoiceTable } from "../engine/choices.js";
import type { Device } from "../engine/device.js";
import { CheckpointError } from "../errors.js";
import { VERSION } from "../version.js";
import { systemErrorCode, writeError, writeFileAtomic } from "./atomic.js";
import { isRecord, parseObject } from "./json.js";

/** A place for one text that outlives the process or page. */
interface Store {
  /** For people: a path, or what it is. */
  readonly place: string;
  /** The text; null where none was written yet. */
  read(): Promise<string | null>;
  write(text: string): Promise<void>;
}

/** What `loadChoices` found. */
export interface LoadedChoices {
  /** Where choices are kept: the path of a file, or "IndexedDB". */
  readonly place: string;
  /** How many there were for this adapter. */
  readonly count: number;
  /** Why what is kept was not used, for people; null where nothing is wrong. */
  readonly warning: string | null;
}

/** The choices of each adapter that were tuned with one version of this library. */
type Adapters = Readonly<Record<string, ChoiceTable>>;

/** The user's cache folder: `XDG_CACHE_HOME` where it is set, else the system's own. */
async function cacheFolder(): Promise<string> {
  const { env, platform } = await import("node:process");
  const { homedir } = await import("node:os");
  const { join } = await import("node:path");
  if (env["XDG_CACHE_HOME"]) return env["XDG_CACHE_HOME"];
  if (platform === "win32") return env["LOCALAPPDATA"] ?? join(homedir(), "AppData", "Local");
  return platform === "darwin" ? join(homedir(), "Library", "Caches") : join(homedir(), ".cache");
}

async function fileStore(): Promise<Store> {
  const { mkdir, readFile } = await import("node:fs/promises");
  const { dirname, join } = await import("node:path");
  const place = join(await cacheFolder(), "webgpu-simclr", "choices.json");
  return {
    place,
    async read() {
      try {
        return await readFile(place, "utf8");
      } catch (error) {
        if (systemErrorCode(error) === "ENOENT") return null;
        throw error;
      }
    },
    async write(text) {
      await mkdir(dirname(place), { recursive: true }).catch((cause: unknown) => {
        throw writeError(place, cause);
      });
      await writeFileAtomic(place, text);
    },
  };
}

/** The little of IndexedDB that is used here; its types belong to a browser's library. */
interface Settling<Result> extends EventTarget {
  readonly result: Result;
  readonly error: unknown;
}
interface Transaction extends Settling<unknown> {
  objectStore(name: string): { get(key: string): Settling<unknown>; put(value: string, key: string): unknown };
}
interface Database {
  createObjectStore(name: string): unknown;
  transaction(store: string, mode: "readonly" | "readwrite"): Transaction;
  close(): void;
}
declare const indexedDB: { open(name: string, version: number): Settling<Database> } | undefined;

function settled(target: Settling<unknown>, event: "success" | "complete"): Promise<void> {
  return new Promise((resolve, reject) => {
    target.addEventListener(event, () => resolve());
    for (const failure of ["error", "abort"]) target.addEventListener(failure, () => reject(target.error));
  });
}

function browserStore(factory: NonNullable<typeof indexedDB>): Store {
  const [name, key] = ["webgpu-simclr", "choices"];
  const open = async () => {
    const opening = factory.open(name, 1);
    opening.addEventListener("upgradeneeded", () => opening.result.createObjectStore(name));
    await settled(opening, "success");
    return opening.result;
  };
  return {
    place: "IndexedDB",
    async read() {
      const database = await open();
      const reading = database.transaction(name, "readonly").objectStore(name).get(key);
      await settled(reading, "success");
      database.close();
      return reading.result === undefined ? null : String(reading.result);
    },
    async write(text) {
      const database = await open();
      const transaction = database.transaction(name, "readwrite");
      transaction.objectStore(name).put(text, key);
      await settled(transaction, "complete");
      database.close();
    },
  };
}

function openStore(): Promise<Store> | Store {
  return typeof indexedDB === "undefined" ? fileStore() : browserStore(indexedDB);
}

function isAdapters(value: unknown): value is Adapters {
  return isRecord(value) && Object.values(value).every(isChoiceTable);
}

/** What a store holds for this version of the library, and why that is nothing where something is wrong with it. */
async function readStore(store: Store): Promise<{ adapters: Adapters; warning: string | null }> {
  const unused = (why: string) => ({
    adapters: {},
    warning: `the tuned choices in ${store.place} are not used: ${why}; tune again to replace them`,
  });
  let text: string | null;
  try {
    text = await store.read();
  } catch (error) {
    return unused(error instanceof Error ? error.message : String(error));
  }
  if (text === null) return { adapters: {}, warning: null };
  const { version, adapters } = parseObject(text) ?? {};
  if (typeof version !== "string" || !isAdapters(adapters)) return unused("they are damaged");
  if (version !== VERSION) return unused(`they are of version ${version}, and this is ${VERSION}`);
  return { adapters, warning: null };
}

/** What choices depend on, besides this library's version. */
function adapterKey({ adapter, gpu }: Device): string {
  const { vendor, architecture, name } = adapter;
  const { subgroupMinSize, subgroupMaxSize } = gpu.adapterInfo;
  const subgroups = gpu.features.has("subgroups") ? `subgroups ${subgroupMinSize}-${subgroupMaxSize}` : "no subgroups";
  return [vendor, architecture, name, subgroups].join(" / ");
}

async function replace(device: Device, change: (kept: ChoiceTable) => ChoiceTable): Promise<void> {
  const store = await openStore();
  const { adapters } = await readStore(store);
  const key = adapterKey(device);
  const all = { version: VERSION, adapters: { ...adapters, [key]: change(adapters[key] ?? {}) } };
  try {
    await store.write(`${JSON.stringify(all, null, 2)}\n`);
  } catch (cause) {
    if (cause instanceof CheckpointError) throw cause;
    throw new CheckpointError(`Cannot write the tuned choices to ${store.place}: ${String(cause)}`, { cause });
  }
}

/**
 * Adds what was tuned on this adapter before, with this version of the library, to the device's choices. Choices are kept in
 * a file in the user's cache folder (`XDG_CACHE_HOME`, or the system's own) in Node, Bun and Deno, and in IndexedDB in
 * browsers. Never throws: what cannot be read is not used, and `warning` says why. `openDevice` does not do this by itself;
 * the command line does.
 */
export async function loadChoices(device: Device): Promise<LoadedChoices> {
  let store: Store;
  try {
    store = await openStore();
  } catch (error) {
    return { place: "nowhere", count: 0, warning: `there is no place for tuned choices: ${String(error)}` };
  }
  const { adapters, warning } = await readStore(store);
  const table = adapters[adapterKey(device)] ?? {};
  device.choices.add(table);
  const count = Object.values(table).reduce((sum, shapes) => sum + Object.keys(shapes).length, 0);
  return { place: store.place, count, warning };
}

/**
 * Keeps the device's tuned choices, beside those that are kept already, for `loadChoices` to find. Forced ones are not kept.
 * @throws CheckpointError where they cannot be written.
 */
export function saveChoices(device: Device): Promise<void> {
  return replace(device, (kept) => {
    const table: Record<string, Readonly<Record<string, string>>> = { ...kept };
    for (const [operation, shapes] of Object.entries(device.choices.tuned)) {
      table[operation] = { ...table[operation], ...shapes };
    }
    return table;
  });
}

/**
 * Forgets the choices that are kept for this adapter; the device's own stay as they are.
 * @throws CheckpointError where that cannot be written.
 */
export function clearChoices(device: Device): Promise<void> {
  return replace(device, () => ({}));
}
