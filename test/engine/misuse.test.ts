import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as kernels from "../../kernels/generated.js";
import { type Device, openDevice } from "../../src/engine/device.js";
import { compileEach, Tape } from "../../src/engine/tape.js";
import { ShapeError, UsageError } from "../../src/errors.js";
import { add, relu } from "../../src/ops/elementwise.js";
import { rejects, throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";

const misuse = suite("misuse");

const device = await testDevice();

/** That a device computes as if nothing had happened, and that no scope is open to swallow errors. */
async function expectUsable(used: Device = device): Promise<void> {
  const x = used.tensor([3], [1, -2, 3]);
  const tape = new Tape(used);
  const y = relu(tape, add(tape, x, x));
  const program = await tape.compile({ keep: [y] });
  assert.equal([...(await program.runAndRead(y))], [2, 0, 6]);
  program.dispose();
  used.free(x);
  await used.gpu.popErrorScope().then(
    () => assert.unreachable("a scope is open"),
    () => {},
  );
  await used.idle();
}

misuse("of a program after dispose is refused, and dispose twice is harmless", async () => {
  const x = device.tensor([3], [1, 2, 3], "x");
  const before = device.memory.currentBytes;
  const tape = new Tape(device);
  const y = add(tape, x, x);
  const program = await tape.compile({ keep: [y] });
  const pending = program.runAndRead(y);
  program.dispose();
  assert.equal([...(await pending)], [2, 4, 6]);
  for (let round = 0; round < 2; round++) {
    throws(() => program.run(), UsageError, "this program cannot run any more: it was disposed of");
    await rejects(program.runAndRead(y), UsageError, "it was disposed of");
    await rejects(program.profile(), UsageError, "it was disposed of");
    program.dispose();
  }
  await rejects(device.read(y), UsageError, "keep it when the recording is compiled");
  // But for a small staging buffer, that is.
  assert.ok(device.memory.currentBytes - before <= 256);
  device.free(x);
  await expectUsable();
});

misuse("of freed tensors is refused in launches, reads and writes, and freeing again", async () => {
  const x = device.tensor([3], [1, 2, 3], "x");
  const [{ all, tensors }] = device.slabs([
    { shape: [3], label: "part" },
    { shape: [3], label: "other part" },
  ]);
  throws(
    () => device.free(tensors[0]),
    UsageError,
    "part [3] lies in the memory of another tensor: free that, or the whole slab",
  );
  const placing = new Tape(device);
  const sum = add(placing, x, x);
  placing.place(sum, tensors[0]);
  throws(() => device.free(sum), UsageError, "x + x [3] lies in the memory of another tensor");
  device.free(x);
  device.free(all.view([2, 64], "view"));
  for (const freed of [x, x.view([1, 3]), all, tensors[0], tensors[1]]) {
    const message = `${freed} was freed`;
    const tape = new Tape(device);
    throws(() => add(tape, freed, freed), UsageError, message);
    assert.is(tape.launches.length, 0);
    throws(() => tape.place(tape.tensor(freed.shape, "y"), freed), UsageError, message);
    throws(() => device.write(freed, new Float32Array(freed.size)), UsageError, message);
    await rejects(device.read(freed), UsageError, message);
    throws(() => device.free(freed), UsageError, message);
  }
  const before = device.memory.currentBytes;
  await rejects(placing.compile(), UsageError, "x [3] was freed");
  assert.is(device.memory.currentBytes, before);
  await expectUsable();
});

misuse("of a program whose tensor was freed is refused, whoever freed it", async () => {
  const x = device.tensor([3], [1, 2, 3], "x");
  const tape = new Tape(device);
  const y = add(tape, x, x);
  const other = new Tape(device);
  const z = relu(other, y);
  const [first, second] = await compileEach([
    { tape, keep: [y] },
    { tape: other, keep: [z] },
  ]);
  first.run();
  assert.equal([...(await second.runAndRead(z))], [2, 4, 6]);
  throws(() => device.free(y), UsageError, "x + x [3] is kept by a program: dispose of that");
  const running = first.runAndRead(y);
  device.free(x);
  // What was submitted before counts.
  assert.equal([...(await running)], [2, 4, 6]);
  throws(() => first.run(), UsageError, "this program cannot run any more: it uses x [3], which is gone");
  await rejects(first.runAndRead(y), UsageError, "it uses x [3]");
  await rejects(first.profile(), UsageError, "it uses x [3]");
  second.run();
  first.dispose();
  throws(() => second.run(), UsageError, "it uses x + x [3], which is gone");
  second.dispose();
  await expectUsable();
});

misuse("of a tensor that is freed while the recording is compiled is refused, and leaves nothing behind", async () => {
  const x = device.tensor([3], [1, 2, 3], "x");
  const before = device.memory.currentBytes;
  const tape = new Tape(device);
  const y = add(tape, x, x);
  const compiling = tape.compile({ keep: [y] });
  device.free(x);
  await rejects(compiling, UsageError, "x [3] was freed");
  assert.is(device.memory.currentBytes, before - 16);
  assert.is(y.place, null);
  await expectUsable();
});

misuse("of a tensor of another device is refused by both", async () => {
  const other = await openDevice();
  const x = other.tensor([3], [1, 2, 3], "x");
  const recording = new Tape(other);
  const kept = add(recording, x, x);
  const program = await recording.compile({ keep: [kept] });
  program.run();
  const own = device.tensor([3], [4, 5, 6], "own");
  const [ownSlab] = device.slabs([{ shape: [3], label: "own part" }]);
  for (const [used, foreign] of [
    [device, x],
    [device, kept],
    [other, own],
    [other, ownSlab.tensors[0]],
  ] as const) {
    const message = `${foreign} is a tensor of another device: make it on this one`;
    const tape = new Tape(used);
    throws(() => add(tape, foreign, foreign), UsageError, message);
    throws(() => tape.place(tape.tensor([3], "y"), foreign), UsageError, message);
    throws(() => used.write(foreign, [1, 2, 3]), UsageError, message);
    await rejects(used.read(foreign), UsageError, message);
    throws(() => used.free(foreign), UsageError, message);
  }
  await rejects(program.runAndRead(own), UsageError, "own [3] is a tensor of another device");
  const between = new Tape(device);
  add(between, recording.tensor([3], "intermediate"), own);
  await rejects(between.compile(), ShapeError, "add reads intermediate [3], which nothing has written");
  await expectUsable();
  await expectUsable(other);
  other.close();
  device.free(own);
  device.free(ownSlab.all);
});

misuse("of kept tensors before anything is in them is refused; what is written there counts", async () => {
  const x = device.tensor([3], [1, 2, 3], "x");
  const tape = new Tape(device);
  const y = add(tape, x, x);
  const program = await tape.compile({ keep: [y] });
  const elsewhere = new Tape(device);
  const z = add(elsewhere, y, x);
  const reader = await elsewhere.compile({ keep: [z] });
  const message = "nothing was computed in x + x [3] yet: run the program that keeps it";
  await rejects(device.read(y), UsageError, message);
  await rejects(device.read(y.view([1, 3])), UsageError, "nothing was computed in x + x [1, 3] yet");
  await rejects(reader.runAndRead(y), UsageError, message);
  // A run that fails to start is none.
  const labels = device.indices([1]);
  await rejects(program.runAndRead(labels), ShapeError, /holds u32/);
  await rejects(device.read(y), UsageError, message);
  device.write(y, [7, 8, 9]);
  assert.equal([...(await reader.runAndRead(z))], [8, 10, 12]);
  assert.equal([...(await device.read(y))], [7, 8, 9]);
  program.run();
  assert.equal([...(await device.read(y))], [2, 4, 6]);
  for (const each of [program, reader]) each.dispose();
  for (const tensor of [x, labels]) device.free(tensor);
  await expectUsable();
});

misuse("of one recording for several programs works: they share what they keep", async () => {
  const x = device.tensor([3], [1, 2, 3], "x");
  const tape = new Tape(device);
  const y = add(tape, x, x);
  const before = device.memory.currentBytes;
  const first = await tape.compile({ keep: [y] });
  await first.profile();
  assert.equal([...(await device.read(y))], [2, 4, 6]);
  const z = add(tape, y, x);
  const second = await tape.compile({ keep: [y, z] });
  // Kept by others, and not by this one.
  const third = await tape.compile();
  assert.equal([...(await second.runAndRead(z))], [3, 6, 9]);
  first.dispose();
  device.write(x, [10, 20, 30]);
  assert.equal([...(await second.runAndRead(y))], [20, 40, 60]);
  third.run();
  second.dispose();
  await rejects(device.read(y), UsageError, "is an intermediate tensor");
  throws(() => third.run(), UsageError, "it uses x + x [3], which is gone");
  third.dispose();
  assert.ok(device.memory.currentBytes - before <= 256);
  const fourth = await tape.compile({ keep: [z] });
  assert.equal([...(await fourth.runAndRead(z))], [30, 60, 90]);
  fourth.dispose();
  device.free(x);
  await expectUsable();
});

misuse(
  "of a kernel on a tensor that it reads and writes is refused, as is a launch without all that it takes",
  async () => {
    const [{ all, tensors }] = device.slabs([
      { shape: [3], label: "a" },
      { shape: [3], label: "b" },
    ]);
    const [a, b] = tensors;
    const tape = new Tape(device);
    const both = "and a kernel must not read what it writes";
    throws(
      () => tape.launch(kernels.add, { a, b, y: a }, { elements: 3 }),
      UsageError,
      "add: a, a [3], and y, a [3], lie in one buffer",
      both,
    );
    // WebGPU lets a buffer be read or written in a dispatch, and not in part one and in part the other.
    const y = tape.tensor([3], "y");
    throws(
      () => tape.launch(kernels.add, { a: y, b: a, y: b }, { elements: 3 }),
      UsageError,
      "add: b, a [3], and y, b [3]",
      both,
    );
    throws(
      () => tape.launch(kernels.add, { a: y, b: a, y }, { elements: 3 }),
      UsageError,
      "add: a, y [3], and y, y [3]",
      both,
    );
    throws(() => tape.launch(kernels.add, { a: y, b: a, y: y.view([1, 3]) }, { elements: 3 }), UsageError, both);
    const launch = (...args: unknown[]) => Reflect.apply(tape.launch, tape, args);
    throws(() => launch(kernels.add, { a, y }, { elements: 3 }), ShapeError, "add: no tensor is given for b");
    throws(
      () => launch(kernels.add, { a, b: [1, 2, 3], y }, { elements: 3 }),
      ShapeError,
      "add: no tensor is given for b",
    );
    throws(
      () => launch(kernels.add, { a, b, y }, {}),
      ShapeError,
      "add: elements is undefined, and has to be of type u32",
    );
    throws(() => tape.launch(kernels.add, { a, b, y }, { elements: -3 }), ShapeError, "add: elements is -3");
    assert.is(tape.launches.length, 0);
    device.free(all);
    await expectUsable();
  },
);

misuse.run();
