/**
 * An engine's side of the benchmark: a process that is told over stdin what to compute, one JSON object a line, and answers
 * over stdout. Every JavaScript engine gets the same WebGPU, of npm `webgpu` in Node and Bun and Deno's own, and waits for it in
 * the same way.
 */
import { readFile, writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { DAWN_OPTIONS, waitWithoutSpinning } from "../../src/engine/adapter.js";
import type { Failed, Findings, Prepared, PrepareRequest, RunRequest, Task, Timed } from "./task.js";

/** A task on the device, ready to be run any number of times. */
export interface Runs<Pending> {
  /** Starts a run without waiting for it. */
  submit(): Pending;
  /** Waits until the GPU has done all of these, and gives back what they hold. The loss of the last one, if it has one. */
  finish(pending: readonly Pending[]): Promise<number | null>;
  /** After the first run and its loss: what was computed. Floats are the result of anything but a step. */
  check(loss: number | null): Promise<Findings | Float32Array<ArrayBuffer>>;
}

/** Reads an input by its name. */
export type Read = (name: string) => Promise<Float32Array<ArrayBuffer>>;

/** What an engine brings along. */
export interface Engine<Pending> {
  /** Name, version and backend. */
  readonly name: string;
  /** Brings the inputs into the engine's layout; what it returns moves them to the device and makes the task ready. */
  load(task: Task, read: Read): Promise<() => Promise<Runs<Pending>>>;
}

/** What was asked of WebGPU so far. */
const counts = { dispatches: 0, bytes: 0, peakBytes: 0 };
/** Uncaptured errors; nothing that is computed after one counts. */
const errors: string[] = [];

function countCalls(): void {
  const { dispatchWorkgroups } = GPUComputePassEncoder.prototype;
  GPUComputePassEncoder.prototype.dispatchWorkgroups = function (...grid) {
    counts.dispatches += 1;
    return dispatchWorkgroups.apply(this, grid);
  };
  const sizes = new WeakMap<GPUBuffer, number>();
  const { createBuffer } = GPUDevice.prototype;
  GPUDevice.prototype.createBuffer = function (descriptor) {
    const buffer = createBuffer.call(this, descriptor);
    sizes.set(buffer, descriptor.size);
    counts.bytes += descriptor.size;
    counts.peakBytes = Math.max(counts.peakBytes, counts.bytes);
    return buffer;
  };
  const { destroy } = GPUBuffer.prototype;
  GPUBuffer.prototype.destroy = function () {
    counts.bytes -= sizes.get(this) ?? 0;
    sizes.delete(this);
    return destroy.call(this);
  };
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (descriptor) {
    const device = await requestDevice.call(this, descriptor);
    device.addEventListener("uncapturederror", ({ error }) => void errors.push(error.message));
    return device;
  };
}

/** Deno's WebGPU, or npm `webgpu` put where a browser has it. */
async function findGpu(): Promise<GPU> {
  if ("deno" in process.versions) return navigator.gpu;
  const { create, globals } = await import("webgpu");
  Object.assign(globalThis, globals);
  waitWithoutSpinning();
  const gpu = create([...DAWN_OPTIONS]);
  if (typeof navigator === "undefined") {
    Object.defineProperty(globalThis, "navigator", { value: { gpu, userAgent: "Node.js" } });
  } else {
    Object.defineProperty(navigator, "gpu", { value: gpu });
  }
  return gpu;
}

/** Sees to it that there is `navigator.gpu`, and that its calls are counted. To be called before an engine is imported. */
export async function provideGpu(): Promise<string> {
  const gpu = await findGpu();
  countCalls();
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) throw new Error("there is no WebGPU adapter");
  return adapter.info.description;
}

