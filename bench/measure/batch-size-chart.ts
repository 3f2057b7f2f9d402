import type { PlotOptions } from "../../src/vendor/plot.js";
import { counted } from "../../src/wording.js";
import { type BatchSizeResult, type BatchSizeRow, trainedGroups } from "./batch-size-result.js";
import { mean } from "./statistics.js";

const WIDTH = 440;
const HEIGHT = 280;
const COLORS = {
  divided: ["#2563eb", "#d97706", "#059669", "#9333ea", "#dc2626"],
  undivided: "#94a3b8",
  text: "#334155",
  knn: "#2563eb",
  probe: "#93c5fd",
};

/** One chart of a result. */
interface Panel {
  readonly title: string;
  readonly options: PlotOptions;
}

/** A point of a line: a batch size by its name. */
interface Point {
  readonly name: string;
  readonly value: number;
  readonly kind: string;
}

/** Marks of a logarithmic axis, 1, 2 and 5 times a power of ten, from the last one below the values to the first one above. */
function logTicks(values: readonly number[]): number[] {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const powers = Array.from({ length: 20 }, (_, i) => 10 ** (i - 6));
  const marks = powers.flatMap((power) => [power, 2 * power, 5 * power]);
  const first = marks.findLastIndex((mark) => mark <= least);
  const last = marks.findIndex((mark) => mark >= most);
  return marks.slice(first, Math.max(last, first + 1) + 1);
}

const BATCH_LABEL = "batch (images a step)";

/** Memory, time and, where it was trained, accuracy against the batch size, side by side, as an SVG document. */
export async function batchSizeChart(result: BatchSizeResult): Promise<string> {
  const Plot = await import("../../src/vendor/plot.js");
  const { parseHTML } = await import("../../src/vendor/linkedom.js");
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const nameOf = (batch: number) => batch.toLocaleString("en");
  const mebibytes = (bytes: number) => bytes / 2 ** 20;
  const batches = [...new Set(result.rows.map(({ batch }) => batch))].sort((a, b) => a - b);
  const names = batches.map(nameOf);
  const kindOf = (microBatch: number) => `micro-batches of ${microBatch}`;
  // A batch that is not divided belongs to the line of every micro-batch that is large enough.
  const lines = (of: (row: BatchSizeRow) => number): Point[] =>
    result.microBatches.flatMap((size) =>
      result.rows
        .filter(({ batch, microBatch }) => microBatch === Math.min(batch, size))
        .toSorted((a, b) => a.batch - b.batch)
        .map((row) => ({ name: nameOf(row.batch), value: of(row), kind: kindOf(size) })),
    );
  const undivided = batches.flatMap((batch): Point[] => {
    const bytes = result.rows.find((row) => row.batch === batch)?.undividedBytes ?? null;
    return bytes === null ? [] : [{ name: nameOf(batch), value: mebibytes(bytes), kind: "whole batch at once" }];
  });
  const memory = [...undivided, ...lines(({ peakBytes }) => mebibytes(peakBytes))];
  const time = lines(({ relativeTime }) => relativeTime);
  const x = { domain: names, label: BATCH_LABEL, labelAnchor: "center", type: "point" } as const;
  const color = {
    domain: ["whole batch at once", ...result.microBatches.map(kindOf)],
    range: [COLORS.undivided, ...result.microBatches.map((_, i) => COLORS.divided[i % COLORS.divided.length])],
    legend: false,
  };
  const drawnLines = (points: readonly Point[]) => [
    Plot.line(points, { x: "name", y: "value", z: "kind", stroke: "kind", strokeWidth: 2 }),
    Plot.dot(points, { x: "name", y: "value", fill: "kind", r: 3.5 }),
  ];
  const ticks = logTicks(memory.map(({ value }) => value));
  const panels: Panel[] = [
    {
      title: "device memory",
      options: {
        x,
        y: {
          type: "log",
          domain: [ticks[0], ticks[ticks.length - 1]],
          ticks,
          tickFormat: (value: number) => value.toLocaleString("en"),
          grid: true,
          label: "device memory (MiB)",
          labelArrow: "none",
        },
        color,
        marks: [
          ...drawnLines(memory),
          ...color.domain.map((kind, i) =>
            Plot.text(memory.filter((point) => point.kind === kind).slice(-1), {
              x: "name",
              y: "value",
              text: "kind",
              fill: "kind",
              textAnchor: "end",
              dy: i % 2 === 0 ? -12 : 16,
              fontWeight: 600,
            }),
          ),
        ],
      },
    },
    {
      title: "time an image",
      options: {
        x,
        y: { grid: true, label: "times that in the largest whole batch", labelArrow: "none", zero: true },
        color,
        marks: [Plot.ruleY([1], { stroke: COLORS.undivided, strokeDasharray: "4 4" }), ...drawnLines(time)],
      },
    },
  ];
  const groups = trainedGroups(result.trained);
  const highest = 100 * Math.max(...groups.map(({ knn, probe }) => Math.max(mean(knn), mean(probe))));
  for (const scaling of new Set(groups.map((group) => group.scaling))) {
    for (const size of result.microBatches) {
      const bars = groups
        .filter((group) => group.scaling === scaling && group.microBatch === Math.min(group.batch, size))
        .map((group) => ({ name: nameOf(group.batch), knn: 100 * mean(group.knn), probe: 100 * mean(group.probe) }));
      if (bars.length === 0) continue;
      const micro = result.microBatches.length > 1 ? `, ${kindOf(size)}` : "";
      panels.push({
        title: `kNN (dark), linear probe (light), ${counted(result.epochs ?? 0, "epoch")}, ${result.optimizer} ${scaling}${micro}`,
        options: {
          x: { ...x, type: "band", padding: 0.25 },
          y: { grid: true, label: "right (%)", labelArrow: "none", domain: [0, highest] },
          marks: [
            Plot.barY(bars, { x: "name", y: "probe", fill: COLORS.probe }),
            Plot.barY(bars, { x: "name", y: "knn", fill: COLORS.knn, insetLeft: 4, insetRight: 4 }),
            Plot.ruleY([0]),
          ],
        },
      });
    }
  }
  const drawn = panels.map(({ title, options }, i) => {
    const plot = Plot.plot({
      document,
      width: WIDTH,
      height: HEIGHT,
      marginLeft: 48,
      marginTop: 24,
      marginBottom: 36,
      ...options,
    });
    plot.setAttribute("x", String(i * (WIDTH + 20)));
    plot.setAttribute("y", "30");
    const heading = `<text x="${i * (WIDTH + 20) + 10}" y="20" font-size="14" font-weight="600">${title}</text>`;
    return `${heading}${plot.outerHTML}`;
  });
  const width = panels.length * (WIDTH + 20);
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${HEIGHT + 40}" width="${width}" height="${HEIGHT + 40}" ` +
    `font-family="system-ui, sans-serif" fill="${COLORS.text}"><rect width="100%" height="100%" fill="white"/>${drawn.join("")}</svg>\n`
  );
}
