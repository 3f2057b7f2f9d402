import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as kernels from "../../kernels/generated.js";
import { augmentSubject, blurSubject, plainView } from "../../src/doctor/augment-checks.js";
import { type BatchNormInputs, batchNormSubject } from "../../src/doctor/batch-norm-checks.js";
import { evaluate, type Outputs, passes, type Subject, worstDeviation } from "../../src/doctor/check.js";
import { contrastSubject } from "../../src/doctor/contrast-checks.js";
import { convolutionSubject } from "../../src/doctor/convolution-checks.js";
import { type GroupNormInputs, groupNormSubject } from "../../src/doctor/group-norm-checks.js";
import { larsSubject } from "../../src/doctor/lars-checks.js";
import { crossEntropySubject, normalizeSubject, ntXentSubject } from "../../src/doctor/loss-checks.js";
import { type MatmulInputs, matmulSubject } from "../../src/doctor/matmul-checks.js";
import { movingAverageSubject } from "../../src/doctor/moving-average-checks.js";
import { adamWSubject, sgdSubject } from "../../src/doctor/optimizer-checks.js";
import { globalAveragePoolSubject, maxPoolSubject } from "../../src/doctor/pooling-checks.js";
import { relativeError, UNIT } from "../../src/doctor/rounding.js";
import { sobelSubject } from "../../src/doctor/view-filter-checks.js";
import { weightStandardizationSubject } from "../../src/doctor/weight-standardization-checks.js";
import { Tape } from "../../src/engine/tape.js";
import { ShapeError } from "../../src/errors.js";
import { cosineSimilarity, ntXent } from "../../src/losses/nt-xent.js";
import { columnSums } from "../../src/ops/column-sums.js";
import { relu, reluGradient } from "../../src/ops/elementwise.js";
import { addBias } from "../../src/ops/matmul.js";
import { topK } from "../../src/ops/rows.js";
import { columnSums as columnSumsReference } from "../../src/reference/reduction.js";
import { testDevice } from "../lib/device.js";
import { contrastCases, contrastGolden } from "../reference/contrast-goldens.js";
import { type GoldenCase, loadCase } from "../reference/goldens.js";
import { operationGoldens } from "../reference/operation-goldens.js";

/** Compares with golden values, which were rounded to f32 once; NaN tolerances never pass. */
function assertClose(actual: Outputs, golden: Outputs, tolerance: Outputs, factor = 1): void {
  for (const [name, values] of Object.entries(golden)) {
    const allowed = tolerance[name].map((value, i) => factor * value + UNIT * Math.abs(values[i]));
    const worst = worstDeviation({ y: actual[name] }, { y: values }, { y: allowed });
    assert.ok(passes(worst), `${name} is off by ${worst.error}, and rounding allows ${worst.tolerance}`);
  }
}

async function checkSubject<Inputs>(subject: Subject<Inputs>, inputs: Inputs, golden: Outputs): Promise<void> {
  assertClose(await subject.compute(await testDevice(), inputs), golden, subject.tolerance(inputs));
}

/** One test for each case of a golden file. */
function goldenSuite(file: string, cases: readonly string[], check: (golden: GoldenCase) => Promise<void>): void {
  const goldens = suite(`PyTorch's values on the device: ${file}`);
  for (const name of cases) goldens(name, async () => check(await loadCase(file, name)));
  goldens.run();
}

const floats = (golden: GoldenCase, ...names: string[]): Outputs =>
  Object.fromEntries(names.map((name) => [name, golden.floats(name)]));

goldenSuite(
  "matmul",
  ["nn", "tn", "nt", "tt", "nn bias", "nt bias", "one by one", "row", "column", "outer product"],
  async (golden) => {
    const biased = golden.tensors.includes("bias");
    const inputs: MatmulInputs = {
      m: golden.number("m"),
      n: golden.number("n"),
      k: golden.number("k"),
      transposeA: golden.flag("transposeA"),
      transposeB: golden.flag("transposeB"),
      a: golden.floats("a"),
      b: golden.floats("b"),
      dc: golden.floats("dc"),
      bias: biased ? golden.floats("bias") : undefined,
    };
    await checkSubject(matmulSubject, inputs, floats(golden, "c", "da", "db", ...(biased ? ["dBias"] : [])));
  },
);

function windowOf(golden: GoldenCase) {
  return {
    batch: golden.number("batch"),
    height: golden.number("height"),
    width: golden.number("width"),
    kernelHeight: golden.number("kernelHeight"),
    kernelWidth: golden.number("kernelWidth"),
    x: golden.floats("x"),
    dy: golden.floats("dy"),
  };
}

