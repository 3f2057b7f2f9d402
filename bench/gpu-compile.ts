/**
 * What the compilers of real GPUs make of every GPU variant of every heavy kernel, on a machine without a GPU:
 * `node dist/bench/gpu-compile.js`; `--help` says what to install. Beside it, what the launch itself tells: FLOPs a byte of
 * global memory, how far loads coalesce, and conflicts in the banks of workgroup memory, from the places that each thread of a
 * workgroup was seen to access. It tells which tile is the default at each shape. The exit code is 1 where a variant spills
 * registers, needs scratch memory or leaves too few waves, or where a rate in src/ops/gpu-tiles.ts is out of date.
 */

import { textTable } from "../src/cli/table.js";
import { type Device, openDevice } from "../src/engine/device.js";
import { specialize } from "../src/engine/pipelines.js";
import { ConfigError } from "../src/errors.js";
import { Command, Option } from "../src/vendor/commander.js";
import { runCommand } from "./command-line.js";
import { type Case, casesOf } from "./gpu-compile/cases.js";
import { type Geometry, geometryOf } from "./gpu-compile/geometry.js";
import {
  bestVariant,
  FAMILIES,
  fedShare,
  fmaShare,
  intensity,
  judge,
  rateOf,
  type Verdict,
} from "./gpu-compile/judge.js";
import { NET_NAMES, shapesOf } from "./gpu-compile/layers.js";
import { reportMatrixUnits } from "./gpu-compile/matrix-units.js";
import { REQUIREMENTS, Toolchain } from "./gpu-compile/toolchain.js";
import { trace } from "./gpu-compile/trace.js";
import { share } from "./measure/text.js";

/** How far a rate in src/ops/gpu-tiles.ts may be off. */
const RATE_TOLERANCE = 0.02;
/** Accesses of a thread that are enough to see how a kernel goes about it: two rounds and more. */
const TRACED_ACCESSES = 128;

interface Options {
  readonly family: string;
  readonly net: string;
  readonly only?: string;
  readonly matrix?: true;
  readonly shapes?: true;
  readonly json?: true;
}

/** All variants of an operation at all shapes, on all families. */
interface Summary {
  readonly operation: string;
  readonly variant: string;
  readonly verdicts: readonly Verdict[];
  /** With loads as wide as the kernel has them, and, where shapes differ in that, with narrow ones. */
  readonly geometries: readonly Geometry[];
  /** As found, and as it stands in src/ops/gpu-tiles.ts. */
  readonly rate?: { readonly found: number; readonly stored: number };
}

function listed(text: string, known: readonly string[], what: string): string[] {
  const names = text.split(",");
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new ConfigError(`there is no ${what} "${unknown}": choose ${known.join(", ")}`);
  return names;
}

async function compileAll(cases: readonly Case[], families: readonly string[]): Promise<Verdict[]> {
  const sources = [...new Set(cases.map(({ kernel, constants }) => specialize(kernel, constants)))];
  const toolchain = await Toolchain.open();
  try {
    const modules = await toolchain.toSpirv(sources);
    const compiled = await Promise.all(families.map((family) => toolchain.compile(modules, family)));
    const places = new Map(sources.map((source, place) => [source, place]));
    return cases.flatMap((subject) => {
      const place = places.get(specialize(subject.kernel, subject.constants)) ?? 0;
      return families.map((family, i) => judge(subject, family, compiled[i][place]));
    });
  } finally {
    await toolchain.close();
  }
}

/** Runs one workgroup and looks where it loads and stores: one image, few rows, as the places repeat from tile to tile. */
async function geometryAt(device: Device, { kernel, values, constants }: Case): Promise<Geometry> {
  const small = Object.fromEntries(
    kernel.params.map(({ name }) => {
      const most: Readonly<Record<string, number>> = { batch: 1, splits: 1, rows: 256, inner: 256, cols: 256 };
      return [name, Math.min(values[name], most[name] ?? values[name])];
    }),
  );
  return geometryOf(
    await trace(device, kernel, small, constants, { workgroups: 1, entries: TRACED_ACCESSES, cut: true }),
  );
}

