import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Device } from "../../src/engine/device.js";
import { planMemory } from "../../src/engine/planner.js";
import { Tape } from "../../src/engine/tape.js";
import { Tensor } from "../../src/engine/tensor.js";
import { ntXent } from "../../src/losses/nt-xent.js";
import { testDevice } from "../lib/device.js";

const memory = suite("memory and work of NT-Xent");

const { gpu, adapter } = await testDevice();
/** This adapter, and as what it would be taken if it were of the other kind: tiles differ. */
const devices = [true, false].map((software) => new Device(gpu, { ...adapter, software }));

/** What loss and gradients need, planned and not run, for blocks of so many rows. */
function plan(device: Device, blocks: readonly number[], dim: number) {
  const tape = new Tape(device);
  const embeddings = blocks.map((rows) => {
    const tensor = new Tensor([rows, dim], "f32", "embeddings");
    // Somewhere: nothing is run.
    tensor.place = device.placeOf(device.one);
    return tensor;
  });
  tape.watch(...embeddings);
  tape.backward(ntXent(tape, embeddings, 0.5).loss);
  const gradients = embeddings.flatMap((tensor) => tape.gradient(tensor) ?? []);
  assert.is(gradients.length, blocks.length);
  const { launches } = tape;
  const { slots } = planMemory(launches, new Set(gradients));
  return {
    /** Bytes of everything but the embeddings and their gradients. */
    scratch: slots.reduce((sum, { bytes }) => sum + bytes, 0),
    largestBinding: Math.max(...launches.flatMap(({ tensors }) => tensors.map(({ bytes }) => bytes))),
    largestLaunch: Math.max(...launches.map(({ flops }) => flops)),
    bindings: Math.max(...launches.map(({ tensors }) => tensors.length)),
  };
}

/** What WebGPU promises on every adapter. */
const BINDING_BYTES = 128 * 2 ** 20;
const BINDINGS = 8;

memory("at 2N = 16,384 and 128 dimensions, less than 2 MiB besides embeddings and gradients", () => {
  for (const device of devices) {
    const { scratch } = plan(device, [16384], 128);
    assert.ok(scratch <= 2 * 2 ** 20, `${scratch} bytes`);
  }
});

memory("at 2N = 65,536, no binding above the default limits, and no launch that hangs a slow GPU", () => {
  for (const device of devices) {
    for (const [blocks, dim] of [
      [[65536], 128],
      [Array<number>(4).fill(16384), 2048],
      [[16384, 16384, 16384, 16380, 2, 2], 2047],
      [[65536], 8],
      [[60000, 5536], 100],
    ] as const) {
      const { scratch, largestBinding, largestLaunch, bindings } = plan(device, blocks, dim);
      const embeddings = 4 * 65536 * dim;
      assert.ok(largestBinding <= BINDING_BYTES, `a binding of ${largestBinding} bytes`);
      assert.ok(bindings <= BINDINGS, `${bindings} bindings`);
      assert.ok(largestLaunch <= 2 ** 36, `a launch of ${largestLaunch} operations`);
      assert.ok(scratch <= Math.max(embeddings / 8, 6 * 2 ** 20), `${scratch} bytes of scratch at ${dim} dimensions`);
    }
  }
});

memory("is at most a few times that of the embeddings, at any size", () => {
  for (const device of devices) {
    for (const rows of [4, 64, 514, 1024, 3000, 4096]) {
      for (const dim of [3, 64, 128, 129, 512, 2048]) {
        const { scratch } = plan(device, [rows], dim);
        const embeddings = 4 * rows * dim;
        // A few values a row, in as many runs of columns as keep a GPU busy; above 128 dimensions, a tile of the matrix of at most 8 MiB.
        const tile = dim > 128 ? 4 * Math.min(rows ** 2, 2 ** 21) : 0;
        assert.ok(scratch <= 3.1 * embeddings + tile + 160 * rows + 4096, `${scratch} bytes at ${rows} x ${dim}`);
      }
    }
  }
});

memory.run();
