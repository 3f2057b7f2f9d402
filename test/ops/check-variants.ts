import * as assert from "uvu/assert";
import { type Deviation, passes, worstDeviation } from "../../src/doctor/check.js";
import { convolutionSubject } from "../../src/doctor/convolution-checks.js";
import { ntXentSubject } from "../../src/doctor/loss-checks.js";
import { matmulSubject } from "../../src/doctor/matmul-checks.js";
import { randomInputs } from "../../src/doctor/random-inputs.js";
import type { AdapterSummary } from "../../src/engine/adapter.js";
import type { Site, Variant } from "../../src/engine/choices.js";
import { Device } from "../../src/engine/device.js";
import {
  contrastGradientVariants,
  contrastVariants,
  convolutionVariants,
  matmulVariants,
  weightGradientVariants,
} from "../../src/ops/variants.js";
import { windowOutputSize } from "../../src/reference/window.js";

/** A check with some variants forced. */
export interface VariantCheck {
  /** The variants by operation, and the size. */
  readonly title: string;
  /** Fails where a variant is not used, or its results are off by more than rounding allows. */
  run(): Promise<void>;
}

type Compute = (device: Device) => Promise<Deviation>;

/** Makes checks on a device with choices of its own, and watches what they pick. */
function checker(device: Device) {
  const { choices } = device;
  const picked = new Set<string>();
  const pick = choices.pick.bind(choices);
  const value = (site: Site) => {
    const variant = pick(site);
    picked.add(`${site.operation}=${variant.name}`);
    return variant;
  };
  Object.defineProperty(choices, "pick", { value });
  return (forced: Readonly<Record<string, string>>, size: string, compute: Compute): VariantCheck => {
    const names = Object.entries(forced).map(([operation, name]) => `${operation}=${name}`);
    const run = async () => {
      picked.clear();
      choices.use({});
      for (const [operation, name] of Object.entries(forced)) choices.force(operation, name);
      const deviation = await compute(device);
      for (const name of names) assert.ok(picked.has(name), `${name} was not used, but ${[...picked].join(", ")}`);
      assert.ok(passes(deviation), `off by ${deviation.error}, and rounding allows ${deviation.tolerance}`);
    };
    return { title: `${names.join(" ")} at ${size}`, run };
  };
}

/** Entry `i` of a list, or its last one. */
function at(variants: readonly Variant[], i: number): string {
  return variants[Math.min(i, variants.length - 1)].name;
}

/** 0, 1, ... for all but the first of the longest of the lists: that is the default, which all other tests use. */
function rounds(...lists: readonly (readonly Variant[])[]): number[] {
  return Array.from({ length: Math.max(...lists.map(({ length }) => length)) - 1 }, (_, i) => i + 1);
}

/** Channels before and after a convolution, or extents of a product. */
export type Channels = readonly [number, number];

/** Those for which the tiles differ, with and without vectors of four; none a multiple of a tile. */
const CHANNELS: readonly Channels[] = [
  [69, 67],
  [68, 36],
  [11, 13],
  [5, 3],
];

/** Checks of all variants that this adapter offers, at odd sizes, with all that is computed backward. */
export function variantChecks(
  gpu: GPUDevice,
  adapter: AdapterSummary,
  channels: readonly Channels[] = CHANNELS,
): VariantCheck[] {
  const device = new Device(gpu, adapter);
  const check = checker(device);
  const checks: VariantCheck[] = [];
  for (const [inChannels, outChannels] of channels) {
    const taps = 9;
    const product = (inner: number, cols: number) => ({ rows: 60, inner, cols });
    const forward = convolutionVariants(device, {
      channels: inChannels,
      runTaps: 3,
      window: 3,
      shape: product(taps * inChannels, outChannels),
    });
    const input = convolutionVariants(device, {
      channels: outChannels,
      runTaps: 1,
      window: 3,
      shape: product(taps * outChannels, inChannels),
    });
    const weight = weightGradientVariants(device, inChannels, {
      rows: taps * inChannels,
      inner: 60,
      cols: outChannels,
    });
    for (const i of rounds(forward, input, weight)) {
      const forced = {
        conv2d: at(forward, i),
        "conv2d-input-gradient": at(input, i),
        "conv2d-weight-gradient": at(weight, i),
      };
      const shape = {
        ...{ batch: 3, height: 7, width: 5, inChannels, outChannels },
        ...{ kernelHeight: 3, kernelWidth: 3, stride: 2, padding: 1 },
      };
      const compute: Compute = async (device) => {
        const random = randomInputs(11);
        const out = windowOutputSize(shape);
        const inputs = {
          ...shape,
          x: random.normal(3 * 7 * 5 * inChannels),
          weight: random.normal(9 * inChannels * outChannels),
          dy: random.normal(3 * out.height * out.width * outChannels),
        };
        const actual = await convolutionSubject.compute(device, inputs);
        return worstDeviation(
          actual,
          convolutionSubject.reference(inputs, actual),
          convolutionSubject.tolerance(inputs),
        );
      };
      checks.push(check(forced, `${inChannels} to ${outChannels} channels`, compute));
    }
    const products = matmulVariants(device, product(inChannels, outChannels));
    for (const i of rounds(products)) {
      const shape = { m: 37, n: outChannels, k: inChannels };
      const compute: Compute = async (device) => {
        const random = randomInputs(12);
        const { m, n, k } = shape;
        const inputs = { ...shape, a: random.normal(m * k), b: random.normal(k * n), dc: random.normal(m * n) };
        const actual = await matmulSubject.compute(device, inputs);
        return worstDeviation(actual, matmulSubject.reference(inputs, actual), matmulSubject.tolerance(inputs));
      };
      checks.push(check({ matmul: at(products, i) }, `37 x ${inChannels} x ${outChannels}`, compute));
    }
  }
  const passes = [contrastVariants(device), contrastGradientVariants(device)];
  for (const i of rounds(...passes)) {
    const compute: Compute = async (device) => {
      const cut = { blocks: [130, 60], panel: 90 };
      const inputs = { rows: 190, dimension: 127, temperature: 0.2, z: randomInputs(13).normal(190 * 127), cut };
      const actual = await ntXentSubject.compute(device, inputs);
      return worstDeviation(actual, ntXentSubject.reference(inputs, actual), ntXentSubject.tolerance(inputs));
    };
    const forced = { contrast: at(passes[0], i), "contrast-gradient": at(passes[1], i) };
    checks.push(check(forced, "190 x 127", compute));
  }
  return checks;
}
