import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Access, trace } from "../../bench/gpu-compile/trace.js";
import type { KernelDefinition, KernelValues } from "../../kernels/definition.js";
import * as kernels from "../../kernels/generated.js";
import { type ConstantValues, constantsOf } from "../../src/engine/pipelines.js";
import { testDevice } from "../lib/device.js";

const counted = suite("bytes and FLOPs in the headers");

function key({ name, at, count }: Access): string {
  return `${name}[${at}] x ${count}`;
}

/**
 * Bytes that the workgroups of a launch load from and store to global memory, and FLOPs of its multiply-adds, from what every
 * thread was seen to do. What threads of a workgroup load at the same place, in the same step, counts once; with `apart`, as
 * often as there are threads.
 */
async function count({ kernel, params, constants, half }: Subject, apart = false) {
  const { threads, threadsPerWorkgroup } = await trace(await testDevice(), kernel, params, constants, { half });
  let [loaded, stored, fma] = [0, 0, 0];
  for (let first = 0; first < threads.length; first += threadsPerWorkgroup) {
    const group = threads.slice(first, first + threadsPerWorkgroup);
    // What belongs to a column is loaded by all threads of the column.
    const again = (name: string, thread: number) => apart && name === "column_marks" && thread >= tile.COL_THREADS;
    const loads = group.map(({ accesses }, thread) =>
      accesses.filter(({ name, memory, store }) => memory === "global" && !store && !again(name, thread)),
    );
    const steps = Math.max(...loads.map(({ length }) => length));
    for (let step = 0; step < steps; step++) {
      const together = loads.flatMap((own) => own[step] ?? []);
      // What belongs to a row is loaded by all threads of the row.
      const isShared = ({ name }: Access) => !apart || name === "anchors" || name === "marks";
      const shared = new Map(together.filter(isShared).map((own) => [key(own), own])).values();
      const places = [...shared, ...together.filter((own) => !isShared(own))];
      for (const { width, count } of places) loaded += width * count;
    }
    for (const thread of group) {
      fma += thread.fma;
      for (const { memory, store, width, count } of thread.accesses)
        if (memory === "global" && store) stored += width * count;
    }
  }
  return { bytes: loaded + stored, flops: 2 * fma };
}

interface Subject {
  readonly title: string;
  readonly kernel: KernelDefinition;
  readonly params: KernelValues;
  readonly constants: ConstantValues;
  /** Activations in f16. */
  readonly half?: boolean;
}

const tile = { ROW_THREADS: 2, COL_THREADS: 4, ROWS: 4, COLS: 4, DEPTH: 4 };
/** As many vectors in each tile as threads. */
const fragments = {
  ...{ UNIT_ROWS: 4, UNIT_COLS: 8, UNIT_TERMS: 4, LANES: 4 },
  ...{ ROW_SUBGROUPS: 2, COL_SUBGROUPS: 1, ROWS: 1, COLS: 1, DEPTH: 4 },
};
const registers = { LANES: 4, GROUPS: 2, ROWS: 2, COLS: 4 };
const window = (kernel: number, stride: number, padding: number) => ({
  ...{ KERNEL_HEIGHT: kernel, KERNEL_WIDTH: kernel, STRIDE_Y: stride, STRIDE_X: stride },
  ...{ PADDING_Y: padding, PADDING_X: padding },
});
const maps = (input: readonly [number, number], output: readonly [number, number]) => ({
  ...{ IN_HEIGHT: input[0], IN_WIDTH: input[0], IN_CHANNELS: input[1] },
  ...{ OUT_HEIGHT: output[0], OUT_WIDTH: output[0], OUT_CHANNELS: output[1] },
});
/** Shapes that fill whole tiles, so that every multiply-add counts; weights of 16 channels. */
const same = { ...window(3, 1, 1), ...maps([4, 8], [4, 16]) };
const pointwise = { ...window(1, 1, 0), ...maps([4, 8], [4, 16]) };
const strided = { ...window(3, 2, 1), ...maps([8, 8], [4, 16]) };
const backward = { ...window(3, 2, 1), ...maps([4, 8], [8, 16]), TRANSPOSED: true, PHASES_Y: 2, PHASES_X: 2 };
const contrast = {
  ...{ rows: 32, dim: 16, column_rows: 64, first_column: 16, width: 32 },
  ...{ same_block: 0, splits: 2, continues: 0, inverse_temperature: 2 },
};
/** Rules of the contrastive losses: NT-Xent's, and one where times count and some keys attract. */
const rules = {
  pairs: { SAME: 0, OTHER: 2 },
  times: { SAME: 2, OTHER: 0, BEYOND: 1, TIMED: true, PARTS: 7 },
};
/** With the constants of a rule that a kernel has. */
const contrastSubjects = (
  kernel: KernelDefinition,
  constants: ConstantValues,
  forms: Readonly<Record<string, ConstantValues>> = rules,
): Subject[] =>
  Object.entries(forms).flatMap(([name, rule]) =>
    [0, 1].map((continues) => {
      const own = Object.fromEntries(Object.entries(rule).filter(([constant]) => constant in kernel.constants));
      const title = `${kernel.name} ${name} continues ${continues}`;
      return { title, kernel, params: { ...contrast, continues }, constants: { ...constants, ...own } };
    }),
  );

