/**
 * A program that opens a device, computes, closes it and has nothing more to do; prints what came out, or the name and
 * message of the error. With `null-backend` as argument, on the null backend of npm `webgpu` under another name.
 */
import { openDevice } from "../../src/engine/device.js";
import { Tape } from "../../src/engine/tape.js";
import { add } from "../../src/ops/elementwise.js";

if (process.argv[2] === "null-backend") {
  const { create, globals } = await import("webgpu");
  Object.assign(globalThis, globals);
  const nullBackend = create(["backend=null"]);
  const requestAdapter = async () => {
    const adapter = await nullBackend.requestAdapter();
    if (!adapter) throw new Error("there is no null backend");
    const info = { vendor: "acme", architecture: "one", device: "GPU", description: "Acme GPU" };
    return Object.defineProperty(adapter, "info", { value: info });
  };
  Object.defineProperty(globalThis, "navigator", { value: { gpu: { requestAdapter } }, configurable: true });
}

try {
  const device = await openDevice();
  const x = device.tensor([2], [1, 2]);
  const tape = new Tape(device);
  const y = add(tape, x, x);
  const program = await tape.compile({ keep: [y] });
  console.log(`computed ${(await program.runAndRead(y)).join(" ")}`);
  // One that is never awaited.
  program.runAndRead(y).catch(() => {});
  device.close();
} catch (error) {
  console.log(String(error));
}
// As long as it is there, the GPU of the null backend keeps Node alive.
if (process.argv[2] === "null-backend") Reflect.deleteProperty(globalThis, "navigator");
