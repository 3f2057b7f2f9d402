import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type AdapterOptions, findAdapter } from "../../src/engine/adapter.js";
import { openDevice } from "../../src/engine/device.js";
import { MATRIX_FEATURE, matrixUnitsOf, matrixUnitsText, subgroupSizeOf } from "../../src/engine/matrix-units.js";
import { Tape } from "../../src/engine/tape.js";
import { AdapterError, ConfigError } from "../../src/errors.js";
import { matmul } from "../../src/ops/matmul.js";
import { rejects } from "../data/expect.js";
import { testDevice } from "../lib/device.js";
import { withoutFeatures } from "./observe.js";

const adapters = suite("adapters");

/** Does something in a runtime whose WebGPU gives what it is asked for. */
async function withRequest<Result>(
  requestAdapter: (options: GPURequestAdapterOptions) => Promise<unknown>,
  action: () => Promise<Result>,
): Promise<Result> {
  const value = { requestAdapter };
  const hasNavigator = typeof navigator !== "undefined";
  if (hasNavigator) Object.defineProperty(navigator, "gpu", { value, configurable: true });
  else Object.defineProperty(globalThis, "navigator", { value: { gpu: value }, configurable: true });
  try {
    return await action();
  } finally {
    Reflect.deleteProperty(hasNavigator ? navigator : globalThis, hasNavigator ? "gpu" : "navigator");
  }
}

/** Does something in a runtime whose WebGPU gives this adapter, whatever it is asked for. */
function withAdapter<Result>(adapter: unknown, action: () => Promise<Result>): Promise<Result> {
  return withRequest(async () => adapter, action);
}

/** What an adapter says about itself; Deno gives a number for the vendor. */
function info(values: Readonly<Record<string, string | number | boolean>>) {
  return { info: { vendor: "", architecture: "", device: "", description: "", ...values } };
}

adapters("are named for people", async () => {
  const { name, software, vendor, architecture } = (await testDevice()).adapter;
  assert.ok(name.length > 3, name);
  assert.is(name.endsWith("(software adapter)"), software);
  assert.type(vendor, "string");
  assert.type(architecture, "string");
});

adapters("are told to be software where the processor plays GPU", async () => {
  const summarized = async (values: Readonly<Record<string, string | number | boolean>>) => {
    const { summary } = await withAdapter(info(values), findAdapter);
    return [summary.name, summary.software];
  };
  assert.equal(await summarized({ vendor: "mesa", description: "llvmpipe (LLVM 15.0.6, 256 bits)" }), [
    "llvmpipe (LLVM 15.0.6, 256 bits) (software adapter)",
    true,
  ]);
  assert.equal(await summarized({ vendor: "google", architecture: "swiftshader" }), [
    "google swiftshader (software adapter)",
    true,
  ]);
  assert.equal(await summarized({ vendor: "intel", architecture: "gen-12lp", isFallbackAdapter: true }), [
    "intel gen-12lp (software adapter)",
    true,
  ]);
  assert.equal(await summarized({ vendor: 4318, device: "9860", description: "NVIDIA GeForce RTX 4090" }), [
    "NVIDIA GeForce RTX 4090",
    false,
  ]);
  // A driver that names itself only, and one that names the GPU.
  assert.equal(await summarized({ vendor: "nvidia", device: "nvidia-h200", description: "NVIDIA: 580.159.04" }), [
    "nvidia-h200 (NVIDIA: 580.159.04)",
    false,
  ]);
  assert.equal(await summarized({ vendor: "apple", device: "Apple M2", description: "Metal driver on Apple M2" }), [
    "Metal driver on Apple M2",
    false,
  ]);
  assert.equal(await summarized({ vendor: "apple", architecture: "metal-3" }), ["apple metal-3", false]);
  assert.equal(await summarized({}), ["unnamed adapter", false]);
});

const inBrowser = typeof process === "undefined";

adapters("are missed with what to do about it, in a browser as on a machine", async () => {
  await rejects(
    withAdapter(null, openDevice),
    AdapterError,
    /^no WebGPU adapter/,
    inBrowser ? /^((?!Debian).)*chrome:\/\/gpu .*settings.*--enable-unsafe-webgpu/ : /On Debian .* mesa-vulkan-drivers/,
  );
});

/** Does something where a property of an object is another one. */
async function withProperty<Result>(owner: object, name: string, value: unknown, action: () => Promise<Result>) {
  const before = Reflect.getOwnPropertyDescriptor(owner, name);
  Object.defineProperty(owner, name, { value, configurable: true, writable: true });
  try {
    return await action();
  } finally {
    if (before) Object.defineProperty(owner, name, before);
    else Reflect.deleteProperty(owner, name);
  }
}