goldenSuite(
  "conv2d",
  [
    "3x3",
    "3x3 stride 2",
    "3x3 stride 2 even map",
    "3x3 no padding",
    "1x1",
    "1x1 stride 2",
    "5x5 padding 2",
    "7x7 stride 2 padding 3",
    "3x5 stride 3 padding 2",
    "one channel",
    "one pixel",
    "wide channels",
    "axes that differ",
    "bias",
    "dilation 2",
    "dilation 3 by 2, stride 2",
    "groups",
    "groups of vectors, stride 2",
    "groups, dilated, axes that differ",
    "depthwise",
    "depthwise of vectors, 7x7",
    "depthwise, stride 2",
    "depthwise, dilated, stride 3 by 1",
    "depthwise to twice the channels",
    "depthwise to four times the channels, stride 2",
  ],
  (golden) => {
    const [inChannels, outChannels] = [golden.number("inChannels"), golden.number("outChannels")];
    const biased = golden.tensors.includes("bias");
    const inputs = {
      ...windowOf(golden),
      ...{ inChannels, outChannels, groups: golden.number("groups") },
      ...{ stride: golden.perAxis("stride"), padding: golden.perAxis("padding"), dilation: golden.perAxis("dilation") },
      weight: golden.floats("weight"),
      bias: biased ? golden.floats("bias") : undefined,
    };
    return checkSubject(convolutionSubject, inputs, floats(golden, "y", "dx", "dWeight", ...(biased ? ["dBias"] : [])));
  },
);

goldenSuite(
  "batch-norm",
  [
    "training",
    "training relu",
    "training residual",
    "training residual relu",
    "training one image",
    "training one channel",
    "training two rows",
    "training mean far from zero",
    "inference",
    "inference relu",
    "inference residual relu",
    "training another epsilon and momentum",
    "training not affine",
    "training not affine residual relu",
    "inference another epsilon",
    "inference not affine",
  ],
  async (golden) => {
    const x = golden.floats("x");
    const runningMean = golden.floats("runningMean");
    const [affine, residual] = ["gamma", "residual"].map((name) => golden.tensors.includes(name));
    const inputs: BatchNormInputs = {
      rows: x.length / runningMean.length,
      epsilon: golden.number("epsilon"),
      momentum: golden.number("momentum"),
      training: golden.flag("training"),
      relu: golden.flag("relu"),
      x,
      gamma: affine ? golden.floats("gamma") : undefined,
      beta: affine ? golden.floats("beta") : undefined,
      runningMean,
      runningVariance: golden.floats("runningVariance"),
      residual: residual ? golden.floats("residual") : undefined,
      dy: golden.floats("dy"),
    };
    await checkSubject(batchNormSubject, inputs, {
      ...floats(golden, "y", "dx", ...(affine ? ["dGamma", "dBeta"] : []), ...(residual ? ["dResidual"] : [])),
      ...(inputs.training
        ? { runningMean: golden.floats("nextRunningMean"), runningVariance: golden.floats("nextRunningVariance") }
        : {}),
    });
  },
);

goldenSuite(
  "group-norm",
  [
    "two channels a group",
    "relu",
    "residual",
    "residual relu",
    "one image",
    "one channel a group",
    "one group",
    "one channel",
    "one pixel",
    "mean far from zero",
    "another epsilon",
  ],
  async (golden) => {
    const residual = golden.tensors.includes("residual");
    const inputs: GroupNormInputs = {
      batch: golden.number("batch"),
      pixels: golden.number("pixels"),
      channels: golden.number("channels"),
      groups: golden.number("groups"),
      epsilon: golden.number("epsilon"),
      relu: golden.flag("relu"),
      x: golden.floats("x"),
      gamma: golden.floats("gamma"),
      beta: golden.floats("beta"),
      residual: residual ? golden.floats("residual") : undefined,
      dy: golden.floats("dy"),
    };
    const names = ["y", "dx", "dGamma", "dBeta", ...(residual ? ["dResidual"] : [])];
    await checkSubject(groupNormSubject, inputs, floats(golden, ...names));
  },
);

