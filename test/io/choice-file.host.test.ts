import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Device } from "../../src/engine/device.js";
import { CheckpointError } from "../../src/errors.js";
import { loadChoices, saveChoices } from "../../src/io/choice-file.js";
import { VERSION } from "../../src/version.js";
import { rejects } from "../data/expect.js";
import { testDevice } from "../lib/device.js";

const files = suite("file of choices");

const before = process.env["XDG_CACHE_HOME"];
const folder = await mkdtemp(join(tmpdir(), "simclr-choices-"));
const path = join(folder, "webgpu-simclr", "choices.json");

const { gpu, adapter } = await testDevice();
const device = new Device(gpu, adapter);

files.before(() => {
  process.env["XDG_CACHE_HOME"] = folder;
});
files.after(async () => {
  if (before === undefined) delete process.env["XDG_CACHE_HOME"];
  else process.env["XDG_CACHE_HOME"] = before;
  await rm(folder, { recursive: true });
});

async function keep(text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

files("lies in the user's cache folder", async () => {
  assert.is((await loadChoices(device)).place, path);
  delete process.env["XDG_CACHE_HOME"];
  const { place } = await loadChoices(device);
  process.env["XDG_CACHE_HOME"] = folder;
  const parts = { linux: ".cache", darwin: join("Library", "Caches"), win32: join("AppData", "Local") };
  const own = Object.entries(parts).find(([platform]) => platform === process.platform)?.[1] ?? ".cache";
  assert.is(place, join(homedir(), own, "webgpu-simclr", "choices.json"));
});

files("that is damaged is not used, which is said, and replaced by the next one", async () => {
  device.choices.use({});
  device.choices.set("conv2d", "3x3", "wide");
  await saveChoices(device);
  const good = await readFile(path, "utf8");
  const damaged = [
    "",
    good.slice(0, good.length / 2),
    "[]",
    "null",
    "{}",
    good.replace('"wide"', "7"),
    good.replace('"adapters"', '"adaptors"'),
    JSON.stringify({ version: VERSION, adapters: { any: [] } }),
  ];
  for (const text of damaged) {
    await keep(text);
    device.choices.use({});
    const { count, warning } = await loadChoices(device);
    assert.is(count, 0, text);
    assert.match(warning ?? "", `in ${path} are not used: they are damaged`);
    assert.equal(device.choices.table, {});
  }
  device.choices.set("conv2d", "3x3", "wide");
  await saveChoices(device);
  assert.is(await readFile(path, "utf8"), good);
  assert.equal(await readdir(dirname(path)), ["choices.json"], "nothing is left of the writing");
});

files("takes what several add at once", async () => {
  await rm(path, { force: true });
  const devices = Array.from({ length: 4 }, (_, i) => new Device(gpu, { ...adapter, name: `adapter ${i}` }));
  for (const other of devices) other.choices.set("conv2d", "3x3", "wide");
  await Promise.all(devices.map((other) => saveChoices(other)));
  for (const other of devices) {
    other.choices.use({});
    assert.is((await loadChoices(other)).count, 1, other.adapter.name);
  }
  assert.equal(await readdir(dirname(path)), ["choices.json"]);
  await rm(path);
});

files("of another version is not used, and replaced as a whole", async () => {
  device.choices.use({ conv2d: { "3x3": "wide" } });
  await saveChoices(device);
  const good = await readFile(path, "utf8");
  await keep(good.replace(`"${VERSION}"`, '"0.0.1"').replace("3x3", "5x5"));
  const { count, warning } = await loadChoices(device);
  assert.is(count, 0);
  assert.match(warning ?? "", `of version 0.0.1, and this is ${VERSION}`);
  await saveChoices(device);
  assert.is(await readFile(path, "utf8"), good);
});

files("that cannot be read or written is named", async () => {
  await rm(dirname(path), { recursive: true });
  await mkdir(path, { recursive: true });
  const { warning } = await loadChoices(device);
  assert.match(warning ?? "", `${path} are not used: `);
  await rejects(saveChoices(device), CheckpointError, /Cannot write .*choices\.json/);
  await rm(dirname(path), { recursive: true });
  await writeFile(dirname(path), "a file is in the way");
  await rejects(saveChoices(device), CheckpointError, /Cannot write .*choices\.json/);
  await rm(dirname(path));
});

files.run();
