import type { ImageBatch } from "../augment/augment.js";
import type { Tensor } from "../engine/tensor.js";
import { softmaxCrossEntropy } from "../losses/softmax-cross-entropy.js";
import { imageInputs, type Objective, recordOutputs } from "../training/training-step.js";

/** One view of each image, and its class among all of them. */
export const supervised: Objective<ImageBatch & { readonly labels: Tensor }> = {
  names: ["loss", "accuracy"],
  inputs: (parts, images) => ({ ...imageInputs(parts, images), labels: parts.device.indices([images], "labels") }),
  record(tape, inputs, parts) {
    const logits = recordOutputs(tape, inputs, parts, { views: 1, movesRunning: true });
    const { loss, accuracy } = tape.scope("loss", () => softmaxCrossEntropy(tape, logits, inputs.labels));
    return [loss, accuracy];
  },
  metrics: ([loss, accuracy]) => ({ loss, accuracy }),
};
