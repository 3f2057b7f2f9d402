import { ShapeError } from "../errors.js";
import type { Launch } from "./launch.js";
import type { Tensor } from "./tensor.js";

/**
 * From the first to the last launch that names an intermediate tensor.
 * @internal
 */
export interface Lifetime {
  readonly tensor: Tensor;
  readonly first: number;
  last: number;
}

/**
 * Which intermediate tensors share a buffer: those of one slot are never alive at the same time.
 * @internal
 */
export interface MemoryPlan {
  readonly slots: readonly { readonly bytes: number; readonly tensors: readonly Tensor[] }[];
  /** The most bytes of those tensors that are alive during one launch: what no plan can go below. */
  readonly liveBytes: number;
  /** Those tensors, with the numbers of the launches. */
  readonly alive: readonly Lifetime[];
}

function lifetimes(launches: readonly Launch[]): Lifetime[] {
  const found = new Map<Tensor, Lifetime>();
  launches.forEach((launch, index) => {
    launch.tensors.forEach((tensor, i) => {
      if (tensor.place) return;
      const known = found.get(tensor);
      if (known) {
        known.last = index;
      } else if (launch.kernel.bindings[i].access === "read") {
        throw new ShapeError(`${launch.kernel.name} reads ${tensor}, which nothing has written before`);
      } else {
        found.set(tensor, { tensor, first: index, last: index });
      }
    });
  });
  return [...found.values()];
}

/**
 * Assigns the intermediate tensors of a recording to buffers. Greedy by size (Pisarchyk and Lee 2020, "Efficient memory
 * management for deep neural net inference", section 4.2): the largest tensor first, each into the smallest slot in
 * which no tensor lives at the same time. Slots come out largest first. The tensors of `keep` take no part.
 * @throws ShapeError where a launch reads an intermediate tensor that none before it has written, or where no launch writes
 * a tensor of `keep`.
 */
export function planMemory(launches: readonly Launch[], keep: ReadonlySet<Tensor>): MemoryPlan {
  const found = lifetimes(launches);
  for (const tensor of keep) {
    if (!found.some((life) => life.tensor === tensor))
      throw new ShapeError(`cannot keep ${tensor}: no launch writes it`);
  }
  const all = found.filter((life) => !keep.has(life.tensor));
  const slots: { bytes: number; tensors: Tensor[]; lives: Lifetime[] }[] = [];
  for (const life of all.toSorted((a, b) => b.tensor.bytes - a.tensor.bytes)) {
    const isFree = (slot: { lives: Lifetime[] }) =>
      slot.lives.every((other) => other.last < life.first || life.last < other.first);
    // Slots are made in order of size: the last free one is the smallest.
    const slot = slots.findLast(isFree);
    if (slot) {
      slot.tensors.push(life.tensor);
      slot.lives.push(life);
    } else {
      slots.push({ bytes: life.tensor.bytes, tensors: [life.tensor], lives: [life] });
    }
  }
  const { liveBytes, alive } = peakOf(all, launches.length);
  return { slots, liveBytes, alive };
}

/** The launch during which the lives of the most bytes overlap, as what is alive then. */
function peakOf(lives: readonly Lifetime[], launches: number): { liveBytes: number; alive: Lifetime[] } {
  const change = new Array<number>(launches + 1).fill(0);
  for (const { tensor, first, last } of lives) {
    change[first] += tensor.bytes;
    change[last + 1] -= tensor.bytes;
  }
  let live = 0;
  let liveBytes = 0;
  let peak = 0;
  change.forEach((delta, launch) => {
    live += delta;
    if (live > liveBytes) [liveBytes, peak] = [live, launch];
  });
  return { liveBytes, alive: lives.filter(({ first, last }) => first <= peak && peak <= last) };
}
