import {
  add,
  collapseToPoint,
  columnStatistics,
  concatenate,
  defineMethod,
  exp,
  headOf,
  headOptions,
  matmul,
  mean,
  meanStandardDeviation,
  multiply,
  normalizeRows,
  number,
  projectionHead,
  rowLogSumExp,
  rowSums,
  scale,
  simclr,
  slice,
  subtract,
  type TensorSpec,
} from "webgpu-simclr";

/** NT-Xent whose temperature is learned with the weights, as the logarithm of its reciprocal (Radford et al. 2021, CLIP, section 2.4). */
export const learnedTemperature = defineMethod({
  name: "learned-temperature",
  summary: "NT-Xent with a temperature that is learned",
  options: {
    ...headOptions({ layers: 2, output: 128 }),
    temperature: number(0.5, { above: 0 }, "what it begins with"),
  },
  policies: simclr.policies,
  design(options, { encoder, imageSize, batch }) {
    const head = projectionHead(encoder.features, headOf(options));
    const value = -Math.log(options.temperature);
    const sharpness: TensorSpec = {
      name: "sharpness",
      shape: [1],
      initial: { kind: "constant", value },
      role: "offset",
    };
    return {
      head,
      classes: 0,
      // Trained beside encoder and head, and kept in checkpoints.
      others: [{ tensors: [sharpness] }],
      start({ device, policies }) {
        const rows = 2 * batch;
        // Takes a row out of its own denominator.
        const itself = Float32Array.from({ length: rows * rows }, (_, i) => (i % (rows + 1) === 0 ? -1e9 : 0));
        const mask = device.tensor([rows, rows], itself, "mask");
        return {
          views: [{ views: 2, size: imageSize, policies }],
          coupled: true,
          embed: (pass, [views]) => ({ z: head.forward(pass, encoder.forward(pass, views)) }),
          loss(pass, { z }, { size }) {
            const { tape } = pass;
            const inverse = exp(tape, pass.tensor("sharpness"));
            const u = normalizeRows(tape, z);
            const others = concatenate(tape, [slice(tape, u, 0, size), slice(tape, u, 0, 0, size)], 0);
            const positives = rowSums(tape, multiply(tape, u, others));
            const logits = multiply(tape, matmul(tape, u, u, { transposeB: true }), inverse);
            const all = rowLogSumExp(tape, add(tape, logits, mask));
            const loss = mean(tape, subtract(tape, all, multiply(tape, positives, inverse)), "NT-Xent");
            const outputStd = meanStandardDeviation(tape, columnStatistics(tape, u));
            return { loss, outputStd, inverseTemperature: scale(tape, inverse, 1) };
          },
          state: new Map(),
          collapse: (means) => collapseToPoint(means, head.output),
          description: {
            loss: "NT-Xent in nats",
            chance: { formula: "ln(2N − 1)", value: Math.log(rows - 1) },
            rows: [["temperature", `learned, from ${options.temperature}`]],
          },
          dispose: () => device.free(mask),
        };
      },
    };
  },
});
