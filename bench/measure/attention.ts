import { mebibytes } from "../../src/cli/table.js";
import type { Device } from "../../src/engine/device.js";
import type { Program } from "../../src/engine/program.js";
import { Tape } from "../../src/engine/tape.js";
import type { Tensor } from "../../src/engine/tensor.js";
import { ConfigError, KernelError } from "../../src/errors.js";
import { attention } from "../../src/ops/attention.js";
import { batchedMatmul } from "../../src/ops/batched-matmul.js";
import { permute, reshape, slice } from "../../src/ops/shape.js";
import { softmax } from "../../src/ops/softmax.js";
import { scale } from "../../src/ops/unary.js";
import { type Benchmark, type Origin, onDevice, ROUNDS, wholeNumber } from "./benchmark.js";
import { Inputs } from "./inputs.js";
import { Roofline, type RooflineRates, rooflineText } from "./roofline.js";
import { median } from "./statistics.js";
import { digits, type Rows, resultText, share } from "./text.js";

/** What is attended: so many tokens of so many images. */
interface AttentionCase {
  readonly images: number;
  readonly tokens: number;
  readonly heads: number;
  readonly depth: number;
}

/** One size of attention, forward and backward; times are medians over the rounds. */
export interface AttentionRow extends AttentionCase {
  readonly milliseconds: number;
  /** Of the operations that attention needs that keeps its scores: six products of tokens x tokens x depth for each head. */
  readonly gigaflops: number;
  /** Of the multiply-add loop, of all operations that ours does: nine products, for scores are computed again. */
  readonly shareOfRoofline: number;
  /** Beside queries, keys, values and their gradient. */
  readonly bytes: number;
  /** The same of products, a softmax and products. `ratio` is the median of the rounds' ratios to ours. */
  readonly unfused: { readonly milliseconds: number; readonly bytes: number; readonly ratio: number };
}

/** What `bench/attention` gives. */
export interface AttentionResult extends Origin {
  readonly rounds: number;
  readonly roofline: RooflineRates;
  readonly rows: readonly AttentionRow[];
}

/** Attention as operations of their own, which store the scores and what softmax makes of them. */
function unfused(tape: Tape, qkv: Tensor, heads: number): Tensor {
  const [images, tokens, columns] = qkv.shape;
  const width = columns / 3;
  const depth = width / heads;
  const part = (i: number) => {
    const own = slice(tape, qkv, -1, i * width, (i + 1) * width);
    return permute(tape, reshape(tape, own, [images, tokens, heads, depth]), [0, 2, 1, 3]);
  };
  const scores = scale(tape, batchedMatmul(tape, part(0), part(1), { transposeB: true }), 1 / Math.sqrt(depth));
  const mixed = permute(tape, batchedMatmul(tape, softmax(tape, scores), part(2)), [0, 2, 1, 3]);
  return reshape(tape, mixed, [images, tokens, width]);
}

/** Attention, ready to run forward and backward. */
interface Recorded {
  readonly program: Program;
  readonly y: Tensor;
  readonly bytes: number;
}

async function record(
  device: Device,
  { qkv, dy, gradient }: Readonly<Record<"qkv" | "dy" | "gradient", Tensor>>,
  heads: number,
  attend: (tape: Tape, qkv: Tensor, heads: number) => Tensor,
): Promise<Recorded> {
  const before = device.memory.currentBytes;
  const tape = new Tape(device);
  tape.watch(qkv);
  const y = attend(tape, qkv, heads);
  tape.backward(y, dy);
  tape.place(tape.gradientOf(qkv), gradient);
  const program = await tape.compile({ keep: [y] });
  return { program, y, bytes: device.memory.currentBytes - before };
}

/** Runs it once; its gradient. */
async function gradientOf(device: Device, { program }: Recorded, gradient: Tensor): Promise<Float32Array> {
  program.run();
  return device.read(gradient);
}

/** @throws KernelError where two gradients differ by more than roundings make of them. */
function expectSame(found: Float32Array, expected: Float32Array, tokens: number): void {
  const largest = (values: Float32Array) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const difference = largest(found.map((value, i) => value - expected[i]));
  if (!(difference < 1e-4 * largest(expected)))
    throw new KernelError(
      `the gradients of attention over ${tokens} tokens differ by ${difference} from those of products`,
    );
}

