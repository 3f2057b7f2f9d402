import { wilsonInterval } from "../evaluation/interval.js";
import { VERSION } from "../version.js";
import { counted } from "../wording.js";
import { classColors } from "./class-colors.js";
import { embeddingMap } from "./embedding-map.js";
import { type ChartPainter, createChartPainter, type SeriesChart } from "./report-charts.js";
import type { ReportAccuracy, ReportData, ReportImage, ReportMetrics } from "./report-data.js";
import { contactSheet, pngDataUri } from "./report-images.js";
import { REPORT_STYLE } from "./report-style.js";
import { duration, escapeHtml, percent, whole } from "./report-text.js";

/** UMAP takes about two seconds on a laptop for as many points; more would hide each other on the map. */
const MAP_POINTS = 1000;
/** Images up to this size are magnified pixel by pixel; larger ones smoothly. */
const SMALL_IMAGE_PIXELS = 64;
const SKIPPED_SHOWN = 50;

/**
 * Renders the report of a training run as one HTML page that needs nothing else: no network, no script, charts as SVG and
 * images as PNG inside. Sections without data are left out. Node, Bun and Deno. A few seconds, most of them for UMAP.
 * @throws DataError where an image does not have the bytes of its size; ShapeError where the embedding is ragged.
 */
export async function renderReport(data: ReportData): Promise<string> {
  const painter = await createChartPainter();
  const sections = [
    header(data),
    warningSection(data),
    headline(data),
    indicatorSection(data),
    trainingCharts(data, painter),
    await embeddingSection(data, painter),
    await neighbourSection(data),
    await viewSection(data),
    settingsSection(data),
    skippedSection(data),
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
${sections.filter((section) => section !== "").join("\n")}
<footer>Written by webgpu-simclr ${VERSION} on ${new Date().toISOString().slice(0, 10)}${data.command === null ? "." : `, after <code>${escapeHtml(data.command)}</code>`}</footer>
</main>
</body>
</html>
`;
}

function header(data: ReportData): string {
  const { epochs, metrics, batchSize, seconds, adapter, softwareAdapter } = data;
  const summary = trainingText(data);
  const steps = metrics.at(-1)?.step ?? 0;
  const speed = median(metrics.map(({ imagesPerSecond }) => imagesPerSecond));
  const facts = [
    counted(epochs, "epoch"),
    `${counted(steps, "step")} of ${counted(batchSize, "image")}`,
    duration(seconds),
    ...(speed === null ? [] : [`${whole(speed)} images/s`]),
    escapeHtml(adapter),
  ];
  return `<header>
<h1>${escapeHtml(data.title)}</h1>
${summary === "" ? "" : `<p class="summary">${summary}</p>`}
<p class="muted">${facts.join(" · ")}${softwareAdapter ? ' <span class="badge">software adapter</span>' : ""}</p>
</header>`;
}

/** How the encoder came to be; its accuracies are in the table below. */
function trainingText({ accuracy: { after }, start, labelled }: ReportData): string {
  return after === null ? "" : `Trained ${labelled ? "with" : "without"} labels, from ${start}.`;
}

function warningSection({ warnings }: ReportData): string {
  if (warnings.length === 0) return "";
  const items = warnings.map(
    ({ step, message }) => `<li>${step === 0 ? "" : `After step ${whole(step)}: `}${escapeHtml(message)}</li>`,
  );
  return `<section class="card warnings"><h2>Warnings</h2><ul>${items.join("\n")}</ul></section>`;
}

function headline({ accuracy: { before, after, images }, start, supervised }: ReportData): string {
  if (before === null && after === null) return "";
  const columns = [...(supervised ? ["Classifier"] : []), "kNN, k = 200", "kNN, k = 20", "Linear probe"];
  const own = ({ classifier, knn, knn20, probe }: ReportAccuracy) =>
    [classifier, knn, knn20, probe].flatMap((share) => (share === null ? [] : [share]));
  const cell = (fraction: number) =>
    `<td><span class="number">${percent(fraction)}</span><span class="bar"><i style="width:${(fraction * 100).toFixed(2)}%"></i></span></td>`;
  const gain = (from: number, to: number) => {
    const points = (to - from) * 100;
    const sign = points < 0 ? "−" : "+";
    return `<td><span class="number${points > 0 ? " better" : ""}">${sign}${Math.abs(points).toFixed(1)} points</span></td>`;
  };
  const cells = (accuracies: ReportAccuracy) => own(accuracies).map(cell).join("");
  const gains = (from: ReportAccuracy, to: ReportAccuracy) => own(to).map((value, i) => gain(own(from)[i], value));
  const rows = [
    before === null ? "" : `<tr><th scope="row">${capitalized(start)}</th>${cells(before)}</tr>`,
    after === null ? "" : `<tr class="trained"><th scope="row">After training</th>${cells(after)}</tr>`,
    before === null || after === null
      ? ""
      : `<tr class="gain"><th scope="row">Gain</th>${gains(before, after).join("")}</tr>`,
  ];
  return `<section class="card headline"><table>
<thead><tr><th>Accuracy on the test images</th>${columns.map((column) => `<th scope="col">${column}</th>`).join("")}</tr></thead>
<tbody>${rows.join("\n")}</tbody>
</table>${after === null ? "" : `<p class="muted">${intervals(own(after), images, columns)}</p>`}</section>`;
}

/** Shares of the spread of even points below which representations have all but collapsed. */
const COLLAPSED = 0.1;

function indicatorSection({ indicators }: ReportData): string {
  if (indicators === null) return "";
  const { alignment, uniformity, effectiveRank, standardDeviation, dimension, images } = indicators;
  const even = 1 / Math.sqrt(dimension);
  const collapsed = standardDeviation < COLLAPSED * even;
  const rows = [
    [
      "Alignment",
      alignment.toFixed(3),
      "mean squared distance of two views of an image on the unit sphere: 0 is the same point",
    ],
    ["Uniformity", uniformity.toFixed(3), "0 is a single point, −4 evenly spread over many dimensions"],
    ["Effective rank", effectiveRank.toFixed(1), `of ${dimension} dimensions, those that are made use of`],
    [
      "Collapse",
      collapsed ? "yes" : "no",
      `deviation of the normalised representations: ${standardDeviation.toFixed(4)}; ${even.toFixed(4)} is even, 0 is collapse`,
    ],
  ];
  const lines = rows.map(
    ([name, value, note]) =>
      `<tr><th scope="row">${name}</th><td>${value.replace("-", "−")}</td><td class="what">${note}</td></tr>`,
  );
  return `<section class="card indicators"><table>${lines.join("\n")}</table>
<p class="muted">Without labels no accuracy can be told: these are of the representations h of two views of ${counted(images, "training image")}.</p></section>`;
}

/** How far accuracies of so many images can be from those of all that there could be. */
function intervals(shares: readonly number[], images: number, names: readonly string[]): string {
  const ends = shares.map((share, i) => `${names[i]}: ${wilsonInterval(share, images).map(percent).join(" to ")}`);
  return `95 % intervals after training, of ${counted(images, "test image")}. ${ends.join("; ")}`;
}

/** The values of one kind over the steps; none where the steps have none. */
function overSteps(
  metrics: readonly ReportMetrics[],
  kind: "loss" | "learningRate" | "outputStd" | "accuracy",
): { step: number; value: number }[] {
  return metrics.flatMap(({ step, [kind]: value }) => (value === null ? [] : [{ step, value }]));
}

function trainingCharts(data: ReportData, painter: ChartPainter): string {
  const { metrics, knn, accuracy, start, loss, projectionDimension } = data;
  const charts: string[] = [];
  const series = (title: string, note: string, chart: SeriesChart) => {
    if (chart.points.length > 1) charts.push(chartCard(title, note, painter.series(chart)));
  };
  series("Loss", `${escapeHtml(loss.name)}: each step, and their moving mean`, {
    description: "Loss over the steps",
    points: overSteps(metrics, "loss"),
    zero: false,
    smooth: true,
    level: loss.chance && {
      value: loss.chance.value,
      label: `chance, ${loss.chance.formula} = ${loss.chance.value.toFixed(2)}`,
    },
  });
  if (knn.length > 1) {
    charts.push(
      chartCard(
        "kNN accuracy",
        "Weighted neighbours by cosine similarity of h, test images",
        painter.accuracy(knn, accuracy.before && { value: accuracy.before.knn, label: start }),
      ),
    );
  }
  series("Training accuracy", "Share of each step's images, as augmented, that the classifier gets right", {
    description: "Accuracy of the classifier on the images of each step",
    points: overSteps(metrics, "accuracy"),
    zero: true,
    smooth: true,
    level: null,
  });
  const spread = projectionDimension === null ? null : 1 / Math.sqrt(projectionDimension);
  series("Spread of the projections", "Standard deviation of normalised z; 0 would be collapse", {
    description: "Standard deviation of the normalised projections over the steps",
    points: overSteps(metrics, "outputStd"),
    zero: true,
    smooth: true,
    level: spread === null ? null : { value: spread, label: `even on the sphere, 1/√D = ${spread.toFixed(3)}` },
  });
  series("Learning rate", "As scheduled, each step", {
    description: "Learning rate over the steps",
    points: overSteps(metrics, "learningRate"),
    zero: true,
    smooth: false,
    level: null,
  });
  if (charts.length === 0) return "";
  return `<section class="curves"><h2>Training</h2><div class="grid">${charts.join("\n")}</div></section>`;
}

function chartCard(title: string, note: string, svg: string): string {
  return `<figure class="card"><figcaption><h3>${title}</h3><p>${note}</p></figcaption>${svg}</figure>`;
}

/** What the images shown are called: test images, where there are some. */
function shownImage({ accuracy }: ReportData): string {
  return accuracy.images > 0 ? "test image" : "image";
}

async function embeddingSection(data: ReportData, painter: ChartPainter): Promise<string> {
  const { embedding, classes, labelled } = data;
  if (embedding === null) return "";
  const { features, dimension, labels, images, nameOf } = embedding;
  const points = await embeddingMap(features, dimension, MAP_POINTS);
  if (points.length === 0) return "";
  const colors = classColors(classes.length);
  const classOf = (row: number) => {
    const label = labels?.[row];
    const name = label === undefined ? undefined : classes[label];
    const color = label === undefined ? undefined : colors[label];
    return name === undefined || color === undefined ? null : { name, color };
  };
  const sheet = await contactSheet(
    points.map(({ row }) => row),
    images,
  );
  const svg = painter.map(points, classOf, nameOf, sheet);
  const legend = classes.map(
    (name, label) =>
      `<li><label><input type="checkbox" id="class-${label}"><i style="background:${colors[label]}"></i>${escapeHtml(name)}</label></li>`,
  );
  // Choosing classes dims the dots of all others. The style sheet does it, so that the report needs no script.
  const lit = colors.map((color, label) => `.lit:has(#class-${label}:checked) circle[fill="${color}"] { opacity: 1; }`);
  const shown =
    points.length === features.length / dimension
      ? counted(points.length, shownImage(data))
      : `${whole(points.length)} of ${counted(features.length / dimension, shownImage(data))}`;
  const coloring = labels === null || labelled ? "" : " The encoder never saw the classes that give the colours.";
  return `<section><h2>Map of the embeddings</h2>
<p class="note">UMAP of the representations h of ${shown}, by cosine distance; point at one to see the image${labels === null ? "" : ", choose a class to see where it lies"}.${coloring}</p>
<figure class="card lit">${labels === null ? "" : `<style>${lit.join("")}</style><ul class="legend">${legend.join("")}</ul>`}${svg}</figure></section>`;
}

async function neighbourSection(data: ReportData): Promise<string> {
  const { neighbours, classes } = data;
  if (neighbours.length === 0) return "";
  const className = (label: number) => classes[label] ?? `class ${label}`;
  let compared = 0;
  let same = 0;
  const rows = await Promise.all(
    neighbours.map(async ({ query, nearest }) => {
      const queryName = query.label === null ? "query" : className(query.label);
      const tiles = await Promise.all(
        nearest.map(async ({ image, name, label, similarity }) => {
          let kind = "";
          if (query.label !== null && label !== null) {
            compared++;
            if (label === query.label) same++;
            kind = label === query.label ? " right" : " wrong";
          }
          const caption = label === null ? "" : `<span>${escapeHtml(className(label))}</span>`;
          const hint = escapeHtml(`${name}, cosine similarity ${similarity.toFixed(3)}`);
          return `<div class="tile${kind}" title="${hint}">${await imageTag(image, name)}${caption}<span>${similarity.toFixed(3)}</span><span class="file">${escapeHtml(fileOf(name))}</span></div>`;
        }),
      );
      return `<div class="row"><div class="tile query" title="${escapeHtml(query.name)}">${await imageTag(query.image, query.name)}<span>${escapeHtml(queryName)}</span><span class="file">${escapeHtml(fileOf(query.name))}</span></div>${tiles.join("")}</div>`;
    }),
  );
  const legend =
    compared === 0
      ? " Below each, its cosine similarity and the name of its file."
      : ` Below each, its class, cosine similarity and file. Frames: <i class="key right"></i> same class, <i class="key wrong"></i> another; ${same} of the ${compared} shown are of the same class.`;
  return `<section><h2>Nearest neighbours</h2>
<p class="note">${capitalized(`a ${shownImage(data)}`).replace("A image", "An image")} on the left, then the ${data.accuracy.images > 0 ? "training images" : "others"} whose representations are most similar.${legend}</p>
<div class="card rows">${rows.join("\n")}</div></section>`;
}

async function viewSection({ augmented, supervised, labelled }: ReportData): Promise<string> {
  if (augmented.length === 0) return "";
  const pairs = await Promise.all(
    augmented.map(async ({ original, views }) => {
      const images = [await imageTag(original, "original")];
      for (const [i, view] of views.entries()) images.push(await imageTag(view, `view ${i + 1}`));
      return `<div class="pair">${images.join("")}</div>`;
    }),
  );
  const note = supervised
    ? "Each image and a random view of it, as the classifier was trained on."
    : labelled
      ? "Each image and two random views of it. The loss pulls the views of a class together and pushes those of other classes away."
      : "Each image and two random views of it. The loss pulls the two views together and pushes all other images of the batch away.";
  return `<section><h2>Augmented views</h2>
<p class="note">${note}</p>
<div class="card pairs">${pairs.join("\n")}</div></section>`;
}

function settingsSection({ config }: ReportData): string {
  if (config.length === 0) return "";
  const entries = config.map(([name, value]) => `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd></div>`);
  return `<section><h2>Configuration</h2><dl class="card settings">${entries.join("\n")}</dl></section>`;
}

function skippedSection({ skipped }: ReportData): string {
  if (skipped.length === 0) return "";
  const items = skipped
    .slice(0, SKIPPED_SHOWN)
    .map(({ name, reason }) => `<li><code>${escapeHtml(name)}</code>: ${escapeHtml(reason)}</li>`);
  const more = skipped.length - items.length;
  if (more > 0) items.push(`<li>and ${whole(more)} more</li>`);
  return `<section><h2>Skipped images</h2>
<p class="note">${counted(skipped.length, "image")} could not be read and took no part in the training.</p>
<ul class="card skipped">${items.join("\n")}</ul></section>`;
}

async function imageTag(image: ReportImage, alt: string): Promise<string> {
  const small = Math.max(image.width, image.height) <= SMALL_IMAGE_PIXELS ? ' class="small"' : "";
  return `<img${small} src="${await pngDataUri(image)}" alt="${escapeHtml(alt)}">`;
}

/** A name without the folders that lead there. */
function fileOf(name: string): string {
  return name.replace(/^.*[\\/](?=[^\\/])/s, "");
}

function capitalized(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? null;
}
