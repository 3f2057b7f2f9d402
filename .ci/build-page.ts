/** Builds the page of `src/web/` into static files: `bun .ci/build-page.ts [folder]`, `dist/page` by default. */
import { cpSync } from "node:fs";
import { join, resolve } from "node:path";
import { argv } from "node:process";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const repository = fileURLToPath(new URL("../", import.meta.url));

/**
 * Static files for any server and any path below it.
 * @param folder is emptied before
 */
async function buildPage(folder = join(repository, "dist/page")): Promise<void> {
  await build({
    configFile: false,
    root: join(repository, "src/web"),
    base: "./",
    logLevel: "warn",
    worker: { format: "es" },
    build: {
      outDir: resolve(folder),
      emptyOutDir: true,
      target: "es2022",
      modulePreload: { polyfill: false },
      // Whatever is small would come as a data: address otherwise, which the page's policy has no need to allow.
      assetsInlineLimit: 0,
    },
  });
  cpSync(join(repository, "src/data/samples/cifar-10-mini.tar.gz"), join(folder, "samples.tar.gz"));
}

await buildPage(argv[2]);
