import { type Device, openDevice } from "../engine/device.js";
import { loadChoices } from "../io/choice-file.js";
import { counted } from "../wording.js";
import { say, terminal } from "./output.js";

/**
 * Opens the device with the choices of variants that were tuned for it, says which adapter it is, and closes it when `work`
 * is done, however that ends.
 */
export async function withDevice<T>(work: (device: Device) => Promise<T>): Promise<T> {
  const device = await openDevice();
  say(`adapter: ${device.adapter.name}`);
  if (device.adapter.software) {
    say("         a software adapter: the processor plays GPU, which is correct and slow");
  }
  const { count, warning } = await loadChoices(device);
  if (count > 0) say(`kernels: ${counted(count, "tuned choice")}`);
  if (warning !== null) say(`kernels: ${warning}`);
  try {
    return await work(device);
  } finally {
    device.close();
  }
}

/** What a command does about Ctrl-C, and about SIGTERM and SIGHUP. */
export interface Interruption {
  /** Aborted by the first of them, where there is something to save. */
  readonly signal: AbortSignal;
  /**
   * From here on there is something to save: the first one asks for a clean end, of which `ending` tells, and the second one ends at once.
   * Until then each ends the process at once, as if nobody heeded it: what computes or compiles could not always be asked to.
   */
  save(ending?: string): void;
}

/** Makes ready to save what there is on Ctrl-C, SIGTERM and SIGHUP. */
export function heedInterruption(): Interruption {
  const controller = new AbortController();
  let ending: string | null = null;
  const heed = () => {
    for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.on(name, () => {
        if (controller.signal.aborted) {
          // A progress bar hides the cursor.
          terminal()?.write("\x1b[?25h\n");
          // An exit would wait for pipelines that are being compiled.
          process.removeAllListeners(name);
          process.kill(process.pid, name);
          return;
        }
        say(`\ninterrupted: ${ending} (Ctrl-C again to stop at once)`);
        controller.abort();
      });
    }
  };
  return {
    signal: controller.signal,
    save(text = "saving after the step in progress, or leaving the evaluation for later") {
      if (ending === null) heed();
      ending = text;
    },
  };
}
