import { OutOfMemoryError } from "../errors.js";

/** MiB that work which can be divided stays within, unless it is told otherwise. */
export const MEMORY_BUDGET = 2048;

interface ScratchBuffer {
  readonly buffer: GPUBuffer;
  readonly bytes: number;
  users: number;
}

/** What stands for a buffer where memory is only counted. */
class UnbackedBuffer implements GPUBuffer {
  readonly __brand = "GPUBuffer";
  readonly mapState = "unmapped";

  constructor(
    readonly size: number,
    readonly usage: number,
    public label: string,
  ) {}

  async mapAsync(): Promise<undefined> {}

  getMappedRange(): ArrayBuffer {
    throw new OutOfMemoryError(`${this.label} is only counted: there is no memory behind it`);
  }

  unmap(): undefined {}

  destroy(): undefined {}
}

/**
 * Every buffer of a device, counted. Scratch buffers are shared: programs run one after another on the queue, and nothing
 * in a scratch buffer outlives a run, so the intermediate tensors of all programs lie in the same ones.
 */
export class DeviceMemory {
  #current = 0;
  #peak = 0;
  #scratch = new Set<ScratchBuffer>();
  #rehearsing = false;
  /** Buffers made by the work that is being watched; null where none is. */
  #made: Set<GPUBuffer> | null = null;
  /** All buffers there are now, and who wants to know of their end. */
  #living = new Map<GPUBuffer, readonly (() => void)[]>();
  readonly #gone = new WeakSet<GPUBuffer>();

  constructor(
    /** @internal */
    readonly gpu: GPUDevice,
  ) {}

  /** Bytes of all buffers there are now. */
  get currentBytes(): number {
    return this.#current;
  }

  /** The most bytes there ever were at once, or since `resetPeak`. */
  get peakBytes(): number {
    return this.#peak;
  }

  /** Forgets the peak, to find that of what follows. */
  resetPeak(): void {
    this.#peak = this.#current;
  }

  /** True within `rehearse`. */
  get rehearsing(): boolean {
    return this.#rehearsing;
  }

