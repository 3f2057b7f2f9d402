import { suite } from "uvu";
import * as assert from "uvu/assert";

const generated = suite("generated kernels of the roofline");

generated("are what the .wgsl files give", async () => {
  const { readFile } = await import("node:fs/promises");
  const { fileURLToPath } = await import("node:url");
  const { generateKernelModule } = await import("../../kernels/generate.js");
  // From dist/test/bench/, where the compiled module is, back to the repository.
  const folder = new URL("../../../bench/roofline/", import.meta.url);
  const written = await readFile(new URL("generated.ts", folder), "utf8");
  const now = generateKernelModule(fileURLToPath(folder), "../../kernels/definition.js");
  assert.ok(written === now, "bench/roofline/generated.ts is out of date: run `npm run kernels`");
});

generated.run();
