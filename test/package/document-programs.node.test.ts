import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { classFolders } from "../cli/pictures.js";
import { writeFiles } from "../data/make-files.js";
import { openPage } from "../lib/browser.js";
import { repository } from "../lib/repository.js";
import { newApp, succeed } from "./app.js";

const programs = suite("the programs of the documents");

const readme = await readFile(join(repository, "README.md"), "utf8");
const app = await newApp(["sharp", "webgpu"]);
await writeFiles(join(app, "photos"), await classFolders(40));

/** The first block of code in this language that has a text in it, of the README or of another document. */
function block(language: string, containing = "", document = readme): string {
  const blocks = Array.from(
    document.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, "gms")),
    ([, code]) => code,
  );
  const code = blocks.find((text) => text.includes(containing));
  assert.ok(code, `no block of ${language}`);
  return code;
}

// As they stand in front of the program.
const COMMANDS = Array.from(readme.matchAll(/`((node|bun|deno) [^`]*program\.mjs)`/g), ([, words, name]) => ({
  words,
  name,
}));

programs("of the README are run by a command of each runtime", () => {
  assert.equal(
    COMMANDS.map(({ name }) => name),
    ["node", "bun", "deno"],
  );
});

for (const { words, name } of COMMANDS) {
  programs(`of the README train on a folder in ${name}, with these words and permissions`, async () => {
    await writeFile(join(app, "program.mjs"), block("js"));
    const [, ...options] = words.split(" ");
    const program = name === "node" ? process.execPath : join(repository, "node_modules/.bin", name);
    const { stdout } = await succeed(program, options, app);
    assert.match(stdout, /^40 images, 256 numbers each, in Float32Array$/m);
  });
}

programs("of the README train in a page", async () => {
  // The page's end is all that is not shown.
  const html = block("html").replace("</script>", "  await globalThis.done();\n</script>");
  await writeFile(join(app, "index.html"), `<!doctype html>\n<link rel="icon" href="data:,">\n${html}`);
  const printed: string[] = [];
  const page = { script: "/index.html", root: `${app}/`, print: (line: string) => void printed.push(line) };
  const ended = await openPage({ ...page, functions: (end) => ({ done: end }) });
  assert.is(ended, "ended", printed.join("\n"));
  assert.match(printed[3] ?? "", /^step 4: loss \d/);
  assert.is(printed[4], "64 images, 256 numbers each");
});

programs("of the kernels' page launch the kernel that it shows, by the module that simclr makes of it", async () => {
  const page = await readFile(join(repository, "kernels/README.md"), "utf8");
  const kernel = block("wgsl", "", page);
  assert.is(kernel, await readFile(join(repository, "bench/ladder/naive-matmul.wgsl"), "utf8"));
  await writeFiles(app, {
    "my-kernels/naive-matmul.wgsl": new TextEncoder().encode(kernel),
    "own.ts": new TextEncoder().encode(block("ts", "my-kernels/generated.js", page)),
  });
  await succeed(join(app, "node_modules/.bin/simclr"), ["kernels", "my-kernels/"], app);
  const { stdout } = await succeed(join(repository, "node_modules/.bin/bun"), ["own.ts"], app);
  assert.match(stdout, /\[ 4, 10 \]/);
});

programs.run();
