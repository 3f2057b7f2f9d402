import { parseRows, type Row } from "../io/delimited.js";
import { listed } from "../wording.js";

/** What columns of paths, labels and splits are called, in lower case and without what is no letter; the first one that is there counts. */
const PATHS =
  "path filepath imagepath imgpath file filename imagefile imagename imgname image img images files paths".split(" ");
const LABELS = ["classname", "labelname", "class", "label", "labels", "cls", "category", "target", "y"];
const SPLITS = ["split", "subset", "partition", "set"];

/** A list as a table, and which columns of it are what. */
export interface ListTable {
  readonly rows: readonly Row[];
  readonly path: number;
  /** Undefined where there are no labels. */
  readonly label: number | undefined;
  readonly split: number | undefined;
  /** How it was understood, for people. */
  readonly note: string;
}

function columnNamed(header: readonly string[], names: readonly string[]): number | undefined {
  const plain = header.map((name) => name.toLowerCase().replace(/[^a-z]/g, ""));
  const name = names.find((known) => plain.includes(known));
  return name === undefined ? undefined : plain.indexOf(name);
}

/** The lines of a list without commas, "path" or, where every line ends in a whole number, "path number" as Caffe has them. */
function plainRows(text: string): Row[] {
  const lines = text
    .replace(/^\ufeff/, "")
    .split(/\r?\n/)
    .map((whole, index) => ({ line: index + 1, whole: whole.trim() }))
    .filter(({ whole }) => whole !== "" && !whole.startsWith("#"));
  const parts = lines.map(({ whole }) => /^(.*\S)\s+(-?\d+)$/.exec(whole));
  const numbered = lines.length > 0 && parts.every((part) => part !== null);
  return lines.map(({ line, whole }, i) => ({ line, fields: numbered ? (parts[i]?.slice(1) ?? []) : [whole] }));
}

/** What separates the fields of a list; null where its lines are no fields. */
function separatorOf(name: string, text: string): string | null {
  const [first] = text.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("#"));
  const has = (letter: string) => (first ?? "").includes(letter);
  if (/\.tsv$/i.test(name)) return "\t";
  if (/\.csv$/i.test(name)) return has(",") || !has(";") ? "," : ";";
  return has("\t") ? "\t" : has(",") ? "," : null;
}

/**
 * Understands a list of images: a `.csv` (commas, or semicolons where the first line has no comma), a `.tsv`, or a `.txt` with tabs, commas,
 * or one path a line with or without a number behind it, where lines that begin with "#" are comments.
 *
 * The first line is a header where one of its fields is called path, file, filename, image or the like; the columns of labels (class, label,
 * category, ...) and splits (split, subset, ...) are then those of such names, or of two columns the other one. Without a header the first
 * column is the path and the second the label.
 * @throws DataError as `parseRows` does.
 */
export function readTable(name: string, text: string): ListTable {
  const separator = separatorOf(name, text);
  const isComment = ({ fields }: Row) => /\.txt$/i.test(name) && fields[0].startsWith("#");
  const all = separator === null ? plainRows(text) : [...parseRows(text, separator)].filter((row) => !isComment(row));
  const [header] = all;
  const path = header && columnNamed(header.fields, PATHS);
  if (path === undefined) {
    const columns = Math.max(0, ...all.map(({ fields }) => fields.length));
    const more = columns > 2 ? `, and ${columns - 2} more columns left out: a header would name them` : "";
    const what = columns > 1 ? `the first column is the path and the second the label${more}` : "paths alone";
    return { rows: all, path: 0, label: columns > 1 ? 1 : undefined, split: undefined, note: `no header; ${what}` };
  }
  const { fields } = header;
  const split = columnNamed(fields, SPLITS);
  const others = fields.map((_, column) => column).filter((column) => column !== path && column !== split);
  const label = columnNamed(fields, LABELS) ?? (others.length === 1 ? others[0] : undefined);
  const named = (column: number | undefined, what: string) =>
    column === undefined ? [] : [`${what} in "${fields[column]}"`];
  const unused = others.filter((column) => column !== label).map((column) => `"${fields[column]}"`);
  const parts = [...named(path, "paths"), ...named(label, "labels"), ...named(split, "splits")];
  const left = unused.length > 0 ? `; columns left out: ${listed(unused)}` : "";
  const none = label === undefined ? `; no column is called ${listed(LABELS, 3)} or the like` : "";
  return {
    rows: all.slice(1),
    path,
    label,
    split,
    note: `line ${header.line} is a header; ${parts.join(", ")}${none}${left}`,
  };
}
