import { suite } from "uvu";
import { CONTRASTIVE_LOSSES, MININGS } from "../../src/losses/contrast-rows.js";
import { contrastiveLoss } from "../../src/losses/contrastive.js";
import { cosineSimilarity, ntXent } from "../../src/losses/nt-xent.js";
import { softmaxCrossEntropy } from "../../src/losses/softmax-cross-entropy.js";
import { add, relu } from "../../src/ops/elementwise.js";
import { matmul } from "../../src/ops/matmul.js";
import { contrast } from "../../src/reference/contrast.js";
import { softmaxCrossEntropy as softmaxCrossEntropyReference } from "../../src/reference/cross-entropy.js";
import { reluForward } from "../../src/reference/elementwise.js";
import { cosineSimilarityForward } from "../../src/reference/l2-normalize.js";
import { matmulForward } from "../../src/reference/matmul.js";
import { ntXent as ntXentReference } from "../../src/reference/nt-xent.js";
import { checkGradients } from "../ops/gradient-check.js";

const gradients = suite("gradients of losses in the middle of a graph");

const labels = Uint32Array.of(0, 3, 1, 1, 2, 3);
const shape = { m: 6, n: 4, k: 3 };

gradients("softmax cross-entropy, whose own gradient is not 1", () =>
  checkGradients({
    inputs: { x: [6, 3], weight: [3, 4] },
    record: (tape, { x, weight }, input) => {
      const target = input(labels, [6]);
      const { loss } = softmaxCrossEntropy(tape, matmul(tape, relu(tape, x), weight), target);
      return add(tape, loss, loss);
    },
    reference: ({ x, weight }) => {
      const { loss } = softmaxCrossEntropyReference(matmulForward(reluForward(x), weight, shape), labels, 4);
      return Float64Array.of(2 * loss);
    },
    // Dot products of 3, 4 and 6, a sum of 4 exponentials of 6 roundings and more each, and a mean of 6.
    terms: 3 + 4 + 6 + 4 + 6 + 20,
  }),
);

gradients("NT-Xent together with a supervised loss of the same embeddings", () =>
  checkGradients({
    inputs: { x: [6, 3], weight: [3, 4] },
    record: (tape, { x, weight }, input) => {
      const target = input(labels, [6]);
      const z = matmul(tape, relu(tape, x), weight);
      return add(tape, ntXent(tape, z, 0.5).loss, softmaxCrossEntropy(tape, z, target).loss);
    },
    reference: ({ x, weight }) => {
      const z = matmulForward(reluForward(x), weight, shape);
      return Float64Array.of(ntXentReference(z, 4, 0.5).loss + softmaxCrossEntropyReference(z, labels, 4).loss);
    },
    // As above, and rows of 4 normalised, logits at temperature 0.5 (twice their roundings), and sums over 6 rows.
    terms: 3 + 4 + 6 + 4 + 6 + 20 + 2 * (4 + 2 * 17) + 6 + 20,
  }),
);

for (const loss of CONTRASTIVE_LOSSES) {
  for (const mining of MININGS) {
    for (const normalize of [true, false]) {
      const name = `${loss}, mining ${mining}${normalize ? "" : ", not normalised"}, of embeddings that are used twice`;
      // Half of the negatives or so count.
      const settings = { loss, temperature: 0.5, mining, margin: normalize ? 0.6 : 2, normalize };
      gradients(name, () =>
        checkGradients({
          inputs: { x: [8, 3], weight: [3, 4] },
          record: (tape, { x, weight }) => {
            const z = matmul(tape, add(tape, relu(tape, x), x), weight);
            const { loss } = contrastiveLoss(tape, z, settings);
            return add(tape, add(tape, loss, loss), ntXent(tape, z, 0.5).loss);
          },
          reference: ({ x, weight }) => {
            const y = reluForward(x).map((value, i) => value + x[i]);
            const z = matmulForward(y, weight, { m: 8, n: 4, k: 3 });
            return Float64Array.of(2 * contrast(z, 4, settings).loss + ntXentReference(z, 4, 0.5).loss);
          },
          // Products of 3, 4 and 8 terms forward and back, rows of 4 normalised, logits at temperature 0.5 (twice their
          // roundings) and sums over 8 rows, in two losses.
          terms: 3 + 8 + 2 * (2 * (4 + 2 * 17) + 2 * 8 + 20),
        }),
      );
    }
  }
}

gradients("cosine similarity of a tensor with itself and with another", () =>
  checkGradients({
    inputs: { a: [5, 3], b: [4, 3] },
    record: (tape, { a, b }) => {
      const positive = relu(tape, a);
      const own = cosineSimilarity(tape, add(tape, positive, a));
      return matmul(tape, own, cosineSimilarity(tape, a, b));
    },
    reference: ({ a, b }) => {
      const twice = reluForward(a).map((value, i) => value + a[i]);
      const own = cosineSimilarityForward(twice, twice, { rowsA: 5, rowsB: 5, columns: 3 });
      return matmulForward(own, cosineSimilarityForward(a, b, { rowsA: 5, rowsB: 4, columns: 3 }), {
        m: 5,
        n: 4,
        k: 5,
      });
    },
    // Rows of 3, each normalised with 17 roundings, forward and back, in three places; products of 3, 4 and 5.
    terms: 6 * 17 + 2 * (3 + 5 + 4) + 5,
  }),
);

gradients.run();
