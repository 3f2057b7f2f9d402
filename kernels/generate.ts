/**
 * Reads every `kernels/*.wgsl`, puts the shared pieces in, reflects on the result with wgsl_reflect and writes
 * `kernels/generated.ts`; the same for the benchmarks' own kernels in `bench/roofline/`. Run with `npm run kernels`; a test
 * fails when the two drift.
 *
 * What a kernel file must have, besides plain WGSL:
 * - `//#include "lib/name.wgsl"` where a shared piece goes;
 * - header lines `// shape <binding>: <expression>` (elements), `// workgroups: <expression>`, `// flops: <expression>`,
 *   over the fields of `Params`, the constants, and ceil(), floor(), min(), max(); optionally `// bytes: <expression>`;
 * - at most one uniform, `params: Params`, whose fields are f32 or u32; storage bindings of arrays of f32, u32 or
 *   vec4f, which counts as four f32, or of Stored or StoredElement (lib/stored.wgsl), which launches make f32 or f16;
 * - `const NAME: u32|f32|bool = value;` in capitals for everything a launch may specialise;
 * - before a loop over constants that has to be unrolled in the source (naga, in Deno and Firefox, leaves that to no one),
 *   a line `//#unroll`; the loop is written `for (var i = 0u; i < EXPRESSION; i++) {`;
 * - where it can use subgroups, `plain WGSL; //#subgroups other WGSL;`: the second form takes the place of the first in
 *   launches with the constant SHARE above 1; `//#vec4`, likewise, in those with the constant VECTOR above 1, and `//#half` in
 *   those whose Stored tensors hold f16.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { WgslReflect } from "wgsl_reflect/wgsl_reflect.module.js";

import { UNROLLED } from "./unroll.js";

const FUNCTIONS = new Set(["ceil", "floor", "min", "max"]);

function scalarType(type: string, where: string): "f32" | "u32" {
  if (type === "f32" || type === "u32") return type;
  throw new Error(`${where}: type ${type} is neither f32 nor u32`);
}

/** Turns a header expression into a TypeScript one over `v`, and checks that it names only what the kernel has. */
function expression(text: string, names: ReadonlySet<string>, where: string): string {
  return text.trim().replace(/[A-Za-z_]\w*/g, (word) => {
    if (FUNCTIONS.has(word)) return `Math.${word}`;
    if (!names.has(word)) throw new Error(`${where}: unknown name ${word} in "${text.trim()}"`);
    return `v["${word}"]`;
  });
}

function optionalHeader(source: string, key: string): string | undefined {
  return source.match(new RegExp(`^// ${key}: (.+)$`, "m"))?.[1];
}

function header(source: string, key: string, where: string): string {
  const text = optionalHeader(source, key);
  if (text === undefined) throw new Error(`${where}: the header lacks "// ${key}:"`);
  return text;
}

function withIncludes(folder: string, file: string): string {
  const text = readFileSync(join(folder, file), "utf8");
  return text.replace(/^\/\/#include "(.+)"$/gm, (_, piece: string) =>
    readFileSync(join(folder, piece), "utf8").trim(),
  );
}

/** An arrow function of the launch's values. */
function lambda(body: string): string {
  return `${body.includes('v["') ? "(v)" : "()"} => ${body}`;
}

function union(names: readonly string[]): string {
  return names.length === 0 ? "never" : names.map((name) => JSON.stringify(name)).join(" | ");
}

function reflect(source: string, file: string): WgslReflect {
  try {
    return new WgslReflect(source);
  } catch (cause) {
    throw new Error(`${file}, with its shared pieces: ${String(cause)}`, { cause });
  }
}

