import type { MarkOptions, PlotOptions } from "../vendor/plot.js";
import type { BarsFigure, Estimate, HeatFigure, LinesFigure, NumberFormat } from "./experiment-report-data.js";
import { percent } from "./report-text.js";

type PlotModule = typeof import("../vendor/plot.js");

/** Draws the charts of an experiment as SVG text, in the colours of the page's CSS variables. */
export interface ExperimentPainter {
  bars(figure: BarsFigure): string;
  lines(figure: LinesFigure): string;
  heat(figure: HeatFigure): string;
  /** A small histogram without axes; `most` is the count at its upper edge, where higher bars are cut off. */
  histogram(counts: readonly number[], most: number, description: string): string;
}

const WIDTH = 440;
const HEIGHT = 250;
/** Bars up to this many carry their values. */
const LABELLED_BARS = 12;
/** Colours that there are for series, as --series-0, --series-1, ... in the style sheet. */
const SERIES_COLORS = 8;

/** The colour of the series at this place. */
export function seriesColor(index: number): string {
  return `var(--series-${index % SERIES_COLORS})`;
}

/** The names of a figure's series, in the order in which they get their colours. */
export function seriesNames(figure: BarsFigure | LinesFigure): string[] {
  const names =
    figure.kind === "lines"
      ? figure.series.map(({ name }) => name)
      : figure.groups.flatMap(({ bars }) => bars.map(({ series }) => series));
  return [...new Set(names)];
}

/** Loads Observable Plot and a document for it to draw in. */
export async function createExperimentPainter(): Promise<ExperimentPainter> {
  const Plot = await import("../vendor/plot.js");
  const { parseHTML } = await import("../vendor/linkedom.js");
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const draw = (options: PlotOptions): string =>
    Plot.plot({
      document,
      width: WIDTH,
      height: HEIGHT,
      marginLeft: 48,
      marginRight: 14,
      marginTop: 20,
      marginBottom: 42,
      ...options,
    }).outerHTML;

  return {
    bars(figure) {
      const names = seriesNames(figure);
      const bars = figure.groups.flatMap(({ name, bars: group }) =>
        group.map(({ series, value }) => ({ group: name, series, ...ends(value), color: colorOf(names, series) })),
      );
      const { base, top } = valueRange(bars);
      const labels = bars.length <= LABELLED_BARS;
      return draw({
        ariaLabel: spoken(figure.title),
        marginBottom: 44,
        x: { axis: null, domain: names, padding: 0.08 },
        fx: { domain: figure.groups.map(({ name }) => name), padding: 0.16 },
        y: { domain: [base, top] },
        marks: [
          ...valueAxis(Plot, figure.format),
          Plot.axisFx({ anchor: "bottom", label: null, ...AXIS_TEXT, tickSize: 0, tickPadding: 6 }),
          axisTitle(Plot, figure.groupAxis),
          Plot.barY(bars, { fx: "group", x: "series", y1: base, y2: "mean", fill: "color" }),
          Plot.ruleX(
            bars.filter(({ low, high }) => high > low),
            { fx: "group", x: "series", y1: "low", y2: "high", stroke: "var(--text)", strokeWidth: 1.5 },
          ),
          labels
            ? Plot.text(bars, {
                fx: "group",
                x: "series",
                y: "high",
                text: (bar: { mean: number }) => formatted(bar.mean, figure.format, true),
                dy: -7,
                fontSize: 10,
                ...HALO,
              })
            : null,
        ],
        color: { type: "identity" },
      });
    },

    lines(figure) {
      const names = seriesNames(figure);
      const points = figure.series.flatMap(({ name, points: line, dashed = false }) =>
        line.map(({ x, y, label }) => ({ x, ...ends(y), name, label, dashed, color: colorOf(names, name) })),
      );
      const { base, top } = valueRange(points);
      const ticks = [...new Set(points.map(({ x }) => x))].sort((a, b) => a - b);
      const line = { x: "x", y: "mean", z: "name", stroke: "color", strokeWidth: 2 };
      return draw({
        ariaLabel: spoken(figure.title),
        x: { type: figure.log ? "log" : "linear", nice: false, inset: 12 },
        y: { domain: [base, top] },
        marks: [
          ...valueAxis(Plot, figure.format),
          Plot.axisX({
            ...(ticks.length <= 9 && { ticks }),
            tickFormat: shortNumber,
            tickSize: 0,
            tickPadding: 6,
            label: figure.xAxis,
            labelArrow: "none",
            labelAnchor: "center",
            labelOffset: 38,
            ...AXIS_TEXT,
          }),
          Plot.line(
            points.filter(({ dashed }) => !dashed),
            line,
          ),
          Plot.line(
            points.filter(({ dashed }) => dashed),
            { ...line, strokeDasharray: "5 4" },
          ),
          Plot.ruleX(
            points.filter(({ low, high }) => high > low),
            { x: "x", y1: "low", y2: "high", stroke: "color", strokeWidth: 1.5 },
          ),
          Plot.dot(points, { x: "x", y: "mean", r: points.length > 60 ? 1.8 : 3.2, fill: "color" }),
          Plot.text(
            points.filter(({ label }) => label !== undefined),
            { x: "x", y: "mean", text: "label", dy: -11, fontSize: 10, ...HALO },
          ),
        ],
        color: { type: "identity" },
      });
    },

    heat(figure) {
      const rows = withMeans(figure);
      const numbers = rows.flatMap(({ cells }) => cells.flatMap(({ value }) => (value === null ? [] : [value])));
      const [least, most] = [Math.min(...numbers), Math.max(...numbers)];
      const cells = rows.flatMap(({ row, cells: line }) =>
        line.flatMap(({ column, value }) => {
          if (value === null) return [];
          const share = most > least ? (value - least) / (most - least) : 0;
          return [{ row, column, value, fill: mixed(share), text: share > 0.6 ? "var(--on-accent)" : "var(--text)" }];
        }),
      );
      const text: MarkOptions = { fill: "var(--muted)" };
      const columns = [...figure.columns, MEAN_COLUMN];
      return draw({
        ariaLabel: spoken(figure.title),
        height: 58 + 34 * figure.rows.length,
        marginLeft: 64,
        marginTop: 8,
        x: { domain: columns, padding: 0.06 },
        y: { domain: figure.rows, padding: 0.06 },
        marks: [
          Plot.axisX({
            tickSize: 0,
            label: figure.columnAxis,
            labelAnchor: "center",
            labelArrow: "none",
            labelOffset: 38,
            fontSize: 11,
            ...text,
          }),
          Plot.axisY({ tickSize: 0, label: null, fontSize: 11, ...text }),
          Plot.cell(cells, { x: "column", y: "row", fill: "fill", rx: 3 }),
          Plot.text(cells, {
            x: "column",
            y: "row",
            text: ({ value }: { value: number }) => formatted(value, figure.format, true),
            fill: "text",
            fontSize: 11,
          }),
        ],
        color: { type: "identity" },
      });
    },

    histogram(counts, most, description) {
      const bins = counts.map((count, i) => ({
        from: i / counts.length,
        to: (i + 1) / counts.length,
        count: Math.min(count, most),
      }));
      return draw({
        ariaLabel: spoken(description),
        width: 120,
        height: 56,
        ...EDGES,
        x: { axis: null, domain: [0, 1] },
        y: { axis: null, domain: [0, most] },
        marks: [
          Plot.rectY(bins, { x1: "from", x2: "to", y: "count", fill: "var(--accent)", inset: 0 }),
          Plot.ruleY([0], { stroke: "var(--border)" }),
        ],
      });
    },
  };
}

