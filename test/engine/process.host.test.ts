import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { testDevice } from "../lib/device.js";

const processes = suite("processes");

/** What a program prints, and its exit code; one that does not end by itself within half a minute is ended by a signal. */
async function run(argument: string, environment: Readonly<Record<string, string>> = {}) {
  const options = "Deno" in globalThis ? ["run", "--allow-all", "--no-lock", "--quiet"] : [];
  const program = fileURLToPath(new URL("open-and-close.js", import.meta.url));
  const child = spawn(process.execPath, [...options, program, argument], {
    stdio: ["ignore", "pipe", "ignore"],
    env: { ...process.env, ...environment },
    timeout: 30_000,
  });
  const [[code], output] = await Promise.all([once(child, "close"), text(child.stdout)]);
  return { code, output: output.trim() };
}

processes("end by themselves once the device is closed", async () => {
  assert.equal(await run("system"), { code: 0, output: "computed 2 4" });
});

processes("without an adapter say what to do, and end", async () => {
  // Vulkan's loader and EGL's find no driver there.
  const nowhere = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES", "__EGL_VENDOR_LIBRARY_FILENAMES"];
  const { code, output } = await run("system", Object.fromEntries(nowhere.map((name) => [name, "/nowhere.json"])));
  assert.is(code, 0);
  assert.match(output, /^AdapterError: no WebGPU adapter: .*install Mesa's software adapter/);
});

processes("on a null backend that calls itself a GPU are told that it computes nothing, and end", async () => {
  if ("Deno" in globalThis) return;
  const { code, output } = await run("null-backend");
  assert.is(code, 0);
  assert.match(output, /^AdapterError: the adapter "Acme GPU" computes nothing \(1 \+ 1 gave \S+\)/);
});

processes.run();

const immediates = suite("immediates");

immediates("are what they were after a device was opened", async () => {
  await testDevice();
  const order: string[] = [];
  await new Promise<void>((resolve) => {
    setImmediate((...args: string[]) => order.push(args.join()), "first", "with arguments");
    const never = setImmediate(() => order.push("cleared"));
    clearImmediate(never);
    setImmediate(() => {
      order.push("second");
      resolve();
    });
  });
  assert.equal(order, ["first,with arguments", "second"]);
  assert.is(await promisify(setImmediate)("value"), "value");
  assert.is(await new Promise((resolve) => setImmediate(resolve, "resolved")), "resolved");
});

immediates("of native functions can be cleared without harm to others", async () => {
  const device = await testDevice();
  for (let round = 0; round < 10; round++) {
    let resolved = false;
    const cleared = new Promise((resolve) => clearImmediate(setImmediate(resolve)));
    cleared.then(() => {
      resolved = true;
    });
    await device.read(device.one);
    await new Promise<void>((resolve) => setImmediate(() => resolve()));
    assert.not(resolved);
  }
});

immediates.run();
