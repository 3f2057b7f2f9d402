import type { MarkOptions, PlotOptions } from "../vendor/plot.js";
import type { MapPoint } from "./embedding-map.js";
import type { ContactSheet } from "./report-images.js";
import { escapeHtml } from "./report-text.js";

type PlotModule = typeof import("../vendor/plot.js");

/** Draws the report's charts as SVG text, in the colours of the page's CSS variables. */
export interface ChartPainter {
  /** One series over the steps: every value thin, their moving mean bold, and a level to compare with. */
  series(chart: SeriesChart): string;
  /** kNN accuracy over the epochs, with a level to compare with where there is one. */
  accuracy(points: readonly { epoch: number; accuracy: number }[], level: SeriesChart["level"]): string;
  /** Curves of several runs over the epochs. */
  curves(chart: CurvesChart): string;
  /**
   * The map of the embeddings; `classOf` gives the class and colour of a row, or null for a neutral point. The images of a sheet,
   * in the order of the points, are shown where the pointer is.
   */
  map(
    points: readonly MapPoint[],
    classOf: (row: number) => { name: string; color: string } | null,
    nameOf: (row: number) => string,
    sheet: ContactSheet | null,
  ): string;
}

/** What a chart over the steps shows. */
export interface SeriesChart {
  /** Said by screen readers in place of the picture. */
  readonly description: string;
  readonly points: readonly { readonly step: number; readonly value: number }[];
  /** Whether the vertical axis starts at 0. */
  readonly zero: boolean;
  /** Whether to draw the moving mean. */
  readonly smooth: boolean;
  readonly level: { readonly value: number; readonly label: string } | null;
}

/** What a chart of several runs shows. */
export interface CurvesChart {
  /** Said by screen readers in place of the picture. */
  readonly description: string;
  /** Whether the values are shares, on an axis from 0 in per cent. */
  readonly percent: boolean;
  /** Whether to draw moving means in place of the values, or the values with a dot at each. */
  readonly smooth: boolean;
  readonly series: readonly {
    readonly name: string;
    readonly color: string;
    readonly points: readonly { readonly x: number; readonly y: number }[];
  }[];
}

const WIDTH = 440;
const HEIGHT = 230;
const MAP_WIDTH = 900;
const MAP_HEIGHT = 560;
/** The longer side of an image that is shown on the map. */
const SHOWN = 112;
/** More points than this are averaged in groups: a chart has no more pixels to show them. */
const MAX_POINTS = 600;

/** Loads Observable Plot and a document for it to draw in. */
export async function createChartPainter(): Promise<ChartPainter> {
  const Plot = await import("../vendor/plot.js");
  const { parseHTML } = await import("../vendor/linkedom.js");
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const plot = (options: PlotOptions) =>
    Plot.plot({
      document,
      width: WIDTH,
      height: HEIGHT,
      marginLeft: 44,
      marginRight: 14,
      marginTop: 20,
      marginBottom: 40,
      ...options,
    });
  const draw = (options: PlotOptions): string => plot(options).outerHTML;

  return {
    series: ({ description, points: values, zero, smooth, level }) => {
      const points = thin(values.map(({ step, value }) => ({ x: step, y: value })));
      const tiny = points.every(({ y }) => Math.abs(y) < 0.01);
      const window = Math.max(1, Math.round(points.length / 25));
      const mean = Plot.windowY({ k: window, anchor: "middle" }, { x: "x", y: "y", stroke: "var(--accent)" });
      return draw({
        ariaLabel: description,
        y: { zero, nice: true },
        marks: [
          ...axes(Plot, "step", tiny ? exponentialTick : undefined),
          ...levelMarks(Plot, level),
          Plot.line(points, {
            x: "x",
            y: "y",
            stroke: "var(--accent)",
            strokeWidth: smooth ? 1 : 2,
            strokeOpacity: smooth ? 0.35 : 1,
          }),
          smooth ? Plot.line(points, { ...mean, strokeWidth: 2.25 }) : null,
        ],
      });
    },

    accuracy: (points, level) => {
      return draw({
        ariaLabel: "kNN accuracy over the epochs",
        y: { nice: true, zero: true },
        marks: [
          ...axes(Plot, "epoch", percentTick),
          ...levelMarks(Plot, level),
          Plot.line(points, { x: "epoch", y: "accuracy", stroke: "var(--accent)", strokeWidth: 2.25 }),
          Plot.dot(points, { x: "epoch", y: "accuracy", r: points.length > 40 ? 1.5 : 3, fill: "var(--accent)" }),
        ],
      });
    },

    curves: ({ description, percent: shares, smooth, series }) => {
      const points = series.flatMap(({ name, color, points: values }, run) =>
        thin(values).map(({ x, y }) => ({ x, y, run, name, color })),
      );
      const longest = Math.max(...series.map(({ points: { length } }) => Math.min(length, MAX_POINTS)));
      const tiny = !shares && points.every(({ y }) => Math.abs(y) < 0.01);
      const channels = { x: "x", y: "y", z: "run", stroke: "color", title: "name" };
      const window = smooth ? Math.max(1, Math.round(longest / 25)) : 1;
      return draw({
        ariaLabel: description,
        x: { inset: 6, zero: true },
        y: { zero: shares, nice: true },
        color: { type: "identity" },
        marks: [
          ...axes(Plot, "epoch", shares ? percentTick : tiny ? exponentialTick : undefined),
          Plot.line(points, { ...Plot.windowY({ k: window, anchor: "middle" }, channels), strokeWidth: 2 }),
          shares && longest <= 40 ? Plot.dot(points, { x: "x", y: "y", r: 3, fill: "color", title: "name" }) : null,
        ],
      });
    },

    map: (points, classOf, nameOf, sheet) => {
      const dots = points.map(({ x, y, row }) => {
        const found = classOf(row);
        return {
          x,
          y,
          color: found?.color ?? "var(--accent)",
          name: found ? `${nameOf(row)}, ${found.name}` : nameOf(row),
        };
      });
      const chart = plot({
        ariaLabel: "Map of the embeddings",
        width: MAP_WIDTH,
        height: MAP_HEIGHT,
        marginLeft: 12,
        marginRight: 12,
        marginTop: 12,
        marginBottom: 12,
        x: { axis: null },
        y: { axis: null },
        marks: [
          Plot.dot(dots, { x: "x", y: "y", r: 3.6, fill: "color", fillOpacity: 0.85, title: "name", sort: null }),
        ],
        color: { type: "identity" },
      });
      const [x, y] = [chart.scale("x"), chart.scale("y")];
      if (!sheet || !x || !y) return chart.outerHTML;
      const places = dots.map((dot) => ({ cx: x.apply(dot.x), cy: y.apply(dot.y), name: dot.name }));
      return chart.outerHTML.replace(/<\/svg>$/, () => `${hoverLayer(places, sheet)}</svg>`);
    },
  };
}

