import { ConfigError } from "../errors.js";
import { sfc32 } from "../random.js";
import type { Clips } from "./clips.js";

/** How frames come to the batches of an epoch. */
export interface ClipOrder {
  /** Images a step. */
  readonly batch: number;
  /** Clips that the frames of a batch come from, where they have enough. */
  readonly clipsPerBatch: number;
  /** The most that two frames of a pair are apart, in the unit of the times. */
  readonly near: number;
}

/** A clip as its frames, and for each of them those that are near. */
interface Neighbourhood {
  readonly frames: readonly number[];
  readonly near: readonly (readonly number[])[];
}

/** In an order that is drawn (Fisher and Yates). */
function shuffled<Item>(items: readonly Item[], below: (bound: number) => number): Item[] {
  const order = [...items];
  for (let i = order.length - 1; i > 0; i--) {
    const other = below(i + 1);
    [order[i], order[other]] = [order[other], order[i]];
  }
  return order;
}

/** Draws the batches of epochs: pairs of neighbouring frames, of few clips each, so that a batch holds other times of a clip as well. */
export class ClipSampler {
  readonly #clips: readonly Neighbourhood[];

  /** @throws ConfigError where no two frames of any clip are near. */
  constructor(
    readonly clips: Clips,
    readonly order: ClipOrder,
  ) {
    const { clip, time } = clips;
    const frames = new Map<number, number[]>();
    clip.forEach((number, index) => {
      const known = frames.get(number);
      if (known) known.push(index);
      else frames.set(number, [index]);
    });
    this.#clips = [...frames.values()]
      .map((own): Neighbourhood => {
        own.sort((a, b) => time[a] - time[b] || a - b);
        return { frames: own, near: own.map((frame, at) => this.#nearTo(own, frame, at)) };
      })
      .filter(({ near }) => near.some((others) => others.length > 0));
    if (this.#clips.length === 0) {
      throw new ConfigError(
        `of ${frames.size} clips, none has two frames that are at most ${order.near} apart: raise near, or give the clips more frames`,
      );
    }
  }

  /** The other frames of a sorted clip that are near to the one at this place. */
  #nearTo(own: readonly number[], frame: number, at: number): number[] {
    const { time } = this.clips;
    const isNear = (other: number) => Math.abs(time[other] - time[frame]) <= this.order.near;
    let [first, end] = [at, at + 1];
    while (first > 0 && isNear(own[first - 1])) first--;
    while (end < own.length && isNear(own[end])) end++;
    return own.slice(first, end).filter((other) => other !== frame);
  }

  /**
   * The images of an epoch, one batch after the other: images 2 i and 2 i + 1 of a batch are neighbours (the last image of an odd one
   * has none). A batch takes each frame once, as long as its clips have pairs of frames that it has not. The same for the same
   * seed and epoch.
   * @param seed 0 to 2^32 - 1
   */
  epoch(seed: number, epoch: number): Uint32Array {
    const { batch } = this.order;
    const steps = Math.floor(this.clips.clip.length / batch);
    const random = sfc32(seed >>> 0, epoch, 0x7c3);
    const below = (bound: number) => Math.floor((random() / 2 ** 32) * bound);
    const order = new Uint32Array(steps * batch);
    for (let step = 0; step < steps; step++) order.set(this.#batch(below), step * batch);
    return order;
  }

  #batch(below: (bound: number) => number): number[] {
    const { batch, clipsPerBatch } = this.order;
    const quota = 2 * Math.ceil(batch / clipsPerBatch / 2);
    const clips = shuffled(this.#clips, below);
    const taken = new Set<number>();
    const frames: number[] = [];
    let inVain = 0;
    for (let i = 0; frames.length < batch; i = (i + 1) % clips.length) {
      const pairs = this.#pairs(clips[i], Math.min(quota, batch - frames.length), taken, below);
      for (const frame of pairs) frames.push(frame);
      inVain = pairs.length > 0 ? 0 : inVain + 1;
      // All pairs of all clips are taken: they come a second time.
      if (inVain === clips.length) taken.clear();
    }
    return frames.slice(0, batch);
  }

  /** Up to so many frames of a clip, in pairs of neighbours that are not taken. */
  #pairs(
    { frames, near }: Neighbourhood,
    most: number,
    taken: Set<number>,
    below: (bound: number) => number,
  ): number[] {
    const found: number[] = [];
    for (const place of shuffled([...frames.keys()], below)) {
      if (found.length >= most) break;
      const frame = frames[place];
      if (taken.has(frame)) continue;
      const free = near[place].filter((other) => !taken.has(other));
      if (free.length === 0) continue;
      const other = free[below(free.length)];
      for (const one of [frame, other]) taken.add(one);
      found.push(frame, other);
    }
    return found;
  }
}
