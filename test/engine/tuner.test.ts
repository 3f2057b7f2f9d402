import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { KernelDefinition } from "../../kernels/definition.js";
import * as kernels from "../../kernels/generated.js";
import type { Site, Variant } from "../../src/engine/choices.js";
import { type Device, openDevice } from "../../src/engine/device.js";
import { type Timing, tune } from "../../src/engine/tuner.js";
import { ConfigError, DeviceLostError } from "../../src/errors.js";
import { rejects } from "../data/expect.js";
import { testDevice } from "../lib/device.js";
import { withoutFeatures } from "./observe.js";

const tuner = suite("tuner");

/** Does something with a device of its own. */
async function withDevice(work: (device: Device) => Promise<void>): Promise<void> {
  const device = await openDevice();
  await work(device);
  device.close();
}

const ELEMENTS = 4096;

/** A site whose candidates, by name, do an addition so many times: what they cost is known. */
function additions(
  operation: string,
  counts: Readonly<Record<string, number>>,
  kernel: KernelDefinition<"a" | "b" | "y", "elements"> = kernels.add,
): Site {
  const candidates = Object.keys(counts).map((name): Variant => {
    return { name, kernel, tile: {}, threads: 64, workgroupBytes: 0 };
  });
  return {
    operation,
    shape: `${ELEMENTS}`,
    candidates,
    inputs: [[ELEMENTS], [ELEMENTS]],
    record(tape, { name }, [a, b]) {
      const used = name === "broken" ? { ...kernel, source: kernel.source.replace("fn main", "fn main(") } : kernel;
      for (let i = 0; i < counts[name]; i++)
        tape.launch(used, { a, b, y: tape.tensor([ELEMENTS], "y") }, { elements: ELEMENTS });
    },
  };
}

function chosen(timings: readonly Timing[]): string[] {
  return timings.filter((row) => row.chosen).map(({ operation, variant }) => `${operation}: ${variant}`);
}

tuner("chooses the fastest of candidates whose costs are far apart", () =>
  withDevice(async (device) => {
    const before = device.memory.currentBytes;
    const site = additions("sum", { slow: 200, fast: 1, middling: 60 });
    assert.is(device.choices.pick(site).name, "slow");
    const timings = await tune(device);
    assert.equal(chosen(timings), ["sum: fast"]);
    assert.is(device.choices.pick(site).name, "fast");
    assert.equal(device.choices.tuned, { sum: { [ELEMENTS]: "fast" } });
    assert.equal(
      timings.map(({ variant, preferred, error }) => [variant, preferred, error]),
      [
        ["slow", true, null],
        ["fast", false, null],
        ["middling", false, null],
      ],
    );
    const [slow, fast, middling] = timings.map(({ milliseconds }) => Number(milliseconds));
    assert.ok(fast > 0 && fast < middling && middling < slow, `${fast}, ${middling} and ${slow} ms`);
    // A staging buffer of 256 bytes stays.
    assert.ok(device.memory.currentBytes - before <= 256);
    assert.equal(await tune(device), [], "what has a choice is not timed again");
  }),
);

tuner("keeps the default where no other is clearly faster", () =>
  withDevice(async (device) => {
    device.choices.pick(additions("sum", { usual: 1, ...{ slower: 40, slowest: 80 } }));
    assert.equal(chosen(await tune(device)), ["sum: usual"]);
  }),
);

tuner("does so by the clock where there are no timestamps", async () => {
  await testDevice();
  const device = await withoutFeatures(openDevice);
  device.choices.pick(additions("sum", { slow: 500, fast: 1 }));
  assert.equal(chosen(await tune(device)), ["sum: fast"]);
  device.close();
});

const broken = { ...kernels.add, source: "nonsense" };

tuner("leaves out what does not compile, and says why", () =>
  withDevice(async (device) => {
    device.choices.pick(additions("sum", { broken: 1, good: 2 }));
    device.choices.pick(additions("nothing", { broken: 1, "broken too": 1 }, broken));
    const timings = await tune(device);
    assert.equal(chosen(timings), ["sum: good"]);
    for (const { operation, variant, milliseconds, error } of timings) {
      if (operation === "sum" && variant === "good") continue;
      assert.is(milliseconds, null);
      assert.match(error ?? "", /kernel add does not compile/);
    }
    assert.is(timings.length, 4);
    assert.equal(device.choices.tuned, { sum: { [ELEMENTS]: "good" } });
    // The device still computes.
    assert.equal([...(await device.read(device.one))], [1]);
  }),
);

tuner("takes the sites that cost most first, until the budget is spent", () =>
  withDevice(async (device) => {
    for (const [operation, count, uses] of [
      ["small", 2, 1],
      ["large", 9, 1],
      ["frequent", 5, 3],
    ] as const) {
      for (let use = 0; use < uses; use++) device.choices.pick(additions(operation, { one: count, two: count + 1 }));
    }
    const order: [string, number, number][] = [];
    const slowly = {
      onProgress: ({ operation, done, total }: { operation: string; done: number; total: number }) =>
        void order.push([operation, done, total]),
    };
    const first = await tune(device, { budgetSeconds: 1e-6, ...slowly });
    assert.equal([order, first], [[], []], "a budget that is over before it begins");
    await tune(device, slowly);
    assert.equal(order, [
      ["frequent", 0, 3],
      ["large", 1, 3],
      ["small", 2, 3],
    ]);
    for (const budgetSeconds of [0, -1, Number.NaN])
      await rejects(tune(device, { budgetSeconds }), ConfigError, /budget of (0|-1|NaN) seconds/);
  }),
);

tuner("ends where it is asked to, and keeps what it knows by then", () =>
  withDevice(async (device) => {
    for (const [operation, count] of [
      ["first", 9],
      ["second", 5],
      ["third", 2],
    ] as const)
      device.choices.pick(additions(operation, { one: count, two: 200 }));
    const controller = new AbortController();
    const timings = await tune(device, {
      signal: controller.signal,
      onProgress({ operation }) {
        if (operation === "second") controller.abort();
      },
    });
    assert.equal(chosen(timings), ["first: one"]);
    assert.equal(
      device.choices.untuned.map(({ site }) => site.operation),
      ["second", "third"],
    );
  }),
);

tuner("ends with the error where the device is lost", async () => {
  await testDevice();
  const device = await openDevice();
  device.choices.pick(additions("sum", { one: 1, two: 2 }));
  await rejects(tune(device, { onProgress: () => device.gpu.destroy() }), DeviceLostError, /was lost|did not finish/);
  device.close();
});

tuner.run();
