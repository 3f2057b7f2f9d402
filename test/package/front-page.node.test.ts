import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { classFolders } from "../cli/pictures.js";
import { writeFiles } from "../data/make-files.js";
import { openPage } from "../lib/browser.js";
import { repository } from "../lib/repository.js";
import { newApp, succeed } from "./app.js";

const frontPage = suite("the programs of the README");

const readme = await readFile(join(repository, "README.md"), "utf8");
const app = await newApp(["sharp", "webgpu"]);
await writeFiles(join(app, "photos"), await classFolders(40));

/** The README's block of code in this language. */
function block(language: string): string {
  const [, code] = new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, "ms").exec(readme) ?? [];
  assert.ok(code, `no block of ${language}`);
  return code;
}

// As they stand in front of the program.
const COMMANDS = Array.from(readme.matchAll(/`((node|bun|deno) [^`]*program\.mjs)`/g), ([, words, name]) => ({
  words,
  name,
}));

frontPage("is run by a command of each runtime", () => {
  assert.equal(
    COMMANDS.map(({ name }) => name),
    ["node", "bun", "deno"],
  );
});

for (const { words, name } of COMMANDS) {
  frontPage(`trains on a folder in ${name}, with these words and permissions`, async () => {
    await writeFile(join(app, "program.mjs"), block("js"));
    const [, ...options] = words.split(" ");
    const program = name === "node" ? process.execPath : join(repository, "node_modules/.bin", name);
    const { stdout } = await succeed(program, options, app);
    assert.match(stdout, /^40 images, 256 numbers each, in Float32Array$/m);
  });
}

frontPage("trains in a page", async () => {
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

frontPage.run();
