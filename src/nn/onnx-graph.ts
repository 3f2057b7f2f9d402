import type { Tensor } from "../engine/tensor.js";
import { ConfigError } from "../errors.js";
import type { OnnxConstant, OnnxNode } from "../io/onnx.js";

/** What the net takes: f32 [batch, 3, imageSize, imageSize]. */
export const ONNX_INPUT = "pixel_values";

/** Attributes of a node. */
type Attributes = Pick<OnnxNode, "floats" | "ints">;

/**
 * What became of the images so far, by its name in the net: with these extents for each image, as a `map` [height, width, channels]
 * that the net keeps as [batch, channels, height, width], or as `rows`, in the order that the tensor has, of which the net has any
 * number.
 */
interface Value {
  readonly name: string;
  readonly form: "map" | "rows";
  readonly extents: readonly number[];
}

function same(a: readonly number[], b: readonly number[]): boolean {
  return a.join() === b.join();
}

/** Nodes and constants of an ONNX file as they come together, and what tensors of a recording have become in it. */
export class OnnxGraph {
  readonly nodes: OnnxNode[] = [];
  /** What part of the recording is being written: see `Tape.scope`. */
  scope = "";
  readonly #constants = new Map<string, OnnxConstant>();
  readonly #values = new Map<Tensor, Value>();
  readonly #groups = new Map<Tensor, { readonly groups: number; readonly epsilon: number }>();
  readonly #parts = new Map<Tensor, { readonly first: number; readonly name: string; readonly count: number }[]>();

  constructor(
    /** Images of the recording. */
    readonly batch: number,
    /** Values of the tensors that are the same for all images. */
    readonly known: ReadonlyMap<Tensor, Float32Array>,
    /** What weights are called. */
    readonly weights: ReadonlyMap<Tensor, string>,
  ) {}

  get constants(): OnnxConstant[] {
    return [...this.#constants.values()];
  }

  /** @throws ConfigError */
  refuse(what: string): never {
    const where = this.scope === "" ? "" : `${this.scope}: `;
    const known =
      "convolutions, products, attention, norms, functions of one number, sums, slices, concatenations and pooling";
    throw new ConfigError(`${where}${what} cannot be written as ONNX: there are ${known}`);
  }

  /** Adds a node; returns the name of its output. */
  node(operator: string, inputs: readonly string[], attributes: Attributes = {}): string {
    const name = `${this.scope}/${operator}_${this.nodes.length}`;
    this.nodes.push({ name, operator, inputs, outputs: [name], ...attributes });
    return name;
  }

  /** Says what a tensor has become: a map [batch, channels, height, width] of these [height, width, channels]. */
  bindMap(tensor: Tensor, name: string, extents: readonly number[]): void {
    this.#values.set(tensor.base, { name, form: "map", extents });
  }

  /** Says what a tensor has become: rows [any, ...extents]. */
  bindRows(tensor: Tensor, name: string, extents: readonly number[]): void {
    this.#values.set(tensor.base, { name, form: "rows", extents });
  }

  /** Whether a tensor is a map of the form that its own shape says. */
  isMap(tensor: Tensor): boolean {
    const found = this.#values.get(tensor.base);
    return found?.form === "map" && same(found.extents, tensor.shape.slice(1));
  }

  /** Whether a tensor is the same for all images. */
  isKnown(tensor: Tensor): boolean {
    return this.known.has(tensor.base);
  }

  #value(tensor: Tensor): Value {
    const found = this.#values.get(tensor.base);
    if (found) return found;
    return this.refuse(
      this.isKnown(tensor) ? `${tensor.base} in the place of something of each image` : `${tensor.base}`,
    );
  }

  /** A tensor as rows [any, ...extents], in its own order. */
  rows(tensor: Tensor, extents: readonly number[]): string {
    const { name, form, extents: found } = this.#value(tensor);
    const flat = form === "map" ? this.node("Transpose", [name], { ints: { perm: [0, 2, 3, 1] } }) : name;
    return same(found, extents) ? flat : this.reshape(flat, [-1, ...extents]);
  }

  /** A tensor as a map [batch, channels, height, width] of these [height, width, channels]. */
  map(tensor: Tensor, extents: readonly number[]): string {
    const { name, form, extents: found } = this.#value(tensor);
    if (form === "map" && same(found, extents)) return name;
    return this.node("Transpose", [this.rows(tensor, extents)], { ints: { perm: [0, 3, 1, 2] } });
  }

  /** 0 is the extent that was there, -1 what is left. */
  reshape(name: string, extents: readonly number[]): string {
    return this.node("Reshape", [name, this.whole(extents)]);
  }

  /** What is the same for all images, repeated for each: rows [batch, count]. */
  repeated(tensor: Tensor, count: number): string {
    const values = this.known.get(tensor.base);
    const first = values?.subarray(0, count);
    const each = (i: number) => values?.[i] === first?.[i % count];
    if (!values || values.length !== this.batch * count || !values.every((_, i) => each(i)))
      return this.refuse(`${tensor.base} in the place of something of each image`);
    const row = this.constant(tensor, [1, count], (all) => all.subarray(0, count));
    const batch = this.node("Shape", [ONNX_INPUT], { ints: { start: 0, end: 1 } });
    const shape = this.node("Concat", [batch, this.whole([count])], { ints: { axis: 0 } });
    return this.node("Expand", [row, shape]);
  }

  /** A weight, or what was computed from weights, in the shape and order that ONNX wants. */
  constant(tensor: Tensor, shape: readonly number[], order = (values: Float32Array): Float32Array => values): string {
    const values = this.known.get(tensor.base);
    if (!values) return this.refuse(`${tensor} in the place of a weight`);
    return this.#add(this.weights.get(tensor.base) ?? tensor.label, shape, order(values));
  }

  floats(shape: readonly number[], values: readonly number[]): string {
    return this.#add(`${this.scope}/constant`, shape, Float32Array.from(values));
  }

  filled(count: number, value: number): string {
    return this.floats(
      [count],
      Array.from({ length: count }, () => value),
    );
  }

  whole(values: readonly number[]): string {
    return this.#add(`${this.scope}/shape`, [values.length], BigInt64Array.from(values, BigInt));
  }

  /** A place, as a number. */
  index(value: number): string {
    return this.#add(`${this.scope}/index`, [], BigInt64Array.of(BigInt(value)));
  }

  #add(wanted: string, shape: readonly number[], data: OnnxConstant["data"]): string {
    const name = this.#constants.has(wanted) ? `${wanted}_${this.#constants.size}` : wanted;
    this.#constants.set(name, { name, shape, data });
    return name;
  }

  /** How a group norm whose statistics are these groups. */
  keepGroups(statistics: Tensor, groups: { readonly groups: number; readonly epsilon: number }): void {
    this.#groups.set(statistics.base, groups);
  }

  groupsOf(statistics: Tensor): { readonly groups: number; readonly epsilon: number } {
    return this.#groups.get(statistics.base) ?? this.refuse("a group norm with other statistics");
  }

  /** Columns of a tensor that are put together from several; returns all of them, in order, once they are complete. */
  keepColumns(y: Tensor, part: { first: number; name: string; count: number }, cols: number): string[] | null {
    const parts = this.#parts.get(y.base) ?? [];
    parts.push(part);
    this.#parts.set(y.base, parts);
    if (parts.reduce((sum, { count }) => sum + count, 0) < cols) return null;
    return parts.toSorted((a, b) => a.first - b.first).map(({ name }) => name);
  }
}