const full: readonly Subject[] = [
  ...[
    { VECTOR: 1 },
    { VECTOR: 4 },
    { TRANSPOSE_A: true },
    { TRANSPOSE_B: true },
    { TRANSPOSE_A: true, TRANSPOSE_B: true },
  ].map((form) => ({
    title: `matmulTiled ${JSON.stringify(form)}`,
    kernel: kernels.matmulTiled,
    params: { rows: 16, inner: 12, cols: 32 },
    constants: { ...tile, ...form },
  })),
  ...Object.entries({ same, pointwise, strided, backward }).flatMap(([title, shape]) =>
    [1, 4].map((VECTOR) => ({
      title: `conv2dTiled ${title} VECTOR ${VECTOR}`,
      kernel: kernels.conv2dTiled,
      params: { batch: 2 },
      constants: { ...tile, ...shape, VECTOR },
    })),
  ),
  ...Object.entries({ same, strided }).map(([title, shape]) => ({
    title: `conv2dWeightGradientTiled ${title}`,
    kernel: kernels.conv2dWeightGradientTiled,
    params: { batch: 2, splits: 3 },
    constants: { ...tile, ...shape, VECTOR: 4 },
  })),
  ...[{ VECTOR: 4 }, { TRANSPOSE_A: true, TRANSPOSE_B: true }].map((form) => ({
    title: `matmulMatrix ${JSON.stringify(form)}`,
    kernel: kernels.matmulMatrix,
    params: { rows: 16, inner: 12, cols: 32 },
    constants: { ...fragments, ...form },
  })),
  ...Object.entries({ same, backward }).map(([title, shape]) => ({
    title: `conv2dMatrix ${title}`,
    kernel: kernels.conv2dMatrix,
    params: { batch: 2 },
    constants: { ...fragments, ...shape, VECTOR: 4 },
  })),
  {
    title: "conv2dWeightGradientMatrix",
    kernel: kernels.conv2dWeightGradientMatrix,
    params: { batch: 2, splits: 3 },
    constants: { ...fragments, ...same, VECTOR: 4 },
  },
  ...contrastSubjects(kernels.contrastPartialsTiled, { ...tile, VECTOR: 4 }),
  ...contrastSubjects(
    kernels.contrastGradientTiled,
    { ...tile, VECTOR: 4, DIMS: 16 },
    {
      "both ways": rules.pairs,
      "rows as anchors": { ...rules.pairs, COLUMN_ANCHORS: false },
      "columns as anchors": { ...rules.times, ROW_ANCHORS: false },
    },
  ),
  ...[{ VECTOR: 1 }, { VECTOR: 4 }, { TRANSPOSE_A: true, TRANSPOSE_B: true }].map((form) => ({
    title: `matmul ${JSON.stringify(form)}`,
    kernel: kernels.matmul,
    params: { rows: 16, inner: 12, cols: 32 },
    constants: { ...registers, ...form },
  })),
  ...Object.entries({ same, strided, backward }).map(([title, shape]) => ({
    title: `conv2d ${title}`,
    kernel: kernels.conv2d,
    params: { batch: 2 },
    constants: { ...registers, ...shape, RUN_TAPS: "TRANSPOSED" in shape ? 1 : shape.KERNEL_WIDTH },
  })),
  {
    title: "conv2dWeightGradient",
    kernel: kernels.conv2dWeightGradient,
    params: { batch: 2, splits: 2 },
    constants: { ...registers, ...same },
  },
  ...contrastSubjects(kernels.contrastPartials, { LANES: 4, ROWS: 4, COLS: 4 }),
  ...contrastSubjects(kernels.contrastGradient, { LANES: 4, ROWS: 4, COLS: 4, DEPTH: 16 }),
];