function grouped<Item>(items: readonly Item[], key: (item: Item) => string): Item[][] {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group) group.push(item);
    else groups.set(key(item), [item]);
  }
  return [...groups.values()];
}

async function summarise(device: Device, verdicts: readonly Verdict[]): Promise<Summary[]> {
  const summaries: Summary[] = [];
  for (const group of grouped(verdicts, ({ case: { operation, variant } }) => `${operation}/${variant}`)) {
    const { operation, variant, kernel, tiled } = group[0].case;
    const forms = [4, 1].flatMap(
      (width) => group.find(({ case: { values } }) => (values.VECTOR ?? 1) === width)?.case ?? [],
    );
    const geometries: Geometry[] = [];
    // Only of kernels with products: what batch norm accesses is plain.
    for (const form of kernel.bytes ? forms : []) geometries.push(await geometryAt(device, form));
    const [widest] = geometries;
    const rate = tiled &&
      widest && { found: rateOf(group, fedShare(tiled.variant, widest)), stored: tiled.variant.rate };
    summaries.push({ operation, variant, verdicts: group, geometries, rate });
  }
  return summaries;
}

/** "12" or "8-12": the least and the most. */
function range(values: readonly number[], text: (value: number) => string = (value) => value.toFixed(0)): string {
  const [least, most] = [text(Math.min(...values)), text(Math.max(...values))];
  return least === most ? least : `${least.replace(/ %$/, "")}-${most}`;
}

const HEADING = [
  ...["operation", "variant", "GPU", "registers", "spilled", "scratch", "workgroup B", "waves/SIMD", "instructions"],
  ...["FMA of vector", "FMA of all", "latency", "1/throughput", "FLOPs/B", "coalesced", "bank rounds"],
];

function verdictRow(name: string, verdicts: readonly Verdict[], geometries: readonly Geometry[]): string[] {
  const { variant } = verdicts[0].case;
  const intensities = verdicts.flatMap(({ case: subject }) => intensity(subject) ?? []);
  const column = (value: (verdict: Verdict) => number, text?: (value: number) => string) =>
    range(verdicts.map(value), text);
  return [
    name,
    variant,
    FAMILIES[verdicts[0].family].gpu,
    column((v) => v.registers),
    column((v) => v.spilled),
    column((v) => v.scratchBytes),
    column((v) => v.workgroupBytes),
    column((v) => v.waves),
    column((v) => v.instructions),
    column(fmaShare, share),
    column((v) => v.loop.fma / v.loop.all, share),
    column((v) => v.latency),
    column((v) => v.inverseThroughput),
    intensities.length === 0 ? "" : range(intensities, (value) => value.toFixed(1)),
    ...(geometries.length === 0
      ? ["", ""]
      : [
          range(
            geometries.map(({ coalescing }) => coalescing),
            share,
          ),
          range(
            geometries.map(({ bankConflicts }) => bankConflicts),
            (value) => value.toFixed(2),
          ),
        ]),
  ];
}

function reportText(summaries: readonly Summary[], defaults: readonly string[][], everyShape: boolean): string {
  const rows = summaries.flatMap(({ operation, verdicts, geometries }) =>
    everyShape
      ? verdicts.map((verdict) => verdictRow(`${operation} ${verdict.case.shape}`, [verdict], geometries))
      : grouped(verdicts, ({ family }) => family).map((group) => verdictRow(operation, group, geometries)),
  );
  const rates = summaries.flatMap(({ operation, variant, rate }) =>
    rate ? [[operation, variant, rate.found.toFixed(2), rate.stored.toFixed(2)]] : [],
  );
  const sections = [textTable([HEADING, ...rows])];
  if (rates.length > 0) {
    sections.push(
      "Rate: multiply-adds among the vector instructions, mean over shapes and GPUs, times the share that workgroup memory feeds.",
      textTable([["operation", "variant", "rate", "in gpu-tiles.ts"], ...rates]),
      "Default: of the variants without a fault, the one with the shortest estimated time.",
      textTable([["operation", "shape", "default"], ...defaults]),
    );
  }
  return sections.join("\n\n");
}

