import type { KernelDefinition, KernelValues } from "../../kernels/definition.js";
import type { Device } from "../../src/engine/device.js";
import type { ConstantValues } from "../../src/engine/pipelines.js";
import { Tape } from "../../src/engine/tape.js";
import { SimclrError } from "../../src/errors.js";

/** One load or store of a thread. */
export interface Access {
  /** The buffer or the array in workgroup memory. */
  readonly name: string;
  readonly memory: "global" | "workgroup";
  readonly store: boolean;
  /** Place of the first element, and how many there are. */
  readonly at: number;
  readonly count: number;
  /** Bytes of an element. */
  readonly width: 2 | 4;
}

/** What a launch does, thread by thread: the threads of a workgroup in their order, workgroup after workgroup. */
export interface Trace {
  readonly threadsPerWorkgroup: number;
  readonly threads: readonly { readonly accesses: readonly Access[]; readonly fma: number }[];
}

interface Memory {
  readonly name: string;
  readonly memory: Access["memory"];
  /** The WGSL type of what is accessed at once. */
  readonly element: string;
  readonly width: Access["width"];
}

/** Bits of an entry of the log that hold a place; then comes whether it is a store, then the number of the memory. */
const PLACE_BITS = 26;
const PLACES = 2 ** PLACE_BITS;

function closing(source: string, open: number, brackets: string): number {
  let depth = 0;
  for (let i = open; i < source.length; i++) {
    if (source[i] === brackets[0]) depth += 1;
    if (source[i] === brackets[1]) depth -= 1;
    if (depth === 0) return i;
  }
  throw new SimclrError(`nothing closes the ${brackets[0]} at character ${open}`);
}

/** Puts a function in the place of every element of an array that is read or written. */
function throughFunctions(source: string, name: string): string {
  const pattern = new RegExp(`(?<![\\w.])${name}\\[`, "g");
  let result = source;
  // From the last to the first: places before it stay where they are, and an index may hold another element.
  for (const { index } of [...source.matchAll(pattern)].toReversed()) {
    const open = index + name.length;
    const close = closing(result, open, "[]");
    const place = result.slice(open + 1, close);
    const rest = result.slice(close + 1);
    const assigned = rest.match(/^ (=|\+=) ([^;]*);/);
    if (!assigned) {
      result = `${result.slice(0, index)}traced_load_${name}(${place})${rest}`;
      continue;
    }
    const value = assigned[1] === "=" ? assigned[2] : `traced_load_${name}(${place}) + ${assigned[2]}`;
    result = `${result.slice(0, index)}traced_store_${name}(${place}, ${value});${rest.slice(assigned[0].length)}`;
  }
  return result;
}

/** Words of a thread in the log: its accesses, whether there were more, and its multiply-adds. */
function wordsOf(entries: number): number {
  return entries + 2;
}

/**
 * The kernel with every load, store and multiply-add going through a function that writes it down in a buffer `log`; threads
 * of other workgroups than those asked for write to the last word. An entry is 0 where there was no access.
 */
