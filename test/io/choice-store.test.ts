import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Device } from "../../src/engine/device.js";
import { CheckpointError } from "../../src/errors.js";
import * as database from "../../src/io/choice-database.js";
import { rejects } from "../data/expect.js";
import { testDevice } from "../lib/device.js";

const store = suite("stored choices");

const inPage = typeof process === "undefined";
const { clearChoices, loadChoices, saveChoices } = inPage ? database : await import("../../src/io/choice-file.js");

/** Does something while files go to a folder of its own; a page has its own storage anyway. */
async function inOwnPlace(work: () => Promise<void>): Promise<void> {
  if (inPage) return work();
  const { mkdtemp, rm } = await import("node:fs/promises");
  const { tmpdir } = await import("node:os");
  const { join } = await import("node:path");
  const before = process.env["XDG_CACHE_HOME"];
  const folder = await mkdtemp(join(tmpdir(), "simclr-choices-"));
  process.env["XDG_CACHE_HOME"] = folder;
  try {
    await work();
  } finally {
    if (before === undefined) delete process.env["XDG_CACHE_HOME"];
    else process.env["XDG_CACHE_HOME"] = before;
    await rm(folder, { recursive: true });
  }
}

store("of one device are found by the next, on the same adapter only", () =>
  inOwnPlace(async () => {
    const { gpu, adapter } = await testDevice();
    const device = new Device(gpu, adapter);
    const { place, ...nothing } = await loadChoices(device);
    assert.equal(nothing, { count: 0, warning: null });
    assert.match(place, inPage ? /^IndexedDB$/ : /webgpu-simclr.choices\.json$/);
    device.choices.set("conv2d", "3x3", "wide");
    device.choices.force("matmul", "deep");
    await saveChoices(device);

    device.choices.use({ matmul: { "8x8x8": "flat" } });
    assert.equal(await loadChoices(device), { place, count: 1, warning: null });
    assert.equal(device.choices.table, { conv2d: { "3x3": "wide" }, matmul: { "8x8x8": "flat" } });
    device.choices.set("conv2d", "1x1", "narrow");
    await saveChoices(device);

    const other = new Device(gpu, { ...adapter, name: "another adapter" });
    assert.equal(await loadChoices(other), { place, count: 0, warning: null });
    other.choices.set("conv2d", "3x3", "narrow");
    await saveChoices(other);

    // What is kept already stays beside what is added.
    device.choices.use({ conv2d: { "3x3": "wider" } });
    await saveChoices(device);
    device.choices.use({});
    assert.is((await loadChoices(device)).count, 3);
    assert.equal(device.choices.table, { conv2d: { "3x3": "wider", "1x1": "narrow" }, matmul: { "8x8x8": "flat" } });

    await clearChoices(device);
    assert.is((await loadChoices(device)).count, 0);
    assert.is((await loadChoices(other)).count, 1, "those of the other adapter stay");
    await clearChoices(other);
  }),
);

if (!inPage) {
  store("of a page are not there elsewhere, which is said", async () => {
    const { gpu, adapter } = await testDevice();
    const device = new Device(gpu, adapter);
    const { place, count, warning } = await database.loadChoices(device);
    assert.equal([place, count], ["nowhere", 0]);
    assert.match(warning ?? "", "webgpu-simclr/node");
    await rejects(database.saveChoices(device), CheckpointError, /webgpu-simclr\/node/);
    await rejects(database.clearChoices(device), CheckpointError, /webgpu-simclr\/node/);
  });
}

store.run();
