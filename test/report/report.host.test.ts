import { parseHTML } from "linkedom";
import sharp from "sharp";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../src/errors.js";
import { renderReport } from "../../src/report/report.js";
import type { ReportData, ReportImage } from "../../src/report/report-data.js";

const report = suite("report");

const HOSTILE = `<script>alert("1")</script> & 'x'`;

function image(seed: number, width = 8, height = 6): ReportImage {
  const pixels = Uint8Array.from({ length: width * height * 4 }, (_, index) =>
    index % 4 === 3 ? 255 : (seed * 37 + index * 11) % 256,
  );
  return { width, height, pixels };
}

function wave(rows: number, dimension: number): Float32Array {
  return Float32Array.from({ length: rows * dimension }, (_, index) => Math.sin(index * 1.7));
}

/** Rows of one colour each. */
function plain(row: number): ReportImage {
  const pixels = new Uint8Array(4 * 96 * 48).map((_, index) => [(row * 8) % 256, 128, 255 - row * 8, 255][index % 4]);
  return { width: 96, height: 48, pixels };
}

const pictures = async (rows: readonly number[]) => rows.map(plain);

const full: ReportData = {
  title: `Photos ${HOSTILE}`,
  adapter: `llvmpipe ${HOSTILE}`,
  softwareAdapter: true,
  command: `simclr train ${HOSTILE}`,
  epochs: 2,
  seconds: 3725,
  supervised: false,
  labelled: false,
  start: "random weights",
  loss: { name: `NT-Xent in nats ${HOSTILE}`, chance: { formula: "ln(2N − 1)", value: Math.log(255) } },
  batchSize: 128,
  projectionDimension: 64,
  classes: ["cat", HOSTILE],
  accuracy: {
    images: 1000,
    before: { knn: 0.196, knn20: 0.222, probe: 0.316, classifier: null },
    after: { knn: 0.348, knn20: 0.372, probe: 0.3, classifier: null },
  },
  indicators: null,
  config: [["encoder", HOSTILE]],
  metrics: Array.from({ length: 40 }, (_, index) => ({
    step: index + 1,
    loss: 5 - index / 40,
    learningRate: 1e-3,
    outputStd: 0.1,
    accuracy: null,
    imagesPerSecond: 1200,
  })),
  knn: [
    { epoch: 0, accuracy: 0.196 },
    { epoch: 2, accuracy: 0.348 },
  ],
  augmented: [{ original: image(1), views: [image(2), image(3)] }],
  neighbours: [
    {
      query: { image: image(4), name: "test/4.jpg", label: 0 },
      nearest: [
        { image: image(5), name: "train/5.jpg", label: 0, similarity: 0.9 },
        { image: image(6), name: "train/6.jpg", label: 1, similarity: 0.8 },
      ],
    },
  ],
  embedding: {
    features: wave(30, 5),
    dimension: 5,
    labels: Uint32Array.from({ length: 30 }, (_, row) => row % 2),
    nameOf: (row) => `${HOSTILE} ${row}.jpg`,
    images: pictures,
  },
  skipped: [{ name: HOSTILE, reason: "not an image" }],
  warnings: [
    { step: 0, message: "few images" },
    { step: 1200, message: HOSTILE },
  ],
};

const empty: ReportData = {
  ...full,
  classes: [],
  accuracy: { before: null, after: null, images: 0 },
  config: [],
  metrics: [],
  knn: [],
  augmented: [],
  neighbours: [],
  embedding: null,
  skipped: [],
  warnings: [],
  softwareAdapter: false,
};

async function page(data: ReportData) {
  const html = await renderReport(data);
  const { document } = parseHTML(html);
  const text = (selector: string): string[] =>
    [...document.querySelectorAll(selector)].map((element) => (element.textContent ?? "").trim());
  return { html, document, text };
}

report("shows the accuracies, their gain, the chance level and the run's figures", async () => {
  const { text } = await page(full);
  assert.equal(text(".headline .number"), [
    "19.6 %",
    "22.2 %",
    "31.6 %",
    "34.8 %",
    "37.2 %",
    "30.0 %",
    "+15.2 points",
    "+15.0 points",
    // Falling from 31.6 to 30.0 per cent is no gain.
    "−1.6 points",
  ]);
  assert.equal(text(".headline .better"), ["+15.2 points", "+15.0 points"]);
  const charts = text("figure").join(" ");
  assert.match(charts, `chance, ln(2N − 1) = ${Math.log(255).toFixed(2)}`);
  assert.match(charts, "1/√D = 0.125");
  // The accuracies stand in the table, and nowhere else.
  assert.match(charts, "random weights");
  const all = text("main").join(" ");
  for (const shown of text(".headline .number")) assert.is(all.split(shown).length, 2, shown);
  const header = text("header").join(" ");
  for (const part of ["2 epochs", "40 steps of 128 images", "1 h 2 min", "1,200 images/s"]) assert.match(header, part);
  assert.equal(text(".badge"), ["software adapter"]);
});

