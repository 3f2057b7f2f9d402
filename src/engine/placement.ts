import type { KernelBinding } from "../../kernels/definition.js";
import type { Launch } from "./launch.js";
import type { Tensor } from "./tensor.js";

/** Whether two tensors have memory in common. */
export function overlap(a: Tensor, b: Tensor): boolean {
  if (a.base === b.base) return true;
  const [p, q] = [a.place, b.place];
  if (!p || !q || p.buffer !== q.buffer) return false;
  return p.offset < q.offset + b.bytes && q.offset < p.offset + a.bytes;
}

function shareBuffer(a: Tensor, b: Tensor): boolean {
  return a.base === b.base || (a.place !== null && a.place.buffer === b.place?.buffer);
}

/**
 * Two bindings of a launch that WebGPU does not allow together: in one dispatch a buffer is either read or written, as a whole, and
 * what is written has no memory in common.
 */
export function conflictingBindings(
  bindings: readonly KernelBinding[],
  tensors: readonly Tensor[],
): readonly [first: number, second: number] | null {
  for (const [i, a] of tensors.entries()) {
    for (let j = i + 1; j < tensors.length; j++) {
      const b = tensors[j];
      if (!shareBuffer(a, b)) continue;
      const onlyRead = bindings[i].access === "read" && bindings[j].access === "read";
      const onlyWritten = bindings[i].access === "read_write" && bindings[j].access === "read_write";
      if (!onlyRead && !(onlyWritten && !overlap(a, b))) return [i, j];
    }
  }
  return null;
}

/**
 * Whether an intermediate tensor may lie where `at` lies from the start: no launch from the first that writes it on names the memory
 * of `at`, which would show the new elements instead of the old ones or the other way round, and none comes to have
 * `conflictingBindings` by it.
 */
export function canLieAt(launches: readonly Launch[], tensor: Tensor, at: Tensor): boolean {
  const first = launches.findIndex(({ tensors }) => tensors.includes(tensor));
  if (first < 0) return true;
  return launches.slice(first).every(({ kernel, tensors }) => {
    if (tensors.some((other) => other !== tensor && overlap(other, at))) return false;
    if (!tensors.includes(tensor)) return true;
    const placed = tensors.map((other) => (other === tensor ? at : other));
    return conflictingBindings(kernel.bindings, placed) === null;
  });
}
