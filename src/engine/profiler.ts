import type { Device } from "./device.js";
import { cutIntoSubmits, encodePass, type Step } from "./submits.js";

/** Where the time of a run goes: one row a kernel. */
export interface KernelProfile {
  /** Its name. */
  readonly kernel: string;
  /** How often it was launched in the run. */
  readonly launches: number;
  /** Of all these launches together. */
  readonly milliseconds: number;
  /** Bytes of the tensors that the launches name. */
  readonly bytes: number;
  /** Floating-point operations of them, by the kernel's header. */
  readonly flops: number;
}

/** Launches that run one after another in a compute pass. */
type Pass = readonly Step[];

/** Passes that are timed in one submit: two timestamps each, and a query set holds 4,096. */
const CHUNK = 2048;

/** Passes that go into one submit. */
function chunksOf(passes: readonly Pass[]): Pass[][] {
  const pieces = cutIntoSubmits(passes, (steps) => steps.reduce((sum, { launch }) => sum + launch.flops, 0));
  return pieces.flatMap((piece) =>
    Array.from({ length: Math.ceil(piece.length / CHUNK) }, (_, i) => piece.slice(i * CHUNK, (i + 1) * CHUNK)),
  );
}

async function timeByTimestamps(device: Device, passes: readonly Pass[]): Promise<number[]> {
  const { gpu, memory } = device;
  const milliseconds: number[] = [];
  for (const chunk of chunksOf(passes)) {
    const querySet = gpu.createQuerySet({ type: "timestamp", count: 2 * chunk.length });
    const resolved = memory.create(
      16 * chunk.length,
      GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
      "timestamps",
    );
    try {
      const encoder = gpu.createCommandEncoder();
      chunk.forEach((steps, i) => {
        encodePass(encoder, steps, { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 });
      });
      encoder.resolveQuerySet(querySet, 0, 2 * chunk.length, resolved, 0);
      const copy = device.copyBytes(encoder, { buffer: resolved, offset: 0 }, 16 * chunk.length);
      gpu.queue.submit([encoder.finish()]);
      const nanoseconds = new BigUint64Array(await copy.finish());
      for (let i = 0; i < chunk.length; i++)
        milliseconds.push(Number(nanoseconds[2 * i + 1] - nanoseconds[2 * i]) / 1e6);
    } finally {
      memory.destroy(resolved);
      querySet.destroy();
    }
  }
  return milliseconds;
}

async function timeByClock(device: Device, passes: readonly Pass[]): Promise<number[]> {
  const milliseconds: number[] = [];
  for (const steps of passes) {
    const start = performance.now();
    const encoder = device.gpu.createCommandEncoder();
    encodePass(encoder, steps);
    device.gpu.queue.submit([encoder.finish()]);
    await device.idle();
    milliseconds.push(performance.now() - start);
  }
  return milliseconds;
}

/** Milliseconds of each pass: by timestamps where the device has them, and else by the clock, with the wait for the device. */
export async function timePasses(device: Device, passes: readonly Pass[]): Promise<number[]> {
  device.check();
  const times = device.has("timestamp-query")
    ? await timeByTimestamps(device, passes)
    : await timeByClock(device, passes);
  device.check();
  return times;
}

/** Times every launch as a pass of its own, and adds up by kernel. */
export async function profileSteps(device: Device, steps: readonly Step[]): Promise<KernelProfile[]> {
  const times = await timePasses(
    device,
    steps.map((step) => [step]),
  );
  const rows = new Map<string, { launches: number; milliseconds: number; bytes: number; flops: number }>();
  steps.forEach(({ launch }, i) => {
    const row = rows.get(launch.kernel.name) ?? { launches: 0, milliseconds: 0, bytes: 0, flops: 0 };
    row.launches += 1;
    row.milliseconds += times[i];
    row.bytes += launch.tensors.reduce((sum, tensor) => sum + tensor.bytes, 0);
    row.flops += launch.flops;
    rows.set(launch.kernel.name, row);
  });
  return [...rows].map(([kernel, row]) => ({ kernel, ...row })).sort((a, b) => b.milliseconds - a.milliseconds);
}