adapters("are missed in a browser without WebGPU, or where a page is not secure", async () => {
  // What bundlers put in the place of Node's.
  const [process, page] = [{ env: {}, versions: {} }, inBrowser ? navigator : null];
  const open = () => withProperty(globalThis, "process", process, openDevice);
  const withoutGpu = () => (page ? withProperty(page, "gpu", undefined, open) : open());
  if ("Deno" in globalThis) return;
  await rejects(
    withProperty(globalThis, "isSecureContext", true, withoutGpu),
    AdapterError,
    /^this browser has no WebGPU \(navigator\.gpu is missing\)/,
    ...["Chrome and Edge from version 113", "Safari from 26", "Firefox from 141"],
  );
  await rejects(
    withProperty(globalThis, "isSecureContext", false, withoutGpu),
    AdapterError,
    /^this page has no WebGPU, for its address is not secure .*: serve it over https, or open it from localhost$/,
  );
});

adapters("that are a null backend are refused", async () => {
  for (const device of ["null-backend", "Null Backend", "null"]) {
    await rejects(withAdapter(info({ device }), openDevice), AdapterError, /null backend, which computes nothing/);
  }
});

adapters("that give no device are refused by name", async () => {
  const adapter = {
    ...info({ description: "Shy GPU" }),
    limits: {},
    features: new Set(),
    requestDevice: () => Promise.reject(new Error("not today")),
  };
  await rejects(withAdapter(adapter, openDevice), AdapterError, /"Shy GPU" gives no device/, /not today/);
});

adapters("without optional features do", async () => {
  await testDevice();
  const device = await withoutFeatures(openDevice);
  for (const feature of ["shader-f16", "subgroups", "timestamp-query"] as const) assert.not(device.has(feature));
  const a = device.tensor([2, 2], [1, 2, 3, 4]);
  const tape = new Tape(device);
  const square = matmul(tape, a, a);
  const program = await tape.compile({ keep: [square] });
  assert.equal([...(await program.runAndRead(square))], [7, 10, 15, 22]);
  device.close();
});

adapters("give devices with their own limits", async () => {
  const { gpu } = await testDevice();
  const { adapter } = await findAdapter();
  assert.is(gpu.limits.maxStorageBufferBindingSize, adapter.limits.maxStorageBufferBindingSize);
  assert.is(gpu.limits.maxBufferSize, adapter.limits.maxBufferSize);
  assert.is(gpu.limits.maxComputeWorkgroupStorageSize, adapter.limits.maxComputeWorkgroupStorageSize);
  for (const feature of ["shader-f16", "timestamp-query"] as const) {
    assert.is(gpu.features.has(feature), adapter.features.has(feature));
  }
  // Deno does not list subgroups.
  assert.ok(gpu.features.has("subgroups") || !adapter.features.has("subgroups"));
});

adapters("are asked for what Deno's do not list, and for nothing else where they refuse it", async () => {
  const inDeno = "Deno" in globalThis;
  if (!inDeno) Object.defineProperty(globalThis, "Deno", { value: {}, configurable: true });
  const requests: string[][] = [];
  const listed = new Set(["timestamp-query"]);
  const adapter = {
    ...info({ description: "Plain GPU" }),
    limits: {},
    features: listed,
    requestDevice: ({ requiredFeatures }: { requiredFeatures: string[] }) => {
      requests.push(requiredFeatures);
      return Promise.reject(new TypeError("no such feature"));
    },
  };
  try {
    await rejects(withAdapter(adapter, openDevice), AdapterError, /no such feature/);
    assert.equal(requests, [["timestamp-query", "subgroups"], ["timestamp-query"]]);
    listed.add("subgroups");
    requests.length = 0;
    await rejects(withAdapter(adapter, openDevice), AdapterError, /no such feature/);
    assert.equal(requests, [["subgroups", "timestamp-query"]]);
  } finally {
    if (!inDeno) Reflect.deleteProperty(globalThis, "Deno");
  }
});

