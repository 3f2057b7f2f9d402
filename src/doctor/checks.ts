import type { Device } from "../engine/device.js";
import { augmentChecks } from "./augment-checks.js";
import { batchNormChecks } from "./batch-norm-checks.js";
import { type Check, type Deviation, passes } from "./check.js";
import { convolutionChecks } from "./convolution-checks.js";
import { elementwiseChecks } from "./elementwise-checks.js";
import { indicatorChecks } from "./indicator-checks.js";
import { lossChecks } from "./loss-checks.js";
import { matmulChecks } from "./matmul-checks.js";
import { nearestChecks } from "./nearest-checks.js";
import { optimizerChecks } from "./optimizer-checks.js";
import { poolingChecks } from "./pooling-checks.js";
import { tiledChecks } from "./tiled-checks.js";

/** Checks of every kernel, at small sizes that are no multiple of any tile. */
export const checks: readonly Check[] = [
  ...elementwiseChecks,
  ...matmulChecks,
  ...convolutionChecks,
  ...tiledChecks,
  ...batchNormChecks,
  ...poolingChecks,
  ...lossChecks,
  ...nearestChecks,
  ...indicatorChecks,
  ...optimizerChecks,
  ...augmentChecks,
];

/** How a check went. */
export interface CheckResult extends Deviation {
  readonly check: Check;
  /** Whether the error is within the tolerance. */
  readonly passed: boolean;
}

/** Checks that run side by side, so that a processor core is busy while pipelines are compiled in the background. */
const atOnce = 8;

/**
 * Runs every check, a few side by side; takes seconds on a software adapter.
 * @param onResult called after each check, in the order of `checks`
 * @throws what goes wrong on the device; a wrong result is no error but a result with `passed` false.
 */
export async function runChecks(
  device: Device,
  onResult: (result: CheckResult, total: number) => void = () => {},
): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for (let begin = 0; begin < checks.length; begin += atOnce) {
    const group = checks.slice(begin, begin + atOnce).map(async (check): Promise<CheckResult> => {
      const deviation = await check.run(device);
      return { check, ...deviation, passed: passes(deviation) };
    });
    for (const result of await Promise.all(group)) {
      results.push(result);
      onResult(result, checks.length);
    }
  }
  return results;
}
