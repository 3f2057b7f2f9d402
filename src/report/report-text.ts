import { printable } from "../printable.js";

/** Text as it stands in HTML, within attributes too. */
export function escapeHtml(text: string): string {
  return printable(text)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}

/** A number rounded, with thousands set apart. */
export function whole(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** "12 s", "3 min 5 s", "2 h 10 min". */
export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(0)} s`;
  const total = Math.round(seconds);
  const hours = Math.floor(total / 3600);
  const minutes = Math.floor((total % 3600) / 60);
  return hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min ${total % 60} s`;
}

/** A fraction of 1 in per cent with one digit behind the point. */
export function percent(fraction: number): string {
  return `${(fraction * 100).toFixed(1)} %`;
}
