import { DataError } from "../errors.js";
import { listed } from "../wording.js";
import type { SkippedImage } from "./dataset.js";
import type { DatasetFacts, PixelStore } from "./pixels.js";

/** Of a set's images, this share may be broken before it is an error, unless another one is asked for. */
export const MAX_BROKEN = 0.05;

/** The message of whatever was thrown, on one line. */
export function reasonOf(thrown: unknown): string {
  return (thrown instanceof Error ? thrown.message : String(thrown)).replace(/\s+/g, " ").trim();
}

/** The images of a set that can be read: their numbers, and what the set is without the others. */
export interface Readable {
  readonly good: readonly number[];
  readonly facts: DatasetFacts;
}

/**
 * A set without its broken images, which are listed as skipped.
 * @param reasons why images could not be read, by their numbers
 * @param maxBroken share of them that may be broken
 * @throws DataError where more are, and where all are.
 */
export function withoutBroken(
  set: Omit<DatasetFacts, "skipped">,
  reasons: ReadonlyMap<number, string>,
  maxBroken = MAX_BROKEN,
): Readable {
  const { name, length, labels, classes, bytesOf } = set;
  const good: number[] = [];
  const skipped: SkippedImage[] = [];
  for (let index = 0; index < length; index++) {
    const reason = reasons.get(index);
    if (reason === undefined) {
      good.push(index);
    } else {
      skipped.push({ name: set.nameOf(index), reason });
    }
  }
  if (good.length === 0 || skipped.length > length * maxBroken) {
    throw tooManyBroken(name, skipped, length, maxBroken);
  }
  const facts = {
    name,
    length: good.length,
    labels: labels && Uint32Array.from(good, (index) => labels[index] ?? 0),
    classes,
    skipped,
    nameOf: (index: number) => set.nameOf(good[index] ?? 0),
    ...(bytesOf && { bytesOf: (index: number) => bytesOf(good[index] ?? 0) }),
  };
  return { good, facts };
}

/** Closes the gaps that broken images left in a store. */
export function closeGaps(store: PixelStore, good: readonly number[]): void {
  good.forEach((from, to) => {
    if (from !== to) {
      store.image(to).set(store.image(from));
    }
  });
}

export function tooManyBroken(
  name: string,
  broken: readonly SkippedImage[],
  total: number,
  maxBroken: number,
): DataError {
  const reasons = broken.map(({ name: path, reason }) => `${path} (${reason})`);
  return new DataError(
    `${broken.length} of the ${total} images of ${name} cannot be read, more than the ${maxBroken * 100} % that are skipped: ` +
      `${listed(reasons, 5, "; ")}. Repair or remove them, or allow more (maxBroken; on the command line --max-broken).`,
  );
}
