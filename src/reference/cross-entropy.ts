import { rowMaxima } from "./reduction.js";

/** Result of {@link softmaxCrossEntropy}. */
export interface CrossEntropyResult {
  /** Mean over the rows of -log softmax(logits)[label]. */
  readonly loss: number;
  /** Gradient of `loss` with respect to the logits, [rows, classes]. */
  readonly dLogits: Float64Array;
}

/** Softmax cross-entropy of logits[rows, classes] with one class index a row, averaged over the rows. */
export function softmaxCrossEntropy(logits: Float64Array, labels: Uint32Array, classes: number): CrossEntropyResult {
  const rows = labels.length;
  const maxima = rowMaxima(logits, rows, classes);
  const dLogits = new Float64Array(logits.length);
  let loss = 0;
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    for (let c = 0; c < classes; c++) sum += Math.exp(logits[row * classes + c] - maxima[row]);
    const logSumExp = maxima[row] + Math.log(sum);
    loss += (logSumExp - logits[row * classes + labels[row]]) / rows;
    for (let c = 0; c < classes; c++) {
      const probability = Math.exp(logits[row * classes + c] - logSumExp);
      dLogits[row * classes + c] = (probability - (c === labels[row] ? 1 : 0)) / rows;
    }
  }
  return { loss, dLogits };
}
