/** The page: shows what the worker says, and asks it for more. */
import { counted } from "../wording.js";
import { find, html, onPress, say, sentence } from "./dom.js";
import { chosenFiles, droppedFiles } from "./dropping.js";
import { clearNeighbours, Gallery } from "./gallery.js";
import { MapView } from "./map-view.js";
import type { Dropped, FromWorker, PlanText, Takeaway, ToWorker, Trouble } from "./messages.js";
import { drawSimilarities, Progress } from "./progress.js";
import { SettingsForm } from "./settings-form.js";
import { PAIRS, ViewSliders } from "./view-sliders.js";
import workerUrl from "./worker.ts?worker&url";

/** Pixels of a side that pictures can be learned at. */
const IMAGE_SIZES = [32, 48, 64, 96, 128];
const TAKEAWAYS: readonly Takeaway[] = ["encoder", "onnx", "npy", "csv", "project"];

/** A worker of a blob has the page's Content-Security-Policy, wherever the page is served from. */
function startWorker(): Worker {
  const source = `import ${JSON.stringify(new URL(workerUrl, location.href).href)};`;
  return new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })), { type: "module" });
}

const worker = startWorker();
const ask = (message: ToWorker) => worker.postMessage(message);
worker.addEventListener("message", ({ data }: MessageEvent<FromWorker>) => hear(data));
worker.addEventListener("error", ({ message }) =>
  onTrouble({ kind: "trouble", what: "failed", text: message || "the worker could not be started" }),
);

const choose = (image: number) => ask({ kind: "neighbours", image });
const map = new MapView(find("map", HTMLCanvasElement), choose);
const progress = new Progress(() => form?.methods ?? []);
let gallery: Gallery | null = null;
let form: SettingsForm | null = null;
let sliders: ViewSliders | null = null;
/** Pictures whose views are shown, and which draw of them. */
let pairs: number[] = [];
let draw = 0;
let imageSize = IMAGE_SIZES[0];
/** What was asked to be opened last, and what is open; null for what an earlier visit left. */
let opening: (() => void) | null = null;
let reopen: (() => void) | null = null;

type Of<Kind extends FromWorker["kind"]> = Extract<FromWorker, { kind: Kind }>;

function hear(message: FromWorker): void {
  switch (message.kind) {
    case "ready":
      onReady(message);
      break;
    case "forgotten":
      progress.forget();
      clearNeighbours();
      break;
    case "empty":
      find("welcome", HTMLElement).hidden = false;
      break;
    case "progress":
      onProgress(message);
      break;
    case "opened":
      onOpened(message);
      break;
    case "plan":
      onPlan(message.plan);
      break;
    case "training":
      progress.setTraining(message.training);
      showWait();
      break;
    case "step":
      progress.addStep(message.step);
      break;
    case "warning":
      progress.addWarning(message.text, message.step);
      break;
    case "accuracy":
      progress.addAccuracy(message.accuracy);
      break;
    case "similarities":
      drawSimilarities(message.side, message.values);
      break;
    case "map":
      map.move(message.positions);
      say(
        "map-note",
        message.step === 0 ? "as random weights see them" : `after step ${message.step.toLocaleString("en")}`,
      );
      break;
    case "neighbours":
      onNeighbours(message);
      break;
    case "views":
      if (gallery) sliders?.draw(pairs.slice(0, message.count), gallery.thumbnails, message.size, message.pixels);
      break;
    case "file":
      download(message.name, message.blob);
      break;
    case "kept":
      say("kept", `kept in this browser up to step ${message.step.toLocaleString("en")}`);
      break;
    case "trouble":
      onTrouble(message);
      break;
  }
}

function onReady({ adapter, software, methods, encoders, settings }: Of<"ready">): void {
  say("adapter", software ? `${adapter}: no GPU, the processor computes` : adapter);
  form = new SettingsForm(find("settings", HTMLFormElement), methods, encoders, settings, (changed) => {
    ask({ kind: "settings", settings: changed });
    showWait();
  });
  sliders = new ViewSliders(settings.augmentation, askViews, (chosen) => form?.update({ augmentation: chosen }));
}

function onProgress({ what, done, total }: Of<"progress">): void {
  const words = total === null ? what : `${what}: ${done.toLocaleString("en")} of ${total.toLocaleString("en")}`;
  say(gallery ? "status" : "open-progress", words);
}

function onOpened({ pictures, atlas, settings, losses, accuracies }: Of<"opened">): void {
  reopen = opening;
  const { count, classes } = pictures;
  find("welcome", HTMLElement).hidden = true;
  find("workshop", HTMLElement).hidden = false;
  form?.show(settings, classes.length > 1);
  sliders?.show(settings.augmentation);
  showSize(pictures.imageSize);
  gallery = new Gallery(pictures, atlas, choose);
  map.show({ thumbnails: gallery.thumbnails, count, colours: gallery.colours });
  clearNeighbours();
  progress.begin(pictures, losses, accuracies);
  pairs = Array.from({ length: Math.min(PAIRS, count) }, (_, i) => Math.floor(((i + 0.5) * count) / PAIRS) % count);
  askViews();
}

function onNeighbours({ image, now, before }: Of<"neighbours">): void {
  map.mark(
    image,
    now.map((neighbour) => neighbour.image),
  );
  gallery?.showNeighbours(image, progress.hasLearned ? now : null, before);
}

