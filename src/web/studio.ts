import { type AugmentationPolicy, policyList } from "../augment/policy.js";
import type { Device } from "../engine/device.js";
import { DataError, SimclrError, UsageError } from "../errors.js";
import { Embedder, type Features } from "../evaluation/embed.js";
import { evenly } from "../evaluation/evaluation.js";
import { accuracy, knn, nearest } from "../evaluation/knn.js";
import { embeddingsToCsv } from "../io/csv.js";
import { encodeNpy } from "../io/npy.js";
import { METHODS, methodNamed } from "../methods/catalogue.js";
import { encodeOnnx } from "../nn/onnx.js";
import { decodeCheckpoint } from "../training/checkpoint.js";
import { completeConfig, ENCODERS, type TrainingConfig } from "../training/config.js";
import { encodeEncoder, readEncoder } from "../training/encoder-file.js";
import { createModel } from "../training/model.js";
import { planTraining } from "../training/plan.js";
import { type StepEvent, Trainer } from "../training/trainer.js";
import { unpack } from "./archives.js";
import { BatchPicture } from "./batch-picture.js";
import type { Keep } from "./keep.js";
import type { Accuracy, FromWorker, NamedFile, Neighbour, Settings, Takeaway, TrainingText } from "./messages.js";
import { atlasOf, openPictures, type Pictures, picturesText } from "./pictures.js";
import { Plane } from "./plane.js";
import { PROJECT_VERSION, type Project, picturesOf, type StoredTraining, storedPictures } from "./project.js";
import { decodeProject, encodeProject, projectFolder } from "./project-zip.js";
import { viewPairs } from "./view-pairs.js";

/** Neighbours that are shown. */
const NEIGHBOURS = 8;
/** The vote that accuracies are of (Caron et al. 2021, DINO, section 4.1). */
const VOTE = { k: 20, temperature: 0.07 };
/** Images that accuracies are of. */
const TESTED = 500;
/** Milliseconds between pictures of the batch. */
const BATCH_PAUSE = 400;
/** Looking at the images takes no more of the time than one part in so many, and begins no sooner than after so many milliseconds. */
const LOOK_SHARE = 5;
const LOOK_PAUSE = 1500;
/** The same of testing. */
const TEST_SHARE = 10;
/** The same of keeping what was learned. */
const KEEP_SHARE = 20;
const KEEP_PAUSE = 10_000;

/** What is trained by itself on two cores, and on a GPU. */
export function usualSettings(software: boolean): Settings {
  return {
    method: "simclr",
    options: {},
    encoder: "convnet",
    width: software ? 0.5 : 1,
    batch: software ? 64 : 128,
    microBatch: "auto",
    epochs: software ? 16 : 60,
    learningRate: 1e-3,
    augmentation: "auto",
  };
}

/** A configuration of chosen settings; a batch that is larger than the set becomes all of it. */
function configOf({ batch, ...settings }: Settings, images: number): Partial<TrainingConfig> {
  return { ...settings, batch: Math.min(batch, images), weightDecay: 0 };
}

/** The policy of a method for images of a size: that of the first view. */
export function policyOfMethod(method: string, imageSize: number): AugmentationPolicy {
  return policyList(methodNamed(method).policies(imageSize))[0];
}

/** What is about one training. */
interface Training {
  readonly trainer: Trainer;
  readonly embedder: Embedder;
  readonly batch: BatchPicture;
  readonly settings: Settings;
  readonly history: StepEvent[];
  accuracies: Accuracy[];
}

/** Pictures and a training on one device. One call at a time: `Inbox` sees to it. */
export class Studio {
  #pictures: Pictures | null = null;
  #settings: Settings;
  #training: Training | null = null;
  /** What a training goes on from, until it is made. */
  #stored: StoredTraining | null = null;
  #state: TrainingText["state"] = "none";
  /** Representations by random weights, and by the model as it was last looked at. */
  #before: Features | null = null;
  #now: Features | null = null;
  #plane = new Plane();
  #turn: AbortController | null = null;
  #playing = false;
  #lookAt = 0;
  #testAt = 0;
  #keepAt = 0;
  #keptStep = -1;
  #batchAt = 0;

