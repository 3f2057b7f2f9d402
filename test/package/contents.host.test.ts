import { suite } from "uvu";
import * as assert from "uvu/assert";
import { VERSION } from "../../src/version.js";
import { repository } from "../lib/repository.js";

const contents = suite("what the package holds");

interface PackageJson {
  readonly version: string;
  readonly bin: Readonly<Record<string, string>>;
  readonly exports: Readonly<
    Record<string, string | { readonly types: string; readonly default: string; readonly browser?: null }>
  >;
  readonly files: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}

async function packageJson(): Promise<PackageJson> {
  return JSON.parse(await read("package.json"));
}

async function read(path: string): Promise<string> {
  const { readFile } = await import("node:fs/promises");
  return readFile(repository + path, "utf8");
}

async function exists(path: string): Promise<boolean> {
  const { stat } = await import("node:fs/promises");
  return stat(repository + path).then(
    () => true,
    () => false,
  );
}

/** What a compiled module imports at once, and what it imports when a function asks for it. */
function importsOf(source: string): { fixed: string[]; dynamic: string[] } {
  const code = source.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
  return {
    fixed: [...code.matchAll(/^\s*(?:import|export)\b(?:[^"';(]*?\bfrom)?\s*["']([^"']+)["']/gm)].map(
      ([, path]) => path,
    ),
    dynamic: [...code.matchAll(/\bimport\(\s*["']([^"']+)["']/g)].map(([, path]) => path),
  };
}

/** All modules that importing these ones loads at once, with their imports. */
async function graphOf(...entries: readonly string[]): Promise<Map<string, ReturnType<typeof importsOf>>> {
  const graph = new Map<string, ReturnType<typeof importsOf>>();
  const open = [...entries];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (graph.has(path)) continue;
    const imports = importsOf(await read(path));
    graph.set(path, imports);
    for (const specifier of [...imports.fixed, ...imports.dynamic]) {
      if (specifier.startsWith(".")) open.push(new URL(specifier, `file:///${path}`).pathname.slice(1));
    }
  }
  return graph;
}

contents("the imports of a module are found", () => {
  const source = `
    import { a } from "./a.js";
    import "./b.js";
    import * as c from 'c';
    export { d,
      e } from "./d.js";
    export * from "./f.js";
    // import "not-this.js";
    /* import "nor-this.js"; */
    export const g = async () => (await import("g")).g;
    const text = "from nowhere";
  `;
  assert.equal(importsOf(source), { fixed: ["./a.js", "./b.js", "c", "./d.js", "./f.js"], dynamic: ["g"] });
});

contents("a browser that imports the library meets neither a package nor Node", async () => {
  const graph = await graphOf("dist/src/index.js", "dist/src/engine.js");
  assert.ok(graph.size > 60, `${graph.size} modules`);
  assert.ok(graph.has("dist/kernels/generated.js") && graph.has("dist/src/io/choice-database.js"));
  const foreign = [...graph].flatMap(([path, { fixed, dynamic }]) =>
    [...fixed, ...dynamic]
      .filter((specifier) => !specifier.startsWith("."))
      .map((specifier) => `${path}: ${specifier}`),
  );
  assert.equal(foreign, []);
});

contents("the packages that are installed with it are those that no bundle can hold", async () => {
  // What src/vendor/ imports becomes part of the package.
  const graph = await graphOf("dist/src/node.js", "dist/src/cli/main.js");
  const imported = [...graph]
    .filter(([path]) => !path.includes("/vendor/"))
    .flatMap(([, { fixed, dynamic }]) => [...fixed, ...dynamic])
    .filter((specifier) => !specifier.startsWith(".") && !specifier.startsWith("node:"));
  assert.equal([...new Set(imported)], ["sharp"]);
  const { dependencies = {}, optionalDependencies } = await packageJson();
  assert.equal(Object.keys(dependencies), []);
  // Bundlers are not to find the name in the engine, which imports the other one where there is no GPU of the runtime's own.
  assert.match(await read("dist/src/engine/adapter.js"), /const DAWN = "webgpu";/);
  assert.equal(Object.keys(optionalDependencies), ["sharp", "webgpu"]);
});

contents("the engine's door knows nothing of images, runs and files", async () => {
  const graph = await graphOf("dist/src/engine.js");
  assert.ok(graph.has("dist/src/optim/lars.js") && graph.has("dist/src/nn/layers.js"));
  const above = [...graph.keys()].filter((path) => /src\/(augment|data|simclr|io|cli)\//.test(path));
  assert.equal(above, []);
  const nets = [...graph.keys()].filter((path) => /src\/nn\/(resnet|convnet|projection-head|classifier)/.test(path));
  assert.equal(nets, []);
});

contents("the engine itself knows nothing of nets, losses and optimizers", async () => {
  const { readdir } = await import("node:fs/promises");
  const modules = (await readdir(`${repository}dist/src/engine`)).filter((file) => file.endsWith(".js"));
  const graph = await graphOf(...modules.map((file) => `dist/src/engine/${file}`));
  const above = [...graph.keys()].filter(
    (path) => !/^dist\/(kernels|src\/(engine\/|errors\.js|printable\.js))/.test(path),
  );
  assert.equal(above, []);
});

contents("everything that package.json names is there, with declarations", async () => {
  const { bin, exports, files } = await packageJson();
  for (const entry of Object.values(exports)) {
    for (const path of typeof entry === "string" ? [entry] : [entry.types, entry.default]) {
      assert.ok(await exists(path), path);
      assert.ok(
        path === "./package.json" || files.some((folder) => path.startsWith(`./${folder}/`)),
        `${path} is published`,
      );
    }
  }
  for (const path of Object.values(bin)) assert.match(await read(path), /^#!\/usr\/bin\/env node\n/);
  assert.match(await read("dist/src/index.d.ts"), /export \* from "\.\/engine\.js"/);
});

contents("the version is that of package.json", async () => {
  assert.is(VERSION, (await packageJson()).version);
});

contents.run();