function onPlan(plan: PlanText): void {
  const place = find("plan", HTMLElement);
  place.classList.toggle("wrong", !plan.fits);
  find("play", HTMLButtonElement).disabled = !plan.fits && progress.training.state === "none";
  place.textContent = plan.fits
    ? `${Math.ceil(plan.bytes / 2 ** 20).toLocaleString("en")} MiB and ${(plan.flops / 1e9).toPrecision(2)} GFLOP a step, ${counted(plan.parameters, "weight")}, ${counted(plan.microBatch, "picture")} at once`
    : plan.reason;
}

const TROUBLES: Readonly<Record<Trouble, string>> = {
  "no-gpu": "This browser gives the page no GPU",
  "gpu-lost": "The GPU stopped",
  "not-kept": "This is not kept",
  failed: "That did not work",
};

function onTrouble({ what, text }: Of<"trouble">): void {
  const action = find("notice-action", HTMLButtonElement);
  const over = what === "no-gpu" || what === "gpu-lost";
  find("notice", HTMLElement).hidden = false;
  if (what === "no-gpu") say("adapter", "no GPU");
  say("open-progress", "");
  say("notice-title", TROUBLES[what]);
  const isKept = what === "gpu-lost" && find("kept", HTMLElement).textContent !== "";
  const kept = isKept ? " What was learned is kept up to the last few seconds." : "";
  say("notice-text", sentence(text) + kept);
  action.textContent = over ? "Try again" : "Close";
  action.onclick = () => {
    find("notice", HTMLElement).hidden = true;
    if (over) location.reload();
  };
}

/** Whether what was learned may be forgotten. */
function mayForget(): boolean {
  return !(progress.hasLearned || progress.training.begun) || confirm("What was learned so far will be gone. Go on?");
}

function openWith(message: () => ToWorker, words: string): void {
  if (!mayForget()) return;
  opening = () => {
    find("notice", HTMLElement).hidden = true;
    say("announcement", words);
    say(gallery ? "status" : "open-progress", words);
    ask(message());
  };
  opening();
}

function open({ files, unread }: Dropped): void {
  if (files.length + unread.length > 0)
    openWith(() => ({ kind: "open", files, unread, imageSize }), `Reading ${counted(files.length, "file")}`);
}

/** Shows and takes the side that pictures are learned at. */
function showSize(size: number): void {
  if (IMAGE_SIZES.includes(size)) imageSize = size;
  for (const select of sizes) select.value = String(imageSize);
}

/** Says where the settings are no longer those of the training. */
function showWait(): void {
  const { settings } = progress.training;
  find("settings-wait", HTMLElement).hidden =
    settings === null || !form || JSON.stringify(settings) === JSON.stringify(form.settings);
}

function askViews(): void {
  if (sliders && gallery) ask({ kind: "views", images: pairs, policy: sliders.policy, draw });
}

function download(name: string, blob: Blob): void {
  const href = URL.createObjectURL(blob);
  html("a", { href, download: name }).click();
  // The browser has begun to read it by then.
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}

const sizes = [...document.querySelectorAll<HTMLSelectElement>("select.image-size")];
for (const select of sizes) {
  select.append(...IMAGE_SIZES.map((size) => html("option", { value: size }, String(size))));
  select.addEventListener("change", () => {
    const mayChange = !reopen || mayForget();
    showSize(mayChange ? Number(select.value) : imageSize);
    if (mayChange) reopen?.();
  });
}
showSize(imageSize);
onPress("take-samples", () =>
  openWith(() => ({ kind: "samples", imageSize, at: new URL("./", location.href).href }), "Reading the samples"),
);
for (const button of document.querySelectorAll<HTMLButtonElement>("button.choose"))
  button.addEventListener("click", () => find(button.dataset["for"] ?? "", HTMLInputElement).click());
for (const id of ["folder-input", "files-input"]) {
  const input = find(id, HTMLInputElement);
  input.addEventListener("change", () => {
    open(chosenFiles(input.files));
    input.value = "";
  });
}
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("over");
});
document.addEventListener("dragleave", () => document.body.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  if (event.dataTransfer) droppedFiles(event.dataTransfer).then(open);
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) ask({ kind: "keep" });
});

onPress("play", () => {
  if (progress.training.state !== "done") {
    ask({ kind: progress.isBusy ? "pause" : "play" });
    return;
  }
  const { settings } = progress.training;
  if (settings) form?.update({ epochs: 2 * settings.epochs });
  ask({ kind: "longer" });
});
onPress("step-button", () => ask({ kind: "step" }));
for (const id of ["restart", "restart-settings"])
  onPress(id, () => {
    if (mayForget()) ask({ kind: "restart" });
  });
onPress("views-again", () => {
  draw += 1;
  askViews();
});
for (const button of document.querySelectorAll<HTMLButtonElement>("button.take"))
  button.addEventListener("click", () => {
    const what = TAKEAWAYS.find((name) => name === button.dataset["what"]);
    if (what) ask({ kind: "take", what });
  });
find("map-dots", HTMLInputElement).addEventListener("change", ({ target }) => {
  if (target instanceof HTMLInputElement) map.dots = target.checked;
});
navigator.serviceWorker?.register("./service-worker.js").catch((error) => {
  console.info(`the page will not open without a network: ${error}`);
});