  /** @param keep null where the browser keeps nothing */
  constructor(
    readonly device: Device,
    readonly keep: Keep | null,
    readonly tell: (message: FromWorker, transfer?: Transferable[]) => void,
  ) {
    this.#settings = usualSettings(device.adapter.software);
  }

  get settings(): Settings {
    return this.#settings;
  }

  /** True while there is a turn to be taken. */
  get playing(): boolean {
    return this.#playing;
  }

  /** Ends the turn in progress after its step, so that something else comes first. */
  interrupt(): void {
    this.#turn?.abort();
  }

  /** Methods and encoders, for forms. */
  describe(): Pick<Extract<FromWorker, { kind: "ready" }>, "methods" | "encoders"> {
    const methods = METHODS.filter(({ clips }) => !clips).map(({ name, summary, labels, options }) => ({
      ...{ name, summary, labels },
      options: Object.entries(options).map(([option, { default: value, description, wants, choices }]) => ({
        ...{ name: option, default: value, description, wants },
        ...(choices && { choices }),
      })),
    }));
    return { methods, encoders: ENCODERS };
  }

  /** Goes on where an earlier visit stopped. */
  async begin(): Promise<void> {
    const project = (await this.keep?.project()) ?? null;
    if (project) await this.#show(project);
    else this.tell({ kind: "empty" });
  }

