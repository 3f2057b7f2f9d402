import { printable } from "./printable.js";

/** Every error this library throws on purpose is one of these, so that callers can tell them apart with `instanceof`. */
export class SimclrError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    // Messages name files, and files may be called anything.
    super(printable(message), options);
    this.name = new.target.name;
  }
}

/** No usable WebGPU adapter: none at all, or a null backend that computes nothing. */
export class AdapterError extends SimclrError {}

/**
 * Tensor shapes or element types that do not fit together, or a size a kernel cannot take. Thrown while recording, before anything
 * runs.
 */
export class ShapeError extends SimclrError {}

/**
 * Something used when or where it cannot be: a tensor after `free`, of another device, or before anything was computed in it; a
 * program after `dispose`. The device stays usable.
 */
export class UsageError extends SimclrError {}

/** A gradient that would be cut on its way without anybody having said so, or that never came. Thrown while recording. */
export class GradientError extends SimclrError {}

/** A WGSL source that does not keep the rules for kernels; the message names the kernel and the line. */
export class KernelError extends SimclrError {}

/** The WebGPU implementation rejected a command (an uncaptured validation or internal error). */
export class GpuValidationError extends SimclrError {}

/** The device ran out of memory, or a buffer is beyond the adapter's limits. */
export class OutOfMemoryError extends SimclrError {}

/** The device was lost, by a driver reset, a watchdog or `destroy()`. */
export class DeviceLostError extends SimclrError {}

/** The loss, or the weights after it, became NaN or infinite. */
export class NonFiniteLossError extends SimclrError {
  constructor(
    message: string,
    /** The step, counted from 1, whose loss or weights these are; null where it is not known. */
    readonly step: number | null = null,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** An option out of its range, or options that exclude each other. */
export class ConfigError extends SimclrError {}

/** Images or arrays that cannot be read: an empty folder, a damaged archive, files of the wrong length, too many broken images. */
export class DataError extends SimclrError {}

/** A checkpoint or run folder that is cut short, of another architecture, or otherwise unusable. */
export class CheckpointError extends SimclrError {}

/** Reads a file's content; what is wrong with it is said with the name of the file. @throws CheckpointError, and what `read` throws. */
export function namingFile<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    throw new CheckpointError(`${name}: ${error.message}`, { cause: error });
  }
}