goldenSuite(
  "weight-standardization",
  ["3x3", "3x3 to many channels", "1x1", "one channel", "mean far from zero", "as small as epsilon"],
  (golden) => {
    const [kernelHeight, kernelWidth, inChannels, outChannels] = golden.shape("weight");
    const shape = [kernelHeight, kernelWidth, inChannels, outChannels] as const;
    const inputs = { shape, weight: golden.floats("weight"), dy: golden.floats("dy") };
    return checkSubject(weightStandardizationSubject, inputs, floats(golden, "y", "dWeight"));
  },
);

goldenSuite("elementwise", ["relu", "bias", "sums 13x7", "sums 1x11", "sums 131x1", "sums 67x37"], async (golden) => {
  const x = golden.floats("x");
  const shape = golden.shape("x");
  const actual = await evaluate(await testDevice(), (tape, input): Record<string, ReturnType<typeof input>> => {
    const tensor = input(x, shape);
    if (golden.tensors.includes("columnSums")) return { columnSums: columnSums(tape, tensor) };
    if (golden.tensors.includes("bias")) return { y: addBias(tape, tensor, input(golden.floats("bias"), [shape[1]])) };
    const y = relu(tape, tensor);
    return { y, dx: reluGradient(tape, y, input(golden.floats("dy"), shape)) };
  });
  const sums = columnSumsReference(x.map(Math.abs), shape[0], shape[1]);
  const tolerance = Object.fromEntries(
    Object.entries(actual).map(([name, values]) => [
      name,
      // A sum of all rows; one rounding of the biased values; the others are exact.
      name === "columnSums"
        ? sums.map((sum) => sum * relativeError(shape[0]))
        : values.map((value) => (golden.tensors.includes("bias") ? UNIT * Math.abs(value) : 0)),
    ]),
  );
  assertClose(actual, floats(golden, ...Object.keys(actual)), tolerance);
});

goldenSuite(
  "pooling",
  ["max 3x3 stride 2 padding 1", "max 3x3 stride 2 even map", "max 2x2", "max 3x3 overlapping", "max with ties"],
  (golden) => {
    const [stride, padding, channels] = ["stride", "padding", "channels"].map((name) => golden.number(name));
    const inputs = { ...windowOf(golden), stride, padding, channels };
    return checkSubject(maxPoolSubject, inputs, floats(golden, "y", "dx"));
  },
);

goldenSuite("pooling", ["average", "average one pixel", "average one map"], (golden) => {
  const [batch, pixels, channels] = ["batch", "pixels", "channels"].map((name) => golden.number(name));
  const inputs = { batch, pixels, channels, x: golden.floats("x"), dy: golden.floats("dy") };
  return checkSubject(globalAveragePoolSubject, inputs, floats(golden, "y", "dx"));
});

goldenSuite("cross-entropy", ["small", "ten classes", "one row", "large logits", "many classes"], (golden) => {
  const labels = Uint32Array.from(golden.integers("labels"));
  const inputs = { classes: golden.number("classes"), logits: golden.floats("logits"), labels };
  return checkSubject(crossEntropySubject, inputs, floats(golden, "loss", "dLogits"));
});

goldenSuite("l2-normalize", ["small", "one column", "wide", "norm 1e3", "norm 1e-6", "zero row"], (golden) => {
  const [rows, columns] = [golden.number("rows"), golden.number("columns")];
  const inputs = { rows, columns, x: golden.floats("x"), dy: golden.floats("dy") };
  return checkSubject(normalizeSubject, inputs, floats(golden, "y", "dx"));
});

goldenSuite("l2-normalize", ["cosine similarity"], async (golden) => {
  const [rowsA, rowsB, columns] = ["rowsA", "rowsB", "columns"].map((name) => golden.number(name));
  const [a, b] = [golden.floats("a"), golden.floats("b")];
  const actual = await evaluate(await testDevice(), (tape, input) => ({
    similarity: cosineSimilarity(tape, input(a, [rowsA, columns]), input(b, [rowsB, columns])),
  }));
  // As the logits of NT-Xent: a dot product of two rows of length 1, each off by half a sum of squares, a root (9
  // roundings) and a division (5).
  const error = relativeError(columns + 1 + 2 * ((columns + 1) / 2 + 14));
  assertClose(actual, floats(golden, "similarity"), { similarity: new Float64Array(rowsA * rowsB).fill(error) });
});

