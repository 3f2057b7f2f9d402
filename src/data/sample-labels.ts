import { parseObject } from "../io/json.js";
import { counted, listed } from "../wording.js";
import { forEachConcurrently } from "./concurrent.js";
import { LABEL_BYTES, type SourceFile } from "./source-file.js";

/** Fields of a JSON file that labels stand in, the first one that any sample has. */
const FIELDS = ["label", "cls", "class"];
/** Of several images of one sample, the first of these is the one that its label is of. */
const KINDS = ["jpg", "jpeg", "webp", "png"];

/** What the files beside images say. */
export interface SampleLabels {
  /** The label of each image; null where it has none. */
  readonly labels: readonly (string | null)[];
  /** Whether an image is another one of a sample that has its own, such as a mask. */
  readonly beside: readonly boolean[];
  readonly notes: readonly string[];
}

/** "a/b.c.jpg" -> "a/b.c" and "jpg" */
function apart(path: string): { stem: string; kind: string } {
  const dot = path.lastIndexOf(".");
  const inName = dot > path.lastIndexOf("/") + 1;
  return inName ? { stem: path.slice(0, dot), kind: path.slice(dot + 1).toLowerCase() } : { stem: path, kind: "" };
}

/** "a/b.c.jpg" -> "a/b": what the files of a sample of WebDataset have in common. */
function keyOf(path: string): string {
  const dot = path.indexOf(".", path.lastIndexOf("/") + 2);
  return dot < 0 ? path : path.slice(0, dot);
}

async function textOf(file: SourceFile): Promise<string> {
  if ((await file.size()) > LABEL_BYTES) return "";
  return new TextDecoder().decode(await file.read());
}

/** The texts of those files that belong to an image, by what they and the image are called. */
async function textsOf(
  files: readonly SourceFile[],
  kind: string,
  stems: ReadonlySet<string>,
): Promise<ReadonlyMap<string, string>> {
  const wanted = files.filter(({ path }) => apart(path).kind === kind && stems.has(apart(path).stem));
  const texts = new Map<string, string>();
  await forEachConcurrently(wanted.length, async (index) => {
    const file = wanted[index];
    // What cannot be read says no label, and that is noted.
    texts.set(apart(file.path).stem, await textOf(file).catch(() => ""));
  });
  return texts;
}

/** A label as text: whole numbers and words are some. */
function labelText(value: unknown): string | null {
  if (Number.isSafeInteger(value)) return String(value);
  const text = typeof value === "string" ? value.trim() : "";
  return text === "" || text.length > 200 || text.includes("\n") ? null : text;
}

function labelsOf(texts: ReadonlyMap<string, string>, read: (text: string) => unknown): Map<string, string> {
  return new Map(
    Array.from(texts).flatMap(([stem, text]) => {
      const label = labelText(read(text));
      return label === null ? [] : [[stem, label] as const];
    }),
  );
}

/** Labels by the stems of images, and where they were. */
async function findLabels(files: readonly SourceFile[], stems: ReadonlySet<string>) {
  const plain = labelsOf(await textsOf(files, "cls", stems), (text) => text);
  if (plain.size > 0) return { found: plain, where: ".cls files" };
  const texts = await textsOf(files, "json", stems);
  const objects = new Map(Array.from(texts, ([stem, text]) => [stem, parseObject(text)]));
  for (const field of FIELDS) {
    const found = labelsOf(texts, () => null);
    for (const [stem, object] of objects) {
      const label = labelText(object?.[field]);
      if (label !== null) found.set(stem, label);
    }
    if (found.size > 0) return { found, where: `the field "${field}" of .json files` };
  }
  return null;
}

/**
 * Labels of images as WebDataset keeps them: `0001.jpg` has its own in `0001.cls`, a number or a word, or in `0001.json` under "label",
 * "cls" or "class". Where one sample has a `.cls`, those alone count, and of the fields the first one that any sample has. Of other images
 * of a sample (`0001.png` or `0001.mask.png` beside `0001.jpg`) it is said that they are. Null where there are no two classes.
 */
export async function sampleLabels(
  images: readonly SourceFile[],
  files: readonly SourceFile[],
): Promise<SampleLabels | null> {
  if (files.length === 0) return null;
  const parts = images.map(({ path }) => apart(path));
  const labels = await findLabels(files, new Set(parts.map(({ stem }) => stem)));
  if (labels === null) return null;
  const { found, where } = labels;
  if (new Set(found.values()).size < 2) return null;
  const rank = (index: number) => (KINDS.includes(parts[index].kind) ? KINDS.indexOf(parts[index].kind) : KINDS.length);
  const first = new Map<string, number>();
  parts.forEach(({ stem }, index) => {
    const before = first.get(stem);
    if (before === undefined || rank(index) < rank(before)) first.set(stem, index);
  });
  const beside = images.map(({ path }, index) => {
    const { stem } = parts[index];
    return found.has(stem) ? first.get(stem) !== index : found.has(keyOf(path));
  });
  const others = images.filter((_, index) => beside[index]).map(({ path }) => path);
  return {
    labels: parts.map(({ stem }) => found.get(stem) ?? null),
    beside,
    notes: [
      `labels come from ${where}`,
      ...(others.length > 0
        ? [
            `left out: ${counted(others.length, "image")} beside the one of a sample that has the label: ${listed(others)}`,
          ]
        : []),
    ],
  };
}
