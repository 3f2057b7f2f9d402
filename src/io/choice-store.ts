import { type ChoiceTable, isChoiceTable } from "../engine/choices.js";
import type { Device } from "../engine/device.js";
import { CheckpointError } from "../errors.js";
import { VERSION } from "../version.js";
import { isRecord, parseObject } from "./json.js";

/** A place for one text that outlives the process or page. */
export interface ChoiceStore {
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

function isAdapters(value: unknown): value is Adapters {
  return isRecord(value) && Object.values(value).every(isChoiceTable);
}

/** What a store holds for this version of the library, and why that is nothing where something is wrong with it. */
async function readStore(store: ChoiceStore): Promise<{ adapters: Adapters; warning: string | null }> {
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

async function replace(store: ChoiceStore, device: Device, change: (kept: ChoiceTable) => ChoiceTable): Promise<void> {
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

/** Adds what a store holds for this adapter to the device's choices. Never throws: `warning` says what went wrong. */
export async function loadFrom(store: ChoiceStore, device: Device): Promise<LoadedChoices> {
  const { adapters, warning } = await readStore(store);
  const table = adapters[adapterKey(device)] ?? {};
  device.choices.add(table);
  const count = Object.values(table).reduce((sum, shapes) => sum + Object.keys(shapes).length, 0);
  return { place: store.place, count, warning };
}

/** Adds the device's tuned choices, without forced ones, to a store. @throws CheckpointError where they cannot be written. */
export function saveTo(store: ChoiceStore, device: Device): Promise<void> {
  return replace(store, device, (kept) => {
    const table: Record<string, Readonly<Record<string, string>>> = { ...kept };
    for (const [operation, shapes] of Object.entries(device.choices.tuned)) {
      table[operation] = { ...table[operation], ...shapes };
    }
    return table;
  });
}

/** Takes what a store holds for this adapter out of it. @throws CheckpointError where that cannot be written. */
export function clearIn(store: ChoiceStore, device: Device): Promise<void> {
  return replace(store, device, () => ({}));
}
