// node bundle.mjs BUNDLER ENTRY FILE: makes one minified module of a program with one of the bundlers, as their documentation
// says. Prints each warning.
import { basename, dirname } from "node:path";
import nodeResolve from "@rollup/plugin-node-resolve";
import { rollup } from "rollup";
import { build } from "vite";
import webpack from "webpack";

const [bundler, entry, file] = process.argv.slice(2);
const [path, filename] = [dirname(file), basename(file)];

const bundlers = {
  async rollup() {
    const onwarn = (warning) => console.log(warning.message);
    const bundle = await rollup({ input: entry, onwarn, plugins: [nodeResolve({ browser: true })] });
    await bundle.write({ file });
  },
  async vite() {
    const output = { entryFileNames: filename };
    const rolldownOptions = { input: entry, output };
    // By default, a chunk above 500 kB before compression is warned of; the sizes have a test of their own.
    const options = { outDir: path, target: "es2022", rolldownOptions, chunkSizeWarningLimit: 1000 };
    await build({ root: dirname(entry), configFile: false, logLevel: "warn", build: options });
  },
  webpack() {
    const compiler = webpack({
      mode: "production",
      target: ["web", "es2022"],
      entry,
      experiments: { outputModule: true },
      output: { path, filename, module: true },
      // Of any bundle above 244 kB; the sizes have a test of their own.
      performance: { hints: false },
    });
    return new Promise((resolve, reject) => {
      compiler.run((error, stats) => {
        if (error) return reject(error);
        if (stats.hasErrors() || stats.hasWarnings()) console.log(stats.toString("errors-warnings"));
        compiler.close(resolve);
      });
    });
  },
};

await bundlers[bundler]();
