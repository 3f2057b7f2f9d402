import { mebibytes, percentage } from "../../src/cli/table.js";
import { type HostResult, hostTable } from "./host.js";
import type { KernelRow, KernelsResult } from "./kernels.js";
import { rooflineText } from "./roofline.js";
import type { StepResult } from "./step.js";
import { digits, headingText, markdownTable, type Rows, share } from "./text.js";

/** The directions that stand side by side where an operation has all of them. */
const DIRECTIONS = ["forward", "input gradient", "weight gradient"];

function rate({ bound, gigaflops, gigabytes }: KernelRow): string {
  return bound === "fma" ? `${digits(gigaflops)} GFLOP/s` : `${digits(gigabytes)} GB/s`;
}

function targetCells(row: KernelRow): string[] {
  return row.target ? [share(row.target.least), share(row.target.reach)] : ["", ""];
}

/** Operations with all three directions: one a row, and the others: one direction a row. */
function kernelTables(rows: readonly KernelRow[]): Rows[] {
  const operations = new Map<string, KernelRow[]>();
  for (const row of rows) operations.set(row.operation, [...(operations.get(row.operation) ?? []), row]);
  const products: string[][] = [["share of the FMA roofline", ...DIRECTIONS, "at least", "reach for"]];
  const others: string[][] = [["share of the roofline", "direction", "rate", "share", "at least", "reach for"]];
  for (const [operation, found] of operations) {
    const side = DIRECTIONS.map((direction) => found.find((row) => row.direction === direction));
    if (side.every((row) => row !== undefined)) {
      products.push([operation, ...side.map((row) => `${rate(row)}, ${share(row.share)}`), ...targetCells(side[0])]);
    } else {
      for (const row of found) {
        others.push([operation, row.direction, rate(row), share(row.share), ...targetCells(row)]);
      }
    }
  }
  return [products, others];
}

function stepTable(steps: readonly StepResult[]): Rows {
  return [
    [
      "training step",
      "time a step",
      "images/s",
      "GFLOP/s",
      "of the FMA roofline",
      "dispatches",
      "bytes named",
      "device memory",
      "augmentation",
      "first step, cold shader cache",
    ],
    ...steps.map((step) => [
      `${step.encoder}, batch ${step.batch}, ${step.imageSize} x ${step.imageSize}`,
      `${digits(step.millisecondsPerStep)} ms`,
      digits(step.imagesPerSecond),
      digits(step.gigaflops),
      share(step.shareOfRoofline),
      String(step.dispatches),
      mebibytes(step.bytesPerStep),
      mebibytes(step.peakBytes),
      percentage(step.augmentationShare),
      `${step.firstStepSeconds.toFixed(1)} s`,
    ]),
  ];
}

/** The tables of bench/README.md, in Markdown. */
export function readmeTables(kernels: KernelsResult, steps: readonly StepResult[], host: HostResult): string {
  const tables = [...kernelTables(kernels.rows), stepTable(steps), hostTable(host.rows)];
  return [
    `${headingText(kernels)}; ${rooflineText(kernels.roofline)}; median of ${kernels.rounds} rounds.`,
    ...tables.filter((rows) => rows.length > 1).map(markdownTable),
  ].join("\n\n");
}