async function measureCase(
  device: Device,
  roofline: Roofline,
  size: AttentionCase,
  rounds: number,
): Promise<AttentionRow> {
  const { images, tokens, heads, depth } = size;
  const inputs = new Inputs(device);
  try {
    const shape = [images, tokens, 3 * heads * depth];
    const given = {
      qkv: inputs.normal(shape, "queries, keys and values"),
      dy: inputs.normal([images, tokens, heads * depth], "gradient of the output"),
      gradient: inputs.keep(device.tensor(shape, undefined, "gradient")),
    };
    const rehearsed = await record(device, given, heads, unfused);
    // Ours would otherwise lie in the other's buffers.
    rehearsed.program.dispose();
    const ours = await record(device, given, heads, attention);
    inputs.later(() => ours.program.dispose());
    const other = await record(device, given, heads, unfused);
    inputs.later(() => other.program.dispose());
    const found = await gradientOf(device, ours, given.gradient);
    expectSame(found, await gradientOf(device, other, given.gradient), tokens);
    const product = 2 * images * heads * tokens * tokens * depth;
    const [times, otherTimes, shares]: [number[], number[], number[]] = [[], [], []];
    const timed = async ({ program }: Recorded) => {
      const start = performance.now();
      program.run();
      await device.idle();
      return performance.now() - start;
    };
    for (let round = 0; round < rounds; round++) {
      const fma = await roofline.sample("fma");
      await roofline.sample("copy");
      const milliseconds = await timed(ours);
      times.push(milliseconds);
      otherTimes.push(await timed(other));
      shares.push((9 * product) / 1e6 / milliseconds / fma);
    }
    const milliseconds = median(times);
    return {
      ...size,
      milliseconds,
      gigaflops: (6 * product) / 1e6 / milliseconds,
      shareOfRoofline: median(shares),
      bytes: ours.bytes,
      unfused: {
        milliseconds: median(otherTimes),
        bytes: rehearsed.bytes,
        ratio: median(otherTimes.map((time, i) => time / times[i])),
      },
    };
  } finally {
    inputs.dispose();
  }
}

function attentionTable({ rows }: AttentionResult): Rows {
  return [
    [
      "tokens",
      "images x heads",
      "head",
      "time",
      "GFLOP/s",
      "of the FMA loop",
      "memory",
      "scores stored: time",
      "of ours",
      "memory",
    ],
    ...rows.map((row) => [
      row.tokens.toLocaleString("en"),
      `${row.images} x ${row.heads}`,
      String(row.depth),
      `${digits(row.milliseconds)} ms`,
      digits(row.gigaflops),
      share(row.shareOfRoofline),
      mebibytes(row.bytes),
      `${digits(row.unfused.milliseconds)} ms`,
      `${row.unfused.ratio.toFixed(1)} x`,
      mebibytes(row.unfused.bytes),
    ]),
  ];
}

/** `bench/attention` */
export const attentionBenchmark: Benchmark = {
  name: "attention",
  description:
    "attention alone, forward and backward: ours, whose scores are not stored, and the same of products, a softmax and products",
  arguments: [],
  options: [
    { name: "tokens", description: "of an image, with commas between them", standard: "65,257,1025" },
    { name: "images", description: "of 1,025 tokens; the fewer the tokens, the more", standard: "1" },
    { name: "heads", description: "of an image", standard: "3" },
    { name: "depth", description: "of a head, a multiple of 4", standard: "64" },
    ROUNDS,
  ],
  async run(settings, progress) {
    const runs = settings["tokens"].split(",").map(Number);
    if (runs.some((tokens) => !Number.isInteger(tokens) || tokens < 1))
      throw new ConfigError(
        `tokens is "${settings["tokens"]}"; it must be whole numbers from 1 up, with commas between`,
      );
    const [most, heads, depth, rounds] = ["images", "heads", "depth", "rounds"].map((name) =>
      wholeNumber(settings, name),
    );
    const result = await onDevice(async (device, origin): Promise<AttentionResult> => {
      const roofline = await Roofline.open(device);
      const rows: AttentionRow[] = [];
      for (const tokens of runs) {
        progress(`${tokens} tokens`);
        const images = most * Math.max(1, Math.round(1025 / tokens));
        rows.push(await measureCase(device, roofline, { images, tokens, heads, depth }, rounds));
      }
      return { ...origin, rounds, roofline: roofline.rates(), rows };
    });
    return { text: resultText(result, rooflineText(result.roofline), attentionTable(result)), data: result };
  },
};
