import { readFile, writeFile } from "node:fs/promises";
import type { Case, Expected } from "./cases.js";
import { EngineProcess } from "./engine-process.js";
import type { Findings, Prepared, StepTask, Task, Timed } from "./task.js";

/** How to start an engine. */
export interface EngineCommand {
  /** Until it says its own name and version. */
  readonly name: string;
  readonly command: readonly string[];
  /** Whether it rounds operands to 10 bits, as f16 and TF32 do: its results are then judged by that. */
  readonly rounded?: boolean;
  /** The kinds of tasks that it is measured in; all by default. */
  readonly kinds?: readonly Task["kind"][];
}

/** What was seen of an engine in one case. */
export interface Measurement {
  /** Name and version. */
  engine: string;
  adapter: string;
  /** Why its times do not count, or why there are none; null where all is well. */
  problem: string | null;
  /** Of each round. */
  readonly milliseconds: number[];
  /** Of the first run, with everything that is built and compiled for it. */
  firstMilliseconds: number | null;
  /** Of a run. */
  dispatches: number | null;
  /** The most bytes of device buffers at once until the end of the first run. */
  deviceBytes: number | null;
  /** Of the first run and of every round. */
  readonly losses: number[];
}

const LEAST_ROUNDS = 3;
const MOST_ROUNDS = 9;

/** How far results may be from what is expected: a loss, as a share of it; an element, as a share of the largest; a step's updates. */
interface Tolerances {
  readonly result: number;
  readonly update: number;
}

const TOLERANCES: Readonly<Record<"single" | "rounded", Tolerances>> = {
  // Rounding in float32 and the order of additions stay far below. Of the change of a parameter: rectifiers and batch norm over few
  // values enlarge rounding on the way back, to 6e-4 as seen.
  single: { result: 1e-3, update: 0.01 },
  // Operands are off by 2^-11 of themselves, and so a sum of normal numbers' products by 2^-10 of the sum of their sizes at most:
  // for the 1,152 terms of a convolution, 1/200 of the largest. On the way back, these errors are enlarged as well.
  rounded: { result: 0.01, update: 0.1 },
};

/** Null where the loss is the expected one. */
function judgeLoss(loss: number | null, expected: number, { result }: Tolerances): string | null {
  if (loss !== null && Math.abs(loss - expected) <= result * Math.abs(expected)) return null;
  return `wrong result: the loss is ${loss}, not ${expected.toFixed(4)}`;
}

/**
 * Null where the loss can be that of a training that has just begun: near log(2N - 1), which is chance, in the first step,
 * and not far above it later.
 */
function judgePlausibility(loss: number | null, { batch }: StepTask, isFirst: boolean): string | null {
  const chance = Math.log(2 * batch - 1);
  const least = isFirst ? chance - 1 : 0;
  if (loss !== null && loss > least && loss < chance + 1) return null;
  return `wrong result: the loss is ${loss}; chance is ${chance.toFixed(4)}`;
}

/** Null where all elements are the expected ones up to rounding. */
function judgeResult(result: Float32Array, expected: Float64Array, tolerances: Tolerances): string | null {
  if (result.length !== expected.length) {
    return `wrong result: ${result.length} elements instead of ${expected.length}`;
  }
  const scale = expected.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  let wrong = 0;
  let first = -1;
  expected.forEach((value, i) => {
    if (Math.abs(result[i] - value) <= tolerances.result * scale) return;
    wrong += 1;
    if (first < 0) first = i;
  });
  if (wrong === 0) return null;
  return `wrong result: ${wrong} of ${expected.length} elements, the first ${result[first]} instead of ${expected[first]}`;
}

/** Null where the first step found and changed the same as in this library's. */
function judgeStep(found: Findings, ours: Findings, task: StepTask, tolerances: Tolerances): string | null {
  const wrong = task.parameters.findIndex((_, i) => {
    const [update, expected] = [found.updates?.[i] ?? Number.NaN, ours.updates?.[i] ?? Number.NaN];
    return !(expected > 0 && Math.abs(update - expected) <= tolerances.update * expected);
  });
  const loss = judgeLoss(found.loss ?? null, ours.loss ?? Number.NaN, tolerances);
  if (loss || wrong < 0) return loss;
  const { name } = task.parameters[wrong];
  return `wrong result: the first step changes ${name} by ${found.updates?.[wrong]}, not ${ours.updates?.[wrong]}`;
}

async function readFloats(file: string): Promise<Float32Array> {
  return new Float32Array(Uint8Array.from(await readFile(file)).buffer);
}

/** An engine in a case, while it is measured. */
class Contender {
  readonly process: EngineProcess;
  readonly measured: Measurement;
  readonly tolerances: Tolerances;

