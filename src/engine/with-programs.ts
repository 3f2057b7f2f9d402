import type { Device } from "./device.js";
import type { Program } from "./program.js";
import { take } from "./taking.js";
import { compileEach, type Tape } from "./tape.js";
import type { Tensor } from "./tensor.js";

/** Recordings, each with what it keeps. */
export interface Recordings {
  readonly tapes: readonly { readonly tape: Tape; readonly keep?: readonly Tensor[] }[];
}

/**
 * Records, compiles, and works with the programs; whatever happens, everything that was made for it on the device is freed afterwards.
 * @param what is made, for people
 * @throws what `record`, compiling and `work` throw
 * @internal
 */
export async function withPrograms<Recorded extends Recordings, Result>(
  device: Device,
  what: string,
  record: () => Recorded,
  work: (recorded: Recorded, programs: readonly Program[]) => Promise<Result>,
): Promise<Result> {
  const { result: recorded, free } = await take(device, what, record);
  try {
    const programs = await compileEach(recorded.tapes);
    try {
      return await work(recorded, programs);
    } finally {
      for (const program of programs) program.dispose();
    }
  } finally {
    free();
  }
}
