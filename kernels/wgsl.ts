import { KernelError } from "../src/errors.js";

/** A word or sign of WGSL, and the number of its line, from 1. */
interface Token {
  readonly text: string;
  readonly line: number;
}

/** `@name(arguments)`. */
interface Attribute {
  readonly name: string;
  readonly argument: string;
}

/** What a file declares outside of functions, as far as it is needed to launch a kernel. */
export type Declaration = { readonly line: number; readonly attributes: readonly Attribute[] } & (
  | {
      readonly kind: "var";
      /** For example ["storage", "read"]. */
      readonly space: readonly string[];
      readonly name: string;
      /** Without blanks. */
      readonly type: string;
    }
  | { readonly kind: "const"; readonly name: string /** Null where none is given. */; readonly type: string | null }
  | { readonly kind: "alias"; readonly name: string; readonly type: string }
  | { readonly kind: "struct"; readonly name: string; readonly fields: readonly Field[] }
  | { readonly kind: "fn"; readonly name: string }
  | { readonly kind: "other"; readonly name: string }
);

/** A field of a struct. */
export interface Field {
  readonly name: string;
  readonly type: string;
  readonly line: number;
  readonly attributes: readonly Attribute[];
}

/** The same without comments; all lines stay. */
function withoutComments(source: string): string {
  let code = "";
  // Comments in /* */ lie in each other.
  let depth = 0;
  for (let i = 0; i < source.length; i++) {
    const two = source.slice(i, i + 2);
    if (depth === 0 && two === "//") {
      const end = source.indexOf("\n", i);
      i = (end < 0 ? source.length : end) - 1;
    } else if (two === "/*" || (two === "*/" && depth > 0)) {
      depth += two === "/*" ? 1 : -1;
      i += 1;
    } else if (depth === 0 || source[i] === "\n") {
      code += source[i];
    }
  }
  return code;
}

function tokensOf(source: string): Token[] {
  return withoutComments(source)
    .split("\n")
    .flatMap((text, i) =>
      [...text.matchAll(/[A-Za-z_]\w*|[\d.]+[\w.]*|->|\S/g)].map(([token]) => ({ text: token, line: i + 1 })),
    );
}

/** Reads tokens one after the other. */
class Reader {
  #at = 0;

  constructor(readonly tokens: readonly Token[]) {}

  get done(): boolean {
    return this.#at >= this.tokens.length;
  }

  /** The next token, or the last one with nothing in it. */
  get next(): Token {
    return this.tokens[this.#at] ?? { text: "", line: this.tokens.at(-1)?.line ?? 1 };
  }

  take(): Token {
    const token = this.next;
    this.#at += 1;
    return token;
  }

  takeIf(text: string): boolean {
    const found = this.next.text === text;
    if (found) this.#at += 1;
    return found;
  }

  expect(text: string): void {
    const { text: found, line } = this.next;
    if (!this.takeIf(text)) throw new WgslError(line, `"${found || "the end"}" stands where "${text}" is to stand`);
  }

  /** A type, or the head of a function: everything up to one of these signs outside of brackets, which stays. */
  type(...ends: readonly string[]): string {
    return this.#until(ends, "([<", ")]>");
  }

  /** An expression: the same, but that < and > compare. */
  expression(end: string): string {
    return this.#until([end], "([", ")]");
  }

  #until(ends: readonly string[], opening: string, closing: string): string {
    let depth = 0;
    let text = "";
    while (!this.done) {
      const { text: token } = this.next;
      if (depth === 0 && ends.includes(token)) return text;
      if (opening.includes(token)) depth += 1;
      if (closing.includes(token)) depth -= 1;
      text += /\w$/.test(text) && /^\w/.test(token) ? ` ${token}` : token;
      this.take();
    }
    throw new WgslError(this.next.line, `the file ends before a "${ends[0]}"`);
  }

  /** Goes past a block in braces. */
  skipBlock(): void {
    const { line } = this.next;
    let depth = 0;
    do {
      if (this.done) throw new WgslError(line, "a block that begins here does not end");
      const { text } = this.take();
      if (text === "{") depth += 1;
      if (text === "}") depth -= 1;
    } while (depth > 0);
  }
}

/** A mistake in a line of WGSL. */
export class WgslError extends KernelError {
  constructor(
    readonly line: number,
    readonly what: string,
  ) {
    super(`line ${line}: ${what}`);
  }
}

function attributesOf(reader: Reader): Attribute[] {
  const attributes: Attribute[] = [];
  while (reader.takeIf("@")) {
    const name = reader.take().text;
    let argument = "";
    if (reader.takeIf("(")) {
      argument = reader.expression(")");
      reader.expect(")");
    }
    attributes.push({ name, argument });
  }
  return attributes;
}

function fieldsOf(reader: Reader): Field[] {
  const fields: Field[] = [];
  reader.expect("{");
  while (!reader.takeIf("}")) {
    const attributes = attributesOf(reader);
    const { text: name, line } = reader.take();
    reader.expect(":");
    fields.push({ name, line, attributes, type: reader.type(",", "}") });
    reader.takeIf(",");
  }
  return fields;
}

function declarationOf(reader: Reader): Declaration {
  const attributes = attributesOf(reader);
  const { text: keyword, line } = reader.take();
  const at = { line, attributes };
  switch (keyword) {
    case "struct": {
      const { text: name } = reader.take();
      const fields = fieldsOf(reader);
      reader.takeIf(";");
      return { ...at, kind: "struct", name, fields };
    }
    case "var": {
      let space: string[] = [];
      if (reader.takeIf("<")) {
        space = reader.type(">").split(",");
        reader.expect(">");
      }
      const { text: name } = reader.take();
      const type = reader.takeIf(":") ? reader.type(";", "=") : "";
      reader.expression(";");
      reader.expect(";");
      return { ...at, kind: "var", space, name, type };
    }
    case "const": {
      const { text: name } = reader.take();
      const type = reader.takeIf(":") ? reader.type("=") : null;
      reader.expression(";");
      reader.expect(";");
      return { ...at, kind: "const", name, type };
    }
    case "alias": {
      const { text: name } = reader.take();
      reader.expect("=");
      const type = reader.type(";");
      reader.expect(";");
      return { ...at, kind: "alias", name, type };
    }
    case "fn": {
      const { text: name } = reader.take();
      reader.type("{");
      reader.skipBlock();
      return { ...at, kind: "fn", name };
    }
    default: {
      const known = ["override", "enable", "requires", "diagnostic", "const_assert"];
      if (!known.includes(keyword)) throw new WgslError(line, `"${keyword}" begins no declaration`);
      reader.expression(";");
      reader.expect(";");
      return { ...at, kind: "other", name: keyword };
    }
  }
}

/** The declarations of WGSL, in their order. What is in functions is for the GPU's compiler to check. @throws WgslError */
export function declarationsOf(source: string): Declaration[] {
  const reader = new Reader(tokensOf(source));
  const declarations: Declaration[] = [];
  while (!reader.done) if (!reader.takeIf(";")) declarations.push(declarationOf(reader));
  return declarations;
}
