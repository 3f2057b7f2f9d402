import type { Device } from "../engine/device.js";
import { arrangementChecks, halfArrangementChecks } from "./arrangement-checks.js";
import { attentionChecks, halfAttentionChecks } from "./attention-checks.js";
import { augmentChecks } from "./augment-checks.js";
import { batchNormChecks, halfBatchNormChecks } from "./batch-norm-checks.js";
import { broadcastChecks, halfBroadcastChecks } from "./broadcast-checks.js";
import { type Check, type Deviation, passes } from "./check.js";
import { contrastChecks } from "./contrast-checks.js";
import { contrastKeysChecks } from "./contrast-keys-checks.js";
import { convolutionChecks, groupedConvolutionChecks, halfConvolutionChecks } from "./convolution-checks.js";
import { debiasedChecks } from "./debiased-checks.js";
import { elementwiseChecks, halfElementwiseChecks } from "./elementwise-checks.js";
import { eppsPulleyChecks } from "./epps-pulley-checks.js";
import { functionChecks, halfFunctionChecks } from "./function-checks.js";
import { groupNormChecks } from "./group-norm-checks.js";
import { indicatorChecks } from "./indicator-checks.js";
import { larsChecks } from "./lars-checks.js";
import { halfLayerNormChecks, layerNormChecks } from "./layer-norm-checks.js";
import { layoutChecks } from "./layout-checks.js";
import { lossChecks } from "./loss-checks.js";
import { lossScaleChecks } from "./loss-scale-checks.js";
import { halfMatmulChecks, matmulChecks } from "./matmul-checks.js";
import { emulatedMatrixChecks, matrixUnitChecks } from "./matrix-checks.js";
import { movingAverageChecks } from "./moving-average-checks.js";
import { nearestChecks } from "./nearest-checks.js";
import { optimizerChecks } from "./optimizer-checks.js";
import { halfPoolingChecks, poolingChecks } from "./pooling-checks.js";
import { halfReductionChecks, reductionChecks } from "./reduction-checks.js";
import { halfStatisticsChecks, statisticsChecks } from "./statistics-checks.js";
import { halfTiledChecks, tiledChecks } from "./tiled-checks.js";
import { transformerChecks } from "./transformer-checks.js";
import { tripletChecks } from "./triplet-checks.js";
import { viewFilterChecks } from "./view-filter-checks.js";
import { weightStandardizationChecks } from "./weight-standardization-checks.js";

/** Checks of every kernel with f32, at small sizes that are no multiple of any tile. */
export const checks: readonly Check[] = [
  ...elementwiseChecks,
  ...functionChecks,
  ...broadcastChecks,
  ...reductionChecks,
  ...arrangementChecks,
  ...matmulChecks,
  ...convolutionChecks,
  ...groupedConvolutionChecks,
  ...tiledChecks,
  ...batchNormChecks,
  ...groupNormChecks,
  ...layerNormChecks,
  ...attentionChecks,
  ...transformerChecks,
  ...statisticsChecks,
  ...weightStandardizationChecks,
  ...poolingChecks,
  ...lossChecks,
  ...contrastChecks,
  ...contrastKeysChecks,
  ...tripletChecks,
  ...debiasedChecks,
  ...nearestChecks,
  ...layoutChecks,
  ...indicatorChecks,
  ...eppsPulleyChecks,
  ...optimizerChecks,
  ...larsChecks,
  ...movingAverageChecks,
  ...lossScaleChecks,
  ...augmentChecks,
  ...viewFilterChecks,
];

/** Checks of activations in f16, for devices that have it. */
export const halfChecks: readonly Check[] = [
  ...halfElementwiseChecks,
  ...halfFunctionChecks,
  ...halfBroadcastChecks,
  ...halfReductionChecks,
  ...halfArrangementChecks,
  ...halfMatmulChecks,
  ...halfConvolutionChecks,
  ...halfTiledChecks,
  ...emulatedMatrixChecks,
  ...halfBatchNormChecks,
  ...halfLayerNormChecks,
  ...halfAttentionChecks,
  ...halfStatisticsChecks,
  ...halfPoolingChecks,
];

/** All checks that are for this device. */
export function checksFor(device: Device): readonly Check[] {
  return [...checks, ...(device.has("shader-f16") ? halfChecks : []), ...matrixUnitChecks(device)];
}

/** How a check went. */
export interface CheckResult extends Deviation {
  readonly check: Check;
  /** Whether the error is within the tolerance. */
  readonly passed: boolean;
}

/** Checks that run side by side, so that a processor core is busy while pipelines are compiled in the background. */
const atOnce = 8;

/**
 * Runs every check for the device, a few side by side; takes seconds on a software adapter.
 * @param onResult called after each check, in the order of `checksFor(device)`
 * @throws what goes wrong on the device; a wrong result is no error but a result with `passed` false.
 */
export async function runChecks(
  device: Device,
  onResult: (result: CheckResult, total: number) => void = () => {},
): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  const all = checksFor(device);
  for (let begin = 0; begin < all.length; begin += atOnce) {
    const group = all.slice(begin, begin + atOnce).map(async (check): Promise<CheckResult> => {
      const deviation = await check.run(device);
      return { check, ...deviation, passed: passes(deviation) };
    });
    for (const result of await Promise.all(group)) {
      results.push(result);
      onResult(result, all.length);
    }
  }
  return results;
}