const MEAN_COLUMN = "mean";

/** The rows of a heat map with the mean of each, where all of its cells were measured. */
function withMeans({ rows, columns, values }: HeatFigure) {
  return rows.map((row, r) => {
    const cells: { column: string; value: number | null }[] = columns.map((column, c) => ({
      column,
      value: values[r][c],
    }));
    const known = values[r].flatMap((value) => (value === null ? [] : [value]));
    const mean = known.length === columns.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
    return { row, cells: [...cells, { column: MEAN_COLUMN, value: mean }] };
  });
}

/** From the page's surface to the accent colour. */
function mixed(share: number): string {
  return `color-mix(in srgb, var(--accent) ${Math.round(8 + 92 * share)}%, var(--surface))`;
}

/** Text for an attribute of SVG, which is not escaped: without the characters of markup. */
function spoken(text: string): string {
  return text.replace(/[<>&]/g, " ");
}

function colorOf(names: readonly string[], name: string): string {
  return seriesColor(names.indexOf(name));
}

function ends({ mean, deviation }: Estimate) {
  return { mean, low: mean - (deviation ?? 0), high: mean + (deviation ?? 0) };
}

/** Lines of the grid, about. */
const TICKS = 5;

/**
 * From where to where the axis of values goes, in whole steps of its grid: from 0, or, where all values are in the upper half
 * of what there is, from below the lowest, so that they can be told apart.
 */
function valueRange(values: readonly { readonly low: number; readonly high: number }[]): { base: number; top: number } {
  const least = Math.min(...values.map(({ low }) => low));
  const most = Math.max(...values.map(({ high }) => high));
  const room = Math.max((most - least) * 0.4, Math.abs(most) * 0.02);
  const from = least < most / 2 ? Math.min(0, least) : least - room;
  // All values are 0: any range shows that.
  const span = most + room / 4 - from || 1;
  const power = 10 ** Math.floor(Math.log10(span / TICKS));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= span / TICKS) ?? span;
  return { base: Math.floor(from / step) * step, top: Math.ceil((from + span) / step) * step };
}

/** Margins of a chart without axes. */
const EDGES = { marginLeft: 1, marginRight: 1, marginTop: 1, marginBottom: 1 };
const AXIS_TEXT = { fill: "var(--muted)", fontSize: 11 };
const HALO = { fill: "var(--text)", stroke: "var(--surface)", strokeWidth: 4 };

function valueAxis(Plot: PlotModule, format: NumberFormat) {
  const tickFormat = (value: number) =>
    format === "percent" ? `${Number((value * 100).toFixed(6))} %` : shortNumber(value);
  return [
    Plot.gridY({ ticks: TICKS, stroke: "var(--grid)", strokeOpacity: 1 }),
    Plot.axisY({ anchor: "left", ticks: TICKS, tickSize: 0, label: null, tickFormat, ...AXIS_TEXT }),
  ];
}

function axisTitle(Plot: PlotModule, title: string) {
  return Plot.text([title], { frameAnchor: "bottom", dy: 38, facet: "super", ...AXIS_TEXT });
}

/** A number without needless digits. */
function shortNumber(value: number): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e9) return `${Number((value / 1e9).toPrecision(3))}G`;
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (size >= 1e4) return `${Number((value / 1e3).toPrecision(3))}k`;
  if (size < 1e-3) return Number(value.toPrecision(3)).toExponential();
  return String(Number(value.toPrecision(4)));
}

/** A number as figures show it; `bare` leaves the unit out, where the axis has it. */
export function formatted(value: number, format: NumberFormat, bare = false): string {
  if (format === "percent") return bare ? (value * 100).toFixed(1) : percent(value);
  return String(Number(value.toPrecision(3)));
}