adapters("are asked for by power, and as the software's own", async () => {
  const requests: GPURequestAdapterOptions[] = [];
  const summarized = (given: AdapterOptions, software: unknown, usual: unknown) =>
    withRequest(
      async (request) => {
        requests.push(request);
        return request.forceFallbackAdapter ? software : usual;
      },
      async () => {
        const { summary } = await findAdapter(given);
        return summary.name;
      },
    );
  const [fast, soft] = [info({ description: "Fast GPU" }), info({ description: "llvmpipe" })];
  assert.is(await summarized({}, soft, fast), "Fast GPU");
  assert.is(await summarized({ powerPreference: "low-power" }, soft, fast), "Fast GPU");
  assert.is(await summarized({ fallback: true }, soft, fast), "llvmpipe (software adapter)");
  const before = requests.length;
  assert.equal(requests, [
    { powerPreference: "high-performance" },
    { powerPreference: "low-power" },
    { powerPreference: "high-performance", forceFallbackAdapter: true },
  ]);
  assert.is(await summarized({ fallback: true }, null, soft), "llvmpipe (software adapter)");
  assert.is(requests.length, before + 2);
  await rejects(
    summarized({ fallback: true }, null, fast),
    AdapterError,
    'this system offers no software adapter as fallback; there is: "Fast GPU"',
  );
  await rejects(summarized({ fallback: true }, null, null), AdapterError, /no WebGPU adapter/);
  const powerPreference = JSON.parse('"nuclear"');
  await rejects(
    summarized({ powerPreference }, soft, fast),
    ConfigError,
    '"nuclear": choose high-performance or low-power',
  );
});

adapters("have names to choose by where the runtime tells them, and nowhere else", async () => {
  const { name } = (await testDevice()).adapter;
  const isNative = typeof navigator !== "undefined" && "gpu" in navigator;
  if (isNative) {
    await rejects(
      openDevice({ adapter: "any" }),
      ConfigError,
      /cannot choose the adapter "any": .* only powerPreference/,
    );
    return;
  }
  await rejects(
    openDevice({ adapter: "Voodoo" }),
    AdapterError,
    /^no adapter has "Voodoo" in its name; there are: ".+"/,
  );
  const [word] = name.match(/[a-z]{4,}/i) ?? [];
  assert.ok(word);
  const device = await openDevice({ adapter: word.toUpperCase() });
  assert.is(device.adapter.name, name);
  assert.equal([...(await device.read(device.one))], [1]);
  device.close();
  await rejects(
    withRequest(
      async () => null,
      () => openDevice({ adapter: "any" }),
    ),
    ConfigError,
    /cannot choose the adapter "any"/,
  );
});

adapters("do without features that they have", async () => {
  const all = await testDevice();
  for (const feature of ["shader-f16", "subgroups", "timestamp-query"] as const) {
    const device = await openDevice({ without: [feature] });
    assert.not(device.has(feature));
    for (const other of ["shader-f16", "subgroups", "timestamp-query"] as const)
      if (other !== feature) assert.is(device.has(other), all.has(other), other);
    assert.equal([...(await device.read(device.one))], [1]);
    device.close();
  }
  const without = [JSON.parse('"texture-compression-bc"')];
  await rejects(openDevice({ without }), ConfigError, /there are shader-f16, subgroups, .*timestamp-query/);
});

adapters("have matrix units where WebGPU lists them, and the device has the feature", async () => {
  const units = { componentType: "f16", resultComponentType: "f32", M: 16, N: 8, K: 4 };
  const device = (features: readonly string[], subgroupMatrixConfigs: unknown) =>
    matrixUnitsOf({ features: new Set(features), adapterInfo: { subgroupMatrixConfigs } });
  const text = device([MATRIX_FEATURE], [units]).map(matrixUnitsText);
  assert.equal(text, ["f16 x f16 -> f32 16x8x4"]);
  assert.equal(device([], [units]), []);
  // What is none, or of another form, is passed over.
  for (const configurations of [undefined, "f16", [null, 16, { componentType: "f16" }, { ...units, M: "16" }]])
    assert.equal(device([MATRIX_FEATURE], configurations), []);
});

adapters("have subgroups to rely on where their size is one, or can be asked for", () => {
  const size = (subgroupMinSize: number, subgroupMaxSize: number, ...features: string[]) =>
    subgroupSizeOf({ features: new Set(features), adapterInfo: { subgroupMinSize, subgroupMaxSize } });
  assert.equal(size(32, 32, "subgroups"), { lanes: 32, pinned: false, largest: 32 });
  assert.equal(size(32, 64, "subgroups", "subgroup-size-control"), { lanes: 32, pinned: true, largest: 64 });
  assert.is(size(32, 64, "subgroups"), null);
  assert.is(size(4, 16, "subgroups", "subgroup-size-control"), null);
  assert.is(size(32, 32), null);
});

adapters.run();
