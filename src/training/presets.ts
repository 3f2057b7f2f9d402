import { type AugmentationPolicy, paperPolicy } from "../augment/policy.js";
import { ConfigError } from "../errors.js";
import type { TrainingConfig } from "./config.js";

/** A published recipe. */
export interface Preset {
  /** As on the command line. */
  readonly name: string;
  /** Where it is published. */
  readonly source: string;
  /** What came out there, and what differs here. */
  readonly published: string;
  /** What differs from `DEFAULT_CONFIG`. */
  readonly config: Partial<TrainingConfig>;
}

/** SGD as PyTorch has it: plain momentum, and all parameters decay. */
const pytorchSgd = { optimizer: "sgd", nesterov: false, decay: "all", warmupEpochs: 0 } as const;

/** A ResNet-18 for images of 32 pixels. */
const cifarResNet = { encoder: "resnet18", stem: "cifar" } as const;

/** Recipe of dkobak for so many epochs: the shorter one has twice the rate. */
function dkobak(epochs: number, learningRate: number, published: string): Preset {
  return {
    name: `dkobak-${epochs}`,
    source: "github.com/dkobak/simclr-cifar10, commit 44b2500",
    published,
    config: {
      ...{
        ...cifarResNet,
        ...pytorchSgd,
        batch: 512,
        epochs,
        learningRate,
        learningRateScaling: "linear",
        weightDecay: 5e-4,
      },
      augmentation: "cifar-weak",
      method: "simclr",
      options: { temperature: 0.5, headHidden: 1024, headOutput: 128 },
    },
  };
}

/** lightly's benchmark for CIFAR-10 with 200 epochs: the same training for all methods. */
function lightly(method: string, published: string, config: Partial<TrainingConfig>): Preset {
  return {
    name: `lightly-${method}-200`,
    source: "github.com/lightly-ai/lightly, cifar10_benchmark.py, commit e8d317f",
    published: `${published}; there, images are normalised by ImageNet's means and deviations`,
    config: {
      ...{
        ...cifarResNet,
        ...pytorchSgd,
        batch: 128,
        epochs: 200,
        learningRate: 0.12,
        learningRateScaling: "linear",
        weightDecay: 5e-4,
      },
      augmentation: "cifar",
      method,
      ...config,
    },
  };
}

/** solo-learn's for CIFAR-10: LARS with clipped rates, 1,000 epochs. */
function solo(method: string, published: string, config: Partial<TrainingConfig>): Preset {
  return {
    name: `solo-${method}`,
    source: "github.com/vturrisi/solo-learn, scripts/pretrain/cifar, commit 9187ea3",
    published: `${published}, by an online linear classifier; there, the first convolution has a padding of 2`,
    config: {
      ...{ ...cifarResNet, optimizer: "lars", larsEta: 0.02, larsClip: true, learningRateScaling: "linear" },
      ...{ batch: 256, epochs: 1000, warmupEpochs: 10 },
      method,
      ...config,
    },
  };
}

/** solo-learn's views for VICReg on CIFAR-10, and those of eb_jepa. */
const solarizedViews = {
  ...paperPolicy(0.5, 0),
  cropArea: [0.2, 1],
  saturation: 0.2,
  solarizeProbability: 0.1,
} as const satisfies AugmentationPolicy;

