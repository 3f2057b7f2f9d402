import type { Estimate } from "../report/experiment-report-data.js";
import { percent } from "../report/report-text.js";

/** A number without a spread, such as a published one. */
export function exactly(mean: number): Estimate {
  return { mean, deviation: null };
}

/** The change from one accuracy to another in points of per cent, "+3.2 points". */
export function gain(from: Estimate, to: Estimate): string {
  const points = 100 * (to.mean - from.mean);
  const spread = Math.hypot(from.deviation ?? 0, to.deviation ?? 0);
  const sign = points < 0 ? "−" : "+";
  const known = from.deviation !== null && to.deviation !== null;
  return `${sign}${Math.abs(points).toFixed(1)}${known ? ` ± ${(100 * spread).toFixed(1)}` : ""} points`;
}

/** An accuracy, "43.1 %" or "43.1 ± 0.4 %". */
export function accuracyText({ mean, deviation }: Estimate): string {
  return deviation === null ? percent(mean) : `${(100 * mean).toFixed(1)} ± ${(100 * deviation).toFixed(1)} %`;
}

/** The entry with the largest mean. */
export function best<Entry extends { readonly value: Estimate }>(entries: readonly Entry[]): Entry {
  return entries.reduce((a, b) => (b.value.mean > a.value.mean ? b : a));
}
