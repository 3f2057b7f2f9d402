/** This library against other engines on the same adapter: `node dist/bench/peers.js`, in Bun and Deno as well; see `--help`. */
import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { mebibytes, textTable } from "../src/cli/table.js";
import { ConfigError } from "../src/errors.js";
import { runHere } from "./command-line.js";
import { BATCH_FACTOR, type Benchmark, runtimeName, type Settings, TUNE, wholeNumber } from "./measure/benchmark.js";
import { type Case, peerCases } from "./peers/cases.js";
import { type EngineCommand, type Measurement, measureCase } from "./peers/measure.js";

/** bench/peers in the repository; this module is in dist/bench/. */
const peers = fileURLToPath(new URL("../../bench/peers/", import.meta.url));

/** Installs the JavaScript engines of bench/peers unless they are there in the versions wanted. */
async function install(): Promise<void> {
  const { dependencies } = JSON.parse(await readFile(join(peers, "package.json"), "utf8"));
  const installed = await Promise.all(
    Object.entries(dependencies).map(async ([name, version]) => {
      const file = join(peers, "node_modules", name, "package.json");
      const text = await readFile(file, "utf8").catch(() => "{}");
      return JSON.parse(text).version === version;
    }),
  );
  if (installed.every((there) => there)) return;
  console.error(`installing ${Object.keys(dependencies).join(", ")} in bench/peers (npm ci)`);
  const { status } = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: peers,
    stdio: ["ignore", 2, 2],
    shell: process.platform === "win32",
  });
  if (status !== 0) {
    throw new ConfigError(`the other engines could not be installed: run \`npm ci\` in ${peers} and see what it says`);
  }
}

/** A Python that has PyTorch: a user's own may come before the system's, which has Debian's `python3-torch`. */
function findPython(): string | null {
  const candidates = ["python3", "/usr/bin/python3", "/usr/local/bin/python3"];
  return candidates.find((python) => spawnSync(python, ["-c", "import torch, numpy"]).status === 0) ?? null;
}

/** PyTorch's ways to compute with operands of less than f32, which it has on CUDA: see pytorch.py. */
const PYTORCH_MODES: readonly { readonly mode: string; readonly kinds?: EngineCommand["kinds"] }[] = [
  { mode: "tf32" },
  { mode: "amp" },
  { mode: "compiled", kinds: ["step", "nt-xent"] },
];

/** Which engines are compared. */
interface Selection {
  /** Also those in less than f32: this library's mixed precision, PyTorch in TF32, in AMP and compiled. */
  readonly rounded: boolean;
  /** Leaves the other JavaScript engines out, which have to be installed. */
  readonly pytorchOnly: boolean;
  /** For the variants of the kernels of a step. */
  readonly tuneSeconds: number;
}

/** All engines, the JavaScript ones in the runtime that runs this. */
async function findEngines({ rounded, pytorchOnly, tuneSeconds }: Selection): Promise<EngineCommand[]> {
  if (!pytorchOnly) await install();
  const python = findPython();
  if (!python) console.error("no python3 with PyTorch and NumPy is found: PyTorch is left out");
  const runtime = "deno" in process.versions ? [process.execPath, "run", "--allow-all"] : [process.execPath];
  const ours = fileURLToPath(new URL("peers/ours.js", import.meta.url));
  const own = (precision: string) => [...runtime, ours, precision, `${tuneSeconds}`];
  const engines: EngineCommand[] = [{ name: "webgpu-simclr", command: own("f32") }];
  if (rounded) engines.push({ name: "webgpu-simclr, mixed", command: own("mixed"), rounded: true, kinds: ["step"] });
  if (!pytorchOnly) {
    engines.push({ name: "TensorFlow.js", command: [...runtime, join(peers, "tfjs.js")] });
    engines.push({ name: "jax-js", command: [...runtime, join(peers, "jax.js")] });
  }
  if (!python) return engines;
  const pytorch = [python, join(peers, "pytorch.py")];
  engines.push({ name: "PyTorch", command: pytorch });
  const onCuda = rounded && spawnSync(python, ["-c", "import torch; assert torch.cuda.is_available()"]).status === 0;
  if (rounded && !onCuda) console.error("PyTorch finds no CUDA: TF32, AMP and compiled are left out");
  for (const { mode, kinds } of onCuda ? PYTORCH_MODES : [])
    engines.push({ name: `PyTorch, ${mode}`, command: [...pytorch, mode], rounded: true, kinds });
  return engines;
}

/** A measurement with its median and how often it takes this library's time. */
interface Result extends Measurement {
  readonly medianMilliseconds: number | null;
  readonly ratioToOurs: number | null;
}

function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted.length === 0 ? null : (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}

function compare(measurements: readonly Measurement[]): Result[] {
  const medians = measurements.map(({ problem, milliseconds }) => (problem ? null : median(milliseconds)));
  return measurements.map((measured, i) => {
    const [own, ours] = [medians[i], medians[0]];
    return { ...measured, medianMilliseconds: own, ratioToOurs: own === null || ours === null ? null : own / ours };
  });
}

