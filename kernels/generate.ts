/**
 * Writes `kernels/generated.ts` from every `kernels/*.wgsl`, `kernels/lib/generated.ts` from the shared pieces, and
 * `bench/roofline/generated.ts` and `bench/ladder/generated.ts` from the benchmarks' own kernels. Run with `npm run kernels`; a test
 * fails when they drift. What a kernel's file must have stands at `KernelDescription`.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describeFolder, piecesOf } from "./folder.js";
import { kernelModule, pieceModule } from "./module.js";

const MADE = "Made by kernels/generate.ts from the .wgsl files beside it: change those, then run `npm run kernels`.";

/** The text of each generated module, by its path from the repository's root folder. */
export function generateModules(repository: string): Readonly<Record<string, string>> {
  const pieces = piecesOf(join(repository, "kernels"));
  const kernelsOf = (folder: string) => describeFolder(join(repository, folder), pieces);
  return {
    "kernels/generated.ts": kernelModule(kernelsOf("kernels"), MADE, "./definition.js"),
    "kernels/lib/generated.ts": pieceModule(pieces, MADE),
    "bench/ladder/generated.ts": kernelModule(kernelsOf("bench/ladder"), MADE, "../../kernels/definition.js"),
    "bench/roofline/generated.ts": kernelModule(kernelsOf("bench/roofline"), MADE, "../../kernels/definition.js"),
  };
}

if (import.meta.main) {
  const repository = fileURLToPath(new URL("../", import.meta.url));
  for (const [path, text] of Object.entries(generateModules(repository))) writeFileSync(join(repository, path), text);
}