  constructor({ name, command, rounded = false }: EngineCommand) {
    this.tolerances = TOLERANCES[rounded ? "rounded" : "single"];
    this.process = new EngineProcess(command);
    this.measured = {
      engine: name,
      adapter: "",
      problem: null,
      milliseconds: [],
      firstMilliseconds: null,
      dispatches: null,
      deviceBytes: null,
      losses: [],
    };
  }

  /** The engine is out, for this reason; WebGPU's go on for pages after the first line. */
  fail(problem: string): void {
    this.measured.problem ??= problem.split("\n")[0];
    this.process.stop();
  }

  /** Starts the engine and has it run the case once. Null where that failed. */
  async prepare({ task }: Case, folder: string): Promise<{ prepared: Prepared; result: string } | null> {
    const ready = await this.process.ready();
    if ("error" in ready) {
      this.fail(ready.error);
      return null;
    }
    this.measured.engine = ready.ready;
    this.measured.adapter = ready.adapter;
    const result = `${folder}/result.f32`;
    const prepared = await this.process.prepare({ prepare: task, inputs: folder, result });
    if ("error" in prepared) {
      this.fail(prepared.error);
      return null;
    }
    this.measured.firstMilliseconds = prepared.milliseconds;
    this.measured.deviceBytes = prepared.deviceBytes;
    if (prepared.findings.loss !== undefined) this.measured.losses.push(prepared.findings.loss);
    return { prepared, result };
  }

  /** One round. */
  async run(name: string, judge: (timed: Timed, tolerances: Tolerances) => string | null): Promise<void> {
    const timed = await this.process.run({ run: name });
    if ("error" in timed) return this.fail(timed.error);
    this.measured.milliseconds.push(timed.milliseconds);
    this.measured.dispatches = timed.dispatches;
    if (timed.loss !== null) this.measured.losses.push(timed.loss);
    const problem = judge(timed, this.tolerances);
    if (problem) this.fail(problem);
  }
}

/**
 * Measures a case in all engines: each makes it ready and runs it once; then they take turns, round by round, on the otherwise
 * idle adapter. The first engine is the one that steps are checked against.
 * @param folder for the inputs and results
 * @param seconds no round begins that would end later, once there were three
 */
export async function measureCase(
  measuredCase: Case,
  engines: readonly EngineCommand[],
  folder: string,
  seconds: number,
  onProgress: (what: string) => void = () => {},
): Promise<Measurement[]> {
  const { name, task } = measuredCase;
  const started = performance.now();
  const inputs = measuredCase.inputs();
  for (const [input, values] of Object.entries(inputs)) {
    await writeFile(`${folder}/${input}.f32`, new Uint8Array(values.buffer));
  }
  onProgress("expected result");
  const expected = measuredCase.expected(inputs);
  const contenders: Contender[] = [];
  try {
    let ours: Findings | null = null;
    for (const engine of engines.filter(({ kinds }) => kinds?.includes(task.kind) ?? true)) {
      onProgress(`${engine.name}: first run`);
      const contender = new Contender(engine);
      contenders.push(contender);
      const first = await contender.prepare(measuredCase, folder);
      if (!first) continue;
      const { findings } = first.prepared;
      const { tolerances } = contender;
      ours ??= findings;
      const problem =
        task.kind === "step"
          ? (judgePlausibility(findings.loss ?? null, task, true) ?? judgeStep(findings, ours, task, tolerances))
          : judgeOperation(findings.loss ?? null, await readFloats(first.result), expected, tolerances);
      if (problem) contender.fail(problem);
    }
    const judge = ({ loss }: Timed, tolerances: Tolerances) => {
      if (task.kind === "step") return judgePlausibility(loss, task, false);
      return expected?.loss == null ? null : judgeLoss(loss, expected.loss, tolerances);
    };
    for (let round = 1; round <= MOST_ROUNDS; round++) {
      onProgress(`round ${round}`);
      const begin = performance.now();
      for (const contender of contenders) {
        if (contender.measured.problem) continue;
        await contender.run(name, judge);
      }
      const now = performance.now();
      if (round >= LEAST_ROUNDS && now - started + (now - begin) > 1000 * seconds) break;
    }
  } finally {
    for (const contender of contenders) contender.process.stop();
  }
  return contenders.map(({ measured }) => measured);
}

function judgeOperation(
  loss: number | null,
  result: Float32Array,
  expected: Expected | null,
  tolerances: Tolerances,
): string | null {
  if (!expected) return null;
  const wrong = expected.loss === null ? null : judgeLoss(loss, expected.loss, tolerances);
  return wrong ?? judgeResult(result, expected.result, tolerances);
}
