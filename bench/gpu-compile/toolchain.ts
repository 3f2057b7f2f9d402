import { execFile, spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { SimclrError } from "../../src/errors.js";

/** What has to be there. */
export const REQUIREMENTS =
  "Node with the package `webgpu` and an adapter for it; gcc, libvulkan-dev (Vulkan's headers and loader), spirv-tools " +
  "(spirv-as) and mesa-vulkan-drivers with RADV (25.0 works), which brings radeon_icd.*json in /usr/share/vulkan/icd.d";

/** What a GPU's compiler made of a module. */
export interface Compiled {
  /** The driver's statistics by name. */
  readonly statistics: Readonly<Record<string, number>>;
  readonly assembly: string;
}

const execute = promisify(execFile);
const DRIVERS = "/usr/share/vulkan/icd.d";
/** Mesa's software adapter, which the layer makes claim matrix units. */
const SOFTWARE_DRIVER = "lvp_icd";
const LAYER = "VK_LAYER_claim_matrices";
/** Of modules that are in one list for a process. */
const MARK = "// module";

async function run(program: string, words: readonly string[]): Promise<void> {
  await execute(program, [...words]).catch((cause: unknown) => {
    throw new SimclrError(`${program} failed or is missing (needed: ${REQUIREMENTS}): ${String(cause)}`, { cause });
  });
}

async function converse(
  program: string,
  words: readonly string[],
  input: string,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const child = spawn(program, words, { stdio: "pipe", env: { ...process.env, ...env } });
  const ended = new Promise<number | null>((resolve, reject) => child.on("error", reject).on("close", resolve));
  child.stdin.end(input);
  const [output, errors, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  if (code !== 0) throw new SimclrError(`${program} ended with exit code ${code}: ${errors || output.slice(-2000)}`);
  return output;
}

/** Compiles WGSL for GPUs that are not there: Dawn gives SPIR-V, and Mesa's RADV, with null hardware, the code of a GPU. */
export class Toolchain {
  private constructor(
    private readonly folder: string,
    private readonly driver: string,
  ) {}

  /** @throws SimclrError where a tool is missing, with what to install. */
  static async open(): Promise<Toolchain> {
    const driver = existsSync(DRIVERS) && readdirSync(DRIVERS).find((name) => /^radeon_icd.*\.json$/.test(name));
    if (!driver) throw new SimclrError(`there is no ${DRIVERS}/radeon_icd*.json; needed: ${REQUIREMENTS}`);
    const folder = await mkdtemp(join(tmpdir(), "gpu-compile-"));
    const source = fileURLToPath(new URL("../../../bench/gpu-compile/pipeline-stats.c", import.meta.url));
    await run("gcc", ["-O1", "-o", join(folder, "pipeline-stats"), source, "-lvulkan"]);
    return new Toolchain(folder, join(DRIVERS, driver));
  }

  /** Frees what is on the disk. */
  close(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }

  /** Compiles WGSL modules to SPIR-V. Returns what `compile` takes. @throws SimclrError where one does not compile. */
  async toSpirv(modules: readonly string[]): Promise<string[]> {
    const child = fileURLToPath(new URL("print-spirv.js", import.meta.url));
    const marked = modules.map((code, i) => `${MARK} ${i}\n${code}`);
    const output = await converse(process.execPath, [child], JSON.stringify(marked));
    // Dawn prints the WGSL, with the mark, and then the SPIR-V.
    const printed = new Map<number, string>();
    for (const part of output.split(`${MARK} `).slice(1)) {
      const assembly = part.match(/Dumped SPIRV disassembly \*\/\n([\s\S]*?)(?:\n(?=info:|Warning)|$(?![\s\S]))/)?.[1];
      if (assembly !== undefined) printed.set(Number.parseInt(part, 10), assembly);
    }
    const lines: string[] = [];
    for (const i of modules.keys()) {
      const assembly = printed.get(i);
      if (assembly === undefined) throw new SimclrError(`Dawn printed no SPIR-V for module ${i}:\n${modules[i]}`);
      const path = join(this.folder, `${i}`);
      // An execution mode that older assemblers do not know, and that changes nothing here.
      const known = assembly
        .split("\n")
        .filter((line) => !/MaximallyReconverges|SPV_KHR_maximal_reconvergence/.test(line));
      await writeFile(`${path}.asm`, known.join("\n"));
      await run("spirv-as", ["--target-env", "spv1.4", `${path}.asm`, "-o", `${path}.spv`]);
      lines.push(`${path}.spv ${entryPoint(assembly)} ${bindingsOf(assembly)}`);
    }
    return lines;
  }

  /**
   * The same for modules with subgroup matrices: a Vulkan layer lets Mesa's software adapter claim them, and writes down the SPIR-V
   * that Dawn gives it.
   * @throws SimclrError where one does not compile, or that adapter is missing.
   */
  async toMatrixSpirv(modules: readonly { readonly code: string; readonly bindings: string }[]): Promise<string[]> {
    const name = readdirSync(DRIVERS).find((file) => file.startsWith(SOFTWARE_DRIVER));
    if (!name) throw new SimclrError(`there is no ${DRIVERS}/${SOFTWARE_DRIVER}*.json; needed: ${REQUIREMENTS}`);
    const [layers, spirv] = [join(this.folder, "layers"), join(this.folder, "matrix-spirv")];
    for (const folder of [layers, spirv]) await mkdir(folder, { recursive: true });
    const library = "libclaim-matrices.so";
    const source = fileURLToPath(new URL("../../../bench/gpu-compile/claim-matrices.c", import.meta.url));
    await run("gcc", ["-O1", "-shared", "-fPIC", "-o", join(layers, library), source]);
    const layer = {
      ...{ name: LAYER, type: "GLOBAL", library_path: `./${library}`, api_version: "1.3.0" },
      ...{ implementation_version: "1", description: "claims VK_KHR_cooperative_matrix" },
    };
    await writeFile(join(layers, `${LAYER}.json`), JSON.stringify({ file_format_version: "1.2.0", layer }));
    const driver = join(DRIVERS, name);
    const child = fileURLToPath(new URL("write-matrix-spirv.js", import.meta.url));
    await converse(process.execPath, [child], JSON.stringify(modules.map(({ code }) => code)), {
      ...{ VK_LAYER_PATH: layers, VK_INSTANCE_LAYERS: LAYER, SPIRV_FOLDER: spirv },
      ...{ VK_DRIVER_FILES: driver, VK_ICD_FILENAMES: driver },
    });
    const written = readdirSync(spirv).filter((file) => file.endsWith(".spv")).length;
    if (written !== modules.length)
      throw new SimclrError(`Dawn gave SPIR-V for ${written} of ${modules.length} modules`);
    return modules.map(({ bindings }, i) => `${join(spirv, `${i}.spv`)} dawn_entry_point ${bindings}`);
  }

  /**
   * Compiles SPIR-V, as `toSpirv` returned it, for a family of GPUs, for example "navi31".
   * @param lanes of a subgroup, for what `toMatrixSpirv` returned
   */
  async compile(lines: readonly string[], family: string, lanes?: number): Promise<Compiled[]> {
    const env = { RADV_FORCE_FAMILY: family, VK_DRIVER_FILES: this.driver, VK_ICD_FILENAMES: this.driver };
    const words = lanes === undefined ? [family] : [family, `${lanes}`];
    const output = await converse(join(this.folder, "pipeline-stats"), words, `${lines.join("\n")}\n`, env);
    const results = output.trim().split("\n");
    if (results.length !== lines.length)
      throw new SimclrError(`${family}: ${results.length} of ${lines.length} reports`);
    return Promise.all(
      lines.map(async (line, i) => {
        const [path] = line.split(" ");
        const assembly = await readFile(`${path}.${family}.isa`, "utf8").catch((cause: unknown) => {
          throw new SimclrError(`${family}: the driver gave no assembly`, { cause });
        });
        return { statistics: JSON.parse(results[i]), assembly };
      }),
    );
  }
}

function entryPoint(assembly: string): string {
  return assembly.match(/OpEntryPoint GLCompute %\S+ "(\w+)"/)?.[1] ?? "main";
}

/** A letter for each binding: s for storage, u for uniform. */
function bindingsOf(assembly: string): string {
  const letters: string[] = [];
  for (const [, id, binding] of assembly.matchAll(/OpDecorate (%\w+) Binding (\d+)/g)) {
    letters[Number(binding)] = new RegExp(`${id} = OpVariable \\S+ Uniform\\b`).test(assembly) ? "u" : "s";
  }
  // A binding that the shader does not use is not in the text.
  return Array.from(letters, (letter) => letter ?? "s").join("");
}
