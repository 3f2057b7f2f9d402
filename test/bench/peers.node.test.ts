import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Case } from "../../bench/peers/cases.js";
import { EngineProcess } from "../../bench/peers/engine-process.js";
import { type Measurement, measureCase } from "../../bench/peers/measure.js";
import type { Task } from "../../bench/peers/task.js";
import { matmulForward } from "../../src/reference/matmul.js";

const peers = suite("benchmark against other engines");

const fake = fileURLToPath(new URL("fake-engine.js", import.meta.url));

const matmulTask: Task = { kind: "matmul", size: 2 };
const stepTask: Task = {
  kind: "step",
  net: "convnet",
  batch: 4,
  size: 8,
  temperature: 0.5,
  learningRate: 0.1,
  momentum: 0.9,
  parameters: [
    { name: "one", shape: [1] },
    { name: "two", shape: [1] },
  ],
};

/** [[1, 2], [3, 4]] times [[5, 6], [7, 8]]; a step needs no inputs here. */
function caseOf(task: Task): Case {
  return {
    name: "fake",
    title: "fake",
    task,
    flops: null,
    inputs: () => ({ a: Float32Array.of(1, 2, 3, 4), b: Float32Array.of(5, 6, 7, 8) }),
    expected: ({ a, b }) =>
      task.kind === "matmul"
        ? {
            loss: null,
            result: matmulForward(Float64Array.from(a), Float64Array.from(b), { m: 2, n: 2, k: 2 }),
          }
        : null,
  };
}

async function measure(task: Task, faults: readonly string[]): Promise<Measurement[]> {
  const folder = await mkdtemp(join(tmpdir(), "peers-test-"));
  const engines = faults.map((fault) => ({
    name: fault,
    command: fault === "missing" ? ["./there/is/no/such/program"] : [process.execPath, fake, fault],
  }));
  try {
    return await measureCase(caseOf(task), engines, folder, 0);
  } finally {
    await rm(folder, { recursive: true });
  }
}

peers("shows what is wrong with an engine, and goes on with the others", async () => {
  const [good, wrong, nan, dies, fails, missing] = await measure(matmulTask, [
    "nothing",
    "wrong",
    "nan",
    "dies",
    "fails",
    "missing",
  ]);
  assert.is(good.engine, "fake, nothing");
  assert.is(good.problem, null);
  assert.equal(good.milliseconds, [1, 1, 1]);
  assert.equal([good.firstMilliseconds, good.dispatches, good.deviceBytes], [5, 1, 64]);
  assert.is(wrong.problem, "wrong result: 1 of 4 elements, the first 51 instead of 50");
  assert.is(nan.problem, "wrong result: 1 of 4 elements, the first NaN instead of 43");
  assert.is(dies.problem, "the process ended (exit code 3): Error: out of luck");
  assert.is(fails.problem, "no more");
  assert.match(missing.problem ?? "", /did not start.*ENOENT/);
  for (const { milliseconds } of [wrong, nan, dies, fails, missing]) assert.is(milliseconds.length, 0);
});

peers("checks a training step: loss and the change of every parameter", async () => {
  const [good, lazy, zero] = await measure(stepTask, ["nothing", "lazy", "zero"]);
  assert.is(good.problem, null);
  assert.is(lazy.problem, "wrong result: the first step changes two by 0, not 0.25");
  assert.is(zero.problem, "wrong result: the loss is 0; chance is 1.9459");
});

peers("ends an engine that does not answer", async () => {
  const engine = new EngineProcess([process.execPath, fake, "silent"], 500);
  assert.ok("ready" in (await engine.ready()));
  const answer = await engine.prepare({ prepare: matmulTask, inputs: "", result: "" });
  assert.equal(answer, { error: "the process ended (SIGKILL): error: no answer within 0.5 s" });
});

peers.run();
