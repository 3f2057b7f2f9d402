import { suite } from "uvu";
import * as assert from "uvu/assert";
import { evaluate, gradientOf, type Outputs, passes, worstDeviation } from "../../src/doctor/check.js";
import { contrastKeysSubject } from "../../src/doctor/contrast-keys-checks.js";
import type { ContrastKeysInputs } from "../../src/doctor/contrast-keys-inputs.js";
import { ntXentInputs, ntXentSubject } from "../../src/doctor/loss-checks.js";
import { randomInputs } from "../../src/doctor/random-inputs.js";
import { UNIT } from "../../src/doctor/rounding.js";
import { Device } from "../../src/engine/device.js";
import { Tape } from "../../src/engine/tape.js";
import type { Tensor } from "../../src/engine/tensor.js";
import { ConfigError, ShapeError } from "../../src/errors.js";
import { decodeSafetensors } from "../../src/io/safetensors.js";
import { type Anchors, contrast, type Keys } from "../../src/losses/contrast.js";
import { viewGroups } from "../../src/losses/view-groups.js";
import { add } from "../../src/ops/elementwise.js";
import { matmul } from "../../src/ops/matmul.js";
import { contrastKeys, type EmbeddingSet, type KeySet } from "../../src/reference/contrast-keys.js";
import { matmulForward } from "../../src/reference/matmul.js";
import { throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";
import { loadGoldenBytes } from "../lib/golden.js";
import { checkGradients } from "../ops/gradient-check.js";
import { assertGolden, type GoldenCase, loadCase } from "../reference/goldens.js";

const contrastive = suite("contrastive losses of anchors and keys");

const POSITIVE_PAIRS = { same: "positive", other: "negative" } as const;

contrastive("rules that are none are refused", async () => {
  const device = await testDevice();
  const tape = new Tape(device);
  const z = device.tensor([2, 2]);
  const groups = device.indices([2]);
  const given = (rule: string) => () => {
    const keys: Keys = { z, groups, times: groups, ...JSON.parse(rule) };
    contrast(tape, { z, groups, times: groups }, [keys], { temperature: 1 });
  };
  throws(given('{ "same": "pos", "other": "negative" }'), ConfigError, /no relation "pos": choose ignored, attracted/);
  throws(given('{ "same": "positive" }'), ConfigError, /no relation "undefined"/);
  throws(
    given('{ "same": "positive", "other": "negative", "near": 1, "beyond": "z" }'),
    ConfigError,
    /no relation "z"/,
  );
  throws(
    given('{ "same": "positive", "other": "negative", "far": 9 }'),
    ConfigError,
    /far 9 says nothing without near/,
  );
  for (const tensor of [z, groups]) device.free(tensor);
});

contrastive("groups of views count the images from a first one on", async () => {
  const { two, three } = await evaluate(await testDevice(), (tape) => ({
    two: viewGroups(tape, 3),
    three: viewGroups(tape, 2, 3, 70),
  }));
  assert.equal(Array.from(two), [0, 1, 2, 0, 1, 2]);
  assert.equal(Array.from(three), [70, 71, 70, 71, 70, 71]);
});

/** What two computations of the same values may be apart, each of which is off by so much. */
function sum(a: Outputs, b: Outputs): Outputs {
  return Object.fromEntries(Object.entries(a).map(([name, error]) => [name, error.map((e, i) => e + b[name][i])]));
}

for (const [images, dimension] of [
  [5, 8],
  [33, 20],
]) {
  for (const temperature of [0.05, 0.5]) {
    contrastive(`two views are NT-Xent: N = ${images}, D = ${dimension}, temperature ${temperature}`, async () => {
      const device = await testDevice();
      const rows = 2 * images;
      const inputs = ntXentInputs(rows, dimension, temperature);
      const actual = await evaluate(device, (tape, input) => {
        const z = input(inputs.z, [rows, dimension]);
        tape.watch(z);
        const anchors = { z, groups: viewGroups(tape, images) };
        const { loss, accuracy, spread, anchored } = contrast(tape, anchors, [{ ...anchors, ...POSITIVE_PAIRS }], {
          temperature,
        });
        tape.backward(loss);
        return { loss, accuracy, spread, anchored, dz: gradientOf(tape, z) };
      });
      const set = { z: inputs.z, groups: Uint32Array.from({ length: rows }, (_, row) => row % images) };
      const { "gradient 0": dz, ...errors } = contrastKeysSubject().tolerance({
        ...{ dimension, temperature, anchors: [set], keys: [{ set, ...POSITIVE_PAIRS }], watched: [set] },
      });
      const tolerance = sum(ntXentSubject.tolerance(inputs), { ...errors, dz });
      const worst = worstDeviation(actual, await ntXentSubject.compute(device, inputs), tolerance);
      assert.ok(passes(worst), `off by ${worst.error}, and rounding allows ${worst.tolerance}`);
      assert.equal(Array.from(actual["anchored"]), [1]);
    });
  }
}

/** What the losses of `contrast-keys.safetensors` make of their sets of embeddings, and the sets that get gradients. */
const losses: Readonly<
  Record<string, { readonly keys: Readonly<Record<string, Omit<KeySet, "set">>>; readonly watched: readonly string[] }>
> = {
  views: { keys: { anchors: POSITIVE_PAIRS }, watched: ["anchors"] },
  labels: { keys: { anchors: POSITIVE_PAIRS }, watched: ["anchors"] },
  decoupled: { keys: { anchors: { same: "attracted", other: "negative" } }, watched: ["anchors"] },
  queue: {
    keys: { keys: { same: "positive", other: "ignored" }, queue: { same: "ignored", other: "negative" } },
    watched: ["anchors"],
  },
  apart: { keys: { keys: POSITIVE_PAIRS }, watched: ["anchors", "keys"] },
  times: { keys: { anchors: { ...POSITIVE_PAIRS, near: 2 } }, watched: ["anchors"] },
};

const goldenCases = Object.keys(losses).flatMap((loss) =>
  ["4 images, temperature 0.5", "5 images, temperature 0.05", "5 images, temperature 0.5, ties and zeros"].map(
    (sizes) => `${loss}, ${sizes}`,
  ),
);

/** Anchors and keys of a golden case, and the names of the sets with gradients. */
function goldenInputs(golden: GoldenCase): { inputs: ContrastKeysInputs; watched: readonly string[] } {
  const { keys, watched } = losses[golden.text("loss")];
  const sets = new Map<string, EmbeddingSet>();
  const setOf = (name: string): EmbeddingSet => {
    const timed = golden.tensors.includes(`times.${name}`);
    const set = sets.get(name) ?? {
      z: golden.floats(`z.${name}`),
      groups: golden.integers(`groups.${name}`),
      ...(timed && { times: golden.integers(`times.${name}`) }),
    };
    sets.set(name, set);
    return set;
  };
  const inputs = {
    dimension: golden.shape("z.anchors")[1],
    temperature: golden.number("temperature"),
    anchors: [setOf("anchors")],
    keys: Object.entries(keys).map(([name, rule]) => ({ set: setOf(name), ...rule })),
    watched: watched.map(setOf),
  };
  return { inputs, watched };
}

for (const name of goldenCases) {
  contrastive(`PyTorch's ${name}`, async () => {
    const golden = await loadCase("contrast-keys", name);
    const { inputs, watched } = goldenInputs(golden);
    const expected: Outputs = {
      ...{ loss: golden.floats("value"), accuracy: golden.floats("accuracy"), anchored: golden.floats("anchored") },
      ...Object.fromEntries(watched.map((set, i) => [`gradient ${i}`, golden.floats(`gradient.${set}`)])),
    };
    const reference = contrastKeys(inputs);
    assertGolden(reference.loss, expected["loss"], "loss of the reference");
    assertGolden(reference.anchored, expected["anchored"], "share of anchors of the reference");
    watched.forEach((set, i) => {
      const gradient = reference.gradients.get(inputs.watched[i]) ?? new Float64Array();
      assertGolden(gradient, expected[`gradient ${i}`], `gradient of ${set} of the reference`);
    });
    const subject = contrastKeysSubject();
    const tolerance = subject.tolerance(inputs);
    // Golden values are rounded themselves.
    const rounded = Object.fromEntries(
      Object.entries(expected).map(([key, values]) => [key, values.map((value) => UNIT * Math.abs(value))]),
    );
    const actual = await subject.compute(await testDevice(), inputs);
    const worst = worstDeviation(actual, expected, sum(rounded, tolerance));
    assert.ok(passes(worst), `off by ${worst.error}, and rounding allows ${worst.tolerance}`);
  });
}

contrastive("no golden case is left out", async () => {
  const { metadata } = decodeSafetensors(await loadGoldenBytes("contrast-keys.safetensors"));
  assert.equal(JSON.parse(metadata["cases"]), goldenCases);
});

contrastive("gradients reach queries and keys in the middle of a graph, and queries that are keys as well", () => {
  const groups = Uint32Array.of(0, 1, 2, 1, 0, 3);
  const keyGroups = Uint32Array.of(2, 0, 1, 5, 0);
  const [rules, ownRules] = [
    { same: "attracted", other: "negative" },
    { same: "ignored", other: "negative" },
  ] as const;
  return checkGradients({
    inputs: { x: [6, 3], w: [3, 4], y: [5, 3], v: [3, 4] },
    record: (tape, { x, w, y, v }, input) => {
      const queries = { z: matmul(tape, x, w), groups: input(groups, [6]) };
      const keys = { z: matmul(tape, y, v), groups: input(keyGroups, [5]) };
      const { loss } = contrast(
        tape,
        queries,
        [
          { ...keys, ...rules },
          { ...queries, ...ownRules },
        ],
        { temperature: 0.5 },
      );
      return add(tape, loss, loss);
    },
    reference: ({ x, w, y, v }) => {
      const queries = { z: matmulForward(x, w, { m: 6, n: 4, k: 3 }), groups };
      const keys = { z: matmulForward(y, v, { m: 5, n: 4, k: 3 }), groups: keyGroups };
      const { loss } = contrastKeys({
        ...{ dimension: 4, temperature: 0.5, anchors: [queries] },
        keys: [
          { set: keys, ...rules },
          { set: queries, ...ownRules },
        ],
      });
      return Float64Array.of(2 * loss);
    },
    // Products of 3 terms, and of 4 and 6 back; rows of 4 normalised, logits at temperature 0.5 (twice their roundings), and sums
    // over 11 keys and 6 anchors.
    terms: 3 + 4 + 6 + 2 * (4 + 2 * 17) + 11 + 6 + 20,
  });
});

contrastive("MoCo's 256 queries and 65,536 keys of 128 dimensions need at most 10 MiB of their own", async () => {
  const { gpu, adapter } = await testDevice();
  const [queries, queue, dimension] = [256, 65536, 128];
  for (const software of [true, false]) {
    // Tiles are chosen by the kind of adapter; figures of its own.
    const device = new Device(gpu, { ...adapter, software });
    const { peakBytes } = device.memory.rehearse(() => {
      const setOf = (rows: number): Anchors => ({
        z: device.tensor([rows, dimension]),
        groups: device.tensor([rows], new Uint32Array(rows)),
      });
      const tape = new Tape(device);
      const anchors = setOf(queries);
      tape.watch(anchors.z);
      const keys: readonly Keys[] = [
        { ...setOf(queries), same: "positive", other: "ignored" },
        { ...setOf(queue), same: "ignored", other: "negative" },
      ];
      const { loss } = contrast(tape, anchors, keys, { temperature: 0.07 });
      tape.backward(loss);
      return tape.reserve([gradientOf(tape, anchors.z)]);
    });
    // Queries, their gradient and keys; the queue; groups of all rows.
    const given = 4 * ((3 * queries + queue) * dimension + 2 * queries + queue);
    const own = peakBytes - given;
    assert.ok(own > 0 && own <= 10 * 2 ** 20, `${own} bytes`);
  }
});

/** Embeddings of so many views of each image, view after view. */
function chanceSet(tape: Tape, z: Tensor, images: number, views: number, first = 0): Anchors {
  return { z, groups: viewGroups(tape, images, views, first) };
}

contrastive("random embeddings have the loss of chance: log(K + 1) for a queue, log(VN - 1) for views", async () => {
  const [images, queue, views, dimension] = [40, 1000, 3, 128];
  const random = randomInputs(41);
  const draw = (rows: number) => random.normal(rows * dimension);
  const { ofQueue, ofViews } = await evaluate(await testDevice(), (tape, input) => {
    const setOf = (count: number, each: number, first = 0) =>
      chanceSet(tape, input(draw(count * each), [count * each, dimension]), count, each, first);
    const keys: readonly Keys[] = [
      { ...setOf(images, 1), same: "positive", other: "ignored" },
      { ...setOf(queue, 1, images), same: "ignored", other: "negative" },
    ];
    const all = setOf(images, views);
    return {
      ofQueue: contrast(tape, setOf(images, 1), keys, { temperature: 0.5 }).loss,
      ofViews: contrast(tape, all, [{ ...all, ...POSITIVE_PAIRS }], { temperature: 0.5 }).loss,
    };
  });
  for (const [[loss], chance] of [
    [ofQueue, Math.log(queue + 1)],
    [ofViews, Math.log(views * images - 1)],
  ] as const) {
    assert.ok(Math.abs(loss - chance) <= 0.02 * chance, `the loss is ${loss}, and that of chance ${chance}`);
  }
});

contrastive("settings and rules without a loss are refused", async () => {
  const device = await testDevice();
  const z = device.tensor([4, 3], undefined, "embeddings");
  const groups = device.tensor([4], Uint32Array.of(0, 1, 0, 1), "groups");
  const times = device.tensor([4], Uint32Array.of(0, 1, 2, 3), "times");
  const set = { z, groups, times };
  const attempt =
    (rule: Partial<Keys>, temperature = 0.5) =>
    () =>
      contrast(new Tape(device), set, [{ ...set, ...POSITIVE_PAIRS, ...rule }], { temperature });
  for (const temperature of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
    throws(attempt({}, temperature), ConfigError, `temperature ${temperature} must be a number above 0`);
  }
  throws(attempt({ same: "ignored" }), ConfigError, "no key can attract an anchor");
  throws(attempt({ other: "ignored" }), ConfigError, "no key can be negative");
  throws(attempt({ other: "positive" }), ConfigError, "no key can be negative");
  throws(attempt({ near: 0.5 }), ConfigError, "near 0.5 and far 1 must be whole numbers from 0 up");
  throws(attempt({ near: 3, far: 2 }), ConfigError, "near 3 and far 2 must be whole numbers from 0 up");
  // With times, keys of the same group can be the negatives.
  attempt({ other: "ignored", near: 1 })();
  for (const tensor of [z, groups, times]) device.free(tensor);
});

contrastive("tensors that do not fit together are refused", async () => {
  const device = await testDevice();
  const tape = new Tape(device);
  const z = device.tensor([4, 3], undefined, "queries");
  const wide = device.tensor([4, 5], undefined, "wide");
  const marks = [4, 4, 5].map((rows, i) => device.tensor([rows], new Uint32Array(rows), `marks ${i}`));
  const [groups, others, five] = marks;
  const numbers = device.tensor([4], undefined, "numbers");
  const queries = { z, groups };
  const attempt = (anchors: Anchors | readonly Anchors[], ...keys: readonly Anchors[]) => {
    const ruled = keys.map((set) => ({ ...POSITIVE_PAIRS, ...set }));
    return () => contrast(tape, anchors, ruled, { temperature: 0.5 });
  };
  throws(attempt([], queries), ShapeError, "there are 0 tensors of anchors and 1 of keys");
  throws(attempt(queries), ShapeError, "there are 1 tensors of anchors and 0 of keys");
  throws(
    attempt(queries, { z: wide, groups }),
    ShapeError,
    "wide [4, 5] must have as many dimensions as queries [4, 3]",
  );
  throws(attempt({ z, groups: five }, queries), ShapeError, "marks 2 [5]", "to be the groups of queries [4, 3]");
  throws(attempt({ z, groups: numbers }, queries), ShapeError, "numbers [4]", "to be the groups of queries [4, 3]");
  const late = { z, groups, times: five };
  throws(attempt(late, late), ShapeError, "marks 2 [5]", "to be the times of queries [4, 3]");
  throws(attempt(queries, { z, groups: others }), ShapeError, "both must have the same groups and times");
  throws(attempt([queries, queries], queries), ShapeError, "queries [4, 3] is given twice as anchors");
  throws(attempt(queries, queries, queries), ShapeError, "queries [4, 3] is given twice as keys");
  const timed = { ...queries, ...POSITIVE_PAIRS, near: 2 };
  throws(attempt(queries, timed), ShapeError, "queries [4, 3] has no times");
  for (const tensor of [z, wide, numbers, ...marks]) device.free(tensor);
});

contrastive.run();