/** `data` of a shape with its axes in another order: the axis `order[i]` of `data` becomes axis i. */
export function permute(
  data: Float32Array<ArrayBuffer>,
  shape: readonly number[],
  order: readonly number[],
): Float32Array<ArrayBuffer> {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, extent) => product * extent, 1));
  const result = new Float32Array(data.length);
  let next = 0;
  const copy = (depth: number, offset: number) => {
    const axis = order[depth];
    const stride = strides[axis];
    if (depth < order.length - 1) {
      for (let i = 0; i < shape[axis]; i++) copy(depth + 1, offset + i * stride);
    } else {
      for (let i = 0; i < shape[axis]; i++) result[next++] = data[offset + i * stride];
    }
  };
  copy(0, 0);
  return result;
}

/** Cuts the concatenated parameters of a step into one array for each. */
export function splitParameters(
  all: Float32Array<ArrayBuffer>,
  parameters: readonly { readonly shape: readonly number[] }[],
): Float32Array<ArrayBuffer>[] {
  let offset = 0;
  return parameters.map(({ shape }) => {
    const begin = offset;
    offset += shape.reduce((product, extent) => product * extent, 1);
    return all.slice(begin, offset);
  });
}

/** The Euclidean norm of `after - before`. */
export function distance(after: Float32Array, before: Float32Array): number {
  return Math.sqrt(after.reduce((sum, value, i) => sum + (value - before[i]) ** 2, 0));
}

/** Short runs are repeated until they take about this long, so that waiting for them does not count. */
const LEAST_MILLISECONDS = 200;
const MOST_REPEATS = 50;

/** Answers requests until stdin ends. */
export async function serve<Pending>(engine: Engine<Pending>, adapter: string): Promise<void> {
  // What engines print must not get between the answers.
  console.log = console.error;
  console.info = console.error;
  const say = (answer: object) => void process.stdout.write(`${JSON.stringify(answer)}\n`);
  let runs: Runs<Pending> | null = null;
  let repeats = 1;

  const timed = async (ready: Runs<Pending>): Promise<Timed> => {
    const before = counts.dispatches;
    const begin = performance.now();
    const pending = Array.from({ length: repeats }, () => ready.submit());
    const loss = await ready.finish(pending);
    const milliseconds = (performance.now() - begin) / repeats;
    if (errors.length > 0) throw new Error(errors[0]);
    return { milliseconds, loss, dispatches: Math.round((counts.dispatches - before) / repeats) };
  };
  const prepare = async ({ prepare: task, inputs, result }: PrepareRequest): Promise<Prepared> => {
    const read = async (name: string) => {
      const bytes = await readFile(`${inputs}/${name}.f32`);
      return new Float32Array(Uint8Array.from(bytes).buffer);
    };
    const build = await engine.load(task, read);
    const begin = performance.now();
    const ready = await build();
    const { loss } = await timed(ready);
    const milliseconds = performance.now() - begin;
    const deviceBytes = counts.peakBytes;
    const found = await ready.check(loss);
    if (found instanceof Float32Array) await writeFile(result, new Uint8Array(found.buffer));
    if (task.kind !== "step") {
      const warm = await timed(ready);
      repeats = Math.min(MOST_REPEATS, Math.max(1, Math.round(LEAST_MILLISECONDS / warm.milliseconds)));
    }
    runs = ready;
    const findings = found instanceof Float32Array ? { loss: loss ?? undefined } : found;
    return { milliseconds, deviceBytes, findings };
  };
  const answer = (request: PrepareRequest | RunRequest): Promise<Prepared | Timed> => {
    if ("prepare" in request) return prepare(request);
    return runs ? timed(runs) : Promise.reject(new Error("nothing was prepared"));
  };

  say({ ready: engine.name, adapter });
  for await (const line of createInterface({ input: process.stdin })) {
    const failed = (error: unknown): Failed => ({ error: error instanceof Error ? error.message : String(error) });
    say(await answer(JSON.parse(line)).catch(failed));
  }
  // The GPU object would keep the process alive.
  process.exit(0);
}
