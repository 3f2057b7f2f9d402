/**
 * Prints the tables that stand in bench/README.md, in Markdown: `node dist/bench/table.js [--rounds <n>]`. Each benchmark runs in
 * a process of its own; the training steps start with no shaders on disk, as Mesa would keep them.
 */
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { SimclrError } from "../src/errors.js";
import { Command } from "../src/vendor/commander.js";
import { runCommand } from "./command-line.js";
import { BATCH_FACTOR, ROUNDS } from "./measure/benchmark.js";
import type { HostResult } from "./measure/host.js";
import type { KernelsResult } from "./measure/kernels.js";
import { readmeTables } from "./measure/readme.js";
import type { StepResult } from "./measure/step.js";

const NETS = [
  ["convnet", 128],
  ["resnet18", 4],
  ["resnet50", 4],
] as const;

/** The JSON that a benchmark prints. @throws SimclrError where it fails. */
async function measured(name: string, words: readonly string[], env: Record<string, string> = {}): Promise<string> {
  console.error([name, ...words].join(" "));
  const runner = "deno" in process.versions ? ["run", "--allow-all"] : [];
  const script = fileURLToPath(new URL(`${name}.js`, import.meta.url));
  const child = spawn(process.execPath, [...runner, script, ...words, "--json"], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...env },
  });
  const ended = new Promise<number | null>((resolve, reject) => child.on("error", reject).on("close", resolve));
  const json = await text(child.stdout);
  const code = await ended;
  if (code !== 0) throw new SimclrError(`${name} ended with exit code ${code}; its error is above`);
  return json;
}

const command = new Command("table")
  .description("the tables of bench/README.md of this machine's adapter, in Markdown")
  .option(`--${ROUNDS.name} <value>`, ROUNDS.description, ROUNDS.standard)
  .option(`--${BATCH_FACTOR.name} <value>`, BATCH_FACTOR.description, BATCH_FACTOR.standard)
  .action(async ({ rounds, batchFactor }: { rounds: string; batchFactor: string }) => {
    const same = ["--rounds", rounds];
    const kernels: KernelsResult = JSON.parse(
      await measured("kernels", [...same, `--${BATCH_FACTOR.name}`, batchFactor]),
    );
    const steps: StepResult[] = [];
    for (const [net, batch] of NETS) {
      const words = [net, String(batch * Number(batchFactor)), ...same];
      steps.push(JSON.parse(await measured("step", words, { MESA_SHADER_CACHE_DISABLE: "true" })));
    }
    const host: HostResult = JSON.parse(await measured("host", same));
    console.log(readmeTables(kernels, steps, host));
  });
await runCommand(command);
