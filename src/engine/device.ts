import * as kernels from "../../kernels/generated.js";
import {
  AdapterError,
  ConfigError,
  DeviceLostError,
  GpuValidationError,
  OutOfMemoryError,
  ShapeError,
  type SimclrError,
  UsageError,
} from "../errors.js";
import { type AdapterOptions, type AdapterSummary, findAdapter } from "./adapter.js";
import { Choices } from "./choices.js";
import { fromHalfBits } from "./half.js";
import { deviceBytes, type HostData, kindText, typeOf } from "./host-data.js";
import { MATRIX_FEATURE, type MatrixUnits, matrixUnitsOf } from "./matrix-units.js";
import { DeviceMemory } from "./memory.js";
import { PipelineCache } from "./pipelines.js";
import { ReadBack } from "./read-back.js";
import { requestWithFeatures } from "./subgroups.js";
import { type ElementType, expectShape, expectType, type Place, Tensor } from "./tensor.js";

/** Optional features that are used where the adapter has them. */
const FEATURES = ["shader-f16", "subgroups", "subgroup-size-control", MATRIX_FEATURE, "timestamp-query"] as const;

/** Those that bring subgroups with them, and are done without where subgroups are. */
const OF_SUBGROUPS: readonly string[] = ["subgroup-size-control", MATRIX_FEATURE];

/** Which adapter to open, and what not to use of it. */
export interface DeviceOptions extends AdapterOptions {
  /** Optional features to do without, though the adapter has them; none by default. */
  readonly without?: readonly (typeof FEATURES)[number][];
}

const STORAGE = () => GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;

/** Bytes that the start of every tensor in a shared buffer is a multiple of (WebGPU's default offset alignment). */
const ALIGNMENT = 256;

/** @throws UsageError where what was given is no `Device`, as the promise of one is none. */
export function expectDevice(given: unknown): void {
  if (given instanceof Object && "gpu" in given && "tensor" in given) return;
  const promise = given instanceof Promise ? "a promise: await openDevice()" : kindText(given);
  throw new UsageError(`a Device, as openDevice gives it, is wanted first, and this is ${promise}`);
}

/** An open WebGPU device: tensors, read-back, memory figures, and the first error that happened on it. */
export class Device {
  /** What there is on it, in bytes. */
  readonly memory: DeviceMemory;
  /** @internal */
  readonly pipelines: PipelineCache;
  /** The matrix units that kernels can use, by the types and extents of what they multiply; none on most adapters. */
  readonly matrixUnits: readonly MatrixUnits[];
  /** Which variants of the heavy kernels recordings on this device use. */
  readonly choices = new Choices();
  readonly #readBack: ReadBack;
  /** Tensors that have a buffer of their own, which `free` gives back. */
  readonly #owners = new WeakSet<Tensor>();
  #one: Tensor | null = null;
  #failure: SimclrError | null = null;
  #closed = false;

