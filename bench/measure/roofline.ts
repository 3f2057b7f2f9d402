import type { Device } from "../../src/engine/device.js";
import { Tape } from "../../src/engine/tape.js";
import type { Tensor } from "../../src/engine/tensor.js";
import { matrixTiles } from "../../src/ops/matrix-tiles.js";
import * as kernels from "../roofline/generated.js";
import { type Benchmark, onDevice, ROUNDS, wholeNumber } from "./benchmark.js";
import { median } from "./statistics.js";
import { digits, resultText } from "./text.js";
import { sampleLength, Workload } from "./workload.js";

/** What bounds a kernel: the adapter's arithmetic (fused multiply-adds, or products by its matrix units) or its memory (copies). */
export type Bound = "fma" | "copy" | "matrix";

/**
 * Bytes of each of the two buffers of the copy, beyond the adapter's caches, and threads of the multiply-adds, enough that a
 * dispatch lasts many times its own overhead. A data centre's GPU has a cache of 50 MB and does 10^9 operations in 20 us.
 */
const EXTENTS = {
  software: { copyBytes: 64 * 2 ** 20, threads: 2 ** 16 },
  gpu: { copyBytes: 512 * 2 ** 20, threads: 2 ** 20 },
};
const ITERATIONS = 64;
/** Rounds in which the forms below compete. */
const CONTEST_ROUNDS = 3;

interface Form {
  readonly LANES: number;
  readonly [constant: string]: number | boolean;
}

const FMA_FORMS: readonly Form[] = [8, 64].flatMap((LANES) =>
  [8, 16, 32].map((ACCUMULATORS) => ({ LANES, ACCUMULATORS })),
);
const COPY_FORMS: readonly Form[] = [64, 256].flatMap((LANES) => [1, 4].map((PER_THREAD) => ({ LANES, PER_THREAD })));

/** Fragments that a subgroup multiplies with each other: products that do not wait for each other, as far as registers go. */
const MATRIX_FRAGMENTS = [
  [2, 2],
  [2, 4],
  [4, 4],
] as const;

/** Of the device's matrix units, on 4 subgroups in a workgroup and on 8; none where it has no units. */
function matrixForms(device: Device): Form[] {
  const [tile] = matrixTiles(device, "f16");
  if (!tile) return [];
  return [2, 4].flatMap((COL_SUBGROUPS) =>
    MATRIX_FRAGMENTS.map(([ROWS, COLS]) => {
      return { ...tile, ROW_SUBGROUPS: 2, COL_SUBGROUPS, ROWS, COLS, DEPTH: tile.UNIT_TERMS };
    }),
  );
}

/** What an adapter reaches; medians over all samples. */
export interface RooflineRates {
  /** GFLOP/s of a loop of fused multiply-adds. */
  readonly fma: number;
  /** GB/s (10^9 bytes), read and written, of a copy between large buffers. */
  readonly copy: number;
  /** GFLOP/s of products of fragments by matrix units, operands of f16 where there are such; null where there are no units. */
  readonly matrix: number | null;
  /** The forms of the kernels that were the fastest. */
  readonly forms: Readonly<Partial<Record<Bound, Form>>>;
}

interface Candidate {
  readonly form: Form;
  readonly workload: Workload;
}

/** The kernels that mark what the adapter can do, ready to be sampled beside what is compared with them. */
export class Roofline {
  readonly #best: ReadonlyMap<Bound, Candidate>;
  readonly #tensors: readonly Tensor[];
  readonly #samples: Readonly<Record<Bound, number[]>> = { fma: [], copy: [], matrix: [] };

  private constructor(
    /** What a sample lasts at least, in milliseconds. */
    readonly milliseconds: number,
    best: ReadonlyMap<Bound, Candidate>,
    tensors: readonly Tensor[],
  ) {
    this.#best = best;
    this.#tensors = tensors;
  }

  /** Tries a few workgroup sizes, numbers of accumulators and vectors a thread, and keeps the fastest of each kernel. */
  static async open(device: Device): Promise<Roofline> {
    const milliseconds = await sampleLength(device);
    const { maxStorageBufferBindingSize, maxBufferSize } = device.gpu.limits;
    const { copyBytes, threads } = EXTENTS[device.adapter.software ? "software" : "gpu"];
    const vectors = Math.min(copyBytes, maxStorageBufferBindingSize, maxBufferSize) / 16;
    const x = device.tensor([4 * vectors], undefined, "source of the copy");
    const y = device.tensor([4 * vectors], undefined, "target of the copy");
    const factors = device.tensor([2], [0.5, 1], "factors");
    const sums = device.tensor([threads], undefined, "sums");
    const fma = await fastest(device, FMA_FORMS, milliseconds, (tape, form) =>
      tape.launch(kernels.fma, { factors, y: sums }, { threads, iterations: ITERATIONS }, form),
    );
    const copy = await fastest(device, COPY_FORMS, milliseconds, (tape, form) =>
      tape.launch(kernels.copy, { x, y }, { vectors }, form),
    );
    const best = new Map<Bound, Candidate>([
      ["fma", fma],
      ["copy", copy],
    ]);
    const forms = matrixForms(device);
    if (forms.length > 0) {
      const matrix = await fastest(device, forms, milliseconds, (tape, form) =>
        tape.launch(kernels.matrix, { factors, y: sums }, { threads, iterations: ITERATIONS }, form),
      );
      best.set("matrix", matrix);
    }
    return new Roofline(milliseconds, best, [x, y, factors, sums]);
  }

