/** Builds the page of `src/web/` into static files: `bun .ci/build-page.ts [folder]`, `dist/page` by default. */
import { createHash } from "node:crypto";
import { cpSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { argv } from "node:process";
import { fileURLToPath } from "node:url";
import { build as bundle } from "esbuild";
import { build } from "vite";

const repository = fileURLToPath(new URL("../", import.meta.url));
const sources = join(repository, "src/web");

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true, encoding: "utf8" })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(folder.length + 1)
        .replaceAll("\\", "/"),
    )
    .sort();
}

/** The page and its worker: for any server, and any path below it. */
async function buildPage(folder: string): Promise<void> {
  await build({
    configFile: false,
    root: sources,
    base: "./",
    logLevel: "warn",
    worker: { format: "es" },
    build: {
      outDir: folder,
      emptyOutDir: true,
      target: "es2022",
      modulePreload: { polyfill: false },
      rolldownOptions: { checks: { pluginTimings: false } },
      // What is small would come as a data: address otherwise, which the page's policy need not allow.
      assetsInlineLimit: 0,
    },
  });
  cpSync(join(repository, "src/data/samples/cifar-10-mini.tar.gz"), join(folder, "samples.tar.gz"));
}

/** What makes it work without a network: it has to know all files. */
async function buildServiceWorker(folder: string): Promise<void> {
  const files = filesBelow(folder);
  const hash = createHash("sha256");
  for (const file of files) hash.update(file).update(readFileSync(join(folder, file)));
  await bundle({
    entryPoints: [join(sources, "service-worker.ts")],
    outfile: join(folder, "service-worker.js"),
    bundle: true,
    minify: true,
    format: "iife",
    target: "es2022",
    define: {
      PAGE_FILES: JSON.stringify(["./", ...files]),
      PAGE_HASH: JSON.stringify(hash.digest("hex").slice(0, 16)),
    },
  });
}

const folder = resolve(argv[2] ?? join(repository, "dist/page"));
await buildPage(folder);
await buildServiceWorker(folder);
