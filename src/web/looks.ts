import type { Device } from "../engine/device.js";
import type { Embedder, Features } from "../evaluation/embed.js";
import { evenly } from "../evaluation/evaluation.js";
import { accuracy, knn, nearest } from "../evaluation/knn.js";
import type { Accuracy, FromWorker, Neighbour } from "./messages.js";
import { MovingMap } from "./moving-map.js";
import { Pace } from "./pace.js";
import type { Pictures } from "./pictures.js";

/** Neighbours that are shown. */
const NEIGHBOURS = 8;
/** The vote that accuracies are of (Caron et al. 2021, DINO, section 4.1). */
const VOTE = { k: 20, temperature: 0.07 };
/** Images that accuracies are of. */
const TESTED = 500;

/** What can be seen of a training: where the images lie, which are alike, and how often those are of one class. */
export class Looks {
  readonly #map: MovingMap;
  /** Representations by random weights, and by the model as it was last looked at. */
  #before: Features | null = null;
  #now: Features | null = null;
  #step = 0;
  /** With random weights; null before that, and without labels. */
  #first: Accuracy | null = null;
  readonly #looks = new Pace(5, 1500);
  readonly #tests = new Pace(10, 0);
  readonly #frames = new Pace(4, 60);

  constructor(
    readonly device: Device,
    readonly pictures: Pictures,
    readonly tell: (message: FromWorker, transfer?: Transferable[]) => void,
  ) {
    this.#map = new MovingMap(device);
  }

  /** Whether the images have been looked at with random weights. */
  get hasBegun(): boolean {
    return this.#before !== null;
  }

  /** How good neighbours are with random weights; null where that is not known. */
  get first(): Accuracy | null {
    return this.#first;
  }

  /** Whether it is time to look again. */
  get isDue(): boolean {
    return this.#looks.isDue;
  }

  /** Embeds all images as the model is after a step. @param test also says how good neighbours are, however short ago that was */
  async look(embedder: Embedder, step: number, test: boolean): Promise<Accuracy | null> {
    if (test) this.#tests.hurry();
    const features = await this.#looks.run(async () => {
      // The first time there is nothing else to be seen yet.
      const report = (done: number, total: number) =>
        this.tell({ kind: "progress", what: "Looking at the pictures", done, total });
      const found = await embedder.embed(this.pictures.train, step === 0 ? report : undefined);
      await this.#map.arrange(found);
      return found;
    });
    [this.#now, this.#step] = [features, step];
    if (step === 0) this.#before = features;
    await this.move();
    if (!this.#tests.isDue) return null;
    return this.#tests.run(() => this.#test(embedder, features));
  }

  /** How often the neighbours of images to test on are of their class; null where there are no labels. */
  async #test(embedder: Embedder, features: Features): Promise<Accuracy | null> {
    const { train, test } = this.pictures;
    if (!train.labels || !test?.labels) return null;
    const some = evenly(test, TESTED);
    const queries = await embedder.embed(some);
    const found = await knn(this.device, features, train.labels, train.classes.length, queries, VOTE);
    const measured = { step: this.#step, knn: accuracy(found.predictions, some.labels ?? test.labels) };
    if (this.#step === 0) this.#first = measured;
    this.tell({ kind: "accuracy", accuracy: measured });
    return measured;
  }

  /** Whether the images have not yet come to rest. */
  get isMoving(): boolean {
    return this.#map.isMoving;
  }

  /** Moves the images, where it is time to. */
  async move(): Promise<void> {
    if (!this.#frames.isDue) return;
    const positions = await this.#frames
      .run(() => this.#map.frame())
      .catch((error: unknown) => {
        // Or the next frame fails as this one did, and so on.
        this.#map.dispose();
        throw error;
      });
    this.tell({ kind: "map", step: this.#step, positions }, [positions.buffer]);
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

  dispose(): void {
    this.#map.dispose();
  }
}
