import type { KernelDefinition } from "../../kernels/definition.js";
import { describeKernel } from "../../kernels/describe.js";
import { evaluate } from "../../kernels/expression.js";
import { pieces } from "../../kernels/lib/generated.js";
import type { BindingNames, ConstantNames, ParamNames } from "./kernel-names.js";

/**
 * Makes a kernel of WGSL at run time, for `Tape.launch`. The source keeps the rules of the library's own (see `KernelDescription`):
 * a header with `// shape <binding>:`, `// workgroups:` and `// flops:` lines, numbered storage bindings, one uniform
 * `params: Params`, an entry point `main`; it may include the library's shared pieces, above all "lib/grid.wgsl", whose
 * `workgroup_index` gives the place in a line of workgroups that may be folded. Of a source that the compiler knows, a literal,
 * launches are typed. Many kernels in files of their own: see the command `simclr kernels`.
 * @throws KernelError where the source does not keep the rules, with the line. What is wrong within functions is told when a
 * recording with the kernel is compiled.
 */
export function kernelFrom<const Source extends string>(
  source: Source,
  options: { readonly name: string },
): KernelDefinition<BindingNames<Source>, ParamNames<Source>, ConstantNames<Source>>;
// The names in the type are those in the source: the second signature is what can be said while it runs.
export function kernelFrom(source: string, { name }: { readonly name: string }): KernelDefinition {
  const { bindings, params, paramsSize, constants, unrolls, shapes, workgroups, flops, bytes, ...kernel } =
    describeKernel(name, source, pieces);
  return {
    name: kernel.name,
    source: kernel.source,
    bindings,
    params,
    paramsSize,
    constants: Object.fromEntries(constants.map(({ name, type, value }) => [name, { type, value }])),
    unrolls: (v) => unrolls.map((count) => evaluate(count, v)),
    shapes: (v) => Object.fromEntries(shapes.map(({ name, size }) => [name, evaluate(size, v)])),
    workgroups: (v) => evaluate(workgroups, v),
    flops: (v) => evaluate(flops, v),
    ...(bytes && { bytes: (v) => evaluate(bytes, v) }),
  };
}