const ntXentCases = ["temperature 0.5", "temperature 0.05", "views alike", "norm 1e3"];
const collapsedCases = ["collapsed", "collapsed at temperature 0.05", "all zero"];
goldenSuite("nt-xent", [...ntXentCases, ...collapsedCases, "2N = 66", "2N = 512"], async (golden) => {
  const [dimension, temperature] = [golden.number("dimension"), golden.number("temperature")];
  const z = golden.floats("z");
  const names = golden.tensors.includes("accuracy") ? ["loss", "accuracy", "dz"] : ["loss", "dz"];
  const inputs = { rows: z.length / dimension, dimension, temperature, z };
  await checkSubject(ntXentSubject, inputs, floats(golden, ...names));
});

goldenSuite("contrast", contrastCases, async (golden) => {
  const inputs = contrastGolden(golden);
  const expected = { loss: golden.floats("value"), ...floats(golden, "accuracy", "dz") };
  await checkSubject(contrastSubject, { ...inputs, rows: inputs.z.length / inputs.dimension }, expected);
});

const onePair = suite("PyTorch's values on the device: NT-Xent of one pair");
onePair("is refused, for it has no negatives", async () => {
  const golden = await loadCase("nt-xent", "one pair");
  const device = await testDevice();
  const z = device.tensor([2, golden.number("dimension")]);
  assert.throws(
    () => ntXent(new Tape(device), z, 0.5),
    (error: unknown) => error instanceof ShapeError && /tensor \[2, 3\] must hold two views/.test(error.message),
  );
  device.free(z);
});
onePair.run();

/** Elements of an optimizer's table entry: golden weights are filled up to it with zeros. */
const block = 64;

function padded(x: Float64Array): Float64Array {
  const result = new Float64Array(block);
  result.set(x);
  return result;
}

/**
 * Every step starts from the golden weights and from the state that the reference has then, rounded to f32. That takes less
 * than the roundings of the step itself, as does rounding the settings: twice its tolerance.
 */
async function checkSteps<Inputs>(
  golden: GoldenCase,
  subject: Subject<Inputs>,
  inputsOf: (weight: Float64Array, gradient: Float64Array, state: Outputs, step: number) => Inputs,
  initial: Outputs,
): Promise<void> {
  const [steps, size] = golden.shape("gradients");
  const rowOf = (name: string, step: number) => padded(golden.floats(name).subarray(step * size, (step + 1) * size));
  let weight = padded(golden.floats("initial"));
  let state = initial;
  for (let step = 0; step < steps; step++) {
    const inputs = inputsOf(weight, rowOf("gradients", step), state, step + 1);
    const actual = await subject.compute(await testDevice(), inputs);
    const next = rowOf("weights", step);
    assertClose(actual, { weight: next }, subject.tolerance(inputs), 2);
    state = Object.fromEntries(
      Object.entries(subject.reference(inputs, actual)).map(([name, x]) => [name, x.map(Math.fround)]),
    );
    weight = next;
  }
}

const zeros = new Float64Array(block);

for (const own of operationGoldens) {
  goldenSuite(own.file, own.cases, async (golden) => {
    const actual = await own.compute(await testDevice(), golden);
    assertClose(actual, floats(golden, ...own.outputs(golden)), own.tolerance(golden));
  });
}

goldenSuite("optimizers", ["sgd plain", "sgd momentum", "sgd nesterov"], (golden) =>
  checkSteps(
    golden,
    sgdSubject,
    (weight, gradient, { velocity }) => ({
      learningRate: golden.number("learningRate"),
      momentum: golden.number("momentum"),
      nesterov: golden.flag("nesterov"),
      weightDecay: golden.number("weightDecay"),
      decays: Float64Array.of(1),
      weight,
      gradient,
      velocity,
    }),
    { velocity: zeros },
  ),
);

goldenSuite("optimizers", ["adamw", "adamw no decay"], (golden) =>
  checkSteps(
    golden,
    adamWSubject,
    (weight, gradient, { first, second }, step) => ({
      learningRate: golden.number("learningRate"),
      beta1: golden.number("beta1"),
      beta2: golden.number("beta2"),
      epsilon: golden.number("epsilon"),
      weightDecay: golden.number("weightDecay"),
      decays: Float64Array.of(1),
      step,
      weight,
      gradient,
      first,
      second,
    }),
    { first: zeros, second: zeros },
  ),
);

