import type { KernelDefinition } from "../../kernels/definition.js";
import type { Recorder } from "./launch.js";
import type { ConstantValues } from "./pipelines.js";
import type { ElementType, Tensor } from "./tensor.js";

/**
 * One way to compute an operation: a kernel, and how it is cut up. All variants of an operation take the same bindings,
 * parameters and shape constants; `Constants` names the latter.
 */
export interface Variant<
  Bindings extends string = string,
  Params extends string = string,
  Constants extends string = string,
> {
  /** Tells the variants of an operation apart, in files and on the command line. */
  readonly name: string;
  /** The kernel that it launches. */
  readonly kernel: KernelDefinition<Bindings, Params, Constants>;
  /** The kernel's tile constants. */
  readonly tile: ConstantValues;
  /** Threads of a workgroup. */
  readonly threads: number;
  /** Bytes of workgroup memory. */
  readonly workgroupBytes: number;
}

/** An operation at one class of shapes, which can be computed by any of several variants. */
export interface Site<V extends Variant = Variant, Result = unknown> {
  /** For example "conv2d". */
  readonly operation: string;
  /** For example "3x3/1+1 64-64 32x32 n256"; sites of an operation with equal texts share a choice. */
  readonly shape: string;
  /** Those that fit the device; the default first. */
  readonly candidates: readonly V[];
  /** Shapes of the tensors that `record` takes. */
  readonly inputs: readonly (readonly number[])[];
  /** Their types; f32 where nothing is said. */
  readonly types?: readonly ElementType[];
  /** Records the operation with one of the candidates. It is called for timing, too, with inputs full of zeros. */
  record(recorder: Recorder, variant: V, inputs: readonly Tensor[]): Result;
}

/** Names of variants by operation and shape, as plain data; the shape "*" stands for a variant forced at all shapes. */
export type ChoiceTable = Readonly<Record<string, Readonly<Record<string, string>>>>;

const EVERY_SHAPE = "*";

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** True for what has the form of a table, whatever names are in it. */
export function isChoiceTable(value: unknown): value is ChoiceTable {
  return (
    isRecord(value) &&
    Object.values(value).every(
      (shapes) => isRecord(shapes) && Object.values(shapes).every((name) => typeof name === "string"),
    )
  );
}

/**
 * Which variant of an operation a device uses at which shapes. A choice is data: recordings made under the same choices
 * compute the same bits.
 */
export class Choices {
  readonly #forced = new Map<string, string>();
  readonly #tuned = new Map<string, Map<string, string>>();
  readonly #seen = new Map<string, { readonly site: Site; uses: number }>();

  /** The variant for a site: the forced one, else the tuned one, else the default. A name that is no candidate does not count. */
  choose<V extends Variant>(site: Site<V>): V {
    return this.#named(site, this.#forced.get(site.operation)) ?? this.#tunedAt(site) ?? site.candidates[0];
  }

  /** Chooses for a site that is recorded to be run: see `untuned`. */
  pick<V extends Variant>(site: Site<V>): V {
    const key = `${site.operation} ${site.shape}`;
    const seen = this.#seen.get(key) ?? { site, uses: 0 };
    seen.uses += 1;
    this.#seen.set(key, seen);
    return this.choose(site);
  }

  #named<V extends Variant>({ candidates }: Site<V>, name: string | undefined): V | undefined {
    return candidates.find((candidate) => candidate.name === name);
  }

  #tunedAt<V extends Variant>(site: Site<V>): V | undefined {
    return this.#named(site, this.#tuned.get(site.operation)?.get(site.shape));
  }

  /** Makes an operation use this variant at all shapes that have it. `forceVariant` checks the names first. */
  force(operation: string, variant: string): void {
    this.#forced.set(operation, variant);
  }

  /** Remembers the variant to use at one class of shapes. */
  set(operation: string, shape: string, variant: string): void {
    const shapes = this.#tuned.get(operation) ?? new Map<string, string>();
    shapes.set(shape, variant);
    this.#tuned.set(operation, shapes);
  }

  /** The sites that were recorded so far with more than one candidate and nothing to choose by, and how often. */
  get untuned(): readonly {
    /** Where there is something to choose. */
    readonly site: Site;
    /** How often it was recorded. */
    readonly uses: number;
  }[] {
    return [...this.#seen.values()].filter(
      ({ site }) => site.candidates.length > 1 && !this.#forced.has(site.operation) && !this.#tunedAt(site),
    );
  }

  /** What was tuned, without what is forced. */
  get tuned(): ChoiceTable {
    return Object.fromEntries([...this.#tuned].map(([operation, shapes]) => [operation, Object.fromEntries(shapes)]));
  }

  /** Everything in force: what `use` takes to bring about the same choices. */
  get table(): ChoiceTable {
    const table: Record<string, Readonly<Record<string, string>>> = { ...this.tuned };
    for (const [operation, name] of this.#forced) table[operation] = { ...table[operation], [EVERY_SHAPE]: name };
    return table;
  }

  /** Adds a table's choices to those that are there; where both say something, the table counts. */
  add(table: ChoiceTable): void {
    for (const [operation, shapes] of Object.entries(table)) {
      for (const [shape, name] of Object.entries(shapes)) {
        if (shape === EVERY_SHAPE) this.force(operation, name);
        else this.set(operation, shape, name);
      }
    }
  }

  /** Makes a table's choices those in force, and no others. */
  use(table: ChoiceTable): void {
    this.#forced.clear();
    this.#tuned.clear();
    this.add(table);
  }
}
