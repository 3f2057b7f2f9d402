import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { inTemporaryFolder } from "../data/make-files.js";
import { repository } from "../lib/repository.js";
import { failed, simclr, startProcess, succeeded } from "./command.js";

const command = suite("simclr kernels");

const KERNEL = `// y = 2 x + offset.
// shape x: elements
// shape y: elements
// workgroups: ceil(elements / LANES)
// flops: 2 * elements
//#include "lib/grid.wgsl"
//#include "own/twice.wgsl"
const LANES: u32 = 64u;
struct Params { elements: u32, offset: f32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;
@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let i = workgroup_index(group, grid) * LANES + local.x;
  if (i < params.elements) {
    y[i] = twice(x[i]) + params.offset;
  }
}
`;

const USE = `import { openDevice, Tape } from "webgpu-simclr/engine";
import { doubleOf } from "./shaders/generated.js";

const device = await openDevice();
const x = device.tensor([3], [1, 2, 3]);
const tape = new Tape(device);
const y = tape.tensor([3], "y");
tape.launch(doubleOf, { x, y }, { elements: 3, offset: 0.5 }, { LANES: 32 });
// @ts-expect-error: a tensor is missing.
const wrong = () => tape.launch(doubleOf, { x }, { elements: 3, offset: 0.5 });
const program = await tape.compile({ keep: [y] });
console.log([...(await program.runAndRead(y))].join(" "), typeof wrong);
device.close();
`;

async function writeKernels(folder: string, kernel = KERNEL): Promise<void> {
  await mkdir(join(folder, "shaders/own"), { recursive: true });
  await writeFile(join(folder, "shaders/double-of.wgsl"), kernel);
  await writeFile(join(folder, "shaders/own/twice.wgsl"), "fn twice(x: f32) -> f32 {\n  return 2.0 * x;\n}\n");
}

command("writes a module whose launches are typed, and run, wherever the package is installed", () =>
  inTemporaryFolder(async (cwd) => {
    await writeKernels(cwd);
    const { stdout } = succeeded(await simclr(["kernels", "shaders"], { cwd }));
    assert.is(stdout, "wrote shaders/generated.ts: doubleOf\n");
    const written = await readFile(join(cwd, "shaders/generated.ts"), "utf8");
    assert.match(written, "// Made by `simclr kernels` from the .wgsl files in its folder");
    assert.match(written, 'KernelDefinition<"x" | "y", "elements" | "offset", "LANES">');
    succeeded(await simclr(["kernels", "shaders", "--out", "elsewhere.ts"], { cwd }));
    assert.is(await readFile(join(cwd, "elsewhere.ts"), "utf8"), written);

    await mkdir(join(cwd, "node_modules"));
    await symlink(repository, join(cwd, "node_modules/webgpu-simclr"), "dir");
    await writeFile(join(cwd, "package.json"), '{ "type": "module" }');
    await writeFile(join(cwd, "use.ts"), USE);
    const options = ["--module", "nodenext", "--target", "es2022", "--strict", "--skipLibCheck", "--types", "node"];
    const types = ["--typeRoots", `${repository}node_modules/@types`];
    const compiler = `${repository}node_modules/typescript/bin/tsc`;
    const compiled = await startProcess(process.execPath, [compiler, ...options, ...types, "use.ts"], { cwd }).ended;
    assert.is(compiled.code, 0, compiled.stdout + compiled.stderr);
    const run = succeeded(await startProcess(process.execPath, ["use.js"], { cwd }).ended);
    assert.is(run.stdout.trim().split("\n").at(-1), "2.5 4.5 6.5 function");
  }),
);

command("names what is wrong, and writes nothing", () =>
  inTemporaryFolder(async (cwd) => {
    failed(await simclr(["kernels", "shaders"], { cwd }), /shaders is no folder/);
    await mkdir(join(cwd, "shaders"));
    failed(await simclr(["kernels", "shaders"], { cwd }), /there is no \.wgsl file in shaders/);
    await writeKernels(cwd, KERNEL.replace("array<f32>", "array<i32>"));
    failed(
      await simclr(["kernels", "shaders"], { cwd }),
      /doubleOf: line 10: x: storage bindings are .*, not array<i32>/,
    );
    await writeKernels(cwd, KERNEL.replace("own/twice", "own/thrice"));
    failed(
      await simclr(["kernels", "shaders"], { cwd }),
      /line 7: there is no "own\/thrice\.wgsl".*lib\/grid\.wgsl.*own\/twice/,
    );
    await writeKernels(cwd);
    await writeFile(join(cwd, "shaders/doubleOf.wgsl"), KERNEL);
    failed(await simclr(["kernels", "shaders"], { cwd }), /two files of shaders give a kernel called doubleOf/);
    await writeFile(join(cwd, "shaders/2d.wgsl"), KERNEL);
    failed(
      await simclr(["kernels", "shaders"], { cwd }),
      /2d\.wgsl: a kernel's file is called like "column-sums\.wgsl"/,
    );
    assert.is(await readFile(join(cwd, "shaders/generated.ts"), "utf8").catch(() => null), null);
  }),
);

command.run();
