import { type CheckResult, runChecks } from "../doctor/checks.js";
import { matrixUnitsText } from "../engine/matrix-units.js";
import type { Command } from "../vendor/commander.js";
import { addOutputOptions, answer, say } from "./output.js";
import { withDevice } from "./session.js";
import { mebibytes, percentage, textTable } from "./table.js";

const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupsPerDimension",
] as const;

/** One row a kernel: in how many checks it was, and the largest error as a share of what f32 arithmetic allows. */
function kernelRows(results: readonly CheckResult[]): string[][] {
  const byKernel = new Map<string, { checks: number; worst: number; passed: boolean }>();
  for (const { check, error, tolerance, passed } of results) {
    const share = error === 0 ? 0 : error / tolerance;
    for (const kernel of check.kernels) {
      const row = byKernel.get(kernel) ?? { checks: 0, worst: 0, passed: true };
      byKernel.set(kernel, { checks: row.checks + 1, worst: Math.max(row.worst, share), passed: row.passed && passed });
    }
  }
  return [...byKernel]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([kernel, { checks, worst, passed }]) => [
      kernel,
      String(checks),
      `${percentage(worst)} of allowed`,
      passed ? "ok" : "WRONG",
    ]);
}

/** `simclr doctor` */
export function addDoctorCommand(program: Command): void {
  addOutputOptions(program.command("doctor"))
    .description("name the adapter and its limits, and check every kernel on it against the reference")
    .action(async () => {
      await withDevice(async (device) => {
        const { limits, features } = device.gpu;
        const shown = (value: number) => (value >= 2 ** 20 ? mebibytes(value) : value.toLocaleString("en"));
        const optional = ["shader-f16", "subgroups", "timestamp-query"].map((feature) => [
          feature,
          features.has(feature) ? "yes" : "no",
        ]);
        say(
          `\n${textTable([["limit or feature", "value"], ...LIMITS.map((name) => [name, shown(limits[name])]), ...optional])}\n`,
        );
        const units = device.matrixUnits.map(matrixUnitsText);
        say(units.length > 0 ? `matrix units: ${units.join(", ")}\n` : "no matrix units\n");
        const results = await runChecks(device);
        const wrong = results.filter((result) => !result.passed).length;
        say(textTable([["kernel", "checks", "largest error", ""], ...kernelRows(results)]));
        answer(
          {
            adapter: { name: device.adapter.name, software: device.adapter.software },
            limits: Object.fromEntries(LIMITS.map((name) => [name, limits[name]])),
            features: [...features].sort(),
            matrixUnits: device.matrixUnits,
            checks: results.map(({ check: { shape, kernels }, error, tolerance, passed }) => ({
              ...{ shape, kernels, error, tolerance, passed },
            })),
            passed: wrong === 0,
          },
          `\n${results.length - wrong} of ${results.length} checks passed`,
        );
        if (wrong > 0) process.exitCode = 1;
      });
    });
}
