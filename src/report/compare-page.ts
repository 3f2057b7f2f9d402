import { counted } from "../wording.js";
import { classColors } from "./class-colors.js";
import { type ChartPainter, createChartPainter } from "./report-charts.js";
import { escapeHtml } from "./report-text.js";
import { renderVerbPage } from "./verb-page.js";

/** A curve over the epochs. */
type Curve = readonly { readonly x: number; readonly y: number }[];

/** What a comparison of runs shows. */
export interface ComparePageData {
  /** Of the runs. */
  readonly names: readonly string[];
  /** Whether their losses are of one method, and can be compared. */
  readonly sameLoss: boolean;
  /** Rows of a name and a cell for each run. */
  readonly settings: readonly (readonly string[])[];
  readonly results: readonly (readonly string[])[];
  /** Of each run; empty where it has none. */
  readonly curves: readonly Readonly<Record<"loss" | "knn" | "knn20" | "learningRate" | "outputStd", Curve>>[];
  readonly command: string;
}

const CHARTS = [
  { key: "loss", title: "Loss", note: "Moving mean over the steps", percent: false, smooth: true },
  { key: "knn", title: "kNN accuracy", note: "200 neighbours, test images", percent: true, smooth: false },
  { key: "knn20", title: "kNN accuracy, k = 20", note: "20 neighbours, test images", percent: true, smooth: false },
  {
    key: "outputStd",
    title: "Spread of the projections",
    note: "Standard deviation of normalised z, moving mean; 0 would be collapse",
    percent: false,
    smooth: true,
  },
  { key: "learningRate", title: "Learning rate", note: "As scheduled", percent: false, smooth: false },
] as const;

/** A page that lays the curves of runs over each other, with what differs between them and what came out. Node, Bun and Deno. */
export async function comparePage(data: ComparePageData): Promise<string> {
  const { names, settings, results, command } = data;
  const colors = classColors(names.length);
  const painter = await createChartPainter();
  const heads = names.map((name, i) => `${swatch(colors[i])}${escapeHtml(name)}`);
  const differing =
    settings.length === 0
      ? '<p class="note">The configurations are the same.</p>'
      : `<div class="card scroll">${table("setting", heads, settings)}</div>`;
  const body = `<section><h2>Results</h2><p class="note">The loss is the mean over the last epoch${data.sameLoss ? "" : "; losses of different methods cannot be compared"}.</p>
<div class="card scroll">${table("result", heads, results)}</div></section>
<section><h2>What differs</h2>${differing}</section>
${charts(data, colors, painter)}`;
  const facts = [counted(names.length, "run")];
  const summary = "Curves of several trainings in one chart, the settings that differ, and what came out.";
  return renderVerbPage({ title: "Comparison of runs", summary, facts, body, command, style: STYLE }, { missing: [] });
}

function swatch(color: string): string {
  return `<i class="swatch" style="background:${color}"></i>`;
}

function table(corner: string, heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = rows.map(
    ([name, ...cells]) =>
      `<tr><th scope="row">${escapeHtml(name)}</th>${cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join("")}</tr>`,
  );
  return `<table class="results compared"><thead><tr><th scope="col">${corner}</th>${heads.map((head) => `<th scope="col">${head}</th>`).join("")}</tr></thead><tbody>${lines.join("\n")}</tbody></table>`;
}

function charts({ names, curves }: ComparePageData, colors: readonly string[], painter: ChartPainter): string {
  const figures = CHARTS.flatMap(({ key, title, note, percent, smooth }) => {
    const series = curves.flatMap((own, i) =>
      own[key].length > 1 ? [{ name: names[i], color: colors[i], points: own[key] }] : [],
    );
    if (series.length === 0) return [];
    const svg = painter.curves({ description: `${title} of the runs over the epochs`, percent, smooth, series });
    return [`<figure class="card"><figcaption><h3>${title}</h3><p>${note}</p></figcaption>${svg}</figure>`];
  });
  if (figures.length === 0) return "";
  const legend = names.map((name, i) => `<li>${swatch(colors[i])}${escapeHtml(name)}</li>`);
  return `<section class="curves"><h2>Curves</h2><ul class="legend">${legend.join("")}</ul><div class="grid">${figures.join("\n")}</div></section>`;
}

const STYLE = `
.swatch { display: inline-block; width: 10px; height: 10px; margin-right: 7px; border-radius: 50%; }
.compared th, .compared td { min-width: 84px; vertical-align: top; }
.compared td, .compared thead th { white-space: normal; overflow-wrap: anywhere; }
.compared tbody th { position: sticky; left: 0; background: var(--surface); }
`;
