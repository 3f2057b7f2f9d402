import { type Device, openDevice } from "../engine/device.js";
import { loadChoices } from "../io/choice-file.js";
import { counted } from "../wording.js";

/**
 * Opens the device with the choices of variants that were tuned for it, says which adapter it is, and closes it when `work`
 * is done, however that ends.
 */
export async function withDevice<T>(work: (device: Device) => Promise<T>): Promise<T> {
  const device = await openDevice();
  console.log(`adapter: ${device.adapter.name}`);
  if (device.adapter.software) {
    console.log("         a software adapter: the processor plays GPU, which is correct and slow");
  }
  const { count, warning } = await loadChoices(device);
  if (count > 0) console.log(`kernels: ${counted(count, "tuned choice")}`);
  if (warning !== null) console.log(`kernels: ${warning}`);
  try {
    return await work(device);
  } finally {
    device.close();
  }
}

/** What terminals, systems and lost connections end a process with. */
const ENDINGS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/**
 * A signal for Ctrl-C, and for SIGTERM and SIGHUP: the first one asks for a clean end, of which `ending` tells, and the second one ends
 * at once.
 */
export function interruptSignal(ending = "saving after the step in progress"): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) {
        // A progress bar hides the cursor.
        if (process.stdout.isTTY) process.stdout.write("\x1b[?25h\n");
        process.exit(ENDINGS[name]);
      }
      console.log(`\ninterrupted: ${ending} (Ctrl-C again to stop at once)`);
      controller.abort();
    });
  }
  return controller.signal;
}