function report(faults: readonly string[]): void {
  for (const fault of faults) console.error(fault);
  if (faults.length > 0) process.exitCode = 1;
}

async function run(options: Options): Promise<void> {
  const families = listed(options.family, Object.keys(FAMILIES), "family");
  const nets = listed(options.net, NET_NAMES, "net");
  const device = await openDevice();
  try {
    if (options.matrix) {
      const layers = nets.flatMap((net) => shapesOf(device, net).convolutions);
      report(await reportMatrixUnits(layers));
      return;
    }
    const cases = casesOf(device, nets).filter(
      ({ operation }) => options.only === undefined || operation === options.only,
    );
    if (cases.length === 0) throw new ConfigError(`there is no operation "${options.only}"`);
    const verdicts = await compileAll(cases, families);
    const summaries = await summarise(device, verdicts);
    const faulty = new Set(verdicts.filter(({ faults }) => faults.length > 0).map(({ case: { variant } }) => variant));
    const defaults = grouped(cases, ({ operation, shape }) => `${operation}/${shape}`).flatMap((group) => {
      const best = bestVariant(group, faulty);
      return best === undefined ? [] : [[group[0].operation, group[0].shape, best]];
    });
    const faults = verdicts.flatMap(({ case: { operation, shape, variant }, family, faults: found }) =>
      found.map((fault) => `${operation} ${shape}, ${variant}, ${family}: ${fault}`),
    );
    if (
      options.only === undefined &&
      families.length === Object.keys(FAMILIES).length &&
      nets.length === NET_NAMES.length
    ) {
      for (const { operation, variant, rate } of summaries) {
        if (rate && Math.abs(rate.found - rate.stored) > RATE_TOLERANCE) {
          faults.push(
            `${operation} ${variant}: the rate is ${rate.found.toFixed(2)}, and src/ops/gpu-tiles.ts says ${rate.stored}`,
          );
        }
      }
    }
    if (options.json) {
      const plain = ({ case: { operation, shape, variant, constants, ...rest }, ...verdict }: Verdict) => ({
        operation,
        shape,
        variant,
        constants,
        flopsPerByte: intensity({ operation, shape, variant, constants, ...rest }),
        ...verdict,
      });
      const result = summaries.map(({ verdicts: own, ...summary }) => ({ ...summary, verdicts: own.map(plain) }));
      console.log(JSON.stringify({ summaries: result, defaults, faults }, null, 2));
    } else {
      console.log(reportText(summaries, defaults, options.shapes === true));
    }
    report(faults);
  } finally {
    device.close();
  }
}

const command = new Command("gpu-compile")
  .description("what the compilers of AMD GPUs (Mesa's RADV, without the hardware) make of the GPU kernels")
  .addOption(new Option("--family <names>", "GPUs to compile for").default(Object.keys(FAMILIES).join(",")))
  .addOption(new Option("--net <names>", "nets whose shapes are compiled").default(NET_NAMES.join(",")))
  .option("--only <operation>", 'one operation, for example "convolution"')
  .option("--matrix", "the kernels for matrix units, on the GPUs that have them, instead of all others")
  .option("--shapes", "a row for each shape, instead of the range over all shapes")
  .option("--json", "print the result as JSON, every shape of it")
  .addHelpText("after", `\nNeeds ${REQUIREMENTS}.`)
  .showHelpAfterError("(see --help)");
await runCommand(command.action(() => run(command.opts<Options>())));
