/** The runtimes that tests run in, and a test process in Node, Bun and Deno. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { runInChromium } from "./chromium.js";
import { repository } from "./repository.js";
import type { Runtime } from "./runtime.js";
import { reportMark } from "./suites.js";

/** Those that take the longest first; Bun finds many kernels compiled that Node had to compile. */
export const runtimeNames = ["node", "deno", "chromium", "bun"] as const;
export type RuntimeName = (typeof runtimeNames)[number];

const tool = (name: string) => `${repository}node_modules/.bin/${name}`;

export const runtimes: Record<RuntimeName, Runtime> = {
  node: runInProcess(process.execPath, ["--enable-source-maps"]),
  bun: runInProcess(tool("bun"), ["run"]),
  deno: runInProcess(tool("deno"), ["run", "--allow-all", "--no-lock", "--quiet"]),
  chromium: runInChromium,
};

function runInProcess(command: string, options: readonly string[]): Runtime {
  const entry = fileURLToPath(new URL("host.js", import.meta.url));
  return ({ files, onReport, print, signal }) =>
    new Promise((resolve) => {
      const child = spawn(command, [...options, entry, ...files], {
        cwd: repository,
        // Its own process group, so that ending it ends what its tests have spawned too.
        detached: true,
        stdio: ["ignore", "pipe", "pipe"],
        env: { ...process.env, NO_COLOR: "1" },
      });
      const kill = () => {
        if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      };
      signal.addEventListener("abort", kill);
      createInterface(child.stdout).on("line", (line) => {
        const [text = "", report] = line.split(reportMark);
        if (text !== "") print(text);
        if (report !== undefined) onReport(JSON.parse(report));
      });
      createInterface(child.stderr).on("line", print);
      const finish = (how: string) => {
        signal.removeEventListener("abort", kill);
        resolve(how);
      };
      child.on("error", (error) => finish(`could not be started: ${error.message}`));
      child.on("close", (code, by) => finish(by === null ? `ended with exit code ${code}` : `was ended by ${by}`));
    });
}
