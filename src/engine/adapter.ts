import { AdapterError, ConfigError } from "../errors.js";

/** What is known of the adapter a device was opened on. */
export interface AdapterSummary {
  /** For people, for example "llvmpipe (LLVM 15.0.6), Mesa 25.0.7 (software adapter)". */
  readonly name: string;
  /** As WebGPU names it, "nvidia"; empty where it does not say. */
  readonly vendor: string;
  /** As WebGPU names it, "hopper"; empty where it does not say. */
  readonly architecture: string;
  /** True where the processor plays GPU (lavapipe, SwiftShader, WARP): correct, and slow. */
  readonly software: boolean;
}

/** Which adapter to take, where there are several. */
export interface AdapterOptions {
  /** The fast one or the thrifty one: "high-performance" by default, or "low-power". A hint, which systems are free to ignore. */
  readonly powerPreference?: "high-performance" | "low-power";
  /** A part of its name, in upper or lower case; any by default. Only Node and Bun can choose by name: their WebGPU lists what there is. */
  readonly adapter?: string;
  /** One that the processor plays (WebGPU's `forceFallbackAdapter`, or the only one there is, where that is such); false by default. */
  readonly fallback?: boolean;
}

const POWER_PREFERENCES: readonly string[] = ["high-performance", "low-power"];

const SOFTWARE = /llvmpipe|lavapipe|swiftshader|softpipe|basic render|warp\b/i;
const NULL_BACKEND = /null[ -]backend|^null$/i;

/** The package that gives Node and Bun their GPU. */
const DAWN = "webgpu";
/**
 * What npm `webgpu` (Dawn) is opened with. Timestamps without the 65 us steps that hide timing from web pages; and f16 on NVIDIA's
 * GPUs, which Dawn holds back there for failures of its conformance tests in f16 arithmetic: kernels here store f16 and compute
 * in f32, and `doctor` checks them; and with its unsafe interfaces, as which it holds back matrix units. There is no option for what Dawn itself prints, on standard error and past Node: where a driver
 * allows more dynamic offsets than Dawn does, as Mesa's do, it says so whenever it is opened, and once more for each adapter asked for.
 */
export const DAWN_OPTIONS: readonly string[] = [
  "disable-dawn-features=timestamp_quantization",
  "enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia",
];

function isGpu(value: unknown): value is GPU {
  return typeof value === "object" && value !== null && "requestAdapter" in value;
}

/**
 * The GPU objects of npm `webgpu`, by what they are opened with. They stay: the package crashes when one is collected while a device
 * is open or a callback is due, and each that is collected leaves five threads and a handle behind. They do not keep a process alive.
 */
const nodeGpus = new Map<string, GPU>();
let patient = false;

/**
 * npm `webgpu` waits for the GPU by re-arming `setImmediate`, which keeps a whole core busy and takes it from a software
 * adapter. Its callbacks, anonymous native functions without parameters (a promise's resolver has one), run a millisecond
 * later instead. What is returned is an Immediate in either case, for `clearImmediate` damages Node's queue when it is given
 * a Timeout. To be called once a process.
 */
export function waitWithoutSpinning(): void {
  const immediate = globalThis.setImmediate;
  const fromAddon = (callback: unknown) =>
    typeof callback === "function" &&
    callback.name === "" &&
    callback.length === 0 &&
    String(callback).includes("[native code]");
  const wait = (callback: (...args: unknown[]) => void, ...args: unknown[]) => {
    if (!fromAddon(callback)) return immediate(callback, ...args);
    return immediate(() => setTimeout(callback, 1));
  };
  // With what util.promisify looks for.
  const value = Object.assign(wait, immediate);
  Object.defineProperty(globalThis, "setImmediate", { value, writable: true, configurable: true });
}

/** The runtime's own WebGPU: a browser's, Deno's. */
function nativeGpu(): GPU | null {
  const native: unknown = typeof navigator === "undefined" || !("gpu" in navigator) ? null : navigator.gpu;
  return isGpu(native) ? native : null;
}

/** Whether this is a page or a worker of one: Node, Bun and Deno all name a version of Node, and what bundlers call `process` does not. */
function isInBrowser(): boolean {
  return typeof process === "undefined" || !process.versions?.node;
}

/** Of a page or a worker; its type belongs to a browser's library. */
declare const isSecureContext: boolean | undefined;

/** Why a page has no WebGPU, and what to do about it. */
function whyNoWebGpu(): string {
  if (typeof isSecureContext !== "undefined" && !isSecureContext) {
    return "this page has no WebGPU, for its address is not secure (http and not localhost): serve it over https, or open it from localhost";
  }
  return (
    "this browser has no WebGPU (navigator.gpu is missing). There is in Chrome and Edge from version 113, in Safari from 26, and in " +
    "Firefox from 141 on Windows and from 145 on Macs with Apple's chips; on Linux, Chrome may have to be started with --enable-unsafe-webgpu"
  );
}

