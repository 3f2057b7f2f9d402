import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as kernels from "../../kernels/generated.js";
import { Choices, isChoiceTable, type Site, type Variant } from "../../src/engine/choices.js";
import { Device, openDevice } from "../../src/engine/device.js";
import { Tape } from "../../src/engine/tape.js";
import { fits } from "../../src/engine/variants.js";
import { testDevice } from "../lib/device.js";
import { lowerLimits } from "./observe.js";

const variants = suite("variants and choices");

function variant(name: string, changes: Partial<Variant> = {}): Variant {
  return { name, kernel: kernels.add, tile: {}, threads: 64, workgroupBytes: 0, ...changes };
}

function site(operation: string, shape: string, names: readonly string[] = ["plain", "wide", "deep"]): Site {
  return { operation, shape, candidates: names.map((name) => variant(name)), inputs: [], record: () => {} };
}

variants("a forced variant comes before a tuned one, and that before the default", () => {
  const choices = new Choices();
  const [small, large, other] = [site("product", "8x8"), site("product", "64x64"), site("sum", "8x8")];
  const picked = () => [small, large, other].map((place) => choices.pick(place).name);
  assert.equal(picked(), ["plain", "plain", "plain"]);
  choices.set("product", "64x64", "wide");
  assert.equal(picked(), ["plain", "wide", "plain"]);
  choices.force("product", "deep");
  assert.equal(picked(), ["deep", "deep", "plain"]);
});

variants("a name that is no candidate does not count", () => {
  const choices = new Choices();
  choices.set("product", "8x8", "gone");
  assert.is(choices.pick(site("product", "8x8")).name, "plain");
  choices.set("product", "8x8", "wide");
  choices.force("product", "deep");
  assert.is(choices.pick(site("product", "8x8", ["plain", "wide"])).name, "wide");
});

variants("sites with nothing to choose by are remembered with how often they were recorded", () => {
  const choices = new Choices();
  const untuned = () => choices.untuned.map(({ site: { operation, shape }, uses }) => [operation, shape, uses]);
  assert.equal(untuned(), []);
  for (const shape of ["1", "2", "2", "3", "2"]) choices.pick(site("product", shape));
  choices.pick(site("sum", "1"));
  choices.pick(site("copy", "1", ["only"]));
  assert.equal(untuned(), [
    ["product", "1", 1],
    ["product", "2", 3],
    ["product", "3", 1],
    ["sum", "1", 1],
  ]);
  choices.set("product", "2", "wide");
  choices.set("product", "3", "gone");
  choices.force("sum", "deep");
  assert.equal(untuned(), [
    ["product", "1", 1],
    ["product", "3", 1],
  ]);
});

variants("a table brings about the same choices elsewhere, and nothing else", () => {
  const choices = new Choices();
  assert.equal(choices.table, {});
  choices.set("product", "8x8", "wide");
  choices.set("product", "64x64", "deep");
  choices.force("sum", "deep");
  const table = { product: { "8x8": "wide", "64x64": "deep" }, sum: { "*": "deep" } };
  assert.equal(choices.table, table);
  assert.equal(choices.tuned, { product: table.product });

  const other = new Choices();
  other.set("product", "1x1", "wide");
  other.set("product", "8x8", "deep");
  other.force("product", "plain");
  other.add(JSON.parse(JSON.stringify(table)));
  assert.equal(other.table, {
    product: { "1x1": "wide", "8x8": "wide", "64x64": "deep", "*": "plain" },
    sum: { "*": "deep" },
  });
  other.use(table);
  assert.equal(other.table, table);
  assert.is(other.pick(site("sum", "9")).name, "deep");
  assert.is(other.pick(site("product", "64x64")).name, "deep");
});

variants("a table is told from anything else", () => {
  for (const table of [{}, { product: {} }, { product: { "8x8": "wide" } }]) assert.ok(isChoiceTable(table));
  for (const value of [null, [], "", 1, { product: [] }, { product: "wide" }, { product: { "8x8": 1 } }])
    assert.not(isChoiceTable(value), JSON.stringify(value));
});

variants("fit a device with the limits and subgroups that they need", async () => {
  await testDevice();
  const device = await openDevice();
  lowerLimits(device.gpu, { maxComputeInvocationsPerWorkgroup: 128, maxComputeWorkgroupStorageSize: 4096 });
  assert.ok(fits(device, variant("a", { threads: 128, workgroupBytes: 4096 })));
  assert.not(fits(device, variant("a", { threads: 129 })));
  assert.not(fits(device, variant("a", { workgroupBytes: 4100 })));
  const lanes = device.has("subgroups") ? (device.gpu.adapterInfo.subgroupMinSize ?? 1) : 1;
  assert.ok(fits(device, variant("a", { tile: { SHARE: lanes } })));
  assert.not(fits(device, variant("a", { tile: { SHARE: 2 * lanes } })));
  device.close();
});

variants("a tape records a site with the device's choice", async () => {
  const { gpu, adapter } = await testDevice();
  // With choices of its own.
  const device = new Device(gpu, adapter);
  device.choices.set("double", "4", "wide");
  const place: Site<Variant, string> = {
    ...site("double", "4"),
    record: (tape, { name }, [x]) => {
      tape.launch(kernels.add, { a: x, b: x, y: tape.tensor([4], name) }, { elements: 4 });
      return name;
    },
  };
  const tape = new Tape(device);
  assert.is(tape.record(place, [tape.tensor([4], "x")]), "wide");
  assert.equal(
    tape.launches.map(({ tensors }) => tensors[2].label),
    ["wide"],
  );
});

variants.run();
