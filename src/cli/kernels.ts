import { stat } from "node:fs/promises";
import { join } from "node:path";
import { describeFolder } from "../../kernels/folder.js";
import { pieces } from "../../kernels/lib/generated.js";
import { kernelModule } from "../../kernels/module.js";
import { KernelError } from "../errors.js";
import { writeFileAtomic } from "../io/atomic.js";
import type { Command } from "../vendor/commander.js";

const MADE = "Made by `simclr kernels` from the .wgsl files in its folder: change those, then run it again.";

/** `simclr kernels <folder>` */
export function addKernelsCommand(program: Command): void {
  program
    .command("kernels")
    .description("write a TypeScript module of the WGSL kernels in a folder, for typed launches")
    .argument("<folder>", "its .wgsl files; those in folders below it can be included, as can the library's own pieces")
    .option("--out <file>", "where the module goes (default: generated.ts in the folder)")
    .action(async (folder: string, { out = join(folder, "generated.ts") }: { readonly out?: string }) => {
      const isFolder = await stat(folder).then(
        (found) => found.isDirectory(),
        () => false,
      );
      if (!isFolder) throw new KernelError(`${folder} is no folder`);
      const kernels = describeFolder(folder, pieces);
      if (kernels.length === 0) throw new KernelError(`there is no .wgsl file in ${folder}`);
      await writeFileAtomic(out, kernelModule(kernels, MADE, "webgpu-simclr/engine"));
      console.log(`wrote ${out}: ${kernels.map(({ name }) => name).join(", ")}`);
    });
}
