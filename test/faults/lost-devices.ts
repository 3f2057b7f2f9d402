/** A training whose device is lost at some submit. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { type Device, openDevice } from "../../src/engine/device.js";
import { DeviceLostError } from "../../src/errors.js";
import { wrapMethod } from "../engine/observe.js";
import { uninterrupted } from "./kills.js";
import { expectWhole, outcome, trainIn } from "./small-run.js";

/** A training hangs that has not ended after so many milliseconds. */
const TIME_LIMIT = 60_000;

/** Loses the device at its submit number `at`, from 1. */
function loseAt(device: Device, at: number): void {
  let left = at;
  wrapMethod(device.gpu.queue, "submit", (call) => {
    left -= 1;
    if (left === 0) device.gpu.destroy();
    return call();
  });
}

function limited<Result>(work: Promise<Result>): Promise<Result> {
  let timer: ReturnType<typeof setTimeout>;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("the training hangs")), TIME_LIMIT);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/**
 * Loses a device at every `stride`th submit of a training in turn, which then goes on on another one.
 * @returns how many submits that were
 * @throws where the training hangs or ends with another error, a file is not whole, or the result is not that of an uninterrupted one
 */
export async function loseDevices(stride: number): Promise<number> {
  const healthy = await openDevice();
  const expected = await uninterrupted(healthy);
  const parent = await mkdtemp(join(tmpdir(), "simclr-lost-"));
  const folder = join(parent, "run");
  let lost = 0;
  try {
    for (let at = 1; ; at += stride) {
      const device = await openDevice();
      loseAt(device, at);
      const error = await limited(trainIn(folder, device)).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      device.close();
      await expectWhole(folder);
      if (error === undefined) break;
      lost += 1;
      assert.instance(error, DeviceLostError, `lost at submit ${at}: ${String(error)}`);
      await trainIn(folder, healthy);
      assert.equal(await outcome(folder), expected, `after a loss at submit ${at}`);
      await rm(folder, { recursive: true });
    }
  } finally {
    await rm(parent, { recursive: true });
    healthy.close();
  }
  return lost;
}
