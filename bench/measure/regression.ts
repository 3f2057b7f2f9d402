import { mebibytes } from "../../src/cli/table.js";
import { median } from "./statistics.js";
import { digits, type Rows } from "./text.js";

/** What a process saw of a build's training step. */
export interface BuildStep {
  readonly adapter: string;
  /** The shortest of a few steps. */
  readonly milliseconds: number;
  readonly dispatches: number;
  /** On the device, at most. */
  readonly bytes: number;
}

/** A build: its step in each round, and the bytes of all that its door for pages exports, after gzip; null where that makes no bundle. */
export interface MeasuredBuild {
  readonly steps: readonly BuildStep[];
  readonly bundleBytes: number | null;
}

/** One figure of two builds. */
export interface Comparison {
  readonly figure: "time a step" | "dispatches" | "device memory" | "bundle, gzipped";
  readonly base: number;
  readonly here: number;
  /** What it is here, over what it is in the base. */
  readonly ratio: number;
  /** How far from 1 the ratio may be without a reason, above. */
  readonly noise: number;
  readonly worse: boolean;
}

/** However well rounds agree: what the places of code and buffers in memory make of equal steps. */
const LEAST_NOISE = 0.02;
/** Every function that is exported weighs something. */
const BUNDLE_GROWTH = 0.01;
/** Standard errors of a median that is no accident. */
const ERRORS = 3;

/** The most that a median of these ratios, each of neighbours in time, is off by chance: from their median deviation from it. */
function noiseOf(ratios: readonly number[]): number {
  const middle = median(ratios);
  const deviation = 1.4826 * median(ratios.map((ratio) => Math.abs(ratio - middle)));
  return Math.max(LEAST_NOISE, (ERRORS * 1.2533 * deviation) / Math.sqrt(ratios.length));
}

function comparison(
  figure: Comparison["figure"],
  base: number,
  here: number,
  noise: number,
  ratio = here / base,
): Comparison {
  return { figure, base, here, ratio, noise, worse: ratio > 1 + noise };
}

/**
 * Compares two builds whose steps were measured in turns, as many rounds of each. Times are compared round by round, so that a
 * machine that is slow for a while counts for both; the rest does not depend on chance.
 */
export function compareBuilds(base: MeasuredBuild, here: MeasuredBuild): Comparison[] {
  const ratios = here.steps.map(({ milliseconds }, round) => milliseconds / base.steps[round].milliseconds);
  const medians = [base, here].map(({ steps }) => median(steps.map(({ milliseconds }) => milliseconds)));
  const [before, now] = [base.steps[0], here.steps[0]];
  const compared = [
    comparison("time a step", medians[0], medians[1], noiseOf(ratios), median(ratios)),
    comparison("dispatches", before.dispatches, now.dispatches, 0),
    comparison("device memory", before.bytes, now.bytes, 0),
  ];
  if (base.bundleBytes === null || here.bundleBytes === null) return compared;
  return [...compared, comparison("bundle, gzipped", base.bundleBytes, here.bundleBytes, BUNDLE_GROWTH)];
}

function amount({ figure }: Comparison, value: number): string {
  if (figure === "time a step") return `${digits(value)} ms`;
  if (figure === "device memory") return mebibytes(value);
  return figure === "dispatches" ? String(value) : `${(value / 1000).toFixed(1)} kB`;
}

function change(ratio: number): string {
  const percent = (100 * (ratio - 1)).toFixed(1);
  return `${ratio < 1 ? "" : "+"}${percent} %`;
}

/** One figure a row. */
export function comparisonTable(compared: readonly Comparison[]): Rows {
  return [
    ["figure", "base", "here", "change", "noise", ""],
    ...compared.map((row) => [
      row.figure,
      amount(row, row.base),
      amount(row, row.here),
      change(row.ratio),
      row.noise === 0 ? "none" : `${(100 * row.noise).toFixed(1)} %`,
      row.worse ? "WORSE" : "",
    ]),
  ];
}
