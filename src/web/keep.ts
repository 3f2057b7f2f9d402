import type { Settings } from "./messages.js";
import { PROJECT_VERSION, type Project, type StoredPictures, type StoredTraining } from "./project.js";

const NAME = "webgpu-simclr page";
const STORE = "project";
/** Milliseconds. */
const LOCK_PATIENCE = 2000;

/** What is kept, each under its name. */
interface Kept {
  pictures: StoredPictures;
  settings: Settings;
  training: StoredTraining;
}

function opened(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(NAME, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
}

/** A project in the browser's IndexedDB, from one visit to the next. */
export class Keep {
  private constructor(readonly database: IDBDatabase) {}

  /**
   * One at a time, until its worker ends: what two tabs keep would be in each other's way.
   * @throws the browser's error where it keeps nothing, as some do in private windows, and a TimeoutError where another tab is at it
   */
  static async open(): Promise<Keep> {
    await new Promise<void>((resolve, reject) => {
      const forever = () => {
        resolve();
        return new Promise(() => {});
      };
      // After a reload, the tab that was left may hold it for a moment.
      navigator.locks.request(NAME, { signal: AbortSignal.timeout(LOCK_PATIENCE) }, forever).catch(reject);
    });
    return new Keep(await opened());
  }

  /** Resolves once all of it is kept. @throws the browser's error, a QuotaExceededError where there is no room; nothing is changed then. */
  #change(work: (store: IDBObjectStore) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const transaction = this.database.transaction(STORE, "readwrite", { durability: "strict" });
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
      work(transaction.objectStore(STORE));
    });
  }

  put<Name extends keyof Kept>(name: Name, value: Kept[Name]): Promise<void> {
    return this.#change((store) => store.put(value, name));
  }

  /** Puts pictures in place of all that was kept. */
  begin(pictures: StoredPictures, settings: Settings): Promise<void> {
    return this.#change((store) => {
      store.clear();
      store.put(pictures, "pictures");
      store.put(settings, "settings");
    });
  }

  remove(name: keyof Kept): Promise<void> {
    return this.#change((store) => store.delete(name));
  }

  /** What was kept; null where there is nothing, or only what another version of the page can read. */
  async project(): Promise<Project | null> {
    const store = this.database.transaction(STORE, "readonly").objectStore(STORE);
    const get = <Name extends keyof Kept>(name: Name) =>
      new Promise<Kept[Name] | undefined>((resolve, reject) => {
        const request: IDBRequest<Kept[Name] | undefined> = store.get(name);
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
    const [pictures, settings, training] = await Promise.all([get("pictures"), get("settings"), get("training")]);
    if (pictures?.version !== PROJECT_VERSION || settings === undefined) return null;
    return { pictures, settings, training: training?.version === PROJECT_VERSION ? training : null };
  }
}
