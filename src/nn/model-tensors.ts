import type { Device, Slab } from "../engine/device.js";
import type { Tape } from "../engine/tape.js";
import { elementsOf, type Tensor } from "../engine/tensor.js";
import { CheckpointError, ShapeError } from "../errors.js";
import { normals, sfc32 } from "../random.js";
import type { ForwardPass, PassOptions, TensorSpec } from "./module.js";

/** A trained tensor and the place of its gradient. */
export interface Parameter {
  readonly spec: TensorSpec;
  readonly value: Tensor;
  readonly gradient: Tensor;
}

/** Parameters that lie in one buffer, their gradients in another of the same layout. */
export interface ParameterSlab {
  readonly values: Slab;
  readonly gradients: Slab;
  readonly parameters: readonly Parameter[];
}

/** The values a tensor starts with. `normal` draws from `random`. */
export function initialValues(
  { shape, initial }: TensorSpec,
  random: () => number,
  normal: () => number,
): Float32Array<ArrayBuffer> {
  const values = new Float32Array(elementsOf(shape));
  if (initial.kind === "constant") return values.fill(initial.value);
  if (initial.kind === "kaiming-normal") {
    const deviation = Math.sqrt(2 / initial.fanOut);
    return values.map(() => deviation * normal());
  }
  const reach = 1 / Math.sqrt(initial.fanIn);
  return values.map(() => reach * ((2 * random()) / 2 ** 32 - 1));
}

/** The tensors of a model on a device: parameters with gradients, in few buffers, and running statistics. */
export class ModelTensors {
  readonly slabs: readonly ParameterSlab[];
  readonly #statistics: readonly Slab[];
  readonly #byName = new Map<string, Tensor>();

  /** Allocates the tensors and fills them from `seed`. @throws ShapeError where two have the same name. */
  constructor(
    readonly device: Device,
    readonly specs: readonly TensorSpec[],
    seed: number,
  ) {
    const trained = specs.filter((spec) => spec.role !== "statistic");
    const statistics = specs.filter((spec) => spec.role === "statistic");
    const shapes = (list: readonly TensorSpec[]) => list.map(({ name, shape }) => ({ label: name, shape }));
    const values = device.slabs(shapes(trained));
    const gradients = device.slabs(trained.map(({ name, shape }) => ({ label: `gradient of ${name}`, shape })));
    this.#statistics = device.slabs(shapes(statistics));
    let next = 0;
    this.slabs = values.map((slab, s) => {
      const parameters = slab.tensors.map((value, i) => ({
        spec: trained[next++],
        value,
        gradient: gradients[s].tensors[i],
      }));
      return { values: slab, gradients: gradients[s], parameters };
    });
    const places = [...values, ...this.#statistics].flatMap((slab) => slab.tensors);
    [...trained, ...statistics].forEach((spec, i) => {
      if (this.#byName.has(spec.name)) throw new ShapeError(`two tensors of the model are called ${spec.name}`);
      this.#byName.set(spec.name, places[i]);
    });
    // On paper only, nobody reads the values, and large models have hundreds of millions.
    if (device.memory.rehearsing) return;
    const random = sfc32(seed >>> 0, Math.floor(seed / 2 ** 32), 0x1417);
    const normal = normals(random);
    for (const spec of specs) device.write(this.tensor(spec.name), initialValues(spec, random, normal));
  }

  /** The tensor of this name. @throws CheckpointError where the model has none. */
  tensor(name: string): Tensor {
    const tensor = this.#byName.get(name);
    if (!tensor) throw new CheckpointError(`the model has no tensor called ${name}: it is of another architecture`);
    return tensor;
  }

  /** All parameters, over all slabs. */
  get parameters(): readonly Parameter[] {
    return this.slabs.flatMap((slab) => slab.parameters);
  }

  /** Number of trained values. */
  get parameterCount(): number {
    return this.parameters.reduce((sum, { value }) => sum + value.size, 0);
  }

  /** What a module's forward pass takes. */
  pass(tape: Tape, { training, movesRunning = training, recompute = false }: PassOptions): ForwardPass {
    if (training) tape.watch(...this.parameters.map(({ value }) => value));
    const segment = (name: string, record: () => Tensor) =>
      tape.scope(name, () => (recompute ? tape.checkpoint(record) : record()));
    return { tape, training, movesRunning, tensor: (name) => this.tensor(name), segment };
  }

  /** Slabs of the layout of the gradients', filled with zeros. */
  gradientSlabs(): Slab[] {
    const shapes = this.parameters.map(({ spec, gradient }) => ({ label: gradient.label, shape: spec.shape }));
    return this.device.slabs(shapes);
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
  write(values: ReadonlyMap<string, Float32Array<ArrayBuffer>>): void {
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
  dispose(): void {
    for (const { values, gradients } of this.slabs) {
      this.device.free(values.all);
      this.device.free(gradients.all);
    }
    for (const slab of this.#statistics) this.device.free(slab.all);
  }
}
