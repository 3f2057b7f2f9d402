import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { KernelDefinition } from "../../kernels/definition.js";
import * as kernels from "../../kernels/generated.js";
import { withoutComments } from "../../kernels/module.js";
import { kernelFrom } from "../../src/engine/kernel-from.js";
import { Tape } from "../../src/engine/tape.js";
import { GpuValidationError, KernelError } from "../../src/errors.js";
import { rejects, throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";
import { loadBytes } from "../lib/golden.js";

const custom = suite("kernels made at run time");

const device = await testDevice();

const AXPY = `// y = y + alpha x, four rounds written out.
//
// shape x: elements
// shape y: elements
// workgroups: ceil(elements / (LANES * ROUNDS))
// flops: 2 * elements
// bytes: 12 * elements
//#include "lib/grid.wgsl"
//#include "lib/stored.wgsl"

const LANES: u32 = 16u;
// Each of them: a round.
const ROUNDS: u32 = 4u;
const HALF_ROUNDS = ROUNDS / 2u;

struct Params {
  elements: u32, // of each
  alpha: f32,
}

@group(0) @binding(0) var<storage, read> x: array<Stored>;
@group(0) @binding(1) var<storage, read_write> y: array<Stored>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let first = workgroup_index(group, grid) * LANES * ROUNDS + local.x;
  for (var half = 0u; half < 2u; half++) {
    //#unroll
    for (var round = 0u; round < HALF_ROUNDS; round++) {
      let i = first + (half * HALF_ROUNDS + round) * LANES;
      if (i < params.elements) {
        y[i] = Stored(f32(y[i]) + params.alpha * f32(x[i]));
      }
    }
  }
}
`;

const axpy = kernelFrom(AXPY, { name: "axpy" });

custom("are launched like the library's own, with their constants, in f32 and in f16", async () => {
  const elements = 1003;
  const values = Float32Array.from({ length: elements }, (_, i) => (i % 64) - 20);
  for (const type of device.has("shader-f16") ? (["f32", "f16"] as const) : (["f32"] as const)) {
    for (const constants of [{}, { LANES: 64, ROUNDS: 2 }]) {
      const x = device.tensor([elements], values, "x", type);
      const y = device.tensor([elements], new Float32Array(elements).fill(3), "y", type);
      const tape = new Tape(device);
      tape.launch(axpy, { x, y }, { elements, alpha: 0.5 }, constants);
      const { LANES = 16, ROUNDS = 4 } = constants;
      assert.is(tape.launches[0].workgroups, Math.ceil(elements / (LANES * ROUNDS)));
      const program = await tape.compile();
      assert.equal([...(await program.runAndRead(y))], [...values.map((value) => 3 + 0.5 * value)]);
      assert.is(program.flops, 2 * elements);
      program.dispose();
      for (const tensor of [x, y]) device.free(tensor);
    }
  }
});

custom("have the types of their sources", () => {
  const tape = new Tape(device);
  const x = tape.tensor([4], "x");
  const launches = () => {
    tape.launch(axpy, { x, y: x }, { elements: 4, alpha: 1 }, { LANES: 8 });
    // @ts-expect-error: y is missing.
    tape.launch(axpy, { x }, { elements: 4, alpha: 1 });
    // @ts-expect-error: there is no z.
    tape.launch(axpy, { x, y: x, z: x }, { elements: 4, alpha: 1 });
    // @ts-expect-error: alpha is missing.
    tape.launch(axpy, { x, y: x }, { elements: 4 });
    // @ts-expect-error: HALF_ROUNDS follows from another constant.
    tape.launch(axpy, { x, y: x }, { elements: 4, alpha: 1 }, { HALF_ROUNDS: 8 });
    // @ts-expect-error: x is no constant.
    tape.launch(axpy, { x, y: x }, { elements: 4, alpha: 1 }, { x: 8 });
  };
  assert.type(launches, "function");
  // Where the compiler does not know the source, any name will do.
  const untyped: string = AXPY;
  const { params } = kernelFrom(untyped, { name: "axpy" });
  assert.equal(params, axpy.params);
});

custom("are the library's own kernels again, made of their files", async () => {
  for (const kernel of Object.values<KernelDefinition>(kernels)) {
    const file = kernel.name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const text = new TextDecoder().decode(await loadBytes(`kernels/${file}.wgsl`));
    const commented = kernelFrom(text, { name: kernel.name });
    // Where a shared piece ends in a comment, there is an empty line more or less.
    const [made, own]: KernelDefinition[] = [{ ...commented, source: withoutComments(commented.source) }, kernel].map(
      (definition) => ({ ...definition, source: definition.source.replace(/\n+/g, "\n") }),
    );
    assert.equal(JSON.stringify(made), JSON.stringify({ ...pick(own, Object.keys(JSON.parse(JSON.stringify(made)))) }));
    const names = [...kernel.params.map(({ name }) => name), ...Object.keys(kernel.constants)];
    const v = Object.fromEntries(names.map((name, i) => [name, kernel.constants[name]?.value ?? 12 + i]));
    for (const key of ["shapes", "unrolls", "workgroups", "flops", "bytes"] as const)
      assert.equal(made[key]?.(v), kernel[key]?.(v), `${kernel.name}: ${key}`);
  }
});

/** These properties of an object, in this order. */
function pick(object: object, keys: readonly string[]): object {
  return Object.fromEntries(keys.map((key) => [key, Reflect.get(object, key)]));
}

custom("are refused by line, before and by the GPU's compiler, and leave the device usable", async () => {
  throws(
    () => kernelFrom(AXPY.replace("lib/grid.wgsl", "lib/great.wgsl"), { name: "axpy" }),
    KernelError,
    'axpy: line 8: there is no "lib/great.wgsl" to include; there are: ',
    "lib/grid.wgsl",
  );
  throws(
    () => kernelFrom(AXPY.replace("(LANES * ROUNDS)", "(LANES * ROWS)"), { name: "axpy" }),
    KernelError,
    'axpy: line 5: unknown name ROWS in "ceil(elements / (LANES * ROWS))"',
  );
  const wrong = kernelFrom(AXPY.replace("let i = first", "let i = frist"), { name: "misspelt" });
  const [x, y] = [device.tensor([4], [1, 2, 3, 4]), device.tensor([4])];
  const tape = new Tape(device);
  tape.launch(wrong, { x, y }, { elements: 4, alpha: 2 });
  await rejects(
    tape.compile(),
    GpuValidationError,
    /kernel misspelt does not compile: error at line \d+: .*frist/s,
    "let i = frist",
  );
  const right = new Tape(device);
  right.launch(axpy, { x, y }, { elements: 4, alpha: 2 });
  const program = await right.compile();
  assert.equal([...(await program.runAndRead(y))], [2, 4, 6, 8]);
  program.dispose();
  for (const tensor of [x, y]) device.free(tensor);
});

custom.run();
