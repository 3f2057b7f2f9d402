import * as kernels from "../../kernels/generated.js";
import type { Tape } from "../engine/tape.js";
import { expectShape, matrixShape, type Tensor } from "../engine/tensor.js";
import { mean } from "../ops/elementwise.js";

/** A mean loss and the share of rows for which the right answer came first, each a tensor of one. */
export interface LossAndAccuracy {
  /** `[1]`: mean over the rows, in nats. */
  readonly loss: Tensor;
  /** `[1]`: share of the rows, from 0 to 1; without gradient. */
  readonly accuracy: Tensor;
}

/**
 * Softmax cross-entropy of logits [rows, classes] against labels u32 [rows], mean over the rows. A label from `classes` up makes the
 * loss NaN and the gradient of its row as well, and counts as wrong: on the device, nobody else can say that it is no class.
 * @throws ShapeError where there is not one label for each row.
 */
export function softmaxCrossEntropy(tape: Tape, logits: Tensor, labels: Tensor): LossAndAccuracy {
  const [rows, classes] = matrixShape(logits);
  expectShape(labels, [rows], `to be the labels of ${logits}`);
  const [lse, losses, correct] = ["log-sum-exp", "losses", "correct"].map((label) => tape.tensor([rows], label));
  tape.launch(kernels.softmaxCrossEntropy, { logits, labels, lse, losses, correct }, { elements: rows, classes });
  const loss = mean(tape, losses, "cross-entropy");
  tape.differentiate([logits], loss, (gradient) => {
    const dlogits = tape.tensor(logits.shape, `gradient of ${logits.label}`);
    const bindings = { logits, labels, lse, gradient, dlogits };
    tape.launch(kernels.softmaxCrossEntropyGradient, bindings, { elements: logits.size, classes });
    return [dlogits];
  });
  return { loss, accuracy: mean(tape, correct, "accuracy") };
}
