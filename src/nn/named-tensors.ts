import type { Device, Slab } from "../engine/device.js";
import type { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { CheckpointError, ShapeError } from "../errors.js";
import type { ForwardPass, PassOptions, TensorSpec } from "./module.js";

/** Those that are trained, in groups that share no buffer: by the learning rate of the schedule, and by a constant one. */
export function parameterGroups(specs: readonly TensorSpec[]): readonly (readonly TensorSpec[])[] {
  const trained = specs.filter(({ role }) => role !== "statistic");
  return [false, true].map((constant) => trained.filter(({ rate }) => (rate === "constant") === constant));
}

/** Tensors on a device by the names of their specs, filled with zeros. */
export class NamedTensors {
  /** The parameters, in few buffers and in the order of `parameterGroups`. */
  readonly parameters: readonly Slab[];
  readonly #statistics: readonly Slab[];
  readonly byName: ReadonlyMap<string, Tensor>;

  /** @throws ShapeError where two have the same name. */
  constructor(
    readonly device: Device,
    specs: readonly TensorSpec[],
  ) {
    const names = new Set<string>();
    for (const { name } of specs) {
      if (names.has(name)) throw new ShapeError(`two tensors of the model are called ${name}`);
      names.add(name);
    }
    const allocate = (own: readonly TensorSpec[]) =>
      device.slabs(own.map(({ name, shape }) => ({ label: name, shape })));
    [this.parameters, this.#statistics] = device.memory.allOrNothing(() => [
      parameterGroups(specs).flatMap(allocate),
      allocate(specs.filter(({ role }) => role === "statistic")),
    ]);
    const tensors = [...this.parameters, ...this.#statistics].flatMap((slab) => slab.tensors);
    this.byName = new Map(tensors.map((tensor) => [tensor.label, tensor]));
  }

  /** The tensor of this name. @throws CheckpointError where there is none. */
  tensor(name: string): Tensor {
    const tensor = this.byName.get(name);
    if (!tensor) throw new CheckpointError(`the model has no tensor called ${name}: it is of another architecture`);
    return tensor;
  }

  /** What a module's forward pass takes. The tape is asked for no gradients. */
  pass(
    tape: Tape,
    { training, movesRunning = training, recompute = false, operands, drawn }: PassOptions,
  ): ForwardPass {
    const segment = (name: string, record: () => Tensor) =>
      tape.scope(name, () => (recompute ? tape.checkpoint(record) : record()));
    return { tape, training, movesRunning, operands, drawn, tensor: (name) => this.tensor(name), segment };
  }

  /** Frees all buffers. */
  dispose(): void {
    for (const { all } of [...this.parameters, ...this.#statistics]) this.device.free(all);
  }
}
