import { type Device, openDevice } from "../engine/device.js";

/** Opens the device, says which adapter it is, and closes it when `work` is done, however that ends. */
export async function withDevice<T>(work: (device: Device) => Promise<T>): Promise<T> {
  const device = await openDevice();
  console.log(`adapter: ${device.adapter.name}`);
  if (device.adapter.software) {
    console.log("         a software adapter: the processor plays GPU, which is correct and slow");
  }
  try {
    return await work(device);
  } finally {
    device.close();
  }
}

/** A signal for Ctrl-C: the first one asks for a clean end, the second one ends at once. */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  process.on("SIGINT", () => {
    if (controller.signal.aborted) process.exit(130);
    console.log("\ninterrupted: saving after the step in progress (Ctrl-C again to stop at once)");
    controller.abort();
  });
  return controller.signal;
}
