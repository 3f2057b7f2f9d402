import { suite } from "uvu";
import * as assert from "uvu/assert";
import { blurWindow } from "../../src/augment/augment.js";
import { parsePolicies } from "../../src/augment/parse-policy.js";
import {
  AUGMENTATION_PART_NAMES,
  ablationPolicies,
  augmentationParts,
  composePolicy,
} from "../../src/augment/parts.js";
import {
  AUGMENTATION_POLICY_NAMES,
  type AugmentationPolicy,
  augmentationPolicies,
  checkPolicies,
  noAugmentation,
} from "../../src/augment/policy.js";
import { ConfigError } from "../../src/errors.js";
import { throws } from "../data/expect.js";

const policies = suite("augmentation policies");

policies("the ready-made ones are the paper's", () => {
  assert.equal([...AUGMENTATION_POLICY_NAMES].sort(), Object.keys(augmentationPolicies).sort());
  for (const name of AUGMENTATION_POLICY_NAMES) checkPolicies(augmentationPolicies[name]);
  const shared = {
    cropArea: [0.08, 1],
    cropAspect: [3 / 4, 4 / 3],
    flipProbability: 0.5,
    jitterProbability: 0.8,
    grayscaleProbability: 0.2,
    blurSigma: [0.1, 2],
    sharedCropArea: [1, 1],
    cutoutProbability: 0,
    cutoutSide: 0.5,
    sobelProbability: 0,
    noiseProbability: 0,
    noiseSigma: [0.01, 0.2],
    solarizeProbability: 0,
    rotationProbability: 0,
  };
  const jitter = (strength: number) => {
    const wide = 0.8 * strength;
    return { brightness: wide, contrast: wide, saturation: wide, hue: 0.2 * strength };
  };
  assert.equal(augmentationPolicies.imagenet, { ...shared, ...jitter(1), blurProbability: 0.5 });
  assert.equal(augmentationPolicies.cifar, { ...shared, ...jitter(0.5), blurProbability: 0 });
});

policies("of other methods are those of their authors", () => {
  const { cifar, moco, byol } = augmentationPolicies;
  const weak = { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 };
  const crop = { cropArea: [0.2, 1], flipProbability: 0.5 };
  const colour = { ...weak, jitterProbability: 0.8, grayscaleProbability: 0.2 };
  assert.equal(moco, { ...noAugmentation, ...crop, ...colour, blurProbability: 0.5 });
  assert.equal(augmentationPolicies["moco-cifar"], cifar);
  assert.equal(augmentationPolicies["cifar-weak"], {
    ...noAugmentation,
    ...crop,
    ...colour,
    grayscaleProbability: 0.1,
  });
  const view = { ...noAugmentation, ...crop, cropArea: [0.08, 1], ...colour, saturation: 0.2 };
  assert.equal(byol, [
    { ...view, blurProbability: 1 },
    { ...view, blurProbability: 0.1, solarizeProbability: 0.2 },
  ]);
  assert.equal(augmentationPolicies["byol-cifar"], [view, { ...view, solarizeProbability: 0.2 }]);
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
    [{ sharedCropArea: [0, 1] }, /sharedCropArea is \[0, 1\]/],
    [{ sharedCropArea: [0.5, 1.1] }, /sharedCropArea ends at 1\.1/],
    [{ cutoutProbability: -1 }, /cutoutProbability is -1/],
    [{ cutoutSide: 0 }, /cutoutSide is 0/],
    [{ cutoutSide: 1.5 }, /cutoutSide is 1\.5/],
    [{ cutoutSide: Number.NaN }, /cutoutSide is NaN/],
    [{ sobelProbability: 1.5 }, /sobelProbability is 1\.5/],
    [{ noiseProbability: Number.NaN }, /noiseProbability is NaN/],
    [{ noiseSigma: [0, 0.1] }, /noiseSigma is \[0, 0\.1\]/],
    [{ noiseSigma: [0.2, 0.1] }, /noiseSigma is \[0\.2, 0\.1\]/],
    [{ solarizeProbability: -0.2 }, /solarizeProbability is -0\.2/],
    [{ rotationProbability: 2 }, /rotationProbability is 2/],
  ];
  const { cifar } = augmentationPolicies;
  for (const [change, message] of wrong) {
    const policy = { ...cifar, ...change };
    throws(() => checkPolicies(policy), ConfigError, message);
    throws(() => checkPolicies([policy, cifar]), ConfigError, message);
    throws(() => checkPolicies([cifar, policy]), ConfigError, message);
    throws(() => checkPolicies([cifar, cifar, cifar, policy]), ConfigError, message);
  }
});

policies("in a list are two or more", () => {
  const { cifar } = augmentationPolicies;
  checkPolicies([cifar, cifar]);
  checkPolicies([cifar, noAugmentation, cifar, noAugmentation, cifar]);
  throws(() => checkPolicies([]), ConfigError, /0 policies in a list; .* one for each of two or more views/);
  throws(() => checkPolicies([cifar]), ConfigError, /1 policies in a list/);
});

