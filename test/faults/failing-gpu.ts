/** A GPU that fails when it is told to, and knows which buffers there are. */

/** What can fail: a buffer is refused at once, or there turns out to be no memory for it, or a pipeline does not compile. */
export type Fault = "buffer" | "memory" | "compile";

export const FAULTS: readonly Fault[] = ["buffer", "memory", "compile"];

interface Scope {
  readonly filter: GPUErrorFilter;
  failed: boolean;
}

/** Buffers that stay for a device's whole life: see `Device.one` and `ReadBack`. */
const LASTING = ["one", "staging"];

/** Puts itself in the way of a device's methods. Pipelines are compiled once and then given again, for compiling takes long. */
export class FailingGpu {
  readonly #living = new Map<GPUBuffer, GPUBufferDescriptor>();
  readonly #sources = new WeakMap<GPUShaderModule, string>();
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();
  readonly #scopes: Scope[] = [];
  #plan: { readonly fault: Fault; left: number } | null = null;

  constructor(readonly gpu: GPUDevice) {
    const { createBuffer, createShaderModule, createComputePipelineAsync, pushErrorScope, popErrorScope } = gpu;
    const put = (name: keyof GPUDevice, value: (...args: never[]) => unknown) =>
      Object.defineProperty(gpu, name, { value, configurable: true });
    put("createBuffer", (descriptor: GPUBufferDescriptor) => {
      if (this.#falls("buffer")) throw new RangeError("an injected fault");
      if (this.#falls("memory")) this.#runShort();
      const buffer = createBuffer.call(gpu, descriptor);
      this.#living.set(buffer, descriptor);
      const { destroy } = buffer;
      const value = () => {
        this.#living.delete(buffer);
        destroy.call(buffer);
      };
      return Object.defineProperty(buffer, "destroy", { value });
    });
    put("createShaderModule", (descriptor: GPUShaderModuleDescriptor) => {
      const module = createShaderModule.call(gpu, descriptor);
      this.#sources.set(module, descriptor.code);
      return module;
    });
    put("createComputePipelineAsync", (descriptor: GPUComputePipelineDescriptor) => {
      if (this.#falls("compile")) return Promise.reject(new Error("an injected fault"));
      const source = this.#sources.get(descriptor.compute.module) ?? "";
      const pipeline = this.#pipelines.get(source) ?? createComputePipelineAsync.call(gpu, descriptor);
      this.#pipelines.set(source, pipeline);
      return pipeline;
    });
    put("pushErrorScope", (filter: GPUErrorFilter) => {
      this.#scopes.push({ filter, failed: false });
      pushErrorScope.call(gpu, filter);
    });
    put("popErrorScope", async () => {
      const scope = this.#scopes.pop();
      const error = await popErrorScope.call(gpu);
      return scope?.failed ? new GPUOutOfMemoryError("an injected fault") : error;
    });
  }

  /** Has the call number `at`, from 1, of those that follow fail. */
  failAt(fault: Fault, at: number): void {
    this.#plan = { fault, left: at };
  }

  /** Ends that; whether it has come to pass. */
  stop(): boolean {
    const happened = this.#plan !== null && this.#plan.left <= 0;
    this.#plan = null;
    return happened;
  }

  /** What was made and not destroyed, but for what stays on purpose. */
  get left(): readonly GPUBufferDescriptor[] {
    return [...this.#living.values()].filter(({ label = "" }) => !LASTING.includes(label));
  }

  #falls(fault: Fault): boolean {
    if (this.#plan?.fault !== fault) return false;
    this.#plan.left -= 1;
    return this.#plan.left === 0;
  }

  #runShort(): void {
    const scope = this.#scopes.findLast(({ filter }) => filter === "out-of-memory");
    const error = new GPUOutOfMemoryError("an injected fault");
    if (scope) scope.failed = true;
    else this.gpu.dispatchEvent(new GPUUncapturedErrorEvent("uncapturederror", { error }));
  }
}
