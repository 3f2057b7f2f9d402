import type { DeviceMemory } from "./memory.js";
import type { Place } from "./tensor.js";

/** Bytes of the largest staging buffers that are kept. */
const KEPT_BYTES = 4096;

/**
 * Copies device memory to the host through staging buffers. Small ones are used again; their sizes are powers of two, so
 * that there are few however many sizes are read.
 */
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
        await staging.mapAsync(GPUMapMode.READ, 0, bytes).catch((error: unknown) => {
          this.memory.destroy(staging);
          throw error;
        });
        const copied = staging.getMappedRange(0, bytes).slice(0);
        staging.unmap();
        if (staging.size > KEPT_BYTES) this.memory.destroy(staging);
        else this.#idle.push(staging);
        return copied;
      },
    };
  }

  #take(bytes: number): GPUBuffer {
    const size = bytes > KEPT_BYTES ? bytes : 2 ** Math.ceil(Math.log2(Math.max(bytes, 256)));
    const idle = this.#idle.findIndex((buffer) => buffer.size === size);
    if (idle >= 0) return this.#idle.splice(idle, 1)[0];
    return this.memory.create(size, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST, "staging");
  }
}