  /** @param name of what was dropped; by default that of its folder or archive */
  async open(dropped: readonly NamedFile[], imageSize: number, name?: string): Promise<void> {
    const report = (done: number, total: number) => this.tell({ kind: "progress", what: "Reading", done, total });
    const files = await unpack(dropped);
    const folder = projectFolder(files.files);
    const project: Project =
      folder === null
        ? {
            pictures: await storedPictures(await openPictures(dropped, files, imageSize, report, name)),
            settings: this.#settings,
            training: null,
          }
        : await decodeProject(files.files, folder, report);
    await this.#keeping(async (keep) => {
      await keep.begin(project.pictures, project.settings);
      if (project.training) await keep.put("training", project.training);
    });
    await this.#show(project);
  }

  async #show({ pictures: stored, settings, training }: Project): Promise<void> {
    const pictures = picturesOf(stored);
    this.#playing = false;
    this.#end();
    [this.#pictures, this.#settings, this.#stored] = [pictures, settings, training];
    this.#keptStep = -1;
    const atlas = await atlasOf(pictures.train);
    const losses = (training?.history ?? []).map(({ step, loss }) => ({ step, value: loss }));
    const { accuracies = [] } = training ?? {};
    const text = picturesText(pictures);
    this.tell({ kind: "opened", pictures: text, atlas, settings, losses, accuracies }, [atlas.bitmap]);
    this.plan();
    this.#set("none");
    if (!training) await this.#lookBefore();
    else {
      const made = await this.#ready();
      const { trainer } = made;
      await this.#drawBatch(made);
      this.#keptStep = trainer.step;
      this.#set(trainer.step === trainer.steps ? "done" : "paused");
    }
  }

  async choose(settings: Settings): Promise<void> {
    const { method, encoder, width } = this.#settings;
    const others = settings.method !== method || settings.encoder !== encoder || settings.width !== width;
    if (others && !this.#training) this.#before = null;
    this.#settings = settings;
    if (!this.#pictures) return;
    this.plan();
    await this.#keeping((keep) => keep.put("settings", settings));
  }

  /** Keeps something in the browser, or says why that cannot be. */
  async #keeping(work: (keep: Keep) => Promise<void>): Promise<void> {
    if (!this.keep) return;
    try {
      await work(this.keep);
    } catch (error) {
      const reason =
        error instanceof Error && error.name === "QuotaExceededError" ? "it has no room left" : String(error);
      const text = `the browser does not keep this (${reason}): a reload would lose it, so take the project away as a file`;
      this.tell({ kind: "trouble", what: "not-kept", text });
      this.#keepAt = Number.POSITIVE_INFINITY;
    }
  }

  /** Keeps what was learned, from one visit to the next. */
  async keepTraining(): Promise<void> {
    const training = this.#training;
    if (!training || training.trainer.step === this.#keptStep || training.trainer.step === 0) return;
    const begin = performance.now();
    const stored = await this.#atRest(training);
    await this.#keeping(async (keep) => {
      await keep.put("training", stored);
      this.#keptStep = training.trainer.step;
      this.tell({ kind: "kept", step: this.#keptStep });
    });
    const now = performance.now();
    if (this.#keepAt < now) this.#keepAt = now + Math.max(KEEP_PAUSE, KEEP_SHARE * (now - begin));
  }

  async #atRest({ trainer, settings, history, accuracies }: Training): Promise<StoredTraining> {
    return { version: PROJECT_VERSION, settings, checkpoint: await trainer.checkpoint(), history, accuracies };
  }

  /** Makes a file of what was learned. */
  async take(what: Takeaway): Promise<void> {
    const pictures = this.#opened;
    const { train } = pictures;
    const training = this.#stored || this.#training ? await this.#ready() : null;
    const give = (name: string, ...parts: BlobPart[]) => this.tell({ kind: "file", name, blob: new Blob(parts) });
    const encoder = async ({ trainer }: Training) =>
      encodeEncoder(trainer.model, trainer.config, trainer.step, { dataset: pictures.name, images: train.length });
    if (what === "project") {
      const report = (done: number, total: number) => this.tell({ kind: "progress", what: "Packing", done, total });
      const project = {
        pictures: await storedPictures(pictures),
        settings: training?.settings ?? this.#settings,
        training: training && (await this.#atRest(training)),
      };
      const extras = { encoder: training && (await encoder(training)), adapter: this.device.adapter.name, report };
      give("simclr-project.zip", await encodeProject(project, extras));
      this.#set(this.#state);
      return;
    }
    if (!training) throw new UsageError("nothing is learned yet: press play first");
    if (what === "encoder") return give("encoder.safetensors", await encoder(training));
    if (what === "onnx") {
      const { metadata } = readEncoder(await encoder(training));
      return give("encoder.onnx", await encodeOnnx(training.trainer.model, { metadata }));
    }
    const { values, rows, dimension } = await training.embedder.embed(train);
    if (what === "npy") give("embeddings.npy", encodeNpy([rows, dimension], values));
    else {
      const names = Array.from({ length: rows }, (_, i) => train.nameOf(i));
      give("embeddings.csv", ...embeddingsToCsv(names, train.labels, train.classes, values, dimension));
    }
  }

  /** Says what a training with the settings takes. */
  plan(): void {
    const { train, test } = this.#opened;
    const facts = { train: train.length, test: test?.length ?? 0, classes: train.classes.length };
    try {
      const config = configOf(this.#settings, train.length);
      const { bytes, flops, parameters, config: full } = planTraining(this.device, config, train.width, facts);
      const { microBatch } = full;
      this.tell({ kind: "plan", plan: { fits: true, bytes: bytes.peak, flops, parameters, microBatch } });
    } catch (error) {
      if (!(error instanceof SimclrError)) throw error;
      this.tell({ kind: "plan", plan: { fits: false, reason: error.message } });
    }
  }

  get #opened(): Pictures {
    if (!this.#pictures) throw new DataError("there are no pictures yet: drop some, or take the samples");
    return this.#pictures;
  }

  play(): void {
    this.#playing = true;
  }

  async pause(): Promise<void> {
    this.#playing = false;
    if (this.#state !== "training") return;
    this.#set("paused");
    await this.keepTraining();
  }

  /** After an error: plays no more. */
  halt(): void {
    this.#playing = false;
    if (this.#state === "training") this.#set("paused");
  }

  async step(): Promise<void> {
    this.#playing = false;
    const training = await this.#ready();
    await this.#train(training, { most: 1 });
    await this.#drawBatch(training);
    await this.#look(training);
    await this.keepTraining();
    this.#set(training.trainer.step === training.trainer.steps ? "done" : "paused");
  }

  /** Forgets what was learned. */
  async restart(): Promise<void> {
    this.#playing = false;
    this.#end();
    await this.#keeping((keep) => keep.remove("training"));
    this.#set("none");
    this.plan();
    await this.#lookBefore();
  }

  /** Trains until it is interrupted, or something is to be looked at. */
  async turn(): Promise<void> {
    const training = await this.#ready();
    const turn = new AbortController();
    this.#turn = turn;
    const isDone = await this.#train(training, { signal: turn.signal });
    this.#turn = null;
    if (isDone) this.#playing = false;
    if (isDone) this.#testAt = 0;
    if (isDone || performance.now() >= this.#lookAt) await this.#look(training);
    if (isDone || performance.now() >= this.#keepAt) await this.keepTraining();
    if (isDone) this.#set("done");
  }

  async #train(training: Training, until: { readonly signal?: AbortSignal; readonly most?: number }): Promise<boolean> {
    const { trainer, history } = training;
    this.#set("training");
    const { dimension } = training.batch;
    const past = history.slice();
    return trainer.train({
      ...until,
      past,
      onStep: async (event) => {
        history.push(event);
        const { step, loss, imagesPerSecond, learningRate, outputStd } = event;
        const spread = outputStd === undefined ? null : outputStd * Math.sqrt(dimension);
        this.tell({ kind: "step", step: { step, loss, imagesPerSecond, learningRate, spread } });
        if (performance.now() >= this.#batchAt) await this.#drawBatch(training);
        if (performance.now() >= Math.min(this.#lookAt, this.#keepAt)) this.#turn?.abort();
      },
      onWarning: (text, step) => this.tell({ kind: "warning", text, step }),
    });
  }

  async #drawBatch({ trainer, batch }: Training): Promise<void> {
    const begin = performance.now();
    const { side, values } = await batch.draw(Math.max(0, trainer.step - 1));
    this.tell({ kind: "similarities", side, values }, [values.buffer]);
    const now = performance.now();
    this.#batchAt = now + Math.max(BATCH_PAUSE, LOOK_SHARE * (now - begin));
  }

  /** The training of the settings, or the one that was stored; made where there is none. */
  async #ready(): Promise<Training> {
    if (this.#training) return this.#training;
    const { train } = this.#opened;
    this.#set("compiling");
    const stored = this.#stored;
    const checkpoint = stored && decodeCheckpoint(stored.checkpoint);
    const { settings } = stored ?? { settings: this.#settings };
    const config = checkpoint?.config ?? configOf(settings, train.length);
    const onCompile = (done: number, total: number) =>
      this.tell({ kind: "progress", what: "Compiling kernels", done, total });
    if (checkpoint) this.device.choices.use(checkpoint.choices);
    try {
      const trainer = await Trainer.create(this.device, train, config, { onCompile });
      const { history = [], accuracies = [] } = stored ?? {};
      const training = await this.#withTools(trainer, { settings, history: [...history], accuracies: [...accuracies] });
      this.#training = training;
      if (!this.#before) await this.#look(training);
      if (checkpoint) {
        trainer.restore(checkpoint);
        await this.#look(training);
      }
      this.#stored = null;
      this.#keepAt = performance.now() + KEEP_PAUSE;
      return training;
    } catch (error) {
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
    const { trainer, embedder, batch } = this.#training ?? {};
    [this.#training, this.#stored] = [null, null];
    batch?.dispose();
    embedder?.dispose();
    trainer?.dispose();
    [this.#before, this.#now] = [null, null];
    [this.#lookAt, this.#testAt, this.#batchAt, this.#keepAt] = [0, 0, 0, 0];
    this.#keptStep = -1;
    this.#plane = new Plane();
  }

  #set(state: TrainingText["state"]): void {
    this.#state = state;
    const trainer = this.#training?.trainer;
    const { loss = "", chance = null } = trainer?.parts.learner.description ?? {};
    const { step = 0, steps = 0, stepsPerEpoch = 0 } = trainer ?? {};
    const { settings = null } = this.#training ?? {};
    this.tell({ kind: "training", training: { state, step, steps, stepsPerEpoch, loss, chance, settings } });
  }

  /** Where the images lie to random weights: those that the training will begin with. */
  async #lookBefore(): Promise<void> {
    const { train } = this.#opened;
    const config = completeConfig(configOf(this.#settings, train.length), {}, train.length);
    const model = createModel(this.device, config, train.width, train.labels ? train.classes.length : 0);
    try {
      const embedder = await Embedder.create(this.device, model);
      try {
        await this.#lookWith(embedder, 0);
      } finally {
        embedder.dispose();
      }
    } finally {
      model.tensors.dispose();
    }
  }

  async #look({ trainer, embedder }: Training): Promise<void> {
    await this.#lookWith(embedder, trainer.step);
  }

  /** Embeds all images, says where they lie, and from time to time how good their neighbours are. */
  async #lookWith(embedder: Embedder, step: number): Promise<void> {
    const { train } = this.#opened;
    const begin = performance.now();
    const features = await embedder.embed(train);
    this.#now = features;
    if (step === 0) this.#before = features;
    const positions = this.#plane.positions(features.values, features.rows, features.dimension);
    this.tell({ kind: "map", step, positions }, [positions.buffer]);
    const looked = performance.now();
    this.#lookAt = looked + Math.max(LOOK_PAUSE, LOOK_SHARE * (looked - begin));
    if (looked < this.#testAt && step > 0) return;
    await this.#test(embedder, features, step);
    const tested = performance.now();
    this.#testAt = tested + TEST_SHARE * (tested - looked);
  }

  /** Says how often the neighbours of images to test on are of their class, where there are labels. */
  async #test(embedder: Embedder, features: Features, step: number): Promise<void> {
    const { train, test } = this.#opened;
    if (!train.labels || !test?.labels) return;
    const queries = evenly(test, TESTED);
    const found = await knn(
      this.device,
      features,
      train.labels,
      train.classes.length,
      await embedder.embed(queries),
      VOTE,
    );
    if (queries.labels)
      this.tell({ kind: "accuracy", accuracy: { step, knn: accuracy(found.predictions, queries.labels) } });
  }

  /** The images that are most like one, now and before training. */
  async neighbours(image: number): Promise<void> {
    const among = async (features: Features | null): Promise<Neighbour[]> => {
      if (!features) return [];
      const { values, dimension } = features;
      const query = values.slice(image * dimension, (image + 1) * dimension);
      const { indices, similarities } = await nearest(this.device, features, query, NEIGHBOURS + 1);
      const found = Array.from(indices, (other, i) => ({ image: other, similarity: similarities[i] }));
      return found.filter((other) => other.image !== image).slice(0, NEIGHBOURS);
    };
    const [now, before] = [await among(this.#now), await among(this.#before)];
    this.tell({ kind: "neighbours", image, now, before });
  }

  /** Two views each of some images. */
  async views(images: readonly number[], policy: AugmentationPolicy, draw: number): Promise<void> {
    const { train } = this.#opened;
    const pixels = await viewPairs(this.device, train, images, policy, draw);
    this.tell({ kind: "views", size: train.width, count: images.length, pixels }, [pixels.buffer]);
  }
}
