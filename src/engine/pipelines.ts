import type { KernelDefinition, KernelValues } from "../../kernels/definition.js";
import { unroll } from "../../kernels/unroll.js";
import { GpuValidationError } from "../errors.js";
import { MATRIX_DIRECTIVE, PINNED_DIRECTIVE, SUBGROUPS_DIRECTIVE, takesSubgroupsDirective } from "./subgroups.js";

/** Values for the constants of a kernel; the others keep the value in the `.wgsl` file. */
export type ConstantValues<Names extends string = string> = Readonly<Partial<Record<Names, number | boolean>>>;

/**
 * A compiled kernel with its constants fixed.
 * @internal
 */
export interface CompiledKernel {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

function literal(type: "f32" | "u32" | "bool", value: number | boolean): string {
  if (type === "bool") return value ? "true" : "false";
  if (type === "u32") return `${Number(value)}u`;
  return `${Number(value)}f`;
}

/** All constants of a kernel, where some are set and the others have the values of the `.wgsl` file. */
export function constantsOf(kernel: KernelDefinition, set: ConstantValues): KernelValues {
  const values = Object.entries(kernel.constants).map(([name, { value }]) => [name, Number(set[name] ?? value)]);
  return Object.fromEntries(values);
}

/** The other forms of lines: what stands behind a mark takes the place of the line, where the mark holds. */
const FORMS: readonly {
  readonly mark: string;
  readonly holds: (v: KernelValues) => boolean;
  readonly directive?: string;
}[] = [
  { mark: "vec4", holds: ({ VECTOR }) => VECTOR > 1 },
  { mark: "subgroups", holds: ({ SHARE }) => SHARE > 1, directive: SUBGROUPS_DIRECTIVE },
  { mark: "half", holds: ({ HALF }) => HALF > 0, directive: "enable f16;\n" },
  { mark: "rounded", holds: ({ ROUNDED }) => ROUNDED > 0, directive: "enable f16;\n" },
  { mark: "units", holds: ({ UNITS }) => UNITS > 0, directive: MATRIX_DIRECTIVE },
  { mark: "pinned", holds: ({ PINNED }) => PINNED > 0, directive: PINNED_DIRECTIVE },
];

/**
 * A kernel's source with its constants set and its marked loops unrolled; with SHARE above 1, in its form for devices with
 * subgroups, with VECTOR above 1, in its form for loads of four elements, with HALF, in its form for activations in f16, and with
 * UNITS, in its form for matrix units.
 */
export function specialize(kernel: KernelDefinition, constants: ConstantValues): string {
  const values = constantsOf(kernel, constants);
  const text = FORMS.filter(({ holds }) => holds(values)).reduce((source, { mark, directive = "" }) => {
    return directive + source.replace(new RegExp(`^.*//#${mark} `, "gm"), "");
  }, kernel.source);
  const source = unroll(text, kernel.unrolls(values));
  return source.replace(/^const ([A-Z][A-Z0-9_]*): (u32|f32|bool) = [^;]+;/gm, (line, name: string) => {
    const value = constants[name];
    const constant = kernel.constants[name];
    return value === undefined || !constant
      ? line
      : `const ${name}: ${constant.type} = ${literal(constant.type, value)};`;
  });
}

/**
 * Compiled kernels of a device, by kernel and constants.
 * @internal
 */
export class PipelineCache {
  readonly #compiled = new Map<string, Promise<CompiledKernel>>();
  #takesDirective: Promise<boolean> | null = null;

  constructor(readonly gpu: GPUDevice) {}

  /** The number of pipelines made so far. */
  get size(): number {
    return this.#compiled.size;
  }

  /** Compiles a kernel in the background, or returns it from the cache. @throws GpuValidationError where it does not compile. */
  compile(kernel: KernelDefinition, constants: ConstantValues): Promise<CompiledKernel> {
    const code = specialize(kernel, constants);
    const known = this.#compiled.get(code);
    if (known) return known;
    const compiling = this.#create(kernel, code);
    this.#compiled.set(code, compiling);
    // What failed for want of memory may succeed another time.
    compiling.catch(() => this.#compiled.delete(code));
    return compiling;
  }

  /**
   * The compiled kernels of launches, in their order, made side by side.
   * @param onProgress called after each different one.
   * @throws GpuValidationError where one does not compile.
   */
  compileAll(
    launches: readonly { readonly kernel: KernelDefinition; readonly constants: ConstantValues }[],
    onProgress?: (compiled: number, total: number) => void,
  ): Promise<CompiledKernel[]> {
    let compiled = 0;
    const unique = new Set<Promise<unknown>>();
    const compiling = launches.map(({ kernel, constants }) => {
      const pending = this.compile(kernel, constants);
      if (!unique.has(pending)) {
        unique.add(pending);
        pending.then(
          () => onProgress?.(++compiled, unique.size),
          () => {},
        );
      }
      return pending;
    });
    return Promise.all(compiling);
  }

  /** Source in the words of this device's compiler. */
  async #inItsWords(code: string): Promise<string> {
    if (!code.includes(SUBGROUPS_DIRECTIVE)) return code;
    this.#takesDirective ??= takesSubgroupsDirective(this.gpu);
    return (await this.#takesDirective) ? code : code.replace(SUBGROUPS_DIRECTIVE, "");
  }

  async #create(kernel: KernelDefinition, standard: string): Promise<CompiledKernel> {
    const code = await this.#inItsWords(standard);
    const buffers: GPUBufferBindingType[] = kernel.bindings.map((binding) =>
      binding.access === "read" ? "read-only-storage" : "storage",
    );
    if (kernel.paramsSize > 0) buffers.push("uniform");
    const { layout, module, compiling, scope } = this.#begin(kernel.name, buffers, code);
    try {
      const [pipeline, invalid] = await Promise.all([compiling, scope]);
      if (invalid) throw new Error(invalid.message);
      return { pipeline, layout };
    } catch (cause) {
      const { messages } = await module.getCompilationInfo();
      const lines = code.split("\n");
      const details = messages
        .map(
          ({ type, lineNum, message }) =>
            `${type} at line ${lineNum}: ${message}\n  ${lines[lineNum - 1]?.trim() ?? ""}`,
        )
        .join("\n");
      throw new GpuValidationError(`kernel ${kernel.name} does not compile: ${details || String(cause)}`, { cause });
    }
  }

  /** In a scope of its own: a kernel that does not compile is told by what is thrown, and leaves the device usable. */
  #begin(label: string, buffers: readonly GPUBufferBindingType[], code: string) {
    const { gpu } = this;
    gpu.pushErrorScope("validation");
    try {
      const layout = gpu.createBindGroupLayout({
        label,
        entries: buffers.map((type, binding) => ({ binding, visibility: GPUShaderStage.COMPUTE, buffer: { type } })),
      });
      const module = gpu.createShaderModule({ label, code });
      const compiling = gpu.createComputePipelineAsync({
        label,
        layout: gpu.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module, entryPoint: "main" },
      });
      return { layout, module, compiling, scope: gpu.popErrorScope() };
    } catch (cause) {
      gpu.popErrorScope().catch(() => {});
      throw new GpuValidationError(`kernel ${label} does not compile: ${String(cause)}`, { cause });
    }
  }
}
