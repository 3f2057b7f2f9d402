/** The page: shows what the worker says, and asks it for more. */
import { classColors } from "../report/class-colors.js";
import { counted } from "../wording.js";
import { Chart, type Point } from "./chart.js";
import { contextOf, find, html, oncePerFrame, themed } from "./dom.js";
import { chosenFiles, droppedFiles } from "./dropping.js";
import { MapView } from "./map-view.js";
import type {
  FromWorker,
  NamedFile,
  Neighbour,
  PicturesText,
  PlanText,
  StepText,
  Takeaway,
  ToWorker,
  TrainingText,
  Trouble,
} from "./messages.js";
import { SettingsForm } from "./settings-form.js";
import { Thumbnails } from "./thumbnails.js";
import { PAIRS, ViewSliders } from "./view-sliders.js";
import workerUrl from "./worker.ts?worker&url";

/** Pixels of a side that pictures can be learned at. */
const IMAGE_SIZES = [32, 48, 64, 96, 128];
const TAKEAWAYS: readonly Takeaway[] = ["encoder", "onnx", "npy", "csv", "project"];
/** Pictures of a page of thumbnails. */
const PAGE = 48;

const text = (id: string, words: string) => {
  find(id, HTMLElement).textContent = words;
};
const button = (id: string, act: () => void) => find(id, HTMLButtonElement).addEventListener("click", act);
const TITLE = document.title;
const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

/** A worker of a blob has the page's Content-Security-Policy, wherever the page is served from. */
function startWorker(): Worker {
  const source = `import ${JSON.stringify(new URL(workerUrl, location.href).href)};`;
  return new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })), { type: "module" });
}

const worker = startWorker();
const ask = (message: ToWorker) => worker.postMessage(message);

let pictures: PicturesText | null = null;
let thumbnails: Thumbnails | null = null;
let form: SettingsForm | null = null;
let sliders: ViewSliders | null = null;
let training: TrainingText = {
  state: "none",
  step: 0,
  steps: 0,
  stepsPerEpoch: 0,
  loss: "",
  chance: null,
  settings: null,
};
let losses: Point[] = [];
let accuracies: Point[] = [];
let last: StepText | null = null;
let page = 0;
let draw = 0;
let pairs: number[] = [];
let imageSize = IMAGE_SIZES[0];
/** Reads the pictures anew; null where the page has not been given them in this visit. */
let reopen: (() => void) | null = null;

const map = new MapView(find("map", HTMLCanvasElement), chooseImage);
const lossChart = new Chart(find("loss-chart", HTMLElement), "loss over steps", (value) => value.toFixed(1));
const knnChart = new Chart(
  find("knn-chart", HTMLElement),
  "accuracy of neighbours over steps",
  (value) => `${Math.round(100 * value)} %`,
);

function hear(message: FromWorker): void {
  switch (message.kind) {
    case "ready":
      onReady(message);
      break;
    case "progress": {
      const { what, done, total } = message;
      const words = total === null ? what : `${what}: ${done.toLocaleString("en")} of ${total.toLocaleString("en")}`;
      text(pictures ? "status" : "open-progress", words);
      break;
    }
    case "empty":
      find("welcome", HTMLElement).hidden = false;
      break;
    case "opened":
      onOpened(message);
      break;
    case "file":
      download(message.name, message.blob);
      break;
    case "kept":
      text("kept", `kept in this browser up to step ${message.step.toLocaleString("en")}`);
      break;
    case "plan":
      onPlan(message.plan);
      break;
    case "training":
      training = message.training;
      showTraining();
      break;
    case "step":
      last = message.step;
      losses.push({ step: last.step, value: last.loss });
      redraw();
      break;
    case "warning":
      find("warnings", HTMLElement).append(html("li", {}, `Step ${message.step}: ${message.text}.`));
      break;
    case "similarities":
      showSimilarities(message.side, message.values);
      break;
    case "map":
      map.move(message.positions);
      text(
        "map-note",
        message.step === 0 ? "as random weights see them" : `after step ${message.step.toLocaleString("en")}`,
      );
      break;
    case "accuracy": {
      const { step, knn } = message.accuracy;
      accuracies = [...accuracies.filter((other) => other.step !== step), { step, value: knn }];
      redraw();
      break;
    }
    case "neighbours":
      showNeighbours(message.image, message.now, message.before);
      break;
    case "views":
      if (thumbnails) sliders?.draw(pairs.slice(0, message.count), thumbnails, message.size, message.pixels);
      break;
    case "trouble":
      onTrouble(message);
      break;
  }
}

