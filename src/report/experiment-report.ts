import { counted } from "../wording.js";
import {
  createExperimentPainter,
  type ExperimentPainter,
  formatted,
  seriesColor,
  seriesNames,
} from "./experiment-charts.js";
import type {
  BarsFigure,
  Estimate,
  ExperimentReportData,
  Figure,
  HistogramFigure,
  LinesFigure,
  NumberFormat,
  TableFigure,
} from "./experiment-report-data.js";
import { REPORT_STYLE } from "./report-style.js";
import { duration, escapeHtml } from "./report-text.js";

/**
 * Renders the report of an experiment as one HTML page that needs nothing else, as `renderReport` does for a run: what came
 * out, charts of it beside the published ones, all runs, and what they were done with. Node, Bun and Deno.
 */
export async function renderExperimentReport(data: ExperimentReportData): Promise<string> {
  const painter = await createExperimentPainter();
  const parts = [
    header(data),
    findings(data),
    ...data.sections.map(
      ({ title, note, figures }) =>
        `<section><h2>${escapeHtml(title)}</h2>${note === "" ? "" : `<p class="note">${escapeHtml(note)}</p>`}
<div class="grid">${figures.map((figure) => figureCard(figure, painter)).join("\n")}</div></section>`,
    ),
    runTable(data),
    settings(data),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(data.title)}</title>
<style>${REPORT_STYLE}</style>
</head>
<body>
<main>
${parts.filter((part) => part !== "").join("\n")}
<footer>Written by webgpu-simclr ${escapeHtml(data.version)}. Repeat it on these images with <code>${escapeHtml(data.command)}</code></footer>
</main>
</body>
</html>
`;
}

function header(data: ExperimentReportData): string {
  const facts = [
    `scale ${data.scale}`,
    counted(data.runs.length, "run"),
    ...(data.seeds > 1 ? [counted(data.seeds, "seed")] : []),
    duration(data.seconds),
    data.images,
    ...data.adapters,
  ];
  return `<header>
<h1>${escapeHtml(data.title)}</h1>
<p class="summary">${escapeHtml(data.shows)}</p>
<p class="muted">${facts.map(escapeHtml).join(" · ")}${data.softwareAdapter ? ' <span class="badge">software adapter</span>' : ""}</p>
</header>`;
}

function findings({ findings: sentences, scaleNote }: ExperimentReportData): string {
  const items = sentences.map((sentence) => `<li>${escapeHtml(sentence)}</li>`).join("\n");
  return `<section><h2>What came out</h2>
<ul class="card findings">${items}</ul>
<p class="note after">${escapeHtml(scaleNote)}</p></section>`;
}

function figureCard(figure: Figure, painter: ExperimentPainter): string {
  const wide = figure.kind === "histograms" || (figure.kind === "table" && figure.rows[0].length > 5);
  return `<figure class="card${wide ? " wide" : ""}"><figcaption><h3>${escapeHtml(figure.title)}</h3><p>${escapeHtml(figure.note)}</p></figcaption>${figureBody(figure, painter)}</figure>`;
}

function figureBody(figure: Figure, painter: ExperimentPainter): string {
  switch (figure.kind) {
    case "bars":
      return legend(figure) + painter.bars(figure);
    case "lines":
      return legend(figure) + painter.lines(figure);
    case "heat":
      return painter.heat(figure);
    case "histograms":
      return histograms(figure, painter);
    case "table":
      return table(figure);
  }
}

/** The names of the series with their colours; none for a single one. */
function legend(figure: BarsFigure | LinesFigure): string {
  const names = seriesNames(figure);
  if (names.length < 2) return "";
  const items = names.map((name, i) => `<li><i style="background:${seriesColor(i)}"></i>${escapeHtml(name)}</li>`);
  return `<ul class="legend">${items.join("")}</ul>`;
}

/** How much higher than the usual highest bar a histogram of a panel is; taller bars are cut off, for one can dwarf all others. */
const HEADROOM = 1.6;

function histograms({ rows }: HistogramFigure, painter: ExperimentPainter): string {
  const highest = rows.flatMap((row) => row.map(({ counts }) => Math.max(...counts))).sort((a, b) => a - b);
  const most = Math.max(HEADROOM * (highest[Math.floor(highest.length / 2)] ?? 0), 1);
  const cells = rows.map((row) => {
    const columns = row.map(
      ({ name, picture, counts }) =>
        `<div><img class="small" src="${escapeHtml(picture)}" alt="${escapeHtml(name)}">${painter.histogram(counts, most, `Intensities of ${name}`)}<span>${escapeHtml(name)}</span></div>`,
    );
    return `<div class="panel">${columns.join("")}</div>`;
  });
  return cells.join("\n");
}

function table({ rows: [head, ...rows], format }: TableFigure): string {
  const headings = head.map((cell) => `<th scope="col">${cellText(cell, format)}</th>`);
  const lines = rows.map(
    ([first, ...rest]) =>
      `<tr><th scope="row">${cellText(first, format)}</th>${rest.map((cell) => `<td>${cellText(cell, format)}</td>`).join("")}</tr>`,
  );
  return `<table class="results"><thead><tr>${headings.join("")}</tr></thead><tbody>${lines.join("\n")}</tbody></table>`;
}

function cellText(cell: string | Estimate | null, format: NumberFormat): string {
  if (cell === null) return "–";
  if (typeof cell === "string") return escapeHtml(cell);
  const spread = cell.deviation === null ? "" : `<small> ± ${formatted(cell.deviation, format, true)}</small>`;
  return `${formatted(cell.mean, format)}${spread}`;
}

/** Values of which a table of all runs has shares as per cent: accuracies, and shares of false negatives. */
const SHARE = /knn|probe|accuracy|^false/i;

function runTable({ runs }: ExperimentReportData): string {
  const names = [...new Set(runs.flatMap(({ values }) => Object.keys(values)))];
  const heading = ["run", ...names.map(inWords), "time"].map((name) => `<th scope="col">${escapeHtml(name)}</th>`);
  const lines = runs.map(({ label, values, seconds }) => {
    const cells = names.map((name) => {
      const value = values[name];
      if (value === undefined) return "–";
      return formatted(value, SHARE.test(name) ? "percent" : "number");
    });
    return `<tr><th scope="row">${escapeHtml(label)}</th>${[...cells, duration(seconds)].map((cell) => `<td>${cell}</td>`).join("")}</tr>`;
  });
  return `<section><h2>All runs</h2>
<p class="note">Each has a folder of its own with configuration, metrics and checkpoint; results.csv and results.json hold these numbers.</p>
<div class="card scroll"><table class="results all"><thead><tr>${heading.join("")}</tr></thead><tbody>${lines.join("\n")}</tbody></table></div></section>`;
}

/** What values are called in tables where their own names would not do. */
const NAMES: ReadonlyMap<string, string> = new Map([
  ["knn", "kNN"],
  ["knn20", "kNN (k = 20)"],
  ["probe", "linear probe"],
]);

/** "contrastiveAccuracy" as "contrastive accuracy". */
function inWords(name: string): string {
  const known = NAMES.get(name);
  if (known !== undefined) return known;
  return name.replace(/([a-z])([A-Z])/g, (_, before: string, after: string) => `${before} ${after.toLowerCase()}`);
}

function settings({ settings: entries }: ExperimentReportData): string {
  if (entries.length === 0) return "";
  const items = entries.map(([name, value]) => `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd></div>`);
  return `<section><h2>What the runs have in common</h2>
<p class="note">Where their names do not say otherwise.</p>
<dl class="card settings">${items.join("\n")}</dl></section>`;
}
