import type { KernelDescription, Pieces } from "./describe.js";
import { type Expression, print } from "./expression.js";

/** A function of a launch's values, in TypeScript. */
function lambda(body: string): string {
  return `${body.includes('v["') ? "(v)" : "()"} => ${body}`;
}

function functionOf(expression: Expression): string {
  return lambda(print(expression));
}

function union(rows: readonly { readonly name: string }[]): string {
  return rows.length === 0 ? "never" : rows.map(({ name }) => JSON.stringify(name)).join(" | ");
}

function list(rows: readonly object[]): string {
  return `[${rows.map((row) => JSON.stringify(row)).join(", ")}]`;
}

/** WGSL without its comments, which no program needs to load, but for the marks that begin with `//#`. */
export function withoutComments(source: string): string {
  return source
    .replace(/^[ \t]*\/\/(?!#).*\n/gm, "")
    .replace(/[ \t]*\/\/(?!#).*$/gm, "")
    .replace(/\n{2,}/g, "\n\n")
    .replace(/^\n+/, "");
}

/** A text in TypeScript, line by line. */
function literal(text: string): string {
  return JSON.stringify(text).replaceAll("\\n", "\\n\\\n");
}

/** What a source says of its kernel at its start, up to the first blank line, as a docstring; nothing where it says nothing. */
function documentation(source: string): string {
  const lines = source.split("\n");
  const end = lines.findIndex((line) => !/^\/\/ (?!(shape \w+|workgroups|flops|bytes):)/.test(line));
  const text = lines.slice(0, end).map((line) => line.slice(3).replaceAll("*/", "* /"));
  if (text.length === 0) return "";
  return `/**\n${text.map((line) => ` * ${line}\n`).join("")} */\n`;
}

function definitionOf(kernel: KernelDescription): string {
  const { name, source, bindings, params, paramsSize, constants, unrolls, shapes, workgroups, flops, bytes } = kernel;
  const types = [bindings, params, constants].map(union).join(", ");
  const table = constants.map((constant) => `${constant.name}: { type: "${constant.type}", value: ${constant.value} }`);
  return `${documentation(source)}export const ${name}: KernelDefinition<${types}> = {
  name: "${name}",
  bindings: ${list(bindings)},
  params: ${list(params)},
  paramsSize: ${paramsSize},
  constants: { ${table.join(", ")} },
  unrolls: ${lambda(`[${unrolls.map(print).join(", ")}]`)},
  shapes: ${lambda(`({ ${shapes.map(({ name, size }) => `${name}: ${print(size)}`).join(", ")} })`)},
  workgroups: ${functionOf(workgroups)},
  flops: ${functionOf(flops)},
${bytes === null ? "" : `  bytes: ${functionOf(bytes)},\n`}\
  source: ${literal(withoutComments(source))},
};
`;
}

/**
 * A TypeScript module that exports kernels, each by its name: `import * as kernels` gives all of them, and bundlers leave out
 * those that nobody names.
 * @param made what it was made by and what to do to change it, for its first line
 * @param types where `KernelDefinition` is imported from
 */
export function kernelModule(kernels: readonly KernelDescription[], made: string, types: string): string {
  return [`// ${made}`, `import type { KernelDefinition } from "${types}";`, "", ...kernels.map(definitionOf)].join(
    "\n",
  );
}

/** A TypeScript module of shared pieces of WGSL, by what stands in an include. */
export function pieceModule(pieces: Pieces, made: string): string {
  const rows = Object.entries(pieces).sort(([a], [b]) => (a < b ? -1 : 1));
  return `// ${made}
/** What kernels can include, by its path. */
export const pieces: Readonly<Record<string, string>> = {
${rows.map(([path, text]) => `  "${path}": ${literal(withoutComments(text).trim())},\n`).join("")}};
`;
}