policies("of several views must agree on the crop that these share", () => {
  const { cifar } = augmentationPolicies;
  checkPolicies([cifar, noAugmentation]);
  checkPolicies([cifar, { ...noAugmentation, cropAspect: [1, 2] }]);
  const shared = { ...cifar, sharedCropArea: [0.5, 1] } as const;
  checkPolicies([shared, { ...noAugmentation, sharedCropArea: [0.5, 1] }]);
  throws(() => checkPolicies([shared, cifar]), ConfigError, /an area of \[0\.5, 1\]/, /an area of \[1, 1\]/);
  throws(() => checkPolicies([shared, { ...shared, cropAspect: [1, 2] }]), ConfigError, /an aspect ratio of \[1, 2\]/);
  throws(() => checkPolicies([shared, shared, cifar]), ConfigError, /an area of \[0\.5, 1\]/, /an area of \[1, 1\]/);
});

policies("are composed of the parts of the paper's ablation", () => {
  assert.equal([...AUGMENTATION_PART_NAMES].sort(), Object.keys(augmentationParts).sort());
  assert.equal(composePolicy(), noAugmentation);
  assert.equal(composePolicy("crop", "color", "blur"), augmentationPolicies.imagenet);
  assert.equal(composePolicy("color", "crop"), composePolicy("crop", "color"));
  const alone = AUGMENTATION_PART_NAMES.map((part) => composePolicy(part));
  for (const policy of alone) checkPolicies(policy);
  assert.is(new Set([noAugmentation, ...alone].map((policy) => JSON.stringify(policy))).size, 8);
  const { cutoutProbability, sobelProbability, noiseProbability, blurProbability, rotationProbability } = composePolicy(
    ...AUGMENTATION_PART_NAMES,
  );
  assert.equal(
    [cutoutProbability, sobelProbability, noiseProbability, blurProbability, rotationProbability],
    [1, 0.5, 0.5, 0.5, 0.75],
  );
});

policies("of the ablation share a first crop, and one view gets nothing else", () => {
  const pair = ablationPolicies(["crop", "noise"]);
  checkPolicies(pair);
  assert.equal(pair, [
    { ...composePolicy("crop", "noise"), sharedCropArea: [0.08, 1] },
    { ...noAugmentation, sharedCropArea: [0.08, 1] },
  ]);
  assert.equal(ablationPolicies(["crop"], [1, 1]), [composePolicy("crop"), noAugmentation]);
});

policies("are read from JSON, as what differs from a base", () => {
  const { cifar, imagenet, byol } = augmentationPolicies;
  const read = (text: string) => parsePolicies(JSON.parse(text));
  assert.equal(read("{}"), noAugmentation);
  assert.equal(read('{ "base": "none", "blurSigma": [1, 2] }'), { ...noAugmentation, blurSigma: [1, 2] });
  assert.equal(read('{ "base": "cifar", "jitterProbability": 0 }'), { ...cifar, jitterProbability: 0 });
  assert.equal(read('{ "base": ["color", "crop"] }'), composePolicy("crop", "color"));
  assert.equal(read('[{ "base": "imagenet" }, { "flipProbability": 1 }]'), [
    imagenet,
    { ...noAugmentation, flipProbability: 1 },
  ]);
  assert.equal(read('[{}, { "base": "cifar" }, { "base": "crop" }]'), [
    noAugmentation,
    cifar,
    augmentationPolicies.crop,
  ]);
  assert.equal(read('[{ "base": "byol" }, { "base": "byol", "hue": 0.2 }]'), [byol[0], { ...byol[1], hue: 0.2 }]);
  assert.equal(parsePolicies(JSON.parse(JSON.stringify([imagenet, cifar]))), [imagenet, cifar]);
  assert.equal(parsePolicies(JSON.parse(JSON.stringify([...byol, cifar]))), [...byol, cifar]);
  // As it was written before there was solarization.
  const { solarizeProbability: _, ...earlier } = byol[1];
  assert.equal(parsePolicies(JSON.parse(JSON.stringify(earlier))), { ...byol[1], solarizeProbability: 0 });
  const wrong: [string, RegExp][] = [
    ["3", /3 where the fields of a policy/],
    ["null", /null where the fields/],
    ['"cifar"', /"cifar" where the fields/],
    ["[]", /0 policies/],
    ["[{}]", /1 policies in a list; it takes one policy, or a list with one for each of two or more views/],
    ["[{}, {}, 3]", /3 where the fields/],
    ["[{}, null]", /null where the fields/],
    ["[[{}, {}], {}]", /\[\{\},\{\}\] where the fields/],
    [
      '{ "base": "colour" }',
      /base is "colour"; choose "none", "byol", .*"cifar", .*"moco-cifar", or an array of crop, cutout/,
    ],
    ['{ "base": "byol" }', /base is "byol", which is 2 policies for the views of an image/],
    ['[{ "base": "byol" }, {}, {}]', /base is "byol", which is 2 policies/],
    ['{ "base": ["crop", "colour"] }', /base is \["crop","colour"\]/],
    ['{ "base": 3 }', /base is 3/],
    ['{ "jitter": 1 }', /no "jitter"; it has sharedCropArea, .*rotationProbability/],
    ['{ "toString": 1 }', /no "toString"/],
    ['{ "hue": "0.1" }', /hue is "0\.1"; it must be a number/],
    ['{ "hue": null }', /hue is null/],
    ['{ "blurSigma": 1 }', /blurSigma is 1; it must be a range, \[least, most\]/],
    ['{ "blurSigma": [1] }', /blurSigma is \[1\]/],
    ['{ "blurSigma": [1, "2"] }', /blurSigma is \[1,"2"\]/],
  ];
  for (const [text, message] of wrong) throws(() => read(text), ConfigError, message);
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
