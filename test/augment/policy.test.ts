import { suite } from "uvu";
import * as assert from "uvu/assert";
import { blurWindow } from "../../src/augment/augment.js";
import {
  AUGMENTATION_POLICY_NAMES,
  type AugmentationPolicy,
  augmentationPolicies,
  checkPolicy,
} from "../../src/augment/policy.js";
import { ConfigError } from "../../src/errors.js";
import { throws } from "../data/expect.js";

const policies = suite("augmentation policies");

policies("the ready-made ones are the paper's", () => {
  assert.equal([...AUGMENTATION_POLICY_NAMES].sort(), Object.keys(augmentationPolicies).sort());
  for (const name of AUGMENTATION_POLICY_NAMES) checkPolicy(augmentationPolicies[name]);
  const shared = {
    cropArea: [0.08, 1],
    cropAspect: [3 / 4, 4 / 3],
    flipProbability: 0.5,
    jitterProbability: 0.8,
    grayscaleProbability: 0.2,
    blurSigma: [0.1, 2],
  };
  const jitter = (strength: number) => {
    const wide = 0.8 * strength;
    return { brightness: wide, contrast: wide, saturation: wide, hue: 0.2 * strength };
  };
  assert.equal(augmentationPolicies.imagenet, { ...shared, ...jitter(1), blurProbability: 0.5 });
  assert.equal(augmentationPolicies.cifar, { ...shared, ...jitter(0.5), blurProbability: 0 });
});

policies("are refused where a value is out of its range, with the value", () => {
  const wrong: [Partial<AugmentationPolicy>, RegExp][] = [
    [{ flipProbability: 1.1 }, /flipProbability is 1\.1/],
    [{ jitterProbability: -0.1 }, /jitterProbability is -0\.1/],
    [{ grayscaleProbability: Number.NaN }, /grayscaleProbability is NaN/],
    [{ blurProbability: 2 }, /blurProbability is 2/],
    [{ brightness: -1 }, /brightness is -1/],
    [{ contrast: -0.5 }, /contrast is -0\.5/],
    [{ saturation: Number.NaN }, /saturation is NaN/],
    [{ hue: -0.1 }, /hue is -0\.1/],
    [{ hue: 0.6 }, /hue is 0\.6/],
    [{ cropArea: [0, 1] }, /cropArea is \[0, 1\]/],
    [{ cropArea: [0.5, 0.4] }, /cropArea is \[0\.5, 0\.4\]/],
    [{ cropArea: [0.5, 1.5] }, /cropArea ends at 1\.5/],
    [{ cropAspect: [-1, 1] }, /cropAspect is \[-1, 1\]/],
    [{ blurSigma: [3, 2] }, /blurSigma is \[3, 2\]/],
  ];
  for (const [change, message] of wrong) {
    throws(() => checkPolicy({ ...augmentationPolicies.cifar, ...change }), ConfigError, message);
  }
});

policies("the blur's window is a tenth of the height, made odd", () => {
  for (const [height, window] of [
    [8, 1],
    [19, 1],
    [20, 3],
    [32, 3],
    [40, 5],
    [64, 7],
    [96, 9],
    [224, 23],
  ]) {
    assert.is(blurWindow(height), window, `of ${height} pixels`);
  }
});

policies.run();
