import { textTable } from "../../src/cli/table.js";
import type { Origin } from "./benchmark.js";

/** A table for people: rows of cells, the first one the heading. */
export type Rows = readonly (readonly string[])[];

/** Three digits, as far as the number has them: "0.123", "12.3", "123". */
export function digits(value: number): string {
  const size = value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)));
  return value.toFixed(Math.max(0, Math.min(3, 2 - size)));
}

/** A share of 1 as "33 %". */
export function share(value: number): string {
  return `${(100 * value).toFixed(0)} %`;
}

/** The same rows in Markdown: the first column to the left, the others to the right. */
export function markdownTable(rows: Rows): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rule = `|${rows[0].map((_, column) => (column === 0 ? "---" : "---:")).join("|")}|`;
  return [line(rows[0]), rule, ...rows.slice(1).map(line)].join("\n");
}

/** What every result begins with. */
export function headingText({ adapter, runtime }: Origin): string {
  return `${adapter}, ${runtime}`;
}

/** A result for people: its heading, lines of text, tables. */
export function resultText(origin: Origin, ...parts: readonly (string | Rows)[]): string {
  return [headingText(origin), ...parts.map((part) => (typeof part === "string" ? part : textTable(part)))].join(
    "\n\n",
  );
}
