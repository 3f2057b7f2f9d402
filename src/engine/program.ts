import { UsageError } from "../errors.js";
import type { Device } from "./device.js";
import type { Launch } from "./launch.js";
import { type MemoryPlan, planMemory } from "./planner.js";
import { type KernelProfile, profileSteps } from "./profiler.js";
import { cutIntoSubmits, encodePass, type Step } from "./submits.js";
import { checked } from "./taking.js";
import type { Kept, Place, Tensor } from "./tensor.js";

/** How to make a program. */
export interface CompileOptions {
  /** Intermediate tensors that must hold their values after a run, to be read or used by other programs; none by default. */
  readonly keep?: readonly Tensor[];
  /** Called after each pipeline. */
  readonly onProgress?: (compiled: number, total: number) => void;
}

/** Bytes that the offset of a uniform binding is a multiple of (WebGPU's default minUniformBufferOffsetAlignment). */
const UNIFORM_ALIGNMENT = 256;

/**
 * A recorded step: its buffers, bind groups and pipelines exist, and a run is one compute pass and one submit; several where it
 * would keep a slow GPU busy for seconds.
 */
export class Program {
  readonly #submits: readonly (readonly Step[])[];
  readonly #kept: ReadonlySet<Kept>;
  #undo: readonly (() => void)[];
  #hasRun = false;
  /** Why it cannot run any more. */
  #end: string | null = null;

  /** Use `Tape.compile`. */
  constructor(
    /** The device that it runs on. */
    readonly device: Device,
    /** @internal */
    readonly steps: readonly Step[],
    /** The most bytes of intermediate tensors alive at once. */
    readonly liveBytes: number,
    /** Frees the buffers. */
    release: () => void,
  ) {
    this.#submits = cutIntoSubmits(steps, ({ launch }) => launch.flops);
    this.#kept = new Set(steps.flatMap(({ launch }) => writtenBy(launch)).flatMap(({ place }) => place?.kept ?? []));
    const used = new Map(steps.flatMap(({ launch }) => launch.tensors).map((tensor) => [tensor.place?.buffer, tensor]));
    const listeners = [...used].flatMap(([buffer, tensor]) => {
      const lost = () => {
        this.#end ??= `it uses ${tensor}, which is gone`;
      };
      return buffer ? [device.memory.onDestroy(buffer, lost)] : [];
    });
    this.#undo = [...listeners, release];
  }

  /** Floating-point operations of a run, from the kernels' headers. */
  get flops(): number {
    return this.steps.reduce((sum, step) => sum + step.launch.flops, 0);
  }

  /** Bytes of all tensors that the launches of a run name: what it moves at least, without caches. */
  get bytes(): number {
    return this.steps.reduce(
      (sum, { launch }) => sum + launch.tensors.reduce((total, tensor) => total + tensor.bytes, 0),
      0,
    );
  }

  /**
   * Submits a run and returns at once.
   * @throws UsageError after `dispose`, and where a tensor that it uses was freed; the first error that happened on the device.
   */
  run(): void {
    this.#check();
    this.#submit(this.#encodeLast());
  }

  /**
   * Submits a run together with the copy of a kept or persistent tensor of f32 or f16; resolves with its elements after the run.
   * @throws as `run` does; ShapeError for a tensor of u32, UsageError for one that is freed, of another device, intermediate and not
   * kept, or kept by another program that has not run yet; what goes wrong on the device meanwhile.
   */
  async runAndRead(tensor: Tensor): Promise<Float32Array<ArrayBuffer>> {
    this.#check();
    const { kept } = this.device.placeOf(tensor);
    if (!kept || !this.#kept.has(kept)) this.device.expectWritten(tensor);
    const last = this.#encodeLast();
    const copy = this.device.copyFloats(last, tensor);
    this.#submit(last);
    return copy.finish();
  }

  #check(): void {
    this.device.check();
    if (this.#end) throw new UsageError(`this program cannot run any more: ${this.#end}`);
  }

  #encode(steps: readonly Step[]): GPUCommandEncoder {
    const encoder = this.device.gpu.createCommandEncoder();
    encodePass(encoder, steps);
    return encoder;
  }