/** The WebGPU of npm `webgpu`, for Node and Bun. */
async function openDawn(...options: readonly string[]): Promise<GPU> {
  if (isInBrowser()) throw new AdapterError(whyNoWebGpu());
  const key = options.join();
  const known = nodeGpus.get(key);
  if (known) return known;
  // Not named here, for bundlers would look for it: a page does without, and Node loads an addon that no bundle can hold.
  const dawn: Promise<typeof import("webgpu")> = import(/* webpackIgnore: true */ /* @vite-ignore */ DAWN);
  const { create, globals } = await dawn.catch((cause: unknown) => {
    throw new AdapterError(
      "the package `webgpu`, which gives Node and Bun their GPU, did not load: run `npm install webgpu`",
      { cause },
    );
  });
  Object.assign(globalThis, globals);
  if (!patient) waitWithoutSpinning();
  patient = true;
  const gpu = nodeGpus.get(key) ?? create([...DAWN_OPTIONS, ...options]);
  nodeGpus.set(key, gpu);
  return gpu;
}

/** The names of the adapters that npm `webgpu` finds. It tells them to who asks for one that is not there. */
async function adapterNames(): Promise<string[]> {
  const gpu = await openDawn("adapter=none of them");
  try {
    await gpu.requestAdapter();
    return [];
  } catch (error) {
    return [...String(error).matchAll(/^ \* backend: '.*', name: '(.*)'$/gm)].map(([, name]) => name);
  }
}

/** WebGPU's entry point, for any adapter or the one of this name. */
async function findGpu(name: string | undefined): Promise<GPU> {
  const native = nativeGpu();
  if (name === undefined) return native ?? openDawn();
  if (native) {
    throw new ConfigError(
      `this runtime cannot choose the adapter "${name}": WebGPU has no names to choose by, only powerPreference and fallback`,
    );
  }
  const names = await adapterNames();
  const chosen = names.find((other) => other.toLowerCase().includes(name.toLowerCase()));
  if (chosen === undefined) {
    const there = names.length === 0 ? "none" : names.map((other) => `"${other}"`).join(", ");
    throw new AdapterError(`no adapter has "${name}" in its name; there are: ${there}`);
  }
  return openDawn(`adapter=${chosen}`);
}

function summarize(info: GPUAdapterInfo): AdapterSummary {
  const parts = [info.description, info.device].map((part) => String(part ?? "").trim());
  const [description, model] = parts.map((part) => (/^\d*$/.test(part) ? null : part));
  const all = `${info.vendor} ${info.architecture} ${parts.join(" ")}`;
  const fallback = "isFallbackAdapter" in info && info.isFallbackAdapter === true;
  const software = fallback || SOFTWARE.test(all);
  // Some drivers' descriptions name the GPU ("Apple M2"), and some only themselves ("NVIDIA: 580.159.04").
  const label =
    description && model && !software && !description.toLowerCase().includes(model.toLowerCase())
      ? `${model} (${description})`
      : (description ?? model ?? `${info.vendor} ${info.architecture}`.trim());
  return {
    name: `${label === "" ? "unnamed adapter" : label}${software ? " (software adapter)" : ""}`,
    vendor: String(info.vendor),
    architecture: String(info.architecture),
    software,
  };
}

const NO_ADAPTER =
  "no WebGPU adapter: this machine shows no GPU driver with Vulkan, Metal or D3D12. On Debian or Ubuntu without a GPU, " +
  "install Mesa's software adapter, the package mesa-vulkan-drivers (Debian 12's own is too old: take it from bookworm-backports)";
const NO_ADAPTER_IN_BROWSER =
  "no WebGPU adapter: this browser has WebGPU, and gives no GPU to it. chrome://gpu (edge://gpu, about:support in Firefox) says why: " +
  "graphics acceleration may be switched off in the settings, or the GPU or its driver be on the browser's block list. On Linux, " +
  "Chrome may have to be started with --enable-unsafe-webgpu --enable-features=Vulkan";

/** A software adapter: the one that WebGPU calls so, or else the usual one, where that is such. */
async function requestFallback(gpu: GPU, options: GPURequestAdapterOptions): Promise<GPUAdapter | null> {
  const fallback = await gpu.requestAdapter({ ...options, forceFallbackAdapter: true });
  if (fallback) return fallback;
  const usual = await gpu.requestAdapter(options);
  if (!usual) return null;
  const { name, software } = summarize(usual.info);
  if (software) return usual;
  throw new AdapterError(`this system offers no software adapter as fallback; there is: "${name}"`);
}

/**
 * Finds an adapter, the fast one where there are two and nothing else is asked for.
 * @throws AdapterError where there is none, none like that, or only a null backend; ConfigError for a name in a runtime that cannot
 * choose by name, and an unknown power preference.
 */
export async function findAdapter({
  powerPreference = "high-performance",
  adapter: wanted,
  fallback = false,
}: AdapterOptions = {}): Promise<{ adapter: GPUAdapter; summary: AdapterSummary }> {
  if (!POWER_PREFERENCES.includes(powerPreference)) {
    throw new ConfigError(`powerPreference is "${powerPreference}": choose ${POWER_PREFERENCES.join(" or ")}`);
  }
  const gpu = await findGpu(wanted);
  const adapter = fallback
    ? await requestFallback(gpu, { powerPreference })
    : await gpu.requestAdapter({ powerPreference });
  if (!adapter) throw new AdapterError(isInBrowser() ? NO_ADAPTER_IN_BROWSER : NO_ADAPTER);
  const { vendor, architecture, device, description } = adapter.info;
  if ([vendor, architecture, device, description].some((text) => NULL_BACKEND.test(String(text)))) {
    const remedy = isInBrowser() ? "chrome://gpu says why there is no other" : "install a Vulkan driver";
    throw new AdapterError(`the only WebGPU adapter is a null backend, which computes nothing: ${remedy}`);
  }
  return { adapter, summary: summarize(adapter.info) };
}
