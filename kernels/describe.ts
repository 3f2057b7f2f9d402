import { KernelError } from "../src/errors.js";
import type { KernelBinding, KernelConstant, KernelParameter } from "./definition.js";
import { type Expression, inWholeNumbers, parseExpression } from "./expression.js";
import { UNROLL_MARK, UNROLLED } from "./unroll.js";
import { type Declaration, declarationsOf, type Field, WgslError } from "./wgsl.js";

/**
 * A kernel as its WGSL source describes it: what a `KernelDefinition` says, with expressions in place of functions. What a source
 * must have, besides plain WGSL:
 * - `//#include "lib/name.wgsl"`, at the start of a line, where a shared piece goes;
 * - header lines `// shape <binding>: <expression>` (elements) for every binding, `// workgroups: <expression>` and
 *   `// flops: <expression>`, over the fields of `Params`, the constants, numbers, + - * /, parentheses, ceil(), floor(), min() and
 *   max(); optionally `// bytes: <expression>`;
 * - at most one uniform, `params: Params`, whose fields are f32 or u32; storage bindings of arrays of f32, u32 or
 *   vec4f, which counts as four f32, or of Stored or StoredElement (lib/stored.wgsl), which launches make f32 or f16; all in
 *   group 0, numbered from 0 without gaps, the uniform last;
 * - `const NAME: u32|f32|bool = value;` in capitals, at the start of a line, for everything a launch may specialise;
 * - before a loop over constants that has to be unrolled in the source (naga, in Deno and Firefox, leaves that to no one),
 *   a line `//#unroll`; the loop is written `for (var i = 0u; i < EXPRESSION; i++) {`;
 * - where it can use subgroups, `plain WGSL; //#subgroups other WGSL;`: the second form takes the place of the first in
 *   launches with the constant SHARE above 1; `//#vec4`, likewise, in those with the constant VECTOR above 1, `//#half` in
 *   those whose Stored tensors hold f16, and `//#units`, `//#rounded` and `//#pinned` in those with the constants of lib/fragments.wgsl;
 * - one entry point, `@compute fn main`.
 */
export interface KernelDescription {
  readonly name: string;
  /** With the shared pieces. */
  readonly source: string;
  readonly bindings: readonly KernelBinding[];
  readonly params: readonly KernelParameter[];
  readonly paramsSize: number;
  readonly constants: readonly (KernelConstant & { readonly name: string })[];
  readonly unrolls: readonly Expression[];
  readonly shapes: readonly { readonly name: string; readonly size: Expression }[];
  readonly workgroups: Expression;
  readonly flops: Expression;
  /** Null where the header has none. */
  readonly bytes: Expression | null;
}

/** Shared pieces, by what stands in an include. */
export type Pieces = Readonly<Record<string, string>>;

/** A source with its shared pieces, and where each of its lines comes from. */
interface Assembled {
  readonly source: string;
  readonly origins: readonly string[];
}

