import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { repository } from "../lib/repository.js";

const imports = suite("the order of the house");

/**
 * The rooms of src/, from the top floor down: a file imports from its own room and from those below, types included. Files that
 * stand in no room are the doors of the package, on top, and what every room may use, at the bottom.
 */
const FLOORS = [
  ["examples"],
  ["node.ts", "cli", "web"],
  ["index.ts"],
  ["engine.ts", "doctor"],
  ["reference"],
  ["experiments"],
  ["runs"],
  ["report"],
  ["embeddings"],
  ["training"],
  ["evaluation"],
  ["methods"],
  ["losses", "augment"],
  ["data"],
  ["optim"],
  ["nn"],
  ["ops"],
  ["io"],
  ["engine"],
  ["kernels"],
  ["errors.ts"],
  ["printable.ts", "random.ts", "spelling.ts", "vendor", "version.ts", "wording.ts"],
];

/** Imports of a source, dynamic ones and those of types alike. */
function importsOf(source: string): string[] {
  const code = source.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
  const fixed = code.matchAll(/^\s*(?:import|export)\b(?:[^"';(]*?\bfrom)?\s*["'](\.[^"']+)["']/gm);
  return [...fixed, ...code.matchAll(/\bimport\(\s*["'](\.[^"']+)["']/g)].map(([, path]) => path);
}

/** Every TypeScript file below a folder with the files of the project that it imports, all relative to the repository. */
function graphOf(folder: string): Map<string, string[]> {
  const files = readdirSync(repository + folder, { recursive: true, encoding: "utf8" })
    .map((file) => `${folder}/${file.replaceAll("\\", "/")}`)
    .filter((file) => file.endsWith(".ts") && !file.includes("node_modules/"));
  return new Map(
    files.map((file) => [
      file,
      importsOf(readFileSync(repository + file, "utf8")).map((path) =>
        normalize(join(dirname(file), path)).replace(/\.js$/, ".ts"),
      ),
    ]),
  );
}

/** The room of a file, or null for one that is not of the house (samples, JavaScript of others). */
function roomOf(file: string): string | null {
  const [top, next] = file.split("/");
  if (top === "kernels") return top;
  return top === "src" && next !== undefined ? next : null;
}

function floorOf(room: string): number {
  return FLOORS.findIndex((rooms) => rooms.includes(room));
}

/** Arrows from a room to one above it, or to another on the same floor. */
function arrowsUp(graph: ReadonlyMap<string, readonly string[]>): string[] {
  return [...graph].flatMap(([file, targets]) =>
    targets.flatMap((target) => {
      const [from, to] = [roomOf(file), roomOf(target)];
      if (from === null || to === null || from === to || floorOf(to) > floorOf(from)) return [];
      return [`${file} imports ${target}`];
    }),
  );
}

/** A circle of files that import each other, as its files in order; null where there is none. */
function circleOf(graph: ReadonlyMap<string, readonly string[]>): string[] | null {
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): string[] | null => {
    const at = path.indexOf(file);
    if (at >= 0) return [...path.slice(at), file];
    if (done.has(file)) return null;
    for (const target of graph.get(file) ?? []) {
      const found = visit(target, [...path, file]);
      if (found) return found;
    }
    done.add(file);
    return null;
  };
  for (const file of graph.keys()) {
    const found = visit(file, []);
    if (found) return found;
  }
  return null;
}

imports("are found in all their forms", () => {
  const source = [
    'import type { A } from "./a.js";',
    'import {\n  b,\n} from "../b.js";',
    'export * from "./c.js";',
    'export type { D } from "./d.js";',
    'const e = await import("./e.js");',
    'import "node:fs";',
    '// import { no } from "./comment.js";',
  ].join("\n");
  assert.equal(importsOf(source).sort(), ["../b.js", "./a.js", "./c.js", "./d.js", "./e.js"]);
});

imports("arrows up and circles are found", () => {
  const up = new Map([["src/ops/x.ts", ["src/losses/y.ts", "src/engine/z.ts"]]]);
  assert.equal(arrowsUp(up), ["src/ops/x.ts imports src/losses/y.ts"]);
  const circle = new Map([
    ["a", ["b"]],
    ["b", ["c"]],
    ["c", ["b"]],
  ]);
  assert.equal(circleOf(circle), ["b", "c", "b"]);
});

imports("every room has its floor", () => {
  const rooms = new Set([...graphOf("src").keys()].map(roomOf));
  assert.equal(
    [...rooms].filter((room) => room !== null && floorOf(room) < 0),
    [],
  );
  // And every floor its rooms: one that is gone from the house is gone from the list.
  assert.equal(
    FLOORS.flat().filter((room) => room !== "kernels" && !rooms.has(room)),
    [],
  );
});

imports("arrows between rooms run down", () => {
  assert.equal(arrowsUp(new Map([...graphOf("src"), ...graphOf("kernels")])), []);
});

imports("examples import nothing of the house but by the package's name", () => {
  const examples = graphOf("src/examples");
  assert.ok(examples.size > 0);
  for (const [file, targets] of examples) {
    assert.equal(targets, [], file);
    assert.match(readFileSync(repository + file, "utf8"), /\bfrom "webgpu-simclr(\/node|\/engine)?";/, file);
  }
});

for (const folder of ["kernels", "src", "bench", "test"]) {
  imports(`no file of ${folder}/ leads back to itself`, () => {
    assert.is(circleOf(graphOf(folder)), null);
  });
}

imports.run();
