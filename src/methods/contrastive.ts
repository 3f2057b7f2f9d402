import type { ImageBatch } from "../augment/augment.js";
import type { Tape } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { contrastiveLoss } from "../losses/contrastive.js";
import type { TrainingConfig } from "../training/config.js";
import { imageInputs, type Objective, recordOutputs } from "../training/training-step.js";

/** Records the loss of embeddings z [2 * images, dimension], the contrastive accuracy and the output standard deviation. */
export function recordContrast(tape: Tape, z: Tensor, config: TrainingConfig): readonly Tensor[] {
  return tape.scope("loss", () => {
    const { loss, accuracy, spread } = contrastiveLoss(tape, z, config);
    return [loss, accuracy, spread];
  });
}

/** Two views of each image, told apart from those of all others (Chen et al. 2020, section 2.1). */
export const contrastive: Objective<ImageBatch> = {
  names: ["loss", "contrastive accuracy", "output standard deviation"],
  inputs: imageInputs,
  record: (tape, inputs, parts) =>
    recordContrast(tape, recordOutputs(tape, inputs, parts, { views: 2, movesRunning: true }), parts.config),
  metrics: ([loss, contrastiveAccuracy, outputStd]) => ({ loss, contrastiveAccuracy, outputStd }),
};
