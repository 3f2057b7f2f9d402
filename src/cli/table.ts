import { wilsonInterval } from "../evaluation/interval.js";
import { counted } from "../wording.js";

/** Rows of cells as aligned text: the first column to the left, the others to the right; the first row is the heading. */
export function textTable(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])))
      .join("   ")
      .trimEnd();
  const rule = "-".repeat(widths.reduce((sum, width) => sum + width + 3, -3));
  return [line(rows[0]), rule, ...rows.slice(1).map(line)].join("\n");
}

/** A share of 1 as "33.4 %". */
export function percentage(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** What shares found of so many test images are worth: "95 % intervals of 300 test images: kNN 28.9 to 39.4 %". */
export function intervalText(
  count: number,
  shares: readonly (readonly [name: string, share: number | null])[],
): string {
  const found = shares.flatMap(([name, share]) => {
    if (share === null) return [];
    const [low, high] = wilsonInterval(share, count);
    return [`${name} ${(100 * low).toFixed(1)} to ${percentage(high)}`];
  });
  return `95 % intervals of ${counted(count, "test image")}: ${found.join(", ")}`;
}

/** Bytes as "12.3 MiB". */
export function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

/** Seconds as "1:05" or "2:03:09". */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (value: number) => String(value).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}
