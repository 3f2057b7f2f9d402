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

/** Milliseconds in which work that nothing is lost of may clear up behind itself. */
const TIME_TO_CLEAR_UP = 500;

/** What a command does about Ctrl-C, and about SIGTERM and SIGHUP. */
export interface Interruption {
  /** Aborted by the first of them. */
  readonly signal: AbortSignal;
  /** From here on there is something to save: the first one asks for a clean end, of which `ending` tells. */
  save(ending?: string): void;
}

/** Heeds Ctrl-C, SIGTERM and SIGHUP: until there is something to save, the first one ends the process, and always the second one. */
export function heedInterruption(): Interruption {
  const controller = new AbortController();
  let saving: string | null = null;
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    const end = () => {
      // A progress bar hides the cursor.
      if (process.stdout.isTTY) process.stdout.write("\x1b[?25h\n");
      process.exit(ENDINGS[name]);
    };
    process.on(name, () => {
      if (controller.signal.aborted) end();
      if (saving === null) setTimeout(end, TIME_TO_CLEAR_UP);
      console.log(
        saving === null
          ? "\ninterrupted: nothing new was there to be saved"
          : `\ninterrupted: ${saving} (Ctrl-C again to stop at once)`,
      );
      controller.abort();
    });
  }
  return {
    signal: controller.signal,
    save(ending = "saving after the step in progress, or leaving the evaluation for later") {
      saving = ending;
    },
  };
}