function duration(milliseconds: number | null): string {
  if (milliseconds === null) return "";
  if (milliseconds < 10) return `${milliseconds.toFixed(2)} ms`;
  return milliseconds < 2000 ? `${milliseconds.toFixed(0)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

/** The table of a case, and below it what went wrong. */
function tableOf({ title, flops, engines }: CaseResult): string {
  const heading = ["engine", "median", "/ ours", "rounds", "GFLOP/s", "dispatches", "first run", "device memory"];
  const rows = engines.map((result) => {
    const { engine, medianMilliseconds: time, ratioToOurs, problem, milliseconds, dispatches, deviceBytes } = result;
    return [
      engine,
      problem?.startsWith("wrong result") ? "wrong result" : problem ? "failed" : duration(time),
      ratioToOurs === null ? "" : ratioToOurs.toFixed(1),
      problem ? "" : String(milliseconds.length),
      flops === null || time === null ? "" : (flops / time / 1e6).toFixed(1),
      dispatches === null ? "" : String(dispatches),
      duration(result.firstMilliseconds),
      deviceBytes === null ? "" : mebibytes(deviceBytes),
    ];
  });
  const problems = engines.flatMap(({ engine, problem }) => (problem ? [`${engine}: ${problem}`] : []));
  return [title, textTable([heading, ...rows]), ...problems].join("\n");
}

/** What a case gave. */
interface CaseResult {
  readonly case: string;
  readonly title: string;
  readonly flops: number | null;
  readonly engines: readonly Result[];
}

/** The cases whose names begin like one of these words, or all. @throws ConfigError where there is none. */
function casesNamed(only: string | undefined, factor: number): readonly Case[] {
  const wanted = only?.split(",");
  const all = peerCases(factor);
  const cases = all.filter(({ name }) => wanted?.some((prefix) => name.startsWith(prefix)) ?? true);
  if (cases.length > 0) return cases;
  throw new ConfigError(`--only ${only} names no case; there are ${all.map(({ name }) => name).join(", ")}`);
}

/** Measures in turns, round by round. */
async function comparePeers(
  cases: readonly Case[],
  minutes: number,
  selection: Selection,
  progress: (line: string) => void,
): Promise<CaseResult[]> {
  const engines = await findEngines(selection);
  const end = performance.now() + minutes * 60 * 1000;
  const all: CaseResult[] = [];
  for (const [i, measured] of cases.entries()) {
    const folder = await mkdtemp(join(tmpdir(), "webgpu-simclr-peers-"));
    try {
      const seconds = (end - performance.now()) / 1000 / (cases.length - i);
      const { name, title, flops } = measured;
      const tell = (what: string) => progress(`${name}: ${what}`);
      all.push({
        case: name,
        title,
        flops,
        engines: compare(await measureCase(measured, engines, folder, seconds, tell)),
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  }
  return all;
}

/** @throws ConfigError for a word that is none of these. */
function oneOf(settings: Settings, name: string, words: readonly string[]): string {
  const word = settings[name];
  if (words.includes(word)) return word;
  throw new ConfigError(`--${name} ${word} is not known: choose ${words.join(" or ")}`);
}

const benchmark: Benchmark = {
  name: "peers",
  description: [
    "this library against other engines on the same adapter, in one run, round by round in turns.",
    "The other JavaScript engines are installed into bench/peers when they are missing (npm ci, its lock file), and are no part of " +
      "the library. PyTorch is measured where a python3 with it is found; it computes on CUDA where it has it and else on the processor.",
    "A training step here: forward, NT-Xent, all gradients, SGD with Nesterov momentum, and the wait for the loss. This library's " +
      "step does what training does: it takes the images as bytes from the host, augments them on the GPU, keeps running " +
      "statistics of batch norm and measures accuracy and spread of the embeddings. The other engines' step starts at two ready " +
      "views on the device and does none of these.",
  ].join("\n\n"),
  arguments: [],
  options: [
    { name: "only", description: "cases whose names begin like one of these, as convnet,matmul (default: all)" },
    {
      name: "budget",
      description: "minutes; after three rounds of a case there are only as many more as fit",
      standard: "10",
    },
    BATCH_FACTOR,
    TUNE,
    {
      name: "precision",
      description:
        "f32; or all: with this library in mixed precision, and PyTorch on CUDA in TF32, in AMP with f16 and channels_last, and that compiled (torch.compile)",
      standard: "f32",
    },
    {
      name: "engines",
      description: "all, or pytorch: no other JavaScript engines, which npm installs",
      standard: "all",
    },
  ],
  async run(settings, progress) {
    const { only, budget } = settings;
    const cases = casesNamed(only, wholeNumber(settings, "batchFactor"));
    const minutes = Number(budget);
    if (!(minutes > 0)) throw new ConfigError(`--budget ${budget} must be a number of minutes above 0`);
    const selection = {
      rounded: oneOf(settings, "precision", ["f32", "all"]) === "all",
      pytorchOnly: oneOf(settings, "engines", ["all", "pytorch"]) === "pytorch",
      tuneSeconds: wholeNumber(settings, "tune", 0),
    };
    const data = await comparePeers(cases, minutes, selection, progress);
    const text = [`${data[0].engines[0].adapter}, ${runtimeName()}`, ...data.map(tableOf)];
    return { data, text: text.join("\n\n") };
  },
};

await runHere(benchmark);