  /**
   * Counts the memory that something would take on top of what there is now: within `work`, buffers are made on paper only,
   * and afterwards all is as it was. Tensors made in `work` must not be used after it. A rehearsal may be part of another.
   * @throws what `work` throws: OutOfMemoryError where a buffer is larger than the adapter allows.
   */
  rehearse<Result>(work: () => Result): {
    /** The most bytes of all buffers at once. */
    readonly peakBytes: number;
    /** What `work` returned. */
    readonly result: Result;
  } {
    const [current, peak, scratch, rehearsing] = [this.#current, this.#peak, this.#scratch, this.#rehearsing];
    const living = this.#living;
    this.#living = new Map(living);
    this.#scratch = new Set([...scratch].map((entry) => ({ ...entry })));
    this.#peak = current;
    this.#rehearsing = true;
    try {
      const result = work();
      return { peakBytes: this.#peak, result };
    } finally {
      [this.#current, this.#peak, this.#scratch, this.#rehearsing] = [current, peak, scratch, rehearsing];
      this.#living = living;
    }
  }

  /**
   * Does work that waits for nothing, and remembers the buffers that it makes. Where it throws, they are freed. What others may come
   * to use, as scratch buffers, is not for it to make. It may be part of another.
   * @throws what `work` throws
   * @internal
   */
  collect<Result>(work: () => Result): Taken<Result> {
    const outer = this.#made;
    const made = new Set<GPUBuffer>();
    const free = () => {
      for (const buffer of made) if (this.#living.has(buffer)) this.destroy(buffer);
    };
    this.#made = made;
    try {
      const result = work();
      for (const buffer of made) outer?.add(buffer);
      return { result, free };
    } catch (error) {
      free();
      throw error;
    } finally {
      this.#made = outer;
    }
  }

  /**
   * Does work that waits for nothing and makes buffers: where it throws, those that it has made are freed.
   * @throws what `work` throws
   * @internal
   */
  allOrNothing<Result>(work: () => Result): Result {
    return this.collect(work).result;
  }

  /**
   * Makes buffers that stay, whatever becomes of the work that first wants them.
   * @internal
   */
  lasting<Result>(work: () => Result): Result {
    const outer = this.#made;
    this.#made = null;
    try {
      return work();
    } finally {
      this.#made = outer;
    }
  }

  /**
   * Whether a buffer is there, was destroyed, or was never made here.
   * @internal
   */
  stateOf(buffer: GPUBuffer): "there" | "gone" | "unknown" {
    if (this.#living.has(buffer)) return "there";
    return this.#gone.has(buffer) ? "gone" : "unknown";
  }

  /**
   * Has a function called when a buffer is destroyed; what is returned takes that back.
   * @internal
   */
  onDestroy(buffer: GPUBuffer, listener: () => void): () => void {
    this.#living.set(buffer, [...(this.#living.get(buffer) ?? []), listener]);
    return () => {
      const listeners = this.#living.get(buffer);
      if (listeners)
        this.#living.set(
          buffer,
          listeners.filter((other) => other !== listener),
        );
    };
  }

  /**
   * The size of a buffer for `bytes` bytes.
   * @throws OutOfMemoryError where it is larger than the adapter allows for this use.
   * @internal
   */
  sizeFor(bytes: number, usage: number, label: string): number {
    const size = Math.max(16, Math.ceil(bytes / 16) * 16);
    const { maxBufferSize, maxStorageBufferBindingSize } = this.gpu.limits;
    const storage = (usage & GPUBufferUsage.STORAGE) !== 0;
    const limit = storage ? Math.min(maxBufferSize, maxStorageBufferBindingSize) : maxBufferSize;
    if (size > limit) {
      const limitName = limit === maxBufferSize ? "maxBufferSize" : "maxStorageBufferBindingSize";
      throw new OutOfMemoryError(
        `${label} needs ${size} bytes, and this adapter allows ${limit} in one buffer (${limitName})`,
      );
    }
    return size;
  }

  /**
   * A new buffer of at least `bytes` bytes.
   * @throws OutOfMemoryError where it is larger than the adapter allows, and where it cannot be made.
   * @internal
   */
  create(bytes: number, usage: number, label: string): GPUBuffer {
    const size = this.sizeFor(bytes, usage, label);
    const buffer = this.#rehearsing ? new UnbackedBuffer(size, usage, label) : this.#createBuffer(size, usage, label);
    this.#living.set(buffer, []);
    // What is rehearsed is gone with the rehearsal.
    if (!this.#rehearsing) this.#made?.add(buffer);
    this.#current += size;
    this.#peak = Math.max(this.#peak, this.#current);
    return buffer;
  }

  #createBuffer(size: number, usage: number, label: string): GPUBuffer {
    try {
      return this.gpu.createBuffer({ size, usage, label });
    } catch (cause) {
      throw new OutOfMemoryError(`${label} needs ${size} bytes, and the device does not give them: ${String(cause)}`, {
        cause,
      });
    }
  }

  /**
   * Gives a buffer back.
   * @internal
   */
  destroy(buffer: GPUBuffer): void {
    const listeners = this.#living.get(buffer) ?? [];
    this.#living.delete(buffer);
    this.#gone.add(buffer);
    for (const listener of listeners) listener();
    this.#current -= buffer.size;
    buffer.destroy();
  }

  /**
   * Scratch buffers for the sizes given, largest first: existing ones where they fit without much waste.
   * @throws OutOfMemoryError that carries the label, where one is larger than the adapter allows.
   * @internal
   */
  leaseScratch(sizes: readonly { readonly bytes: number; readonly label: string }[]): ScratchLease {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    for (const { bytes, label } of sizes) this.sizeFor(bytes, usage, label);
    const taken = new Set<ScratchBuffer>();
    const release = () => {
      for (const entry of taken) {
        entry.users -= 1;
        if (entry.users === 0 && this.#scratch.delete(entry)) this.destroy(entry.buffer);
      }
      taken.clear();
    };
    try {
      for (const { bytes } of sizes) {
        const entry = this.#fittingScratch(bytes, taken) ?? this.#newScratch(bytes, usage);
        entry.users += 1;
        taken.add(entry);
      }
    } catch (error) {
      release();
      throw error;
    }
    return { buffers: [...taken].map((entry) => entry.buffer), release };
  }

  #fittingScratch(bytes: number, taken: ReadonlySet<ScratchBuffer>): ScratchBuffer | null {
    let best: ScratchBuffer | null = null;
    for (const candidate of this.#scratch) {
      const fits = candidate.bytes >= bytes && candidate.bytes <= 2 * bytes + 65536 && !taken.has(candidate);
      if (fits && (!best || candidate.bytes < best.bytes)) best = candidate;
    }
    return best;
  }

  #newScratch(bytes: number, usage: number): ScratchBuffer {
    const entry = { buffer: this.create(bytes, usage, "scratch"), bytes, users: 0 };
    this.#scratch.add(entry);
    return entry;
  }
}

/**
 * What some work has made, and the memory that it took.
 * @internal
 */
export interface Taken<Result> {
  readonly result: Result;
  /** Frees what is left of it. */
  free(): void;
}

/**
 * The scratch buffers of one program.
 * @internal
 */
export interface ScratchLease {
  /** In the order of the sizes asked for. */
  readonly buffers: readonly GPUBuffer[];
  /** Gives them back; those that no program uses any more are destroyed. */
  release(): void;
}