/** The same with f16, of kernels that have it; half of the bytes of a convolution's x and y, and none of those of its weights but by matrix units. */
const halves = full
  .filter(({ kernel }) => kernel.bindings.some(({ element }) => element === "stored"))
  .map((subject): Subject => ({ ...subject, title: `${subject.title} f16`, half: true }));

function valuesOf({ kernel, params, constants, half = false }: Subject): KernelValues {
  return { ...params, ...constantsOf(kernel, half ? { ...constants, HALF: true } : constants) };
}

for (const subject of [...full, ...halves]) {
  counted(subject.title, async () => {
    const values = valuesOf(subject);
    const found = await count(subject);
    assert.is(found.bytes, subject.kernel.bytes?.(values), "bytes");
    assert.is(found.flops, subject.kernel.flops(values), "FLOPs");
  });
}

// Past the edges, threads load the last elements again. No two of them load the same one otherwise.
const odd: readonly Subject[] = [
  {
    title: "matmulTiled",
    kernel: kernels.matmulTiled,
    params: { rows: 13, inner: 7, cols: 21 },
    constants: tile,
  },
  {
    title: "conv2dTiled",
    kernel: kernels.conv2dTiled,
    params: { batch: 3 },
    constants: { ...tile, ...window(3, 2, 1), ...maps([7, 3], [4, 5]) },
  },
  {
    title: "conv2dTiled backward",
    kernel: kernels.conv2dTiled,
    params: { batch: 1 },
    constants: { ...tile, ...window(3, 2, 1), ...maps([4, 6], [7, 5]), TRANSPOSED: true, PHASES_Y: 2, PHASES_X: 2 },
  },
  {
    title: "conv2dWeightGradientTiled",
    kernel: kernels.conv2dWeightGradientTiled,
    params: { batch: 3, splits: 4 },
    constants: { ...tile, ...window(3, 1, 1), ...maps([5, 3], [5, 7]) },
  },
  {
    title: "contrastPartialsTiled",
    kernel: kernels.contrastPartialsTiled,
    params: { ...contrast, rows: 24, width: 19, dim: 5 },
    constants: tile,
  },
];

for (const subject of odd) {
  counted(`${subject.title} at a shape that is no multiple of a tile`, async () => {
    const found = await count(subject, true);
    assert.is(found.bytes, subject.kernel.bytes?.(valuesOf(subject)), "bytes");
  });
}

counted("every kernel with tiles is counted", () => {
  const names = new Set(full.map(({ kernel }) => kernel.name));
  assert.equal(
    Object.values(kernels).filter((kernel: KernelDefinition) => kernel.bytes !== undefined && !names.has(kernel.name)),
    [],
  );
});

counted.run();
