import { ConfigError } from "../errors.js";
import { nearestName } from "../spelling.js";

/** True for an object that is neither null nor an array. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether two values of JSON are equal; the order of keys does not count. */
export function sameData(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((value: unknown, i) => sameData(value, b[i]));
  if (!isRecord(a) || !isRecord(b)) return a === b;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && sameData(a[key], b[key]))
  );
}

/** The object that a text is the JSON of; null for any other text. */
export function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : null;
  } catch {
    return null;
  }
}

/** Characters of a value in a message. */
const MOST_SHOWN = 100;

/** A value from a file, for messages: as JSON, cut where it is long. */
export function shown(value: unknown): string {
  try {
    const text = JSON.stringify(value) ?? String(value);
    return text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN - 1)}…` : text;
  } catch {
    // Brackets in brackets, deeper than there is room to go.
    return Array.isArray(value) ? "[…]" : "{…}";
  }
}

/**
 * @param what that has these keys, for people: "openImages"
 * @throws ConfigError for a key that is none of the known ones, with the one that was probably meant.
 */
export function expectKeys(what: string, given: object, known: readonly string[]): void {
  const wrong = Object.keys(given).find((key) => !known.includes(key));
  if (wrong === undefined) return;
  const near = nearestName(wrong, known);
  throw new ConfigError(
    `${what} takes no ${wrong}: ${near ? `did you mean ${near}?` : `it takes ${known.join(", ")}`}`,
  );
}
