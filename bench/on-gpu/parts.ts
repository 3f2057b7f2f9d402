import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { counted } from "../../src/wording.js";
import type { Part, PartResult } from "./run.js";

/** How large the work is: for a GPU, or so small that a software adapter gets through it, to try the program. */
interface Scale {
  readonly encoder: string;
  readonly batches: readonly number[];
  readonly kernels: readonly string[];
  readonly peers: readonly string[];
  readonly losses: readonly number[];
  readonly tuneSeconds: number;
  readonly tests: readonly string[];
  /** Epochs at most. */
  readonly epochs: number;
}

const SCALES = {
  gpu: {
    encoder: "resnet18",
    batches: [128, 512],
    kernels: ["--batch-factor", "32", "--rounds", "3", "--only", "matmul|128 to 128|64 to 64|512 to 512|3 to 64, 32"],
    peers: ["--only", "resnet18,matmul,nt-xent-8192", "--batch-factor", "32"],
    losses: [65_536, 262_144, 1_048_576],
    tuneSeconds: 40,
    tests: ["workgroup-tiles", "ops/variants", "half-gradients"],
    epochs: 100,
  },
  tiny: {
    encoder: "convnet",
    batches: [8],
    kernels: ["--rounds", "1", "--only", "conv 3x3, 128 to 128, 16 x 16.*forward"],
    peers: ["--only", "matmul"],
    losses: [256, 512],
    tuneSeconds: 1,
    tests: ["bench/statistics"],
    epochs: 1,
  },
} as const satisfies Readonly<Record<string, Scale>>;

/** The names of the scales. */
export const SCALE_NAMES = ["gpu", "tiny"] as const;

/** What is to be done. */
export interface Work {
  readonly scale: (typeof SCALE_NAMES)[number];
  /** A folder for results. */
  readonly out: string;
  /** Images to train on; none without. */
  readonly images?: string;
}

/** Images of CIFAR-10, for an estimate of how many epochs fit. */
const IMAGES = 50_000;
/** Of the time that is left, which training may take: the rest is for reading images and for evaluations. */
const TRAINING_SHARE = 0.7;

const dist = fileURLToPath(new URL("../../", import.meta.url));

function imagesPerSecond(results: readonly PartResult[]): number {
  for (const { name, data } of results.toReversed()) {
    if (!name.includes("mixed") || typeof data !== "object" || data === null || !("imagesPerSecond" in data)) continue;
    if (typeof data.imagesPerSecond === "number") return data.imagesPerSecond;
  }
  return 0;
}

/** Everything that waits for a GPU, the most important first. */
export function partsOf({ scale, out, images }: Work) {
  const { encoder, batches, kernels, peers, losses, tuneSeconds, tests, epochs }: Scale = SCALES[scale];
  const cli = join(dist, "src/cli/main.js");
  const benchmark = (name: string, title: string, program: string, words: readonly string[], seconds: number): Part => {
    const result = join(out, `${name}.json`);
    return { name, title, seconds, result, words: [join(dist, "bench", program), ...words, "--save", result] };
  };
  const step = (precision: string, batch: number) =>
    benchmark(
      `step-${precision}-${batch}`,
      `a training step, ${encoder}, batch ${batch}, ${precision}`,
      "step.js",
      [encoder, `${batch}`, "32", "--precision", precision, "--rounds", "3", "--tune", `${tuneSeconds}`],
      110,
    );
  const kernelsOf = (precision: string) =>
    benchmark(
      `kernels-${precision}`,
      `kernels beside the roofline, ${precision}`,
      "kernels.js",
      [...kernels, "--precision", precision, "--tune", "3"],
      120,
    );
  const runner = join(dist, "test/run.js");
  const [batch] = batches;
  const accuracy = (results: readonly PartResult[], secondsLeft: number): Part => {
    const name = "accuracy";
    if (images === undefined) return { name, title: "accuracy: no --images are given", words: null, seconds: 0 };
    const fitting = Math.floor((TRAINING_SHARE * secondsLeft * imagesPerSecond(results)) / IMAGES);
    const count = Math.max(1, Math.min(epochs, fitting));
    const settings = [
      "--encoder",
      encoder,
      "--batch",
      `${batches.at(-1)}`,
      "--precision",
      "mixed",
      "--epochs",
      `${count}`,
    ];
    return {
      name,
      title: `accuracy after ${counted(count, "epoch")} of ${images}`,
      words: [cli, "train", images, ...settings, "--out", join(out, "run"), "--memory", "20000"],
      seconds: secondsLeft,
    };
  };
  return [
    { name: "doctor", title: "doctor", words: [cli, "doctor"], seconds: 120 },
    {
      name: "tests",
      title: existsSync(runner) ? "tests of the kernels" : "tests of the kernels: they are not built here",
      words: existsSync(runner) ? [runner, "--runtime", "node", ...tests] : null,
      seconds: 120,
    },
    {
      name: "tuner",
      title: `tuner, ${encoder}, batch ${batch}, mixed`,
      words: [
        ...[cli, "tune", "--encoder", encoder, "--batch", `${batch}`, "--precision", "mixed"],
        ...["--budget", `${tuneSeconds}`],
      ],
      seconds: 90,
    },
    benchmark("roofline", "roofline", "roofline.js", [], 40),
    kernelsOf("mixed"),
    ...batches.flatMap((size) => [step("mixed", size), step("f32", size)]),
    kernelsOf("f32"),
    benchmark(
      "peers",
      "this library beside PyTorch in f32, TF32, AMP with channels_last, and compiled",
      "peers.js",
      [...peers, "--engines", "pytorch", "--precision", "all", "--tune", `${tuneSeconds}`, "--budget", "2"],
      200,
    ),
    benchmark(
      "loss",
      `NT-Xent at 2N = ${losses.map((rows) => rows.toLocaleString("en")).join(", ")}`,
      "loss.js",
      ["--rows", losses.join(","), "--dimensions", "128", "--rounds", "1", "--budget", "110"],
      120,
    ),
    accuracy,
  ];
}
