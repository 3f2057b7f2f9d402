import { cpSync, readdirSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { startProcess, succeeded } from "../cli/command.js";
import { openPage } from "../lib/browser.js";
import { repository } from "../lib/repository.js";
import { newApp, succeed, tools } from "./app.js";

const examples = suite("the package's examples");

const app = await newApp(["webgpu", "sharp", "@types", "bun-types", "undici-types"]);
const installed = join(app, "node_modules/webgpu-simclr");

const bin = (name: string) => join(repository, "node_modules/.bin", name);

/** Copies an example out of the package, as its first lines say. */
function copy(name: string, to = name): void {
  cpSync(join(installed, "src/examples", name), join(app, to), { recursive: true });
}

/** What a compiled example prints in Node. */
async function inNode(name: string, ...args: readonly string[]): Promise<string> {
  return (await succeed(process.execPath, [join(installed, `dist/src/examples/${name}.js`), ...args], app)).stdout;
}

/** The numbers that stand behind a word in a text, in its order. */
function numbersAfter(word: string, text: string): number[] {
  return [...text.matchAll(new RegExp(`\\b${word}:? +(-?[0-9.]+(?:e[-+]?[0-9]+)?)`, "g"))].map(([, found]) =>
    Number(found),
  );
}

/** Losses that begin at about `start`, and end below where they began. */
function falls(losses: readonly number[], start: number): void {
  assert.ok(losses.length >= 3 && losses.every(Number.isFinite), `losses: ${losses}`);
  const [first, last] = [losses[0], losses[losses.length - 1]];
  assert.ok(Math.abs(first - start) < 0.6 && last < first, `the loss goes from ${first} to ${last}`);
}

/** NT-Xent where nothing is known, of two views of so many images. */
const chance = (batch: number) => Math.log(2 * batch - 1);

examples("are in the table of their README, and say how they are run", async () => {
  const files = readdirSync(join(installed, "src/examples")).filter((name) => name !== "README.md");
  const table = await readFile(join(installed, "src/examples/README.md"), "utf8");
  const rows = table.split("\n").filter((line) => line.startsWith("| ["));
  assert.is(rows.length, 10);
  for (const name of files) {
    assert.ok(table.includes(`](${name}`), name);
    const first = await readFile(join(installed, "src/examples", name, name === "vite" ? "index.html" : ""), "utf8");
    if (name !== "worker.js") assert.match(first, /\bnpm install webgpu-simclr|\bbun add webgpu-simclr/, name);
  }
});

examples("are TypeScript that runs when its types are taken off, and strict", async () => {
  const names = readdirSync(join(installed, "src/examples")).filter((name) => name.endsWith(".ts"));
  for (const name of names) copy(name);
  const options =
    "--noEmit --strict --erasableSyntaxOnly --skipLibCheck --target es2022 --module nodenext --types bun-types";
  await succeed(
    process.execPath,
    [join(repository, "node_modules/typescript/bin/tsc"), ...options.split(" "), ...names],
    app,
  );
});

examples("Node: embeddings of a folder, and the names that belong to them", async () => {
  const printed = await inNode("node");
  falls(numbersAfter("loss", printed), chance(64));
  assert.match(printed, /^images: 2000 of 32 x 32 pixels$/m);
  assert.match(printed, /^embeddings.npy: 2000 x 128$/m);
  const npy = await readFile(join(app, "embeddings.npy"));
  assert.match(npy.subarray(0, 128).toString("latin1"), /'descr': '<f4'.*'shape': \(2000, 128\)/);
  const values = new Float32Array(npy.buffer.slice(npy.byteOffset + npy.length - 4 * 2000 * 128));
  assert.ok(values.every(Number.isFinite) && new Set(values).size > 10_000);
  const names = (await readFile(join(app, "names.txt"), "utf8")).trim().split("\n");
  assert.is(names.length, 2000);
  assert.match(names[0], /^train\/airplane\/0000\.jpg$/);
});

examples("Bun: stops, goes on where it was, and is done", async () => {
  copy("bun.ts");
  const { child, ended } = startProcess(bin("bun"), ["bun.ts"], { cwd: app });
  child.stdout?.on("data", (text: string) => {
    if (/^step 5 /m.test(text)) child.kill("SIGINT");
  });
  const { stdout: first } = succeeded(await ended);
  const [stopped] = numbersAfter("stopped after step", first);
  assert.ok(stopped >= 5 && stopped < 62, first);
  const { stdout: second } = await succeed(bin("bun"), ["bun.ts"], app);
  assert.match(second, new RegExp(`^going on after step ${stopped}\\nstep ${stopped + 1} of 62: `));
  assert.match(second, /\nstep 62 of 62: .*\ndone\n$/);
  const losses = numbersAfter("loss", first + second);
  assert.ok(losses.length >= 62, `${losses.length} losses`);
  falls(losses, 4);
});

examples("Deno, with the permissions that it names: images that resemble each other", async () => {
  copy("deno.ts");
  const [named = ""] = /(--allow-\w+ )+/.exec(await readFile(join(app, "deno.ts"), "utf8")) ?? [];
  const permissions = named.trim().split(" ");
  assert.is(permissions.length, 4);
  const args = ["run", "--no-prompt", "--quiet", ...permissions, "deno.ts"];
  const { stdout } = await succeed(bin("deno"), args, app);
  const pairs = [...stdout.matchAll(/^train\/(\w+\/\d+)\.jpg resembles train\/(\w+\/\d+)\.jpg \(([0-9.]+)\)$/gm)];
  assert.is(pairs.length, 10, stdout);
  const similarities = pairs.map(([, , , similarity]) => Number(similarity));
  assert.ok(
    similarities.every((s, i) => s > 0.9 && s <= 1.001 && (i === 0 || s <= similarities[i - 1])),
    stdout,
  );
  for (const [, one, other] of pairs) assert.is.not(one, other);
});

examples("an operation of one's own: a net draws a curve with it", async () => {
  const errors = numbersAfter("error", await inNode("own-operation"));
  falls(errors, 0.2);
  assert.ok(errors[errors.length - 1] < 0.001, `${errors}`);
});

examples("an encoder of one's own: knows more after training", async () => {
  const printed = await inNode("own-encoder");
  assert.match(printed, /^convmixer-32-2: \d+ weights$/m);
  const [before] = numbersAfter("random weights", printed);
  const [after] = numbersAfter("trained", printed);
  assert.ok(before > 15 && after > 20, `a tenth is chance: ${printed}`);
});

examples("a method of one's own: views come together, and images spread", async () => {
  const printed = await inNode("own-method");
  const [losses, uniformity] = ["loss", "uniformity"].map((word) => numbersAfter(word, printed));
  falls(losses, -0.5);
  falls(uniformity, -0.9);
});

examples("fine-tuning: few labels are worth more after training without", async () => {
  const printed = await inNode("fine-tuning");
  const [scratch] = numbersAfter("from random weights", printed);
  const [tuned] = numbersAfter("fine-tuned", printed);
  assert.ok(scratch > 15 && tuned > 20, `a tenth is chance: ${printed}`);
});

/** Opens an example's page in a frame until its text matches; gives the text, and how many colours its canvas has then. */
async function shown(path: string, done: RegExp): Promise<{ text: string; colours: number }> {
  const watching = `
    const frame = document.querySelector("iframe");
    const timer = setInterval(async () => {
      const page = frame.contentDocument;
      const text = page.body.innerText;
      if (!${done}.test(text)) return see({ text });
      clearInterval(timer);
      const canvas = page.querySelector("canvas");
      const pixels = canvas?.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
      see({ text, colours: new Set(pixels && new Uint32Array(pixels.buffer)).size });
    }, 200);`;
  const html = `<!doctype html><link rel="icon" href="data:," /><iframe src="${path}"></iframe><script type="module">${watching}</script>`;
  await writeFile(join(app, "frame.html"), html);
  const lines: string[] = [];
  let last = "";
  let colours = 0;
  const how = await openPage({
    script: "/frame.html",
    root: `${app}/`,
    print: (line) => lines.push(line),
    signal: AbortSignal.timeout(100_000),
    functions: (end) => ({
      see(seen: { readonly text: string; readonly colours?: number }) {
        last = seen.text;
        if (seen.colours === undefined) return;
        colours = seen.colours;
        end();
      },
    }),
  });
  assert.is(how, "ended", `${last}\n${lines.join("\n")}`);
  assert.equal(lines, [], "the page's console");
  return { text: last, colours };
}

examples("a page without a bundler: trains in the tab, and shows neighbours", async () => {
  const { text, colours } = await shown(
    "/node_modules/webgpu-simclr/src/examples/page.html",
    /step 40 of 40.*most like it/,
  );
  const [loss] = numbersAfter("loss", text);
  assert.ok(loss > 2 && loss < chance(64), text);
  assert.ok(colours > 100, `${colours} colours`);
});

examples("a worker: trains while the page goes on, and gives the encoder", async () => {
  const { text } = await shown("/node_modules/webgpu-simclr/src/examples/worker.html", /after 40 steps/);
  const [loss] = numbersAfter("loss", text);
  assert.ok(loss > 1 && loss < chance(64), text);
  const [, frames] = /(\d+) frames/.exec(text) ?? [];
  assert.ok(Number(frames) > 20, text);
  const [, bytes] = /encoder\.safetensors, (\d+) bytes/.exec(text) ?? [];
  assert.ok(Number(bytes) > 90_000, text);
});

examples("Vite: a net tells two spirals apart, and the page shows how", async () => {
  copy("vite", "spirals");
  const { stdout, stderr } = await succeed(
    process.execPath,
    [join(tools, "node_modules/vite/bin/vite.js"), "build", "--base", "./", "spirals"],
    app,
  );
  assert.not.match(stdout + stderr, /warn|error/i);
  const { text, colours } = await shown("/spirals/dist/index.html", /step 400 of 400/);
  const [loss] = numbersAfter("loss", text);
  assert.ok(loss < 0.1, text);
  assert.match(text, /\b(9\d\.\d|100\.0) % right/);
  assert.ok(colours > 100, `${colours} colours`);
});

examples.run();
