/** A training of many steps, whose memory and time are looked at on the way. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memoryUsage } from "node:process";
import { openDevice } from "../../src/engine/device.js";
import { startRun } from "../../src/runs/run.js";
import { CONFIG, IMAGES } from "./small-run.js";

const MEBIBYTE = 2 ** 20;
/** Parts of the training that are compared. */
const PARTS = 10;

/** What a part of the training took. */
export interface Part {
  /** MiB of the process in memory at its end. */
  readonly hostMemory: number;
  /** Bytes on the device at its end. */
  readonly deviceBytes: number;
  /** Milliseconds of a step, the median. */
  readonly stepTime: number;
}

/** Trains so many steps, a multiple of 50, with metrics and a checkpoint every tenth of them; what each tenth took. */
export async function soak(steps: number): Promise<readonly Part[]> {
  const device = await openDevice();
  const parent = await mkdtemp(join(tmpdir(), "simclr-soak-"));
  const parts: Part[] = [];
  let times: number[] = [];
  let last = performance.now();
  try {
    const epochs = steps / 5;
    const config = { ...CONFIG, epochs, evaluateEvery: 0, checkpointEvery: steps / PARTS };
    await startRun(device, IMAGES, config, {
      folder: join(parent, "run"),
      brief: true,
      onStep: ({ step }) => {
        const now = performance.now();
        times.push(now - last);
        last = now;
        if (step % (steps / PARTS) > 0) return;
        const stepTime = times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
        times = [];
        globalThis.gc?.();
        parts.push({ hostMemory: memoryUsage.rss() / MEBIBYTE, deviceBytes: device.memory.currentBytes, stepTime });
      },
    });
    return parts;
  } finally {
    await rm(parent, { recursive: true });
    device.close();
  }
}