  /** Use `openDevice`. */
  constructor(
    /** WebGPU's own device: for features and limits. */
    readonly gpu: GPUDevice,
    /** What it was opened on. */
    readonly adapter: AdapterSummary,
  ) {
    this.memory = new DeviceMemory(gpu);
    this.pipelines = new PipelineCache(gpu);
    this.matrixUnits = matrixUnitsOf(gpu);
    this.#readBack = new ReadBack(gpu, this.memory);
    gpu.addEventListener("uncapturederror", this.#onError);
    gpu.lost.then((info) => {
      if (!this.#closed) this.fail(new DeviceLostError(`the GPU device was lost (${info.reason}): ${info.message}`));
    });
  }

  readonly #onError = ({ error }: GPUUncapturedErrorEvent): void => {
    const memory = typeof GPUOutOfMemoryError !== "undefined" && error instanceof GPUOutOfMemoryError;
    this.fail(
      memory
        ? new OutOfMemoryError(`the device is out of memory: ${error.message}`)
        : new GpuValidationError(error.message),
    );
  };

  /** True where an optional feature was there and is switched on. */
  has(feature: string): boolean {
    return this.gpu.features.has(feature);
  }

  /**
   * Remembers the first failure; `check` throws it.
   * @internal
   */
  fail(error: SimclrError): void {
    this.#failure ??= error;
  }

  /** @throws the first error that happened on this device since it was opened; after it, nothing it computes counts. */
  check(): void {
    if (this.#failure) throw this.#failure;
    if (this.#closed) throw new DeviceLostError("this device was closed");
  }

  /** @throws ConfigError where this device cannot hold activations in f16. */
  requireHalf(): void {
    if (!this.has("shader-f16")) {
      throw new ConfigError(
        `the adapter "${this.adapter.name}" has no f16 in its kernels (shader-f16): use f32, which every adapter has`,
      );
    }
  }

  /**
   * A persistent tensor, from data or, by default, filled with zeros. Without a type it holds u32 where the data is a `Uint32Array`,
   * and f32 otherwise; with "f16", numbers are rounded.
   * @param label for messages and profiles; "tensor" by default
   * @throws ShapeError where the shape or the type is none, or the data has another length or does not go with the type;
   * OutOfMemoryError where the tensor is larger than the adapter allows; the first error that happened on the device.
   */
  tensor(shape: readonly number[], data?: HostData, label = "tensor", type: ElementType = typeOf(data)): Tensor {
    const tensor = new Tensor(shape, type, label);
    const bytes = data === undefined ? undefined : deviceBytes(tensor, data);
    this.#allocate(tensor);
    if (bytes) this.#upload(tensor, bytes);
    return tensor;
  }

  /** A persistent tensor of any type, filled with zeros. @throws as `tensor` does. */
  zeros(shape: readonly number[], type: ElementType, label: string): Tensor {
    return this.#allocate(new Tensor(shape, type, label));
  }

  #allocate(tensor: Tensor): Tensor {
    this.check();
    tensor.place = { buffer: this.memory.create(tensor.bytes, STORAGE(), tensor.label), offset: 0 };
    this.#owners.add(tensor);
    return tensor;
  }

  #upload(tensor: Tensor, bytes: ArrayBufferView<ArrayBuffer>): void {
    const { buffer, offset, kept } = this.placeOf(tensor);
    if (this.memory.rehearsing) return;
    this.gpu.queue.writeBuffer(buffer, offset, bytes);
    if (kept) kept.isWritten = true;
  }

  /** The number 1 as a tensor: where backward passes start. @throws the first error that happened on the device. */
  get one(): Tensor {
    const one = this.#one ?? this.memory.lasting(() => this.tensor([1], [1], "one"));
    if (!this.memory.rehearsing) this.#one = one;
    return one;
  }

  /** A persistent tensor of u32, filled with zeros, with the label "indices" by default. @throws as `tensor` does. */
  indices(shape: readonly number[], label = "indices"): Tensor {
    return this.zeros(shape, "u32", label);
  }

  /**
   * Persistent f32 tensors that lie one after another in as few buffers as the binding limit allows, filled with zeros:
   * what is done to all of them takes one dispatch a buffer.
   * @throws ShapeError where a shape is none; OutOfMemoryError where a tensor is larger than the adapter allows; the first error
   * that happened on the device.
   */
  slabs(shapes: readonly { readonly shape: readonly number[]; readonly label: string }[]): Slab[] {
    this.check();
    const limit = Math.min(this.gpu.limits.maxStorageBufferBindingSize, this.gpu.limits.maxBufferSize);
    const slabs: { tensors: Tensor[]; offsets: number[]; bytes: number }[] = [];
    for (const { shape, label } of shapes) {
      const tensor = new Tensor(shape, "f32", label);
      const bytes = Math.ceil(tensor.bytes / ALIGNMENT) * ALIGNMENT;
      let slab = slabs.at(-1);
      if (!slab || slab.bytes + bytes > limit) {
        this.memory.sizeFor(bytes, STORAGE(), label);
        slab = { tensors: [], offsets: [], bytes: 0 };
        slabs.push(slab);
      }
      slab.tensors.push(tensor);
      slab.offsets.push(slab.bytes);
      slab.bytes += bytes;
    }
    return this.memory.allOrNothing(() =>
      slabs.map(({ tensors, offsets, bytes }) => {
        const all = new Tensor([bytes / 4], "f32", "slab");
        const buffer = this.memory.create(bytes, STORAGE(), "slab");
        all.place = { buffer, offset: 0 };
        this.#owners.add(all);
        tensors.forEach((tensor, i) => {
          tensor.place = { buffer, offset: offsets[i] };
        });
        return { all, tensors };
      }),
    );
  }

  /**
   * Overwrites a persistent or kept tensor; for runs that were submitted before it keeps its old elements.
   * @throws ShapeError where the data has another length or does not go with the tensor's type; UsageError for a tensor that is
   * freed, of another device, or intermediate and not kept; the first error that happened on the device.
   */
  write(tensor: Tensor, data: HostData): void {
    const bytes = deviceBytes(tensor, data);
    this.check();
    this.#upload(tensor, bytes);
  }

  /**
   * Copies the elements of a persistent tensor to another of the same shape and type, on the device.
   * @throws ShapeError where shapes or types differ, or one of them has no place
   */
  copy(from: Tensor, to: Tensor): void {
    expectShape(to, from.shape, `to take the elements of ${from}`);
    expectType(to, from.type, `to take the elements of ${from}`);
    this.check();
    const [source, target] = [this.placeOf(from), this.placeOf(to)];
    if (this.memory.rehearsing) return;
    const encoder = this.gpu.createCommandEncoder();
    encoder.copyBufferToBuffer(source.buffer, source.offset, target.buffer, target.offset, from.bytes);
    this.gpu.queue.submit([encoder.finish()]);
  }

  /**
   * Reads an f32 or f16 tensor back. Waits for the work submitted before.
   * @throws ShapeError for a tensor of u32; UsageError for a tensor that is freed, of another device, intermediate and not kept, or
   * kept by a program that has not run yet; what went wrong on the device before or meanwhile.
   */
  async read(tensor: Tensor): Promise<Float32Array<ArrayBuffer>> {
    return this.#copied(tensor, (encoder) => this.copyFloats(encoder, tensor));
  }

  /** Reads a u32 tensor back. @throws as `read` does, and ShapeError for one of another type. */
  async readIndices(tensor: Tensor): Promise<Uint32Array<ArrayBuffer>> {
    if (tensor.type !== "u32") throw new ShapeError(`${tensor} holds ${tensor.type} elements, not u32: see read`);
    return new Uint32Array(await this.#copied(tensor, (encoder) => this.#copyOut(encoder, tensor)));
  }

  async #copied<Result>(tensor: Tensor, copy: (encoder: GPUCommandEncoder) => Copy<Result>): Promise<Result> {
    this.check();
    this.expectWritten(tensor);
    const encoder = this.gpu.createCommandEncoder();
    const pending = copy(encoder);
    this.gpu.queue.submit([encoder.finish()]);
    return pending.finish();
  }

  /**
   * Records the copy of an f32 or f16 tensor to host memory in `encoder`; call `finish` on the result after the submit.
   * @throws ShapeError for a tensor of u32; UsageError for one without a place on this device.
   * @internal
   */
  copyFloats(encoder: GPUCommandEncoder, tensor: Tensor): Copy<Float32Array<ArrayBuffer>> {
    if (tensor.type === "u32") throw new ShapeError(`${tensor} holds u32 elements, not f32 or f16: see readIndices`);
    const copy = this.#copyOut(encoder, tensor);
    return {
      finish: async () => {
        const bytes = await copy.finish();
        return tensor.type === "f16" ? fromHalfBits(new Uint16Array(bytes, 0, tensor.size)) : new Float32Array(bytes);
      },
    };
  }

  #copyOut(encoder: GPUCommandEncoder, tensor: Tensor): Copy<ArrayBuffer> {
    return this.copyBytes(encoder, this.placeOf(tensor), tensor.bytes);
  }