  #encodeLast(): GPUCommandEncoder {
    return this.#encode(this.#submits[this.#submits.length - 1]);
  }

  /** Submits a run, of which the last part is encoded already. */
  #submit(last: GPUCommandEncoder): void {
    const { queue } = this.device.gpu;
    for (const steps of this.#submits.slice(0, -1)) queue.submit([this.#encode(steps).finish()]);
    queue.submit([last.finish()]);
    this.#wrote();
  }

  #wrote(): void {
    if (this.#hasRun) return;
    this.#hasRun = true;
    for (const kept of this.#kept) kept.isWritten = true;
  }

  /**
   * Runs once, launch by launch, and tells where the time goes. Slower than `run`: every launch is a pass of its own.
   * @throws as `run` does; what goes wrong on the device meanwhile.
   */
  async profile(): Promise<KernelProfile[]> {
    this.#check();
    this.#wrote();
    return profileSteps(this.device, this.steps);
  }

  /** Frees the buffers, and with the last program that keeps them, kept tensors. A second time, it does nothing. */
  dispose(): void {
    this.#end = "it was disposed of";
    for (const step of this.#undo) step();
    this.#undo = [];
  }
}

/** The tensors that a launch writes, or may write. */
function writtenBy({ kernel, tensors }: Launch): readonly Tensor[] {
  return tensors.filter((_, i) => kernel.bindings[i].access === "read_write");
}

/** The line of workgroups as rows of a grid that no dimension of is beyond the limit. */
function fold(workgroups: number, limit: number): [number, number] {
  const rows = Math.ceil(workgroups / limit);
  return [Math.ceil(workgroups / rows), rows];
}

/** The `Params` structs of all launches in one buffer; equal ones lie in the same place. */
function packParams(launches: readonly Launch[]): { bytes: ArrayBuffer; offsets: number[] } {
  const places = new Map<string, number>();
  const offsets = launches.map(({ kernel, params }) => {
    const key = `${kernel.params.map((field) => `${field.type}${params[field.name]}@${field.offset}`).join()}:${kernel.paramsSize}`;
    const offset = places.get(key) ?? places.size * UNIFORM_ALIGNMENT;
    places.set(key, offset);
    return offset;
  });
  const bytes = new ArrayBuffer(Math.max(1, places.size) * UNIFORM_ALIGNMENT);
  const view = new DataView(bytes);
  launches.forEach(({ kernel, params }, i) => {
    for (const field of kernel.params) {
      if (field.type === "f32") view.setFloat32(offsets[i] + field.offset, params[field.name], true);
      else view.setUint32(offsets[i] + field.offset, params[field.name], true);
    }
  });
  return { bytes, offsets };
}

/** The memory of a program. */
interface Reserved {
  readonly plan: MemoryPlan;
  /** Places of the intermediate tensors that are not kept. */
  readonly places: ReadonlyMap<Tensor, Place>;
  readonly params: GPUBuffer;
  /** Where the parameters of each launch begin. */
  readonly offsets: readonly number[];
  release(): void;
}

/** Keeps an intermediate tensor for a program, beside others that do; nothing for a persistent one. Returns how to end that. */
function keepTensor({ memory }: Device, tensor: Tensor): () => void {
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  tensor.place ??= {
    buffer: memory.create(tensor.bytes, usage, tensor.label),
    offset: 0,
    kept: { programs: 0, isWritten: false },
  };
  const { buffer, kept } = tensor.place;
  if (!kept) return () => {};
  kept.programs += 1;
  return () => {
    kept.programs -= 1;
    if (kept.programs > 0) return;
    memory.destroy(buffer);
    tensor.place = null;
  };
}

/**
 * Plans and takes the memory of a recording: kept tensors, shared buffers of the others, and the parameters of its launches.
 * @throws OutOfMemoryError, ShapeError
 */
export function reserveMemory(device: Device, launches: readonly Launch[], keep: ReadonlySet<Tensor>): Reserved {
  const { gpu, memory } = device;
  const plan = planMemory(launches, new Set([...keep].filter(({ place }) => !place)));
  const { bytes, offsets } = packParams(launches);
  const places = new Map<Tensor, Place>();
  const undo: (() => void)[] = [];
  const release = () => {
    for (const step of undo.splice(0)) step();
  };
  try {
    for (const tensor of keep) undo.push(keepTensor(device, tensor));
    const scratch = memory.leaseScratch(
      plan.slots.map((slot) => ({ bytes: slot.bytes, label: slot.tensors[0].label })),
    );
    undo.push(scratch.release);
    plan.slots.forEach((slot, i) => {
      for (const tensor of slot.tensors) places.set(tensor, { buffer: scratch.buffers[i], offset: 0 });
    });
    const params = memory.create(bytes.byteLength, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST, "parameters");
    undo.push(() => memory.destroy(params));
    if (!memory.rehearsing) gpu.queue.writeBuffer(params, 0, bytes);
    return { plan, places, params, offsets, release };
  } catch (error) {
    release();
    throw error;
  }
}

/**
 * Turns recorded launches into a program.
 * @throws OutOfMemoryError, GpuValidationError, ShapeError, UsageError; the first error that happened on the device.
 */
export async function compileProgram(
  device: Device,
  launches: readonly Launch[],
  options: CompileOptions,
): Promise<Program> {
  device.check();
  const { gpu } = device;
  const pipelines = await device.pipelines.compileAll(launches, options.onProgress).catch(async (cause: unknown) => {
    // A lost device compiles nothing, and says so only once the queue has settled.
    await device.idle();
    throw cause;
  });

  const { plan, places, params, offsets, release } = await checked(
    device,
    () => reserveMemory(device, launches, new Set(options.keep?.map(({ base }) => base))),
    (reserved) => reserved.release(),
    (reserved) => `${reserved.plan.liveBytes} bytes of intermediate tensors`,
  );

  const stepOf = (launch: Launch, i: number): Step => {
    const entries: GPUBindGroupEntry[] = launch.tensors.map((tensor, binding) => {
      const { buffer, offset } = places.get(tensor) ?? device.placeOf(tensor);
      return { binding, resource: { buffer, offset, size: tensor.bytes } };
    });
    if (launch.kernel.paramsSize > 0) {
      const resource = { buffer: params, offset: offsets[i], size: launch.kernel.paramsSize };
      entries.push({ binding: entries.length, resource });
    }
    const { pipeline, layout } = pipelines[i];
    const group = gpu.createBindGroup({ label: launch.kernel.name, layout, entries });
    return { launch, pipeline, group, grid: fold(launch.workgroups, gpu.limits.maxComputeWorkgroupsPerDimension) };
  };
  try {
    return new Program(device, launches.map(stepOf), plan.liveBytes, release);
  } catch (error) {
    // A tensor was freed since it was recorded.
    release();
    throw error;
  }
}
