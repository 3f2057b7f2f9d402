import { ShapeError } from "../errors.js";

/** Element types of tensors: of 4 bytes, and f16 of 2, which needs the device's feature `shader-f16`. */
export type ElementType = "f32" | "u32" | "f16";

const ELEMENT_TYPES: readonly string[] = ["f32", "u32", "f16"] satisfies readonly ElementType[];

/**
 * Where a tensor's elements lie.
 * @internal
 */
export interface Place {
  readonly buffer: GPUBuffer;
  /** Bytes from the start of the buffer. */
  readonly offset: number;
  /** Where programs keep an intermediate tensor there. */
  readonly kept?: Kept;
}

/**
 * What programs keep of an intermediate tensor.
 * @internal
 */
export interface Kept {
  /** How many programs keep it; its memory goes with the last of them. */
  programs: number;
  /** Whether anything was computed in it yet. */
  isWritten: boolean;
}

/** Number of elements of a shape. */
export function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

const MOST_LABEL = 100;

/**
 * An n-dimensional array on the device, row-major. Persistent tensors (made by a `Device`) have a place from the start;
 * intermediate ones (made by a `Tape`) get theirs when the recording is compiled.
 */
export class Tensor {
  /** Number of elements. */
  readonly size: number;
  /** The tensor whose memory this one shows in a shape of its own (see `view`); itself where it has memory of its own. */
  readonly base: Tensor;
  /** For error messages and profiles. Labels are made of others: what is longer than a line is cut. */
  readonly label: string;
  #place: Place | null = null;

  /** Use `Device.tensor` or `Tape.tensor`. @throws ShapeError where an extent is no whole number from 1 up, and for an unknown type. */
  constructor(
    /** Extents, the last one the fastest. */
    readonly shape: readonly number[],
    /** Of its elements. */
    readonly type: ElementType,
    label: string,
    /** The tensor that this one is a view of; undefined where it has memory of its own. */
    readonly shown?: Tensor,
  ) {
    this.label = label.length > MOST_LABEL ? `${label.slice(0, MOST_LABEL - 1)}…` : label;
    if (!Array.isArray(shape))
      throw new ShapeError(`${label}: ${String(shape)} is not a shape: give a list of extents, such as [2, 3]`);
    if (shape.some((extent) => !Number.isInteger(extent) || extent < 1)) {
      throw new ShapeError(
        `${label}: [${shape.join(", ")}] is not a shape: every extent must be a whole number from 1 up`,
      );
    }
    if (!ELEMENT_TYPES.includes(type))
      throw new ShapeError(`${label}: there are no elements of type ${type}: choose ${ELEMENT_TYPES.join(", ")}`);
    this.size = elementsOf(shape);
    this.base = shown?.base ?? this;
  }

  /**
   * Set by the device or by the memory planner; null while an intermediate tensor is only planned.
   * @internal
   */
  get place(): Place | null {
    return this.base.#place;
  }

  /** @internal */
  set place(place: Place | null) {
    this.base.#place = place;
  }

  /** The same elements in another shape; no copy. @throws ShapeError where that has another number of elements. */
  view(shape: readonly number[], label = this.label): Tensor {
    const view = new Tensor(shape, this.type, label, this);
    if (view.size !== this.size)
      throw new ShapeError(`${this} has ${this.size} elements and cannot be seen as [${shape.join(", ")}]`);
    return view;
  }

  /** Bytes that it takes: of an odd number of f16, 2 more than they have, for WebGPU binds and copies words of 4. */
  get bytes(): number {
    return this.type === "f16" ? 4 * Math.ceil(this.size / 2) : 4 * this.size;
  }

  /** "weight [3, 3, 64, 128]", for messages. */
  toString(): string {
    return `${this.label} [${this.shape.join(", ")}]`;
  }
}

/** The extents of a matrix. @throws ShapeError unless the tensor has two dimensions. */
export function matrixShape(tensor: Tensor): [rows: number, cols: number] {
  const [rows, cols, ...rest] = tensor.shape;
  if (cols === undefined || rest.length > 0)
    throw new ShapeError(`${tensor} must have two dimensions: [rows, columns]`);
  return [rows, cols];
}

/** The extents of a batch of feature maps. @throws ShapeError unless the tensor has four dimensions. */
export function mapShape(tensor: Tensor): [batch: number, height: number, width: number, channels: number] {
  const [batch, height, width, channels, ...rest] = tensor.shape;
  if (channels === undefined || rest.length > 0) {
    throw new ShapeError(`${tensor} must have four dimensions: [batch, height, width, channels]`);
  }
  return [batch, height, width, channels];
}

/** Rows and channels of a tensor seen as a matrix whose columns are its last dimension. */
export function channelShape(tensor: Tensor): [rows: number, channels: number] {
  const channels = tensor.shape.at(-1) ?? 1;
  return [tensor.size / channels, channels];
}

/** @throws ShapeError unless `tensor` has exactly this shape. */
export function expectShape(tensor: Tensor, shape: readonly number[], why: string): void {
  if (tensor.shape.length !== shape.length || tensor.shape.some((extent, i) => extent !== shape[i])) {
    throw new ShapeError(`${tensor} must be [${shape.join(", ")}] ${why}`);
  }
}

/** @throws ShapeError unless `tensor` holds elements of this type. */
export function expectType(tensor: Tensor, type: ElementType, why: string): void {
  if (tensor.type !== type) throw new ShapeError(`${tensor} must hold ${type} ${why}, not ${tensor.type}`);
}
