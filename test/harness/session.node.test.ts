import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Runtime } from "../lib/runtime.js";
import { runtimes } from "../lib/runtimes.js";
import { runSession } from "../lib/session.js";

const session = suite("test session");

async function run(runtime: Runtime, names: string[], timeLimit = 60_000) {
  const lines: string[] = [];
  const files = names.map((name) => `harness/fixtures/${name}.js`);
  const { passed, failed, failedFiles } = await runSession(runtime, files, timeLimit, (line) => lines.push(line));
  return { passed, failed, failedFiles, text: lines.join("\n") };
}

for (const name of ["node", "chromium"] as const) {
  session(`counts and shows failures in ${name}`, async () => {
    const { passed, failed, failedFiles, text } = await run(runtimes[name], [
      "failing",
      "hook",
      "forgotten",
      "throwing",
    ]);
    assert.is(passed, 1);
    // A difference and a test left out; two tests behind a hook; a suite that is not run; a module that throws.
    assert.is(failed, 2 + 2 + 1 + 1);
    assert.is(failedFiles.length, 4);
    for (const part of [/--\s*"width": 32/, /1 tests were left out/, /2 of 2 tests did not run/, /\.run\(\)/]) {
      assert.match(text.replaceAll("·", " "), part);
    }
    assert.match(text, "thrown by the module");
  });
}

session("fails when the process dies, and names the file", async () => {
  const { passed, failed, failedFiles, text } = await run(runtimes.node, ["crashing", "failing"]);
  assert.equal([passed, failed], [0, 1]);
  assert.equal(failedFiles, ["harness/fixtures/crashing.js"]);
  assert.match(text, "was ended by SIGKILL; 2 of 2 files are not done");
});

session("fails when a test ends the process with success", async () => {
  const { failed, text } = await run(runtimes.node, ["leaving"]);
  assert.is(failed, 1);
  assert.match(text, "ended with exit code 0");
});

for (const name of ["node", "chromium"] as const) {
  session(`ends a hanging test in ${name}`, async () => {
    const { failed, text } = await run(runtimes[name], ["hanging"], 3000);
    assert.is(failed, 1);
    assert.match(text, "exceeded the time limit of 3 s");
  });
}

session("fails without a test", async () => {
  const { failed, text } = await run(runtimes.node, []);
  assert.is(failed, 1);
  assert.match(text, "ran no test");
});

session("fails when the runtime does not start", async () => {
  const { failed, text } = await run(async () => "could not be started: no such program", ["failing"]);
  assert.is(failed, 1);
  assert.match(text, "no such program");
});

session.run();