report("of a supervised training shows the classifier, and nothing of contrast", async () => {
  const { document, text } = await page({
    ...full,
    supervised: true,
    labelled: true,
    start: "a pre-trained encoder",
    loss: { name: "Cross-entropy in nats", chance: { formula: "ln C", value: Math.log(2) } },
    projectionDimension: null,
    accuracy: {
      images: 1000,
      before: { knn: 0.25, knn20: 0.375, probe: 0.5, classifier: 0.125 },
      after: { knn: 0.5, knn20: 0.5, probe: 0.625, classifier: 0.75 },
    },
    metrics: full.metrics.map((line) => ({ ...line, outputStd: null, accuracy: line.step / 40 })),
    augmented: [{ original: image(1), views: [image(2)] }],
  });
  assert.equal(text(".headline th[scope=col]"), ["Classifier", "kNN, k = 200", "kNN, k = 20", "Linear probe"]);
  assert.equal(text(".headline th[scope=row]"), ["A pre-trained encoder", "After training", "Gain"]);
  assert.equal(text(".headline .number").slice(0, 5), ["12.5 %", "25.0 %", "37.5 %", "50.0 %", "75.0 %"]);
  assert.match(text(".summary").join(), /^Trained with labels, from a pre-trained encoder\.$/);
  assert.equal(text("figure h3"), ["Loss", "kNN accuracy", "Training accuracy", "Learning rate"]);
  assert.match(text("figure").join(" "), "chance, ln C = 0.69");
  assert.is(document.querySelectorAll(".pair img").length, 2);
  assert.not.match(text("main").join(" "), /never saw|two random views|without labels|ln\(2N/);
});

report("of a training with labels and without a classifier says so", async () => {
  const { text } = await page({ ...full, labelled: true });
  assert.match(text(".summary").join(), /^Trained with labels,/);
  assert.match(text("main").join(" "), "pulls the views of a class together");
  assert.not.match(text("main").join(" "), /never saw|without labels/);
  assert.match((await page(full)).text("main").join(" "), /never saw/);
});

report("names the loss, and shows no chance level where it has none", async () => {
  const { text } = await page({ ...full, loss: { name: "margin triplet", chance: null } });
  const charts = text("figure").join(" ");
  assert.match(charts, "margin triplet: each step");
  assert.not.match(charts, "chance");
});

report("needs nothing from outside and runs no script", async () => {
  const { html, document } = await page(full);
  assert.is(document.querySelectorAll("script, link, iframe, object, [onload], [onerror]").length, 0);
  assert.not.match(html, /https?:|@import|url\(/);
  for (const element of document.querySelectorAll("[src], [href]")) {
    assert.match(
      String(element.getAttribute("src") ?? element.getAttribute("href")),
      /^(data:image\/(png|jpeg);base64,|#map-images$)/,
    );
  }
});

report("escapes every text", async () => {
  const { html, text } = await page(full);
  assert.not.match(html, "<script");
  // linkedom gives a text back as it was before the page was written.
  assert.equal(text("h1"), [`Photos ${HOSTILE}`]);
  assert.equal(text(".settings dd"), [HOSTILE]);
  assert.equal(text(".skipped code"), [HOSTILE]);
  assert.equal(text("footer code"), [`simclr train ${HOSTILE}`]);
  assert.equal(text(".legend li"), ["cat", HOSTILE]);
  assert.ok(text("svg title").includes(`${HOSTILE} 1.jpg, ${HOSTILE}`));
  assert.equal(text(".tile .file"), ["4.jpg", "5.jpg", "6.jpg"]);
});

report("holds the images pixel by pixel, and shrinks large ones", async () => {
  const large = image(7, 400, 200);
  const { document } = await page({ ...empty, augmented: [{ original: image(1), views: [image(2), large] }] });
  const decoded = await Promise.all(
    [...document.querySelectorAll("img")].map((tag) => {
      const base64 = String(tag.getAttribute("src")).replace("data:image/png;base64,", "");
      return sharp(Buffer.from(base64, "base64")).raw().toBuffer({ resolveWithObject: true });
    }),
  );
  assert.equal(
    decoded.map(({ info }) => [info.width, info.height]),
    [
      [8, 6],
      [8, 6],
      [128, 64],
    ],
  );
  assert.equal(new Uint8Array(decoded[1]?.data ?? []), image(2).pixels);
});

report("frames the neighbours by class, and not at all without labels", async () => {
  const labelled = await page(full);
  assert.equal(labelled.text(".tile.right span"), ["cat", "0.900", "5.jpg"]);
  assert.equal(labelled.text(".tile.wrong span"), [HOSTILE, "0.800", "6.jpg"]);
  assert.match(labelled.text(".note").join(" "), "1 of the 2 shown are of the same class");
  const neighbours = full.neighbours.map(({ query, nearest }) => ({
    query: { ...query, label: null },
    nearest: nearest.map((neighbour) => ({ ...neighbour, label: null })),
  }));
  const unlabelled = await page({ ...empty, neighbours });
  assert.equal(unlabelled.text(".tile.right, .tile.wrong"), []);
  assert.equal(unlabelled.text(".tile span"), ["query", "4.jpg", "0.900", "5.jpg", "0.800", "6.jpg"]);
  // There are no test images to speak of.
  assert.not.match(unlabelled.text(".note, main").join(" "), /test image/i);
});

report("of images without labels says what can be told without them", async () => {
  const indicators = {
    ...{ alignment: 0.4567, uniformity: -2.3456, effectiveRank: 45.67, standardDeviation: 0.05 },
    ...{ dimension: 256, images: 252 },
  };
  const { text } = await page({ ...empty, indicators });
  assert.equal(text(".indicators td:nth-child(2)"), ["0.457", "−2.346", "45.7", "no"]);
  const collapsed = await page({ ...empty, indicators: { ...indicators, standardDeviation: 0.001 } });
  assert.is(collapsed.text(".indicators td:nth-child(2)").at(-1), "yes");
});

report("leaves out what the run does not have", async () => {
  const { document, text } = await page(empty);
  assert.equal(text("h1"), [empty.title]);
  assert.equal(text("h2, h3, table, figure, .badge"), []);
  assert.is(document.querySelectorAll("img, svg").length, 0);
});

report("draws a map without labels, and with a hundred classes", async () => {
  const unlabelled = await page({
    ...empty,
    embedding: { features: wave(30, 5), dimension: 5, labels: null, nameOf: String, images: pictures },
  });
  assert.is(unlabelled.document.querySelectorAll("[aria-label=dot] circle").length, 30);
  assert.is(unlabelled.document.querySelectorAll(".legend").length, 0);
  const classes = Array.from({ length: 100 }, (_, label) => `class ${label}`);
  const labels = Uint32Array.from({ length: 100 }, (_, row) => row);
  const many = await page({
    ...empty,
    classes,
    embedding: { features: wave(100, 5), dimension: 5, labels, nameOf: String, images: pictures },
  });
  const fills = [...many.document.querySelectorAll("[aria-label=dot] circle")].map((circle) =>
    circle.getAttribute("fill"),
  );
  assert.is(new Set(fills).size, 100);
  assert.equal(many.text(".legend li"), classes);
});

report("lights the dots of a class that is chosen in the legend", async () => {
  const { document } = await page(full);
  const rules = [
    ...String(document.querySelector(".lit style")?.textContent).matchAll(/#(class-\d+):checked\) (circle\S+)/g),
  ];
  const found = rules.map(([, id, dots]) => [
    document.querySelector(`#${id}`)?.parentElement?.textContent,
    document.querySelectorAll(`[aria-label=dot] ${dots}`).length,
  ]);
  const labels = [...(full.embedding?.labels ?? [])];
  assert.equal(
    found,
    ["cat", HOSTILE].map((name, label) => [name, labels.filter((own) => own === label).length]),
  );
});

report("shows the image of each point of the map under the pointer", async () => {
  const { document } = await page(full);
  const map = document.querySelector(".map-images")?.parentElement;
  const dots = [...(map?.querySelectorAll("[aria-label=dot] circle") ?? [])];
  const groups = [...document.querySelectorAll(".map-images > g")];
  assert.is(groups.length, 30);
  const uri = document.querySelector("#map-images")?.getAttribute("href") ?? "";
  assert.match(uri, /^data:image\/jpeg;base64,/);
  const { data, info } = await sharp(Buffer.from(uri.slice(uri.indexOf(",") + 1), "base64"))
    .raw()
    .toBuffer({ resolveWithObject: true });
  // 96 x 48 pixels shrunk to 48 x 24, in 5 lines of 6.
  assert.equal([info.width, info.height], [6 * 48, 5 * 24]);
  for (const [row, group] of groups.entries()) {
    const circle = group.querySelector("circle");
    for (const side of ["cx", "cy"] as const) {
      const at = Number(dots[row].getAttribute(side));
      assert.ok(Math.abs(Number(circle?.getAttribute(side)) - at) < 0.06, `${side} of row ${row}`);
    }
    assert.is(circle?.querySelector("title")?.textContent, `${HOSTILE} ${row}.jpg, ${full.classes[row % 2]}`);
    const [left, top, width, height] = (group.querySelector("svg")?.getAttribute("viewBox") ?? "")
      .split(" ")
      .map(Number);
    const middle = (Math.round(top + height / 2) * info.width + Math.round(left + width / 2)) * info.channels;
    const [red, , blue] = data.subarray(middle, middle + 3);
    // JPEG rounds.
    assert.ok(Math.abs(red - row * 8) < 6 && Math.abs(blue - 255 + row * 8) < 6, `row ${row} is ${red} and ${blue}`);
  }
});

report("is the same each time", async () => {
  assert.is(await renderReport(full), await renderReport(full));
});

report("refuses an image without the bytes of its size", async () => {
  const broken = { width: 8, height: 6, pixels: new Uint8Array(10) };
  const pairs = [{ original: broken, views: [image(1), image(2)] }];
  const error = await renderReport({ ...empty, augmented: pairs }).catch((reason: unknown) => reason);
  assert.instance(error, DataError);
  assert.match(String(error), "8 x 6 pixels needs 192 RGBA bytes, it has 10");
});

report.run();