function listen(): void {
  worker.addEventListener("message", ({ data }: MessageEvent<FromWorker>) => hear(data));
  worker.addEventListener("error", ({ message }) =>
    onTrouble({ kind: "trouble", what: "failed", text: message || "the worker could not be started" }),
  );
}
listen();

function onReady({ adapter, software, methods, encoders, settings }: Extract<FromWorker, { kind: "ready" }>): void {
  text("adapter", software ? `${adapter}: no GPU, the processor computes` : adapter);
  form ??= new SettingsForm(find("settings", HTMLFormElement), methods, encoders, settings, (changed) =>
    ask({ kind: "settings", settings: changed }),
  );
  sliders ??= new ViewSliders(settings.augmentation, askViews, (chosen) => form?.update({ augmentation: chosen }));
}

const TROUBLES: Readonly<Record<Trouble, string>> = {
  "no-gpu": "This browser gives the page no GPU",
  "gpu-lost": "The GPU stopped",
  "not-kept": "This is not kept",
  failed: "That did not work",
};

function onTrouble({ what, text: words }: Extract<FromWorker, { kind: "trouble" }>): void {
  const action = find("notice-action", HTMLButtonElement);
  const over = what === "no-gpu" || what === "gpu-lost";
  find("notice", HTMLElement).hidden = false;
  if (what === "no-gpu") text("adapter", "no GPU");
  text("open-progress", "");
  text("notice-title", TROUBLES[what]);
  const kept = what === "gpu-lost" ? " What was learned is kept up to the last few seconds." : "";
  text("notice-text", sentence(words) + kept);
  action.hidden = false;
  action.textContent = over ? "Try again" : "Close";
  action.onclick = () => {
    find("notice", HTMLElement).hidden = true;
    if (over) location.reload();
  };
}

function sentence(words: string): string {
  const whole = words.charAt(0).toUpperCase() + words.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}

/** Whether what was learned may be forgotten. */
function mayForget(): boolean {
  return losses.length === 0 || confirm("What was learned so far will be gone. Go on?");
}

function openWith(message: () => ToWorker, words: string): void {
  if (!mayForget()) return;
  const send = () => {
    find("notice", HTMLElement).hidden = true;
    text(pictures ? "status" : "open-progress", words);
    ask(message());
  };
  reopen = send;
  send();
}

function open(files: readonly NamedFile[]): void {
  if (files.length > 0)
    openWith(() => ({ kind: "open", files, imageSize }), `Reading ${counted(files.length, "file")}`);
}

