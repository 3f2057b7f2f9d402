/** Kills a training again and again. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { type Device, openDevice } from "../../src/engine/device.js";
import { drawFrom } from "./draw.js";
import { expectWhole, outcome, trainIn } from "./small-run.js";

/** What was counted. */
export interface Kills {
  /** Trainings that were killed, of those that went on with one as well. */
  readonly killed: number;
  /** Of them, in the midst of a write. */
  readonly whileWriting: number;
  /** Runs that a resume finished. */
  readonly resumed: number;
  /** Runs that were killed before there was anything to go on with. */
  readonly begunAgain: number;
}

/** The longest that a training takes, in milliseconds, on a machine that does other things as well. */
const TIME_LIMIT = 120_000;
/** Steps of writing of a whole training, more or less. */
const WRITES = 70;

/** Trains in a process of its own, which is killed some time after it has begun, or kills itself; whether it came to that. */
async function trainAndKill(folder: string, when: { milliseconds: number } | { write: number }): Promise<boolean> {
  const program = fileURLToPath(new URL("training.js", import.meta.url));
  const args = "write" in when ? [String(when.write)] : [];
  const child = spawn(process.execPath, [program, folder, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const output = text(child.stderr);
  const kill = () => child.kill("SIGKILL");
  let timer = setTimeout(kill, TIME_LIMIT);
  if ("milliseconds" in when) {
    child.stdout.once("data", () => {
      clearTimeout(timer);
      timer = setTimeout(kill, when.milliseconds);
    });
  }
  const [code, signal] = await once(child, "exit");
  clearTimeout(timer);
  if (signal === "SIGKILL") return true;
  assert.is(code, 0, `a training that went on after a kill failed: ${await output}`);
  return false;
}

/** What comes of a training that nothing interrupts. */
export async function uninterrupted(device: Device): Promise<Awaited<ReturnType<typeof outcome>>> {
  const folder = await mkdtemp(join(tmpdir(), "simclr-faults-"));
  try {
    await trainIn(join(folder, "run"), device);
    return await outcome(join(folder, "run"));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/**
 * Kills trainings until so many were killed, at moments drawn from `seed`: half of them at any time, half of them in the midst of a
 * write; some are killed once more while they go on.
 * @param onKill called after each
 * @throws where a file is not whole, a resume fails, or its result is not that of the uninterrupted run to the bit
 */
export async function killTrainings(count: number, seed: number, onKill?: (kills: Kills) => void): Promise<Kills> {
  const device = await openDevice();
  await uninterrupted(device);
  const start = performance.now();
  // With everything compiled: from its folder on, a training takes as long.
  const expected = await uninterrupted(device);
  const duration = performance.now() - start;
  const draw = drawFrom(seed);
  const kills = { killed: 0, whileWriting: 0, resumed: 0, begunAgain: 0 };
  const parent = await mkdtemp(join(tmpdir(), "simclr-kills-"));
  try {
    while (kills.killed < count) {
      const folder = join(parent, "run");
      do {
        const isWriting = draw.share() < 0.5;
        const when = isWriting ? { write: 1 + draw.below(WRITES) } : { milliseconds: draw.share() * duration };
        if (!(await trainAndKill(folder, when))) break;
        kills.killed += 1;
        if (isWriting) kills.whileWriting += 1;
        await expectWhole(folder);
      } while (draw.share() < 0.3);
      const how = await trainIn(folder, device);
      if (how === "resumed") kills.resumed += 1;
      else kills.begunAgain += 1;
      assert.equal(await outcome(folder), expected, `after ${kills.killed} kills`);
      await rm(folder, { recursive: true });
      onKill?.(kills);
    }
  } finally {
    await rm(parent, { recursive: true });
    device.close();
  }
  return kills;
}
