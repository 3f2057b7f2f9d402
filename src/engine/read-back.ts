import type { DeviceMemory } from "./memory.js";
import type { Place } from "./tensor.js";

/** Copies device memory to the host through staging buffers that are used again. */
export class ReadBack {
  readonly #idle: GPUBuffer[] = [];

  constructor(
    readonly gpu: GPUDevice,
    readonly memory: DeviceMemory,
  ) {}

  /** Records a copy of `bytes` bytes at `from`; `finish`, called after the submit, waits for it and returns the bytes. */
  copy(encoder: GPUCommandEncoder, from: Place, bytes: number): { finish(): Promise<ArrayBuffer> } {
    const staging = this.#take(bytes);
    encoder.copyBufferToBuffer(from.buffer, from.offset, staging, 0, bytes);
    return {
      finish: async () => {
        await staging.mapAsync(GPUMapMode.READ, 0, bytes);
        const copied = staging.getMappedRange(0, bytes).slice(0);
        staging.unmap();
        this.#idle.push(staging);
        return copied;
      },
    };
  }

  /** The smallest idle staging buffer that is large enough and no more than four times too large, or a new one. */
  #take(bytes: number): GPUBuffer {
    let best = -1;
    this.#idle.forEach((buffer, i) => {
      const fits = buffer.size >= bytes && buffer.size <= 4 * bytes + 4096;
      if (fits && (best < 0 || buffer.size < this.#idle[best].size)) best = i;
    });
    if (best >= 0) return this.#idle.splice(best, 1)[0];
    return this.memory.create(bytes, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST, "staging");
  }
}