function assemble(text: string, pieces: Pieces): Assembled {
  const lines: string[] = [];
  const origins: string[] = [];
  for (const [i, line] of text.split("\n").entries()) {
    const path = line.match(/^\/\/#include "(.+)"$/)?.[1];
    if (path === undefined && /^\s*\/\/\s*#include/.test(line))
      throw new WgslError(i + 1, 'an include is written //#include "lib/name.wgsl", at the start of a line');
    if (path === undefined) {
      lines.push(line);
      origins.push(`line ${i + 1}`);
      continue;
    }
    if (!Object.hasOwn(pieces, path))
      throw new WgslError(i + 1, `there is no "${path}" to include; there are: ${Object.keys(pieces).join(", ")}`);
    for (const [j, own] of pieces[path].trim().split("\n").entries()) {
      lines.push(own);
      origins.push(`line ${j + 1} of ${path}`);
    }
  }
  return { source: lines.join("\n"), origins };
}

/** @throws KernelError, which names the kernel and the line, where the source does not keep the rules. */
export function describeKernel(name: string, text: string, pieces: Pieces): KernelDescription {
  let assembled: Assembled | null = null;
  try {
    assembled = assemble(text.replaceAll("\r\n", "\n"), pieces);
    return describe(name, assembled.source);
  } catch (error) {
    if (!(error instanceof WgslError)) throw error;
    const where = assembled?.origins[error.line - 1] ?? `line ${error.line}`;
    throw new KernelError(`${name}: ${where}: ${error.what}`);
  }
}

function describe(name: string, source: string): KernelDescription {
  const declarations = declarationsOf(source);
  const entries = declarations.filter(
    ({ kind, attributes }) => kind === "fn" && attributes.some((attribute) => attribute.name === "compute"),
  );
  const other = entries.find((entry) => entry.kind === "fn" && entry.name !== "main") ?? entries[1];
  if (other) throw new WgslError(other.line, "the one entry point of a kernel is called main");
  if (entries.length === 0)
    throw new WgslError(1, "the kernel has no entry point: @compute @workgroup_size(...) fn main(...)");
  const override = declarations.find((declaration) => declaration.kind === "other" && declaration.name === "override");
  if (override) throw new WgslError(override.line, "override is not known here: write const NAME: u32 = 1u;");

  const { bindings, params } = resourcesOf(declarations);
  const constants = constantsOf(source, declarations);
  const known = new Set([...params, ...constants].map((entry) => entry.name));
  const ofName = (word: string): Expression | null => (known.has(word) ? { kind: "name", name: word } : null);
  const headers = headersOf(source, bindings);
  const header = (key: string): Expression => {
    const found = headers.get(key);
    if (!found) throw new WgslError(1, `the header lacks a line "// ${key}: <expression>"`);
    return expressionAt(found.line, found.text, ofName);
  };
  return {
    name,
    source,
    bindings,
    params,
    paramsSize: 16 * Math.ceil(params.length / 4),
    constants,
    unrolls: unrollsOf(source, ofName),
    shapes: bindings.map((binding) => ({ name: binding.name, size: header(`shape ${binding.name}`) })),
    workgroups: header("workgroups"),
    flops: header("flops"),
    bytes: headers.has("bytes") ? header("bytes") : null,
  };
}

function expressionAt(line: number, text: string, resolve: (name: string) => Expression | null): Expression {
  try {
    return parseExpression(text, resolve);
  } catch (error) {
    throw error instanceof KernelError ? new WgslError(line, error.message) : error;
  }
}

type Resource = Extract<Declaration, { kind: "var" }>;

function resourcesOf(declarations: readonly Declaration[]): { bindings: KernelBinding[]; params: KernelParameter[] } {
  const aliases = new Map(declarations.flatMap((d) => (d.kind === "alias" ? [[d.name, d.type] as const] : [])));
  const resources = declarations
    .flatMap((d) => (d.kind === "var" && d.attributes.some(({ name }) => name === "binding") ? [d] : []))
    .sort((a, b) => bindingOf(a) - bindingOf(b));
  const uniforms = resources.filter(({ space: [space] }) => space === "uniform");
  const storage = resources.filter((resource) => !uniforms.includes(resource));
  for (const [
    i,
    {
      line,
      attributes,
      name,
      space: [space],
    },
  ] of [...storage, ...uniforms].entries()) {
    if (space !== "storage" && space !== "uniform")
      throw new WgslError(line, `${name}: only storage buffers and one uniform can be bound`);
    if (attributes.find((attribute) => attribute.name === "group")?.argument !== "0")
      throw new WgslError(line, `${name}: bindings are of @group(0)`);
    if (attributes.find((attribute) => attribute.name === "binding")?.argument !== String(i))
      throw new WgslError(
        line,
        `${name}: storage bindings are numbered from 0 without gaps, and the uniform after them: this is ${i}`,
      );
  }
  const [uniform, second] = uniforms;
  const unfit = second ?? (uniform && (uniform.name !== "params" || uniform.type !== "Params") ? uniform : undefined);
  if (unfit) throw new WgslError(unfit.line, `${unfit.name}: the only uniform may be "params: Params"`);
  const bindings = storage.map((resource): KernelBinding => {
    const {
      name,
      line,
      space: [, access = "read"],
    } = resource;
    if (access !== "read" && access !== "read_write")
      throw new WgslError(line, `${name}: the access is read or read_write, not ${access}`);
    return { name, access, element: elementOf(resource, aliases) };
  });
  return { bindings, params: uniform ? paramsOf(uniform, declarations) : [] };
}

function bindingOf({ attributes }: Resource): number {
  return Number(attributes.find(({ name }) => name === "binding")?.argument);
}

const ELEMENTS: Readonly<Record<string, KernelBinding["element"]>> = {
  f32: "f32",
  u32: "u32",
  vec4f: "f32",
  "vec4<f32>": "f32",
  Stored: "stored",
  StoredElement: "stored",
};

function elementOf({ name, type, line }: Resource, aliases: ReadonlyMap<string, string>): KernelBinding["element"] {
  let element = type.match(/^array<(.+)>$/)?.[1] ?? "";
  // Stored is an alias, too; it has a form of its own.
  for (let to = aliases.get(element); to !== undefined && !ELEMENTS[element]; to = aliases.get(element)) element = to;
  const found = ELEMENTS[element];
  if (!found || (found === "stored" && !aliases.has("Stored"))) {
    throw new WgslError(
      line,
      `${name}: storage bindings are array<f32>, array<u32>, array<vec4f>, or array<Stored> with lib/stored.wgsl, not ${type}`,
    );
  }
  return found;
}

function paramsOf(uniform: Resource, declarations: readonly Declaration[]): KernelParameter[] {
  const struct = declarations.find((d) => d.kind === "struct" && d.name === "Params");
  if (struct?.kind !== "struct") throw new WgslError(uniform.line, "there is no struct Params");
  return struct.fields.map(({ name, type, line, attributes }: Field, i) => {
    if (attributes.length > 0) throw new WgslError(line, `${name}: fields of Params have no attributes`);
    // Scalars of four bytes lie one after the other.
    if (type === "f32" || type === "u32") return { name, type, offset: 4 * i };
    throw new WgslError(line, `${name}: fields of Params are f32 or u32, not ${type}`);
  });
}

function constantsOf(source: string, declarations: readonly Declaration[]): (KernelConstant & { name: string })[] {
  const lines = source.split("\n");
  return declarations.flatMap((declaration) => {
    if (declaration.kind !== "const" || !/^[A-Z][A-Z0-9_]*$/.test(declaration.name)) return [];
    const { name, type, line } = declaration;
    if (type !== "u32" && type !== "f32" && type !== "bool") return [];
    const value = lines[line - 1].match(/^const \w+: \w+ = ([^;]+);/)?.[1];
    const number = value === undefined ? Number.NaN : literalValue(type, value);
    if (Number.isNaN(number)) {
      const example = { u32: "8u", f32: "0.5", bool: "false" }[type];
      throw new WgslError(
        line,
        `${name}: a constant that launches can set is written "const ${name}: ${type} = ${example};" at the start of a line; what follows from others is written without a type`,
      );
    }
    return [{ name, type, value: number }];
  });
}

/** The value of a literal; NaN for what is none. */
function literalValue(type: "u32" | "f32" | "bool", text: string): number {
  if (type === "bool") return text === "true" ? 1 : text === "false" ? 0 : Number.NaN;
  return /^-?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?[uf]?$/i.test(text) ? Number.parseFloat(text) : Number.NaN;
}

/** The header's expressions, by what stands before the colon. */
function headersOf(source: string, bindings: readonly KernelBinding[]): Map<string, { text: string; line: number }> {
  const headers = new Map<string, { text: string; line: number }>();
  for (const [i, text] of source.split("\n").entries()) {
    const [, key, of, expression] = text.match(/^\/\/ (shape (\w+)|workgroups|flops|bytes): (.+)$/) ?? [];
    if (key === undefined) continue;
    const line = i + 1;
    if (headers.has(key)) throw new WgslError(line, `the header says a second time what "${key}" is`);
    if (of !== undefined && !bindings.some(({ name }) => name === of))
      throw new WgslError(line, `there is no binding ${of}: there are ${bindings.map(({ name }) => name).join(", ")}`);
    headers.set(key, { text: expression, line });
  }
  return headers;
}

/** How often the marked loops go round, in the order of the source. */
function unrollsOf(source: string, ofName: (word: string) => Expression | null): Expression[] {
  // Constants that follow from others.
  const derived = new Map([...source.matchAll(/^const (\w+) = ([^;]+);/gm)].map(([, name, text]) => [name, text]));
  const resolve = (name: string): Expression | null => {
    const text = derived.get(name);
    return text === undefined ? ofName(name) : parseExpression(text, resolve);
  };
  return [...source.matchAll(UNROLL_MARK)].map(({ 0: mark, index }) => {
    const line = source.slice(0, index).split("\n").length + 1;
    const loop = source.slice(index + mark.length).split("\n", 1)[0];
    const bound = loop.match(UNROLLED)?.[2];
    if (bound === undefined) {
      throw new WgslError(line, `"${loop.trim()}" is no loop that can be unrolled: for (var i = 0u; i < COUNT; i++) {`);
    }
    return inWholeNumbers(expressionAt(line, bound, resolve));
  });
}
