/**
 * Makes the compiled sources ready for the package, in place:
 *
 * - the libraries of `src/vendor/` become part of it, with their licences, so that whoever installs the package installs none of them;
 * - declarations stay where a door of the package leads to them, and name nothing that a program's compiler may not know;
 * - the whole library is also one minified file, for pages without a bundler.
 *
 * `npm pack` runs it after the compiler.
 */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { build } from "esbuild";

const SOURCES = "dist/src";
const DOORS = ["index", "engine", "node"];

/** Libraries that came from npm as CommonJS ask for Node's modules by `require`. */
const REQUIRE = 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);';

function read(path: string): string {
  return readFileSync(path, "utf8");
}

/** "node_modules/a/b.js" -> "node_modules/a" */
function packageOf(file: string): string | undefined {
  return /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0];
}

function licenceOf(folder: string): string {
  const { name, version, license } = JSON.parse(read(join(folder, "package.json")));
  const file = readdirSync(folder).find((entry) => /^(licen[cs]e|copying)\b/i.test(entry));
  return `${name} ${version} (${license})\n\n${file ? read(join(folder, file)).trim() : "No text of the licence comes with it."}\n`;
}

async function bundleVendors(): Promise<void> {
  const folder = join(SOURCES, "vendor");
  const files = readdirSync(folder).filter((file) => file.endsWith(".js"));
  const { metafile } = await build({
    entryPoints: files.map((file) => join(folder, file)),
    outdir: folder,
    allowOverwrite: true,
    bundle: true,
    minify: true,
    legalComments: "none",
    format: "esm",
    platform: "node",
    target: "node20",
    banner: { js: REQUIRE },
    metafile: true,
  });
  const packages = new Set(Object.keys(metafile.inputs).map(packageOf));
  const licences = [...packages].flatMap((path) => (path === undefined ? [] : [path])).sort();
  writeFileSync(join(folder, "LICENSES.txt"), licences.map(licenceOf).join(`\n${"-".repeat(80)}\n\n`));
}

/** The files that a declaration imports. */
function importsOf(path: string): string[] {
  const found = read(path).matchAll(/(?:from|import\()\s*"(\.[^"]+)\.js"/g);
  return [...found].map(([, specifier]) => `${join(dirname(path), specifier)}.d.ts`);
}

/** The declarations that the doors lead to. */
function reachable(): Set<string> {
  const found = new Set<string>();
  const open = DOORS.map((door) => join(SOURCES, `${door}.d.ts`));
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (found.has(path)) continue;
    found.add(path);
    open.push(...importsOf(path));
  }
  return found;
}

const COMMENTS = /\/\*[\s\S]*?\*\/|\/\/.*/g;
/** Types of browsers and of WebGPU. Which library declares them, if any, is up to the program. */
const FOREIGN =
  /\b(GPU[A-Z]\w*|AbortSignal|Blob|File|HTML\w+Element|ImageBitmap|ImageData|OffscreenCanvas|VideoFrame|URL)\b/g;
const AMBIENT = join(SOURCES, "ambient.d.ts");

/** Those of its own that a declaration names. */
function foreignOf(text: string): string[] {
  const code = text.replace(COMMENTS, "");
  return [...new Set(Array.from(code.matchAll(FOREIGN), ([name]) => name))].sort();
}

/** Until TypeScript 5.7 arrays of numbers had no parameter for their buffer. */
function withoutBuffers(text: string): string {
  return text
    .replace(/\b(\w+Array)<ArrayBuffer>/g, "ReturnType<typeof $1.of>")
    .replace(/\b(\w+Array|ArrayBufferView)<ArrayBuffer(Like)?>/g, "$1");
}

/** For Deno and jsr.io, which find a module's declarations where it says. */
function nameIn(script: string): void {
  writeFileSync(script, `/* @ts-self-types="./${basename(script, ".js")}.d.ts" */\n${read(script)}`);
}

function finishDeclarations(): void {
  const kept = reachable();
  const files = readdirSync("dist", { recursive: true, encoding: "utf8" }).map((file) => join("dist", file));
  for (const path of files) if (/\.d\.c?ts$/.test(path) && !kept.has(path)) rmSync(path);
  const ambient = new Set<string>();
  for (const path of kept) {
    const text = withoutBuffers(read(path));
    const names = foreignOf(text);
    for (const name of names) ambient.add(name);
    const from = relative(dirname(path), AMBIENT).replace(/\.d\.ts$/, ".js");
    const imports = `import type { ${names.join(", ")} } from "${from.startsWith(".") ? from : `./${from}`}";\n`;
    writeFileSync(path, names.length === 0 ? text : imports + text);
    nameIn(path.replace(/\.d\.ts$/, ".js"));
  }
  const types = [...ambient]
    .sort()
    .map(
      (name) => `export type ${name} = typeof globalThis extends { ${name}: { prototype: infer T } } ? T : unknown;\n`,
    );
  writeFileSync(
    AMBIENT,
    `/** What the program's own libraries (\`dom\`, @webgpu/types, @types/node) declare under these names; unknown where none does. */\n${types.join("")}`,
  );
  const script = AMBIENT.replace(".d.ts", ".js");
  writeFileSync(script, "export {};\n");
  nameIn(script);
}

async function minify(): Promise<void> {
  await build({
    entryPoints: [join(SOURCES, "index.js")],
    outfile: "dist/webgpu-simclr.min.js",
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
  });
}

if (!existsSync(SOURCES)) throw new Error("compile first: this is for what the compiler wrote");
await minify();
await bundleVendors();
finishDeclarations();
