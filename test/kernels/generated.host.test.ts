import { suite } from "uvu";
import * as assert from "uvu/assert";

const generated = suite("generated kernel module");

generated("is what the .wgsl files give", async () => {
  const { readFile } = await import("node:fs/promises");
  const { fileURLToPath } = await import("node:url");
  const { generateKernelModule } = await import("../../kernels/generate.js");
  // From dist/test/kernels/, where the compiled module is, back to the repository.
  const folder = new URL("../../../kernels/", import.meta.url);
  const written = await readFile(new URL("generated.ts", folder), "utf8");
  const now = generateKernelModule(fileURLToPath(folder));
  assert.ok(written === now, "kernels/generated.ts is out of date: run `npm run kernels`");
});

generated.run();