goldenSuite(
  "optimizers",
  [
    ...["lars", "lars no decay", "lars excluded", "lars zero weight", "lars zero gradient", "lars nesterov"],
    ...["lars decayed offset", "lars clip", "lars clip nesterov", "lars clip excluded", "lars clip zero weight"],
    "lars clip zero gradient",
  ],
  (golden) =>
    checkSteps(
      golden,
      larsSubject,
      (weight, gradient, { velocity }, step) => ({
        learningRate: golden.numbers("learningRates")[step - 1],
        momentum: golden.number("momentum"),
        nesterov: golden.flag("nesterov"),
        weightDecay: golden.number("weightDecay"),
        offsetDecay: golden.number("weightDecay"),
        eta: golden.number("eta"),
        trustClip: golden.flag("trustClip"),
        tensors: [{ blocks: 1, adapted: golden.flag("adapted") }],
        weight,
        gradient,
        velocity,
      }),
      { velocity: zeros },
    ),
);

goldenSuite("moving-average", ["teacher"], async (golden) => {
  const size = golden.shape("values")[1];
  const rowOf = (name: string, step: number) => padded(golden.floats(name).subarray(step * size, (step + 1) * size));
  let average = padded(golden.floats("initial"));
  for (const [step, momentum] of golden.numbers("momenta").entries()) {
    const inputs = { momentum, average, parameters: rowOf("values", step) };
    const actual = await movingAverageSubject.compute(await testDevice(), inputs);
    average = rowOf("averages", step);
    // The average that the step starts from is rounded too.
    assertClose(actual, { average }, movingAverageSubject.tolerance(inputs), 2);
  }
});

goldenSuite("knn", ["k 5", "k 1", "whole bank"], async (golden) => {
  const [dimension, classes, k] = ["dimension", "classes", "k"].map((name) => golden.number(name));
  const [queries, bank] = [golden.floats("queries"), golden.floats("bank")];
  const labels = Uint32Array.from(golden.integers("labels"));
  const rows = queries.length / dimension;
  const actual = await evaluate(await testDevice(), (tape, input) => {
    const all = cosineSimilarity(tape, input(queries, [rows, dimension]), input(bank, [labels.length, dimension]));
    const { indices, values } = topK(tape, all, k);
    const predictions = tape.tensor([rows], "predictions", "u32");
    tape.launch(
      kernels.knnVote,
      { neighbours: indices, similarities: values, labels: input(labels, [labels.length]), predictions },
      { queries: rows, candidates: labels.length, k, classes, inverse_temperature: 1 / golden.number("temperature") },
    );
    return { indices, predictions };
  });
  // PyTorch has the most similar first, and the kernel the lowest index.
  const neighbors = golden.integers("neighbors");
  const ascending = Array.from({ length: rows }, (_, row) => [
    ...neighbors.slice(row * k, (row + 1) * k).sort((a, b) => a - b),
  ]).flat();
  assert.equal(Array.from(actual.indices), ascending);
  assert.equal(Array.from(actual.predictions), Array.from(golden.integers("predictions")));
});

goldenSuite(
  "augment",
  ["crop smaller", "crop larger", "crop wider and lower", "crop same size", "crop to one pixel", "crop of one pixel"],
  (golden) => {
    const [left, top, width, height] = ["left", "top", "boxWidth", "boxHeight"].map((name) => golden.number(name));
    const inputs = {
      batch: 1,
      source: { width: golden.number("width"), height: golden.number("height") },
      output: { width: golden.number("outWidth"), height: golden.number("outHeight") },
      rgba: Uint8Array.from(golden.bytes("rgba")),
      views: [{ ...plainView, box: { left, top, width, height } }],
    };
    return checkSubject(augmentSubject, inputs, floats(golden, "y"));
  },
);

goldenSuite("augment", ["blur 3 sigma 0.1", "blur 3 sigma 1.3", "blur 5 sigma 2.0", "blur 9 sigma 0.7"], (golden) => {
  const [width, height, kernelSize, sigma] = ["width", "height", "kernelSize", "sigma"].map((name) =>
    golden.number(name),
  );
  const inputs = { width, height, kernelSize, sigmas: [sigma], solarized: [false], x: golden.floats("x") };
  return checkSubject(blurSubject, inputs, floats(golden, "y"));
});

goldenSuite("augment", ["sobel"], (golden) => {
  const [width, height] = ["width", "height"].map((name) => golden.number(name));
  const inputs = { width, height, filtered: [true], solarized: [false], x: golden.floats("x") };
  return checkSubject(sobelSubject, inputs, floats(golden, "y"));
});

goldenSuite("augment", ["solarize"], (golden) => {
  const [width, height] = ["width", "height"].map((name) => golden.number(name));
  const inputs = { width, height, kernelSize: 3, sigmas: [0], solarized: [true], x: golden.floats("x") };
  return checkSubject(blurSubject, inputs, floats(golden, "y"));
});