  /** What it can sample: matrix units are on few adapters. */
  get bounds(): readonly Bound[] {
    return [...this.#best.keys()];
  }

  /** One sample: GFLOP/s or GB/s. @throws RangeError for matrix units that there are not. */
  async sample(bound: Bound): Promise<number> {
    const candidate = this.#best.get(bound);
    if (!candidate) throw new RangeError(`the adapter has no roofline of "${bound}"`);
    const rate = await sampleRate(candidate.workload);
    this.#samples[bound].push(rate);
    return rate;
  }

  /** Medians of all samples so far. @throws RangeError where a kernel has not been sampled. */
  rates(): RooflineRates {
    const { fma, copy, matrix } = this.#samples;
    return {
      fma: median(fma),
      copy: median(copy),
      matrix: matrix.length > 0 ? median(matrix) : null,
      forms: Object.fromEntries([...this.#best].map(([bound, { form }]) => [bound, form])),
    };
  }

  dispose(device: Device): void {
    for (const { workload } of this.#best.values()) workload.dispose();
    for (const tensor of this.#tensors) device.free(tensor);
  }
}

/** GFLOP/s, or GB/s for launches without arithmetic, in one sample. */
async function sampleRate(workload: Workload): Promise<number> {
  const milliseconds = await workload.sample();
  const work = workload.launches.reduce(
    (sum, { flops, tensors }) => sum + (flops > 0 ? flops : tensors.reduce((bytes, tensor) => bytes + tensor.bytes, 0)),
    0,
  );
  return work / milliseconds / 1e6;
}

async function fastest(
  device: Device,
  forms: readonly Form[],
  milliseconds: number,
  record: (tape: Tape, form: Form) => void,
): Promise<Candidate> {
  const contest: (Candidate & { readonly rates: number[] })[] = [];
  for (const form of forms) {
    const tape = new Tape(device);
    record(tape, form);
    contest.push({ form, workload: await Workload.prepare(device, tape.launches, milliseconds), rates: [] });
  }
  for (let round = 0; round < CONTEST_ROUNDS; round++) {
    for (const { workload, rates } of contest) rates.push(await sampleRate(workload));
  }
  const [best, ...others] = contest.toSorted((a, b) => median(b.rates) - median(a.rates));
  for (const { workload } of others) workload.dispose();
  return best;
}

/** The roofline in a line. */
export function rooflineText({ fma, copy, matrix, forms }: RooflineRates): string {
  const unit = forms.matrix;
  return (
    `roofline: ${digits(fma)} GFLOP/s of fused multiply-adds (${forms.fma?.ACCUMULATORS} accumulators, workgroups of ${forms.fma?.LANES}), ` +
    `${digits(copy)} GB/s of copies (${forms.copy?.PER_THREAD} vec4f a thread, workgroups of ${forms.copy?.LANES})` +
    (matrix === null || !unit
      ? ""
      : `, ${digits(matrix)} GFLOP/s of products by matrix units (${unit.ROWS} x ${unit.COLS} fragments of ${unit.ROUNDED ? "f16" : "f32"})`)
  );
}

export const roofline: Benchmark = {
  name: "roofline",
  description:
    "what the adapter reaches: fused multiply-adds from registers, products by its matrix units, where it has them, and copies between large buffers",
  arguments: [],
  options: [ROUNDS],
  run(settings, progress) {
    const rounds = wholeNumber(settings, "rounds");
    return onDevice(async (device, origin) => {
      progress("looking for the fastest forms");
      const opened = await Roofline.open(device);
      for (let round = 0; round < rounds; round++) {
        progress(`round ${round + 1} of ${rounds}`);
        for (const bound of opened.bounds) await opened.sample(bound);
      }
      const rates = opened.rates();
      opened.dispose(device);
      return { data: { ...origin, rounds, roofline: rates }, text: resultText(origin, rooflineText(rates)) };
    });
  },
};
