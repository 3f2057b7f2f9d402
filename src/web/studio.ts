import type { AugmentationPolicy } from "../augment/policy.js";
import type { Device } from "../engine/device.js";
import { DataError, SimclrError, UsageError } from "../errors.js";
import { Embedder } from "../evaluation/embed.js";
import { decodeCheckpoint } from "../training/checkpoint.js";
import { completeConfig } from "../training/config.js";
import { createModel } from "../training/model.js";
import { planTraining } from "../training/plan.js";
import { type StepEvent, Trainer } from "../training/trainer.js";
import { unpack } from "./archives.js";
import { BatchPicture } from "./batch-picture.js";
import { configOf, isLabelled, usualSettings } from "./describe.js";
import type { Keep } from "./keep.js";
import { Looks } from "./looks.js";
import type { Accuracy, Dropped, FromWorker, Settings, Takeaway, TrainingText } from "./messages.js";
import { Pace } from "./pace.js";
import { atlasOf, openPictures, type Pictures, picturesText } from "./pictures.js";
import { PROJECT_VERSION, type Project, picturesOf, type StoredTraining, storedPictures } from "./project.js";
import { decodeProject, encodeProject, projectFolder } from "./project-zip.js";
import { csvFile, type EmbeddedPart, encoderFile, npyFile, onnxFile } from "./takeaway.js";
import { viewPairs } from "./view-pairs.js";

/** What is about one training. */
interface Training {
  readonly trainer: Trainer;
  readonly embedder: Embedder;
  readonly batch: BatchPicture;
  readonly settings: Settings;
  readonly history: StepEvent[];
  accuracies: Accuracy[];
}

/** Frees what a training has on the device. */
function release(training: Training | null): void {
  training?.batch.dispose();
  training?.embedder.dispose();
  training?.trainer.dispose();
}

/** Pictures and a training on one device. One call at a time: the worker sees to it. */
export class Studio {
  #pictures: Pictures | null = null;
  #looks: Looks | null = null;
  #settings: Settings;
  #training: Training | null = null;
  /** What a training goes on from, until it is made. */
  #stored: StoredTraining | null = null;
  #state: TrainingText["state"] = "none";
  #turn: AbortController | null = null;
  #playing = false;
  /** The step that the browser keeps; null where it keeps none any more. */
  #kept: number | null = 0;
  readonly #keeps = new Pace(20, 10_000);
  readonly #batches = new Pace(5, 400);

  /** @param keep null where the browser keeps nothing */
  constructor(
    readonly device: Device,
    readonly keep: Keep | null,
    readonly tell: (message: FromWorker, transfer?: Transferable[]) => void,
  ) {
    this.#settings = usualSettings(device.adapter.software);
  }

  /** Whether there are pictures. */
  get isOpen(): boolean {
    return this.#pictures !== null;
  }

  get settings(): Settings {
    return this.#settings;
  }

  /** Whether there is something to be done by itself: a turn of the training, or a frame of the map. */
  get isBusy(): boolean {
    return this.#playing || (this.#looks?.isMoving ?? false);
  }

  /** Ends the turn in progress after its step, so that something else comes first. */
  interrupt(): void {
    this.#turn?.abort();
  }

  /** Goes on where an earlier visit stopped. */
  async begin(): Promise<void> {
    const project = (await this.keep?.project()) ?? null;
    if (!project) {
      this.tell({ kind: "empty" });
      return;
    }
    await this.#show(project);
    await this.#goOn();
  }

