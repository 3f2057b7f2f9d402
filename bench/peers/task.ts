/** What an engine is asked to compute: plain data, sent to its process as JSON. Random inputs are in files beside it. */

/**
 * A SimCLR training step: encoder and projection head on two views of each image, NT-Xent, all gradients, and an update by
 * SGD with Nesterov momentum. Inputs: `views` [2 batch, size, size, 3], the first views of all images, then the second;
 * `parameters`, all of them one after another.
 */
export interface StepTask {
  readonly kind: "step";
  readonly net: "convnet" | "resnet18";
  readonly batch: number;
  /** Pixels; images are square. */
  readonly size: number;
  readonly temperature: number;
  readonly learningRate: number;
  readonly momentum: number;
  /** In the order of `parameters`: convolutions [height, width, in, out], linear layers [in, out], vectors. */
  readonly parameters: readonly { readonly name: string; readonly shape: readonly number[] }[];
}

/** The product of the inputs `a` and `b`, both [size, size]. */
export interface MatmulTask {
  readonly kind: "matmul";
  readonly size: number;
}

/**
 * A convolution 3x3 with padding 1, or one of its gradients, of `x` and `dy` [batch, size, size, channels] and `weight`
 * [3, 3, channels, channels].
 */
export interface ConvolutionTask {
  readonly kind: "convolution";
  readonly direction: "forward" | "input gradient" | "weight gradient";
  readonly batch: number;
  readonly size: number;
  readonly channels: number;
}

/** NT-Xent of `z` [rows, dimension] and its gradient; rows i and i + rows / 2 are the two views of an image. */
export interface NtXentTask {
  readonly kind: "nt-xent";
  readonly rows: number;
  readonly dimension: number;
  readonly temperature: number;
}

/** Any of them. */
export type Task = StepTask | MatmulTask | ConvolutionTask | NtXentTask;

/** What an engine found in its first run, to be held against what it should have found. */
export interface Findings {
  /** Of a step or of NT-Xent. */
  readonly loss?: number;
  /** Of a step: the Euclidean norm of the change of each parameter, in their order. */
  readonly updates?: readonly number[];
}

/** Parent to engine: get ready for a task; the engine answers with `Prepared`. */
export interface PrepareRequest {
  readonly prepare: Task;
  /** The folder of the inputs: `<name>.f32`, little-endian floats. */
  readonly inputs: string;
  /** Where the engine writes the result of anything but a step, in the layout of the inputs. */
  readonly result: string;
}

/** Parent to engine: run the task prepared (named for readers) and wait for it; the engine answers with `Timed`. */
export interface RunRequest {
  readonly run: string;
}

/** The first line an engine says. */
export interface Ready {
  /** Name and version. */
  readonly ready: string;
  /** What it computes on. */
  readonly adapter: string;
}

/** The answer to `PrepareRequest`. */
export interface Prepared {
  /** From the inputs in memory to the end of the first run, with everything that is built and compiled for it. */
  readonly milliseconds: number;
  /** The most bytes of device buffers at once until then; null where it cannot be seen. */
  readonly deviceBytes: number | null;
  readonly findings: Findings;
}

/** The answer to `RunRequest`. */
export interface Timed {
  /** Of one run. */
  readonly milliseconds: number;
  readonly loss: number | null;
  /** Of one run; null where it cannot be seen. */
  readonly dispatches: number | null;
}

/** The answer to either, instead. */
export interface Failed {
  readonly error: string;
}
