import type { Launch } from "../../src/engine/launch.js";
import { compileProgram } from "../../src/engine/program.js";
import type { Tape } from "../../src/engine/tape.js";
import type { Tensor } from "../../src/engine/tensor.js";
import type { Inputs } from "./inputs.js";

/** Intermediate tensors that launches before `first` write and a later one reads. */
function handedOver(launches: readonly Launch[], first: number): Set<Tensor> {
  const earlier = new Set(launches.slice(0, first).flatMap(({ tensors }) => tensors));
  const later = launches.slice(first).flatMap(({ kernel, tensors }) =>
    // What is only written again is another value.
    tensors.filter((tensor, i) => kernel.bindings[i].access === "read" && !tensor.place),
  );
  return new Set(later.filter((tensor) => earlier.has(tensor)));
}

/**
 * Cuts a recording at launch `first`: the launches from there on can then be compiled alone, as often as one likes. What
 * they read of the launches before lies in tensors of its own, owned by `inputs`, and those launches have run once.
 */
export async function cutRecording(tape: Tape, first: number, inputs: Inputs): Promise<readonly Launch[]> {
  const { device, launches } = tape;
  const shared = handedOver(launches, first);
  for (const tensor of shared) {
    const { shape, type, label } = tensor;
    tape.place(tensor, inputs.keep(device.zeros(shape, type, label)));
  }
  if (shared.size > 0) {
    const before = await compileProgram(device, launches.slice(0, first), {});
    before.run();
    await device.idle();
    before.dispose();
  }
  return launches.slice(first);
}
