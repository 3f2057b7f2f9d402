/** A training whose disk is full from some write on. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { openDevice } from "../../src/engine/device.js";
import { uninterrupted } from "./kills.js";
import { expectWhole, isDiskFull, outcome, trainIn } from "./small-run.js";
import { interceptWrites } from "./writes.js";

/** Steps that need space. */
const TAKES_SPACE: readonly string[] = ["open", "writeFile", "appendFile", "link", "mkdir"];

function full(path: string): never {
  throw Object.assign(new Error(`ENOSPC: no space left on device, write '${path}'`), { code: "ENOSPC" });
}

/** Trains on a disk that is full from its write number `from` on, 0 for one that never is. */
async function trainOnDisk(from: number, work: () => Promise<unknown>): Promise<{ writes: number; error: unknown }> {
  let writes = 0;
  let path = "";
  const stop = interceptWrites(
    (step) => {
      if (!TAKES_SPACE.includes(step)) return "done";
      writes += 1;
      return from > 0 && writes >= from ? "half" : "done";
    },
    (where) => {
      path ||= where;
      return full(where);
    },
  );
  try {
    const error = await work().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (from > 0 && writes >= from) assert.ok(isDiskFull(error, named(path)), `full at ${path}: ${String(error)}`);
    else assert.is(error, undefined, `a training with space: ${String(error)}`);
    return { writes, error };
  } finally {
    stop();
  }
}

/** The path that a user knows: that of the file which a temporary one becomes. */
function named(path: string): string {
  return path.replace(/\.tmp-[\d-]+$|\.[a-z\d]+-\d+-[a-z\d]+$/, "");
}

/**
 * Has the disk be full from every `stride`th write on, in turn; then there is space again, and the training goes on.
 * @returns how many writes that were
 * @throws where the error is another, a file is not whole, or the result is not that of the training with space
 */
export async function fillDisks(stride: number): Promise<number> {
  const device = await openDevice();
  const expected = await uninterrupted(device);
  const parent = await mkdtemp(join(tmpdir(), "simclr-full-"));
  const folder = join(parent, "run");
  let failed = 0;
  try {
    for (let from = 1; ; from += stride) {
      const { error } = await trainOnDisk(from, () => trainIn(folder, device));
      await expectWhole(folder);
      if (error === undefined) break;
      failed += 1;
      await trainIn(folder, device);
      assert.equal(await outcome(folder), expected, `after a disk that was full from write ${from} on`);
      await rm(folder, { recursive: true });
    }
  } finally {
    await rm(parent, { recursive: true });
    device.close();
  }
  return failed;
}
