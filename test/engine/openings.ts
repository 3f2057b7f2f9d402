/** A program that opens and closes a device, again and again; prints what the process holds after a few times, and in the end. */
import { readdirSync, readFileSync } from "node:fs";
import { openDevice } from "../../src/engine/device.js";

/** Openings after which all has been loaded that is loaded once. */
const FIRST = 5;
const OPENINGS = 25;

/** What a process holds. */
export interface Holdings {
  readonly threads: number;
  /** Open files. */
  readonly handles: number;
  /** MiB in memory. */
  readonly memory: number;
}

function holdings(): Holdings {
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return {
    threads: readdirSync("/proc/self/task").length,
    handles: readdirSync("/proc/self/fd").length,
    memory: Number(kibibytes) / 1024,
  };
}

/** Has the garbage collected: what closed devices have left goes with it. Their objects go in turn, as one lets go of another. */
async function collect(): Promise<void> {
  for (let round = 0; round < 3; round++) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

for (let opening = 1; opening <= OPENINGS; opening++) {
  const device = await openDevice();
  await device.read(device.one);
  device.close();
  await collect();
  if (opening === FIRST || opening === OPENINGS) console.log(JSON.stringify(holdings()));
}
