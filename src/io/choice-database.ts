import type { Device } from "../engine/device.js";
import { CheckpointError } from "../errors.js";
import { type ChoiceStore, clearIn, type LoadedChoices, loadFrom, saveTo } from "./choice-store.js";

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

function browserStore(factory: NonNullable<typeof indexedDB>): ChoiceStore {
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

const NONE =
  "there is no IndexedDB here to keep tuned choices in: in Node, Bun and Deno import loadChoices, saveChoices and clearChoices from webgpu-simclr/node, where they keep a file";

/** @throws CheckpointError where there is no IndexedDB. */
function databaseStore(): ChoiceStore {
  if (typeof indexedDB === "undefined") throw new CheckpointError(NONE);
  return browserStore(indexedDB);
}

/**
 * Adds what was tuned on this adapter before, with this version of the library, to the device's choices. Choices are kept in
 * a browser's
 * IndexedDB; in Node, Bun and Deno use the function of this name in `webgpu-simclr/node`, which keeps a file. Never throws: what cannot be read is not used, and `warning`
 * says why. `openDevice` does not do this by itself.
 */
export async function loadChoices(device: Device): Promise<LoadedChoices> {
  return typeof indexedDB === "undefined"
    ? { place: "nowhere", count: 0, warning: NONE }
    : loadFrom(browserStore(indexedDB), device);
}

/**
 * Keeps the device's tuned choices, beside those that are kept already, for `loadChoices` to find. Forced ones are not kept.
 * @throws CheckpointError where they cannot be written, or there is no IndexedDB.
 */
export async function saveChoices(device: Device): Promise<void> {
  await saveTo(databaseStore(), device);
}

/**
 * Forgets the choices that are kept for this adapter; the device's own stay as they are.
 * @throws CheckpointError where that cannot be written, or there is no IndexedDB.
 */
export async function clearChoices(device: Device): Promise<void> {
  await clearIn(databaseStore(), device);
}
