import { counted } from "../wording.js";
import { Chart, type Point } from "./chart.js";
import { contextOf, find, html, oncePerFrame, say, themed } from "./dom.js";
import type { Accuracy, MethodText, PicturesText, StepText, TrainingText } from "./messages.js";

const STATES: Readonly<Record<TrainingText["state"], string>> = {
  none: "untrained",
  compiling: "compiling kernels",
  training: "learning",
  paused: "paused",
  done: "done",
};

const NOTHING: TrainingText = {
  ...{ state: "none", step: 0, steps: 0, stepsPerEpoch: 0, loss: "", chance: null, settings: null, begun: false },
};

/** Below this share of an even spread, embeddings count as collapsed to a point. */
const COLLAPSED = 0.05;
/** The most pictures that accuracies are of. */
const TESTED = 500;
/** The weight of a new loss in the line that is drawn. */
const SMOOTH = 0.1;

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

/** How a training goes: its state, the loss, the accuracy of neighbours, and the batch. */
export class Progress {
  #training = NOTHING;
  #losses: Point[] = [];
  #accuracies: Point[] = [];
  #last: StepText | null = null;
  #pictures: PicturesText | null = null;
  readonly #title = document.title;
  readonly #lossChart = new Chart(find("loss-chart", HTMLElement), "loss over steps", (value) => value.toFixed(1));
  readonly #knnChart = new Chart(
    find("knn-chart", HTMLElement),
    "accuracy of neighbours over steps",
    (value) => `${Math.round(100 * value)} %`,
  );
  readonly #redraw = oncePerFrame(() => this.#draw());

  /** @param methods that there are; none until they are known */
  constructor(readonly methods: () => readonly MethodText[]) {}

  get training(): TrainingText {
    return this.#training;
  }

  get isBusy(): boolean {
    return this.#training.state === "training" || this.#training.state === "compiling";
  }

  /** Whether anything is learned. */
  get hasLearned(): boolean {
    return this.#losses.length > 0;
  }

  /** Begins with pictures, and what was learned from them before. */
  begin(pictures: PicturesText, losses: readonly Point[], accuracies: readonly Accuracy[]): void {
    this.forget();
    this.#pictures = pictures;
    this.#losses = [...losses];
    this.#accuracies = accuracies.map(({ step, knn }) => ({ step, value: knn }));
    this.#redraw();
  }

  /** Nothing is learned any more. */
  forget(): void {
    [this.#losses, this.#accuracies, this.#last] = [[], [], null];
    find("warnings", HTMLElement).replaceChildren();
    for (const id of ["knn-now", "kept"]) say(id, "");
    this.#redraw();
  }

  setTraining(training: TrainingText): void {
    const before = this.#training.state;
    this.#training = training;
    const { state, step } = training;
    const play = find("play", HTMLButtonElement);
    play.setAttribute("aria-pressed", String(this.isBusy));
    play.classList.toggle("busy", this.isBusy);
    say("play-text", this.isBusy ? "Pause" : state === "done" ? "Learn longer" : step > 0 ? "Go on" : "Learn");
    // Of each state, and not of each step.
    if (state !== before) say("announcement", STATES[state]);
    find("step-button", HTMLButtonElement).disabled = this.isBusy || state === "done";
    find("restart", HTMLButtonElement).disabled = !training.begun;
    this.#redraw();
  }

  addStep(step: StepText): void {
    this.#last = step;
    this.#losses.push({ step: step.step, value: step.loss });
    this.#redraw();
  }

  addAccuracy({ step, knn }: Accuracy): void {
    const others = this.#accuracies.filter((other) => other.step !== step);
    this.#accuracies = [...others, { step, value: knn }].sort((a, b) => a.step - b.step);
    this.#redraw();
  }

  addWarning(words: string, step: number): void {
    find("warnings", HTMLElement).append(html("li", {}, `Step ${step}: ${words}.`));
  }

  #draw(): void {
    const { steps, chance, loss, settings } = this.#training;
    this.#drawStatus();
    const level = chance && { value: chance.value, name: `chance: ${chance.formula} = ${chance.value.toFixed(2)}` };
    this.#lossChart.draw(this.#losses, Math.max(steps, 1), level, { smooth: SMOOTH });
    say("loss-now", this.#losses.at(-1)?.value.toFixed(3) ?? "");
    const method = this.methods().find(({ name }) => name === settings?.method);
    if (method) say("loss-note", `${loss}. ${method.name}: ${method.summary}.`);
    this.#drawSpread();
    this.#drawAccuracy();
  }

  #drawStatus(): void {
    const { state, steps, stepsPerEpoch, step: told } = this.#training;
    const step = this.#last?.step ?? told;
    const words = [STATES[state]];
    const where = `step ${step.toLocaleString("en")} of ${steps.toLocaleString("en")}`;
    if (steps > 0) words.push(where, `epoch ${(step / stepsPerEpoch).toFixed(1)}`);
    const { imagesPerSecond } = this.#last ?? {};
    if (imagesPerSecond !== undefined && state === "training")
      words.push(`${Math.round(imagesPerSecond).toLocaleString("en")} images/s`);
    say("status", words.join(" · "));
    // Seen where the page is not.
    document.title = state === "training" ? `${where} · simclr` : this.#title;
  }

  #drawSpread(): void {
    const spread = this.#last?.spread ?? null;
    find("spread-row", HTMLElement).hidden = spread === null;
    if (spread === null) return;
    const share = Math.min(1, spread);
    find("spread", HTMLMeterElement).value = share;
    say("spread-text", spread < COLLAPSED ? "collapsed to a point" : `${Math.round(100 * share)} % of even`);
  }

  #drawAccuracy(): void {
    const [before, now] = [this.#accuracies[0], this.#accuracies.at(-1)];
    if (!before || !now || !this.#pictures) return;
    const { tested, classes } = this.#pictures;
    const level = { value: before.value, name: "random weights" };
    this.#knnChart.draw(this.#accuracies, Math.max(this.#training.steps, 1), level, { floor: 0 });
    say("knn-now", percent(now.value));
    say(
      "knn-note",
      `Of ${counted(Math.min(TESTED, tested), "picture")} that it never saw, the class that 20 neighbours vote for is right. Random weights: ${percent(before.value)}; chance: ${percent(1 / classes.length)}.`,
    );
  }
}

/** Draws how alike the first views of a batch are to the second ones, [side, side]. */
export function drawSimilarities(side: number, cosines: Float32Array): void {
  const canvas = find("matrix", HTMLCanvasElement);
  canvas.width = canvas.height = side;
  const [low, high] = [rgbOf(themed("--matrix-low")), rgbOf(themed("--matrix-high"))];
  const image = new ImageData(side, side);
  // What stands out is what is more alike than most.
  const usual = Float32Array.from(cosines).sort()[cosines.length >> 1];
  cosines.forEach((cosine, i) => {
    const share = Math.max(0, cosine - usual) / Math.max(1e-6, 1 - usual);
    low.forEach((from, c) => {
      image.data[4 * i + c] = from + share * (high[c] - from);
    });
    image.data[4 * i + 3] = 255;
  });
  contextOf(canvas).putImageData(image, 0, 0);
  say(
    "matrix-note",
    `Each row is a view of one of ${side} pictures, each column another view of one: how alike they are, from ${usual.toFixed(2)} (empty) to 1. The diagonal lights up as the two views of each picture find each other.`,
  );
}

/** Of a colour as "#rrggbb". */
function rgbOf(hex: string): number[] {
  return [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
}