  /** @param name of what was dropped; by default that of its folder or archive */
  async open({ files, unread }: Dropped, imageSize: number, name?: string): Promise<void> {
    const report = this.#progress("Reading");
    const unpacked = await unpack(files);
    unpacked.skipped.push(...unread);
    const folder = projectFolder(unpacked.files);
    const project =
      folder === null
        ? await this.#begun(await openPictures(files, unpacked, imageSize, report, name))
        : await decodeProject(unpacked, folder, report);
    await this.#show(project);
    // What was kept before is given up for what can be shown.
    this.#kept = 0;
    await this.#keeping(async (keep) => {
      await keep.begin(project.pictures, project.settings);
      if (project.training) await keep.put("training", project.training);
    });
    await this.#goOn();
  }

  /** A project of pictures alone, by the settings that there are, or the usual ones where those take labels and there are none. */
  async #begun(pictures: Pictures): Promise<Project> {
    const { method, options } = usualSettings(this.device.adapter.software);
    const usable = pictures.train.classes.length > 1 || !isLabelled(this.#settings.method);
    const settings = usable ? this.#settings : { ...this.#settings, method, options };
    return { pictures: await storedPictures(pictures), settings, training: null };
  }

  async #show({ pictures: stored, settings, training }: Project): Promise<void> {
    const pictures = picturesOf(stored);
    this.#playing = false;
    this.#end();
    [this.#pictures, this.#settings, this.#stored] = [pictures, settings, training];
    this.#lookAnew(pictures);
    const atlas = await atlasOf(pictures.train);
    const losses = (training?.history ?? []).map(({ step, loss }) => ({ step, value: loss }));
    const { accuracies = [] } = training ?? {};
    const text = picturesText(pictures);
    this.tell({ kind: "opened", pictures: text, atlas, settings, losses, accuracies }, [atlas.bitmap]);
    this.plan();
    this.#set("none");
  }

  /** Where what is shown stopped, or looks at it first. */
  async #goOn(): Promise<void> {
    if (!this.#stored) {
      await this.#lookBefore();
      return;
    }
    const made = await this.#ready();
    if (this.#kept !== null) this.#kept = made.trainer.step;
    await this.#drawBatch(made);
    this.#rest(made);
  }

  async choose(settings: Settings): Promise<void> {
    const { method, encoder, width } = this.#settings;
    this.#settings = settings;
    const pictures = this.#pictures;
    if (!pictures) return;
    const fits = this.plan();
    await this.#keeping((keep) => keep.put("settings", settings));
    const isOther = settings.method !== method || settings.encoder !== encoder || settings.width !== width;
    if (!fits || !isOther || this.#training) return;
    // Other random weights see the images otherwise.
    this.#lookAnew(pictures);
    await this.#lookBefore();
  }

  #lookAnew(pictures: Pictures): void {
    this.#looks?.dispose();
    this.#looks = new Looks(this.device, pictures, this.tell);
  }

  /** Says what a training with the settings takes, and whether it can be. */
  plan(): boolean {
    const { train, test } = this.#opened;
    const facts = { train: train.length, test: test?.length ?? 0, classes: train.classes.length };
    try {
      const config = configOf(this.#settings, train.length);
      const { bytes, flops, parameters, config: full } = planTraining(this.device, config, train.width, facts);
      const { microBatch } = full;
      this.tell({ kind: "plan", plan: { fits: true, bytes: bytes.peak, flops, parameters, microBatch } });
      return true;
    } catch (error) {
      if (!(error instanceof SimclrError)) throw error;
      this.tell({ kind: "plan", plan: { fits: false, reason: error.message } });
      return false;
    }
  }

  get #opened(): Pictures {
    if (!this.#pictures) throw new DataError("there are no pictures yet: drop some, or take the samples");
    return this.#pictures;
  }

  #progress(what: string): (done: number, total: number) => void {
    return (done, total) => this.tell({ kind: "progress", what, done, total });
  }

  play(): void {
    this.#playing = true;
  }

  async pause(): Promise<void> {
    this.#playing = false;
    if (!this.#training || this.#state !== "training") return;
    this.#rest(this.#training);
    await this.keepTraining();
  }

  /** After an error: plays no more. */
  halt(): void {
    this.#playing = false;
    // Also says again how it stands, in place of what was being done.
    this.#set(this.#state === "training" ? "paused" : this.#state);
  }

  async step(): Promise<void> {
    this.#playing = false;
    const training = await this.#ready();
    await this.#train(training, { most: 1 });
    await this.#drawBatch(training);
    await this.#look(training, false);
    await this.keepTraining();
    this.#rest(training);
  }

  /** Goes on beyond the end of a training, for the epochs of the settings in all. */
  async longer(): Promise<void> {
    const training = this.#training;
    if (!training) return;
    const { epochs } = this.#settings;
    const stored = await this.#atRest(training);
    this.#dispose();
    this.#stored = { ...stored, settings: { ...training.settings, epochs } };
    await this.#ready();
    this.#playing = true;
  }

  /** Forgets what was learned. */
  async restart(): Promise<void> {
    const pictures = this.#opened;
    this.#playing = false;
    this.#end();
    this.#lookAnew(pictures);
    await this.#keeping((keep) => keep.remove("training"));
    if (this.#kept !== null) this.#kept = 0;
    this.tell({ kind: "forgotten" });
    this.#set("none");
    this.plan();
    await this.#lookBefore();
  }

  /** Does what there is to be done by itself, until it is interrupted or something is to be looked at. */
  async turn(): Promise<void> {
    if (!this.#playing) {
      await this.#looks?.move();
      // Messages come in between.
      await new Promise((resolve) => setTimeout(resolve, 10));
      return;
    }
    const turn = new AbortController();
    this.#turn = turn;
    const training = await this.#ready();
    const isDone = await this.#train(training, { signal: turn.signal });
    this.#turn = null;
    if (isDone) this.#playing = false;
    if (isDone || this.#looks?.isDue) await this.#look(training, isDone);
    if (isDone || this.#keeps.isDue) await this.keepTraining();
    if (isDone) this.#rest(training);
  }

  async #train(training: Training, until: { readonly signal?: AbortSignal; readonly most?: number }): Promise<boolean> {
    const { trainer, history, batch } = training;
    this.#set("training");
    return trainer.train({
      ...until,
      past: history.slice(),
      onStep: async (event) => {
        history.push(event);
        const { step, loss, imagesPerSecond, learningRate, outputStd } = event;
        const spread = outputStd === undefined ? null : outputStd * Math.sqrt(batch.dimension);
        this.tell({ kind: "step", step: { step, loss, imagesPerSecond, learningRate, spread } });
        if (this.#batches.isDue) await this.#drawBatch(training);
        if (this.#looks?.isMoving) await this.#looks.move();
        if (this.#looks?.isDue || this.#keeps.isDue) this.#turn?.abort();
      },
      onWarning: (text, step) => this.tell({ kind: "warning", text, step }),
    });
  }

  async #drawBatch({ trainer, batch }: Training): Promise<void> {
    const { side, values } = await this.#batches.run(() => batch.draw(Math.max(0, trainer.step - 1)));
    this.tell({ kind: "similarities", side, values }, [values.buffer]);
  }

  /** The training of the settings, or the one that was stored; made where there is none. */
  async #ready(): Promise<Training> {
    if (this.#training) return this.#training;
    const { train } = this.#opened;
    this.#set("compiling");
    const stored = this.#stored;
    const checkpoint = stored && decodeCheckpoint(stored.checkpoint);
    const { settings, history = [], accuracies = [] } = stored ?? { settings: this.#settings };
    const config = checkpoint ? { ...checkpoint.config, epochs: settings.epochs } : configOf(settings, train.length);
    if (checkpoint) this.device.choices.use(checkpoint.choices);
    let training: Training | null = null;
    try {
      const trainer = await Trainer.create(this.device, train, config, {
        onCompile: this.#progress("Compiling kernels"),
      });
      const past = { settings, history: [...history], accuracies: [...accuracies] };
      training = await this.#withTools(trainer, past);
      if (!this.#looks?.hasBegun) await this.#look(training, true);
      else if (this.#looks.first) training.accuracies.push(this.#looks.first);
      if (checkpoint) {
        trainer.restore(checkpoint);
        await this.#look(training, false);
      }
      // Not before it is all there: what is kept would be overwritten by what it began from.
      [this.#training, this.#stored] = [training, null];
      this.#keeps.wait();
      return training;
    } catch (error) {
      release(training);
      this.#set("none");
      throw error;
    }
  }

  async #withTools(trainer: Trainer, past: Pick<Training, "settings" | "history" | "accuracies">): Promise<Training> {
    let embedder: Embedder | null = null;
    try {
      embedder = await Embedder.create(this.device, trainer.model);
      return { trainer, embedder, batch: await BatchPicture.create(trainer), ...past };
    } catch (error) {
      embedder?.dispose();
      trainer.dispose();
      throw error;
    }
  }

  #end(): void {
    this.#dispose();
    this.#stored = null;
    this.#looks?.dispose();
    this.#looks = null;
  }

  /** Frees what the training has on the device. */
  #dispose(): void {
    release(this.#training);
    this.#training = null;
  }

  /** Nothing is trained at the moment. */
  #rest({ trainer }: Training): void {
    this.#set(trainer.step === trainer.steps ? "done" : "paused");
  }

  #set(state: TrainingText["state"]): void {
    this.#state = state;
    const trainer = this.#training?.trainer;
    const { loss = "", chance = null } = trainer?.parts.learner.description ?? {};
    const { step = 0, steps = 0, stepsPerEpoch = 0 } = trainer ?? {};
    const { settings = null } = this.#training ?? {};
    const begun = this.#training !== null || this.#stored !== null;
    this.tell({ kind: "training", training: { state, step, steps, stepsPerEpoch, loss, chance, settings, begun } });
  }

  /** Where the images lie to random weights: those that a training of the settings would begin with. */
  async #lookBefore(): Promise<void> {
    const { train } = this.#opened;
    const config = completeConfig(configOf(this.#settings, train.length), {}, train.length);
    const model = createModel(this.device, config, train.width, train.labels ? train.classes.length : 0);
    try {
      const embedder = await Embedder.create(this.device, model);
      try {
        await this.#looks?.look(embedder, 0, true);
        this.#set("none");
      } finally {
        embedder.dispose();
      }
    } finally {
      model.tensors.dispose();
    }
  }

  async #look(training: Training, test: boolean): Promise<void> {
    const measured = await this.#looks?.look(training.embedder, training.trainer.step, test);
    if (!measured) return;
    const others = training.accuracies.filter(({ step }) => step !== measured.step);
    training.accuracies = [...others, measured];
  }

  /** Keeps something in the browser, or says once why that cannot be. */
  async #keeping(work: (keep: Keep) => Promise<void>): Promise<void> {
    if (!this.keep || this.#kept === null) return;
    try {
      await work(this.keep);
    } catch (error) {
      this.#kept = null;
      const reason =
        error instanceof Error && error.name === "QuotaExceededError" ? "it has no room left" : String(error);
      const text = `the browser does not keep this (${reason}): a reload would lose it, so take the project away as a file`;
      this.tell({ kind: "trouble", what: "not-kept", text });
    }
  }

  /** Keeps what was learned, from one visit to the next. */
  async keepTraining(): Promise<void> {
    const training = this.#training;
    if (!training || !this.keep || this.#kept === null || training.trainer.step === this.#kept) return;
    const { step } = training.trainer;
    await this.#keeps.run(async () => {
      const stored = await this.#atRest(training);
      await this.#keeping(async (keep) => {
        await keep.put("training", stored);
        this.#kept = step;
        this.tell({ kind: "kept", step });
      });
    });
  }

  async #atRest({ trainer, settings, history, accuracies }: Training): Promise<StoredTraining> {
    return { version: PROJECT_VERSION, settings, checkpoint: await trainer.checkpoint(), history, accuracies };
  }

  /** Makes a file of what was learned. */
  async take(what: Takeaway): Promise<void> {
    const { name } = this.#opened;
    const give = (file: string, ...parts: BlobPart[]) => this.tell({ kind: "file", name: file, blob: new Blob(parts) });
    if (what === "project") {
      give("simclr-project.zip", await this.#projectZip());
      this.#set(this.#state);
      return;
    }
    if (!this.#training) throw new UsageError("nothing is learned yet: press play first");
    const { trainer, embedder } = this.#training;
    if (what === "encoder") give("encoder.safetensors", await encoderFile(trainer, name));
    else if (what === "onnx") give("encoder.onnx", await onnxFile(trainer, name));
    else if (what === "npy") give("embeddings.npy", npyFile(await this.#embedded(embedder)));
    else give("embeddings.csv", ...csvFile(await this.#embedded(embedder)));
  }

  /** Embeddings of all images: those to train on, then those to test on. */
  async #embedded(embedder: Embedder): Promise<EmbeddedPart[]> {
    const { train, test } = this.#opened;
    const parts: EmbeddedPart[] = [];
    for (const dataset of test ? [train, test] : [train])
      parts.push({ dataset, features: await embedder.embed(dataset) });
    return parts;
  }

  async #projectZip(): Promise<Uint8Array<ArrayBuffer>> {
    const pictures = this.#opened;
    const training = this.#training;
    const project = {
      pictures: await storedPictures(pictures),
      settings: this.#settings,
      training: training ? await this.#atRest(training) : this.#stored,
    };
    const encoder = training && (await encoderFile(training.trainer, pictures.name));
    const { name: adapter } = this.device.adapter;
    return encodeProject(project, { encoder, adapter, report: this.#progress("Packing") });
  }

  /** The images that are most like one, now and before training. */
  async neighbours(image: number): Promise<void> {
    await this.#looks?.neighbours(image);
  }

  /** Two views each of some images. */
  async views(images: readonly number[], policy: AugmentationPolicy, draw: number): Promise<void> {
    const { train } = this.#opened;
    const pixels = await viewPairs(this.device, train, images, policy, draw);
    this.tell({ kind: "views", size: train.width, count: images.length, pixels }, [pixels.buffer]);
  }
}