  /**
   * Records the copy of a piece of a buffer, as `copyFloats` does.
   * @internal
   */
  copyBytes(encoder: GPUCommandEncoder, from: Place, bytes: number): Copy<ArrayBuffer> {
    const copy = this.#readBack.copy(encoder, from, bytes);
    return { finish: () => this.#settled(copy.finish()) };
  }

  /** Waits for the GPU. @throws what went wrong on the device before or while waiting. */
  async #settled<Result>(pending: Promise<Result>): Promise<Result> {
    const result = await pending.catch((cause: unknown) => {
      this.check();
      throw new DeviceLostError(`the GPU did not finish: ${String(cause)}`, { cause });
    });
    this.check();
    return result;
  }

  /**
   * The place of a tensor.
   * @throws UsageError for an intermediate tensor of a recording that is not kept, and for a tensor that is freed or of another
   * device.
   * @internal
   */
  placeOf(tensor: Tensor): Place {
    const { place } = tensor;
    if (!place) throw new UsageError(`${tensor} is an intermediate tensor: keep it when the recording is compiled`);
    const state = this.memory.stateOf(place.buffer);
    if (state === "gone") throw new UsageError(`${tensor} was freed`);
    if (state === "unknown") throw new UsageError(`${tensor} is a tensor of another device: make it on this one`);
    return place;
  }

  /**
   * @throws UsageError for a kept tensor in which nothing was computed yet.
   * @internal
   */
  expectWritten(tensor: Tensor): void {
    if (this.placeOf(tensor).kept?.isWritten === false)
      throw new UsageError(`nothing was computed in ${tensor} yet: run the program that keeps it`);
  }

  /** Resolves when all work submitted so far is done. @throws what went wrong in it. */
  async idle(): Promise<void> {
    this.check();
    await this.#settled(this.gpu.queue.onSubmittedWorkDone());
  }

