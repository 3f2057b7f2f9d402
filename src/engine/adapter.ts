import { AdapterError } from "../errors.js";

/** What is known of the adapter a device was opened on. */
export interface AdapterSummary {
  /** For people, for example "llvmpipe (LLVM 15.0.6), Mesa 25.0.7 (software adapter)". */
  readonly name: string;
  readonly vendor: string;
  readonly architecture: string;
  /** True where the processor plays GPU (lavapipe, SwiftShader, WARP): correct, and slow. */
  readonly software: boolean;
}

const SOFTWARE = /llvmpipe|lavapipe|swiftshader|softpipe|basic render|warp\b/i;
const NULL_BACKEND = /null[ -]backend|^null$/i;

function isGpu(value: unknown): value is GPU {
  return typeof value === "object" && value !== null && "requestAdapter" in value;
}

/**
 * npm `webgpu` waits for the GPU by re-arming `setImmediate`, which keeps a whole core busy and takes it from a software
 * adapter; Bun 1.4 crashes when it calls such a callback from there. They are anonymous native functions without parameters
 * (a promise's resolver has one), and run a millisecond later instead. What is returned is an Immediate in either case, for
 * `clearImmediate` damages Node's queue when it is given a Timeout.
 */
function waitWithoutSpinning(): void {
  const immediate = globalThis.setImmediate;
  const fromAddon = (callback: unknown) =>
    typeof callback === "function" &&
    callback.name === "" &&
    callback.length === 0 &&
    String(callback).includes("[native code]");
  const patient = (callback: (...args: unknown[]) => void, ...args: unknown[]) =>
    fromAddon(callback) ? immediate(() => setTimeout(callback, 1)) : immediate(callback, ...args);
  Object.defineProperty(globalThis, "setImmediate", {
    // With what util.promisify looks for.
    value: Object.assign(patient, immediate),
    writable: true,
    configurable: true,
  });
}

let waits = false;
let nodeGpu: GPU | null = null;

/** The WebGPU entry point: the browser's or Deno's own, and npm `webgpu` in Node and Bun. */
async function findGpu(): Promise<GPU> {
  const native: unknown = typeof navigator === "undefined" || !("gpu" in navigator) ? null : navigator.gpu;
  if (isGpu(native)) return native;
  if (typeof process === "undefined") {
    throw new AdapterError(
      "this browser has no WebGPU (navigator.gpu is missing): use a current Chrome, Edge, Firefox or Safari, over https or localhost",
    );
  }
  if (nodeGpu) return nodeGpu;
  const { create, globals } = await import("webgpu").catch((cause: unknown) => {
    throw new AdapterError(
      "the package `webgpu`, which gives Node and Bun their GPU, did not load: run `npm install webgpu`",
      { cause },
    );
  });
  Object.assign(globalThis, globals);
  if (!waits) waitWithoutSpinning();
  waits = true;
  nodeGpu = create([]);
  return nodeGpu;
}

/**
 * Lets the process end: npm `webgpu` keeps Node alive for as long as anything refers to its GPU object. The next
 * `openDevice` makes a new one.
 */
export function releaseGpu(): void {
  nodeGpu = null;
}

function summarize(info: GPUAdapterInfo): AdapterSummary {
  const parts = [info.description, info.device].map((part) => String(part ?? "").trim());
  const label =
    parts.find((part) => part !== "" && !/^\d+$/.test(part)) ?? `${info.vendor} ${info.architecture}`.trim();
  const all = `${info.vendor} ${info.architecture} ${parts.join(" ")}`;
  const fallback = "isFallbackAdapter" in info && info.isFallbackAdapter === true;
  const software = fallback || SOFTWARE.test(all);
  return {
    name: `${label === "" ? "unnamed adapter" : label}${software ? " (software adapter)" : ""}`,
    vendor: String(info.vendor),
    architecture: String(info.architecture),
    software,
  };
}

/**
 * Finds an adapter, the fast one where there are two.
 * @throws AdapterError where there is none, or only a null backend.
 */
export async function findAdapter(): Promise<{ adapter: GPUAdapter; summary: AdapterSummary }> {
  const gpu = await findGpu();
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) {
    throw new AdapterError(
      "no WebGPU adapter: this machine shows no GPU driver with Vulkan, Metal or D3D12. On Debian or Ubuntu without a GPU, " +
        "install Mesa's software adapter (mesa-vulkan-drivers 23 or newer; on Debian 12 from bookworm-backports)",
    );
  }
  const { info } = adapter;
  if ([info.vendor, info.architecture, info.device, info.description].some((text) => NULL_BACKEND.test(String(text)))) {
    throw new AdapterError(
      "the only WebGPU adapter is a null backend, which computes nothing: install a Vulkan driver",
    );
  }
  return { adapter, summary: summarize(info) };
}
