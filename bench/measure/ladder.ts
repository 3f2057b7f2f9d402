import type { KernelDefinition } from "../../kernels/definition.js";
import { matmul, matmulTiled } from "../../kernels/generated.js";
import { passes, worstDeviation } from "../../src/doctor/check.js";
import { relativeError } from "../../src/doctor/rounding.js";
import type { Device } from "../../src/engine/device.js";
import type { ConstantValues } from "../../src/engine/pipelines.js";
import { Tape } from "../../src/engine/tape.js";
import { ConfigError, KernelError } from "../../src/errors.js";
import { byEstimate, matmulTiles } from "../../src/ops/gpu-tiles.js";
import { columnTiles } from "../../src/ops/tiles.js";
import { matmulForward } from "../../src/reference/matmul.js";
import { naiveMatmul } from "../ladder/generated.js";
import { type Benchmark, type Origin, onDevice, ROUNDS, wholeNumber } from "./benchmark.js";
import { Inputs } from "./inputs.js";
import { Roofline, type RooflineRates, rooflineText } from "./roofline.js";
import { median } from "./statistics.js";
import { digits, type Rows, resultText, share } from "./text.js";
import { Workload } from "./workload.js";

/** Extents of the matrices are multiples of this: all tiles and vectors are full ones. */
const WHOLE_TILES = 128;
/** Multiply-adds of the reference, at most: beyond it, rows are left out. */
const REFERENCE_WORK = 2 ** 28;

/** A way to compute the product, one step up from another. */
interface Rung {
  readonly name: string;
  /** How the work is cut up, for people. */
  readonly form: string;
  readonly kernel: KernelDefinition<"a" | "b" | "y", "rows" | "inner" | "cols", never>;
  readonly constants: ConstantValues;
  /** Multiply-adds that a thread does for one load from a buffer, a vector being one load. */
  readonly perLoad: number;
}

/** A rung measured; medians over the rounds. */
export interface LadderRow extends Pick<Rung, "name" | "form" | "perLoad"> {
  readonly milliseconds: number;
  readonly gigaflops: number;
  /** Of the multiply-add loop, sampled in the same round. */
  readonly share: number;
}

/** What `bench/matmul-ladder` gives. */
export interface LadderResult extends Origin {
  readonly size: number;
  readonly rounds: number;
  readonly roofline: RooflineRates;
  readonly rows: readonly LadderRow[];
}

/** The rungs that a device has, the lowest first. Tiles are those that the library takes, where it has a choice. */
function rungs(device: Device, size: number): Rung[] {
  const LANES = device.adapter.software ? 8 : 64;
  const registers = columnTiles(device, size);
  const alone = registers.filter(({ SHARE }) => SHARE === 1).slice(0, 1);
  const sharing = registers.filter(({ SHARE }) => SHARE > 1).slice(0, 1);
  const shape = { rows: size, inner: size, cols: size };
  const { tile, threads } = byEstimate(matmulTiles, shape, device.adapter.vendor)[0];
  const inRegisters = (name: string, { ROWS, COLS, SHARE, ...others }: (typeof registers)[number], VECTOR: number) => ({
    name,
    form: `${ROWS} x ${COLS} a thread${SHARE > 1 ? `, ${SHARE} lanes share` : ""}`,
    kernel: matmul,
    constants: { ROWS, COLS, SHARE, ...others, VECTOR },
    perLoad: (ROWS * COLS) / (ROWS / SHARE + COLS / VECTOR),
  });
  const inWorkgroups = (name: string, VECTOR: number) => {
    const [rows, cols] = [tile.ROW_THREADS * tile.ROWS, tile.COL_THREADS * tile.COLS];
    return {
      name,
      form: `${rows} x ${cols} a workgroup, ${tile.ROWS} x ${tile.COLS} a thread`,
      kernel: matmulTiled,
      constants: { ...tile, VECTOR },
      perLoad: (VECTOR * threads * tile.ROWS * tile.COLS) / (rows + cols),
    };
  };
  return [
    { name: "naive", form: "1 x 1 a thread", kernel: naiveMatmul, constants: { LANES }, perLoad: 1 / 2 },
    ...alone.map((tile) => inRegisters("registers", tile, 1)),
    inWorkgroups("tiles in workgroup memory", 1),
    inWorkgroups("tiles, vector loads", 4),
    ...alone.map((tile) => inRegisters("registers, vector loads", tile, 4)),
    ...sharing.map((tile) => inRegisters("registers, vector loads, subgroups", tile, 4)),
  ];
}

/** What the products are held against: some rows of the right one, and what f32 allows each of their elements. */
interface Reference {
  readonly rows: readonly number[];
  readonly expected: Float64Array;
  readonly tolerance: Float64Array;
}