  /**
   * Frees a persistent tensor that was made by `tensor`, `indices` or `zeros`, or a whole slab. Programs that use it cannot run any
   * more; what was submitted before still does.
   * @throws UsageError for a tensor that is freed already or of another device, for an intermediate one (its program's `dispose`
   * frees what it keeps), and for a part of a slab.
   */
  free(tensor: Tensor): void {
    const { buffer, kept } = this.placeOf(tensor);
    if (kept) throw new UsageError(`${tensor} is kept by a program: dispose of that`);
    if (!this.#owners.has(tensor.base))
      throw new UsageError(`${tensor} lies in the memory of another tensor: free that, or the whole slab`);
    this.memory.destroy(buffer);
  }

  /** Closes the device and frees everything on it. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.gpu.destroy();
    // With a listener, npm `webgpu` keeps the GPU's own device for good; without, it goes when its objects are collected.
    this.gpu.removeEventListener("uncapturederror", this.#onError);
  }
}

/**
 * A copy to host memory that was recorded.
 * @internal
 */
export interface Copy<Result> {
  /** Waits for it, after the submit. @throws what went wrong on the device before or meanwhile. */
  finish(): Promise<Result>;
}

/** Persistent tensors in one buffer, and the whole buffer as a vector (with gaps of zeros between the tensors). */
export interface Slab {
  /** f32, as long as the buffer. */
  readonly all: Tensor;
  /** In the order of the shapes that were asked for. */
  readonly tensors: readonly Tensor[];
}

/** Adds four numbers to themselves on the device. @throws AdapterError where the result is wrong: the adapter computes nothing. */
async function proveItComputes(device: Device): Promise<void> {
  const { gpu } = device;
  const x = device.tensor([4], [1, 2, 3, 4], "probe");
  const y = device.tensor([4], undefined, "probe result");
  const { pipeline } = await device.pipelines.compile(kernels.add, {});
  const params = device.memory.create(16, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST, "probe parameters");
  gpu.queue.writeBuffer(params, 0, new Uint32Array([4]));
  const buffers = [device.placeOf(x).buffer, device.placeOf(x).buffer, device.placeOf(y).buffer, params];
  const group = gpu.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  const encoder = gpu.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(1);
  pass.end();
  gpu.queue.submit([encoder.finish()]);
  const result = await device.read(y);
  if (result.some((value, i) => value !== 2 * (i + 1))) {
    throw new AdapterError(
      `the adapter "${device.adapter.name}" computes nothing (1 + 1 gave ${result[0]}): a null backend or a broken driver`,
    );
  }
  for (const tensor of [x, y]) device.free(tensor);
  device.memory.destroy(params);
}

/**
 * Opens the system's GPU in Node, Bun, Deno or a browser, with the adapter's own limits and with f16, subgroups, matrix units and
 * timestamps where it has them, and proves that it computes. In Node and Bun, Dawn may print two warnings of dynamic offsets, which mean
 * nothing here: see `src/engine/README.md`.
 * @throws AdapterError where there is no adapter, none like the one asked for, or one that computes nothing; ConfigError for options
 * that are none, and for an adapter's name where the runtime cannot choose by name.
 */
export async function openDevice({ without = [], ...options }: DeviceOptions = {}): Promise<Device> {
  const unknown = without.find((feature) => !FEATURES.includes(feature));
  if (unknown !== undefined)
    throw new ConfigError(`"${unknown}" is no feature to do without: there are ${FEATURES.join(", ")}`);
  const features = FEATURES.filter(
    (feature) => !without.includes(feature) && !(without.includes("subgroups") && OF_SUBGROUPS.includes(feature)),
  );
  const { adapter, summary } = await findAdapter(options);
  const requiredLimits: Record<string, number> = {};
  const { limits } = adapter;
  const wanted = [
    "maxBufferSize",
    "maxStorageBufferBindingSize",
    "maxStorageBuffersPerShaderStage",
    "maxComputeWorkgroupStorageSize",
    "maxComputeInvocationsPerWorkgroup",
    "maxComputeWorkgroupSizeX",
    "maxComputeWorkgroupsPerDimension",
  ] as const;
  for (const name of wanted) requiredLimits[name] = limits[name];
  const gpu = await requestWithFeatures(adapter, features, { requiredLimits }).catch((cause: unknown) => {
    throw new AdapterError(`the adapter "${summary.name}" gives no device: ${String(cause)}`, { cause });
  });
  const device = new Device(gpu, summary);
  try {
    await proveItComputes(device);
  } catch (error) {
    device.close();
    throw error;
  }
  return device;
}