function onOpened(message: Extract<FromWorker, { kind: "opened" }>): void {
  const { pictures: opened, settings } = message;
  const shown = new Thumbnails(message.atlas);
  [pictures, thumbnails] = [opened, shown];
  form?.show(settings, opened.classes.length > 1);
  imageSize = IMAGE_SIZES.includes(opened.imageSize) ? opened.imageSize : imageSize;
  showSize();
  sliders?.show(settings.augmentation);
  find("welcome", HTMLElement).hidden = true;
  find("workshop", HTMLElement).hidden = false;
  const { count, tested, labels, classes, names, notes, skipped, name } = opened;
  const colours = classColors(classes.length);
  map.show({ thumbnails: shown, count, colours: labels && Array.from(labels, (label) => colours[label]) });
  forget();
  losses = [...message.losses];
  accuracies = message.accuracies.map(({ step, knn }) => ({ step, value: knn }));
  text(
    "pictures-note",
    `${name}: ${counted(count, "picture")}${tested > 0 ? `, and ${tested.toLocaleString("en")} to test on` : ""}`,
  );
  find("classes", HTMLElement).replaceChildren(
    ...classes.map((title, label) => {
      const key = html("i");
      key.style.background = colours[label];
      return html("li", {}, key, title);
    }),
  );
  const left = [...skipped.map((image) => `${image.name}: ${image.reason}`), ...notes];
  find("skipped", HTMLElement).hidden = left.length === 0;
  text(
    "skipped-title",
    skipped.length > 0 ? `${counted(skipped.length, "file")} could not be read` : counted(notes.length, "note"),
  );
  find("skipped-list", HTMLElement).replaceChildren(...left.map((words) => html("li", {}, words)));
  find("knn-card", HTMLElement).hidden = labels === null || tested === 0;
  pairs = Array.from({ length: Math.min(PAIRS, count) }, (_, i) => Math.floor(((i + 0.5) * count) / PAIRS) % count);
  page = 0;
  showThumbs(names);
  askViews();
}

/** Nothing is learned, or not any more. */
function forget(): void {
  [losses, accuracies, last] = [[], [], null];
  find("warnings", HTMLElement).replaceChildren();
  find("neighbours", HTMLElement).replaceChildren();
  find("spread-row", HTMLElement).hidden = true;
  text("neighbours-note", "Click a picture on the map or below.");
  text("knn-now", "");
  text("kept", "");
  redraw();
}

function download(name: string, blob: Blob): void {
  const href = URL.createObjectURL(blob);
  html("a", { href, download: name }).click();
  // The browser has begun to read it by then.
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}

function askViews(): void {
  if (sliders && pictures) ask({ kind: "views", images: pairs, policy: sliders.policy, draw });
}

function nameOf(image: number): string {
  if (!pictures) return "";
  const { labels, classes, names } = pictures;
  return labels ? classes[labels[image]] : (names[image].split("/").at(-1) ?? "");
}

/** @param words below it */
function pictureButton(image: number, words = ""): HTMLButtonElement {
  const name = `neighbours of ${pictures?.names[image]}${words ? ", similarity " : ""}`;
  const shown = html("button", { type: "button", class: "picture", title: nameOf(image) });
  if (thumbnails) shown.append(thumbnails.picture(image));
  shown.append(html("span", { class: "visually-hidden" }, name), html("span", {}, words));
  shown.addEventListener("click", () => chooseImage(image));
  return shown;
}

function showThumbs(names: readonly string[]): void {
  const [first, end] = [page * PAGE, Math.min(names.length, (page + 1) * PAGE)];
  const images = Array.from({ length: end - first }, (_, i) => first + i);
  find("thumbs", HTMLElement).replaceChildren(...images.map((image) => pictureButton(image)));
  text("thumbs-range", `${(first + 1).toLocaleString("en")} to ${end.toLocaleString("en")}`);
  find("thumbs-back", HTMLButtonElement).disabled = page === 0;
  find("thumbs-on", HTMLButtonElement).disabled = end === names.length;
}

function turnPage(by: number): void {
  page += by;
  if (pictures) showThumbs(pictures.names);
}

function chooseImage(image: number): void {
  ask({ kind: "neighbours", image });
}

function showNeighbours(image: number, now: readonly Neighbour[], before: readonly Neighbour[]): void {
  map.mark(
    image,
    now.map((neighbour) => neighbour.image),
  );
  const label = pictures?.labels?.[image];
  const row = (title: string, found: readonly Neighbour[]) =>
    html(
      "div",
      { class: "neighbour-row" },
      html("h3", {}, title),
      html(
        "div",
        { class: "strip" },
        ...found.map(({ image: other, similarity }) => {
          const shown = pictureButton(other, similarity.toFixed(2));
          if (label !== undefined) shown.classList.add(pictures?.labels?.[other] === label ? "same" : "other");
          return shown;
        }),
      ),
    );
  const trained = training.step > 0 || losses.length > 0;
  text("neighbours-note", `of ${nameOf(image)}`);
  const chosen = pictureButton(image);
  chosen.classList.add("chosen");
  find("neighbours", HTMLElement).replaceChildren(
    chosen,
    html("div", { class: "both" }, ...(trained ? [row("Now", now)] : []), row("Before training", before)),
  );
}

