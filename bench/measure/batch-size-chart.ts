import type { PlotOptions } from "@observablehq/plot";
import type { BatchSizeResult } from "./batch-size-result.js";

const WIDTH = 440;
const HEIGHT = 280;
const COLORS = { ours: "#2563eb", undivided: "#94a3b8", text: "#334155", probe: "#93c5fd" };

/** One chart of a result. */
interface Panel {
  readonly title: string;
  readonly options: PlotOptions;
}

/** Memory, time and, where it was trained, accuracy against the batch size, side by side, as an SVG document. */
export async function batchSizeChart(result: BatchSizeResult): Promise<string> {
  const Plot = await import("@observablehq/plot");
  const { parseHTML } = await import("linkedom");
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const rows = result.rows.map((row) => ({ ...row, name: row.batch.toLocaleString("en") }));
  const names = rows.map(({ name }) => name);
  const mebibytes = (bytes: number) => bytes / 2 ** 20;
  const undivided = rows.flatMap(({ name, undividedBytes }) =>
    undividedBytes === null ? [] : [{ name, value: mebibytes(undividedBytes), kind: "whole batch at once" }],
  );
  const divided = `micro-batches of ${result.microBatch}`;
  const memory = rows.map(({ name, peakBytes }) => ({ name, value: mebibytes(peakBytes), kind: divided }));
  const x = { domain: names, label: "batch", type: "point" } as const;
  const panels: Panel[] = [
    {
      title: "device memory, MiB",
      options: {
        x,
        y: { type: "log", grid: true, label: null },
        color: { domain: [divided, "whole batch at once"], range: [COLORS.ours, COLORS.undivided], legend: false },
        marks: [
          Plot.line([...undivided, ...memory], { x: "name", y: "value", stroke: "kind", strokeWidth: 2 }),
          Plot.dot([...undivided, ...memory], { x: "name", y: "value", fill: "kind", r: 3.5 }),
          ...[undivided, memory].map((points, i) =>
            Plot.text(points.slice(-1), {
              x: "name",
              y: "value",
              text: "kind",
              fill: "kind",
              textAnchor: "end",
              dy: i === 0 ? -12 : 16,
              fontWeight: 600,
            }),
          ),
        ],
      },
    },
    {
      title: "time an image, of that in the largest whole batch",
      options: {
        x,
        y: { grid: true, label: null, zero: true },
        marks: [
          Plot.ruleY([1], { stroke: COLORS.undivided, strokeDasharray: "4 4" }),
          Plot.line(rows, { x: "name", y: "relativeTime", stroke: COLORS.ours, strokeWidth: 2 }),
          Plot.dot(rows, { x: "name", y: "relativeTime", fill: COLORS.ours, r: 3.5 }),
        ],
      },
    },
  ];
  const trained = rows.flatMap(({ name, trained: accuracies }) =>
    accuracies ? [{ name, knn: 100 * accuracies.knn, probe: 100 * accuracies.probe }] : [],
  );
  if (trained.length > 0) {
    panels.push({
      title: `kNN (dark) and linear probe (light) after ${result.epochs} epochs, %`,
      options: {
        x: { ...x, type: "band", padding: 0.25 },
        y: { grid: true, label: null, zero: true },
        marks: [
          Plot.barY(trained, { x: "name", y: "probe", fill: COLORS.probe }),
          Plot.barY(trained, { x: "name", y: "knn", fill: COLORS.ours, insetLeft: 4, insetRight: 4 }),
          Plot.ruleY([0]),
        ],
      },
    });
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
