/** Self-supervised learning on images on WebGPU: everything of the engine, and the learning on top of it. */
export {
  augment,
  blurWindow,
  drawViews,
  type ImageBatch,
  renderViews,
  toFloatImages,
  VIEW_FIELDS,
} from "./augment/augment.js";
export { parsePolicies } from "./augment/parse-policy.js";
export {
  AUGMENTATION_PART_NAMES,
  type AugmentationPartName,
  ablationPolicies,
  augmentationParts,
  composePolicy,
} from "./augment/parts.js";
export {
  AUGMENTATION_POLICY_NAMES,
  type AugmentationPolicies,
  type AugmentationPolicy,
  type AugmentationPolicyName,
  augmentationPolicies,
  noAugmentation,
} from "./augment/policy.js";
export type { Dataset, ImageSet, SkippedImage } from "./data/dataset.js";
export { type OpenImagesOptions, openImages } from "./data/open-images.js";
export { datasetFromPixels, type PixelsInput } from "./data/pixels.js";
export { sampleOrder } from "./data/sample-order.js";
export {
  balancedSubset,
  type ImageSubset,
  namedSubset,
  type SubsetSize,
  splitHoldOut,
  subset,
} from "./data/views.js";
export * from "./engine.js";
export { clearChoices, type LoadedChoices, loadChoices, saveChoices } from "./io/choice-store.js";
export { decodeImageList, encodeImageList, readImageList, writeImageList } from "./io/image-list.js";
export { encodeNpy } from "./io/npy.js";
export { decodeSafetensors, encodeSafetensors, type TensorData } from "./io/safetensors.js";
export { classifier } from "./nn/classifier.js";
export { convnet } from "./nn/convnet.js";
export {
  BatchNorm,
  type BatchNormLayerOptions,
  Convolution,
  type ConvolutionLayerOptions,
  GroupNorm,
  Linear,
  type NormOptions,
} from "./nn/layers.js";
export { ModelTensors, type Parameter, type ParameterSlab } from "./nn/model-tensors.js";
export type { Encoder, ForwardPass, Head, Initial, Module, TensorSpec } from "./nn/module.js";
export { NORMS, type Norm } from "./nn/normalized-convolution.js";
export { type HeadOptions, projectionHead } from "./nn/projection-head.js";
export { type ResNetDepth, type ResNetOptions, resnet } from "./nn/resnet.js";
export { fromTorch, torchShape, toTorch } from "./nn/torch-layout.js";
export { type AdamWOptions, adamW } from "./optim/adamw.js";
export { type LbfgsOptions, type Minimum, minimize, type ValueAndGradient } from "./optim/l-bfgs.js";
export { type LarsOptions, lars } from "./optim/lars.js";
export { type LossScaleOptions, withLossScale } from "./optim/loss-scale.js";
export type { Optimizer } from "./optim/optimizer.js";
export { type LearningRateScaling, scaledLearningRate, warmupCosine } from "./optim/schedule.js";
export { type SgdOptions, sgd } from "./optim/sgd.js";
export { type Checkpoint, decodeCheckpoint } from "./simclr/checkpoint.js";
export { type Classification, classify, classifyFeatures } from "./simclr/classify.js";
export {
  DEFAULT_CONFIG,
  ENCODERS,
  OBJECTIVES,
  OPTIMIZERS,
  PRECISIONS,
  SCALINGS,
  type TrainingConfig,
} from "./simclr/config.js";
export { Embedder, type Features } from "./simclr/embed.js";
export { decodeEncoder, encodeEncoder, loadEncoder, readEncoder, type StoredEncoder } from "./simclr/encoder-file.js";
export { type Accuracies, type Evaluation, Evaluator, labelled, withTestSet } from "./simclr/evaluation.js";
export { type FineTuningConfig, fineTuningConfig } from "./simclr/fine-tuning.js";
export {
  alignment,
  type Embeddings,
  effectiveRank,
  type QualityIndicators,
  qualityIndicators,
  standardDeviation,
  uniformity,
} from "./simclr/indicators.js";
export { accuracy, type KnnOptions, type KnnResult, knn } from "./simclr/knn.js";
export {
  type LabelledFeatures,
  type LinearProbeOptions,
  type LinearProbeResult,
  linearProbe,
} from "./simclr/linear-probe.js";
export {
  L2_GRID,
  type LogisticOptimization,
  type LogisticRegressionOptions,
  type LogisticRegressionResult,
  type LogisticSearchOptions,
  type LogisticSearchResult,
  logisticRegression,
  searchLogisticRegression,
} from "./simclr/logistic-regression.js";
export { createModel, createOptimizer, type SimclrModel } from "./simclr/model.js";
export { type PlannedLayer, planTraining, type TrainingPlan } from "./simclr/plan.js";
export { type RunHooks, type RunOptions, type RunSummary, resumeRun, startRun } from "./simclr/run.js";
export type { TrainingPart } from "./simclr/run-images.js";
export { type StepEvent, Trainer, type TrainerOptions, type TrainingHooks } from "./simclr/trainer.js";
export type { ContrastiveMetrics, StepMetrics, SupervisedMetrics } from "./simclr/training-step.js";
export { tuneFor } from "./simclr/tune.js";
export { VERSION } from "./version.js";
