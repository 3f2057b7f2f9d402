import type { Device } from "../engine/device.js";
import { UsageError } from "../errors.js";
import { systemErrorCode, writeError, writeFileAtomic } from "./atomic.js";
import { cacheFolder } from "./cache-folder.js";
import { type ChoiceStore, clearIn, type LoadedChoices, loadFrom, saveTo } from "./choice-store.js";
import { takeLock } from "./lock.js";

async function fileStore(): Promise<ChoiceStore> {
  const { readFile } = await import("node:fs/promises");
  const { join } = await import("node:path");
  const place = join(await cacheFolder(), "choices.json");
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
    write: (text) => writeFileAtomic(place, text),
  };
}

/** How often, and how many milliseconds apart, a file in use by another process is tried: ten seconds in all. */
const [TRIES, PAUSE] = [500, 20];

/** Does something with the file while nobody else does: what one process adds, another one must not write over. */
async function alone(work: (store: ChoiceStore) => Promise<void>): Promise<void> {
  const { mkdir } = await import("node:fs/promises");
  const { dirname } = await import("node:path");
  const store = await fileStore();
  await mkdir(dirname(store.place), { recursive: true }).catch((cause: unknown) => {
    throw writeError(store.place, cause);
  });
  for (let left = TRIES; ; left--) {
    try {
      const unlock = await takeLock(`${store.place}.lock`, store.place);
      return await work(store).finally(unlock);
    } catch (error) {
      if (!(error instanceof UsageError) || left === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }
}

/**
 * Adds what was tuned on this adapter before, with this version of the library, to the device's choices. Choices are kept in
 * a file in the user's
 * cache folder (`XDG_CACHE_HOME`, or the system's own). Never throws: what cannot be read is not used, and `warning`
 * says why. `openDevice` does not do this by itself; the command line does.
 */
export async function loadChoices(device: Device): Promise<LoadedChoices> {
  return loadFrom(await fileStore(), device);
}

/**
 * Keeps the device's tuned choices, beside those that are kept already, for `loadChoices` to find. Forced ones are not kept.
 * @throws CheckpointError where they cannot be written.
 */
export async function saveChoices(device: Device): Promise<void> {
  await alone((store) => saveTo(store, device));
}

/**
 * Forgets the choices that are kept for this adapter; the device's own stay as they are.
 * @throws CheckpointError where that cannot be written.
 */
export async function clearChoices(device: Device): Promise<void> {
  await alone((store) => clearIn(store, device));
}
