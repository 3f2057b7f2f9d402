/** An image that could not be read, and why. It is left out of the set, and named in the report. */
export interface SkippedImage {
  readonly name: string;
  readonly reason: string;
}

/** Images of one size as RGBA bytes, with or without labels. */
export interface Dataset {
  /** Where the images came from, for people: a path, or what the caller chose. */
  readonly name: string;
  /** Number of images. */
  readonly length: number;
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
  /** Class index of each image, or null where the set has no labels. */
  readonly labels: Uint32Array | null;
  /** Class names in label order; empty without labels. */
  readonly classes: readonly string[];
  /** Images that were found and could not be read. */
  readonly skipped: readonly SkippedImage[];
  /**
   * Writes image `indices[i]` to `out` at byte `i * width * height * 4`, row by row, 4 bytes (R, G, B, 255) a pixel.
   * @throws DataError where an index is outside the set or `out` is too short.
   */
  fetch(indices: ArrayLike<number>, out: Uint8Array): Promise<void>;
}
