import type { KernelDefinition } from "../../kernels/definition.js";
import * as kernels from "../../kernels/generated.js";
import { GradientError, ShapeError, UsageError } from "../errors.js";
import type { Site, Variant } from "./choices.js";
import type { Device } from "./device.js";
import type { Launch, Recorder } from "./launch.js";
import { type ConstantValues, constantsOf } from "./pipelines.js";
import { canLieAt, conflictingBindings, overlap } from "./placement.js";
import type { MemoryPlan } from "./planner.js";
import { type CompileOptions, compileProgram, type Program, reserveMemory } from "./program.js";
import { type Cut, describeCut, Reach } from "./reach.js";
import { type ElementType, expectShape, expectType, Tensor } from "./tensor.js";

/**
 * From the gradient of an operation's output to those of its inputs, of their shapes and types; null for an input that needs none
 * (see `Tape.needsGradient`).
 */
export type Backward = (gradient: Tensor) => readonly (Tensor | null)[];

interface Node {
  readonly inputs: readonly Tensor[];
  readonly output: Tensor;
  readonly backward: Backward;
  readonly scope: string;
  /** The first input that no gradient can pass, though it has to. */
  readonly cut?: CutInput;
  /** What of its inputs was written over since: what its gradient is computed from may not be there any more. */
  overwritten?: Tensor;
}

interface CutInput {
  readonly input: Tensor;
  readonly cut: Cut;
}

/** What to do about a cut. */
const REMEDY = "Use an operation that has a gradient, or stopGradient(tape, x) on what it reads where the cut is meant";

/**
 * Records kernel launches and how to differentiate them. Nothing runs while recording: `compile` turns the launches into
 * a `Program` that can be run any number of times.
 */
export class Tape implements Recorder {
  /** @internal */
  readonly launches: Launch[] = [];
  #nodes: Node[] = [];
  #keepsNodes = true;
  #recomputing = false;
  #goingBack = false;
  #scope = "";
  readonly #reach = new Reach();
  #gradients = new Map<Tensor, Tensor>();

  /** An empty recording. */
  constructor(
    /** What it is recorded for. */
    readonly device: Device,
  ) {}

  /** True while a checkpointed segment is recorded the second time: what a layer does once a step must not be done again. */
  get recomputing(): boolean {
    return this.#recomputing;
  }

  /**
   * An intermediate tensor, of f32 by default. Its memory is used again after the last launch that names it.
   * @throws ShapeError where an extent is no whole number from 1 up.
   */
  tensor(shape: readonly number[], label: string, type: ElementType = "f32"): Tensor {
    return new Tensor(shape, type, label);
  }

  /**
   * Records a kernel call. Bindings of activations take f32 or f16, all of them the same: that decides on the kernel's form.
   * @throws ShapeError where a tensor is missing, or has another number of elements or another type than the kernel's header says,
   * a name is not the kernel's, or its workgroups are none or too many;
   * UsageError where a tensor is freed or of another device, and where the kernel would read what it writes; ConfigError for f16 on
   * a device without it.
   */
  launch<Bindings extends string, Params extends string, Constants extends string>(
    kernel: KernelDefinition<Bindings, Params, Constants>,
    bindings: Readonly<Record<Bindings, Tensor>>,
    params: Readonly<Record<Params, number>>,
    constants?: ConstantValues<Exclude<Constants, "HALF">>,
  ): void {
    const definition: KernelDefinition = kernel;
    checkNames(kernel, bindings, params, constants ?? {});
    const half = kernel.bindings.some(({ name, element }) => element === "stored" && bindings[name].type === "f16");
    if (half) this.device.requireHalf();
    const chosen: ConstantValues = half ? { ...constants, HALF: true } : { ...constants };
    const values = { ...params, ...constantsOf(definition, chosen) };
    const expected = kernel.shapes(values);
    const tensors = kernel.bindings.map(({ name, element }) => {
      const tensor = bindings[name];
      const type = element === "stored" ? (half ? "f16" : "f32") : element;
      if (tensor.size !== expected[name] || tensor.type !== type) {
        const only = element === "f32" && tensor.type === "f16" ? " (there is no form for f16: see toFloat)" : "";
        throw new ShapeError(
          `${kernel.name}: ${name} must hold ${expected[name]} elements of ${type}; ${tensor} holds ${tensor.size} of ${tensor.type}${only}`,
        );
      }
      if (tensor.place) this.device.placeOf(tensor);
      return tensor;
    });
    const conflict = conflictingBindings(kernel.bindings, tensors);
    if (conflict) {
      const [first, second] = conflict.map((i) => `${kernel.bindings[i].name}, ${tensors[i]},`);
      throw new UsageError(
        `${kernel.name}: ${first} and ${second} lie in one buffer, and a kernel must not read what it writes: write to a tensor of its own, and place that (see Tape.place)`,
      );
    }
    const workgroups = kernel.workgroups(values);
    checkWorkgroups(kernel.name, workgroups, this.device.gpu.limits.maxComputeWorkgroupsPerDimension);
    this.#reach.launched(definition, tensors);
    this.launches.push({
      kernel: definition,
      tensors: tensors.map(({ base }) => base),
      params: values,
      constants: chosen,
      workgroups,
      flops: kernel.flops(values),
      scope: this.#scope,
    });
  }