function traced(
  kernel: KernelDefinition,
  memories: readonly Memory[],
  {
    from,
    count,
    entries,
    words,
  }: { readonly from: number; readonly count: number; readonly entries: number; readonly words: number },
): KernelDefinition {
  const logBinding = kernel.bindings.length;
  let source = kernel.source
    // Short code compiles fast, and what it does is the same.
    .replace(/^ *\/\/#unroll\n/gm, "")
    .replace(`@binding(${logBinding}) var<uniform>`, `@binding(${logBinding + 1}) var<uniform>`)
    .replace(/(?<![\w.])fma\(vec4f\(/g, "traced_fma4(vec4f(")
    .replace(/(?<![\w.])fma\(/g, "traced_fma(");
  for (const { name } of memories) source = throughFunctions(source, name);
  const [columns, rows] = workgroupSize(kernel);
  const head = source.indexOf("{", source.indexOf("fn main(")) + 1;
  const readOnly = new Set(kernel.bindings.filter(({ access }) => access === "read").map(({ name }) => name));
  const functions = memories.map(({ name, element }, number) => {
    const entry = (store: number) => `${(number * 2 + store) * PLACES}u + (place & ${PLACES / 2 - 1}u) + 1u`;
    const load = `fn traced_load_${name}(place: u32) -> ${element} {
  traced_access(${entry(0)});
  return ${name}[place];
}`;
    const store = `fn traced_store_${name}(place: u32, value: ${element}) {
  traced_access(${entry(1)});
  log_[min(traced_end + 1u, traced_last)] = traced_fmas;
  ${name}[place] = value;
}`;
    return readOnly.has(name) ? load : `${load}\n${store}`;
  });
  return {
    ...kernel,
    name: `${kernel.name} traced`,
    bindings: [...kernel.bindings, { name: "log", access: "read_write", element: "u32" }],
    unrolls: () => [],
    shapes: (v) => ({ ...kernel.shapes(v), log: words }),
    source: `${source.slice(0, head)}
  let traced_number = group.y * grid.x + group.x - ${from}u;
  traced_last = arrayLength(&log_) - 1u;
  let traced_start = ((traced_number * ${rows} + local.y) * ${columns} + local.x) * ${wordsOf(entries)}u;
  traced_next = select(traced_last, traced_start, traced_number < ${count}u);
  traced_end = select(traced_last, traced_start + ${entries}u, traced_number < ${count}u);
${source.slice(head)}
@group(0) @binding(${logBinding}) var<storage, read_write> log_: array<u32>;
var<private> traced_last: u32;
var<private> traced_next: u32;
var<private> traced_end: u32;
var<private> traced_fmas: u32;
fn traced_access(entry: u32) {
  log_[traced_next] = entry;
  traced_next = min(traced_next + 1u, traced_end);
}
fn traced_fma(a: f32, b: f32, c: f32) -> f32 {
  traced_fmas += 1u;
  return fma(a, b, c);
}
fn traced_fma4(a: vec4f, b: vec4f, c: vec4f) -> vec4f {
  traced_fmas += 4u;
  return fma(a, b, c);
}
${functions.join("\n")}
`,
  };
}

/** The constants that are the extents of a workgroup, the second one 1u where there is but one. */
function workgroupSize(kernel: KernelDefinition): [string, string] {
  const size = kernel.source.match(/@workgroup_size\((\w+)(?:, (\w+))?\)/);
  if (!size) throw new SimclrError(`${kernel.name} has no size of its workgroups`);
  return [size[1], size[2] ?? "1u"];
}

/** The value of a constant, or of one that is the product of some: `const THREADS = LANES * GROUPS;`. */
function extentOf({ source }: KernelDefinition, name: string, values: KernelValues): number {
  if (values[name] !== undefined) return values[name];
  const factors = source.match(new RegExp(`^const ${name} = (\\w+(?: \\* \\w+)*);`, "m"))?.[1].split(" * ") ?? [];
  return factors.reduce((product, factor) => product * values[factor], 1);
}

/** What the array of a binding is declared to hold, where four elements are loaded at once or one. */
function declaredElement(kernel: KernelDefinition, name: string, vectors: boolean): string {
  const declared = [
    ...kernel.source.matchAll(new RegExp(`(//#vec4 )?@group\\(0\\) [^/\\n]* ${name}: array<([^;]+)>;`, "g")),
  ];
  const form = declared.find(([, mark]) => vectors && mark !== undefined) ?? declared[0];
  return form[2];
}

/** Which part of a launch to trace; all of it by default. */
export interface TraceOptions {
  /** The first workgroup, and how many. */
  readonly from?: number;
  readonly workgroups?: number;
  /** Accesses of a thread that are written down; more than that is an error unless `cut`. 4096 by default. */
  readonly entries?: number;
  readonly cut?: boolean;
  /** Activations in f16; f32 by default. */
  readonly half?: boolean;
}

/**
 * Runs a launch, on inputs full of zeros, and tells what every thread loads, stores and multiplies.
 * @throws SimclrError where a thread does more than there is room for.
 */
export async function trace(
  device: Device,
  kernel: KernelDefinition,
  params: KernelValues,
  constants: ConstantValues,
  { from = 0, workgroups, entries = 4096, cut = false, half = false }: TraceOptions = {},
): Promise<Trace> {
  const values: Record<string, number> = { ...params };
  for (const [name, { value }] of Object.entries(kernel.constants)) values[name] = Number(constants[name] ?? value);
  const vectors = values.VECTOR > 1;
  const threadsPerWorkgroup = workgroupSize(kernel).reduce(
    (product, name) => product * extentOf(kernel, name, values),
    1,
  );
  const count = workgroups ?? kernel.workgroups(values);
  const words = wordsOf(entries);
  const logWords = count * threadsPerWorkgroup * words + 1;
  const memories: Memory[] = kernel.bindings.map(({ name, element }) => ({
    name,
    memory: "global",
    element: declaredElement(kernel, name, vectors),
    width: half && element === "stored" ? 2 : 4,
  }));
  for (const [, name, element] of kernel.source.matchAll(/^var<workgroup> (\w+): array<(\w+),/gm)) {
    memories.push({ name, memory: "workgroup", element, width: 4 });
  }
  const instrumented = traced(kernel, memories, { from, count, entries, words: logWords });
  const tape = new Tape(device);
  const shapes = instrumented.shapes(values);
  const log = device.indices([logWords], "log");
  const tensors = Object.fromEntries(
    kernel.bindings.map(({ name, element }) => {
      const type = element === "stored" ? (half ? "f16" : "f32") : element;
      return [name, device.zeros([shapes[name]], type, name)];
    }),
  );
  tape.launch(instrumented, { ...tensors, log }, params, constants);
  const program = await tape.compile();
  program.run();
  const written = await device.readIndices(log);
  program.dispose();
  for (const tensor of [...Object.values(tensors), log]) device.free(tensor);

  const threads = Array.from({ length: count * threadsPerWorkgroup }, (_, thread) => {
    const own = written.subarray(thread * words, (thread + 1) * words);
    if (own[entries] !== 0 && !cut) throw new SimclrError(`${kernel.name}: a thread has more than ${entries} accesses`);
    const none = own.subarray(0, entries).indexOf(0);
    const accesses = Array.from(own.subarray(0, none < 0 ? entries : none), (word): Access => {
      const entry = word - 1;
      const { name, memory, element, width } = memories[Math.floor(entry / (2 * PLACES))];
      const count = element.startsWith("vec4") ? 4 : 1;
      const store = Math.floor(entry / PLACES) % 2 === 1;
      return { name, memory, store, at: (entry % PLACES) * count, count, width };
    });
    return { accesses, fma: own[entries + 1] };
  });
  return { threadsPerWorkgroup, threads };
}