/** Says where the settings are no longer those of the training. */
function showWait(): void {
  const { settings } = training;
  find("settings-wait", HTMLElement).hidden =
    settings === null || !form || JSON.stringify(settings) === JSON.stringify(form.settings);
}

const STATES: Readonly<Record<TrainingText["state"], string>> = {
  none: "untrained",
  compiling: "compiling kernels",
  training: "learning",
  paused: "paused",
  done: "done",
};

function showTraining(): void {
  const busy = training.state === "training" || training.state === "compiling";
  const play = find("play", HTMLButtonElement);
  play.setAttribute("aria-pressed", String(busy));
  play.classList.toggle("busy", busy);
  play.disabled = training.state === "done";
  text("play-text", busy ? "Pause" : training.state === "done" ? "Learned" : training.step > 0 ? "Go on" : "Learn");
  find("step-button", HTMLButtonElement).disabled = busy || training.state === "done";
  find("restart", HTMLButtonElement).disabled = training.state === "none";
  showWait();
  redraw();
}

const redraw = oncePerFrame(() => {
  const { state, steps, stepsPerEpoch, chance } = training;
  const step = last?.step ?? training.step;
  const words = [STATES[state]];
  if (steps > 0)
    words.push(
      `step ${step.toLocaleString("en")} of ${steps.toLocaleString("en")}`,
      `epoch ${(step / stepsPerEpoch).toFixed(1)}`,
    );
  if (last && state === "training") words.push(`${Math.round(last.imagesPerSecond).toLocaleString("en")} images/s`);
  text("status", words.join(" · "));
  // Seen where the page is not.
  document.title =
    state === "training" ? `step ${step.toLocaleString("en")} of ${steps.toLocaleString("en")} · simclr` : TITLE;
  const level = chance && { value: chance.value, name: `chance: ${chance.formula} = ${chance.value.toFixed(2)}` };
  lossChart.draw(losses, Math.max(steps, 1), level, { smooth: 0.1 });
  text("loss-now", losses.at(-1)?.value.toFixed(3) ?? "");
  const { summary } = form?.methods.find(({ name }) => name === training.settings?.method) ?? {};
  if (summary) text("loss-note", `${training.loss}. ${training.settings?.method}: ${summary}.`);
  const spread = last?.spread ?? null;
  find("spread-row", HTMLElement).hidden = spread === null;
  if (spread !== null) {
    find("spread", HTMLMeterElement).value = Math.min(1, spread);
    text("spread-text", spread < 0.05 ? "collapsed to a point" : `${Math.round(100 * Math.min(1, spread))} % of even`);
  }
  showAccuracy();
});

function showAccuracy(): void {
  const points = accuracies.toSorted((a, b) => a.step - b.step);
  const [before, now] = [points[0], points.at(-1)];
  if (!before || !now || !pictures) return;
  knnChart.draw(points, Math.max(training.steps, 1), { value: before.value, name: "random weights" }, { floor: 0 });
  text("knn-now", percent(now.value));
  text(
    "knn-note",
    `Of ${counted(Math.min(500, pictures.tested), "picture")} that it never saw, the class that 20 neighbours vote for is right. Random weights: ${percent(before.value)}; chance: ${percent(1 / pictures.classes.length)}.`,
  );
}