/** Rows an odd number apart: among them are all places in a tile. */
function referenceOf(a: Float32Array, b: Float32Array, size: number): Reference {
  const count = Math.min(size, Math.ceil(REFERENCE_WORK / size ** 2));
  const stride = 2 * Math.floor(size / count / 2) + 1;
  const rows = Array.from({ length: count }, (_, i) => (i * stride) % size);
  const some = pick(a, rows, size);
  const all = Float64Array.from(b);
  const shape = { m: count, n: size, k: size };
  const roundings = relativeError(2 * size);
  return {
    rows,
    expected: matmulForward(some, all, shape),
    tolerance: matmulForward(some.map(Math.abs), all.map(Math.abs), shape).map((sum) => sum * roundings),
  };
}

/** These rows of a matrix of so many columns. */
function pick(matrix: Float32Array, rows: readonly number[], cols: number): Float64Array {
  const picked = new Float64Array(rows.length * cols);
  rows.forEach((row, i) => void picked.set(matrix.subarray(row * cols, (row + 1) * cols), i * cols));
  return picked;
}

/**
 * Measures the rungs in turn, round by round, after each has been held against a product in float64.
 * @throws KernelError where one computes something else
 */
export async function measureLadder(
  device: Device,
  origin: Origin,
  { size, rounds }: { readonly size: number; readonly rounds: number },
  progress: (line: string) => void,
): Promise<LadderResult> {
  const inputs = new Inputs(device);
  try {
    progress("roofline");
    const roofline = await Roofline.open(device);
    inputs.later(() => roofline.dispose(device));
    await roofline.sample("copy");
    const [a, b] = [inputs.normal([size, size], "a"), inputs.normal([size, size], "b")];
    progress("reference");
    const reference = referenceOf(await device.read(a), await device.read(b), size);
    const measured: { rung: Rung; workload: Workload; times: number[]; shares: number[] }[] = [];
    for (const rung of rungs(device, size)) {
      progress(rung.name);
      const y = inputs.keep(device.tensor([size, size], undefined, "y"));
      const tape = new Tape(device);
      const extents = { rows: size, inner: size, cols: size };
      tape.launch(rung.kernel, { a, b, y }, extents, rung.constants);
      const workload = await Workload.prepare(device, tape.launches, roofline.milliseconds);
      inputs.later(() => workload.dispose());
      const product = pick(await device.read(y), reference.rows, size);
      const deviation = worstDeviation({ y: product }, { y: reference.expected }, { y: reference.tolerance });
      if (!passes(deviation))
        throw new KernelError(
          `the product of "${rung.name}" is off by ${deviation.error}, where f32 allows ${deviation.tolerance}`,
        );
      measured.push({ rung, workload, times: [], shares: [] });
    }
    for (let round = 0; round < rounds; round++) {
      progress(`round ${round + 1} of ${rounds}`);
      const reachable = await roofline.sample("fma");
      for (const { workload, times, shares } of measured) {
        const milliseconds = await workload.sample();
        times.push(milliseconds);
        shares.push((2 * size ** 3) / milliseconds / 1e6 / reachable);
      }
    }
    const rows = measured.map(({ rung: { name, form, perLoad }, times, shares }) => {
      const milliseconds = median(times);
      const gigaflops = (2 * size ** 3) / milliseconds / 1e6;
      return { name, form, perLoad, milliseconds, gigaflops, share: median(shares) };
    });
    return { ...origin, size, rounds, roofline: roofline.rates(), rows };
  } finally {
    inputs.dispose();
  }
}

/** The rungs, one a row. */
export function ladderTable(rows: readonly LadderRow[]): Rows {
  return [
    ["rung", "cut up as", "multiply-adds a load", "ms", "GFLOP/s", "of the multiply-add loop"],
    ...rows.map(({ name, form, perLoad, milliseconds, gigaflops, share: part }) => [
      name,
      form,
      digits(perLoad),
      digits(milliseconds),
      digits(gigaflops),
      share(part),
    ]),
  ];
}

export const matmulLadder: Benchmark = {
  name: "matmul-ladder",
  description: "a matrix product from the naive kernel up, step by step: GFLOP/s, and share of the multiply-add loop",
  arguments: [
    {
      name: "size",
      description: `rows and columns of the square matrices, a multiple of ${WHOLE_TILES}`,
      standard: "512",
    },
  ],
  options: [ROUNDS],
  run(settings, progress) {
    const size = wholeNumber(settings, "size", WHOLE_TILES);
    if (size % WHOLE_TILES !== 0) {
      throw new ConfigError(`size is ${size}; it must be a multiple of ${WHOLE_TILES}, so that all tiles are full`);
    }
    const rounds = wholeNumber(settings, "rounds");
    return onDevice(async (device, origin) => {
      const data = await measureLadder(device, origin, { size, rounds }, progress);
      return { data, text: resultText(origin, rooflineText(data.roofline), ladderTable(data.rows)) };
    });
  },
};