function describeKernel(folder: string, file: string): { name: string; code: string } {
  const name = file.slice(0, -".wgsl".length).replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
  const source = withIncludes(folder, file);
  const reflected = reflect(source, file);
  if (reflected.entry.compute.length !== 1) throw new Error(`${file}: needs exactly one compute entry point`);

  const storage = [...reflected.storage].sort((a, b) => a.binding - b.binding);
  const bindings = storage.map((variable, index) => {
    if (variable.binding !== index) throw new Error(`${file}: storage bindings must be numbered from 0 without gaps`);
    const access: string = variable.access;
    if (access !== "read" && access !== "read_write") throw new Error(`${file}: ${variable.name}: access ${access}`);
    // Reflection looks through aliases.
    const follows = new RegExp(`^@group\\(0\\) .* ${variable.name}: array<Stored(Element)?>;`, "m").test(source);
    const format = variable.format?.name ?? "";
    const element = follows ? "stored" : scalarType(format === "vec4f" ? "f32" : format, `${file}: ${variable.name}`);
    return { name: variable.name, access, element };
  });
  const uniform = reflected.uniforms.at(0);
  if (uniform && (reflected.uniforms.length > 1 || uniform.name !== "params" || uniform.binding !== storage.length)) {
    throw new Error(`${file}: the only uniform may be "params", with the binding number after the storage bindings`);
  }
  const params = (uniform?.members ?? []).map((member) => ({
    name: member.name,
    type: scalarType(member.type.name, `${file}: ${member.name}`),
    offset: member.offset,
  }));
  const constants = [...source.matchAll(/^const ([A-Z][A-Z0-9_]*): (u32|f32|bool) = ([^;]+);/gm)].map(
    ([, constant, type, text]) => ({
      name: constant,
      type,
      value: text === "true" ? 1 : text === "false" ? 0 : Number.parseFloat(text),
    }),
  );

  const names = new Set([...params, ...constants].map((entry) => entry.name));
  // Constants that follow from others.
  const derived = new Map(
    [...source.matchAll(/^const ([A-Z][A-Z0-9_]*) = ([^;]+);/gm)].map(([, n, text]) => [n, text]),
  );
  const inConstants = (text: string): string =>
    text.replace(/[A-Z][A-Z0-9_]*/g, (word) =>
      derived.has(word) ? `(${inConstants(derived.get(word) ?? "")})` : word,
    );
  const unrolls = [...source.matchAll(/^ *\/\/#unroll\n(.*)$/gm)].map(([, loop]) => {
    const bound = loop.match(UNROLLED)?.[2];
    if (!bound) throw new Error(`${file}: "${loop.trim()}" is not a loop that can be unrolled`);
    return expression(inConstants(bound).replace(/(\d)u\b/g, "$1"), names, file);
  });
  const shapes = bindings.map((b) => `${b.name}: ${expression(header(source, `shape ${b.name}`, file), names, file)}`);
  const list = (rows: readonly object[]) => `[${rows.map((row) => JSON.stringify(row)).join(", ")}]`;
  const types = [bindings, params, constants].map((rows) => union(rows.map((row) => row.name))).join(", ");
  const bytes = optionalHeader(source, "bytes");
  const table = constants.map((c) => `${c.name}: { type: "${c.type}", value: ${c.value} }`).join(", ");
  const code = `export const ${name}: KernelDefinition<${types}> = {
  name: "${name}",
  bindings: ${list(bindings)},
  params: ${list(params)},
  paramsSize: ${uniform ? Math.ceil(uniform.size / 16) * 16 : 0},
  constants: { ${table} },
  unrolls: ${lambda(`[${unrolls.join(", ")}]`)},
  shapes: ${lambda(`({ ${shapes.join(", ")} })`)},
  workgroups: ${lambda(expression(header(source, "workgroups", file), names, file))},
  flops: ${lambda(expression(header(source, "flops", file), names, file))},
${bytes === undefined ? "" : `  bytes: ${lambda(expression(bytes, names, file))},\n`}\
  source: ${JSON.stringify(source).replaceAll("\\n", "\\n\\\n")},
};
`;
  return { name, code };
}

/** The text of `generated.ts` for the `.wgsl` files in `folder`; `definition` leads from there to `definition.js`. */
export function generateKernelModule(folder: string, definition = "./definition.js"): string {
  const files = readdirSync(folder)
    .filter((file) => file.endsWith(".wgsl"))
    .sort();
  const kernels = files.map((file) => describeKernel(folder, file));
  return `// Made by kernels/generate.ts from the .wgsl files beside it: change those, then run \`npm run kernels\`.
import type { KernelDefinition } from "${definition}";

${kernels.map((kernel) => kernel.code).join("\n")}
/** Every kernel by name. */
export const kernels = {
${kernels.map((kernel) => `  ${kernel.name},`).join("\n")}
};
`;
}

if (import.meta.main) {
  const folder = dirname(fileURLToPath(import.meta.url));
  const { writeFileSync } = await import("node:fs");
  writeFileSync(join(folder, "generated.ts"), generateKernelModule(folder));
  const rooflines = join(folder, "../bench/roofline");
  writeFileSync(join(rooflines, "generated.ts"), generateKernelModule(rooflines, "../../kernels/definition.js"));
}
