import { suite } from "uvu";
import * as assert from "uvu/assert";
import { WgslReflect } from "wgsl_reflect/wgsl_reflect.module.js";
import type { KernelDefinition } from "../../kernels/definition.js";
import * as kernels from "../../kernels/generated.js";
import { repository } from "../lib/repository.js";

const generated = suite("generated kernel modules");

generated("are what the .wgsl files give", async () => {
  const { readFile } = await import("node:fs/promises");
  const { generateModules } = await import("../../kernels/generate.js");
  for (const [path, now] of Object.entries(generateModules(repository))) {
    const written = await readFile(repository + path, "utf8");
    assert.ok(written === now, `${path} is out of date: run \`npm run kernels\``);
  }
});

/** How another reader of WGSL sees a kernel. */
function reflect({ source }: KernelDefinition) {
  const { storage, uniforms, entry } = new WgslReflect(source);
  // It looks through aliases.
  const isStored = (name: string) =>
    new RegExp(`^@group\\(0\\) .* ${name}: array<Stored(Element)?>;`, "m").test(source);
  const elementOf = (name: string, format: string | undefined) =>
    isStored(name) ? "stored" : format === "vec4f" ? "f32" : format;
  return {
    entries: entry.compute.map(({ name }) => name),
    bindings: storage
      .toSorted((a, b) => a.binding - b.binding)
      .map(({ name, access, format }) => ({ name, access, element: elementOf(name, format?.name) })),
    params: uniforms.flatMap(({ members }) =>
      (members ?? []).map(({ name, type, offset }) => ({ name, type: type.name, offset })),
    ),
    paramsSize: 16 * Math.ceil((uniforms[0]?.size ?? 0) / 16),
  };
}

generated("are what wgsl_reflect reads in the kernels as well", () => {
  for (const kernel of Object.values<KernelDefinition>(kernels)) {
    const { bindings, params, paramsSize } = kernel;
    assert.equal({ entries: ["main"], bindings, params, paramsSize }, reflect(kernel), kernel.name);
  }
});

generated.run();
