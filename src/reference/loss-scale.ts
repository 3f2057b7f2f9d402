/** A loss scale, and the steps in a row that it has been good for, or below 0, that were skipped. */
export interface LossScaleState {
  readonly scale: number;
  readonly goodSteps: number;
}

/** A step of a loss scale. */
export interface LossScaleStep extends LossScaleState {
  /** The gradients of the loss itself. */
  readonly gradients: Float64Array;
  /** True where a gradient was infinite or NaN: the optimizer changes nothing. */
  readonly skip: boolean;
}

/**
 * One step of a loss scale, as `torch.amp.GradScaler`: half of it after an overflow, but not below 1, and twice as much, up to
 * 2^24, after so many good steps in a row.
 * @param scaled gradients of the scaled loss
 */
export function lossScaleStep(
  scaled: Float64Array,
  { scale, goodSteps }: LossScaleState,
  growthInterval: number,
): LossScaleStep {
  const gradients = scaled.map((value) => value / scale);
  if (!scaled.every(Number.isFinite))
    return { gradients, skip: true, scale: Math.max(scale / 2, 1), goodSteps: Math.min(goodSteps, 0) - 1 };
  const good = Math.max(goodSteps, 0) + 1;
  const grows = good >= growthInterval;
  return {
    gradients,
    skip: false,
    scale: grows ? Math.min(2 * scale, 2 ** 24) : scale,
    goodSteps: grows ? 0 : good,
  };
}
