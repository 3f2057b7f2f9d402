import { DeviceLostError, GpuValidationError, OutOfMemoryError } from "../errors.js";
import type { Device } from "./device.js";
import type { Taken } from "./memory.js";

/**
 * Does work that makes buffers and waits for nothing, on a device that may not have the memory: it says so only later.
 * @param undo gives back what the work took
 * @param what the work took, for people
 * @throws OutOfMemoryError where the device has not enough memory, GpuValidationError for what else it refuses; nothing is taken then,
 * and the device stays usable. What `work` throws; the first error that happened on the device.
 */
export async function checked<Result>(
  device: Device,
  work: () => Result,
  undo: (result: Result) => void,
  what: (result: Result) => string,
): Promise<Result> {
  device.check();
  const { gpu } = device;
  // Writing to a buffer for which there was no memory is refused: told by the first error, it is no second one.
  gpu.pushErrorScope("validation");
  gpu.pushErrorScope("out-of-memory");
  const pop = () => [gpu.popErrorScope(), gpu.popErrorScope()];
  let result: Result;
  try {
    result = work();
  } catch (error) {
    await Promise.allSettled(pop());
    throw error;
  }
  try {
    const [shortage, refused] = await Promise.all(pop()).catch(async (cause: unknown) => {
      // A lost device has no scopes, and says that it is lost once the queue has settled.
      await device.idle();
      throw new DeviceLostError(`the GPU did not answer: ${String(cause)}`, { cause });
    });
    if (shortage) throw new OutOfMemoryError(`no device memory for ${what(result)}: ${shortage.message}`);
    if (refused) throw new GpuValidationError(refused.message);
    return result;
  } catch (error) {
    undo(result);
    throw error;
  }
}

/**
 * Does work that makes tensors and waits for nothing, and remembers what it takes.
 * @param what is made, for people: "a model and its optimizer"
 * @throws as `checked` does; nothing is taken then.
 * @internal
 */
export function take<Result>(device: Device, what: string, work: () => Result): Promise<Taken<Result>> {
  return checked(
    device,
    () => device.memory.collect(work),
    ({ free }) => free(),
    () => what,
  );
}
