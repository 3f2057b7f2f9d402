import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Device } from "../../src/engine/device.js";
import { Tape } from "../../src/engine/tape.js";
import type { Tensor } from "../../src/engine/tensor.js";
import { ConfigError } from "../../src/errors.js";
import { ntXent } from "../../src/losses/nt-xent.js";
import { conv2d } from "../../src/ops/conv2d.js";
import { matmul } from "../../src/ops/matmul.js";
import { forceVariant, variantNames } from "../../src/ops/variants.js";
import { throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";
import { variantChecks } from "./check-variants.js";

const { gpu, adapter } = await testDevice();

const correct = suite("variants against references");

const checks = variantChecks(gpu, adapter);
for (const { title, run } of checks) correct(title, run);

correct.run();

const EXTENTS = [1, 2, 3, 4, 6, 8, 12, 14, 16, 24, 30, 40, 62, 100, 126];

const naming = suite("names of variants");
const device = new Device(gpu, adapter);

naming("are those that the operations' sites offer, and every one of them is offered somewhere", () => {
  const names = variantNames(device);
  for (const [operation, list] of names) {
    assert.is(new Set(list).size, list.length, operation);
    assert.ok(list.length > 1, operation);
  }
  const offered = new Map([...names.keys()].map((operation) => [operation, new Set<string>()]));
  for (const channels of EXTENTS) {
    const tape = new Tape(device);
    const input = (shape: number[]): Tensor => {
      const tensor = tape.tensor(shape, "input");
      tape.watch(tensor);
      return tensor;
    };
    for (const inChannels of EXTENTS) {
      const y = conv2d(tape, input([1, 4, 4, inChannels]), input([1, 1, inChannels, channels]));
      tape.backward(y, tape.tensor(y.shape, "gradient"));
    }
    matmul(tape, input([channels, channels]), input([channels, channels]));
    const { loss } = ntXent(tape, input([4, channels]), 1);
    tape.backward(loss);
  }
  for (const { site } of device.choices.untuned) {
    for (const { name } of site.candidates) {
      assert.ok(names.get(site.operation)?.includes(name), `${site.operation}: ${name}`);
      offered.get(site.operation)?.add(name);
    }
  }
  for (const [operation, list] of names) assert.equal([...(offered.get(operation) ?? [])].sort(), [...list].sort());
});

naming("can be forced, and unknown ones are refused with those there are", () => {
  for (const [operation, names] of variantNames(device)) forceVariant(device, operation, names[1]);
  const { matmul: shapes } = device.choices.table;
  assert.equal(shapes, { "*": variantNames(device).get("matmul")?.[1] });
  throws(() => forceVariant(device, "conv3d", "any"), ConfigError, /"conv3d" has no variants/, /matmul, conv2d, /);
  const [first] = variantNames(device).get("conv2d") ?? [];
  throws(
    () => forceVariant(device, "conv2d", "fast"),
    ConfigError,
    /conv2d has no variant "fast" on this adapter/,
    new RegExp(`choose one of .*${first}`),
  );
});

naming.run();