  /** Names all launches that `record` leads to, now and while gradients come back through it: the innermost name counts. */
  scope<Result>(name: string, record: () => Result): Result {
    const outer = this.#scope;
    this.#scope = name;
    try {
      return record();
    } finally {
      this.#scope = outer;
    }
  }

  /**
   * Records an operation that has variants, with the one that the device's choices name; returns what its `record` does.
   * @throws what the site's `record` throws: see `launch`.
   */
  record<V extends Variant, Result>(site: Site<V, Result>, inputs: readonly Tensor[]): Result {
    const { choices, memory } = this.device;
    return site.record(this, memory.rehearsing ? choices.choose(site) : choices.pick(site), inputs);
  }

  /** Asks for the gradients of these tensors, of what is recorded from here on: no gradient passes what was computed before. */
  watch(...tensors: readonly Tensor[]): void {
    this.#reach.watch(tensors);
  }

  /** Says that no gradient is meant to pass a view made for this: what is computed from it is constant. See the operation `stopGradient`. */
  stop(view: Tensor): void {
    this.#reach.stop(view);
  }

  /** True where a gradient has to reach this tensor: it is watched, or computed from a watched one. */
  needsGradient(tensor: Tensor): boolean {
    return this.#reach.tracks(tensor);
  }

  /**
   * Tells the tape how `output` came from `inputs`, after the launches that write it; `backward` is called while `backward()`
   * records. The inputs are all tensors that the output depends on smoothly. Where a kernel that reads a tensor which needs a
   * gradient is launched without this, no gradient passes what it writes, and `backward()` refuses to come there.
   */
  differentiate(inputs: readonly Tensor[], output: Tensor, backward: Backward): void {
    // Gradients have no gradients: what is computed from them on the way back is cut.
    if (this.#goingBack || !inputs.some((input) => this.#reach.tracks(input))) return;
    const [cut] = this.#cutsOf(inputs);
    this.#reach.derived(output);
    if (this.#keepsNodes) this.#nodes.push({ inputs, output, backward, scope: this.#scope, cut });
  }

  #cutsOf(tensors: readonly Tensor[]): CutInput[] {
    return tensors.flatMap((input) => {
      const cut = this.#reach.cutOf(input);
      return cut ? [{ input, cut }] : [];
    });
  }

  /**
   * Records the launches that compute the gradient of `output` with respect to every watched tensor. Called again, it adds
   * to the gradients that are there. A gradient has the shape and type of its tensor. Where it throws, it leaves the tape as it was.
   * @param seed the gradient of `output` itself; without it, 1 for an output of one element.
   * @throws ShapeError where there is no seed and the output has more than one element, or depends on no watched tensor, or where
   * an operation gives a gradient of another shape or type than its input's; GradientError where the gradient would come to a
   * tensor that a kernel without a gradient computed from watched ones: `stopGradient` says that this is meant; or through an
   * operation whose input was placed over since.
   */
  backward(output: Tensor, seed?: Tensor): void {
    if (!this.needsGradient(output)) {
      const cut = this.#reach.cutOf(output);
      if (cut) throw new GradientError(`${output} has no gradient: ${describeCut(output, cut)}. ${REMEDY}`);
      throw new ShapeError(`${output} does not depend on a watched tensor`);
    }
    if (!seed && output.size !== 1)
      throw new ShapeError(`${output} has ${output.size} elements: give the gradient to start from`);
    const start = seed ?? this.device.one.view(output.shape);
    expectShape(start, output.shape, "as the output that it is the gradient of");
    expectType(start, output.type, "as the output that it is the gradient of");
    const before = { gradients: this.#gradients, nodes: this.#nodes, launches: this.launches.length };
    const known = this.#reach.of(output);
    // A gradient has the shape of the tensor that the tape knows, whatever view of it is the output.
    this.#gradients = new Map([[known, known === output ? start : start.view(known.shape)]]);
    this.#nodes = [];
    let found: ReadonlyMap<Tensor, Tensor>;
    try {
      this.#walk(before.nodes);
      found = this.#gradients;
    } catch (error) {
      this.launches.length = before.launches;
      throw error;
    } finally {
      this.#gradients = before.gradients;
      this.#nodes = before.nodes;
    }
    for (const [tensor, gradient] of found) this.#accumulate(tensor, gradient);
  }

  #walk(nodes: readonly Node[]): void {
    for (const { inputs, output, backward, scope, cut, overwritten } of nodes.toReversed()) {
      const gradient = this.#gradients.get(output);
      if (!gradient) continue;
      // Besides what was cut when the operation was recorded: what was written over, and what was watched too late.
      const found = cut ?? this.#cutsOf([output])[0] ?? this.#cutsOf(inputs).find((other) => other.cut.late);
      if (found) {
        throw new GradientError(
          `the gradient of ${output} would be cut: ${describeCut(found.input, found.cut)}. ${REMEDY}`,
        );
      }
      if (overwritten) {
        throw new GradientError(
          `the gradient of ${output} would be wrong: ${overwritten}, which it was computed from, was written over by Tape.place; place after backward()`,
        );
      }
      const gradients = this.scope(scope, () => this.#comingBack(true, () => backward(gradient)));
      inputs.forEach((input, i) => {
        if (!this.needsGradient(input)) return;
        const contribution = gradients[i];
        if (!contribution) {
          throw new GradientError(
            `the gradient of ${output} would be cut: its operation gives none to ${input}. ${REMEDY}`,
          );
        }
        this.scope(scope, () => this.#accumulate(input, contribution));
      });
    }
  }

  /** Records while gradients come back through an operation, or while it is recorded the second time. */
  #comingBack<Result>(goingBack: boolean, record: () => Result): Result {
    const outer = this.#goingBack;
    this.#goingBack = goingBack;
    try {
      return record();
    } finally {
      this.#goingBack = outer;
    }
  }

  #accumulate(input: Tensor, contribution: Tensor): void {
    expectShape(contribution, input.shape, `as the gradient of ${input}`);
    expectType(contribution, input.type, `as the gradient of ${input}`);
    const tensor = this.#reach.of(input);
    const added = tensor === input ? contribution : contribution.view(tensor.shape);
    const before = this.#gradients.get(tensor);
    if (!before) {
      this.#gradients.set(tensor, added);
      return;
    }
    const sum = this.tensor(tensor.shape, `gradient of ${tensor.label}`, tensor.type);
    this.launch(kernels.add, { a: before, b: added, y: sum }, { elements: sum.size });
    this.#gradients.set(tensor, sum);
  }

  /** The gradient that `backward` found for a tensor; null where none reached it, for which `gradientOf` throws. */
  gradient(tensor: Tensor): Tensor | null {
    const known = this.#reach.of(tensor);
    const gradient = this.#gradients.get(known) ?? null;
    return known === tensor ? gradient : (gradient?.view(tensor.shape) ?? null);
  }

  /** The gradient that `backward` found for a tensor. @throws GradientError where none reached it, for which `gradient` gives null. */
  gradientOf(tensor: Tensor): Tensor {
    const gradient = this.gradient(tensor);
    if (gradient) return gradient;
    throw new GradientError(
      `no gradient reached ${tensor}: ${this.needsGradient(tensor) ? "what backward() was called with does not depend on it" : "it is not watched"}`,
    );
  }

  /**
   * Records a segment whose intermediate tensors are not kept for the backward pass but computed a second time there: less
   * memory for one more forward pass of the segment. The gradients are the same to the bit. `segment` is called twice.
   * @throws what `segment` throws, at once or from `backward`.
   */
  checkpoint(segment: () => Tensor): Tensor {
    if (!this.#keepsNodes) return segment();
    this.#keepsNodes = false;
    let output: Tensor;
    try {
      output = segment();
    } finally {
      this.#keepsNodes = true;
    }
    if (!this.needsGradient(output)) return output;
    const backward = (gradient: Tensor) => {
      const outer = this.#nodes;
      this.#nodes = [];
      this.#recomputing = true;
      try {
        const again = this.#comingBack(false, segment);
        this.#recomputing = false;
        if (again !== output) this.#accumulate(again, gradient);
        this.#walk(this.#nodes);
      } finally {
        this.#recomputing = false;
        this.#nodes = outer;
      }
      return [];
    };
    this.#nodes.push({ inputs: [], output, backward, scope: this.#scope });
    return output;
  }

  /**
   * Makes `at`, a persistent tensor, hold what `tensor` holds, as if it were copied there now: launches recorded before see the
   * old elements of `at`, those recorded from here on see the new ones, whether they name `at`, a slab it is part of, or `tensor`,
   * which from here on lies in `at`. Nothing is copied where an intermediate tensor can be computed in place; a copy is launched
   * where a launch that was recorded before needs the old elements, where the launch that computes the tensor reads `at` or its
   * slab, and where the tensor has a place already (which it then keeps). So `at` may be an input of what is placed there:
   * teacher = m teacher + (1 - m) student. Gradients do not pass `at`.
   * @throws ShapeError where the shapes or types differ; UsageError where `at` is intermediate, freed or of another device.
   */
  place(tensor: Tensor, at: Tensor): void {
    expectShape(tensor, at.shape, `to be placed in ${at}`);
    expectType(tensor, at.type, `to be placed in ${at}`);
    const place = this.device.placeOf(at);
    const { base } = tensor;
    if (base !== at.base) {
      for (const node of this.#nodes) node.overwritten ??= node.inputs.find((input) => overlap(input, at));
    }
    if (base.place) {
      const { buffer, offset } = this.device.placeOf(base);
      if (buffer !== place.buffer || offset !== place.offset) this.#copy(base, at);
    } else if (canLieAt(this.launches, base, at)) {
      base.place = place;
    } else {
      const own = this.tensor(base.shape, base.label, base.type);
      this.launches.forEach((launch, i) => {
        const tensors = launch.tensors.map((other) => (other === base ? own : other));
        this.launches[i] = { ...launch, tensors };
      });
      base.place = place;
      this.#copy(own, base);
    }
    const cut = this.#reach.cutBehind("Tape.place", [tensor]);
    if (cut) this.#reach.wrote(at, cut);
  }

  /** Records a copy. */
  #copy(from: Tensor, to: Tensor): void {
    // Not by `launch`: words are words, whatever the elements.
    const kernel: KernelDefinition = kernels.copy;
    const values = { words: from.bytes / 4, ...constantsOf(kernel, {}) };
    this.launches.push({
      kernel,
      tensors: [from.base, to.base],
      params: values,
      constants: {},
      workgroups: kernel.workgroups(values),
      flops: 0,
      scope: this.#scope,
    });
  }

  /**
   * Takes the memory that `compile` would take, and nothing else: for `DeviceMemory.rehearse`. Returns what lies where.
   * @param keep as in `CompileOptions`; none by default
   * @throws OutOfMemoryError where a tensor is larger than the adapter allows; ShapeError as `compile` does.
   * @internal
   */
  reserve(keep: readonly Tensor[] = []): MemoryPlan {
    return reserveMemory(this.device, this.launches, new Set(keep.map(({ base }) => base))).plan;
  }

  /**
   * Plans the memory, compiles the pipelines side by side and makes the launches ready to run. A recording can be compiled any
   * number of times, and go on in between. Programs that keep the same tensor share its memory: it holds what was computed last,
   * and goes with the last of them.
   * @throws ShapeError where a launch reads an intermediate tensor that none before it has written, or none writes a tensor to keep;
   * UsageError where a tensor was freed since it was recorded; OutOfMemoryError, GpuValidationError for a kernel that does not
   * compile; the first error that happened on the device.
   */
  compile(options: CompileOptions = {}): Promise<Program> {
    return compileProgram(this.device, this.launches, options);
  }
}

/** Checks that a launch names what the kernel takes: the compiler does so for TypeScript. @throws ShapeError */
function checkNames(
  kernel: KernelDefinition,
  bindings: Readonly<Record<string, Tensor>>,
  params: Readonly<Record<string, number>>,
  constants: ConstantValues,
): void {
  const known = [kernel.bindings, kernel.params].map((list): readonly string[] => list.map(({ name }) => name));
  const kinds = [
    { what: "binding", given: bindings, names: known[0] },
    { what: "field of Params", given: params, names: known[1] },
    { what: "constant", given: constants, names: Object.keys(kernel.constants) },
  ];
  for (const { what, given, names } of kinds) {
    const unknown = Object.keys(given).find((name) => !names.includes(name));
    if (unknown !== undefined)
      throw new ShapeError(`${kernel.name} has no ${what} ${unknown}; it has ${names.join(", ") || "none"}`);
  }
  for (const [name, value] of Object.entries(constants)) {
    const wanted = kernel.constants[name].type === "bool" ? "boolean" : "number";
    if (value !== undefined && typeof value !== wanted)
      throw new ShapeError(`${kernel.name}: the constant ${name} is ${String(value)}, and has to be a ${wanted}`);
  }
  for (const { name } of kernel.bindings)
    if (!(bindings[name] instanceof Tensor)) throw new ShapeError(`${kernel.name}: no tensor is given for ${name}`);
  for (const { name, type } of kernel.params) {
    const value = params[name];
    const fits = type === "u32" ? Number.isInteger(value) && value >= 0 && value < 2 ** 32 : typeof value === "number";
    if (!fits) throw new ShapeError(`${kernel.name}: ${name} is ${value}, and has to be of type ${type}`);
  }
}

/** @throws ShapeError where a kernel's header asks for none or more than a grid of two dimensions holds */
function checkWorkgroups(kernel: string, workgroups: number, perDimension: number): void {
  if (Number.isInteger(workgroups) && workgroups >= 1 && workgroups <= perDimension ** 2) return;
  throw new ShapeError(
    `${kernel}: its header's workgroups come to ${workgroups} here, and must be a whole number from 1 to ${perDimension} squared`,
  );
}

/** Compiles recordings one after the other, so that each may use what those before it keep. @throws what `Tape.compile` throws */
export async function compileEach(
  recordings: readonly { readonly tape: Tape; readonly keep?: readonly Tensor[] }[],
): Promise<Program[]> {
  const programs: Program[] = [];
  try {
    for (const { tape, keep } of recordings) programs.push(await tape.compile({ keep }));
  } catch (error) {
    for (const program of programs) program.dispose();
    throw error;
  }
  return programs;
}
