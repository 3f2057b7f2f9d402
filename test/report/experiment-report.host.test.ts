import { parseHTML } from "linkedom";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { renderExperimentReport } from "../../src/report/experiment-report.js";
import type { Estimate, ExperimentReportData, Figure } from "../../src/report/experiment-report-data.js";

const report = suite("report of an experiment");

const HOSTILE = `<script>alert("1")</script> & 'x'`;
const PICTURE = "data:image/png;base64,iVBORw0KGgo=";

function estimate(mean: number, deviation: number | null = null): Estimate {
  return { mean, deviation };
}

const bars: Figure = {
  kind: "bars",
  title: `Bars ${HOSTILE}`,
  note: HOSTILE,
  groupAxis: HOSTILE,
  format: "percent",
  groups: [
    {
      name: HOSTILE,
      bars: [
        { series: "short", value: estimate(0.31, 0.01) },
        { series: HOSTILE, value: estimate(0.34, 0.02) },
      ],
    },
    { name: "512", bars: [{ series: "short", value: estimate(0.33) }] },
  ],
};
const lines: Figure = {
  kind: "lines",
  title: "Lines",
  note: HOSTILE,
  xAxis: HOSTILE,
  format: "number",
  log: true,
  series: [
    {
      name: HOSTILE,
      points: [
        { x: 0.125, y: estimate(1e-4, 1e-5), label: HOSTILE },
        { x: 1, y: estimate(2e-4) },
      ],
    },
    { name: "published", dashed: true, points: [{ x: 1, y: estimate(0) }] },
  ],
};
const heat: Figure = {
  kind: "heat",
  title: "Heat",
  note: HOSTILE,
  rowAxis: "first",
  columnAxis: HOSTILE,
  format: "percent",
  rows: ["crop", HOSTILE],
  columns: ["crop", HOSTILE],
  values: [
    [0.33, 0.56],
    [null, 0.188],
  ],
};
const histograms: Figure = {
  kind: "histograms",
  title: "Histograms",
  note: HOSTILE,
  rows: [
    [
      { name: HOSTILE, picture: PICTURE, counts: [0, 3, 9, 1] },
      { name: "crop 2", picture: PICTURE, counts: [2, 2, 2, 2] },
    ],
  ],
};
const table: Figure = {
  kind: "table",
  title: "Table",
  note: HOSTILE,
  format: "percent",
  rows: [
    ["what", HOSTILE, "nothing"],
    [HOSTILE, estimate(0.431, 0.004), null],
  ],
};

const full: ExperimentReportData = {
  title: `Batches ${HOSTILE}`,
  shows: `Larger ones ${HOSTILE}`,
  command: `simclr experiment ${HOSTILE}`,
  scale: "smoke",
  scaleNote: HOSTILE,
  images: `photos ${HOSTILE}`,
  adapters: ["llvmpipe", HOSTILE],
  softwareAdapter: true,
  version: "0.1.0",
  seconds: 3725,
  seeds: 3,
  findings: [`Up by ${HOSTILE}`],
  sections: [{ title: `Section ${HOSTILE}`, note: HOSTILE, figures: [bars, lines, heat, histograms, table] }],
  settings: [["encoder", HOSTILE]],
  runs: [
    { label: `batch 256 ${HOSTILE}`, values: { knn: 0.25, contrastiveAccuracy: 0.5, loss: 4.21234 }, seconds: 61 },
    { label: "batch 512", values: { knn: 0.5, entropy: 8.2 }, seconds: 5 },
  ],
};

async function page(data: ExperimentReportData) {
  const html = await renderExperimentReport(data);
  const { document } = parseHTML(html);
  const text = (selector: string): string[] =>
    [...document.querySelectorAll(selector)].map((element) => (element.textContent ?? "").trim());
  return { html, document, text };
}

/** The SVG of one figure. */
async function svgOf(figure: Figure) {
  const { document } = await page({ ...full, sections: [{ title: "One", note: "", figures: [figure] }] });
  const svg = document.querySelector(".grid svg");
  const numbers = (selector: string, name: string) =>
    [...(svg?.querySelectorAll(selector) ?? [])].map((element) => Number(element.getAttribute(name)));
  return { svg, numbers, text: [...(svg?.querySelectorAll("text") ?? [])].map((element) => element.textContent ?? "") };
}

