import type { Device, Slab } from "../engine/device.js";
import { once } from "../engine/once.js";
import type { Tape } from "../engine/tape.js";
import { elementsOf, type Tensor } from "../engine/tensor.js";
import { CheckpointError, ShapeError } from "../errors.js";
import { normals, sfc32 } from "../random.js";
import { initialValues } from "./initial-values.js";
import type { ForwardPass, PassOptions, TensorSpec } from "./module.js";
import { NamedTensors, parameterGroups } from "./named-tensors.js";

/** A trained tensor and the place of its gradient. */
export interface Parameter {
  /** What it was made by. */
  readonly spec: TensorSpec;
  /** What is trained. */
  readonly value: Tensor;
  /** Where `placeGradients` puts the gradient, of the same shape. */
  readonly gradient: Tensor;
}

/** Parameters that lie in one buffer, their gradients in another of the same layout. */
export interface ParameterSlab {
  /** The parameters, one after the other. */
  readonly values: Slab;
  /** Their gradients, in the same layout. */
  readonly gradients: Slab;
  /** In the order in which they lie there; all of one `TensorSpec.rate`. */
  readonly parameters: readonly Parameter[];
}

/** The tensors of a model on a device: parameters with gradients, in few buffers, and running statistics. */
export class ModelTensors {
  /** All that is trained: few buffers, so that an optimizer takes few dispatches. */
  readonly slabs: readonly ParameterSlab[];
  readonly #tensors: NamedTensors;

  /**
   * Allocates the tensors and fills them from `seed`.
   * @throws ShapeError where two have the same name, ConfigError where one cannot start as its spec says.
   */
  constructor(
    /** Where they are. */
    readonly device: Device,
    /** What they were made by, in order; names tell them apart. */
    readonly specs: readonly TensorSpec[],
    seed: number,
  ) {
    const trained = parameterGroups(specs).flat();
    const [tensors, gradients] = device.memory.allOrNothing(() => {
      const made = new NamedTensors(device, specs);
      // On paper only, nobody reads the values, and large models have hundreds of millions.
      if (!device.memory.rehearsing) fill(made, specs, seed);
      return [made, this.gradientSlabs()] as const;
    });
    this.#tensors = tensors;
    let next = 0;
    this.slabs = this.#tensors.parameters.map((slab, s) => {
      const parameters = slab.tensors.map((value, i) => ({
        spec: trained[next++],
        value,
        gradient: gradients[s].tensors[i],
      }));
      return { values: slab, gradients: gradients[s], parameters };
    });
  }

  /** The tensor of this name. @throws CheckpointError where the model has none. */
  tensor(name: string): Tensor {
    return this.#tensors.tensor(name);
  }

  /** All parameters, over all slabs. */
  get parameters(): readonly Parameter[] {
    return this.slabs.flatMap((slab) => slab.parameters);
  }

  /** Number of trained values. */
  get parameterCount(): number {
    return this.parameters.reduce((sum, { value }) => sum + value.size, 0);
  }

  /** What a module's forward pass takes; in training, the tape is asked for the gradients of all parameters. */
  pass(tape: Tape, options: PassOptions): ForwardPass {
    if (options.training) tape.watch(...this.parameters.map(({ value }) => value));
    return this.#tensors.pass(tape, options);
  }

  /** Slabs of the layout of the parameters', filled with zeros. */
  gradientSlabs(): Slab[] {
    return parameterGroups(this.specs).flatMap((group) =>
      this.device.slabs(group.map(({ name, shape }) => ({ label: `gradient of ${name}`, shape }))),
    );
  }

  /**
   * After `tape.backward`: makes the gradients land in their slabs, or in others of the same layout.
   * @param elsewhere parameters that may be without a gradient here, for they get one from another recording
   * @throws ShapeError for another parameter without a gradient.
   */
  placeGradients(
    tape: Tape,
    slabs: readonly Slab[] = this.slabs.map((slab) => slab.gradients),
    elsewhere: ReadonlySet<Tensor> = new Set(),
  ): void {
    const places = slabs.flatMap((slab) => slab.tensors);
    this.parameters.forEach(({ spec, value }, i) => {
      const found = tape.gradient(value);
      if (!found && elsewhere.has(value)) return;
      if (!found) throw new ShapeError(`no gradient reaches ${spec.name}: the loss does not depend on it`);
      tape.place(found, places[i]);
    });
  }

  /** All tensors by name, in this library's layouts. */
  async read(): Promise<Map<string, Float32Array<ArrayBuffer>>> {
    const values = new Map<string, Float32Array<ArrayBuffer>>();
    // One after the other, so that the copies share their memory.
    for (const { name } of this.specs) values.set(name, await this.device.read(this.tensor(name)));
    return values;
  }

  /** Overwrites all tensors. @throws CheckpointError where one is missing, has another length, or is not the model's. */
  write(values: ReadonlyMap<string, Float32Array>): void {
    for (const { name, shape } of this.specs) {
      const data = values.get(name);
      if (!data) throw new CheckpointError(`the tensor ${name} is missing: these are weights of another architecture`);
      if (data.length !== elementsOf(shape)) {
        throw new CheckpointError(
          `the tensor ${name} has ${data.length} elements, not ${elementsOf(shape)}: another architecture`,
        );
      }
    }
    for (const name of values.keys()) this.tensor(name);
    for (const { name } of this.specs) this.device.write(this.tensor(name), values.get(name) ?? new Float32Array());
  }

  /** Frees all buffers. */
  readonly dispose = once(() => {
    for (const { gradients } of this.slabs) this.device.free(gradients.all);
    this.#tensors.dispose();
  });
}

/** Gives tensors their initial values. @throws ConfigError where one cannot start as its spec says. */
function fill(tensors: NamedTensors, specs: readonly TensorSpec[], seed: number): void {
  const random = sfc32(seed >>> 0, Math.floor(seed / 2 ** 32), 0x1417);
  const normal = normals(random);
  for (const spec of specs) tensors.device.write(tensors.tensor(spec.name), initialValues(spec, random, normal));
}