/** Published recipes, for images of the size that they were made for: 32 pixels, and 224 for ImageNet. */
export const PRESETS: readonly Preset[] = [
  {
    name: "simclr-imagenet",
    source: "Chen et al. 2020, sections 2.2, 2.3 and 5.1",
    published: "64.5 % top-1 of the linear classifier on ImageNet after 100 epochs, 69.3 % after 1,000",
    config: {
      ...{ encoder: "resnet50", stem: "imagenet", optimizer: "lars", learningRate: 0.3, learningRateScaling: "linear" },
      ...{ batch: 4096, epochs: 100, warmupEpochs: 10, weightDecay: 1e-6 },
      augmentation: "imagenet",
      method: "simclr",
      options: { temperature: 0.1, headOutput: 128 },
    },
  },
  {
    name: "simclr-cifar10",
    source: "Chen et al. 2020, appendix B.9",
    published:
      "94.0 % of the linear classifier on CIFAR-10; of the rates 0.5, 1.0 and 1.5 that the article tried, the middle one",
    config: {
      ...{ encoder: "resnet50", stem: "cifar", optimizer: "lars", learningRate: 1, learningRateScaling: "linear" },
      ...{ batch: 1024, epochs: 1000, warmupEpochs: 10, weightDecay: 1e-6 },
      augmentation: "cifar",
      method: "simclr",
      options: { temperature: 0.5, headOutput: 128 },
    },
  },
  dkobak(100, 0.06, "kNN (k = 10) 83.2 %, linear 85.6 %"),
  dkobak(500, 0.03, "kNN (k = 10) 90.3 %"),
  dkobak(1000, 0.03, "kNN (k = 10) 91.4 %, linear 91.7 to 91.9 %"),
  lightly("simclr", "kNN (k = 200) 84.7 %", {
    options: { temperature: 0.5, headHidden: 512, headOutput: 128 },
  }),
  lightly("dcl", "kNN (k = 200) 84.4 %", {
    method: "simclr",
    options: { negatives: "decoupled", temperature: 0.1, headHidden: 512, headOutput: 128 },
  }),
  lightly("dclw", "kNN (k = 200) 83.3 %", {
    method: "simclr",
    options: { negatives: "decoupled-weighted", temperature: 0.1, headHidden: 512, headOutput: 128 },
  }),
  lightly("moco", "kNN (k = 200) 83.8 %", {
    options: { temperature: 0.1, queue: 4096, momentum: 0.99, headHidden: 512, headOutput: 128 },
  }),
  lightly("nnclr", "kNN (k = 200) 83.4 %, with NT-Xent of neighbours and predictions together in place of this loss", {
    options: {
      ...{ temperature: 0.5, queue: 4096, headLayers: 2, headHidden: 2048, headOutput: 256, predictorHidden: 4096 },
    },
  }),
  lightly(
    "byol",
    "kNN (k = 200) 86.9 %, with a loss of a quarter of this one, four times this rate, and a quarter of this decay",
    {
      ...{ learningRate: 0.03, weightDecay: 2e-3 },
      augmentation: "byol-cifar",
      options: { momentum: 0.99, finalMomentum: 0, headHidden: 1024, headOutput: 256, predictorHidden: 1024 },
    },
  ),
  lightly("simsiam", "kNN (k = 200) 81.9 %; there, the norm that ends the head has a scale and an offset", {
    options: { headHidden: 2048, headOutput: 2048, predictorHidden: 512, predictorConstantRate: false },
  }),
  lightly("fastsiam", "kNN (k = 200) 90.6 %; there, the norm that ends the head has a scale and an offset", {
    method: "simsiam",
    options: { views: 4, headHidden: 2048, headOutput: 2048, predictorHidden: 512, predictorConstantRate: false },
  }),
  lightly("barlow", "kNN (k = 200) 84.2 %", {
    augmentation: "byol-cifar",
    options: { lambda: 0.005, headLayers: 2, headHidden: 2048, headOutput: 2048 },
  }),
  {
    name: "simsiam-cifar10",
    source: "Chen and He 2021, appendix D",
    published: "91.8 % of the linear classifier on CIFAR-10",
    config: {
      ...{ ...cifarResNet, ...pytorchSgd, learningRate: 0.03, learningRateScaling: "linear", weightDecay: 5e-4 },
      ...{ batch: 512, epochs: 800 },
      augmentation: "cifar",
      method: "simsiam",
      options: { headHidden: 2048, headOutput: 2048, predictorHidden: 512 },
    },
  },
  lightly("swav", "kNN (k = 200) 81.2 %, with Adam, whose decay is part of the gradient", {
    ...{ optimizer: "adamw", learningRate: 1e-3, learningRateScaling: "none", weightDecay: 1e-6 },
    augmentation: "auto",
    options: { temperature: 0.1, headHidden: 512, headOutput: 128, prototypes: 512, frozenEpochs: 0 },
  }),
  {
    name: "instdisc-cifar10",
    source: "github.com/zhirongw/lemniscate.pytorch, cifar.py; Wu et al. 2018, table 1",
    published:
      "kNN (k = 200) 80.8 %; there, the rate is constant but for a tenth of it from epoch 120 and from epoch 160 on",
    config: {
      ...{ ...cifarResNet, ...pytorchSgd, batch: 128, epochs: 200, learningRate: 0.03, weightDecay: 5e-4 },
      method: "instdisc",
      options: { temperature: 0.1, headOutput: 128, bankMomentum: 0.5 },
    },
  },
  solo("simclr", "90.74 %", {
    ...{ learningRate: 0.4, weightDecay: 1e-4 },
    // Its symmetric views are those of ImageNet in strength, with blur.
    augmentation: "imagenet",
    options: { temperature: 0.2, headHidden: 2048, headOutput: 256 },
  }),
  solo("nnclr", "91.88 %", {
    ...{ learningRate: 0.4, weightDecay: 1e-5 },
    augmentation: "byol-cifar",
    options: { temperature: 0.2, queue: 65536, headHidden: 2048, headOutput: 256, predictorHidden: 4096 },
  }),
  solo("supcon", "93.82 %", {
    ...{ optimizer: "sgd", nesterov: false, decay: "all", learningRate: 0.4, weightDecay: 1e-5 },
    augmentation: "imagenet",
    options: { temperature: 0.2, headHidden: 2048, headOutput: 256 },
  }),
  solo("moco-v3", "93.10 %", {
    ...{ learningRate: 0.3, weightDecay: 1e-6 },
    augmentation: "byol-cifar",
    options: {
      ...{ temperature: 0.2, momentum: 0.99, finalMomentum: 1 },
      ...{ headHidden: 4096, headOutput: 256, predictorHidden: 4096 },
    },
  }),
  solo("swav", "89.17 %", {
    ...{ learningRate: 0.6, weightDecay: 1e-6 },
    augmentation: "imagenet",
    options: {
      ...{ temperature: 0.1, headHidden: 2048, headOutput: 128 },
      ...{ prototypes: 3000, frozenEpochs: 2, queue: 3840, queueEpochs: 50 },
    },
  }),
  solo("dino", "89.52 %", {
    ...{ learningRate: 0.3, weightDecay: 1e-6 },
    augmentation: "byol-cifar",
    options: {
      ...{ headHidden: 2048, headOutput: 256, headBatchNorm: false, prototypes: 4096, frozenEpochs: 1 },
      ...{ teacherTemperature: 0.07, momentum: 0.9995, finalMomentum: 1 },
    },
  }),
  solo("byol", "92.58 %", {
    ...{ learningRate: 1, weightDecay: 1e-5 },
    augmentation: "byol-cifar",
    options: { momentum: 0.99, finalMomentum: 1, headHidden: 4096, headOutput: 256, predictorHidden: 4096 },
  }),
  solo("simsiam", "90.51 %", {
    ...{ optimizer: "sgd", nesterov: false, learningRate: 0.5, weightDecay: 1e-5 },
    // Its "symmetric weak" views.
    augmentation: paperPolicy(0.5, 0.5),
    options: { headHidden: 2048, headOutput: 2048, predictorHidden: 512 },
  }),
  solo("barlow", "92.10 %", {
    ...{ learningRate: 0.3, weightDecay: 1e-4 },
    augmentation: "byol-cifar",
    options: { scaleLoss: 0.1, headHidden: 2048, headOutput: 2048 },
  }),
  solo("vicreg", "92.07 %, where the variance of both views counts twice this", {
    ...{ learningRate: 0.3, weightDecay: 1e-4 },
    augmentation: solarizedViews,
    options: { variance: 50, headHidden: 2048, headOutput: 2048 },
  }),
  {
    name: "ebjepa-lejepa",
    source: "github.com/facebookresearch/eb_jepa, SIGReg on CIFAR-10, commit 966e61e",
    published:
      "91.02 % of the linear classifier; there, SIGReg has 10 knots in [-3, 3] and another weight, 0.0098 in units of this one, and the first convolution has a padding of 2",
    config: {
      ...{ ...cifarResNet, optimizer: "lars", larsEta: 0.02, larsClip: true, learningRateScaling: "linear" },
      ...{ batch: 256, epochs: 300, warmupEpochs: 10, learningRate: 0.3, weightDecay: 1e-4 },
      augmentation: solarizedViews,
      method: "lejepa",
      options: { lambda: 0.01, headLayers: 3, headHidden: 2048, headOutput: 128 },
    },
  },
];

/** The preset of this name. @throws ConfigError where there is none. */
export function presetNamed(name: string): Preset {
  const preset = PRESETS.find((known) => known.name === name);
  if (!preset)
    throw new ConfigError(`there is no preset "${name}": choose ${PRESETS.map((known) => known.name).join(", ")}`);
  return preset;
}