report("says what was run, on what and for how long", async () => {
  const { text } = await page(full);
  const [facts] = text("header .muted");
  for (const part of ["scale smoke", "2 runs", "3 seeds", "1 h 2 min", "llvmpipe"]) assert.match(facts, part);
  assert.equal(text(".badge"), ["software adapter"]);
  assert.equal(text("h3").slice(1), ["Lines", "Heat", "Histograms", "Table"]);
  assert.match(text("footer")[0], "webgpu-simclr 0.1.0");
});

report("lists all runs with their values in the same columns", async () => {
  const { document } = await page(full);
  const rows = [...document.querySelectorAll(".results.all tr")].map((row) =>
    [...row.querySelectorAll("th, td")].map((cell) => (cell.textContent ?? "").trim()),
  );
  assert.equal(rows[0], ["run", "kNN", "contrastive accuracy", "loss", "entropy", "time"]);
  assert.equal(rows[1].slice(1), ["25.0 %", "50.0 %", "4.21", "–", "1 min 1 s"]);
  assert.equal(rows[2], ["batch 512", "50.0 %", "–", "–", "8.2", "5 s"]);
});

report("draws bars as high as their values, with their spread", async () => {
  const { numbers, text } = await svgOf(bars);
  const heights = numbers("rect", "height");
  assert.is(heights.length, 3);
  // The axis begins below the lowest: differences are told apart, and stay in proportion.
  const [short, tall, middle] = heights;
  assert.ok(Math.abs((middle - short) / (tall - short) - 2 / 3) < 1e-6, heights.join());
  const ends = numbers("[aria-label=rule] line", "y1").map((y, i) =>
    Math.abs(y - numbers("[aria-label=rule] line", "y2")[i]),
  );
  assert.is(ends.length, 2);
  assert.ok(Math.abs(ends[1] / ends[0] - 2) < 1e-6, ends.join());
  for (const label of ["31.0", "34.0", "33.0"]) assert.ok(text.includes(label), text.join());
});

report("draws points at their places on a logarithmic axis", async () => {
  const { numbers, svg } = await svgOf({
    ...lines,
    series: [{ name: "one", points: [0.125, 0.25, 1].map((x) => ({ x, y: estimate(x) })) }],
  });
  const [a, b, c] = numbers("circle", "cx");
  assert.ok(Math.abs((c - a) / (b - a) - 3) < 1e-6, [a, b, c].join());
  assert.is(svg?.querySelectorAll("[aria-label=line] path").length, 1);
});

report("writes a mean only for rows that are complete, and leaves unmeasured cells out", async () => {
  const { text, numbers } = await svgOf(heat);
  assert.is(numbers("rect", "width").length, 4);
  assert.ok(text.includes("44.5"), text.join());
});

report("has a legend where there is more than one series", async () => {
  const { text } = await page(full);
  assert.equal(text(".legend li"), ["short", HOSTILE, HOSTILE, "published"]);
});

report("writes estimates with their spread, and a dash for what there is not", async () => {
  const { text } = await page(full);
  assert.equal(text("figure .results tbody td"), ["43.1 % ± 0.4", "–"]);
});

report("has no number that is none, whatever the values", async () => {
  const zero: Figure = { ...bars, groups: [{ name: "0", bars: [{ series: "zero", value: estimate(0, 0) }] }] };
  const negative: Figure = { ...lines, log: false, series: [{ name: "n", points: [{ x: 0, y: estimate(-3) }] }] };
  const equal: Figure = {
    ...heat,
    values: [
      [0.2, 0.2],
      [0.2, 0.2],
    ],
  };
  const empty: Figure = { ...histograms, rows: [[{ name: "none", picture: PICTURE, counts: [0, 0] }]] };
  const figures = [bars, lines, heat, histograms, table, zero, negative, equal, empty];
  const { html } = await page({ ...full, sections: [{ title: "", note: "", figures }] });
  assert.not.match(html, /NaN|undefined|Infinity|\[object/);
});

report("needs nothing from outside, runs no script and escapes every text", async () => {
  const { html, document, text } = await page(full);
  assert.is(document.querySelectorAll("script, link, iframe, object, [onload], [onerror]").length, 0);
  assert.not.match(html, /https?:|@import|url\(|<script/);
  for (const element of document.querySelectorAll("[src], [href]")) {
    assert.is(element.getAttribute("src") ?? element.getAttribute("href"), PICTURE);
  }
  assert.equal(text("h1"), [full.title]);
  assert.equal(text(".findings li"), [`Up by ${HOSTILE}`]);
  assert.equal(text(".settings dd"), [HOSTILE]);
  assert.is(text("img").length, 2);
});

report("is the same each time", async () => {
  assert.is(await renderExperimentReport(full), await renderExperimentReport(full));
});

report.run();
