import { readFile } from "node:fs/promises";
import { listEntries } from "../data/listed-images.js";
import type { EmbeddedImage } from "../embeddings/folder.js";
import { NO_LABEL } from "../embeddings/propagate.js";
import { ConfigError, DataError } from "../errors.js";
import { printable } from "../printable.js";
import { counted, listed } from "../wording.js";
import { say, warn } from "./output.js";

/** Classes of some photographs. */
export interface GivenLabels {
  /** A class each, or `NO_LABEL`. */
  readonly labels: Uint32Array<ArrayBuffer>;
  /** By name. */
  readonly classes: readonly string[];
  /** What there is to say of them, for people. */
  readonly note: string;
  /** Names that have a class and are those of no photograph. */
  readonly strangers: readonly string[];
}

/** Says where labels are from, and warns of those that are of no photograph. */
export function sayLabels({ note, strangers }: GivenLabels): void {
  say(printable(note));
  if (strangers.length > 0)
    warn(
      printable(
        `${counted(strangers.length, "label")} ${strangers.length === 1 ? "is that" : "are those"} of no photograph: ${listed(strangers, 3)}`,
      ),
    );
}

function labelsOf(images: readonly EmbeddedImage[], classOf: (image: EmbeddedImage) => string | null) {
  const names = images.map(classOf);
  const classes = [...new Set(names.flatMap((name) => name ?? []))].sort();
  const place = new Map(classes.map((name, i) => [name, i]));
  return {
    labels: Uint32Array.from(names, (name) => (name === null ? NO_LABEL : (place.get(name) ?? NO_LABEL))),
    classes,
  };
}

/** Classes by the folders that photographs are in, but for folders that are no classes. @throws ConfigError for a name that is none */
export function labelsFromFolders(images: readonly EmbeddedImage[], unlabelled: readonly string[]): GivenLabels {
  const all = new Set(images.map(({ label }) => label));
  const wrong = unlabelled.find((name) => !all.has(name));
  if (wrong !== undefined)
    throw new ConfigError(
      `no photograph is in a folder ${wrong}: there are ${listed(
        [...all].flatMap((name) => name ?? []),
        12,
      )}`,
    );
  const given = labelsOf(images, ({ label }) => (label !== null && unlabelled.includes(label) ? null : label));
  if (given.classes.length === 0)
    throw new ConfigError(
      "no photograph has a class: put some of each class in folders of their names and embed anew, or give a list with --labels",
    );
  return { ...given, note: `labels: those of the folders ${listed(given.classes, 12)}`, strangers: [] };
}

/**
 * Reads classes from a list of photographs, with a column of names and one of classes: see `readTable`.
 * @throws DataError where it cannot be read, or has no classes, or two of a photograph, or names no photograph that there is
 */
export async function readLabels(images: readonly EmbeddedImage[], path: string): Promise<GivenLabels> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new DataError(`the labels in ${path} cannot be read: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
  });
  const said = new Map(listEntries(path, text).entries.map(({ name, label }) => [name, label]));
  const given = labelsOf(images, ({ name }) => said.get(name) ?? null);
  const known = new Set(images.map(({ name }) => name));
  const strangers = [...said.keys()].filter((name) => !known.has(name));
  if (![...said.values()].some((label) => label !== null))
    throw new DataError(`${path} has no column of classes: give it lines such as "cat/001.jpg,cat"`);
  if (given.classes.length === 0)
    throw new DataError(
      `${path} has a class for none of the photographs: it names ${listed(strangers, 3)}, and they are called such as ${images[0].name}`,
    );
  return { ...given, note: `labels: those of ${path}`, strangers };
}
