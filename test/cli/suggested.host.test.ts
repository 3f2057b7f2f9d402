import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Call, suggested } from "../../src/cli/suggested.js";

const commands = suite("commands that are suggested");

function call(program: string, event?: string, runtime = "/usr/bin/node"): Call {
  return { argv: [runtime, program], env: { npm_lifecycle_event: event }, cwd: "/clone", platform: "linux" };
}

commands("are called as the program was", () => {
  const main = "/clone/dist/src/cli/simclr.cjs";
  const bin = "/clone/node_modules/.bin";
  for (const [how, expected] of [
    [call(main, "simclr"), "npm run simclr -- resume runs/a"],
    [call(main, "start"), "npm run simclr -- resume runs/a"],
    [call(main), "node dist/src/cli/simclr.cjs resume runs/a"],
    [call(main, "test"), "node dist/src/cli/simclr.cjs resume runs/a"],
    [call(main, undefined, "/opt/bun.exe"), "bun dist/src/cli/simclr.cjs resume runs/a"],
    [call("/opt/dist/src/cli/simclr.cjs"), "node /opt/dist/src/cli/simclr.cjs resume runs/a"],
    [call(`${bin}/webgpu-simclr`, "npx"), "npx webgpu-simclr resume runs/a"],
    [call(`${bin}/simclr`, "start"), "npx simclr resume runs/a"],
    [call(`${bin}/simclr`, "bunx"), "bunx simclr resume runs/a"],
    [call("/usr/local/bin/simclr"), "simclr resume runs/a"],
    [call("/x/node_modules/webgpu-simclr/dist/src/cli/simclr.cjs"), "npx simclr resume runs/a"],
    [call(main, undefined, "/bin/deno"), "deno run -A dist/src/cli/simclr.cjs resume runs/a"],
    [
      call("/cache/deno/npm/registry.npmjs.org/webgpu-simclr/1.0.0/dist/src/cli/simclr.cjs", undefined, "/bin/deno"),
      "deno run -A npm:webgpu-simclr/simclr resume runs/a",
    ],
  ] as const)
    assert.is(suggested(["resume", "runs/a"], how), expected);
});

commands("have their words quoted where a shell would take them apart", () => {
  for (const [path, words] of [
    ["/my runs/it's", "simclr resume '/my runs/it'\\''s'"],
    ["$HOME/*;x", "simclr resume '$HOME/*;x'"],
    ["", "simclr resume ''"],
    ["~/Vögel", "simclr resume '~/Vögel'"],
  ])
    assert.is(suggested(["resume", path], call("/bin/simclr")), words);
  const windows = { ...call("simclr"), platform: "win32" };
  assert.is(suggested(["resume", "C:\\my runs\\a"], windows), 'simclr resume "C:\\my runs\\a"');
});

commands.run();