function showSimilarities(side: number, values: Float32Array): void {
  const canvas = find("matrix", HTMLCanvasElement);
  canvas.width = canvas.height = side;
  const [low, high] = [rgbOf(themed("--matrix-low")), rgbOf(themed("--matrix-high"))];
  const image = new ImageData(side, side);
  // What stands out is what is more alike than most.
  const usual = Float32Array.from(values).sort()[values.length >> 1];
  values.forEach((cosine, i) => {
    const share = Math.max(0, cosine - usual) / Math.max(1e-6, 1 - usual);
    low.forEach((from, c) => {
      image.data[4 * i + c] = from + share * (high[c] - from);
    });
    image.data[4 * i + 3] = 255;
  });
  contextOf(canvas).putImageData(image, 0, 0);
  text(
    "matrix-note",
    `How alike ${side} views of ${side / 2} pictures are, from ${usual.toFixed(2)} (empty) to 1. Two lines beside the diagonal light up as the two views of each picture find each other.`,
  );
}

function rgbOf(hex: string): number[] {
  return [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
}

function onPlan(plan: PlanText): void {
  const place = find("plan", HTMLElement);
  place.classList.toggle("wrong", !plan.fits);
  find("play", HTMLButtonElement).disabled = !plan.fits && training.state === "none";
  place.textContent = plan.fits
    ? `${Math.ceil(plan.bytes / 2 ** 20).toLocaleString("en")} MiB and ${(plan.flops / 1e9).toPrecision(2)} GFLOP a step, ${counted(plan.parameters, "weight")}, ${counted(plan.microBatch, "picture")} at once`
    : sentence(plan.reason);
}

button("take-samples", () =>
  openWith(() => ({ kind: "samples", imageSize, at: new URL("./", location.href).href }), "Reading the samples"),
);
const sizes = [...document.querySelectorAll<HTMLSelectElement>("select.image-size")];
/** Shows the side that pictures are learned at. */
function showSize(): void {
  for (const select of sizes) select.value = String(imageSize);
}
for (const select of sizes) {
  select.append(...IMAGE_SIZES.map((size) => html("option", { value: size }, String(size))));
  select.addEventListener("change", () => {
    if (reopen && pictures && !mayForget()) {
      showSize();
      return;
    }
    imageSize = Number(select.value);
    showSize();
    if (pictures) reopen?.();
  });
}
showSize();
for (const choose of document.querySelectorAll<HTMLButtonElement>("button.choose"))
  choose.addEventListener("click", () => find(choose.dataset["for"] ?? "", HTMLInputElement).click());
for (const id of ["folder-input", "files-input"]) {
  const input = find(id, HTMLInputElement);
  input.addEventListener("change", () => {
    open(chosenFiles(input.files));
    input.value = "";
  });
}
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  find("drop", HTMLElement).classList.add("over");
});
document.addEventListener("dragleave", () => find("drop", HTMLElement).classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  find("drop", HTMLElement).classList.remove("over");
  if (event.dataTransfer) droppedFiles(event.dataTransfer).then(open);
});
button("play", () => {
  const busy = training.state === "training" || training.state === "compiling";
  ask({ kind: busy ? "pause" : "play" });
});
button("step-button", () => ask({ kind: "step" }));
for (const id of ["restart", "restart-settings"])
  button(id, () => {
    if (!mayForget()) return;
    forget();
    ask({ kind: "restart" });
  });
for (const take of document.querySelectorAll<HTMLButtonElement>("button.take"))
  take.addEventListener("click", () => {
    const what = TAKEAWAYS.find((name) => name === take.dataset["what"]);
    if (what) ask({ kind: "take", what });
  });
document.addEventListener("visibilitychange", () => {
  if (document.hidden) ask({ kind: "keep" });
});
button("thumbs-back", () => turnPage(-1));
button("thumbs-on", () => turnPage(1));
button("views-again", () => {
  draw += 1;
  askViews();
});
find("map-dots", HTMLInputElement).addEventListener("change", ({ target }) => {
  if (target instanceof HTMLInputElement) map.dots = target.checked;
});
navigator.serviceWorker?.register("./service-worker.js").catch((error) => {
  console.info(`the page will not open without a network: ${error}`);
});
