import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { repository } from "../lib/repository.js";

const run = (...words: string[]) =>
  promisify(execFile)(process.execPath, words, { cwd: `${repository}dist/bench` }).catch((error) => error);

const commands = suite("benchmark commands");

commands("measure the cases that are asked for", async () => {
  const { stdout } = await run("kernels.js", "--only", "transpose", "--rounds", "1", "--json");
  const { adapter, runtime, roofline, rows } = JSON.parse(stdout);
  assert.type(adapter, "string");
  assert.match(runtime, /^Node \d/);
  assert.ok(roofline.fma > 0 && roofline.copy > 0);
  assert.is(rows.length, 1);
  assert.equal(rows[0].launches[0].kernel, "transpose");
  assert.ok(rows[0].milliseconds > 0 && rows[0].share > 0);
});

commands("say what is wrong with a setting", async () => {
  for (const [words, message] of [
    [["kernels.js", "--only", "no such case"], "no case matches"],
    [["kernels.js", "--only", "("], "no regular expression"],
    [["host.js", "--rounds", "0"], 'rounds is "0"'],
    [["step.js", "resnet17"], 'no encoder "resnet17"'],
    [["step.js", "convnet", "many"], 'batch is "many"'],
    [["step.js", "--precision", "f16"], 'no precision "f16"'],
  ] as const) {
    const { code, stderr } = await run(...words);
    assert.is(code, 1);
    assert.match(stderr, message);
  }
});

commands.run();
