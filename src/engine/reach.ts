import type { KernelDefinition } from "../../kernels/definition.js";
import type { Tensor } from "./tensor.js";

/** Where a gradient would end on its way back although it should go on. */
export interface Cut {
  /** What has no gradient, for example "the kernel transpose". */
  readonly by: string;
  /** What it read: a tensor that a gradient has to reach. */
  readonly source: Tensor;
  /** True where that was watched after it had been read: operations in between did not know of it. */
  readonly late?: boolean;
}

/** A cut in words, for the message of an error: what is the matter with `tensor`. */
export function describeCut(tensor: Tensor, { by, source }: Cut): string {
  const written = source.base === tensor.base;
  return written
    ? `${by}, which has no gradient, wrote to ${tensor} after it was computed`
    : `${tensor} comes from ${source} through ${by}, which has no gradient`;
}

/**
 * Which tensors of a recording a gradient has to reach, and through which none can pass. A tensor is
 * - tracked, where it is watched, or an operation told how it came from tracked ones;
 * - cut, where a kernel wrote it that read a tracked or cut tensor, and no operation told how to differentiate that;
 * - stopped, where `stop` says that no gradient is meant to pass;
 * - none of these, where it depends on nothing that is watched.
 * A view counts as the tensor it shows, unless it was stopped or is itself an operation's output.
 */
export class Reach {
  readonly #tracked = new Set<Tensor>();
  readonly #watched = new Set<Tensor>();
  readonly #stopped = new Set<Tensor>();
  readonly #cuts = new Map<Tensor, Cut>();
  readonly #launched: { readonly kernel: KernelDefinition; readonly tensors: readonly Tensor[] }[] = [];

  /** The tensor that is spoken of where `tensor` may be a view of it. */
  of(tensor: Tensor): Tensor {
    const { shown } = tensor;
    const isKnown = this.#tracked.has(tensor) || this.#stopped.has(tensor) || this.#cuts.has(tensor);
    return isKnown || !shown ? tensor : this.of(shown);
  }

  /** What was computed from these tensors before they were watched, nobody can differentiate any more: it is cut. */
  watch(tensors: readonly Tensor[]): void {
    const known = new Set(tensors.map((tensor) => this.of(tensor)));
    const late = new Map([...known].filter((tensor) => !this.#tracked.has(tensor)).map((tensor) => [tensor, tensor]));
    for (const tensor of known) {
      this.#tracked.add(tensor);
      this.#watched.add(tensor);
    }
    for (const { kernel, tensors } of this.#launched) {
      const source = tensors
        .filter((_, i) => kernel.bindings[i].access === "read")
        .map((tensor) => late.get(this.of(tensor)))
        .find((found) => found !== undefined);
      if (!source) continue;
      for (const written of writtenBy(kernel, tensors).map((tensor) => this.of(tensor))) {
        if (this.#tracked.has(written) || this.#stopped.has(written)) continue;
        late.set(written, source);
        this.#cuts.set(written, { by: `the kernel ${kernel.name} before that was watched`, source, late: true });
      }
    }
  }

  stop(view: Tensor): void {
    this.#stopped.add(view);
  }

  tracks(tensor: Tensor): boolean {
    return this.#tracked.has(this.of(tensor));
  }

  /** Why no gradient passes a tensor; undefined where one does, or where none has to. */
  cutOf(tensor: Tensor): Cut | undefined {
    return this.#cuts.get(this.of(tensor));
  }

  /** Notes that a kernel was launched on tensors, in the order of its bindings: what it wrote is cut, for the time being. */
  launched(kernel: KernelDefinition, tensors: readonly Tensor[]): void {
    this.#launched.push({ kernel, tensors });
    const cut = this.cutBehind(`the kernel ${kernel.name}`, tensors);
    if (cut) for (const tensor of writtenBy(kernel, tensors)) this.wrote(tensor, cut);
  }

  /** Notes that what is behind a cut was written to a tensor. A watched tensor begins anew with what is written to it. */
  wrote(tensor: Tensor, cut: Cut): void {
    const known = this.of(tensor);
    if (this.#stopped.has(known)) this.wrote(known.shown ?? known.base, cut);
    else if (!this.#watched.has(known)) this.#cuts.set(known, cut);
  }

  /** The cut that lies before what comes from these tensors through something without a gradient; undefined where none does. */
  cutBehind(by: string, tensors: readonly Tensor[]): Cut | undefined {
    for (const tensor of tensors) {
      const cut = this.cutOf(tensor) ?? (this.tracks(tensor) ? { by, source: tensor } : undefined);
      if (cut) return cut;
    }
    return undefined;
  }

  /** Notes that an operation told how an output came from tracked tensors. */
  derived(output: Tensor): void {
    this.#tracked.add(output);
    this.#cuts.delete(output);
  }
}

function writtenBy(kernel: KernelDefinition, tensors: readonly Tensor[]): readonly Tensor[] {
  return tensors.filter((_, i) => kernel.bindings[i].access === "read_write");
}