/**
 * A layer above all points of the map, of unseen circles around each; under the pointer, one shows its image and its name. The
 * style sheet does it, so that the report needs no script.
 */
function hoverLayer(
  points: readonly { readonly cx: number; readonly cy: number; readonly name: string }[],
  { uri, columns, tile }: ContactSheet,
): string {
  const scale = SHOWN / Math.max(tile.width, tile.height);
  const [width, height] = [tile.width * scale, tile.height * scale];
  const groups = points.map(({ cx, cy, name }, i) => {
    // Beside the point, on the side where there is room.
    const x = cx + width + 12 > MAP_WIDTH ? cx - width - 10 : cx + 10;
    const y = Math.min(Math.max(cy - height / 2, 2), MAP_HEIGHT - height - 2);
    const [left, top] = [(i % columns) * tile.width, Math.floor(i / columns) * tile.height];
    return (
      `<g><circle cx="${cx.toFixed(1)}" cy="${cy.toFixed(1)}" r="6" fill="transparent"><title>${escapeHtml(name)}</title></circle>` +
      `<svg x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${width}" height="${height}" ` +
      `viewBox="${left} ${top} ${tile.width} ${tile.height}"><use href="#map-images"></use></svg></g>`
    );
  });
  const size = `width="${columns * tile.width}" height="${Math.ceil(points.length / columns) * tile.height}"`;
  return `<g class="map-images"><defs><image id="map-images" href="${uri}" ${size}></image></defs>${groups.join("")}</g>`;
}

function percentTick(fraction: number): string {
  return `${Number((fraction * 100).toFixed(6))} %`;
}

function exponentialTick(value: number): string {
  return value === 0 ? "0" : Number(value.toPrecision(6)).toExponential();
}

function axes(Plot: PlotModule, label: string, tickFormat?: (value: number) => string) {
  const text: MarkOptions = { fill: "var(--muted)" };
  return [
    Plot.gridY({ ticks: 5, stroke: "var(--grid)", strokeOpacity: 1 }),
    Plot.axisY({ ticks: 5, tickSize: 0, label: null, fontSize: 11, ...text, ...(tickFormat && { tickFormat }) }),
    Plot.axisX({
      ticks: 6,
      tickSize: 0,
      tickPadding: 6,
      label,
      labelArrow: "none",
      labelAnchor: "center",
      labelOffset: 36,
      fontSize: 11,
      ...text,
    }),
  ];
}

function levelMarks(Plot: PlotModule, level: SeriesChart["level"]) {
  if (level === null) return [];
  return [
    Plot.ruleY([level.value], { stroke: "var(--muted)", strokeDasharray: "4 4" }),
    Plot.text([level.label], {
      y: level.value,
      frameAnchor: "right",
      textAnchor: "end",
      dy: -8,
      fill: "var(--muted)",
      stroke: "var(--surface)",
      strokeWidth: 4,
      fontSize: 11,
    }),
  ];
}

function thin(points: readonly { x: number; y: number }[]): readonly { x: number; y: number }[] {
  const size = Math.ceil(points.length / MAX_POINTS);
  if (size <= 1) return points;
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return Array.from({ length: Math.ceil(points.length / size) }, (_, group) => {
    const members = points.slice(group * size, (group + 1) * size);
    return { x: mean(members.map(({ x }) => x)), y: mean(members.map(({ y }) => y)) };
  });
}
