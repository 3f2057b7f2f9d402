import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { repository } from "../lib/repository.js";

const compile = suite("gpu-compile");

function run(words: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const options = { cwd: `${repository}dist/bench`, env: { ...process.env, ...env } };
  return promisify(execFile)(process.execPath, ["gpu-compile.js", ...words], options).catch((error) => error);
}

compile("says what is wrong with a setting", async () => {
  for (const [words, message] of [
    [["--family", "navi99"], 'there is no family "navi99": choose navi31, navi21, vega10'],
    [["--net", "resnet17"], 'there is no net "resnet17": choose resnet18, resnet50'],
    [["--only", "addition"], 'there is no operation "addition"'],
  ] as const) {
    const { code, stderr } = await run(words);
    assert.is(code, 1);
    assert.match(stderr, message);
  }
});

compile("says what to install where a tool is missing, and in its help", async () => {
  const { code, stderr } = await run(["--only", "matmul", "--net", "resnet18"], { PATH: "" });
  assert.is(code, 1);
  assert.match(stderr, /needed: .*gcc, libvulkan-dev.*spirv-tools.*mesa-vulkan-drivers/);
  const { stdout } = await run(["--help"]);
  assert.match(stdout.replace(/\s+/g, " "), /Needs .*gcc, libvulkan-dev.*spirv-tools.*mesa-vulkan-drivers/);
});

compile.run();
